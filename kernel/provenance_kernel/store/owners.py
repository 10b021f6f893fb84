"""Who writes a trial, and what becomes of trials whose process is gone."""

from __future__ import annotations

import socket
from datetime import datetime, timedelta

import psutil
from peewee import Database, PeeweeException

from provenance_kernel.records import Activation, CellRun, Trial, utc_now
from provenance_kernel.store.models import table

# A process's start time is derived from the boot time, which clock corrections move a little.
_CLOCK_SLACK = 2.0
# What nobody here can look at has died when it has shown nothing for so long.
SILENCE = timedelta(days=7)
# A statement takes so many values at most.
_AT_ONCE = 10_000


def host() -> str:
    """Return this machine's name, as trials record it."""
    return socket.gethostname()


def process_started_at(pid: int) -> float | None:
    """Return when a process of this machine started (seconds since the epoch), if it runs.

    One that has ended and that nobody has asked for its exit code, a zombie, runs no more.
    """
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        return float(process.create_time())
    except psutil.Error:
        return None


def mark_died(database: Database, at_most: int | None = None) -> int:
    """Give the status `died` to what runs no more: its process on this machine is gone.

    Processes of other machines cannot be looked at: a trial of theirs has died when it has begun
    no cell for `SILENCE`. Looks `at_most` at so many, the latest. Returns how many were marked.
    """
    trial = table(Trial)
    machine = host()
    latest = utc_now() - SILENCE
    gone, far = [], []
    since: dict[int, float | None] = {}
    running = (
        trial.select(
            trial.id, trial.host, trial.pid, trial.process_started_at, trial.started_at < latest
        )
        .where(trial.status == "running")
        .order_by(trial.id.desc())
        .limit(at_most)
        .tuples()
    )
    for one, where, pid, started, old in running.execute(database):
        if where == machine and pid is not None:
            if pid not in since:
                since[pid] = process_started_at(pid)
            if not _is(since[pid], started):
                gone.append(one)
        elif old:
            far.append(one)
    try:
        gone += _silent(database, far, latest)
        for at in range(0, len(gone), _AT_ONCE):
            with database.atomic():
                _mark(database, gone[at : at + _AT_ONCE])
    except PeeweeException:
        # Somebody else writes for long, or we may only read: the next to open it will do this.
        return 0
    return len(gone)


def _silent(database: Database, trials: list[str], since: datetime) -> list[str]:
    """Return those of the trials that have begun no cell since a time."""
    run = table(CellRun)
    heard: set[str] = set()
    for at in range(0, len(trials), _AT_ONCE):
        some = run.trial_id.in_(trials[at : at + _AT_ONCE])
        found = run.select(run.trial_id).where(some, run.started_at >= since).distinct()
        heard.update(one for (one,) in found.tuples().execute(database))
    return [one for one in trials if one not in heard]


def _mark(database: Database, gone: list[str]) -> None:
    trial, run, activation = table(Trial), table(CellRun), table(Activation)
    ended = run.trial_id.in_(gone)
    run.update(status="died").where(ended, run.status == "running").execute(database)
    # Their roots by way of the runs, which an index finds. A run may have been committed
    # as ended, and its process killed before what was seen of it.
    activation.update(status=run.select(run.status).where(run.id == activation.cell_run_id)).where(
        activation.cell_run_id.in_(run.select(run.id).where(ended)),
        activation.parent_id.is_null(),
        activation.status == "running",
    ).execute(database)
    trial.update(status="died").where(trial.id.in_(gone)).execute(database)


def _is(now: float | None, started: float | None) -> bool:
    """Tell from when the process of its number started whether it is the one that wrote a trial."""
    return now is not None and (started is None or abs(now - started) <= _CLOCK_SLACK)
