"""noWorkflow's rewriting and collector: a cell does what it did, whatever fails in noWorkflow."""

from __future__ import annotations

import ast
import builtins
import itertools
from collections.abc import Iterator

import pytest

from provenance_kernel.noworkflow.tracer import NoworkflowTracer
from provenance_kernel.recorder.tracers import choose
from provenance_kernel.settings import Settings
from provenance_kernel.trace import Trace
from provenance_kernel.trace.tracer import Place
from support.tracing import Listener

# noWorkflow's own, and those of what it imports.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# Each writes down in `log` what may happen once only.
CELLS = {
    "containers": (
        "a = [1, 2]\nb = {'k': a, 3: (4,)}\nb['j'] = sum(a)\nb['j'] += 1\nc = {*a}, a[0:1]"
    ),
    "attributes": (
        "class O:\n"
        "    def __setattr__(self, name, value):\n"
        "        log.append(name)\n"
        "        object.__setattr__(self, name, value)\n"
        "    @property\n"
        "    def p(self):\n"
        "        log.append('p')\n"
        "        return [7]\n"
        "o = O()\no.x = [3]\no.x[0] = 4\no.x += o.p\na = o.p[-1]"
    ),
    "items": (
        "class D(dict):\n"
        "    def __getitem__(self, key):\n"
        "        log.append(key)\n"
        "        return dict.__getitem__(self, key)\n"
        "    def __setitem__(self, key, value):\n"
        "        log.append((key, value))\n"
        "        dict.__setitem__(self, key, value)\n"
        "d = D()\nd['a'] = 1\nd['a'] += d['a']\nx = d['a']\n"
        "class L(list):\n"
        "    def __getitem__(self, key):\n"
        "        log.append(key)\n"
        "        return list.__getitem__(self, key)\n"
        "l = L([1, 2])\ny = l[-1], l[0:1]"
    ),
    "missing": (
        "try: {}['k']\nexcept KeyError as e: log.append(repr(e))\n"
        "try: [].k\nexcept AttributeError as e: log.append(str(e))\n"
        "class S: __slots__ = ()\n"
        "try: S().k = 1\nexcept AttributeError: log.append('slots')\n"
        "try: (1,)[0] = 2\nexcept TypeError: log.append('tuple')\n"
        "try: 1 if len(5) else 2\nexcept TypeError: log.append('len')\n"
        "try: 1 if [1] else {}['k']\nexcept KeyError: log.append('not reached')"
    ),
    "calls": (
        "def f(x, *y, k=1):\n    log.append(x)\n    return x\n"
        "a = f(1, *[2], k=f(3))\nb = max(1, f(2)) > 0 and f(5)\nf(f(6)) if a else f(7)\n"
        "try: f()\nexcept TypeError: log.append('none')"
    ),
    "loops": (
        "def items():\n    log.append('begun')\n    yield from (1, 2)\n"
        "for i in [1, 2, 3]:\n    if i == 2: continue\n    log.append(i)\n"
        "for i in items():\n    log.append(i)\n    break\n"
        "for i, j in {1: 2}.items():\n    pass\n"
        "while i:\n    i -= 1\n"
        "for i in range(9): log.append(abs(i))"
    ),
    "failing loop": (
        "class Items:\n"
        "    def __iter__(self): return self\n"
        "    def __next__(self):\n"
        "        log.append('next')\n"
        "        if len(log) > 2: raise LookupError\n"
        "        return len(log)\n"
        "try:\n    for i in Items(): log.append(i)\nexcept LookupError: log.append('end')"
    ),
    "comprehensions": (
        "a = [i * 2 for i in (1, 2) if i > 1]\nb = {i: str(i) for i in a}\n"
        "c = {j for i in [a, [5]] for j in i}\nd = f'{a!r:>9}{c}'"
    ),
    "assignments": (
        "a = b = [1]\na += [2]\nc, (d, *e) = 1, (2, 3, 4)\nf: int = -a[0]\n"
        "g = 1 if c else 2\nh = not g or a[::-1]\ndel a[0]\nassert c, 'no'"
    ),
    "with": "import io\nwith io.StringIO() as file:\n    log.append(file.write('a'))",
    "bare": "try: raise SystemExit\nexcept: log.append('caught')",
    "nested": (
        "try:\n    try: len(5)\n    finally: log.append('finally')\n"
        "except TypeError:\n"
        "    try: raise\n    except Exception as error: log.append(type(error).__name__)"
    ),
}


@pytest.fixture(scope="module")
def tracer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NoworkflowTracer]:
    settings = Settings(tracer="noworkflow", noworkflow_collection="fine")
    place = Place(tmp_path_factory.mktemp("work"), "notebook.ipynb", "trial")
    tracer = choose(settings, place=place)
    assert isinstance(tracer, NoworkflowTracer), tracer.problem
    yield tracer
    tracer.close()
    tracer._store.now.relational.engine.dispose()
    del builtins.__noworkflow__  # type: ignore[attr-defined]


def shown(names: dict[str, object]) -> dict[str, str]:
    """Return what a cell bound to names of its own, as text where that is the same each time."""
    return {
        name: repr(value).partition(" at 0x")[0]
        for name, value in names.items()
        if name != "__builtins__"
    }


def run_plain(source: str) -> dict[str, str]:
    names: dict[str, object] = {"__name__": "__main__", "log": []}
    exec(compile(source, "<cell>", "exec"), names)
    return shown(names)


def run(tracer: NoworkflowTracer, source: str) -> tuple[dict[str, str], Listener, Trace]:
    """Run a cell as noWorkflow rewrites it."""
    sink = Listener()
    names: dict[str, object] = {"__name__": "__main__", "log": [], **tracer.names}
    trace = tracer.begin(
        cell_run_id="run",
        trial_id="trial",
        root_id="root",
        sink=sink,
        namespace=names,
        position=1,
        source=lambda: source,
    )
    trace.prepare(ast.parse(source))
    assert trace.tree is not None
    try:
        exec(compile(trace.tree, "<cell>", "exec"), names)
    finally:
        found = trace.finish()
    for name in tracer.names:
        del names[name]
    return shown(names), sink, found


@pytest.mark.parametrize("cell", CELLS)
def test_a_rewritten_cell_does_what_it_did(tracer: NoworkflowTracer, cell: str) -> None:
    names, sink, _ = run(tracer, CELLS[cell])
    assert names == run_plain(CELLS[cell])
    assert sink.faults == []


# What of noWorkflow's own all that it collects comes through.
STEPS = (
    "_assign_value",
    "_condition",
    "close_activation",
    "evaluate",
    "evaluate_type",
    "find_reference_dependency",
    "lookup",
    "make_dependencies",
    "start_activation",
    "sub_dependency",
)


@pytest.mark.parametrize("every", [1, 3], ids=["always", "at times"])
@pytest.mark.parametrize("step", STEPS)
def test_what_fails_in_noworkflow_costs_a_cell_nothing(
    tracer: NoworkflowTracer, step: str, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = type(tracer._store.collector).__base__
    whole = getattr(collector, step)
    calls = itertools.count(1)

    def failing(*args: object, **more: object) -> object:
        if next(calls) % every == 0:
            raise LookupError("noWorkflow's")
        return whole(*args, **more)

    monkeypatch.setattr(collector, step, failing)
    found = {cell: run(tracer, source) for cell, source in CELLS.items()}
    for cell, (names, _, _) in found.items():
        assert names == run_plain(CELLS[cell]), cell
    assert any(sink.faults for _, sink, _ in found.values())
