"""Faults that come after a cell and go five cells later: cells run on, what follows is recorded."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from support.databases import DEFAULT, Archive
from support.faults import Faults, Unavailable
from support.kernels import Kernel

# What a cell may take beyond its usual time is 50 ms; here other processes run. Where SQLite's own
# patience comes through it is 10 s.
SECONDS = 3.0
RECOVERY_SECONDS = 40.0

Fault = Callable[[Kernel, Faults], AbstractContextManager[None]]


def source(number: int) -> str:
    return f"# stage: s\nx = {number}\nx"


# -- of the operating system ----------------------------------------------------------------------


def failing(*calls: str, error: int, part: str = "/.provenance") -> Fault:
    """Let calls on the files of the database fail."""
    return lambda kernel, faults: faults.of(calls, error, part)


EVERY = ("lock", "read", "write", "sync", "open", "truncate", "map", "stat", "unlink")
SYSTEM: dict[str, Fault] = {
    "no locks": failing("lock", error=errno.ENOLCK),
    "locks are invalid": failing("lock", error=errno.EINVAL),
    "locks fail": failing("lock", error=errno.EIO),
    "locks are denied": failing("lock", error=errno.EACCES),
    "no locks of the shared file": failing("lock", error=errno.ENOLCK, part="-shm"),
    "no locks of the database": failing("lock", error=errno.ENOLCK, part="provenance.db"),
    "a full disk": failing("write", error=errno.ENOSPC),
    "a disk that is full for the log": failing("write", error=errno.ENOSPC, part="-wal"),
    "a quota": failing("write", error=errno.EDQUOT),
    "writing fails": failing("write", error=errno.EIO),
    "read-only": failing("write", "open", error=errno.EROFS),
    "syncing fails": failing("write", "sync", error=errno.EIO),
    "opening is denied": failing("write", "open", error=errno.EACCES),
    "no descriptors": failing("write", "open", error=errno.EMFILE),
    "no room to grow": failing("write", "truncate", error=errno.ENOSPC),
    "no memory to map": failing("write", "map", error=errno.ENOMEM),
    "reading fails": failing("read", "write", error=errno.EIO),
    "looking fails": failing("stat", error=errno.EIO),
    "stale": failing("stat", error=errno.ESTALE),
    "all fails": failing(*EVERY, error=errno.EIO),
    "all is stale": failing(*EVERY, error=errno.ESTALE),
    "all is full": failing(*EVERY, error=errno.ENOSPC),
}


# -- by others ------------------------------------------------------------------------------------


@contextmanager
def deleted(kernel: Kernel, faults: Faults) -> Iterator[None]:
    for path in (kernel.work / DEFAULT).parent.glob("provenance.db*"):
        path.unlink()
    yield


@contextmanager
def folder_deleted(kernel: Kernel, faults: Faults) -> Iterator[None]:
    shutil.rmtree(kernel.work / ".provenance")
    yield


@contextmanager
def replaced(kernel: Kernel, faults: Faults) -> Iterator[None]:
    with deleted(kernel, faults), closing(sqlite3.connect(kernel.work / DEFAULT)) as another:
        another.execute("CREATE TABLE note (text TEXT)")
    yield


@contextmanager
def folder_in_its_place(kernel: Kernel, faults: Faults) -> Iterator[None]:
    with deleted(kernel, faults):
        (kernel.work / DEFAULT).mkdir()
    yield
    (kernel.work / DEFAULT).rmdir()


@contextmanager
def away(kernel: Kernel, faults: Faults) -> Iterator[None]:
    """Move the folder away and back, and something else to its place meanwhile."""
    folder, elsewhere = kernel.work / ".provenance", kernel.work / "elsewhere"
    folder.rename(elsewhere)
    folder.write_text("in the way")
    yield
    folder.unlink()
    elsewhere.rename(folder)


def cut(suffix: str, part: float) -> Fault:
    @contextmanager
    def fault(kernel: Kernel, faults: Faults) -> Iterator[None]:
        path = f"{kernel.work / DEFAULT}{suffix}"
        os.truncate(path, int(os.path.getsize(path) * part))
        yield

    return fault


def removed(*suffixes: str) -> Fault:
    @contextmanager
    def fault(kernel: Kernel, faults: Faults) -> Iterator[None]:
        for suffix in suffixes:
            os.unlink(f"{kernel.work / DEFAULT}{suffix}")
        yield

    return fault


@contextmanager
def overwritten(kernel: Kernel, faults: Faults) -> Iterator[None]:
    path = kernel.work / DEFAULT
    with path.open("r+b") as file:
        file.write(b"\xa5" * path.stat().st_size)
    yield


def changed(begin: str, end: str = "") -> Fault:
    """Let somebody change the schema, and change it back."""

    def run(path: Path, script: str) -> None:
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.executescript(script)

    @contextmanager
    def fault(kernel: Kernel, faults: Faults) -> Iterator[None]:
        run(kernel.work / DEFAULT, begin)
        yield
        run(kernel.work / DEFAULT, end)

    return fault


@contextmanager
def without_schema(kernel: Kernel, faults: Faults) -> Iterator[None]:
    found = Archive(kernel.work / DEFAULT).rows(
        "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view')"
        " AND name NOT LIKE 'sqlite_%'"
    )
    with changed("".join(f"DROP {each['type']} {each['name']};" for each in found))(kernel, faults):
        yield


def held(how: str) -> Fault:
    """Let another process hold the database."""

    @contextmanager
    def fault(kernel: Kernel, faults: Faults) -> Iterator[None]:
        with closing(sqlite3.connect(kernel.work / DEFAULT, isolation_level=None)) as holder:
            holder.execute(f"BEGIN {how}")
            yield
            holder.execute("ROLLBACK")

    return fault


def limited(limit: int, most: Callable[[Kernel], int]) -> Fault:
    """Bound what the kernel's process may have."""

    @contextmanager
    def fault(kernel: Kernel, faults: Faults) -> Iterator[None]:
        before = resource.prlimit(kernel.pid, limit)
        resource.prlimit(kernel.pid, limit, (most(kernel), before[1]))
        yield
        resource.prlimit(kernel.pid, limit, before)

    return fault


def _descriptors(kernel: Kernel) -> int:
    return max(map(int, os.listdir(f"/proc/{kernel.pid}/fd"))) + 1


# -- by a cell ------------------------------------------------------------------------------------

_CONNECTION = "get_ipython().kernel.recorder._ledger._outbox.store.database.connection()"
_CLOSE = """
import os
for number in os.listdir("/proc/self/fd"):
    try:
        if %r in os.readlink(f"/proc/self/fd/{number}"):
            os.close(int(number))
    except OSError:
        pass
"""
_ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
_TRIGGER = (
    f"CREATE TRIGGER t AFTER INSERT ON cell_run BEGIN UPDATE trial SET host = ({_ENDLESS}); END;"
)


def done(code: str) -> Fault:
    """Let a cell do something to our connection."""

    @contextmanager
    def fault(kernel: Kernel, faults: Faults) -> Iterator[None]:
        assert kernel.execute(code).status == "ok"
        yield

    return fault


OTHERS: dict[str, Fault] = {
    "deleted": deleted,
    "folder deleted": folder_deleted,
    "replaced": replaced,
    "a folder in its place": folder_in_its_place,
    "moved away and back": away,
    "emptied": cut("", 0),
    "cut": cut("", 0.5),
    "overwritten": overwritten,
    "log emptied": cut("-wal", 0),
    "log cut": cut("-wal", 0.5),
    "log removed": removed("-wal"),
    "shared file removed": removed("-shm"),
    "log and shared file removed": removed("-wal", "-shm"),
    "schema dropped": without_schema,
    "tables dropped": changed("DROP TABLE statement; DROP TABLE event;"),
    "a column renamed": changed(
        "ALTER TABLE code RENAME COLUMN source TO text",
        "ALTER TABLE code RENAME COLUMN text TO source",
    ),
    "log folded and cut": changed("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);"),
    "a trigger without an end": changed(_TRIGGER, "DROP TRIGGER t"),
    "held": held("IMMEDIATE"),
    "held exclusively": held("EXCLUSIVE"),
    "a limit to a file's size": limited(getattr(resource, "RLIMIT_FSIZE", 0), lambda _: 4096),
    "a limit to descriptors": limited(getattr(resource, "RLIMIT_NOFILE", 0), _descriptors),
    "a transaction left open": done(f"{_CONNECTION}.execute('BEGIN IMMEDIATE') and None"),
    "connection closed": done(f"{_CONNECTION}.close()"),
    "descriptors closed": done(_CLOSE % ".provenance/"),
    "descriptor of the shared file closed": done(_CLOSE % "-shm"),
}
# Those of the fast ring: one of a kind.
QUICK = ("no locks", "a full disk", "deleted", "log emptied", "held exclusively")


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Faults:
    try:
        return Faults(tmp_path_factory.mktemp("faults"))
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def kernel(faults: Faults, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel that goes from fault to fault."""
    kernel = Kernel(tmp_path_factory.mktemp("shared"), env=faults.environment)
    yield kernel
    kernel.stop()


def _recorded(kernel: Kernel) -> set[str]:
    """The sources of the cells that anybody can read of who opens the database."""
    with suppress(sqlite3.Error):
        return {run["source"] for run in Archive(kernel.work / DEFAULT).runs()}
    return set()


def _case(name: str, fault: Fault) -> Any:
    return pytest.param(fault, id=name, marks=() if name in QUICK else pytest.mark.slow)


@pytest.mark.parametrize("fault", [_case(*each) for each in (SYSTEM | OTHERS).items()])
def test_a_fault_that_comes_and_goes(kernel: Kernel, faults: Faults, fault: Fault) -> None:
    archive = Archive(kernel.work / DEFAULT)
    first, *numbers = range(time.monotonic_ns(), time.monotonic_ns() + 10**9)[:9]
    # It may still be mending what the fault before this one left.
    _until(lambda: kernel.execute(source(first)) and source(first) in _recorded(kernel))
    began = archive.values("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')")[0]

    def timed(number: int) -> float:
        sent = time.monotonic()
        answer = kernel.execute(source(number))
        assert (answer.status, answer.result) == ("ok", str(number))
        return time.monotonic() - sent

    with fault(kernel, faults):
        seconds = [timed(number) for number in numbers[:5]]
    seconds += [timed(number) for number in numbers[5:]]
    assert max(seconds) < SECONDS
    _until(lambda: {*map(source, numbers[5:])} <= _recorded(kernel))
    assert archive.is_sound()
    told = [each["message"] for each in archive.events() if each["created_at"] >= began]
    for word in ("not recording", "no longer in", "recording again"):
        assert sum(word in each for each in told) <= 1
    assert all("fault" not in each for each in told)
    assert "Traceback" not in kernel.log.read_text()


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + RECOVERY_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
