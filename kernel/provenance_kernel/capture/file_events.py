"""What each audit event says of files, programs and hosts."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote, urlsplit

from provenance_kernel.capture import importing
from provenance_kernel.capture.processes import describe_process

if TYPE_CHECKING:
    from provenance_kernel.capture.files import FileRun, FileWatch

EVENTS_PER_RUN: Final = 100
# `fcntl.LOCK_UN`, which Windows has not.
_UNLOCK: Final = 8
# What is remembered of one run, so that the same is looked at once.
_SEEN: Final = 10_000


def _on_open(watch: FileWatch, run: FileRun, args: tuple[Any, ...]) -> None:
    if args in run.seen:
        return
    raw, mode, flags = args
    if len(run.seen) < _SEEN:
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
        # All other letters say how text is encoded.
        return next((letter for letter in "wax" if letter in mode), "r+" if "+" in mode else "r")
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


def _on_lock(watch: FileWatch, run: FileRun | None, args: tuple[Any, ...]) -> None:
    descriptor, command = args[:2]
    watch.digests.never_open(descriptor, not command & _UNLOCK)


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


def _on_mkdir(watch: FileWatch, run: FileRun, args: tuple[Any, ...]) -> None:
    watch.touch(run, args[0], "mkdir", args[-1] if isinstance(args[-1], int) else -1)


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


HANDLERS: dict[str, Callable[[FileWatch, FileRun | None, tuple[Any, ...]], None]] = cast(
    Any,
    {
        "open": _on_open,
        "import": _on_import,
        "sqlite3.connect": _on_connect_database,
        "fcntl.lockf": _on_lock,
        "os.remove": _on_remove,
        "os.rename": _on_rename,
        "os.truncate": _on_truncate,
        "os.link": _on_link,
        "os.symlink": _on_link,
        "os.mkdir": _on_mkdir,
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
