"""Tracing beside threads, forks, profilers, other tools, later transformers and its own faults."""

from __future__ import annotations

import ast
import asyncio
import builtins
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import warnings
from typing import Any

import pytest

from provenance_kernel.recorder.tracers import choose
from provenance_kernel.settings import Settings
from support.tracing import Listener, compiled, rows, trace_with


@pytest.fixture
def tracer():
    tracer = choose(Settings())
    yield tracer
    tracer.close()


def begin(tracer, sink=None, names=None, run="run"):
    return tracer.begin(
        cell_run_id=run,
        trial_id="trial",
        root_id="root",
        sink=sink or Listener(),
        namespace={} if names is None else names,
    )


def execute(trace, source, names):
    for code in compiled(trace, source):
        exec(code, names)


def test_only_the_first_tree_is_rewritten(tracer):
    run = begin(tracer)
    assert run.prepare(ast.parse("abs(1)"))
    assert not run.prepare(ast.parse("abs(1)"))
    run.finish()


def test_cell_without_calls_is_left_alone(tracer):
    run = begin(tracer)
    source = "x = 1\nimport os\ny: int = 3\ndel y\ndef f(): return len(x)\nz = lambda: f()"
    assert not run.prepare(ast.parse(source))
    run.finish()


def test_nodes_of_another_transformer_may_leave_out_what_may_be_left_out(tracer):
    source = "x = abs(-1)\nfor i in range(3): x += abs(i)"
    tree = ast.parse(source)
    declared = ast.AnnAssign(ast.Name("q", ast.Store()), ast.Name("int", ast.Load()), simple=1)
    for body in (tree.body, tree.body[1].body):
        body.insert(0, declared)
    ast.fix_missing_locations(tree)
    run = begin(tracer)
    assert run.prepare(tree)
    names: dict[str, object] = {}
    exec(run.code(tree, lambda made: compile(made, "<cell>", "exec")), names)
    assert names["x"] == 4
    assert [each.name for each in run.finish().activations].count("builtins.abs") == 4


def test_function_bodies_are_untouched(tracer):
    source = "@staticmethod\ndef f(a=abs(1)):\n  for i in range(9): abs(i)\nclass C:\n  x = abs(2)"
    run = begin(tracer)
    names: dict[str, object] = {}
    execute(run, source, names)
    run.finish()
    plain: dict[str, object] = {}
    exec(compile(source, "<cell>", "exec"), plain)
    assert names["f"].__func__.__code__ == plain["f"].__func__.__code__
    assert not any("provenance" in n for n in names["f"].__func__.__code__.co_names)


def test_no_name_is_bound(tracer):
    before = set(vars(builtins))
    names: dict[str, object] = {"seen": []}
    run = begin(tracer, names=names)
    source = "for i in range(3):\n  for j in [abs(i)]:\n    seen += [*map(abs, (j,)), *dir()]"
    execute(run, source, names)
    assert len(run.finish().activations) > 3
    assert set(names["seen"]) == {0, 1, 2, "__builtins__", "i", "j", "seen"}
    assert set(vars(builtins)) == before


def test_faults_of_the_sink_stay_out_of_the_cell(tracer):
    class Broken(Listener):
        def describe(self, value, /):
            raise RuntimeError("describe")

    sink, names = Broken(), {"__name__": "__main__"}
    run = begin(tracer, sink, names)
    execute(run, "def f(x): return x\nr = [f(i) + abs(i) for i in range(9)]", names)
    run.finish()
    assert names["r"] == [0, 2, 4, 6, 8, 10, 12, 14, 16]
    assert {str(e) for e in sink.faults} == {"describe"}


def test_tree_too_deep_to_rewrite_runs_as_it_is(tracer):
    sink, names = Listener(), {"__name__": "__main__"}
    run = begin(tracer, sink, names)
    execute(run, "x = " + " + ".join(["abs(1)"] * 800), names)
    trace = run.finish()
    assert names["x"] == 800
    assert trace.reasons == {"nesting"}
    assert trace.executed is None
    assert not sink.faults


def test_two_runs_at_once(tracer):
    barrier = threading.Barrier(2)
    found = {}

    def work(name):
        names = {"__name__": "__main__", "wait": barrier.wait, "name": name}
        run = begin(tracer, names=names, run=name)
        execute(run, "def f(x): return len(x)\nfor i in range(9): wait(); f(name * i)", names)
        found[name] = run.finish()

    threads = [threading.Thread(target=work, args=(n,)) for n in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, trace in found.items():
        calls = [a for a in trace.activations if a.name == "__main__.f" and a.parent_id == "root"]
        assert [a.arguments["x"] for a in calls] == [repr(name * i) for i in range(5)]
        assert sum(a.calls for a in calls) == 9
        assert {a.cell_run_id for a in trace.activations} == {name}


def test_interleaved_tasks(tracer):
    async def cell(name):
        names = {"__name__": "__main__", "asyncio": asyncio, "name": name}
        run = begin(tracer, names=names, run=name)
        source = "async def f(x):\n  await asyncio.sleep(0)\n  return abs(x)\n"
        source += "for i in range(3): await f(i)\nlen(name)"
        for code in compiled(run, source, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT):
            done = eval(code, names)
            if done is not None:
                await done
        return run.finish()

    async def both():
        return await asyncio.gather(cell("one"), cell("three"))

    one, three = asyncio.run(both())
    for trace, name in ((one, "one"), (three, "three")):
        found = rows(trace, "name", "parent", "result")
        assert found[1:] == [
            ("__main__.f", "-", "0"),
            ("__main__.f", "-", "1"),
            ("__main__.f", "-", "2"),
            ("builtins.len", "-", str(len(name))),
        ]


def test_threads_of_a_cell_belong_to_none(tracer):
    cell = "import threading\ndef f(): pass\nt = threading.Thread(target=f); t.start(); t.join()"
    names = rows(trace_with(tracer, cell), "name")
    assert "__main__.f" not in names
    assert "threading.Thread.join" in names


@pytest.fixture
def interruptible():
    """Python's own answer to an interrupt; shells start what runs in the background without it."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.usefixtures("interruptible")
def test_interrupt_leaves_the_cell_and_a_usable_tracer(tracer):
    def interrupt():
        signal.raise_signal(signal.SIGINT)

    names = {"__name__": "__main__", "interrupt": interrupt}
    with pytest.raises(KeyboardInterrupt):
        trace_with(tracer, "for i in range(9): interrupt()", names)
    assert rows(trace_with(tracer, "abs(1)", names), "name", "parent") == [("builtins.abs", "-")]


def test_interrupt_in_a_hook(tracer):
    class Interrupted(Listener):
        def describe(self, value, /):
            raise KeyboardInterrupt

    run = begin(tracer, Interrupted())
    with pytest.raises(KeyboardInterrupt):
        execute(run, "abs(1)", {})
    run.finish()
    assert rows(trace_with(tracer, "abs(1)"), "name", "parent") == [("builtins.abs", "-")]


def test_profiler_is_not_displaced(tracer):
    seen = []
    names = {"profiler": lambda frame, event, arg: seen.append(event), "__name__": "__main__"}
    cell = (
        "import sys\ndef g(): pass\ndef f(): g()\nsys.setprofile(profiler)\nf()\n"
        "kept = sys.getprofile() is profiler\nsys.setprofile(None)\nleft = sys.getprofile()"
    )
    trace_with(tracer, cell, names)
    assert names["kept"]
    assert names["left"] is None
    assert "call" in seen


def test_cprofile_in_a_cell(tracer):
    cell = (
        "import cProfile, pstats, io\ndef f(): return 1\np = cProfile.Profile()\n"
        "p.runcall(f)\nn = [k[2] for k in pstats.Stats(p, stream=io.StringIO()).stats]"
    )
    names: dict[str, object] = {}
    trace_with(tracer, cell, names)
    assert "f" in names["n"]


WATCHING = {
    "settrace": "sys.settrace(seen)",
    "setprofile": "sys.setprofile(seen)",
    "from a function": "start()",
    "through C": "list(map(sys.setprofile, [seen]))",
    "in a generator": "list(start() if i == 2 else f(i) for i in range(4))",
    "in a loop": "for i in range(4):\n  if i == 2: start()\n  f(i)",
    "before an inner loop": (
        "for i in range(4):\n  if i == 1: start()\n  for j in range(2):\n"
        "    if j:\n      x = j\n    else:\n      x = 1"
    ),
    "as an argument": "f(start())",
}


@pytest.mark.parametrize("watch", [pytest.param(c, id=n) for n, c in WATCHING.items()])
def test_who_watches_sees_what_there_is_without_us(watch):
    setup = (
        "import sys\nevents = []\n"
        "def seen(frame, event, arg):\n"
        "  events.append((event, frame.f_code.co_name, getattr(arg, '__name__', None)))\n"
        "  return seen\n"
        "def start(): sys.settrace(seen); sys.setprofile(seen)\n"
        "def f(x=0): return len([x])\n"
    )
    end = "\nf(f(1)), [f(i) for i in range(3)]\nsys.settrace(None); sys.setprofile(None)\nabs(1)"
    events = []
    for tracer in (choose(Settings(tracer="none")), choose(Settings())):
        names: dict[str, object] = {"__name__": "__main__"}
        run = begin(tracer, names=names)
        execute(run, setup, names)
        run.finish()
        run = begin(tracer, names=names)
        # What the shell compiles while somebody watches is as it was; so is the end here.
        rest = compile(end, "<cell>", "exec")
        for code in [*compiled(run, watch), rest]:
            exec(code, names)
        trace = run.finish()
        events.append(names["events"])
        tracer.close()
    assert events[0]
    assert events[1] == events[0]
    assert "profiler" in trace.reasons
    assert trace.executed is None


def test_observes_again_when_nobody_watches(tracer):
    trace_with(tracer, "import sys\nsys.settrace(None)")
    trace = trace_with(tracer, "abs(1)")
    assert rows(trace, "name") == ["builtins.abs"]
    assert not trace.truncated


def test_observes_nothing_while_somebody_watches(tracer):
    seen = []
    sys.setprofile(lambda frame, event, arg: seen.append(arg))
    try:
        trace = trace_with(tracer, "abs(1)")
    finally:
        sys.setprofile(None)
    assert abs in seen
    assert trace.activations == ()
    assert trace.reasons == {"profiler"}


@pytest.mark.parametrize(
    "source",
    [
        "for i in range(2):\n  abs(i is 5)",
        "for i in range(2):\n  if i == 9: None(abs(i))",
        "for i in range(2):\n  assert (i, abs(i))",
        "[abs(i is 5) for i in range(2)]",
        "while not (abs(1) is 1): pass",
        "'a' 'b'(1) if abs(0) else 2",
        "x = (1, 2)['a'] if abs(0) else abs(1)",
        "for i in range(2):\n  abs(i is not -3)",
        "for i in range(2):\n  abs(i is (1 + 2))",
        "for i in range(2):\n  abs((-1)(2) if i == 9 else i)",
    ],
)
def test_the_compiler_warns_once(tracer, source):
    counts = []
    for run in (begin(choose(Settings(tracer="none"))), begin(tracer)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            execute(run, source, {})
        run.finish()
        counts.append([(str(w.message), w.lineno) for w in caught])
    assert counts[0]
    assert counts[1] == counts[0]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with 3.12")
def test_other_tools_keep_their_ids():
    monitoring = sys.monitoring
    monitoring.use_tool_id(4, "theirs")
    try:
        tracer = choose(Settings())
        assert monitoring.get_tool(4) == "theirs"
        assert monitoring.get_tool(3) == "provenance"
        monitoring.use_tool_id(5, "others")
        second = choose(Settings())
        assert "no sys.monitoring tool id is free" in second.reason
        assert rows(trace_with(second, "abs(1)"), "name") == ["builtins.abs"]
        second.close()
        tracer.close()
        assert monitoring.get_tool(3) is None
    finally:
        monitoring.free_tool_id(4)
        monitoring.free_tool_id(5)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with 3.12")
def test_disabled_events_of_other_tools_stay_disabled(tracer):
    monitoring = sys.monitoring
    seen = []

    def started(code, offset):
        seen.append(code.co_name)
        return monitoring.DISABLE

    names: dict[str, object] = {}
    monitoring.use_tool_id(monitoring.PROFILER_ID, "theirs")
    try:
        monitoring.register_callback(monitoring.PROFILER_ID, monitoring.events.PY_START, started)
        monitoring.set_events(monitoring.PROFILER_ID, monitoring.events.PY_START)
        trace_with(tracer, "def f(n): return n and f(n - 1)\nf(900)", names)
        for _ in range(3):
            trace_with(tracer, "f(3)", names)
    finally:
        monitoring.set_events(monitoring.PROFILER_ID, 0)
        monitoring.free_tool_id(monitoring.PROFILER_ID)
    assert seen.count("f") == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform does not fork")
def test_forked_child_is_quiet(tracer):
    names: dict[str, object] = {"os": os, "__name__": "__main__"}
    cell = (
        "def f(x): return abs(x)\nr, w = os.pipe()\nfor i in range(9):\n  f(i)\n  if i == 3:\n"
        "    pid = os.fork()\n    child = pid == 0\n  if i == 8 and child:\n"
        "    os.write(w, b'done'); os._exit(0)\ngot = os.read(r, 9)\n"
        "status = os.waitpid(pid, 0)[1]; os.close(r); os.close(w)"
    )
    trace = trace_with(tracer, cell, names)
    assert (names["got"], names["status"]) == (b"done", 0)
    assert sum(a.calls for a in trace.activations if a.name == "__main__.f") == 9


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform does not fork")
def test_forked_child_compiles_what_is_left_of_the_cell(tracer):
    names: dict[str, Any] = {"os": os, "done": 0}
    run = begin(tracer, names=names)
    faults = None
    try:
        execute(run, "pid = os.fork()\nfor i in range(9):\n  if i: done += abs(1)", names)
        faults = [*run.finish().reasons]
    finally:
        if names.get("pid") == 0:
            os._exit(0 if (faults, names["done"]) == ([], 8) else 1)
    assert os.waitpid(names["pid"], 0)[1] == 0


def test_the_end_of_the_process_is_quiet():
    # What IPython keeps until then has the names of our modules taken away before the last event.
    code = "import IPython.core.interactiveshell\nfrom provenance_kernel.settings import Settings\n"
    code += "from provenance_kernel.recorder.tracers import choose\ntracer = choose(Settings())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_spawned_process_runs_a_module_function(tracer, monkeypatch):
    # A shell of another test may have left its own main module behind.
    monkeypatch.setitem(sys.modules, "__main__", pytest)
    names: dict[str, object] = {"mp": multiprocessing, "__name__": "__main__"}
    trace_with(tracer, "with mp.get_context('spawn').Pool(1) as p: r = p.map(abs, [-1])", names)
    assert names["r"] == [1]


def test_functions_pickle_into_a_process_without_us(tracer, tmp_path):
    cloudpickle = pytest.importorskip("cloudpickle")
    names: dict[str, object] = {"__name__": "__main__"}
    cell = "def f(x, k=abs(-2)): return [abs(i) * k for i in range(x)]\ng = lambda: f(3)\ng()"
    trace_with(tracer, cell, names)
    (tmp_path / "f.pickle").write_bytes(cloudpickle.dumps(names["g"]))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb'))(), "
    code += "[m for m in sys.modules if 'provenance' in m])"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(tmp_path / "f.pickle")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[0, 2, 4] []"
    assert pickle.dumps(names["f"].__defaults__)


def test_naming_runs_no_code_of_the_users(tracer):
    cell = """
class Meta(type):
    def __getattribute__(cls, name):
        seen.append(name); return super().__getattribute__(name)
class Strange(metaclass=Meta):
    def __getattribute__(self, name):
        seen.append(name); return super().__getattribute__(name)
    def __eq__(self, other): seen.append("eq"); return True
    def __hash__(self): seen.append("hash"); return 1
    def __call__(self, a): return a
strange = Strange()
seen.clear()
strange(1)
"""
    names: dict[str, object] = {"__name__": "__main__", "seen": []}
    trace = trace_with(tracer, cell, names)
    assert names["seen"] == []
    assert rows(trace, "name", "arguments")[-1] == ("__main__.Strange.__call__", {"a": "1"})


def test_code_that_outlives_its_run(tracer):
    names: dict[str, object] = {"__name__": "__main__"}
    trace_with(tracer, "g = (abs(i) for i in range(30))\nnext(g)", names)
    trace = trace_with(tracer, "s = sum(g)", names)
    assert names["s"] == sum(range(1, 30))
    assert rows(trace, "name") == ["builtins.sum"]


def test_same_generator_expression_twice_at_once(tracer):
    cell = "gs = [(abs(i) for i in range(9)) for _ in range(2)]\nz = list(zip(*gs))"
    names: dict[str, object] = {}
    trace_with(tracer, cell, names)
    assert names["z"] == [(i, i) for i in range(9)]
