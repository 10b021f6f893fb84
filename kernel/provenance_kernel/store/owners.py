"""Who writes a trial, and what becomes of trials whose process is gone."""

from __future__ import annotations

import socket

import psutil
from peewee import Database, PeeweeException

from provenance_kernel.store.models import Activation, CellRun, Trial

# A process's start time is derived from the boot time, which clock corrections move a little.
_CLOCK_SLACK = 2.0


def host() -> str:
    """Return this machine's name, as trials record it."""
    return socket.gethostname()


def process_started_at(pid: int) -> float | None:
    """Return when a process of this machine started (seconds since the epoch), if it runs."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def mark_died(database: Database) -> int:
    """Give the status `died` to what runs no more: its process on this machine is gone.

    Trials of other machines are left as they are, since nothing here can tell. Returns how
    many trials were marked.
    """
    machine = host()
    running = (
        Trial.select(Trial.id, Trial.pid, Trial.process_started_at)
        .where(Trial.status == "running", Trial.host == machine, Trial.pid.is_null(False))
        .tuples()
    )
    gone = [trial for trial, pid, started in running.execute(database) if not _runs(pid, started)]
    if not gone:
        return 0
    ended = CellRun.status == "running", CellRun.trial_id.in_(gone)
    try:
        with database.atomic():
            CellRun.update(status="died").where(*ended).execute(database)
            # Their roots by way of the runs, which an index finds. A run may have been committed
            # as ended, and its process killed before what was seen of it.
            Activation.update(
                status=CellRun.select(CellRun.status).where(CellRun.id == Activation.cell_run_id)
            ).where(
                Activation.cell_run_id.in_(
                    CellRun.select(CellRun.id).where(CellRun.trial_id.in_(gone))
                ),
                Activation.parent_id.is_null(),
                Activation.status == "running",
            ).execute(database)
            Trial.update(status="died").where(Trial.id.in_(gone)).execute(database)
    except PeeweeException:
        # Somebody else writes for long, or we may only read: the next to open it will do this.
        return 0
    return len(gone)


def _runs(pid: int, started: float | None) -> bool:
    now = process_started_at(pid)
    return now is not None and (started is None or abs(now - started) <= _CLOCK_SLACK)
