"""Where recording cannot work, cells do, and one warning says what is not recorded and why."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.databases import DEFAULT, Archive
from support.kernels import Answer, Kernel, Starter

RETRY = 2.1
RECOVERY_SECONDS = 40.0


def _check_cells_work(kernel: Kernel) -> list[str]:
    """Run cells of several kinds and return what the recorder had to say meanwhile."""
    said: list[Answer] = [kernel.execute("# stage: a\nx = 20 + 22\nx")]
    assert said[-1].result == "42"
    said.append(kernel.execute("now_tag_cell('b')\n1 / 0"))
    assert said[-1].reply["ename"] == "ZeroDivisionError"
    said.append(kernel.execute("import asyncio\nawait asyncio.sleep(0)\nprint(x)"))
    assert said[-1].stdout == "42\n"
    said.append(kernel.execute("!echo shell"))
    assert said[-1].stdout == "shell\r\n"
    return [line for answer in said for line in answer.warnings]


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + RECOVERY_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _cells_until(kernel: Kernel, word: str) -> int:
    """Run cells until the one thing that the recorder has said has a word; return their number."""
    cells = 0
    deadline = time.monotonic() + RECOVERY_SECONDS
    while not kernel.warnings:
        assert time.monotonic() < deadline
        kernel.execute("'until'")
        cells += 1
    (warning,) = kernel.warnings
    assert word in warning
    return cells


def _run_until_mended(kernel: Kernel) -> tuple[list[str], int]:
    """Run cells until the recorder has something to say, and return that and their number.

    It need not say it below one of them: it also writes what it found out while the kernel was
    idle, and if that is the first that can be written again, it says so below the cell before.
    """
    before, cells = len(kernel.warnings), 0
    deadline = time.monotonic() + RECOVERY_SECONDS
    while len(kernel.warnings) == before and time.monotonic() < deadline:
        assert kernel.execute("'after'").result == "'after'"
        cells += 1
        time.sleep(0.2)
    return kernel.warnings[before:], cells


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which a kernel recorded a few cells and which it closed."""
    kernel = Kernel(tmp_path_factory.mktemp("recorded"))
    try:
        for number in range(20):
            kernel.execute(f"# stage: earlier\nx = {number}")
    finally:
        kernel.stop()
    return kernel.work / DEFAULT


# -- places that cannot be written ----------------------------------------------------------------


def _slow(trouble: Callable[..., object]) -> Any:
    """Leave this one out of the fast ring, which has time for one of a kind."""
    return pytest.param(trouble, marks=pytest.mark.slow)


def _file_for_folder(work: Path) -> Path:
    (work / ".provenance").write_text("in the way")
    return work / DEFAULT


def _folder_for_file(work: Path) -> Path:
    (work / DEFAULT).mkdir(parents=True)
    return work / DEFAULT


def _below_a_file(work: Path) -> Path:
    (work / "file").write_text("in the way")
    return work / "file" / "deeper" / "runs.db"


def _below_a_device(work: Path) -> Path:
    return Path("/dev/null/runs.db")


def _below_proc(work: Path) -> Path:
    return Path("/proc/provenance/runs.db")


def _dangling_link(work: Path) -> Path:
    (work / "link.db").symlink_to(work / "no" / "such" / "runs.db")
    return work / "link.db"


def _read_only_folder(work: Path) -> Path:
    (work / "closed").mkdir(mode=0o500)
    return work / "closed" / "runs.db"


needs_proc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no /proc here")
not_root = pytest.mark.skipif(
    hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write in any folder"
)


@pytest.mark.parametrize(
    "prepare",
    [
        _folder_for_file,
        *map(_slow, (_file_for_folder, _below_a_file, _below_a_device, _dangling_link)),
        pytest.param(_below_proc, marks=(needs_proc, pytest.mark.slow)),
        pytest.param(_read_only_folder, marks=not_root),
    ],
)
def test_a_place_that_cannot_be_written(
    start: Starter, tmp_path: Path, prepare: Callable[[Path], Path]
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    target = prepare(work)
    default = target == work / DEFAULT
    kernel = start(work=work, env={} if default else {"PROVENANCE_DATABASE": str(target)})
    (warning,) = _check_cells_work(kernel)
    assert warning.startswith("provenance: not recording: ")
    assert str(target) in warning or str(target.parent) in warning
    assert "Traceback" not in kernel.log.read_text()
    kernel.stop()
    # ipykernel itself may stumble over a closed socket at its end.
    assert "provenance_kernel" not in kernel.log.read_text()


@pytest.mark.slow
def test_a_place_that_is_mended(start: Starter, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / ".provenance").write_text("in the way")
    kernel = start(work=work)
    (warning,) = _check_cells_work(kernel)
    # The subject: after this time it looks again. It finds nothing new to say.
    time.sleep(RETRY)
    assert kernel.execute("x").warnings == []
    (work / ".provenance").unlink()
    (again,), cells = _run_until_mended(kernel)
    assert "recording again" in again
    archive = Archive(work / DEFAULT)
    assert [run["status"] for run in archive.runs()] == ["ok", "error", *["ok"] * (3 + cells)]
    assert archive.tags(archive.runs()[1]["id"])[0]["stage"] == "b"
    messages = [event["message"] for event in archive.events("database")]
    assert [f"provenance: {message}" for message in messages] == [warning, again]


# -- full disk ------------------------------------------------------------------------------------


@contextmanager
def _largest_file(kernel: Kernel, size: int) -> Iterator[None]:
    """Let no file of the kernel's grow beyond a size, which is what a full disk does to it."""
    before = resource.prlimit(kernel.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(kernel.pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(kernel.pid, resource.RLIMIT_FSIZE, before)


needs_prlimit = pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="only Linux limits another process's files"
)


@pytest.mark.slow
@needs_prlimit
def test_a_disk_that_fills_and_is_freed(start: Starter) -> None:
    kernel = start()
    kernel.execute("'before'")
    archive = Archive(kernel.work / DEFAULT)
    with _largest_file(kernel, 4096):
        _check_cells_work(kernel)
        before = _cells_until(kernel, f"not recording: {archive.path}")
        assert len(archive.runs()) == 1
        # The subject: after this time it tries again.
        time.sleep(RETRY)
        assert kernel.execute("x").warnings == []
    (again,), cells = _run_until_mended(kernel)
    assert "recording again" in again
    statuses = [run["status"] for run in archive.runs()]
    assert statuses == ["ok", "ok", "error", *["ok"] * (3 + before + cells)]
    assert archive.is_sound()


@pytest.mark.slow
@needs_prlimit
def test_a_disk_that_is_full_from_the_start(start: Starter) -> None:
    kernel = start()
    with _largest_file(kernel, 4096):
        (warning,) = _check_cells_work(kernel)
        assert warning.startswith("provenance: not recording: ")
    (again,), cells = _run_until_mended(kernel)
    assert "recording again" in again
    archive = Archive(kernel.work / DEFAULT)
    assert len(archive.runs()) == 4 + cells
    assert archive.is_sound()


# -- locked ---------------------------------------------------------------------------------------


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the database's write lock, from this process, which is not the kernel's."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@pytest.mark.slow
def test_a_database_that_another_process_locks(start: Starter) -> None:
    kernel = start()
    kernel.execute("'before'")
    archive = Archive(kernel.work / DEFAULT)
    with _locked(archive.path):
        _check_cells_work(kernel)
        before = _cells_until(kernel, "locked")
        assert len(archive.runs()) == 1
    (again,), cells = _run_until_mended(kernel)
    assert "recording again" in again
    assert "lost" not in again
    statuses = [run["status"] for run in archive.runs()]
    assert statuses == ["ok", "ok", "error", *["ok"] * (2 + before + cells)]
    assert [run["position"] for run in archive.runs()] == [*range(1, len(statuses) + 1)]


@pytest.mark.slow
def test_what_a_lock_kept_back_is_written_at_the_end(start: Starter) -> None:
    kernel = start()
    kernel.execute("'before'")
    archive = Archive(kernel.work / DEFAULT)
    with _locked(archive.path):
        assert kernel.execute("'meanwhile'").result == "'meanwhile'"
    kernel.stop()
    assert [run["source"] for run in archive.runs()] == ["'before'", "'meanwhile'"]
    assert [trial["status"] for trial in archive.trials()] == ["finished"]


@pytest.mark.slow
@pytest.mark.parametrize("migrated", [True, False], ids=["migrated", "empty"])
def test_a_database_that_is_locked_from_the_start(
    start: Starter, recorded: Path, tmp_path: Path, migrated: bool
) -> None:
    path = tmp_path / "runs.db"
    if migrated:
        shutil.copyfile(recorded, path)
    else:
        path.touch()
    with _locked(path):
        kernel = start(env={"PROVENANCE_DATABASE": str(path)})
        _check_cells_work(kernel)
        # What is held for a moment is not told of.
        before = _cells_until(kernel, "locked")
    (again,), cells = _run_until_mended(kernel)
    assert "recording again" in again
    archive = Archive(path)
    latest = archive.trials()[-1]["id"]
    runs = [run for run in archive.runs() if run["trial_id"] == latest]
    assert [run["status"] for run in runs] == ["ok", "error", *["ok"] * (2 + before + cells)]


def test_a_short_lock_is_nobodys_concern(start: Starter) -> None:
    kernel = start()
    kernel.execute("'before'")
    archive = Archive(kernel.work / DEFAULT)
    with _locked(archive.path):
        # The cell does not wait for it.
        answer = kernel.execute("'meanwhile'")
        assert len(archive.runs()) == 1
    assert (answer.result, answer.warnings) == ("'meanwhile'", [])
    _wait_until(lambda: [run["status"] for run in archive.runs()] == ["ok", "ok"])
    assert kernel.warnings == []


# -- not our database, or not whole ---------------------------------------------------------------


def _random_bytes(real: Path, path: Path) -> None:
    path.write_bytes(bytes((number * 7919 + 13) % 251 for number in range(50_000)))


def _text(real: Path, path: Path) -> None:
    path.write_text("these are my notes, and no database\n" * 100)


def _truncated(real: Path, path: Path) -> None:
    path.write_bytes(real.read_bytes()[: real.stat().st_size // 2])


def _torn(real: Path, path: Path) -> None:
    content = bytearray(real.read_bytes())
    content[100:4096] = b"\xa5" * 3996
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [_text, *map(_slow, (_random_bytes, _truncated, _torn))])
def test_a_corrupt_database(
    start: Starter, recorded: Path, tmp_path: Path, damage: Callable[[Path, Path], None]
) -> None:
    path = tmp_path / "runs.db"
    damage(recorded, path)
    before = path.read_bytes()
    kernel = start(env={"PROVENANCE_DATABASE": str(path)})
    (warning,) = _check_cells_work(kernel)
    assert warning.startswith("provenance: not recording: ")
    assert str(path) in warning
    kernel.stop()
    # What somebody may yet want to rescue is as it was.
    assert path.read_bytes() == before


@pytest.mark.slow
def test_a_database_that_goes_bad_while_it_is_used(start: Starter) -> None:
    kernel = start()
    for number in range(5):
        kernel.execute(f"x = {number}")
    path = kernel.work / DEFAULT
    for file in path.parent.glob("provenance.db*"):
        with file.open("r+b") as opened:
            size = file.stat().st_size
            opened.write(b"\xa5" * size)
    assert len(_check_cells_work(kernel)) <= 2
    assert "Traceback" not in kernel.log.read_text()
    kernel.stop()
    # ipykernel itself may stumble over a closed socket at its end.
    assert "provenance_kernel" not in kernel.log.read_text()


@pytest.mark.slow
def test_a_folder_that_is_removed_while_it_is_used(start: Starter) -> None:
    kernel = start()
    kernel.execute("x = 1")
    shutil.rmtree(kernel.work / ".provenance")
    _check_cells_work(kernel)


# -- schemas --------------------------------------------------------------------------------------


def test_a_newer_schema(start: Starter, recorded: Path, tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    shutil.copyfile(recorded, path)
    with closing(sqlite3.connect(path)) as connection, connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(schema_migration)")]
        known = dict(
            zip(
                columns,
                connection.execute("SELECT * FROM schema_migration").fetchone(),
                strict=True,
            )
        )
        future = {**known, "name": "9999_of_the_future"}
        if "id" in future:
            future["id"] = 9999
        marks = ", ".join("?" * len(columns))
        connection.execute(f"INSERT INTO schema_migration VALUES ({marks})", list(future.values()))
    before = Archive(path).trials()
    kernel = start(env={"PROVENANCE_DATABASE": str(path)})
    (warning,) = _check_cells_work(kernel)
    assert "this session is not recorded" in warning
    assert "9999_of_the_future" in warning
    assert "upgrade" in warning
    kernel.stop()
    assert Archive(path).trials() == before


@pytest.mark.parametrize("other_tables", [False, True], ids=["empty", "another's"])
def test_a_database_without_our_schema_gets_it(
    start: Starter, tmp_path: Path, other_tables: bool
) -> None:
    path = tmp_path / "runs.db"
    path.touch()
    if other_tables:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE note (text TEXT)")
            connection.execute("INSERT INTO note VALUES ('mine')")
    kernel = start(env={"PROVENANCE_DATABASE": str(path)})
    assert _check_cells_work(kernel) == []
    archive = Archive(path)
    assert len(archive.runs()) == 4
    if other_tables:
        assert archive.values("SELECT text FROM note") == ["mine"]


@pytest.mark.slow
def test_a_read_only_environment_leaves_results_alone(start: Starter) -> None:
    """The same cells give the same results whether or not they are recorded."""
    unrecorded = start(env={"PROVENANCE_DATABASE": "/dev/null/runs.db"})
    recorded = start()
    for source in ("[n ** 2 for n in range(5)]", "_", "Out[1]", "len(In)", "1 / 0", "%who"):
        one, other = unrecorded.execute(source), recorded.execute(source)
        assert (one.status, one.result, one.stdout) == (other.status, other.result, other.stdout)


# -- cells that reach into the recorder ------------------------------------------------------------


@pytest.mark.parametrize(
    "deed",
    [
        "del kernel._recorder",
        "kernel._recorder = 5",
        "kernel.recorder.begin = None",
        "del kernel.recorder._ledger",
        "kernel.recorder._ledger = None",
        "kernel.recorder.replied = kernel.recorder.settle = 1 / 3",
    ],
)
def test_cells_run_on_without_the_recorder(start: Starter, deed: str) -> None:
    kernel = start()
    kernel.execute(f"kernel = get_ipython().kernel\n{deed}")
    for number in range(3):
        answer = kernel.execute(f"{number} + 1")
        assert (answer.status, answer.result) == ("ok", str(number + 1))
    assert len(kernel.warnings) <= 3
    assert "Traceback" not in kernel.log.read_text()
