"""The public functions: questions to the record, and values that code hands to it.

In a session that is recorded the record is the session's own; elsewhere it is found as the
command finds it. Each question opens the database and closes it again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from provenance_kernel.display import renderer
from provenance_kernel.recorder import active
from provenance_kernel.trials import query

if TYPE_CHECKING:
    from peewee import Database

    from provenance_kernel.trials.compare import Comparison
    from provenance_kernel.trials.lineage import Lineage
    from provenance_kernel.trials.listing import TrialDetail, TrialList
    from provenance_kernel.trials.slice import Slice
    from provenance_kernel.trials.values import Values
    from provenance_kernel.types import Role

renderer.install()


def trials() -> TrialList:
    """Return all trials, the latest first."""
    from provenance_kernel.trials import listing

    with open_record() as database:
        return listing.list_trials(database)


def trial(id: str) -> TrialDetail:
    """Return a trial's cell runs and tracked values.

    A trial is named by its id, a unique prefix of it, `latest`, or `latest~N`, the N-th before it.
    Raises `TrialNotFound`, which names those that come closest.
    """
    from provenance_kernel.trials import listing

    with open_record() as database:
        return listing.show_trial(database, query.find_trial(database, id))


def compare(a: str, b: str) -> Comparison:
    """Return what differs between two trials, by stage."""
    from provenance_kernel.trials import compare as comparing

    with open_record() as database:
        return comparing.compare(
            database, query.find_trial(database, a), query.find_trial(database, b)
        )


def values(name: str) -> Values:
    """Return the values that a tracked name had, trial by trial."""
    from provenance_kernel.trials import values as valuing

    with open_record() as database:
        return valuing.values(database, name)


def lineage(name: str, trial: str = "latest") -> Lineage:
    """Return what a variable or tracked value came from, and what was made from it."""
    from provenance_kernel.trials import lineage as tracing

    with open_record() as database:
        return tracing.lineage_of(database, name, trial)


def slice(name: str, trial: str = "latest") -> Slice:
    """Return the code that suffices to compute a variable or tracked value again."""
    from provenance_kernel.trials import slice as slicing

    with open_record() as database:
        return slicing.slice_of(database, name, trial)


def track(**values: object) -> None:
    """Record values as parameters of this trial: `track(lr=0.1)`."""
    _hand_over("parameter", values)


def metric(**values: object) -> None:
    """Record values as metrics of this trial: `metric(auc=0.93)`."""
    _hand_over("metric", values)


def _hand_over(role: Role, values: dict[str, object]) -> None:
    recorder = active()
    if recorder is None:
        print(
            f"provenance: {', '.join(values)}: tracked where nothing is recorded; use the kernel "
            "Python 3 (provenance) or %load_ext provenance_kernel",
            file=sys.stderr,
        )
        return
    recorder.track(role, values)


def record_target() -> str | None:
    """Return the path or URL of the record, or None where it is to be looked for."""
    recorder = active()
    if recorder is not None:
        return str(recorder.target())
    return os.environ.get("PROVENANCE_DATABASE") or None


@contextmanager
def open_record() -> Iterator[Database]:
    """Open the database of the session, or the one the command would find, for a question."""
    database = query.open_database(record_target(), Path.cwd())
    try:
        yield database
    finally:
        database.close()
