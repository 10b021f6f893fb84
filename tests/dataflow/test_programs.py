"""Generated programs, run in cells, depend on what a run that tracks every value says they do.

The oracle knows nothing of syntax trees. It executes the cells in a namespace that sees its
look-ups, with values that are all different objects, and it executes them again with one value
changed, to see whether that changes what a cell makes.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .session import Session

NAMES = ("a", "b", "c", "d")
FUNCTIONS = ("f", "g")


class Value(int):
    """A number that is another object than every other."""

    def __add__(self, other: int) -> Value:
        return Value(int(self) + int(other))

    def __mul__(self, other: int) -> Value:
        return Value(int(self) * int(other) % 1_000_003)


class Namespace(dict[str, Any]):
    """Globals that see which of the values from before a cell are looked up."""

    def __init__(self) -> None:
        super().__init__(Value=Value)
        self.before: dict[str, Any] = {}
        self.bound: set[str] = set()
        self.reads: set[str] = set()

    def begin(self) -> None:
        self.before = dict(self)
        self.bound = set()
        self.reads = set()

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if name not in self.bound and self.before.get(name) is value:
            self.reads.add(name)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        self.bound.add(name)
        super().__setitem__(name, value)


class _Values(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.Call(ast.Name("Value", ast.Load()), [node], [])


def compiled(source: str) -> Any:
    return compile(ast.fix_missing_locations(_Values().visit(ast.parse(source))), "cell", "exec")


@dataclass(frozen=True)
class Truth:
    """What a cell really did, and what the oracle found that it depends on."""

    reads: frozenset[str]
    writes: frozenset[str]
    deletes: frozenset[str]
    sources: frozenset[tuple[int, str]]


def execute(source: str, namespace: Namespace) -> None:
    namespace.begin()
    with contextlib.suppress(NameError, TypeError):
        exec(compiled(source), namespace)


def truth(cells: list[str]) -> Iterator[Truth]:
    namespace = Namespace()
    writers: dict[str, int] = {}
    for number, source in enumerate(cells, start=1):
        execute(source, namespace)
        names = {*NAMES, *FUNCTIONS, "i"}
        before = {name: value for name, value in namespace.before.items() if name in names}
        after = {name: value for name, value in namespace.items() if name in names}
        writes = {n for n in after if before.get(n) is not after[n] or n in namespace.bound}
        deletes = before.keys() - after.keys()
        reads = namespace.reads & names
        yield Truth(
            frozenset(reads),
            frozenset(writes),
            frozenset(deletes),
            frozenset((writers[name], name) for name in reads),
        )
        writers.update(dict.fromkeys(writes, number))
        for name in deletes:
            del writers[name]


def results(cells: list[str], changed: str | None) -> dict[str, object] | None:
    """What the last cell binds, with one name's value changed before it; None: no such name."""
    namespace = Namespace()
    for source in cells[:-1]:
        execute(source, namespace)
    if changed is not None:
        value = namespace.get(changed)
        if type(value) is not Value:
            return None
        dict.__setitem__(namespace, changed, value + 500_009)
    kept = dict(namespace)
    execute(cells[-1], namespace)
    return {
        name: value.__code__.co_code if hasattr(value, "__code__") else value
        for name, value in namespace.items()
        if name in NAMES and kept.get(name) is not value
    }


def expressions(names: tuple[str, ...] = NAMES) -> st.SearchStrategy[str]:
    leaf = st.one_of(st.sampled_from(names), st.integers(0, 9).map(str))
    pair = st.tuples(leaf, st.sampled_from("+*"), leaf).map(" ".join)
    return st.one_of(pair, pair, leaf.map("{} + 1".format))


def simple() -> st.SearchStrategy[str]:
    name = st.sampled_from(NAMES)
    return st.one_of(
        st.builds("{} = {}".format, name, expressions()),
        st.builds("{} = {}".format, name, expressions()),
        st.builds("{} += {}".format, name, expressions()),
        st.builds("{}, {} = {}, {}".format, name, name, expressions(), expressions()),
        st.builds("del {}".format, name),
        st.builds("{} = {}()".format, name, st.sampled_from(FUNCTIONS)),
        st.builds("{} = sum([v * {} for v in range(3)]) + 0".format, name, name),
        st.builds("{} = (lambda v: v + {})({}) + 1".format, name, name, expressions()),
    )


def functions(globals_: bool) -> st.SearchStrategy[str]:
    reader = st.builds("def {}(): return {}".format, st.sampled_from(FUNCTIONS), expressions())
    name = st.sampled_from(NAMES)
    writer = st.builds(
        "def {0}():\n    global {1}\n    {1} = {2}\n    return {3}".format,
        st.sampled_from(FUNCTIONS),
        name,
        expressions(),
        expressions(),
    )
    return st.one_of(reader, writer) if globals_ else reader


def indented(block: str) -> str:
    return "".join(f"    {line}\n" for line in block.splitlines())


def conditions() -> st.SearchStrategy[str]:
    return st.one_of(
        st.sampled_from(["1", "0"]),
        st.builds("{} > {}".format, st.sampled_from(NAMES), st.integers(0, 9)),
    )


def branches(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("if {}:\n{}".format, conditions(), inner.map(indented)),
        st.builds(
            "if {}:\n{}else:\n{}".format,
            conditions(),
            inner.map(indented),
            inner.map(indented),
        ),
    )


def loops(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    turn = st.builds("if i == {}:\n{}".format, st.integers(0, 3), inner.map(indented))
    body = st.lists(st.one_of(inner, turn), min_size=1, max_size=3).map("\n".join)
    loop = "for i in range({}):\n{}".format
    return st.builds(loop, st.integers(0, 3), body.map(indented))


def programs(*statements: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    """Each cell has statements of one of the kinds."""
    cell = st.one_of([st.lists(kind, min_size=1, max_size=4).map("\n".join) for kind in statements])
    first = "a = 1\nb = 2\nc = 3\nd = 4\ndef f(): return a + b\ndef g(): return f() * c"
    return st.lists(cell, min_size=1, max_size=5).map(lambda cells: [first, *cells])


# A function that is called and then defined again in one cell cannot be told from others.
STRAIGHT = programs(
    st.one_of(simple(), simple(), branches(simple())),
    functions(globals_=False),
)
ANY = programs(
    st.one_of(
        simple(),
        functions(globals_=True),
        branches(simple()),
        branches(branches(simple())),
        loops(simple()),
        loops(loops(simple())),
    )
)
GENERATED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    made = Session(tmp_path_factory.mktemp("ipython"))
    # Tracebacks, which nobody reads here, take most of the time.
    made.shell.set_custom_exc((NameError, TypeError), lambda *_, **__: [])
    yield made
    made.close()


@pytest.mark.slow
@GENERATED
@given(STRAIGHT)
def test_straight_programs_depend_on_exactly_what_was_looked_up(
    session: Session, cells: list[str]
) -> None:
    session.restart()
    for number, (source, true) in enumerate(zip(cells, truth(cells), strict=True), start=1):
        ran = session.run(source)
        if ran.error is None:
            found = Truth(ran.use.reads, ran.use.writes, ran.use.deletes, ran.sources)
            assert (number, found) == (number, true)
        else:
            # A statement that raised may not have come to all that it looks up.
            assert ran.use.reads >= true.reads, number


@pytest.mark.slow
@GENERATED
@given(ANY)
def test_no_dependency_of_any_program_is_missed(session: Session, cells: list[str]) -> None:
    session.restart()
    for number, (source, true) in enumerate(zip(cells, truth(cells), strict=True), start=1):
        ran = session.run(source)
        assert ran.use.reads >= true.reads, number
        assert ran.sources >= true.sources, number
        assert (number, ran.use.deletes) == (number, true.deletes)
        assert ran.use.writes <= true.writes, number
        assert true.writes - ran.use.writes <= ran.use.maybe, number


@pytest.mark.slow
@GENERATED
@given(ANY)
def test_what_changes_the_results_of_a_cell_is_among_its_dependencies(
    session: Session, cells: list[str]
) -> None:
    session.restart()
    for number, source in enumerate(cells, start=1):
        sources = session.run(source).sources
        so_far = cells[:number]
        usual = results(so_far, None)
        for name in NAMES:
            changed = results(so_far, name)
            if changed is not None and changed != usual:
                assert name in {variable for _, variable in sources}, (number, name)
