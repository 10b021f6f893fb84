"""The looks at environment and commit, by a thread of its own from the first cell's end on."""

from __future__ import annotations

import _thread
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from provenance_kernel.capture.environment import Census
from provenance_kernel.capture.git import Commit, commit_of, head_of
from provenance_kernel.records import Environment, FileAccess, Package, TrackedValue

# What comes between two pieces of work, in seconds: other threads get the interpreter, and while a
# cell runs it has nearly all of it.
_BREATH = 0.0005
_BUSY_PAUSE = 0.02
# The commit is looked at no more often than this, nor for more than a twentieth of the time.
_COMMIT_SECONDS = 5.0
_COMMIT_SHARE = 20
# jupyter_client kills a kernel that takes longer than 2.5 s to end: so long git may take then, and
# so long what is under way is waited for.
_LAST_SECONDS = 0.7
_WAIT_SECONDS = 2.0


class Survey:
    """Looks at environment and commit away from the path of a cell.

    A short run of a notebook ends as soon as its last cell has, and its kernel is killed soon
    after: so the first look comes when the first cell ends, which is when most is imported. The
    commit is looked at again when a result is made or a file of the project used, and at the end.
    """

    def __init__(
        self,
        project: Path,
        idle: Callable[[], bool],
        counted: Callable[[Environment, list[Package]], None],
        found: Callable[[Commit | None], None],
    ) -> None:
        self._project = project
        self._idle = idle
        self._counted = counted
        self._found = found
        self._census = Census()
        self._asked = True
        self._known = False
        self._next = 0.0
        self._ending = threading.Event()
        self._ended = threading.Event()
        self._ended.set()

    def due(self, records: Iterable[object]) -> None:
        """Take soon the looks that are due when a cell has run, which left these records."""
        self._asked = self._asked or any(map(_matters, records))
        if self._due() and self._ended.is_set() and not self._ending.is_set():
            self._ended.clear()
            # Not by `threading`, which would list it among the user's threads.
            _thread.start_new_thread(self._work, ())

    def leave_out(self, modules: frozenset[str]) -> None:
        """Leave modules out of the census that were imported to answer a question."""
        self._census.leave_out(modules)

    def close(self) -> None:
        """Take the census that is due, and a last look at the commit."""
        self._ending.set()
        if not self._ended.wait(_WAIT_SECONDS) or sys.is_finalizing():
            return
        if self._census.grew():
            self._count()
        self._look(_LAST_SECONDS)

    def _due(self) -> bool:
        return self._asked or self._census.grew()

    def _work(self) -> None:
        try:
            while self._due() and not self._ending.is_set():
                if self._census.grew():
                    self._count()
                elif not self._ending.wait(max(self._next - time.monotonic(), 0.0)):
                    self._look()
        finally:
            self._ended.set()

    def _count(self) -> None:
        for _ in self._census.prepare():
            # Not by `time.sleep`, which a cell may have put another in the place of.
            if not self._ending.wait(_BREATH) and not self._idle():
                self._ending.wait(_BUSY_PAUSE)
        self._counted(*self._census.take())

    def _look(self, *timeout: float) -> None:
        self._asked = False
        began = time.monotonic()
        if not self._known:
            # It is known soon, whatever becomes of the look at a large tree.
            self._known = True
            self._found(head_of(self._project, *timeout))
        self._found(commit_of(self._project, *timeout))
        now = time.monotonic()
        self._next = now + max(_COMMIT_SECONDS, _COMMIT_SHARE * (now - began))


def _matters(record: object) -> bool:
    """Tell whether it is a metric, or says that a file of the project was used."""
    if isinstance(record, TrackedValue):
        return record.role == "metric"
    return isinstance(record, FileAccess) and not os.path.isabs(record.path)
