"""The ways records come out of a database. Rows stay here; records leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from peewee import Database, Expression, fn

from provenance_kernel.records import CellRun, Code, StageTag, Trial
from provenance_kernel.store.models import MODELS, Row
from provenance_kernel.store.models import CellRun as CellRunRow
from provenance_kernel.store.models import Code as CodeRow
from provenance_kernel.store.models import StageTag as StageTagRow
from provenance_kernel.store.models import Trial as TrialRow

T = TypeVar("T")


def trials(database: Database, limit: int | None = None, offset: int = 0) -> list[Trial]:
    """Return trials, the latest first."""
    query = TrialRow.select().order_by(TrialRow.started_at.desc(), TrialRow.id.desc())
    return _records(database, Trial, query.limit(limit).offset(offset))


def trial_ids(database: Database) -> list[str]:
    """Return the ids of all trials, in order."""
    query = TrialRow.select(TrialRow.id).order_by(TrialRow.id)
    return [trial for (trial,) in query.tuples().execute(database)]


def trials_by_prefix(database: Database, prefix: str, limit: int) -> list[Trial]:
    """Return trials whose id starts so, oldest first."""
    query = TrialRow.select().where(TrialRow.id >= prefix, TrialRow.id < prefix + "g")
    return _records(database, Trial, query.order_by(TrialRow.id).limit(limit))


def cell_run_counts(database: Database, trial_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return how many cell runs of each status trials have."""
    query = (
        CellRunRow.select(CellRunRow.trial_id, CellRunRow.status, fn.COUNT(CellRunRow.id))
        .where(CellRunRow.trial_id.in_(list(trial_ids)))
        .group_by(CellRunRow.trial_id, CellRunRow.status)
    )
    counts: dict[str, dict[str, int]] = {trial: {} for trial in trial_ids}
    for trial, status, count in query.tuples().execute(database):
        counts[trial][status] = count
    return counts


def cell_runs(database: Database, trial_id: str) -> list[CellRun]:
    """Return a trial's cell runs in the order they began."""
    where = CellRunRow.trial_id == trial_id
    return _where(database, CellRun, where, CellRunRow.position)


def stage_tags(database: Database, trial_id: str) -> list[StageTag]:
    """Return a trial's stage tags in the order they were made."""
    return _where(database, StageTag, StageTagRow.trial_id == trial_id, StageTagRow.id)


def codes(database: Database, hashes: Sequence[str]) -> dict[str, Code]:
    """Return the codes that have these hashes, by hash."""
    found: dict[str, Code] = {}
    for start in range(0, len(hashes), 500):
        query = CodeRow.select().where(CodeRow.hash.in_(list(hashes[start : start + 500])))
        found |= {code.hash: code for code in _records(database, Code, query)}
    return found


def _where(database: Database, record: type[T], where: Expression, order: Any) -> list[T]:
    model: type[Row] = MODELS[record]
    return _records(database, record, model.select().where(where).order_by(order))


def _records(database: Database, record: type[T], query: Any) -> list[T]:
    return [record(**row) for row in query.dicts().execute(database)]
