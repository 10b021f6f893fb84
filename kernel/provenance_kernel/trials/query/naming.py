"""Finding databases and trials by the names that people give them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path, PurePath

from peewee import Database, PeeweeException

from provenance_kernel.errors import DatabaseUnavailable, TrialNotFound
from provenance_kernel.records import Trial
from provenance_kernel.store import border, reader
from provenance_kernel.store.database import (
    connect,
    connect_to_read,
    file_of,
    locate,
    sqlite_path,
)
from provenance_kernel.store.owners import mark_died
from provenance_kernel.trials.history import TrialAt, at

_LATEST = re.compile(r"latest(?:~(\d+))?")
_AT = re.compile(r"(.*)@\s*(\d{1,9})\s*", re.DOTALL)
_HEX = re.compile(r"[0-9a-f][0-9a-f-]*")
SHORTEST_PREFIX = 8

# The trial of the session that asks. There `latest` is that one, and `latest~1` the one before it
# of the same notebook.
ASKING: ContextVar[str | None] = ContextVar("provenance_asking", default=None)


def open_database(target: str | None, folder: Path) -> Database:
    """Open the database that a person means, for reading; mark what died in the meantime.

    Raises `DatabaseUnavailable` where there is none.
    """
    path = locate(folder) if target is None else sqlite_path(target)
    if target is None and path is not None and not path.exists():
        raise DatabaseUnavailable(
            f"no provenance database in {folder} or above it (looked for {path.parent.name}/"
            f"{path.name}); run a notebook on the provenance kernel there, or name one "
            "with --database"
        )
    database = connect(path if path is not None else str(target), create=False)
    border.guard(database)
    # Who may only read, or is kept from writing, asks all the same.
    with suppress(PeeweeException, sqlite3.Error):
        mark_died(database)
    return database


def open_to_read(path: Path) -> Database:
    """Open a database's file so that nothing is written to it, not even what died meanwhile.

    Raises `DatabaseUnavailable`, `SchemaTooOld` or `SchemaTooNew`.
    """
    database = connect_to_read(path)
    border.guard(database)
    return database


def unsound(database: Database) -> str | None:
    """Return a sentence on the rows that could not be read, where there were any."""
    notes = border.notes(database)
    if not notes:
        return None
    more = f" (and {len(notes) - 1} more)" if len(notes) > 1 else ""
    return f"left out, as it cannot be read: {notes[0]}{more}"


def project_folder(database: Database) -> Path | None:
    """Return the folder that recorded paths are relative to: the one around `.provenance`."""
    path = file_of(database)
    if path is None:
        return None
    folder = path.parent
    return folder.parent if folder.name == ".provenance" else None


def prefixes(database: Database, ids: Iterable[str]) -> dict[str, str]:
    """Return, for each id, the shortest prefix that no other trial's id has."""
    wanted = list(ids)
    beside = reader.neighbours(database, wanted)
    found = {}
    for trial in wanted:
        length = max(_told_apart(trial, other) for other in beside.get(trial, ("", "")))
        found[trial] = trial[:length].rstrip("-")
    return found


def _told_apart(one: str, other: str) -> int:
    """Return how much of an id is needed to tell it from another."""
    length = SHORTEST_PREFIX
    while one[:length] == other[:length] and length < len(one):
        length += 1
    return length


def find_trial(database: Database, name: str) -> Trial:
    """Return the trial of that name: a full id, a unique prefix, `latest` or `latest~N`.

    With `@RUN` behind it, the trial as it stood after the cell run at that position, a `TrialAt`.
    Raises `TrialNotFound`, which names those that come closest.
    """
    if match := _AT.fullmatch(name):
        return _at(database, find_trial(database, match[1] or "latest"), name, int(match[2]))
    text = name.strip().lower()
    if match := _LATEST.fullmatch(text):
        return _latest(database, name, int(match[1] or 0))
    found = reader.trials_by_prefix(database, text, 6) if _HEX.fullmatch(text) else []
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(trial.id for trial in found[:5])
        more = ", …" if len(found) > 5 else ""
        raise TrialNotFound(f"{name}: several trials start so: {ids}{more}")
    raise TrialNotFound(f"{name or repr(name)}: no such trial{_closest(database, text)}")


def _latest(database: Database, name: str, back: int) -> Trial:
    own = reader.trials_by_id(database, [asking] if (asking := ASKING.get()) else [])
    if own:
        of = f" of {PurePath(own[0].notebook).name}" if own[0].notebook else ""
        found = [*own, *reader.trials_before(database, own[0], back)]
        if back < len(found):
            return found[back]
        count = len(found)
    else:
        of = ""
        found = reader.trials(database, 1, min(back, 2**62))
        if found:
            return found[0]
        count = reader.count_trials(database)
    raise TrialNotFound(
        "there are no trials yet"
        if count == 0
        else f"{name}: there is only 1 trial{of}"
        if count == 1
        else f"{name}: there are only {count} trials{of}"
    )


def _at(database: Database, trial: Trial, name: str, position: int) -> TrialAt:
    last = reader.last_position(database, trial.id)
    if not 1 <= position <= last:
        runs = f"its cell runs are 1 to {last}" if last else "it has no cell runs"
        raise TrialNotFound(f"{name}: {runs}")
    return at(trial, position)


def _closest(database: Database, text: str) -> str:
    import difflib

    ids = [trial.id for trial in reader.trials(database, 1000)]
    wanted = text.replace("-", "")
    beginnings: dict[str, list[str]] = {}
    for each in ids:
        beginnings.setdefault(each.replace("-", "")[: max(len(wanted), 8)], []).append(each)
    near = difflib.get_close_matches(wanted, beginnings, 3, 0.6)
    if near:
        closest = [each for beginning in near for each in beginnings[beginning]][:3]
        return f"; did you mean {', '.join(prefixes(database, closest).values())}?"
    return f"; the latest is {ids[0]}" if ids else "; there are no trials yet"
