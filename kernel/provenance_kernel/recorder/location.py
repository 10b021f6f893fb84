"""Where a session takes place: its notebook, its folder, its project and its database."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from provenance_kernel.capture.parent import notebooks_of_parent
from provenance_kernel.errors import SettingError
from provenance_kernel.fingerprint.source import code_hash
from provenance_kernel.recorder.run import Request
from provenance_kernel.settings import Settings
from provenance_kernel.store.database import FOLDER, locate, sqlite_path

# So many entries of a folder are looked at for a notebook that was renamed.
_ENTRIES = 10_000
# Beyond it a notebook is full of pictures, and reading it takes long.
_LARGEST = 50_000_000
_LARGEST_TEXTS = 10_000_000
_LONGEST_TEXTS = 1_000_000


class Location:
    """A place that is known better once a frontend has told the notebook's path."""

    def __init__(self, notebook: Callable[[], str | None], folder: Path) -> None:
        self._told = notebook
        self._folder = folder
        self._path: str | None = None
        self._file: tuple[int, int] | None = None
        self._renamed = False
        self.follow()

    @property
    def notebook(self) -> str | None:
        """The notebook's path, where it is known."""
        if self._path is None:
            self.follow()
        return self._path

    @property
    def notebook_from(self) -> str | None:
        """Who told the notebook's path, or how it was found."""
        if self.notebook is None:
            return None
        if self._renamed:
            return "renamed"
        return "parent" if self.notebook in notebooks_of_parent() else "frontend"

    def file(self, source: str) -> NotebookFile | None:
        """Return the file of a notebook that the parent process runs, whose first cell this is.

        Of several it is the one that begins with the cell, and is in the folder that the session
        started in.
        """
        if self.notebook is not None:
            return NotebookFile(Path(self.notebook)) if self.notebook_from == "parent" else None
        files = {
            path: NotebookFile(Path(path))
            for path in notebooks_of_parent()
            if os.path.samefile(os.path.dirname(path), self._folder)
        }
        found = [path for path, file in files.items() if file.begins(source)]
        if len(found) != 1:
            return None
        self._path = found[0]
        return files[found[0]]

    def follow(self) -> None:
        """Find the notebook's file under another name in its folder, if it has been renamed.

        Frontends tell a kernel the path as it was when the kernel started.
        """
        if self._path is None:
            self._path = self._told()
        if self._path is None:
            return
        found = _file(self._path)
        if found is not None:
            # Another file may have taken the place: saving may replace it.
            self._file = found
        elif self._file is not None:
            with suppress(OSError), os.scandir(os.path.dirname(self._path)) as entries:
                for entry in islice(entries, _ENTRIES):
                    if entry.inode() == self._file[1] and _file(entry.path) == self._file:
                        self._path, self._renamed = entry.path, True

    def texts(self) -> str | None:
        """Return the notebook's cells that are no code, as JSON, between those that are.

        Of a cell of code there are id and hash. None where there are no texts, or no file.
        """
        try:
            file = Path(self.notebook or "")
            if self.notebook is None or file.stat().st_size > _LARGEST_TEXTS:
                return None
            cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
            kept = [_text_of(each) for each in cells]
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None
        found = json.dumps({"cells": kept}, ensure_ascii=False)
        return (
            None if all("code" in each for each in kept) or len(found) > _LONGEST_TEXTS else found
        )

    @property
    def name(self) -> str:
        """The notebook's file name, or a word that stands for it."""
        return Path(self.notebook or "notebook").name

    @property
    def folder(self) -> Path:
        """The notebook's folder."""
        folder = Path(self.notebook).parent if self.notebook else self._folder
        return folder if folder.is_dir() else self._folder

    @property
    def project(self) -> Path:
        """The folder whose modules are the user's own."""
        return locate(self.folder).parent.parent

    def target(self, settings: Settings) -> str | Path:
        """Return the path or URL of the database that the session is recorded in."""
        return settings.database or locate(self.folder)

    def own_files(self, settings: Settings) -> tuple[Path, ...]:
        """Return what the record itself is made of, which is no file of the user's."""
        try:
            path = sqlite_path(self.target(settings))
        except SettingError:
            return ()
        if path is None:
            return ()
        return (path.parent if path.parent.name == FOLDER else path,)


class NotebookFile:
    """A notebook that a client runs from top to bottom, and sends no metadata of its cells.

    It is read once, when the first cell comes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cells: list[tuple[str, dict[str, Any], str | None]] | None = None
        self._next = 0

    def begins(self, source: str) -> bool:
        """Tell whether the first cell that a client would send has this source."""
        self._cells = self._read() if self._cells is None else self._cells
        sent = (each for each, *_ in self._cells if each.strip())
        return next(sent, None) == source

    def filled(self, request: Request) -> Request:
        """Return a request with the metadata and id of the next cell that has its source."""
        self._cells = self._read() if self._cells is None else self._cells
        for at in range(self._next, len(self._cells)):
            source, metadata, cell_id = self._cells[at]
            if source == request.source:
                self._next = at + 1
                return replace(request, metadata=metadata, cell_id=request.cell_id or cell_id)
        return request

    def _read(self) -> list[tuple[str, dict[str, Any], str | None]]:
        try:
            if self._path.stat().st_size > _LARGEST:
                return []
            cells = json.loads(self._path.read_text(encoding="utf-8"))["cells"]
            return [
                ("".join(each["source"]), each.get("metadata", {}), each.get("id"))
                for each in cells
                if each["cell_type"] == "code"
            ]
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            # It is another's file, and need not be what it was when it was started.
            return []


def _text_of(cell: dict[str, Any]) -> dict[str, Any]:
    """Return what of a notebook's cell is recorded with its texts."""
    code = cell["cell_type"] == "code"
    keys = ("cell_type", "id") if code else ("cell_type", "source", "attachments")
    found = {key: cell[key] for key in keys if key in cell}
    if code:
        found["code"] = code_hash("".join(cell["source"]).strip())
    return found


def _file(path: str) -> tuple[int, int] | None:
    """Return the device and inode of the file that bears a name."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
