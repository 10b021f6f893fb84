"""Which trials a person means by notebook, stage, time and a condition on tracked values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import PurePath

from peewee import Database

from provenance_kernel.errors import SettingError
from provenance_kernel.records import utc_now
from provenance_kernel.stages import normalised
from provenance_kernel.store import reader, tracked_values
from provenance_kernel.trials.query import condition

_AGO = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(min|m|h|d|w)", re.IGNORECASE)
_SECONDS = {"m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a person asked for; what is None does not matter.

    `notebook` is a file's name with or without its suffix, a path, or a pattern of either;
    `since` a date, a time or an age (`7d`, `12h`); `where` a condition on tracked values.
    """

    notebook: str | None = None
    stage: str | None = None
    since: str | None = None
    where: str | None = None


def matching(database: Database, filters: Filters) -> list[str] | None:
    """Return the ids of the trials that pass, the latest first; None where all do.

    Raises `SettingError` where a filter cannot be understood or names what never was.
    """
    if filters == Filters():
        return None
    notebook_of = reader.notebooks(database)
    ids = list(notebook_of)
    if filters.since is not None:
        recent = reader.trials_since(database, moment(filters.since, utc_now()))
        ids = [trial for trial in ids if trial in recent]
    if filters.notebook is not None:
        notebooks = set(filter(None, notebook_of.values()))
        wanted = {each for each in notebooks if is_notebook(each, filters.notebook)}
        if not wanted:
            names = sorted({PurePath(each).name for each in notebooks})
            raise SettingError(
                f"--notebook: no trial ran {filters.notebook!r}{closest(filters.notebook, names)}"
            )
        ids = [trial for trial in ids if notebook_of[trial] in wanted]
    if filters.stage is not None:
        stage = normalised(filters.stage)
        having = reader.trials_with_stage(database, stage)
        if not having:
            known = reader.stages(database)
            raise SettingError(
                f"--stage: no trial has a cell of stage {stage!r}{closest(stage, known)}"
            )
        ids = [trial for trial in ids if trial in having]
    if filters.where is not None:
        ids = _where(database, filters.where, ids)
    return ids


def is_notebook(path: str, wanted: str) -> bool:
    """Tell whether a notebook goes by that name, path or pattern."""
    pure = PurePath(path)
    names = (path, pure.name, pure.stem)
    tail = PurePath(wanted).parts
    return (
        wanted in names
        or (len(tail) > 1 and pure.parts[-len(tail) :] == tail)
        or any(fnmatchcase(name, wanted) for name in names)
    )


def moment(text: str, now: datetime, option: str = "--since") -> datetime:
    """Return the time that a date, a time or an age before `now` names.

    One without a zone is this machine's. Raises `SettingError`.
    """
    if match := _AGO.fullmatch(text.strip()):
        try:
            return now - timedelta(seconds=float(match[1]) * _SECONDS[match[2].lower()])
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)
    try:
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise SettingError(
            f"{option}: {text!r} is no time; give a date (2026-03-01), a time (2026-03-01T12:00) "
            "or an age (30min, 12h, 7d, 2w)"
        ) from error


def closest(name: str, known: list[str]) -> str:
    """Return the end of a message that says which known names come closest."""
    import difflib

    by_lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), list(by_lower), 3, 0.5)
    if near:
        return f"; did you mean {', '.join(by_lower[each] for each in near)}?"
    if not known:
        return "; there are none yet"
    more = ", …" if len(known) > 5 else ""
    return (
        f"; there are {', '.join(known[:5])}{more}" if len(known) > 1 else f"; there is {known[0]}"
    )


def _where(database: Database, text: str, ids: list[str]) -> list[str]:
    known = tracked_values.names(database)
    asked = condition.parse(text)
    values = {}
    for name, place in asked.names.items():
        stored = condition.canonical(name, known)
        if stored is None:
            raise condition.error(
                text, place, f"no value named {name!r} was tracked{closest(name, known)}"
            )
        values[name] = tracked_values.last_values(database, stored)
    return [
        trial
        for trial in ids
        if asked.holds(
            {
                name: condition.comparable(*last[trial])
                for name, last in values.items()
                if trial in last
            }
        )
    ]
