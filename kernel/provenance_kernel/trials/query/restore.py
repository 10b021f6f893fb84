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
from provenance_kernel.records import TEXTS, Event, FileAccess, Trial
from provenance_kernel.trials.history import Run, of_trial, read_history
from provenance_kernel.trials.query.naming import find_trial, project_folder
from provenance_kernel.trials.query.outputs import as_cells_have, contents
from provenance_kernel.trials.query.prose import Prose

if TYPE_CHECKING:
    from nbformat import NotebookNode


@dataclass(frozen=True)
class FileCheck:
    """Whether a file still has the content that a trial met, or left if it only wrote the file.

    `position` and `mode` are of the first run that read it, or of the last that wrote it; `same`
    is None where the record or the file has no digest to compare, and `note` says why.
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
    left: bool = False


def restore(database: Database, trial: str | Trial = "latest") -> NotebookNode:
    """Return the notebook as it ran: a code cell for each run, in the order of the runs.

    Stages and tags stay in the cells' metadata, ids where they are unique. Outputs are those that
    were kept; texts between the cells are those that were recorded when the trial ended, or else
    those of the notebook's file, where that is still there.
    """
    import nbformat

    v4: Any = nbformat.v4

    found = trial if isinstance(trial, Trial) else find_trial(database, trial)
    runs = [
        run for run in read_history(database, found, calls=False).runs if run.status != "aborted"
    ]
    if not runs:
        raise NotebookError(f"trial {found.id} ran no cells, so there is no notebook to restore")
    kept, prose = contents(database), Prose(found.notebook, runs, _recorded(database, found))
    not_kept = 0
    ids = Counter(run.cell_id for run in runs if _is_cell_id(run.cell_id))
    cells = []
    for run in runs:
        metadata: dict[str, Any] = {}
        if run.labels:
            metadata["provenance"] = {"stage": list(run.labels)}
        if run.cell_tags:
            # One that says `parameters` makes parameters of the same names again.
            metadata["tags"] = list(run.cell_tags)
        outputs, missing = as_cells_have(run, kept)
        not_kept += missing
        cell = v4.new_code_cell(
            run.source, execution_count=run.execution_count, metadata=metadata, outputs=outputs
        )
        if _is_cell_id(run.cell_id) and ids[run.cell_id] == 1:
            cell.id = run.cell_id
        cells += [*prose.before(run), cell]
    notebook: NotebookNode = v4.new_notebook(cells=[*cells, *prose.at_end])
    notebook.metadata["kernelspec"] = {
        "name": "provenance",
        "display_name": "Python 3 (provenance)",
        "language": "python",
    }
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata["provenance"] = {"trial": found.id, "notebook": found.notebook}
    if not_kept:
        notebook.metadata["provenance"]["outputs_not_kept"] = not_kept
    return notebook


def _recorded(database: Database, trial: Trial) -> str | None:
    """Return a trial's texts as they were when it ended, if they were recorded then."""
    texts = [each.message for each in of_trial(database, Event, trial) if each.kind == TEXTS]
    return texts[-1] if texts and trial.status == "finished" else None


def _is_cell_id(text: str | None) -> bool:
    """Tell whether a notebook file can hold a cell's id: VS Code's are URIs."""
    return bool(
        text
        and len(text) <= 64
        and text.isascii()
        and text.replace("-", "").replace("_", "").isalnum()
    )


def restore_files(
    database: Database, folder: Path, trial: str | Trial = "latest"
) -> tuple[list[str], list[str]]:
    """Write the files that a trial read, as they were kept, below a folder.

    Return the recorded paths of those written and of those that were not kept. Files from outside
    of the project go by their whole path, below `outside`.
    """
    found = trial if isinstance(trial, Trial) else find_trial(database, trial)
    kept = contents(database)
    met: dict[str, str | None] = {}
    for run in read_history(database, found, calls=False).runs:
        for file in run.files:
            if file.digest_before is not None or not file.written:
                met.setdefault(file.path, file.met)
    written: list[str] = []
    missing: list[str] = []
    for path, digest in met.items():
        inside = os.path.normpath(path)
        if os.path.isabs(inside) or inside.startswith(".."):
            inside = os.path.join("outside", inside.replace("..", "up").lstrip("/"))
        done = digest is not None and kept.write(digest, folder / inside)
        (written if done else missing).append(path)
    return written, missing


def check_file(
    database: Database, path: str, trial: str | Trial = "latest", *, folder: Path | None = None
) -> FileCheck:
    """Return whether a file has the digest that the trial's first run which read it met.

    Of a file that the trial made, or only wrote to, the digest is meant that its last run left.
    `path` as the record has it, or any path that leads to the same file; recorded relative paths
    start at `folder`. Raises `SettingError` for a file that the trial did not use.
    """
    found = trial if isinstance(trial, Trial) else find_trial(database, trial)
    runs = read_history(database, found, calls=False).runs
    base = folder or project_folder(database) or Path.cwd()
    run, file, left = _use(found, runs, path, base)
    recorded = file.digest_after if left else file.met
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
        left=left,
    )


def _use(
    trial: Trial, runs: tuple[Run, ...], path: str, base: Path
) -> tuple[Run, FileAccess, bool]:
    """Return the use of a file that is meant, its run, and whether what that left is meant."""
    wanted = {path, os.path.abspath(path), os.path.realpath(path)}
    uses = [
        (run, file)
        for run in runs
        for file in run.files
        if not wanted.isdisjoint({file.path, full := os.path.normpath(base / file.path)})
        or os.path.realpath(full) in wanted
    ]
    wrote = [(run, file) for run, file in uses if file.written]
    if uses and (not wrote or uses[0][1].read):
        return *uses[0], False
    if wrote:
        return *wrote[-1], True
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


def describe(check: FileCheck) -> str:
    """Return a sentence on a check."""
    how = "as left by" if check.left else "first used by"
    where = f"{how} run {check.position} of trial {check.trial} ({check.mode})"
    if check.same:
        return f"{check.path}: the same content, {check.found_nbytes} bytes; {where}"
    if check.same is None:
        return f"{check.path}: cannot be compared: {check.note}; {where}"
    then = f"{check.recorded} ({check.recorded_nbytes} bytes)"
    now = f"{check.found} ({check.found_nbytes} bytes)" if check.found else f"{check.note}"
    return f"{check.path}: not the same: was {then}, is {now}; {where}"
