"""Denies a process writing outside of a folder, and the network.

On Linux the system does, by Landlock's system calls (5.13, for the network 6.7), for the calling
thread and all that it starts: nothing of them is undone by code. Elsewhere an audit hook refuses
what Python opens and connects to, which native code need not ask. The hook notes in both cases.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from typing import Any

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_BENEATH = 1
_NO_NEW_PRIVILEGES = 38
# Writing to, removing and making files and folders, as linux/landlock.h numbers them.
_WRITE_FILE = 1 << 1
_WRITING = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_TCP = 1 << 0 | 1 << 1
# What a process writes to that keeps nothing.
_DEVICES = ("/dev/null", "/dev/full", "/dev/tty", "/dev/ptmx", "/dev/pts", "/dev/shm")

_CHANGING = {
    "os.remove": 1, "os.rename": 2, "os.rmdir": 1, "os.mkdir": 1, "os.truncate": 1, "os.link": 2,
    "os.symlink": 2, "os.chmod": 1, "os.chown": 1, "os.utime": 1, "shutil.rmtree": 1,
}  # fmt: skip
_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")

_noted: dict[str, None] = {}


def deny(writable: list[str], *, network: bool) -> dict[str, str]:
    """Deny writing outside of folders, and the network unless it is allowed.

    Return by what each is denied: `landlock`, `audit hook` or, for the network, `nothing`.
    """
    version = _version()
    by_system = version >= 1 and _restrict(version, writable, network)
    net = "nothing" if network else "landlock" if by_system and version >= 4 else "audit hook"
    _listen([os.path.realpath(each) for each in (*writable, *_DEVICES)], by_system, network)
    return {"writing": "landlock" if by_system else "audit hook", "network": net}


def denied() -> list[str]:
    """Return what was tried, such as `write /etc/hosts` or `connect example.org`."""
    return list(_noted)


def _version() -> int:
    if not sys.platform.startswith("linux") or os.uname().machine not in ("x86_64", "aarch64"):
        return 0
    return max(_call(_CREATE_RULESET, None, ctypes.c_size_t(0), 1), 0)


def _call(number: int, *arguments: Any) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return int(library.syscall(ctypes.c_long(number), *arguments))


def _restrict(version: int, writable: list[str], network: bool) -> bool:
    rights = _WRITING | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    attributes = struct.pack("QQ", rights, 0 if network else _TCP)[: 16 if version >= 4 else 8]
    ruleset = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    try:
        for path in (*writable, *_DEVICES):
            try:
                place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            # A rule on what is no folder may hold the rights of files alone.
            allowed = rights if os.path.isdir(path) else rights & (_WRITE_FILE | _TRUNCATE)
            rule = struct.pack("=Qi", allowed, place)
            added = _call(_ADD_RULE, ruleset, _BENEATH, rule, 0)
            os.close(place)
            if added < 0:
                return False
        ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return _call(_RESTRICT_SELF, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _listen(writable: list[str], by_system: bool, network: bool) -> None:
    """Note what is refused, and refuse it where the system does not."""

    def outside(path: object) -> str | None:
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, str):
            return None
        folder, name = os.path.split(os.path.abspath(path))
        real = os.path.join(os.path.realpath(folder), name)
        real = os.path.realpath(real) if os.path.islink(real) else real
        if any(real == each or real.startswith(each.rstrip("/") + "/") for each in writable):
            return None
        return real

    def refuse(what: str) -> None:
        _noted[what] = None
        if not by_system:
            raise PermissionError(13, f"denied while verifying: {what}")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                found = outside(path)
                if found is not None:
                    refuse(f"write {found}")
        elif event in _CHANGING:
            # Libraries make sure of their folders; one that is there is not made.
            if event == "os.mkdir" and os.path.isdir(arguments[0]):
                return
            for path in arguments[: _CHANGING[event]]:
                found = outside(path)
                if found is not None:
                    refuse(f"{event.partition('.')[2]} {found}")
        elif event in _NETWORK and not network:
            _refuse_network(event, arguments)

    # Its own hook: the recorder's listens to the same events.
    sys.addaudithook(hook)


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    address = arguments[0] if event in _NETWORK[1:3] else arguments[1]
    if isinstance(address, str | bytes) and event not in _NETWORK[1:3]:
        return  # a socket in the file system
    host = address[0] if isinstance(address, tuple) and address else address
    host = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if host in (None, "", "localhost", "::1") or str(host).startswith("127."):
        return
    _noted[f"connect {host}"] = None
    raise PermissionError(13, f"the network is denied while verifying: {host}")
