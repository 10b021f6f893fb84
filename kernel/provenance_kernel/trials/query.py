"""Finding trials by the names people give them, and what a trial ran."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path

from peewee import Database

from provenance_kernel.errors import DatabaseUnavailable, TrialNotFound
from provenance_kernel.records import CellRun, Trial
from provenance_kernel.store import reader
from provenance_kernel.store.database import connect, locate, sqlite_path
from provenance_kernel.store.owners import mark_died

_LATEST = re.compile(r"latest(?:~(\d+))?")
_HEX = re.compile(r"[0-9a-f][0-9a-f-]*")
SHORTEST_PREFIX = 8


@dataclass(frozen=True, slots=True)
class TrialSummary:
    """A trial in a list: what it is, and how many of its cell runs had each status."""

    trial: Trial
    cell_runs: dict[str, int]
    prefix: str


@dataclass(frozen=True, slots=True)
class CellRunSummary:
    """A cell run in a list, with its stages and source."""

    run: CellRun
    stages: tuple[str, ...]
    source: str


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
    mark_died(database)
    return database


def count_trials(database: Database) -> int:
    """Return how many trials there are."""
    return len(reader.trial_ids(database))


def list_trials(database: Database, limit: int | None = None) -> list[TrialSummary]:
    """Return trials, the latest first, each with the shortest prefix that names it alone."""
    found = reader.trials(database, limit)
    counts = reader.cell_run_counts(database, [trial.id for trial in found])
    names = prefixes(database, [trial.id for trial in found])
    return [TrialSummary(trial, counts[trial.id], names[trial.id]) for trial in found]


def prefixes(database: Database, ids: list[str]) -> dict[str, str]:
    """Return, for each id, the shortest prefix that no other trial's id has."""
    every = reader.trial_ids(database)
    found = {}
    for trial in ids:
        at = bisect_left(every, trial)
        length = _told_apart(trial, every[at - 1]) if at else SHORTEST_PREFIX
        if at + 1 < len(every):
            length = max(length, _told_apart(trial, every[at + 1]))
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

    Raises `TrialNotFound`, which names those that come closest.
    """
    text = name.strip().lower()
    if match := _LATEST.fullmatch(text):
        back = int(match[1] or 0)
        found = reader.trials(database, 1, min(back, 2**62))
        if found:
            return found[0]
        count = len(reader.trial_ids(database))
        raise TrialNotFound(
            "there are no trials yet"
            if count == 0
            else f"{name}: there is only 1 trial"
            if count == 1
            else f"{name}: there are only {count} trials"
        )
    found = reader.trials_by_prefix(database, text, 6) if _HEX.fullmatch(text) else []
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(trial.id for trial in found[:5])
        more = ", …" if len(found) > 5 else ""
        raise TrialNotFound(f"{name}: several trials start so: {ids}{more}")
    raise TrialNotFound(f"{name or repr(name)}: no such trial{_closest(database, text)}")


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


def list_cell_runs(database: Database, trial: Trial) -> list[CellRunSummary]:
    """Return a trial's cell runs in order, with their stages and sources."""
    runs = reader.cell_runs(database, trial.id)
    stages: dict[str, dict[str, None]] = {}
    for tag in reader.stage_tags(database, trial.id):
        stages.setdefault(tag.cell_run_id, {})[tag.stage] = None
    sources = reader.codes(database, sorted({run.code_hash for run in runs}))
    return [
        CellRunSummary(run, tuple(stages.get(run.id, ())), sources[run.code_hash].source)
        for run in runs
    ]
