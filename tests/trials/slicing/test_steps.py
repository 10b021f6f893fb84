"""A trial's runs are the statements that they recorded, or whole, and the reason is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from provenance_kernel.errors import SettingError
from provenance_kernel.records import Dependency, Statement, Trial
from provenance_kernel.trials.history import History, Run
from provenance_kernel.trials.slicing.steps import Steps, read_steps

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
TWO = "a = 1\nb = 2"


def row(position: int, **more: Any) -> Statement:
    plain = Statement("", "", position, position + 1, position + 1, "ran", [], [], [], [])
    return replace(plain, **more)


def run(position: int, source: str, **more: Any) -> Run:
    """Return a run of a cell with a statement on each line, a second after the one before."""
    plain = Run(
        id=f"run{position}",
        trial_id="trial",
        position=position,
        execution_count=position,
        cell_id=None,
        code_hash="",
        status="ok",
        started_at=BEGAN + timedelta(seconds=position),
        duration=0.5,
        source=source,
        statements=tuple(map(row, range(source.count("\n") + 1))),
    )
    return replace(plain, **more)


def steps_of(*runs: Run) -> Steps:
    trial = Trial("trial", None, "interactive", None, "finished", BEGAN)  # type: ignore[arg-type]
    return read_steps(History(trial, runs), len(runs) - 1)


def texts(found: Steps) -> list[str]:
    return [step.text.code for step in found.steps]


def test_a_run_is_the_statements_that_ran() -> None:
    stopped = (row(0), row(1, status="raised"), row(2, status="not_reached"))
    failed = run(2, "c = 3\nd = 4 / 0\ne = 5", status="error", statements=stopped)
    found = steps_of(run(1, TWO), failed)
    assert texts(found) == ["a = 1", "b = 2", "c = 3", "d = 4 / 0"]
    assert [step.guarded for step in found.steps] == [False, False, False, True]
    assert not found.reasons


def test_a_step_kills_what_it_binds_for_certain() -> None:
    named = row(0, reads=["b", "c"], writes=["a", "b"], changes=["c"])
    (step,) = steps_of(run(1, "a = 1", statements=(named,))).steps
    assert (step.reads, step.writes, step.kills, step.changes) == (
        {"b", "c"},
        {"a", "b"},
        {"a"},
        {"c"},
    )


@pytest.mark.parametrize(
    ("source", "record", "reason", "vouched"),
    [
        (TWO, {"statements": (row(0), row(1, opaque="a reason"))}, "a reason", True),
        (TWO, {"statements": ()}, "its statements were not recorded", True),
        ("a = 1\nb = ", {}, "it is written in IPython's own syntax", True),
        ("a = 1; b = 2\nls = !ls", {}, "it is written in IPython's own syntax", True),
        (
            TWO,
            {"status": "died", "statements": ()},
            "its kernel ended while it ran, and what it did is not known",
            False,
        ),
        (
            TWO,
            {"status": "interrupted", "statements": (row(0, opaque="a reason"), row(1))},
            "a reason",
            False,
        ),
    ],
    ids=["opaque", "not recorded", "unparsable", "two on a line", "died", "interrupted"],
)
def test_a_run_that_may_have_done_more_is_one_step(
    source: str, record: dict[str, Any], reason: str, vouched: bool
) -> None:
    found = steps_of(run(1, source, **record), run(2, "x = 1"))
    assert texts(found) == [source, "x = 1"]
    assert list(found.reasons) == [f"run 1 is taken whole: {reason}"]
    assert found.unvouched is not vouched


def test_runs_at_the_same_time_are_taken_whole() -> None:
    found = steps_of(run(1, TWO, duration=1.2), run(2, "c = 1\nd = 2"), run(3, "e = 1\nf = 2"))
    assert texts(found) == [TWO, "c = 1\nd = 2", "e = 1", "f = 2"]
    assert list(found.reasons) == [
        f"run {position} is taken whole: it ran at the same time as another" for position in (1, 2)
    ]
    assert found.unvouched


def test_a_run_that_never_ran_is_no_step() -> None:
    aborted = run(1, TWO, status="aborted", statements=())
    refused = run(2, "a = ", status="error", error_name="SyntaxError", statements=())
    empty = run(3, "# nothing", statements=())
    assert texts(steps_of(aborted, refused, empty, run(4, "a = 1"))) == ["a = 1"]


def test_a_trial_from_before_statements_were_recorded_is_too_old() -> None:
    with pytest.raises(SettingError, match="before statements were, and is too old to slice"):
        steps_of(run(1, TWO, statements=()))


@pytest.mark.parametrize(
    ("name", "before", "text"),
    [
        ("_", "x", "_ = _1"),
        ("_1", "x", None),
        ("Out[1]", "x", 'Out = {**globals().get("Out", {}), 1: _1}'),
    ],
)
def test_an_output_of_the_history_is_bound_anew(name: str, before: str, text: str | None) -> None:
    reader = run(2, f"y = {name}", dependencies=(Dependency("", "run2", "run1", name),))
    found = steps_of(run(1, f"x = 1\n{before}"), reader)
    expected = ["x = 1", "_1 = x", text, f"y = {name}"]
    assert texts(found) == [each for each in expected if each]
    assert not found.unvouched


@pytest.mark.parametrize(
    ("first", "name"),
    [("x = 1", "_"), ("x = 1\nx", "Out"), ("x = 1\nx", "_i1"), ("x = 1\nx", "In[1]")],
    ids=["no output", "all outputs", "a source", "the sources"],
)
def test_what_of_the_history_cannot_be_computed_again_is_said(first: str, name: str) -> None:
    found = steps_of(
        run(1, first), run(2, f"y = {name}", dependencies=(Dependency("", "run2", "run1", name),))
    )
    assert f"run 2 reads {name}, which cannot be computed again" in found.reasons
    assert found.unvouched
