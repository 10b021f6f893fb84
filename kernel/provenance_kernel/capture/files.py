"""Sees which files, programs and hosts a cell run uses, by the interpreter's audit events.

They come from any thread, and an exception would make the user's operation fail: what is done for
one is bounded, and no fault leaves it. The run is found through a context variable.

How a row of `file_access` reads: `mode` is the modes of all accesses in the order they were first
made (`r`, `w`, `a`, `x`, `r+`, `import`, `remove`, `rename`, `truncate`, `link`, `connect`), then
notes: `sampled` (too large to read whole), `changed` (its content is another after the run, which
did not open it for writing), `changing` (it was written to while its digest was made), `locked` (a
database that is open here), `missing`, `unreadable`, `directory`, `fifo`, `socket`, `device`. The
digests are NULL where the content is not known. Scratch files, made and removed by one run in the
temporary folder, leave no row.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

from provenance_kernel.audit import listen
from provenance_kernel.capture import importing
from provenance_kernel.capture.content import Content, Digests
from provenance_kernel.capture.processes import describe_process
from provenance_kernel.capture.traffic import Traffic
from provenance_kernel.records import Event, FileAccess, new_id, utc_now
from provenance_kernel.types import Evidence

PATHS_PER_RUN: Final = 1000
EVENTS_PER_RUN: Final = 100
ITEMS_PER_ARGUMENT: Final = 256

_WRITING = frozenset({"w", "a", "x", "r+", "truncate", "connect"})
# A native reader may hold a lock of this process on such a file: it is named but not opened.
_DATABASE_SUFFIXES = (".db", ".sqlite", ".sqlite3", ".db3", ".duckdb", ".ddb", ".mdb", ".gdbm")
_DATASET_SUFFIXES = (".parquet", ".zarr", ".lance", ".delta", ".feather", ".n5")


@dataclass(slots=True)
class _Use:
    path: str
    before: Content
    evidence: Evidence
    modes: dict[str, None] = field(default_factory=dict)


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
            listen(_HANDLERS, _hear)
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

    def end(self, run: FileRun) -> tuple[list[FileAccess], list[Event]]:
        """Stop attributing, and return the rows. What tasks of the run do later is not seen."""
        run.closed = True
        token, run._token = run._token, None
        if token is not None:
            try:
                _current.reset(token)
            except ValueError:  # ended in another context than it began in
                _current.set(None)
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
                self._use(run, path, "r", content, "inferred")
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
        self._use(run, path, "w" if written else "r", before, "inferred")

    def _use(self, run: FileRun, path: str, mode: str, before: Content, evidence: Evidence) -> None:
        if len(run.uses) >= PATHS_PER_RUN:
            run.dropped += 1
            return
        run.uses[path] = _Use(path, before, evidence, {mode: None})

    def touch(self, run: FileRun, raw: object, mode: str, folder: int = -1) -> None:
        """Note that a path is about to be used, and what it holds as yet."""
        path = self._absolute(raw, folder)
        if path is None or self.traffic.ignores(path):
            return
        use = run.uses.get(path)
        if use is None:
            content = self.digests.of(path)
            if content.kind == "directory" and mode in _WRITING:
                return  # for a file without a name in it (`tempfile`), or in vain
            self._use(run, path, mode, content, "opened")
        elif use.evidence == "inferred":
            use.evidence = "opened"
            use.modes = {mode: None}
        elif mode != "r" or "import" not in use.modes:
            use.modes.setdefault(mode)

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
        accesses = []
        for use in list(run.uses.values()):
            row = self._row(run, use)
            if row is not None:
                accesses.append(row)
        notes = [*run.events]
        if run.dropped:
            notes.append(("files", f"{run.dropped} more accesses to files were not recorded"))
        if run.fault:
            notes.append(("fault", f"file capture: {run.fault}"))
        now = utc_now()
        return accesses, [
            Event(new_id(), run.trial_id, run.cell_run_id, kind, message, now)
            for kind, message in notes
        ]

    def _row(self, run: FileRun, use: _Use) -> FileAccess | None:
        before = use.before
        written = not _WRITING.isdisjoint(use.modes) or "w" in use.modes
        if use.evidence == "inferred" and use.path.lower().endswith(_DATABASE_SUFFIXES):
            after = before if not written else self.digests.look(use.path)
        else:
            after = self.digests.look(use.path)
            if after.kind == "file" and not written and after.identity == before.identity:
                after = before
            elif after.kind == "file":
                # A mapping's writes need not have moved the file's time yet.
                after = self.digests.of(use.path, trust=not written)
        gone = after.kind == "missing"
        if gone and written and before.kind == "missing" and self.traffic.is_scratch(use.path):
            return None
        words = list(use.modes)
        notes = [note for note in (before.note, after.note) if note]
        kind = before.kind if gone else after.kind
        if kind != "file":
            notes.append(kind)
        elif gone and not use.modes.keys() & {"remove", "rename"}:
            notes.append("missing")
        known = before.digest is not None and after.digest is not None
        if known and before.digest != after.digest and not written and not _moves(use.modes):
            notes.append("changed")
        words += [note for note in dict.fromkeys(notes) if note not in words]
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


def _moves(modes: Mapping[str, None]) -> bool:
    return "rename" in modes or "remove" in modes or "link" in modes


def _hear(event: str, args: tuple[Any, ...]) -> None:
    run = _current.get()
    if run is not None and run.closed:  # a task that outlived its run
        run = None
    if run is not None or event == "sqlite3.connect":
        _note(event, args, run)


def _note(event: str, args: tuple[Any, ...], run: FileRun | None) -> None:
    watch = _watch
    if watch is None:
        return
    # Our own reading must not be noted; the variable is per context, so other threads' still is.
    quiet = _current.set(None)
    try:
        _HANDLERS[event](watch, run, args)
    except Exception as error:  # not KeyboardInterrupt: that is the user's, and for the user's call
        if run is not None:
            run.fault = f"{event}: {type(error).__name__}"
    finally:
        _current.reset(quiet)


def _forget() -> None:
    _current.set(None)


def _on_open(watch: FileWatch, run: FileRun, args: tuple[Any, ...]) -> None:
    if args in run.seen:
        return
    raw, mode, flags = args
    if len(run.seen) < 10 * PATHS_PER_RUN:
        run.seen.add(args)
    if type(raw) is str and raw.endswith(".pyc"):
        source = watch.traffic.module_source(raw)
        if source is not None and mode in ("r", "rb"):
            watch.touch(run, source, "import")
        return
    watch.touch(run, raw, _mode(mode, flags))


def _mode(mode: str | None, flags: int) -> str:
    """Return `r`, `w`, `a`, `x` or `r+` for the two ways there are to say so."""
    if mode is not None:
        letters = mode.replace("b", "").replace("t", "").replace("U", "")
        return (
            "w"
            if letters.startswith("w")
            else letters[:1]
            if letters[:1] in "ax"
            else letters or "r"
        )
    access = flags & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR)
    if access == os.O_RDONLY:
        return "r"
    if flags & os.O_APPEND:
        return "a"
    return "w" if flags & (os.O_TRUNC | os.O_EXCL) or access == os.O_WRONLY else "r+"


def _on_connect_database(watch: FileWatch, run: FileRun | None, args: tuple[Any, ...]) -> None:
    raw = os.fsdecode(args[0])
    if raw.startswith("file:"):
        raw = unquote(urlsplit(raw).path)
    if not raw or raw == ":memory:" or raw.startswith(":"):
        return
    path = os.path.abspath(raw)
    if run is not None:
        watch.touch(run, path, "connect")
    watch.digests.never_open(path)


def _on_remove(watch: FileWatch, run: FileRun, args: tuple[Any, ...]) -> None:
    watch.touch(run, args[0], "remove", args[1] if len(args) > 1 else -1)
    run.seen.clear()


def _on_rename(watch: FileWatch, run: FileRun, args: tuple[Any, ...]) -> None:
    source, target, source_folder, target_folder = args
    watch.touch(run, source, "rename", source_folder)
    watch.touch(run, target, "w", target_folder)
    run.seen.clear()


def _on_truncate(watch: FileWatch, run: FileRun, args: tuple[Any, ...]) -> None:
    watch.touch(run, args[0], "truncate")


def _on_link(watch: FileWatch, run: FileRun, args: tuple[Any, ...]) -> None:
    watch.touch(run, args[1], "link", args[-1] if isinstance(args[-1], int) else -1)


def _on_chdir(watch: FileWatch, run: FileRun, args: tuple[Any, ...]) -> None:
    run.seen.clear()  # relative paths mean other files from here on


def _event(run: FileRun, kind: str, message: str) -> None:
    if len(run.events) < EVENTS_PER_RUN:
        run.events.setdefault((kind, message))


def _on_socket(watch: FileWatch, run: FileRun, args: tuple[Any, ...]) -> None:
    address = args[1]
    if isinstance(address, tuple) and len(address) >= 2:
        if address[1] not in run.ports:  # else looked up by name before: the name says more
            _event(run, "network", _host_and_port(address[0], address[1]))
    elif isinstance(address, str | bytes) and address:
        _event(run, "network", f"unix:{os.fsdecode(address)}")


def _on_lookup(watch: FileWatch, run: FileRun, args: tuple[Any, ...]) -> None:
    host, port = args[0], args[1] if len(args) > 1 else None
    if host:
        run.ports.add(port)
        _event(run, "network", _host_and_port(host, port))


def _on_url(watch: FileWatch, run: FileRun, args: tuple[Any, ...]) -> None:
    parts = urlsplit(str(args[0]))
    if parts.scheme == "file":
        watch.touch(run, unquote(parts.path), "r")
    elif parts.hostname:
        port = parts.port or {"http": 80, "https": 443, "ftp": 21}.get(parts.scheme)
        run.ports.add(port)
        _event(run, "network", _host_and_port(parts.hostname, port))


def _host_and_port(host: object, port: object) -> str:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    name = f"[{name}]" if ":" in name else name
    return name if port in (None, 0, "") else f"{name}:{port}"


def _on_process(watch: FileWatch, run: FileRun, args: tuple[Any, ...]) -> None:
    _event(run, "subprocess", describe_process(args[0], args[1] if len(args) > 1 else None))


def _on_spawn(watch: FileWatch, run: FileRun, args: tuple[Any, ...]) -> None:
    _event(run, "subprocess", describe_process(args[1], args[2]))


def _on_fork(watch: FileWatch, run: FileRun, args: tuple[Any, ...]) -> None:
    _event(run, "subprocess", "fork")


def _on_import(watch: FileWatch, run: FileRun, args: tuple[Any, ...]) -> None:
    draws = importing.current.get()
    if draws is not None:
        draws.importing(watch.traffic.ignores)


_Handler = Callable[[FileWatch, FileRun, tuple[Any, ...]], None]
_HANDLERS: dict[str, Callable[[FileWatch, FileRun | None, tuple[Any, ...]], None]] = cast(
    Any,
    {
        "open": _on_open,
        "import": _on_import,
        "sqlite3.connect": _on_connect_database,
        "os.remove": _on_remove,
        "os.rename": _on_rename,
        "os.truncate": _on_truncate,
        "os.link": _on_link,
        "os.symlink": _on_link,
        "os.chdir": _on_chdir,
        "socket.connect": _on_socket,
        "socket.getaddrinfo": _on_lookup,
        "socket.gethostbyname": _on_lookup,
        "http.client.connect": lambda watch, run, args: _on_lookup(watch, run, args[1:]),
        "urllib.Request": _on_url,
        "subprocess.Popen": _on_process,
        "os.system": _on_process,
        "os.exec": _on_process,
        "os.posix_spawn": _on_process,
        "os.spawn": _on_spawn,
        "os.startfile": _on_process,
        "os.fork": _on_fork,
        "os.forkpty": _on_fork,
    },
)
