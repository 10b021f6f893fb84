"""Small records to put in a store, each with what a test does not care for filled in."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from provenance_kernel.fingerprint.source import ast_hash, code_hash
from provenance_kernel.records import Activation, CellRun, Code, Event, StageTag, Trial, new_id
from provenance_kernel.store.owners import host, process_started_at

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
# What a later version of this package leaves in a database.
FUTURE = "INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030-01-01')"


def write(path: Path, sql: str) -> None:
    """Change a database as somebody else does, with SQLite and nothing of ours."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def a_trial(**values: Any) -> Trial:
    """A trial of this process."""
    return Trial(
        **{
            "id": new_id(),
            "notebook": "/home/ada/fraud.ipynb",
            "kind": "interactive",
            "status": "running",
            "started_at": NOON,
            "user": "ada",
            "host": host(),
            "pid": os.getpid(),
            "process_started_at": process_started_at(os.getpid()),
            **values,
        }
    )


def a_code(source: str = "x = 1") -> Code:
    return Code(code_hash(source), ast_hash(source), source)


def a_run(trial: Trial, source: str = "x = 1", **values: Any) -> CellRun:
    return CellRun(
        **{
            "id": new_id(),
            "trial_id": trial.id,
            "position": 1,
            "execution_count": 1,
            "cell_id": None,
            "code_hash": code_hash(source),
            "status": "ok",
            "started_at": NOON,
            "duration": 0.25,
            **values,
        }
    )


def an_activation(run: CellRun, **values: Any) -> Activation:
    return Activation(
        **{
            "id": new_id(),
            "trial_id": run.trial_id,
            "cell_run_id": run.id,
            "parent_id": None,
            "name": "<cell>",
            "line": 1,
            "started_at": NOON,
            "status": run.status,
            **values,
        }
    )


def a_tag(run: CellRun, stage: str, activation: Activation | None = None) -> StageTag:
    return StageTag(
        id=new_id(),
        trial_id=run.trial_id,
        cell_run_id=run.id,
        stage=stage,
        label=stage,
        origin="comment",
        code_hash=run.code_hash,
        activation_id=activation.id if activation else None,
    )


def an_event(trial: Trial, message: str = "", **values: Any) -> Event:
    return Event(
        **{
            "id": new_id(),
            "trial_id": trial.id,
            "cell_run_id": None,
            "kind": "fault",
            "message": message,
            "created_at": NOON,
            **values,
        }
    )


def a_session(*cells: tuple[str, str, str], **values: Any) -> list[object]:
    """The records of a whole trial; each cell is its stages (`a, b`), source and status."""
    trial = a_trial(**values)
    records: list[object] = [trial]
    for position, (stages, source, status) in enumerate(cells, 1):
        run = a_run(trial, source, position=position, execution_count=position, status=status)
        root = an_activation(run)
        records += [a_code(source), run, root]
        records += [a_tag(run, each, root) for each in stages.split(", ") if each]
    return records
