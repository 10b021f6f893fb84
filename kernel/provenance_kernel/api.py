"""The public functions: questions to the record, and values that code hands to it.

In a session that is recorded the record is the session's own; elsewhere it is found as the
command finds it. Each question opens the database and closes it again.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from provenance_kernel.cli import questions
from provenance_kernel.display import registry
from provenance_kernel.display.terminal import visible
from provenance_kernel.fingerprint import json_value
from provenance_kernel.recorder import active
from provenance_kernel.trials.query import naming

if TYPE_CHECKING:
    from peewee import Database

    from provenance_kernel.trials.compare.compare import Comparison
    from provenance_kernel.trials.lineage.lineage import Lineage
    from provenance_kernel.trials.query.detail import TrialDetail
    from provenance_kernel.trials.query.listing import TrialList
    from provenance_kernel.trials.query.results import Results
    from provenance_kernel.trials.query.values import Values
    from provenance_kernel.trials.refresh import Plan
    from provenance_kernel.trials.slicing.slice import Slice
    from provenance_kernel.trials.stale import Stale
    from provenance_kernel.types import Role
    from provenance_kernel.verify.report import Report

P = ParamSpec("P")
A = TypeVar("A")

registry.install()


def trials() -> TrialList:
    """Return all trials, the latest first."""
    return _ask(questions.list_)


def trial(id: str) -> TrialDetail:
    """Return a trial's cell runs and tracked values.

    A trial is named by its id, a unique prefix of it, `latest`, or `latest~N`, the N-th before it.
    Raises `TrialNotFound`, which names those that come closest.
    """
    return _ask(questions.show, id)


def compare(a: str, b: str) -> Comparison:
    """Return what differs between two trials, by stage."""
    return cast("Comparison", _ask(questions.compare, (a, b)))


def values(name: str) -> Values:
    """Return the values that a tracked name had, trial by trial."""
    return _ask(questions.values, name)


def results(
    *metrics: str,
    sort: str | None = None,
    ascending: bool = False,
    per: str | None = None,
    where: str | None = None,
    limit: int | None = None,
) -> Results:
    """Return results, the latest first: metrics with the parameters that they came from.

    `sort` is a metric or parameter, the greatest first; of each value of `per` only the first is
    returned; `where` is a condition such as `"f1 > 0.8 and depth = 3"`. Raises `SettingError`.
    """
    return _ask(
        questions.results,
        metrics,
        sort=sort,
        ascending=ascending,
        per=per,
        limit=limit,
        where=where,
    )


def lineage(name: str, trial: str = "latest") -> Lineage:
    """Return what a variable or tracked value came from, and what was made from it."""
    return _ask(questions.lineage, name, trial)


def slice(name: str, trial: str = "latest") -> Slice:
    """Return the code that suffices to compute a variable or tracked value again."""
    return _ask(questions.slice_, name, trial)


def stale(trial: str = "latest") -> Stale:
    """Return the cells that no longer follow from code, values and files as they are now."""
    return _ask(questions.stale, trial)


def refresh(*names: str, trial: str = "latest") -> Plan:
    """Run the stale cells again that these names come from, or all; return what is left.

    Shows the plan, then runs just those cells, in order, and stops at one that raises. A cell that
    came out fresh by then is left out. Outside of a session, and of another trial than the
    session's own, nothing runs: the plan is returned.
    """
    return run_plan(_ask(questions.refresh, names, trial))


def run_plan(plan: Plan) -> Plan:
    """Run the cells of a plan in this session if they are its own; return what is left."""
    recorder = active()
    if recorder is None or plan.trial != recorder.trial_id or not plan.steps:
        return plan
    from IPython import get_ipython
    from IPython.display import display

    from provenance_kernel.recorder import run_again

    display(plan)  # type: ignore[no-untyped-call,unused-ignore]
    shell = get_ipython()
    left = plan
    for step in plan.steps:
        cell = step.cell
        if all(each.cell.position != cell.position for each in left.steps):
            continue
        print(f"run {cell.position} again: {visible(cell.code)[:100]}", flush=True)
        failed = run_again(recorder, shell, step.source, step.metadata, cell.cell_id)
        if failed is not None:
            print(f"provenance: run {cell.position}: {failed}; stopped here", file=sys.stderr)
            break
        left = _ask(questions.refresh, plan.names, plan.trial)
    return left


def verify(trial: str = "latest", **options: Any) -> Report:
    """Run a trial, or a notebook's file, again in a copy of its folder, and say what differs.

    Options are `rtol`, `atol`, `runs`, `network`, `recorded_order`, `environment` and `timeout`
    (s, for a cell), as of the command. Raises `NotebookError` where nothing can be run.
    """
    from provenance_kernel.verify import whole
    from provenance_kernel.verify.work import Options

    return whole.verify(trial, record_target(), Path.cwd(), Options(**options))


def track(**values: object) -> None:
    """Record values as parameters of this trial: `track(lr=0.1)`."""
    _hand_over("parameter", values)


def metric(*, step: float | None = None, **values: object) -> None:
    """Record values as metrics of this trial: `metric(auc=0.93)`.

    With the parameters that hold at this moment they are a result. `metric(loss=0.2, step=3)` is
    a point of a series, which is one result, by its last step.
    """
    _hand_over("metric", values, step)


def _ask(question: Callable[Concatenate[Database, P], A], *given: P.args, **named: P.kwargs) -> A:
    with open_record() as database:
        return question(database, *given, **named)


def _hand_over(role: Role, values: dict[str, object], step: object = None) -> None:
    recorder = active()
    if recorder is None:
        print(
            f"provenance: {', '.join(values)}: tracked where nothing is recorded; use the kernel "
            "Python 3 (provenance) or %load_ext provenance_kernel",
            file=sys.stderr,
        )
        return
    number = json_value(step)[1]
    if step is not None and (number is None or not math.isfinite(number)):
        recorder.say(f"the step {step!r} is no number, so what it goes with is no series")
        number = None
    recorder.track(role, values, number)


def record_target() -> str | None:
    """Return the path or URL of the record, or None where it is to be looked for."""
    recorder = active()
    if recorder is not None:
        return str(recorder.target())
    return os.environ.get("PROVENANCE_DATABASE") or None


@contextmanager
def open_record() -> Iterator[Database]:
    """Open the database of the session, or the one the command would find, for a question."""
    with in_session():
        database = naming.open_database(record_target(), Path.cwd())
        try:
            yield database
        finally:
            database.close()


@contextmanager
def in_session() -> Iterator[None]:
    """Ask as the session that is recorded: of its trial, by a cell that is no part of it."""
    recorder = active()
    if recorder is not None:
        recorder.asking()
    token = naming.ASKING.set(recorder.trial_id if recorder is not None else None)
    try:
        yield
    finally:
        naming.ASKING.reset(token)
