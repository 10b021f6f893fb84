"""Taking trials out of a database, with all that is recorded of them, and the space they took."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import reduce
from operator import add
from typing import Any

from peewee import Database, PeeweeException, SqliteDatabase, TextField, fn

from provenance_kernel.records import (
    CellRun,
    Code,
    Environment,
    Package,
    ResultParameter,
    TrackedValue,
    Trial,
    Verification,
)
from provenance_kernel.store.border import as_stored
from provenance_kernel.store.models import MODELS, table

_KEYS = 500
# What a number, or the frame of a row, takes about.
_NUMBER, _ROW = 8, 16


def delete_trials(database: Database, ids: Collection[str]) -> int:
    """Delete trials, their re-runs, and what nothing else refers to; return how many trials.

    All in one transaction. Raises Peewee's errors where the database cannot be written.
    """
    trial, run = table(Trial), table(CellRun)
    every = _with_reruns(database, ids)
    value, link = table(TrackedValue), table(ResultParameter)
    with database.atomic():
        for part in _parts(every):
            runs = run.select(run.id).where(run.trial_id.in_(part))
            metrics = value.select(value.id).where(value.trial_id.in_(part))
            link.delete().where(link.metric_id.in_(metrics)).execute(database)
            for of, key in _hanging("verification_id"):
                parents = table(Verification)
                gone = parents.select(parents.id).where(parents.trial_id.in_(part))
                of.delete().where(key.in_(gone)).execute(database)
            for of, key in _hanging("cell_run_id"):
                of.delete().where(key.in_(runs)).execute(database)
            for of, key in _hanging("trial_id"):
                if of is not run:
                    of.delete().where(key.in_(part)).execute(database)
            run.delete().where(run.trial_id.in_(part)).execute(database)
            trial.delete().where(trial.id.in_(part)).execute(database)
        _orphans(database)
    return len(every)


def give_back(database: Database) -> None:
    """Give the space of what was deleted back to the file system, where nobody else writes."""
    if isinstance(database, SqliteDatabase):
        with suppress(PeeweeException):
            database.execute_sql("VACUUM")
            database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def sizes(database: Database, ids: Collection[str]) -> dict[str, int]:
    """Return about how many bytes of the database trials take, without indexes."""
    run = table(CellRun)
    found = dict.fromkeys(ids, 0)
    for part in _parts(list(ids)):
        for of, key in (*_hanging("cell_run_id"), *_hanging("trial_id")):
            by_trial = hasattr(of, "trial_id")
            trial = of.trial_id if by_trial else run.trial_id
            query = of.select(trial, fn.SUM(_length(of)))
            if not by_trial:
                query = query.join(run, on=(run.id == key))
            for each, nbytes in as_stored(database, query.where(trial.in_(part)).group_by(trial)):
                found[each] += int(nbytes or 0)
    return found


def _length(of: Any) -> Any:
    """Return an expression for the bytes of a row."""
    columns = of._meta.sorted_fields
    texts = [fn.COALESCE(fn.LENGTH(each), 0) for each in columns if isinstance(each, TextField)]
    return reduce(add, texts) + (_ROW + _NUMBER * (len(columns) - len(texts)))


def _hanging(column: str) -> Iterator[tuple[Any, Any]]:
    """Give the tables that have a column, with it; what has a trial's id goes by that."""
    for model in MODELS.values():
        of: Any = model
        if column == "cell_run_id" and hasattr(of, "trial_id"):
            continue
        if hasattr(of, column):
            yield of, getattr(of, column)


def _with_reruns(database: Database, ids: Collection[str]) -> list[str]:
    """Return the trials and those that were made to run them again."""
    trial = table(Trial)
    every = dict.fromkeys(ids)
    waiting = list(every)
    while waiting:
        found = [
            each
            for part in _parts(waiting)
            for (each,) in database.execute(trial.select(trial.id).where(trial.parent_id.in_(part)))
        ]
        waiting = [each for each in found if each not in every]
        every |= dict.fromkeys(waiting)
    return list(every)


def _orphans(database: Database) -> None:
    """Delete sources and environments that no trial has any more."""
    run, trial, code = table(CellRun), table(Trial), table(Code)
    code.delete().where(code.hash.not_in(run.select(run.code_hash))).execute(database)
    kept = trial.select(trial.environment_id).where(trial.environment_id.is_null(False))
    for of, key in (
        (table(Environment), table(Environment).id),
        (table(Package), table(Package).environment_id),
    ):
        of.delete().where(key.not_in(kept)).execute(database)


def _parts(ids: list[str]) -> list[list[str]]:
    return [ids[at : at + _KEYS] for at in range(0, len(ids), _KEYS)]
