"""Which cells no longer follow from the code, values and files as they are now, and why.

A cell is what has one id, or one source where no frontend gives ids; its last run counts. It is
stale where its code was edited since, a cell that it read a value from ran again and left another,
a file that it read has other content, or a cell upstream is stale. A cell that ran again and left
the same digest makes nothing stale.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from peewee import Database

from provenance_kernel.capture.content import Content, Digests
from provenance_kernel.errors import NotebookError
from provenance_kernel.fingerprint.source import ast_hash
from provenance_kernel.records import Trial
from provenance_kernel.trials.answer import Answer, Tabular, plain
from provenance_kernel.trials.history import History, Run, bounded, left_out, read_history
from provenance_kernel.trials.query.naming import find_trial, project_folder
from provenance_kernel.trials.source import first_line

Reason = Literal["edited", "input", "file", "upstream"]
Found = tuple[Reason, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class StaleCell:
    """A stale cell: `position` and `duration` (s) are of its last run, `names` say what is stale.

    `names` are the variables read that are others now, the files that have other content, or the
    variables that come from stale cells.
    """

    cell_id: str | None
    position: int
    reason: Reason
    names: tuple[str, ...]
    duration: float | None
    stage: str | None
    code: str


@dataclass(frozen=True)
class Stale(Answer, Tabular):
    """The stale cells of a trial, in the order in which they last ran.

    `cells` counts all cells, and `edits` tells whether it is known which were edited since;
    `left_out` says which runs were not looked at, if there are so many.
    """

    trial: str
    stale: tuple[StaleCell, ...]
    cells: int
    edits: bool
    left_out: str | None = None

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each stale cell."""
        return [plain(each) for each in self.stale]


def stale_cells(
    database: Database, trial: str | Trial = "latest", sources: Mapping[str, str] | None = None
) -> Stale:
    """Return which cells of a trial are stale.

    `sources` are the cells' present sources by id, as a frontend tells them; otherwise they are
    read from the trial's notebook, if its file is still there. Files are read anew.
    """
    looked = look(database, trial, sources)
    return Stale(
        trial=looked.trial.id,
        stale=tuple(
            told(run, looked.why[key])
            for key, run in sorted(looked.cells.last.items(), key=lambda each: each[1].position)
            if key in looked.why
        ),
        cells=len(looked.cells.last),
        edits=looked.sources is not None,
        left_out=left_out(looked.trial),
    )


@dataclass(frozen=True, slots=True)
class Looked:
    """The cells of a trial, their present sources where these are known, and why some are stale.

    `why` and `cells.last` are by the cells' keys.
    """

    trial: Trial
    cells: Cells
    sources: Mapping[str, str] | None
    why: dict[str, Found]


def look(database: Database, trial: str | Trial, sources: Mapping[str, str] | None) -> Looked:
    """Return the cells of a trial, and which are stale, as `stale_cells` tells."""
    found = trial if isinstance(trial, Trial) else find_trial(database, trial)
    found = bounded(database, found)
    history = read_history(database, found, calls=False)
    if sources is None:
        sources = _saved_sources(found.notebook)
    cells = Cells(history)
    files = _Files(project_folder(database) or Path.cwd())
    why: dict[str, Found] = {}
    for key, run in cells.last.items():
        reason = _edited(run, sources) or cells.other_input(run) or files.other(run)
        if reason is not None:
            why[key] = reason
    cells.spread(why)
    return Looked(found, cells, sources, why)


class Cells:
    """The cells of a trial, by their keys, with their last runs.

    `users` are, for each cell, those that read what it made, with the names.
    """

    def __init__(self, history: History) -> None:
        runs = [run for run in history.runs if run.status != "aborted"]
        self.last = {_key(run): run for run in runs}
        self._runs = {run.id: run for run in runs}
        self.users: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for key, run in self.last.items():
            for each in run.dependencies:
                source = self._runs.get(each.source_cell_run_id)
                if source is not None:
                    self.users[_key(source)].append((key, each.variable))

    def other_input(self, run: Run) -> Found | None:
        """Return the names whose values are others since the cells that made them ran again."""
        names = []
        for each in run.dependencies:
            source = self._runs.get(each.source_cell_run_id)
            if source is None:
                continue
            latest = self.last[_key(source)]
            if latest.position <= max(run.position, source.position):
                continue
            read = _as_read(run, each.variable)
            left = latest.left.get(each.variable)
            if read is None or left is None or left.digest is None or left.digest != read:
                names.append(each.variable)
        return ("input", tuple(sorted(names))) if names else None

    def spread(self, why: dict[str, Found]) -> None:
        """Add the cells that read what stale cells made, and those that read from them in turn."""
        found: dict[str, set[str]] = defaultdict(set)
        pending, done = list(why), set(why)
        while pending:
            for user, name in self.users[pending.pop()]:
                found[user].add(name)
                if user not in done:
                    done.add(user)
                    pending.append(user)
        for key, names in found.items():
            why.setdefault(key, ("upstream", tuple(sorted(names))))


class _Files:
    """The files that cells read, as they are now; each is looked at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digests = Digests()
        self._now: dict[str, Content] = {}

    def other(self, run: Run) -> Found | None:
        """Return the files that a run read, and only read, whose content is another now."""
        names = {
            each.path
            for each in run.files
            if not each.written
            and each.digest_after is not None
            and self._is_other(each.path, each.digest_after)
        }
        return ("file", tuple(sorted(names))) if names else None

    def _is_other(self, path: str, recorded: str) -> bool:
        found = self._now.get(path)
        if found is None:
            found = self._now[path] = self._digests.of(str(self._folder / path))
        # A file that is there and cannot be read is not said to be another.
        return found.kind == "missing" or (found.digest is not None and found.digest != recorded)


def _key(run: Run) -> str:
    return run.cell_id or run.code_hash


def _as_read(run: Run, name: str) -> str | None:
    """Return the digest of the value that a run read in a name."""
    reads = (each for each in run.variables if each.name == name and each.access == "read")
    return next((each.digest for each in reads), None)


def _edited(run: Run, sources: Mapping[str, str] | None) -> Found | None:
    """Tell whether a cell's code is another than that which ran; comments and layout are none."""
    present = (sources or {}).get(run.cell_id or "")
    if present is None or present == run.source or ast_hash(present) == run.ast_hash:
        return None
    return "edited", ()


def _saved_sources(path: str | None) -> dict[str, str] | None:
    """Return the sources of the code cells in a notebook's file; None where it tells none."""
    if path is None or not os.path.isfile(path):
        return None
    from provenance_kernel.headless import notebook

    try:
        cells = notebook.read(Path(path)).cells
    except NotebookError:
        return None
    return {cell.id: cell.source for cell in cells if cell.cell_type == "code" and "id" in cell}


def told(run: Run, found: Found) -> StaleCell:
    """Return a stale cell as it is told."""
    reason, names = found
    return StaleCell(
        cell_id=run.cell_id,
        position=run.position,
        reason=reason,
        names=names,
        duration=run.duration,
        stage=next(iter(run.stages), None),
        code=first_line(run.source),
    )
