"""Statement by statement: what a cell's code did with names, as far as its run is known."""

from __future__ import annotations

import ast
import sys

import pytest

from provenance_kernel.dataflow import Observed, Snapshot, describe_run, read_program
from provenance_kernel.dataflow.uses import Reader, Use


def uses(
    source: str,
    executed: set[tuple[int, int]] | None = None,
    stopped_at: int | None = None,
    lazy: bool = False,
) -> tuple[Use, ...]:
    program = read_program(ast.parse(source), lazy_annotations=lazy)
    return Reader(executed, stopped_at).uses(program)


def test_each_statement_has_its_own_reads_and_writes() -> None:
    first, second, third = uses("x = a\ny = x + b\ndel x")
    assert (first.reads, first.writes) == ({"a"}, {"x"})
    assert (second.reads, second.writes) == ({"x", "b"}, {"y"})
    assert (third.reads, third.writes, third.settled) == (set(), set(), {"x"})


def test_spans_hold_the_source_of_a_statement() -> None:
    source = "@d\ndef f():\n    return 1\nx = 'ä'; y = (2 +\n  3)\nif x:\n    pass\n"
    lines = source.encode().splitlines(keepends=True)
    found = []
    for use in uses(source):
        span = use.span
        taken = lines[span.line - 1 : span.end_line]
        taken[-1] = taken[-1][: span.end_column]
        taken[0] = taken[0][span.column :]
        found.append(b"".join(taken).decode())
    assert found == [
        "@d\ndef f():\n    return 1",
        "x = 'ä'",
        "y = (2 +\n  3)",
        "if x:\n    pass",
    ]


def test_a_statement_that_reads_what_it_bound_does_not_reach_back() -> None:
    (loop,) = uses("for v in xs:\n    t = v\n    s = t", {(2, 4)})
    assert (loop.reads, loop.writes) == ({"xs"}, {"v", "t", "s"})


def test_statements_after_the_one_that_raised_did_not_run() -> None:
    first, second, third = uses("x = a\ny = b\nz = c", stopped_at=2)
    assert (first.ran, second.ran, third.ran) == (True, True, False)
    assert (second.reads, second.writes, second.maybe) == ({"b"}, set(), {"y"})
    assert (third.reads, third.maybe) == (set(), set())


def test_statements_on_the_line_that_raised_may_have_run() -> None:
    found = uses("x = a; y = b\nz = c", stopped_at=1)
    assert [(use.ran, use.writes, use.maybe) for use in found] == [
        (True, set(), {"x"}),
        (True, set(), {"y"}),
        (False, set(), set()),
    ]


def test_without_knowledge_every_block_may_have_run() -> None:
    (found,) = uses("if a:\n    x = b\nelse:\n    y = c")
    assert found.reads == {"a", "b", "c"}
    assert (found.writes, found.maybe) == (set(), {"x", "y"})


def test_what_all_unknown_paths_bind_is_bound() -> None:
    (found,) = uses("if a:\n    x = 1\nelse:\n    x = 2")
    assert (found.writes, found.maybe) == ({"x"}, set())


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("try:\n    x = a\nexcept E:\n    x = b\nx", "a b E"),
        ("try:\n    x = a\nfinally:\n    y = b\nx", "a b"),
        ("for v in xs:\n    y = v\nelse:\n    z = y\nv", "xs y v"),
        ("while c:\n    d = 1\nd", "c d"),
        ("match a:\n    case B(): c = 1\n    case D.e if f: g = h\nc", "a B D f h c"),
        ("with a as b:\n    c = b\nc", "a"),
        ("with suppress(E) as b:\n    c = b\nc", "suppress E c"),
    ],
)
def test_unknown_paths(source: str, reads: str) -> None:
    found = uses(source)
    settled: set[str] = set()
    seen: set[str] = set()
    for use in found:
        seen |= use.reads - settled
        settled |= use.settled
    assert seen == set(reads.split())


def test_annotations_are_read_where_they_are_evaluated() -> None:
    source = "x: T = a\ndef f(v: U) -> V: ...\nclass C:\n    w: W"
    seen = set[str]().union(*(use.reads for use in uses(source)))
    now = {"T", "U", "V", "W"} if sys.version_info < (3, 14) else set()
    assert seen == {"a"} | now
    seen = set[str]().union(*(use.reads for use in uses(source, lazy=True)))
    assert seen == {"a"}


def test_text_of_a_magic_that_does_not_parse_is_passed_over() -> None:
    source = "get_ipython().run_cell_magic('time', '', 'x = = 1')\nexec('\\\\d = ')\nexec(f'{x}')"
    seen = set[str]().union(*(use.reads for use in uses(source)))
    assert seen == {"get_ipython", "exec", "x"}


@pytest.mark.parametrize(
    ("line", "reads"),
    [
        ("-n 10 -r3 f(x)", "f x"),
        ("-o x", "x"),
        ("-n10 -q x + y", "x y"),
        ("x", "x"),
        ("-n", ""),
        ("", ""),
        ("-s cumulative f(x)", "f x"),
    ],
)
def test_options_of_a_magic_are_not_code(line: str, reads: str) -> None:
    (use,) = uses(f"get_ipython().run_line_magic('timeit', {line!r})")
    assert use.reads - {"get_ipython"} == set(reads.split())


def test_a_cell_that_does_not_parse_is_known_by_what_it_changed() -> None:
    before = Snapshot({"x": 1, "y": 2})
    namespace = {"y": 2, "z": 3}
    found = describe_run(None, namespace, before, Snapshot(namespace))
    assert (found.reads, found.writes, found.deletes) == (set(), {"z"}, {"x"})


def test_a_program_can_be_read_for_many_runs() -> None:
    program = read_program(ast.parse("if c:\n    x = a\nelse:\n    x = b"))
    namespace: dict[str, object] = {"a": 1, "b": 2, "c": 3, "x": 4}
    here = Snapshot(namespace)
    found = [
        describe_run(program, namespace, here, here, observed=Observed(executed))
        for executed in ({(2, 4)}, {(4, 4)}, None)
    ]
    assert [use.reads for use in found] == [{"c", "a"}, {"c", "b"}, {"a", "b", "c"}]
    assert [use.writes for use in found] == [{"x"}, {"x"}, {"x"}]


def test_deep_nesting_is_read() -> None:
    source = "".join("    " * depth + f"if x{depth}:\n" for depth in range(40)) + "    " * 40 + "y"
    (use,) = uses(source)
    assert use.reads == {f"x{depth}" for depth in range(40)} | {"y"}
