"""Sees which files, programs and hosts a cell run uses, by the interpreter's audit events.

They come from any thread, and an exception would make the user's operation fail: what is done for
one is bounded, and no fault leaves it. The run is found through a context variable.

How a row of `file_access` reads: `mode` is the modes of all accesses in the order they were first
made (`r`, `w`, `a`, `x`, `r+`, `import`, `remove`, `rename`, `truncate`, `link`, `connect`, and
`mkdir` of a folder in the project), then
notes: `sampled` (too large to read whole), `changed` (since the run opened it, and not by the run,
as far as was seen: what it read is not known), `unread` (too large to be read before the run wrote
to it), `changing` (it was written to while its digest was made), `locked` (a database that is open
here, or a file that this process locked), `new` (it was not there, and what it holds now is not
known), `missing`, `unreadable`, `directory`, `fifo`, `socket`, `device`. The digests are NULL where
the content is not known. Scratch files, made and removed by one run in the temporary folder, leave
no row.

While the cell runs, a file that it opens is looked at and not read: its content is taken when the
run has ended, if the file is then the one that was opened, by its place, size and time. What a run
is about to write to is read first if it is small.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

from provenance_kernel.audit import listen
from provenance_kernel.capture.content import Content, Digests
from provenance_kernel.capture.file_events import HANDLERS
from provenance_kernel.capture.traffic import Traffic
from provenance_kernel.records import Event, FileAccess, new_id, utc_now
from provenance_kernel.types import Evidence

PATHS_PER_RUN: Final = 1000
ITEMS_PER_ARGUMENT: Final = 256
# What is read while the cell waits, of one file and of all: 0.1 ms and 3 ms where memory has them.
READ_FIRST: Final = 256 * 1024
READ_FIRST_PER_RUN: Final = 8 * 1024 * 1024

# Whoever reads a file must know of locks on it from before the run.
_ALWAYS = frozenset({"sqlite3.connect", "fcntl.lockf"})
_WRITING = frozenset({"w", "a", "x", "r+", "truncate", "connect"})
_READ_ONLY = frozenset({"r", "rb", "rt"})
_LEAVING_AS_IT_IS = frozenset({"r", "import", "link"})
# A native reader may hold a lock of this process on such a file: it is named but not opened.
_DATABASE_SUFFIXES = (".db", ".sqlite", ".sqlite3", ".db3", ".duckdb", ".ddb", ".mdb", ".gdbm")
_DATASET_SUFFIXES = (".parquet", ".zarr", ".lance", ".delta", ".feather", ".n5")


@dataclass(slots=True)
class _Use:
    path: str
    before: Content
    evidence: Evidence
    modes: dict[str, None] = field(default_factory=dict)
    # Whether the run has been about to change it.
    altered: bool = False


@dataclass(slots=True)
class FileRun:
    """The files and events of one cell run, while it goes on."""

    trial_id: str
    cell_run_id: str
    uses: dict[str, _Use] = field(default_factory=dict)
    seen: set[tuple[Any, ...]] = field(default_factory=set)
    events: dict[tuple[str, str], None] = field(default_factory=dict)
    ports: set[Any] = field(default_factory=set)
    dropped: int = 0
    read_first: int = 0
    fault: str | None = None
    began: int = field(default_factory=time.time_ns)
    closed: bool = False
    _token: Token[FileRun | None] | None = None


_current: ContextVar[FileRun | None] = ContextVar("provenance_kernel_file_run", default=None)
_watch: FileWatch | None = None
_hooked = False


class FileWatch:
    """Watches the files of cell runs; one in a process does, the one installed last."""

    def __init__(self, traffic: Traffic, digests: Digests | None = None) -> None:
        self.traffic = traffic
        self.digests = digests or Digests()

    def install(self) -> None:
        """Have the process's audit events come here."""
        global _watch, _hooked
        _watch = self
        if not _hooked:
            _hooked = True
            listen(HANDLERS, _hear)
            listen(("open",), _hear_open)
            if hasattr(os, "register_at_fork"):
                # A forked worker's files cannot reach the record: spare it the digests.
                os.register_at_fork(after_in_child=_forget)

    def uninstall(self) -> None:
        """Let audit events pass unseen again."""
        global _watch
        if _watch is self:
            _watch = None

    def begin(self, trial_id: str, cell_run_id: str) -> FileRun:
        """Start to attribute what this context does to a cell run."""
        run = FileRun(trial_id, cell_run_id)
        run._token = _current.set(run)
        return run

    def leave(self, run: FileRun) -> None:
        """Attribute nothing more to a run, in the context that it began in."""
        run.closed = True
        token, run._token = run._token, None
        if token is not None:
            try:
                _current.reset(token)
            except ValueError:  # ended in another context than it began in
                _current.set(None)

    def end(self, run: FileRun) -> tuple[list[FileAccess], list[Event]]:
        """Return the rows of a run. What its tasks do later is not seen."""
        self.leave(run)
        quiet = _current.set(None)
        try:
            return self._rows(run)
        finally:
            _current.reset(quiet)

    def inferred(self, run: FileRun, arguments: Mapping[str, object]) -> None:
        """Note files that a call named, for native code opens them unseen; call it afterwards."""
        for value in arguments.values():
            if type(value) in (str, bytes) or issubclass(type(value), PurePath):
                self._infer(run, cast("str | bytes | PurePath", value))
            elif type(value) is list or type(value) is tuple:
                for item in value[:ITEMS_PER_ARGUMENT]:
                    if type(item) is str or issubclass(type(item), PurePath):
                        self._infer(run, item)

    def _infer(self, run: FileRun, value: str | bytes | PurePath) -> None:
        key = ("inferred", value)
        if key in run.seen:
            return
        text = str(value) if isinstance(value, PurePath) else value
        if isinstance(text, bytes):
            text = os.fsdecode(text) if len(text) < 1024 else ""
        if not 0 < len(text) < 1024 or "\n" in text or "\0" in text:
            return
        if text.startswith("file://"):
            text = unquote(urlsplit(text).path)
        if "://" in text or not ("." in text or os.sep in text or isinstance(value, PurePath)):
            return
        if len(run.seen) < 10 * PATHS_PER_RUN:
            run.seen.add(key)
        path = os.path.abspath(os.path.expanduser(text))
        if path in run.uses or self.traffic.ignores(path):
            return
        content = self.digests.look(path)
        if content.kind != "file":
            if content.kind == "directory" and path.endswith(_DATASET_SUFFIXES):
                self._inferred(run, path, "r", content)
            return
        quiet = _current.set(None)
        try:
            if not path.lower().endswith(_DATABASE_SUFFIXES):
                content = self.digests.of(path)
        finally:
            _current.reset(quiet)
        # Written by this run, if its time says so: what it held before is then not known.
        written = content.identity is not None and content.identity[3] >= run.began - 10_000_000
        before = Content("file") if written else content
        self._inferred(run, path, "w" if written else "r", before)

    def _inferred(self, run: FileRun, path: str, mode: str, before: Content) -> None:
        if len(run.uses) >= PATHS_PER_RUN:
            run.dropped += 1
            return
        run.uses[path] = _Use(path, before, "inferred", {mode: None}, altered=mode == "w")

    def touch(self, run: FileRun, raw: object, mode: str, folder: int = -1) -> None:
        """Note that a path is about to be used, and what it holds as yet."""
        path = self._absolute(raw, folder)
        if path is None or self.traffic.ignores(path):
            return
        use = run.uses.get(path)
        if use is None:
            if len(run.uses) >= PATHS_PER_RUN:
                run.dropped += 1
                return
            content = self.digests.look(path)
            if content.kind == "directory" and mode in _WRITING:
                return  # for a file without a name in it (`tempfile`), or in vain
            if mode == "mkdir" and (
                content.kind != "missing"
                or not self.traffic.in_project(path)
                or self.traffic.ignores(path + os.sep)
            ):
                return
            use = run.uses[path] = _Use(path, content, "opened", {mode: None})
        elif use.evidence == "inferred":
            use.evidence = "opened"
            use.modes = {mode: None}
        elif mode != "r" or "import" not in use.modes:
            use.modes.setdefault(mode)
        if not use.altered and mode not in _LEAVING_AS_IT_IS:
            use.altered = True
            self._read_first(run, use)

    def _read_first(self, run: FileRun, use: _Use) -> None:
        """Take what a file holds that is about to be changed, if that is quickly done."""
        before = use.before
        if before.kind != "file" or before.digest is not None:
            return
        size = before.nbytes or 0
        room = min(READ_FIRST, READ_FIRST_PER_RUN - run.read_first)
        content = self.digests.of(use.path, at_most=room)
        if content.identity != before.identity:
            use.before = replace(before, note="changed")
            return
        run.read_first += size if size <= room else 0
        use.before = content

    def _absolute(self, raw: object, folder: int) -> str | None:
        if isinstance(raw, int) or raw is None:
            return None  # a descriptor: its file was noted when it was opened
        path = os.fsdecode(raw)  # type: ignore[arg-type]
        if folder >= 0 and not os.path.isabs(path):
            try:
                path = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)
            except OSError:
                return None
        return None if "\0" in path else os.path.abspath(path)

    def _rows(self, run: FileRun) -> tuple[list[FileAccess], list[Event]]:
        uses = [(use, self._after(use)) for use in list(run.uses.values())]
        # A file that was moved, or a second name of one, has its digest from the other place.
        known = {each.identity: each.digest for _, each in uses if each.identity and each.digest}
        for use, _ in uses:
            before = use.before
            if before.digest is None and before.note in (None, "unread"):
                digest = known.get(before.identity) if before.identity else None
                if digest is not None:
                    use.before = replace(before, digest=digest, note=None)
        rows = [self._row(run, use, after) for use, after in uses]
        notes = [*run.events]
        if run.dropped:
            notes.append(("files", f"{run.dropped} more accesses to files were not recorded"))
        if run.fault:
            notes.append(("fault", f"file capture: {run.fault}"))
        now = utc_now()
        return [row for row in rows if row is not None], [
            Event(new_id(), run.trial_id, run.cell_run_id, kind, message, now)
            for kind, message in notes
        ]

    def _after(self, use: _Use) -> Content:
        """Return what a file holds now that the run has ended, and note what it held before."""
        before, after = use.before, self.digests.look(use.path)
        if after.kind != "file":
            return after
        if use.evidence == "inferred" and use.path.lower().endswith(_DATABASE_SUFFIXES):
            return after if use.altered else before
        if use.altered or before.kind != "file":
            # A mapping's writes need not have moved the file's time yet.
            return self.digests.of(use.path, trust=not use.altered)
        if before.digest is not None and after.identity == before.identity:
            return before
        after = self.digests.of(use.path)
        if after.identity == before.identity:
            use.before = after
        elif after.note != "changing" and before.note is None:
            use.before = replace(before, note="changed")
        return after

    def _row(self, run: FileRun, use: _Use, after: Content) -> FileAccess | None:
        before = use.before
        gone = after.kind == "missing"
        if gone and [*use.modes] == ["mkdir"]:
            return None
        if gone and use.altered and before.kind == "missing" and self.traffic.is_scratch(use.path):
            return None
        kind = before.kind if gone else after.kind
        notes = [note for note in (before.note, after.note) if note]
        if kind != "file":
            notes.append(kind)
        elif gone and not use.modes.keys() & {"remove", "rename"}:
            notes.append("missing")
        elif before.kind == "missing" and after.digest is None and not gone:
            notes.append("new")
        words = [*use.modes, *(each for each in dict.fromkeys(notes) if each not in use.modes)]
        return FileAccess(
            id=new_id(),
            cell_run_id=run.cell_run_id,
            path=self.traffic.name(use.path),
            mode=",".join(words),
            digest_before=before.digest,
            digest_after=after.digest,
            nbytes=before.nbytes if gone else after.nbytes,
            evidence=use.evidence,
        )


def _hear(event: str, args: tuple[Any, ...]) -> None:
    run = _current.get()
    if run is not None and run.closed:  # a task that outlived its run
        run = None
    if run is not None or event in _ALWAYS:
        _note(event, args, run)


def _hear_open(event: str, args: tuple[Any, ...]) -> None:
    run = _current.get()
    if run is None:
        return
    if len(run.uses) >= PATHS_PER_RUN and not run.closed and _watch is not None:
        # A cell that opens files by the thousand: no more is done for one than to count it.
        raw, mode = args[:2]
        if type(raw) is str and type(mode) is str and mode in _READ_ONLY:
            run.dropped += raw not in run.uses and not _watch.traffic.ignores(raw)
            return
    _hear(event, args)


def _note(event: str, args: tuple[Any, ...], run: FileRun | None) -> None:
    watch = _watch
    if watch is None:
        return
    # Our own reading must not be noted; the variable is per context, so other threads' still is.
    quiet = _current.set(None)
    try:
        HANDLERS[event](watch, run, args)
    except Exception as error:  # not KeyboardInterrupt: that is the user's, and for the user's call
        if run is not None:
            run.fault = f"{event}: {type(error).__name__}"
    finally:
        _current.reset(quiet)


def _forget() -> None:
    _current.set(None)
