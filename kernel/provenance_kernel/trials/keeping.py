"""What is noted of trials, and which of them are old enough to be deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from peewee import Database, PeeweeException

from provenance_kernel.errors import DatabaseUnavailable, SettingError
from provenance_kernel.records import Note, Trial, utc_now
from provenance_kernel.store import reader
from provenance_kernel.store.database import FOLDER as RECORD
from provenance_kernel.store.database import reason
from provenance_kernel.store.removal import delete_trials, give_back
from provenance_kernel.store.reruns import kept_digests
from provenance_kernel.store.store import put
from provenance_kernel.trials.query.filters import moment
from provenance_kernel.trials.query.naming import find_trial, project_folder
from provenance_kernel.trials.query.outputs import contents


def noted(
    database: Database,
    trial: Trial,
    *,
    name: str | None = None,
    text: str | None = None,
    tags: Sequence[str] = (),
    untags: Sequence[str] = (),
    starred: bool | None = None,
) -> Note:
    """Note what is given of a trial, and return all that is noted; an empty text takes away."""
    before = reader.notes(database, [trial.id]).get(trial.id)
    found = before or Note(trial.id, None, None, [], False, utc_now())
    after = replace(
        found,
        name=found.name if name is None else name or None,
        text=found.text if text is None else text or None,
        tags=[each for each in dict.fromkeys([*found.tags, *tags]) if each not in untags],
        starred=found.starred if starred is None else starred,
    )
    if after != found:
        after = replace(after, changed_at=utc_now())
        put(database, [after])
    return after


def deletable(database: Database, names: Sequence[str]) -> list[str]:
    """Return the ids of trials that are to be deleted; raise `SettingError` where one runs."""
    found = [find_trial(database, each) for each in names]
    running = [each.id for each in found if each.status == "running"]
    if running:
        raise SettingError(f"{running[0]}: it still runs; a trial can be deleted when it has ended")
    return list(dict.fromkeys(each.id for each in found))


def delete(database: Database, ids: Sequence[str]) -> int:
    """Delete trials and what ran them again, give their space back, and return how many went.

    Of the files and outputs that are kept those go that no other trial met or showed.

    Raises `DatabaseUnavailable` where the database cannot be written.
    """
    try:
        gone = delete_trials(database, ids)
        project = project_folder(database)
        # What lies beside several databases may be another's.
        if project is not None and len(list((project / RECORD).glob("*.db"))) == 1:
            contents(database).clear(kept_digests(database))
    except PeeweeException as error:
        raise DatabaseUnavailable(f"it cannot be written: {reason(error)}") from error
    give_back(database)
    return gone


def prunable(
    database: Database, keep_last: int | None = None, older_than: str | None = None
) -> list[str]:
    """Return the ids of the trials that may go, the latest first.

    Those are neither starred nor running, begun before `older_than` (an age or a date), and not
    among the last `keep_last` of their notebook. Raises `SettingError`.
    """
    before = None if older_than is None else moment(older_than, utc_now(), "--older-than")
    starred = reader.starred(database)
    seen: Counter[str | None] = Counter()
    found = []
    for trial in reader.trials(database):
        seen[trial.notebook] += 1
        if keep_last is not None and seen[trial.notebook] <= keep_last:
            continue
        if before is not None and trial.started_at >= before:
            continue
        if trial.status != "running" and trial.id not in starred:
            found.append(trial.id)
    return found
