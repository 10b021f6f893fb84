"""Records of trials that were run again: verifications, findings, and all rows of a trial."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from peewee import Database

from provenance_kernel.records import (
    Activation,
    CellRun,
    Dependency,
    Event,
    FileAccess,
    Finding,
    Note,
    Output,
    Package,
    RandomState,
    StageTag,
    Statement,
    TrackedValue,
    Trial,
    Variable,
    Verification,
)
from provenance_kernel.store import border, reader
from provenance_kernel.store.database import BUSY_SECONDS, connect
from provenance_kernel.store.models import table
from provenance_kernel.store.removal import delete_trials

# What hangs on a trial or its cell runs, after what it refers to.
_OF_RUNS: tuple[type, ...] = (
    Activation,
    StageTag,
    Variable,
    Dependency,
    Statement,
    TrackedValue,
    FileAccess,
    Output,
    RandomState,
    Event,
)


def verifications(database: Database, trial_ids: Collection[str]) -> dict[str, Verification]:
    """Return the last verification of each of these trials that has one."""
    row = table(Verification)
    query = reader.select(Verification).where(row.trial_id.in_(list(trial_ids))).order_by(row.id)
    return {each.trial_id: each for each in border.records(database, Verification, query)}


def findings(database: Database, verification_id: str) -> list[Finding]:
    """Return what a verification found, in order."""
    row = table(Finding)
    query = reader.select(Finding).where(row.verification_id == verification_id)
    return border.records(database, Finding, query.order_by(row.id))


def latest_of(database: Database, notebook: str) -> Trial | None:
    """Return the latest trial of a notebook's path."""
    trial = table(Trial)
    query = reader.latest(reader.select(Trial).where(trial.notebook == notebook, reader.is_own()))
    return next(iter(border.records(database, Trial, query.limit(1))), None)


def copy_as_of(source: Path, target: Path, moment: datetime | None) -> None:
    """Copy a database's file, without the trials that started, and what was verified, since.

    Raises `sqlite3.Error` and `DatabaseUnavailable`.
    """
    there = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
    with closing(there), closing(sqlite3.connect(target)) as here:
        there.backup(here)
    if moment is None:
        return
    database = connect(target)
    try:
        made, found = table(Verification), table(Finding)
        since = made.select(made.id).where(made.created_at >= moment)
        found.delete().where(found.verification_id.in_(since)).execute(database)
        made.delete().where(made.created_at >= moment).execute(database)
        delete_trials(database, list(reader.trials_since(database, moment)))
    finally:
        database.close()


def everything(database: Database, trial_id: str) -> list[object]:
    """Return all records of a trial, what they refer to before what refers to it."""
    found: list[object] = []
    for trial in reader.trials_by_id(database, [trial_id]):
        here = reader.environment(database, trial.environment_id)
        if here is not None:
            packaged = reader.packages(database, here.id)
            found += [here, *(Package(here.id, *each) for each in packaged.items())]
        found.append(trial)
    runs = reader.of_trial(database, CellRun, trial_id, questions=True)
    found += reader.codes(database, {run.code_hash for run in runs}).values()
    found += runs
    for record in _OF_RUNS:
        found += reader.of_trial(database, record, trial_id, questions=True)
    return found


def starred_digests(database: Database) -> set[str]:
    """Return the digests of all that starred trials met in files, and showed."""
    run, note = table(CellRun), table(Note)
    starred = note.select(note.trial_id).where(note.starred)
    return _digests(database, run.select(run.id).where(run.trial_id.in_(starred)))


def kept_digests(database: Database) -> set[str]:
    """Return the digests of all that any trial met in files, or showed."""
    run = table(CellRun)
    return _digests(database, run.select(run.id))


def _digests(database: Database, runs: Any) -> set[str]:
    file, output = table(FileAccess), table(Output)
    queries = (
        file.select(file.digest_before, file.digest_after).where(file.cell_run_id.in_(runs)),
        output.select(output.digest).where(output.cell_run_id.in_(runs)),
    )
    return {
        digest
        for query in queries
        for row in database.execute(query).fetchall()
        for digest in row
        if digest
    }
