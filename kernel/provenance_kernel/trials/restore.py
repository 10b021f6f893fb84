"""The notebook as a trial ran it, and whether an input file is still what the trial read."""

from __future__ import annotations

import difflib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peewee import Database

from provenance_kernel.capture.content import Digests
from provenance_kernel.errors import NotebookError, SettingError
from provenance_kernel.records import Trial
from provenance_kernel.trials.history import File, Run, read_history
from provenance_kernel.trials.query import find_trial

if TYPE_CHECKING:
    from nbformat import NotebookNode


@dataclass(frozen=True)
class FileCheck:
    """Whether a file still has the content that a trial met.

    `position` and `mode` are of the first run that used it; `same` is None where the record or
    the file has no digest to compare, and `note` says why.
    """

    trial: str
    path: str
    position: int
    mode: str
    recorded: str | None
    recorded_nbytes: int | None
    found: str | None
    found_nbytes: int | None
    same: bool | None
    note: str | None = None


def restore(database: Database, trial: str | Trial = "latest") -> NotebookNode:
    """Return the notebook as it ran: a code cell for each run, in the order of the runs.

    Stages stay in the cells' metadata, ids where they are unique. Outputs are not recorded.
    """
    import nbformat

    v4: Any = nbformat.v4

    found = trial if isinstance(trial, Trial) else find_trial(database, trial)
    runs = [
        run for run in read_history(database, found, calls=False).runs if run.status != "aborted"
    ]
    if not runs:
        raise NotebookError(f"trial {found.id} ran no cells, so there is no notebook to restore")
    ids = Counter(run.cell_id for run in runs if _is_cell_id(run.cell_id))
    cells = []
    for run in runs:
        metadata = {"provenance": {"stage": list(run.labels)}} if run.labels else {}
        cell = v4.new_code_cell(run.source, execution_count=run.execution_count, metadata=metadata)
        if _is_cell_id(run.cell_id) and ids[run.cell_id] == 1:
            cell.id = run.cell_id
        cells.append(cell)
    notebook: NotebookNode = v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {
        "name": "provenance",
        "display_name": "Python 3 (provenance)",
        "language": "python",
    }
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata["provenance"] = {"trial": found.id, "notebook": found.notebook}
    return notebook


def _is_cell_id(text: str | None) -> bool:
    """Tell whether a notebook file can hold a cell's id: VS Code's are URIs."""
    return bool(
        text
        and len(text) <= 64
        and text.isascii()
        and text.replace("-", "").replace("_", "").isalnum()
    )


def check_file(
    database: Database, path: str, trial: str | Trial = "latest", *, folder: Path | None = None
) -> FileCheck:
    """Return whether a file has the digest that the trial's first run which used it met.

    `path` as the record has it, or any path that leads to the same file; recorded relative paths
    start at `folder`. Raises `SettingError` for a file that the trial did not use.
    """
    found = trial if isinstance(trial, Trial) else find_trial(database, trial)
    runs = read_history(database, found, calls=False).runs
    base = folder or _project(database) or Path.cwd()
    run, file = _first_use(found, runs, path, base)
    recorded = file.digest_before or file.digest_after
    where = path if os.path.exists(path) else str(base / file.path)
    content = Digests().of(os.path.abspath(where))
    note: str | None = None
    if content.kind != "file":
        note = content.kind
    elif recorded is None:
        note = f"the record has no digest of it ({file.mode})"
    elif content.digest is None:
        note = content.note or "it cannot be read"
    same = (
        None
        if recorded is None or (content.kind == "file" and content.digest is None)
        else (content.digest == recorded)
    )
    return FileCheck(
        trial=found.id,
        path=file.path,
        position=run.position,
        mode=file.mode,
        recorded=recorded,
        recorded_nbytes=file.nbytes,
        found=content.digest,
        found_nbytes=content.nbytes,
        same=same,
        note=note,
    )


def _first_use(trial: Trial, runs: tuple[Run, ...], path: str, base: Path) -> tuple[Run, File]:
    wanted = {path, os.path.abspath(path), os.path.realpath(path)}
    for run in runs:
        for file in run.files:
            full = os.path.normpath(base / file.path)
            if file.path in wanted or full in wanted or os.path.realpath(full) in wanted:
                return run, file
    known = sorted({file.path for run in runs for file in run.files})
    names = {os.path.basename(each): each for each in known}
    near = difflib.get_close_matches(path, known, 3, 0.5) or [
        names[each]
        for each in difflib.get_close_matches(os.path.basename(path), list(names), 3, 0.5)
    ]
    if near:
        hint = f"; did you mean {', '.join(near)}?"
    elif known:
        hint = f"; it used {', '.join(known[:5])}{', …' if len(known) > 5 else ''}"
    else:
        hint = "; it used no files"
    raise SettingError(f"{path}: trial {trial.id} did not use such a file{hint}")


def _project(database: Database) -> Path | None:
    """Return the folder that recorded paths are relative to: the one around `.provenance`."""
    name = getattr(database, "database", None)
    if not isinstance(name, str) or not name:
        return None
    folder = Path(name).absolute().parent
    return folder.parent if folder.name == ".provenance" else None


def describe(check: FileCheck) -> str:
    """Return a sentence on a check."""
    where = f"first used by run {check.position} of trial {check.trial} ({check.mode})"
    if check.same:
        return f"{check.path}: the same content, {check.found_nbytes} bytes; {where}"
    if check.same is None:
        return f"{check.path}: cannot be compared: {check.note}; {where}"
    then = f"{check.recorded} ({check.recorded_nbytes} bytes)"
    now = f"{check.found} ({check.found_nbytes} bytes)" if check.found else f"{check.note}"
    return f"{check.path}: not the same: was {then}, is {now}; {where}"
