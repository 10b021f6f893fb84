"""What SQLite stands on while it writes a file: the files by their names, and the system's locks.

SQLite does not notice that a file is gone, cut or another under its name. Where a lock of the file
by which writers share the log fails for another reason than that somebody holds it, SQLite tries
for ten seconds before it says so.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from provenance_kernel.errors import DatabaseUnavailable
from provenance_kernel.store.database import prepare, reason, translated

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Far behind what SQLite locks of that file.
_PLACE = 1 << 30


class Footing:
    """The files of a database that is about to be opened; they are made where there are none."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._seen: dict[str, os.stat_result] = {}
        self._shared: int | None = None
        with translated(self._path):
            prepare(path)
            if fcntl is not None:
                with tempfile.TemporaryFile(dir=path.parent) as file:
                    _try_lock(file.fileno())

    def opened(self) -> None:
        """Take note of the file that SQLite has opened for its locks.

        It is tried by SQLite's own descriptor: closing another would end SQLite's locks.
        """
        with suppress(OSError):
            shared = os.stat(f"{self._path}-shm")
            for name in os.listdir("/dev/fd"):
                with suppress(OSError):
                    if os.path.samestat(os.fstat(int(name)), shared):
                        self._shared = int(name)

    def check(self) -> None:
        """Raise `DatabaseUnavailable` if what was written so far is no longer what others read."""
        try:
            self._look(self._path)
            self._look(f"{self._path}-wal")
            if self._shared is not None:
                _try_lock(self._shared)
        except OSError as error:
            raise DatabaseUnavailable(f"{self._path}: {reason(error)}") from error

    def _look(self, path: str) -> None:
        before = self._seen.get(path)
        try:
            now = os.stat(path)
        except FileNotFoundError:
            if before is None:
                return
            raise
        if before is not None and (
            now.st_ino != before.st_ino
            or now.st_dev != before.st_dev
            or now.st_size < before.st_size
        ):
            raise OSError("it has been replaced, or cut")
        self._seen[path] = now


def _try_lock(file: int) -> None:
    fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, _PLACE)
