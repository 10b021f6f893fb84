"""Digests of files by content, without opening what must not be opened.

xxh3_128 of the bytes, read in blocks (a mapping would crash the kernel if the file were cut short
meanwhile). Files above `limit` are sampled: head, tail and evenly spaced blocks, with their size.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from io import FileIO
from typing import Final, Literal

import xxhash

LIMIT: Final = 512 * 1024 * 1024
BLOCK: Final = 1024 * 1024
SAMPLES: Final = 64

# A file written to within the file system's clock tick can change without its time changing, so a
# digest is kept only for a file that had been left alone for this long (nanoseconds).
SETTLED: Final = 2_000_000_000
KEPT: Final = 4096

Kind = Literal["file", "directory", "fifo", "socket", "device", "missing", "unreadable"]
Identity = tuple[int, int, int, int]  # device, inode, size, modification time in nanoseconds


@dataclass(frozen=True, slots=True)
class Content:
    """What a path held at one moment; `note` says why there is no digest, or how it was made.

    Notes: `sampled`, `changing` (while it was read), `locked` (this process may have locks on it),
    `unread` (larger than was asked for).
    """

    kind: Kind
    digest: str | None = None
    nbytes: int | None = None
    identity: Identity | None = None
    note: str | None = None


class Digests:
    """Digests of files, remembered by device, inode, size and modification time."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._kept: OrderedDict[Identity, tuple[str, str | None]] = OrderedDict()
        self._locked: set[tuple[int, int]] = set()
        self._locked_paths: set[str] = set()
        self._lock = threading.Lock()

    def never_open(self, file: str | int, now: bool = True) -> None:
        """Leave a file alone from now on: closing it would drop this process's locks on it.

        `file` is its path or a descriptor; `now` is false when the locks are gone.
        """
        if isinstance(file, str):
            self._locked_paths.add(file)  # it may not exist yet
        try:
            status = os.stat(file)
        except (OSError, ValueError):
            return
        change = self._locked.add if now else self._locked.discard
        change((status.st_dev, status.st_ino))

    def look(self, path: str) -> Content:
        """Return what a path is, without reading it."""
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return Content("missing")
        except (OSError, ValueError):
            return Content("unreadable")
        kind = _kind(status.st_mode)
        if kind != "file":
            return Content(kind)
        return Content("file", nbytes=status.st_size, identity=_identity(status))

    def of(self, path: str, *, trust: bool = True, at_most: int | None = None) -> Content:
        """Return a path's content; `trust` accepts a digest remembered for an unchanged file.

        With `at_most`, a file of more bytes is not read.
        """
        seen = self.look(path)
        if seen.kind != "file" or seen.identity is None:
            return seen
        if trust and (kept := self._kept.get(seen.identity)) is not None:
            return Content("file", kept[0], seen.nbytes, seen.identity, kept[1])
        if path in self._locked_paths or seen.identity[:2] in self._locked:
            return Content("file", None, seen.nbytes, seen.identity, "locked")
        if at_most is not None and (seen.nbytes or 0) > at_most:
            return Content("file", None, seen.nbytes, seen.identity, "unread")
        content = self._read(path)
        if content.note == "changing":
            content = self._read(path)
        self._keep(content)
        return content

    def _read(self, path: str) -> Content:
        # O_NONBLOCK: should a FIFO have taken the file's place since, opening it must not wait.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
        flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            descriptor = os.open(path, flags)
        except FileNotFoundError:
            return Content("missing")
        except OSError:
            return Content("unreadable")
        try:
            before = os.fstat(descriptor)
            kind = _kind(before.st_mode)
            if kind != "file":
                return Content(kind)
            sampled = before.st_size > self.limit
            with FileIO(descriptor, closefd=False) as file:
                digest = (_sample if sampled else _whole)(file, before.st_size)
            after = os.fstat(descriptor)
        except OSError:
            return Content("unreadable")
        finally:
            os.close(descriptor)
        if _identity(after) != _identity(before):
            return Content("file", None, after.st_size, None, "changing")
        note = "sampled" if sampled else None
        return Content("file", digest, before.st_size, _identity(before), note)

    def _keep(self, content: Content) -> None:
        if content.digest is None or content.identity is None:
            return
        if abs(time.time_ns() - content.identity[3]) < SETTLED:
            return
        with self._lock:
            self._kept[content.identity] = (content.digest, content.note)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    if stat.S_ISFIFO(mode):
        return "fifo"
    return "socket" if stat.S_ISSOCK(mode) else "device"


def _whole(file: FileIO, size: int) -> str:
    state = xxhash.xxh3_128()
    view = memoryview(bytearray(min(BLOCK, size) or 1))
    # No further than the size it had: a log that grows as fast as it is read would not end.
    while size > 0 and (count := file.readinto(view)):
        state.update(view[: min(count, size)])
        size -= count
    return state.hexdigest()


def _sample(file: FileIO, size: int) -> str:
    state = xxhash.xxh3_128(size.to_bytes(8, "little"))
    last = max(size - BLOCK, 0)
    step = last // (SAMPLES - 1)
    for part in range(SAMPLES):
        file.seek(last if part == SAMPLES - 1 else part * step)
        left = BLOCK
        while left and (data := file.read(left)):
            state.update(data)
            left -= len(data)
    return state.hexdigest()
