"""Where record and source do not agree, a run is one step, and the reason is said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from provenance_kernel.records import Trial
from provenance_kernel.trials.history import File, History, Run, Seen
from provenance_kernel.trials.step_reader import read_steps
from provenance_kernel.trials.steps import Steps
from provenance_kernel.types import Access

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def seen(access: Access, *names: str, type: str | None = "builtins.int") -> tuple[Seen, ...]:
    return tuple(Seen(name, access, type, None, None, None, None, None) for name in names)


def run(position: int, source: str, **more: Any) -> Run:
    """Return a run of a cell, each a second after the one before."""
    plain = Run(
        id=f"run{position}",
        position=position,
        execution_count=position,
        cell_id=None,
        code_hash="",
        status="ok",
        error_name=None,
        started_at=BEGAN + timedelta(seconds=position),
        duration=0.5,
        source=source,
        truncated=False,
        stages=(),
        labels=(),
    )
    return replace(plain, **more)


def steps_of(*runs: Run) -> Steps:
    trial = Trial("trial", None, "interactive", None, "finished", BEGAN)
    return read_steps(History(trial, runs), len(runs) - 1)


def texts(found: Steps) -> list[str]:
    return [step.text for step in found.steps]


USED = File("a.txt", "w", None, "1", 1, "opened")
TWO = "a = 1\nb = 2"


@dataclass(frozen=True)
class Case:
    """A run of two statements at least, and the end of the reason for which it is one step."""

    source: str
    reason: str
    record: dict[str, Any]
    vouched: bool = True


CASES = {
    "bound": Case(
        TWO, "does not show how it bound c, d, e, f, …", {"seen": seen("write", *"abcdefg")}
    ),
    "deleted": Case(TWO, "does not show how it deleted c", {"seen": seen("delete", "c")}),
    "read": Case(TWO, "does not show how it read c", {"seen": seen("read", "c")}),
    "changed": Case(TWO, "does not show how it changed c", {"seen": seen("mutate", "c")}),
    "drew": Case(
        TWO,
        "which of its statements drew random numbers or used files is not known",
        {"generators": frozenset({"python"})},
    ),
    "wrote": Case(
        TWO,
        "which of its statements drew random numbers or used files is not known",
        {"files": (USED,)},
    ),
    "unparsable": Case("a = 1\nb = ", "it could not be parsed", {}),
    "shell": Case("a = 1\n!ls", "it runs commands of IPython or of the system", {}),
    "cell magic": Case("%%bash\nls", "it is written in IPython's own syntax", {}),
    "two on a line": Case("a = 1; b = 2\nls = !ls", "it is written in IPython's own syntax", {}),
    "raised": Case(
        TWO,
        "it raised, and which of its statements had run is not recorded",
        {"status": "error", "error_name": "ValueError"},
    ),
    "interrupted": Case(
        TWO,
        "it was interrupted at a moment that cannot be found again",
        {"status": "interrupted"},
        vouched=False,
    ),
    "died": Case(
        TWO,
        "its kernel ended while it ran, and what it did is not known",
        {"status": "died", "seen": seen("write", "c")},
        vouched=False,
    ),
    "star import": Case("a = 1\nfrom os import *", "binds names that the source does not show", {}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_run_whose_record_and_source_disagree_is_one_step(case: Case) -> None:
    found = steps_of(run(1, case.source, **case.record))
    assert texts(found) == [case.source]
    assert [each.endswith(case.reason) for each in found.reasons] == [True]
    assert found.unvouched is not case.vouched


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"seen": seen("write", "a", "b", "__warningregistry__", "_", "_1")},
        {"seen": seen("read", "_i")},
    ],
    ids=["nothing", "as it says", "history"],
)
def test_a_run_whose_record_and_source_agree_is_its_statements(record: dict[str, Any]) -> None:
    found = steps_of(run(1, TWO, **record))
    assert texts(found) == ["a = 1", "b = 2"]
    assert not found.reasons


def test_runs_at_the_same_time_are_taken_whole() -> None:
    found = steps_of(run(1, TWO, duration=1.2), run(2, "c = 1\nd = 2"), run(3, "e = 1\nf = 2"))
    assert texts(found) == [TWO, "c = 1\nd = 2", "e = 1", "f = 2"]
    assert list(found.reasons) == [
        f"run {position} is taken whole: it ran at the same time as another" for position in (1, 2)
    ]
    assert found.unvouched


def test_a_run_that_never_ran_is_no_step() -> None:
    aborted = run(1, TWO, status="aborted")
    refused = run(2, "a = ", status="error", error_name="SyntaxError")
    assert texts(steps_of(aborted, refused, run(3, "a = 1"))) == ["a = 1"]


@pytest.mark.parametrize(
    ("name", "before", "text"),
    [
        ("_", "x", "_ = _1"),
        ("_1", "x", None),
        ("Out[1]", "x", 'Out = {**globals().get("Out", {}), 1: _1}'),
    ],
)
def test_an_output_of_the_history_is_bound_anew(name: str, before: str, text: str | None) -> None:
    reader = run(2, f"y = {name}", sources=(("run1", name),), seen=seen("write", "y"))
    found = steps_of(run(1, f"x = 1\n{before}", seen=seen("write", "x")), reader)
    expected = ["x = 1", "_1 = x", text, f"y = {name}"]
    assert texts(found) == [each for each in expected if each]
    assert not found.unvouched


@pytest.mark.parametrize(
    ("first", "name"),
    [("x = 1", "_"), ("x = 1\nx", "Out"), ("x = 1\nx", "_i1"), ("x = 1\nx", "In[1]")],
    ids=["no output", "all outputs", "a source", "the sources"],
)
def test_what_of_the_history_cannot_be_computed_again_is_said(first: str, name: str) -> None:
    reader = run(2, f"y = {name}", sources=(("run1", name),), seen=seen("write", "y"))
    found = steps_of(run(1, first, seen=seen("write", "x")), reader)
    assert f"run 2 reads {name}, which cannot be computed again" in found.reasons
    assert found.unvouched


def test_a_module_whose_name_is_bound_otherwise_too_is_none() -> None:
    source = "import numpy as np\nnp.add(1, 1)"
    found = steps_of(run(1, source, seen=seen("write", "np", type="builtins.module")))
    assert found.steps[1].touches == set()
    found = steps_of(
        run(1, source, seen=seen("write", "np", type="builtins.module")), run(2, "np = 5")
    )
    assert "np" in found.steps[1].touches
