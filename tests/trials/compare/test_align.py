"""Which cells of two trials are the same, and which were moved."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance_kernel.fingerprint.source import ast_hash
from provenance_kernel.trials.compare.align import align, cell_identity, cells
from provenance_kernel.trials.history import Run
from store.samples import a_run, a_trial

TRIAL = a_trial()
FOREST = "model = RandomForestClassifier(n_estimators=100)\nmodel.fit(x, y)\nprint(model)"
BOOST = "model = GradientBoostingClassifier(n_estimators=100)\nmodel.fit(x, y)\nprint(model)"


def runs(*listed: str | tuple[str | None, str]) -> list[Run]:
    """Runs in order, each a source or a pair of cell id and source."""
    found = []
    for position, each in enumerate(listed, 1):
        cell_id, source = (None, each) if isinstance(each, str) else each
        run = a_run(TRIAL, source, position=position, cell_id=cell_id)
        found.append(Run(**asdict(run), source=source, ast_hash=ast_hash(source)))
    return found


def pairs(a: list[Run], b: list[Run]) -> list[tuple[int | None, int | None, str | None]]:
    return [
        (
            pair.a.last.position if pair.a else None,
            pair.b.last.position if pair.b else None,
            pair.match,
        )
        for pair in align(a, b)
    ]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param(["a", "b"], ["a", "b"], [(1, 1, "code"), (2, 2, "code")], id="equal"),
        pytest.param(
            [("one", "a = 1")], [("one", "wholly(different)")], [(1, 1, "id")], id="edited, same id"
        ),
        pytest.param(
            [("one", "a = 1")], [("two", "a = 1")], [(1, 1, "code")], id="copied to another id"
        ),
        pytest.param(["a = 1"], ["a  =  1 # x"], [(1, 1, "ast")], id="layout and comments"),
        pytest.param([FOREST], [BOOST], [(1, 1, "similarity")], id="alike"),
        pytest.param(
            ["import os"], ["f(x)"], [(None, 1, None), (1, None, None)], id="nothing in common"
        ),
        pytest.param(
            [("cell-0", "a = f(1)"), ("cell-1", "b = g(2)")],
            [("cell-0", "import os"), ("cell-1", "a = f(1)"), ("cell-2", "b = g(2)")],
            [(None, 1, None), (1, 2, "code"), (2, 3, "code")],
            id="numbered cells, one inserted: code goes before the id",
        ),
        pytest.param(
            [("vscode-notebook-cell:/a.ipynb#W0", "a = 1")],
            [("vscode-notebook-cell:/b.ipynb#W5", "a = 1")],
            [(1, 1, "code")],
            id="a document's address is no id",
        ),
        pytest.param(
            ["first()", "gone(here)", "last()"],
            ["first()", "last()"],
            [(1, 1, "code"), (2, None, None), (3, 2, "code")],
            id="what only a has stands where it was",
        ),
        pytest.param([], ["a"], [(None, 1, None)], id="empty a"),
        pytest.param(["a"], [], [(1, None, None)], id="empty b"),
        pytest.param([], [], [], id="both empty"),
    ],
)
def test_alignment(
    a: list[str | tuple[str | None, str]],
    b: list[str | tuple[str | None, str]],
    expected: list[tuple[int | None, int | None, str | None]],
) -> None:
    assert pairs(runs(*a), runs(*b)) == expected


def test_the_last_run_of_a_cell_counts() -> None:
    a = runs(("one", "x = 1"), ("two", "y"), ("one", "x = 2"))
    (two, one) = align(a, runs(("two", "y"), ("one", "x = 2")))
    assert one.a is not None
    assert [run.position for run in one.a.runs] == [1, 3]
    assert (one.a.last.source, one.passed) == ("x = 2", ())
    assert two.match == "id"


def test_without_ids_the_same_code_is_one_cell() -> None:
    assert [len(cell.runs) for cell in cells(runs("x = 1", "y", "x = 1"))] == [1, 2]


def test_a_swap_is_one_move_and_no_cell_comes_or_goes() -> None:
    a = runs("read()", "pca()", "undersample()", "split()")
    found = align(a, runs("read()", "undersample()", "pca()", "split()"))
    assert all(pair.a and pair.b for pair in found)
    moved = [(pair.b.last.source, [each.last.source for each in pair.passed]) for pair in found
             if pair.b and pair.passed]  # fmt: skip
    assert moved in ([("undersample()", ["pca()"])], [("pca()", ["undersample()"])])


def test_a_cell_that_was_added_moves_no_other() -> None:
    found = align(runs("a()", "b()"), runs("new(1)", "a()", "other[2]", "b()"))
    assert not any(pair.passed for pair in found)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("8015c4a1", "8015c4a1"),
        ("file:///x#1", None),
        ("untitled:x", None),
        ("", None),
        (None, None),
    ],
)
def test_identity(sent: str | None, kept: str | None) -> None:
    assert cell_identity(sent) == kept


@given(st.lists(st.sampled_from("abcdefg")), st.lists(st.sampled_from("abcdefg")))
def test_every_cell_is_there_once(a: list[str], b: list[str]) -> None:
    found = align(runs(*a), runs(*b))
    for side, listed in (("a", a), ("b", b)):
        seen = [getattr(pair, side).last.source for pair in found if getattr(pair, side)]
        assert sorted(seen) == sorted(set(listed))
    by_b = [pair.b.last.position for pair in found if pair.b]
    assert by_b == sorted(by_b)


@given(st.permutations("abcdef"))
def test_what_did_not_move_kept_its_order(order: list[str]) -> None:
    found = align(runs(*"abcdef"), runs(*order))
    stayed = [pair.a.last.position for pair in found if pair.a and not pair.passed]
    assert stayed == sorted(stayed)
