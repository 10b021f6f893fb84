"""The activations of a cell: names, lines, arguments, results, parents, counts, statuses."""

from __future__ import annotations

import sys

import pytest

from provenance_kernel.recorder.tracers import choose
from provenance_kernel.records import utc_now
from provenance_kernel.settings import Settings
from provenance_kernel.trace.log import Log, Open
from support.tracing import Listener, rows, trace_with, traced

DEFS = """
import functools, math, asyncio
def leaf(x): return x + 1
def f(a, *r, k=2, **o): return leaf(a) + k
def fail(x): raise ValueError(x)
class C:
    def __init__(self, a): self.a = a
    def m(self, b=1): return leaf(b)
    @classmethod
    def c(cls, v): return cls(v)
    @staticmethod
    def s(v): return v
    def __call__(self, z): return z
    def __getattr__(self, name): raise AttributeError(name)
class D(C): pass
def gen(n):
    for i in range(n): yield leaf(i)
def deco(g):
    @functools.wraps(g)
    def inner(*a, **k): return g(*a, **k)
    return inner
@deco
def wrapped(p, q): return p
async def co(x): return leaf(x)
d = D(0)
"""

# Cell → (name, arguments, result, status, calls, parent's name) of each activation.
ARGUMENTS = [
    ("len([1])", "builtins.len", {"obj": "[1]"}),
    ("print('a', end='')", "builtins.print", {"*args": "('a',)", "end": "''"}),
    ("[].append(3)", "builtins.list.append", {"object": "3"}),
    ("'a'.join(['b'])", "builtins.str.join", {"iterable": "['b']"}),
    ("{}.update(a=1)", "builtins.dict.update", {"a": "1"}),
    ("dict.fromkeys('a')", "builtins.dict.fromkeys", {"iterable": "'a'"}),
    ("math.floor(1.5)", "math.floor", {"x": "1.5"}),
    ("int('3')", "builtins.int", {"0": "'3'"}),
    ("str.upper('a')", "builtins.str.upper", {"self": "'a'"}),
    ("f(1)", "__main__.f", {"a": "1"}),
    ("f(1, 2, 3, k=4, z=5)", "__main__.f", {"a": "1", "*r": "(2, 3)", "k": "4", "z": "5"}),
    ("f(*[1, 2])", "__main__.f", {"a": "1", "*r": "(2,)"}),
    ("f(**{'a': 1, 'k': 2})", "__main__.f", {"a": "1", "k": "2"}),
    ("wrapped(1, q=2)", "__main__.wrapped", {"p": "1", "q": "2"}),
    ("d.m(7)", "__main__.C.m", {"b": "7"}),
    ("C.m(d, 7)", "__main__.C.m", {"self": "D", "b": "7"}),
    ("D(7)", "__main__.D", {"a": "7"}),
    ("D.c(7)", "__main__.C.c", {"v": "7"}),
    ("d.s(7)", "__main__.C.s", {"v": "7"}),
    ("d(7)", "__main__.C.__call__", {"z": "7"}),
    ("functools.partial(leaf, 1)()", "__main__.leaf", {}),
    ("(lambda u: u)(3)", "__main__.<lambda>", {"u": "3"}),
    ("(1).__add__(2)", "builtins.int.__add__", {"value": "2"}),
    ("type('T', (), {})", "builtins.type", {"0": "'T'", "1": "()", "2": "{}"}),
]


@pytest.fixture(scope="module")
def tracer():
    tracer = choose(Settings())
    yield tracer
    tracer.close()


@pytest.fixture(scope="module")
def names(tracer):
    names: dict[str, object] = {}
    trace_with(tracer, DEFS, names)
    return names


@pytest.mark.parametrize(("cell", "name", "arguments"), ARGUMENTS)
def test_name_and_arguments(tracer, names, cell, name, arguments):
    found = [a for a in trace_with(tracer, cell, names).activations if a.parent_id == "root"][-1]
    assert found.name.replace("__main__.D.__call__", "__main__.C.__call__") == name
    shown = {k: "D" if ".D object" in v else v for k, v in (found.arguments or {}).items()}
    assert shown == arguments
    assert (found.line, found.status, found.calls) == (1, "ok", 1)
    assert found.duration is not None
    assert found.duration >= 0


def test_numpy_and_pandas_names(tracer, names):
    np = pytest.importorskip("numpy")
    pd = pytest.importorskip("pandas")
    names |= {"np": np, "pd": pd, "frame": pd.DataFrame({"x": [1, 2]})}
    cell = "np.add(1, 2); np.zeros(3); np.concatenate([[1]]); pd.DataFrame({}); frame.head(1)"
    found = rows(trace_with(tracer, cell, names), "name")
    assert found == [
        "numpy.add",
        "numpy.zeros",
        "numpy.concatenate",
        "pandas.core.frame.DataFrame" if pd.__version__ < "3" else "pandas.DataFrame",
        "pandas.core.generic.NDFrame.head",
    ]


def test_scikit_learn_arguments(tracer, names):
    selection = pytest.importorskip("sklearn.model_selection")
    names |= {"train_test_split": selection.train_test_split}
    trace = trace_with(tracer, "a, b = train_test_split([1, 2, 3, 4], test_size=0.25)", names)
    assert rows(trace, "name", "arguments") == [
        (
            "sklearn.model_selection._split.train_test_split",
            {"*arrays": "([1, 2, 3, 4],)", "test_size": "0.25"},
        )
    ]


TREES = {
    "nested": ("f(1)", [("__main__.f", "-", 1, "3 + 1"), ("__main__.leaf", "__main__.f", 1, "2")]),
    "inner calls": (
        "leaf(leaf(1))",
        [("__main__.leaf", "-", 1, "2"), ("__main__.leaf", "-", 1, "3")],
    ),
    "class": (
        "C(3).m()",
        [
            ("__main__.C", "-", 1, None),
            ("__main__.C.__init__", "__main__.C", 1, "None"),
            ("__main__.C.m", "-", 1, "2"),
            ("__main__.leaf", "__main__.C.m", 1, "2"),
        ],
    ),
    "decorated": (
        "wrapped(1, 2)",
        [("__main__.wrapped", "-", 1, "1"), ("__main__.wrapped", "__main__.wrapped", 1, "1")],
    ),
    "through C": (
        "list(map(leaf, [1, 2]))",
        [
            ("builtins.map", "-", 1, None),
            ("builtins.list", "-", 1, "[2, 3]"),
            ("__main__.leaf", "builtins.list", 1, "2"),
            ("__main__.leaf", "builtins.list", 1, "3"),
        ],
    ),
    "generator": (
        "list(gen(2))",
        [
            ("__main__.gen", "-", 1, None),
            ("builtins.list", "-", 1, "[1, 2]"),
            ("__main__.gen", "builtins.list", 1, "None"),
            ("__main__.leaf", "__main__.gen", 1, "1"),
            ("__main__.leaf", "__main__.gen", 1, "2"),
        ],
    ),
    # On 3.11 functions that a library calls are not seen.
    "coroutine": (
        "asyncio.run(co(1))",
        [
            ("__main__.co", "-", 1, None),
            ("asyncio.runners.run", "-", 1, "2"),
            ("__main__.co", "asyncio.runners.run", 1, "2"),
            ("__main__.leaf", "__main__.co", 1, "2"),
        ][: 4 if sys.version_info >= (3, 12) else 2],
    ),
}


@pytest.mark.parametrize(("cell", "tree"), TREES.values(), ids=TREES)
def test_tree(tracer, names, cell, tree):
    found = rows(trace_with(tracer, cell, names), "name", "parent", "result")
    expected = [(n, p, r) for n, p, _, r in tree]
    assert [(n, p) for n, p, _ in found] == [(n, p) for n, p, _ in expected]
    for (_, _, result), (_, _, wanted) in zip(found, expected, strict=True):
        if wanted is not None and "+" not in wanted:
            assert result == wanted


@pytest.mark.skipif(sys.version_info < (3, 12), reason="seen on 3.11 only below recorded calls")
def test_decorator_without_call_expression(tracer, names):
    found = rows(trace_with(tracer, "@deco\ndef h(a=leaf(1)): pass", names), "name", "parent")
    assert found == [("__main__.leaf", "-"), ("__main__.deco", "-")]


def test_error_passes_through(tracer, names):
    cell = "def a(x): return fail(x)\ntry: leaf(a(1))\nexcept ValueError: leaf(2)"
    assert rows(trace_with(tracer, cell, names), "name", "status", "result", "parent") == [
        ("__main__.a", "error", None, "-"),
        ("__main__.fail", "error", None, "__main__.a"),
        ("__main__.leaf", "ok", "3", "-"),
    ]


def test_error_ends_cell(tracer, names):
    trace = trace_with(tracer, "leaf(1)\nmath.sqrt(-1)\nleaf(2)", names, fails=True)
    assert rows(trace, "name", "line", "status") == [
        ("__main__.leaf", 1, "ok"),
        ("math.sqrt", 2, "error"),
    ]
    assert trace.activations[1].duration is not None


def test_error_in_an_argument_is_no_call(tracer, names):
    trace = trace_with(tracer, "len(math.sqrt(-1))", names, fails=True)
    assert rows(trace, "name") == ["math.sqrt"]


# None where nothing tells how often.
COUNTS = {
    "range": ("for i in range(100): abs(i)", 100),
    "list": ("for i in list(range(100)): abs(i)", 100),
    "dict": ("for i in {k: 0 for k in range(30)}: abs(i)", 30),
    "generator": ("for i in (k for k in range(40)): abs(i)", None),
    "break": ("for i in range(100):\n  abs(i)\n  if i == 49: break", 50),
    "after continue": ("for i in range(100):\n  if i % 2: continue\n  abs(i)", None),
    "conditional": ("for i in range(100):\n  if i % 4 == 0: abs(i)", None),
    "late": ("for i in range(100):\n  if i == 90: abs(i)", 1),
    "header": ("for i in range(100):\n  if abs(i) > 200: pass", 100),
    "nested": ("for i in range(10):\n  for j in range(i): abs(j)", None),
    "short circuit": ("for i in range(100): i % 2 and abs(i)", None),
    "ternary": ("for i in range(100): x = abs(i) if i > 19 else 0", None),
    "while": ("n = 0\nwhile n < 60:\n  n += abs(1)", None),
    "caught in a block": (
        "for i in range(9):\n  try:\n    if i >= 0:\n      1 // (i % 2)\n      abs(i)\n"
        "  except ZeroDivisionError: pass",
        4,
    ),
    "suppressed": (
        "import contextlib\nfor i in range(9):\n"
        "  with contextlib.suppress(ZeroDivisionError):\n    1 // (i % 2)\n    abs(i)",
        4,
    ),
    "else of an inner loop": (
        "for i in range(20):\n  for j in [1]:\n    if j: pass\n  else:\n"
        "    try: abs(i)\n    finally: pass",
        None,
    ),
    "beside a global": (
        "for i in range(20):\n  abs(i)\n  for j in range(2):\n    if i: global zz; zz = 1",
        20,
    ),
    "up to the cap": ("n = 0\nwhile n < 5: n += abs(1)", 5),
    "in the second half of a try": (
        "for i in range(20):\n  try:\n    {}[i]\n    abs(i)\n  except KeyError: pass",
        0,
    ),
    "in an assertion's message": ("n = 1\nwhile n < 60: assert int(n), abs(n); n += 1", 0),
    "around a global": ("for i in range(3):\n  x = abs(i)\n  global zz\n  zz = abs(i)", 6),
    "while test": ("n = 0\nwhile abs(n) < 60: n += 1", None),
    "try": ("for i in range(50):\n  try: abs(i)\n  finally: pass", None),
    "handler": (
        "for i in range(50):\n  try: 1 / (i % 2)\n  except ZeroDivisionError: abs(i)",
        None,
    ),
    "list comprehension": ("[abs(i) for i in range(70)]", 70),
    "comprehension of a map": ("[abs(i) for i in map(int, '1' * 33)]", 33),
    "filtered comprehension": ("[abs(i) for i in range(70) if i % 7 == 0]", None),
    "comprehension filter": ("[i for i in range(70) if abs(i)]", 70),
    "generator expression": ("sum(abs(i) for i in range(80))", 80),
    "few": ("for i in range(3): abs(i)", 3),
    "none": ("for i in range(0): abs(i)", 0),
    "twice on a line": ("for i in range(20): abs(i), abs(-i)", 40),
}


@pytest.mark.parametrize(("cell", "count"), COUNTS.values(), ids=COUNTS)
def test_counts_are_exact(tracer, cell, count):
    trace = trace_with(tracer, cell)
    calls = [a.calls for a in trace.activations if a.name == "builtins.abs"]
    assert (None if None in calls else sum(calls)) == count
    assert len(calls) <= 10
    assert not trace.truncated


FOREIGN = "class I:\n  def __iter__(self): return iter([1, 2, 3, 4, 5, 6])\n"


@pytest.mark.parametrize(
    "cell",
    [
        "for i in range(50):\n  [abs(j) for j in range(i)]",
        "for i in range(50):\n  [abs(j) for j in range(i - 40)]",
        f"{FOREIGN}for i in range(50):\n  [abs(j) for j in I()]",
        f"{FOREIGN}[abs(j) for j in I()]",
    ],
)
def test_calls_whose_number_nothing_tells(tracer, cell):
    found = rows(trace_with(tracer, cell), "name", "calls")
    assert [calls for name, calls in found if name == "builtins.abs"] == [1, 1, 1, 1, None]


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize(
    "cell",
    [
        "for i in range(3):\n  def h(a=abs(i)): pass",
        "for i in range(3):\n  x = abs(i if i is not 5 else 6)",
        "for i in range(9):\n  try: abs(1 // (i > 7)) + abs(i)\n  except ZeroDivisionError: pass",
    ],
)
def test_what_is_not_counted_is_said(tracer, cell):
    assert trace_with(tracer, cell).truncated


def test_calls_are_not_counted_while_somebody_watches(tracer):
    cell = (
        "import sys\nn = 0\nwhile n < 20:\n  n += 1\n  if n > 2: abs(n)\n"
        "  if n == 5: sys.setprofile(None); sys.settrace(None)"
    )
    trace = trace_with(tracer, cell)
    assert rows(trace, "name", "calls")[-2:] == [("builtins.abs", None), ("sys.setprofile", None)]
    assert trace.reasons == {"profiler"}


@pytest.mark.parametrize("cap", [1, 2, 7])
def test_calls_per_site(cap):
    trace = traced("for i in range(20): abs(i)", calls_per_site=cap)
    assert [a.calls for a in trace.activations if a.name == "builtins.abs"] == (
        [1] * (cap - 1) + [20 - cap + 1]
    )


def test_activations_per_run():
    trace = traced("for i in (1, 2, 3): abs(i)\nlen('a')", activations_per_run=2)
    assert len(trace.activations) == 2
    assert trace.truncated
    assert "activations" in trace.reasons


def test_depth():
    trace = traced("def a(n): return n and a(n - 1)\na(9)", depth=3)
    assert rows(trace, "name", "parent") == [
        ("__main__.a", "-"),
        ("__main__.a", "__main__.a"),
        ("__main__.a", "__main__.a"),
    ]
    assert "depth" in trace.reasons


def test_recursion_is_counted():
    trace = traced("def a(n): return n and a(n - 1)\na(99)", calls_per_site=4)
    assert sum(rows(trace, "calls")) == 100
    assert [a.result for a in trace.activations] == ["0"] * 5


def test_hot_recursion_is_truncated():
    source = "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\nfib(16)"
    trace = traced(source)
    assert trace.truncated
    assert trace.activations[0].result == "987"
    assert {a.status for a in trace.activations} == {"ok"}


def test_every_run_is_recorded_anew(tracer):
    names: dict[str, object] = {}
    trace_with(tracer, "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)", names)
    first, second = (trace_with(tracer, "fib(16)", names) for _ in range(2))
    assert rows(first, "name", "parent") == rows(second, "name", "parent")
    assert len(first.activations) > 3


@pytest.mark.skipif(sys.version_info < (3, 12), reason="seen on 3.11 only below recorded calls")
def test_calls_without_a_call_expression(tracer, names):
    cell = "class P:\n  @property\n  def v(self): return leaf(1)\np = P()\nfor i in range(9): p.v"
    found = [a for a in trace_with(tracer, cell, names).activations if a.name == "__main__.P.v"]
    assert sum(a.calls for a in found) == 9


def test_called_are_the_users_functions(tracer, names):
    trace = trace_with(tracer, "f(1)", names)
    assert {code.co_name for code in trace.called} == {"f", "leaf"}


def test_project_modules(tmp_path, monkeypatch):
    (tmp_path / "ours_traced.py").write_text("def one(): return two()\ndef two(): return 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    expected = [("ours_traced.one", "-"), ("ours_traced.two", "ours_traced.one")]
    cell = "import ours_traced\nours_traced.one()"
    for settings, project, found in (
        (Settings(), tmp_path, expected),
        (Settings(), tmp_path / "other", expected[:1]),
        (Settings(include_modules=("ours_traced",)), None, expected),
        (Settings(exclude_modules=("ours_traced",)), tmp_path, expected[:1]),
    ):
        tracer = choose(settings, project)
        try:
            sys.modules.pop("ours_traced", None)
            assert rows(trace_with(tracer, cell), "name", "parent") == found
        finally:
            tracer.close()


EXECUTED = {
    "if": ("if 1:\n  a = 1\nelse:\n  b = 1", {(2, 2)}),
    "else": ("if 0:\n  a = 1\nelse:\n  b = 1", {(4, 2)}),
    "elif": ("if 0:\n  a = 1\nelif 1:\n  b = 1\nelse:\n  c = 1", {(3, 0), (4, 2)}),
    "one line": ("if 1: a = 1", {(1, 6)}),
    "loop": ("for i in range(3):\n  a = 1\nelse:\n  b = 1", {(2, 2), (4, 2)}),
    "empty loop": ("for i in []:\n  a = 1", set()),
    "loop with call": ("for i in [1]:\n  abs(i)", {(2, 2)}),
    "late": (
        "for i in range(1000):\n  if i == 999:\n    a = 1\n  elif i == 1001:\n    b = 1",
        {(2, 2), (3, 4), (4, 2)},
    ),
    "late with call": ("for i in range(1000):\n  if i == 999:\n    abs(i)", {(2, 2), (3, 4)}),
    "inner loop": ("for i in range(9):\n  for j in range(i - 7):\n    a = 1", {(2, 2), (3, 4)}),
    "inner loop never": ("for i in range(9):\n  for j in ():\n    a = 1", {(2, 2)}),
    "inner loop with blocks": (
        "for i in range(9):\n  for j in range(2):\n    if j:\n      a = 1\n    else:\n      b = 1",
        {(2, 2), (3, 4), (4, 6), (6, 6)},
    ),
    "inner loop with a block that never runs": (
        "for i in range(9):\n  for j in range(2):\n    if j > 5:\n      a = 1",
        {(2, 2), (3, 4)},
    ),
    "not iterable": ("try:\n  for i in 1:\n    pass\nexcept TypeError:\n  a = 1", {(5, 2)}),
    "foreign iterator, left at once": (
        "class I:\n  def __iter__(self): return iter([1, 2])\nfor i in I():\n  continue\n  abs(i)",
        {(4, 2)},
    ),
    "while": ("n = 9\nwhile n:\n  n -= 1\n  if n == 3:\n    a = 1", {(3, 2), (5, 4)}),
    "while never": ("while 0:\n  a = 1\nelse:\n  b = 1", {(4, 2)}),
    "handler": ("try:\n  1 / 0\nexcept KeyError:\n  a = 1\nexcept ArithmeticError:\n  b = 1",
                {(6, 2)}),
    "match": ("match 3:\n  case 1:\n    a = 1\n  case _:\n    b = 1", {(5, 4)}),
    "match in loop": (
        "for i in range(9):\n  match i:\n    case 8:\n      a = 1\n    case 10:\n      b = 1",
        {(2, 2), (4, 6)},
    ),
    "foreign iterator": (
        "class I:\n  def __iter__(self): return iter([1, 2])\nfor i in I():\n  abs(i)",
        {(4, 2)},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("cell", "blocks"), EXECUTED.values(), ids=EXECUTED)
def test_executed_blocks(tracer, cell, blocks):
    assert trace_with(tracer, cell).executed == blocks


def test_a_call_that_begins_while_the_log_is_closed_leaves_no_record():
    class Growing(list):
        """Another thread adds one as soon as the others have been looked at."""

        def __iter__(self):
            yield from super().__iter__()
            self.append(Open(log, log.root, "late", 1))

    log = Log(Settings(), Listener(), "trial", "run", "root")
    log.rows = Growing([Open(log, log.root, "first", 1)])
    (row,) = log.close()
    assert row.name == "first"
    assert row.id


def test_ids_and_times_are_in_the_order_of_the_calls(tracer):
    before = utc_now()
    cell = DEFS + "import time\nf(1)\ntime.sleep(0.01)\n[f(i) for i in range(3)]"
    trace = trace_with(tracer, cell)
    after = utc_now()
    ids = [each.id for each in trace.activations]
    begun = [each.started_at for each in trace.activations]
    assert ids == sorted(ids)
    assert begun == sorted(begun)
    assert before <= begun[0]
    assert begun[-1] <= after
    slept = next(each for each in trace.activations if each.name == "time.sleep")
    behind = begun[trace.activations.index(slept) + 1]
    assert (behind - slept.started_at).total_seconds() >= slept.duration >= 0.01


@pytest.mark.parametrize(
    "call",
    [
        "eval('leaf(1)')",
        "exec('leaf(1)')",
        "max([1, 2], key=leaf)",
        "list(map(leaf, [1]))",
        "abs(type('N', (), {'__abs__': lambda self: leaf(1)})())",
        "len(type('N', (), {'__len__': leaf.__get__(1)})())",
        "str(type('N', (str,), {'__str__': lambda self: str(leaf(1))})())",
        "types.MethodType(len, type('N', (), {'__len__': lambda self: leaf(1)})())()",
        "type('M', (type,), {'__str__': leaf})('N', (), {'name': classmethod(str)}).name()",
        "str(b'\\xff', 'utf-8', 'leaf')",
        "bytes('\\xff', 'ascii', 'leaf')",
    ],
)
def test_functions_that_a_call_into_c_comes_to(tracer, call):
    setup = (
        "import codecs, types\ndef leaf(x):\n  if isinstance(x, UnicodeError): return '?', x.end\n"
    )
    setup += "  return '?' if isinstance(x, type) else 2\ncodecs.register_error('leaf', leaf)\n"
    trace = trace_with(tracer, setup + call)
    assert any(each.name == "__main__.leaf" for each in trace.activations)


def test_none_observes_nothing():
    trace = traced("abs(1)", tracer="none")
    assert trace.activations == ()
    assert trace.executed is None
