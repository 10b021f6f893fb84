"""Keeps files and outputs in a thread of its own, when cells have been answered, within limits."""

from __future__ import annotations

import _thread
import os
import queue
import re
from collections.abc import Callable, Collection
from functools import partial
from time import sleep
from typing import BinaryIO, Final

from provenance_kernel.content.store import ContentStore

# Files that hold credentials by their place or name; their content is read by nobody.
_PRIVATE: Final = re.compile(
    r"(?i)(?:^|/)(?:\.env(?:\..*)?|\.netrc|_netrc|\.pgpass|\.npmrc|\.pypirc|\.git-credentials"
    r"|\.dockercfg|\.htpasswd|credentials?(?:\.\w+)?|secrets?(?:\.\w+)?|kaggle\.json|id_\w+"
    r"|[^/]*\.(?:pem|key|p12|pfx|jks|kdbx|ppk|keystore|asc|gpg)|service[-_]?account[^/]*\.json"
    r"|(?:\.ssh|\.aws|\.azure|\.gnupg|\.kube|\.docker|\.config/gcloud)/.*)$"
)
_BLOCK: Final = 64 * 1024
# Of a text that is looked at in blocks, so much is looked at twice: a secret may lie across.
_ACROSS: Final = 1024
# How many tasks may wait; more come from a cell that reads a folder of thousands.
_WAITING: Final = 10_000
_LOOK_EVERY: Final = 50


class Keeper:
    """Keeps what it is given, without a store nothing. `clean` returns a text without secrets.

    `total` bounds the store, in bytes; `wanted` tells the digests that stay whatever it holds.
    """

    def __init__(
        self,
        store: ContentStore | None,
        total: int,
        clean: Callable[[str], str],
        wanted: Callable[[], Collection[str]],
    ) -> None:
        self._store = store
        self._total = total
        self._clean = clean
        self._wanted = wanted
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue(_WAITING)
        # Held while the thread works.
        self._working: _thread.LockType | None = None
        self._known: set[str] = set()
        self._notes: list[str] = []
        self._kept = 0

    def keep(self, path: str, digest: str) -> None:
        """Have a file kept under its digest, soon."""
        if self._store is None or digest in self._known or is_private(path):
            return
        self._known.add(digest)
        if not self.do(partial(self._keep_file, self._store, path, digest)):
            self._known.discard(digest)

    def do(self, task: Callable[[], None]) -> bool:
        """Have a task done in the thread; return whether there was room for it."""
        try:
            self._queue.put_nowait(task)
        except queue.Full:
            return False
        if self._working is None:
            self._working = _thread.allocate_lock()
            self._working.acquire()
            # Not by `threading`, which would list it among the user's threads.
            _thread.start_new_thread(self._work, (self._working,))
        return True

    def keep_data(self, data: bytes) -> str | None:
        """Keep data now, within a task; return their digest, None if nothing is kept."""
        if self._store is None:
            return None
        digest = self._store.keep_data(data)
        self._count()
        return digest

    def notes(self) -> list[str]:
        """Return what there is to say since the last time."""
        found, self._notes = self._notes, []
        return found

    def close(self, seconds: float) -> None:
        """Keep what waits, for so long at most."""
        if self._working is not None:
            self._queue.put(None)
            self._working.acquire(timeout=seconds)

    def _work(self, working: _thread.LockType) -> None:
        try:
            while (task := self._queue.get()) is not None:
                try:
                    task()
                except Exception as error:
                    self._notes.append(f"not kept: {type(error).__name__}: {error}")
        finally:
            working.release()

    def _keep_file(self, store: ContentStore, path: str, digest: str) -> None:
        try:
            with open(path, "rb") as file:
                if self.holds_secrets(file):
                    return
            store.keep(path, digest)
            self._count()
        except OSError as error:
            self._notes.append(f"{path}: not kept: {error.strerror or error}")

    def _count(self) -> None:
        self._kept += 1
        if self._kept % _LOOK_EVERY == 1 and self._store is not None:
            removed = self._store.prune(self._total, self._wanted())
            if removed:
                self._notes.append(
                    f"{removed} kept files and outputs were removed, the oldest, as there is room "
                    f"for {self._total} bytes (keep_total)"
                )

    def holds_secrets(self, file: BinaryIO) -> bool:
        """Tell whether a text has something in it that is never stored; in turns with cells."""
        before = b""
        while block := file.read(_BLOCK):
            if b"\0" in block:
                return False
            text = (before + block).decode("utf-8", "replace")
            if self._clean(text) != text:
                return True
            before = block[-_ACROSS:]
            sleep(0)
        return False


def is_private(path: str) -> bool:
    """Tell whether a file holds credentials by its place or name."""
    return _PRIVATE.search(os.path.abspath(path).replace(os.sep, "/")) is not None
