"""Where a session takes place: its notebook, its folder, its project and its database."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from provenance_kernel.capture.parent import notebooks_of_parent
from provenance_kernel.errors import SettingError
from provenance_kernel.recorder.notebook_file import NotebookFile
from provenance_kernel.settings import Settings
from provenance_kernel.store.database import FOLDER, locate, sqlite_path

# So many entries of a folder are looked at for a notebook that was renamed.
_ENTRIES = 10_000


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


def _file(path: str) -> tuple[int, int] | None:
    """Return the device and inode of the file that bears a name."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
