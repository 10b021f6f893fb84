"""The row of a trial that begins in this process."""

from __future__ import annotations

import getpass
import os
from datetime import datetime

from provenance_kernel.records import Trial
from provenance_kernel.settings import Settings
from provenance_kernel.store.owners import host, process_started_at


def begun_trial(
    settings: Settings,
    trial_id: str,
    started_at: datetime,
    notebook: str | None,
    notebook_from: str | None,
    tracer: str,
) -> Trial:
    """Return the running trial of a session, with the process that it is in."""
    pid = os.getpid()
    return Trial(
        id=trial_id,
        notebook=notebook,
        kind=settings.trial_kind,
        parent_id=settings.parent_trial,
        status="running",
        started_at=started_at,
        user=_user(),
        host=host(),
        tracer=tracer,
        pid=pid,
        process_started_at=process_started_at(pid),
        notebook_from=notebook_from,
    )


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run us as a user that has no name.
        return None
