"""Records on their way: kept while the database is away, delivered in order when it is back."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType

import pytest

from provenance_kernel.errors import RecordRefused
from provenance_kernel.store import database
from provenance_kernel.store import outbox as module
from provenance_kernel.store.database import connect
from provenance_kernel.store.outbox import Outbox
from store.samples import FUTURE, a_code, a_run, a_trial, an_event, write
from support.databases import Archive


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once, and tell of what others hold at once."""
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(module, "_THREADS_PATIENCE", 0.02)


def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread is to do."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "lab" / "x.db")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def outbox(archive: Archive, said: list[str]) -> Iterator[Outbox]:
    outbox = Outbox(lambda: archive.path, said.append)
    yield outbox
    outbox.close()


@pytest.fixture
def obstacle(archive: Archive) -> Path:
    """A file where the database's folder should be."""
    obstacle = archive.path.parent
    obstacle.write_text("")
    return obstacle


@pytest.fixture
def holder(archive: Archive) -> Iterator[sqlite3.Connection]:
    """Another process's connection, which holds the database when told so."""
    connect(archive.path).close()
    holder = sqlite3.connect(archive.path, isolation_level=None)
    yield holder
    holder.close()


def messages(archive: Archive) -> list[str]:
    return archive.values("SELECT message FROM event ORDER BY id")


def test_records_are_written_at_once(outbox: Outbox, archive: Archive, said: list[str]) -> None:
    assert outbox.store is None
    outbox.put([a_trial()])
    assert outbox.store is not None
    assert len(archive.trials()) == 1
    assert said == []


def test_nothing_is_opened_before_the_first_record(outbox: Outbox, archive: Archive) -> None:
    outbox.close()
    assert not archive.path.parent.exists()


def test_what_cannot_be_written_is_kept_and_delivered_in_order(
    outbox: Outbox, archive: Archive, obstacle: Path, said: list[str]
) -> None:
    trial = a_trial()
    run = a_run(trial, status="running")
    outbox.put([trial, a_code()])
    outbox.put([run])
    outbox.put([replace(run, status="ok")])
    assert len(said) == 1
    assert said[0].startswith(f"not recording: {archive.path}: ")
    assert "cells run as usual" in said[0]
    obstacle.unlink()
    until(lambda: said[1:])
    outbox.put([an_event(trial, "last")])
    assert said[1:] == ["recording again"]
    assert [each["status"] for each in archive.runs()] == ["ok"]
    assert messages(archive) == ["last"]


def test_a_lock_that_somebody_holds_is_survived(
    outbox: Outbox, archive: Archive, holder: sqlite3.Connection, said: list[str]
) -> None:
    trial = a_trial()
    outbox.put([trial])
    holder.execute("BEGIN IMMEDIATE")
    for number in range(3):
        outbox.put([an_event(trial, str(number))])
    holder.execute("COMMIT")
    outbox.put([an_event(trial, "3")])
    until(lambda: said[1:])
    assert messages(archive) == ["0", "1", "2", "3"]
    assert [each.split(":")[0] for each in said] == ["not recording", "recording again"]
    assert "database is locked" in said[0]


def test_a_lock_on_a_new_file_is_waited_for_no_longer_than_another(
    outbox: Outbox, archive: Archive, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Those who ask may wait long for a lock, but no cell may, and not at each try.
    monkeypatch.delattr(database, "BUSY_SECONDS")
    archive.path.parent.mkdir()
    with closing(sqlite3.connect(archive.path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            outbox.put([a_trial()])
        holder.execute("ROLLBACK")
    assert len(said) == 1
    assert "database is locked" in said[0]
    until(lambda: said[1:])
    assert len(archive.trials()) == 3
    assert said[1:] == ["recording again"]


def test_a_second_trouble_is_reported_as_the_first_was(
    outbox: Outbox, holder: sqlite3.Connection, said: list[str]
) -> None:
    trial = a_trial()
    for _ in range(2):
        holder.execute("BEGIN IMMEDIATE")
        told = len(said)
        outbox.put([trial])
        outbox.put([trial])
        holder.execute("COMMIT")
        until(lambda told=told: len(said) == told + 2)
    assert [each.split(":")[0] for each in said] == ["not recording", "recording again"] * 2


def test_a_lock_is_no_fault_when_there_are_dead_to_mark(
    outbox: Outbox, archive: Archive, holder: sqlite3.Connection, said: list[str]
) -> None:
    first = Outbox(lambda: archive.path, said.append)
    first.put([a_trial(process_started_at=1.0)])
    first.close()
    holder.execute("BEGIN IMMEDIATE")
    outbox.put([a_trial()])
    holder.execute("COMMIT")
    outbox.put([a_trial()])
    until(lambda: len(said) == 2)
    assert len(archive.trials()) == 3
    assert [each.split(":")[0] for each in said] == ["not recording", "recording again"]


def test_the_end_does_not_wait_for_the_next_try(
    outbox: Outbox,
    archive: Archive,
    obstacle: Path,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_SOON_SECONDS", 3600.0)
    outbox.put([a_trial()])
    obstacle.unlink()
    outbox.put([a_trial()])
    assert not archive.path.exists()
    outbox.close()
    assert len(archive.trials()) == 2
    assert said[1:] == ["recording again"]


def test_what_waits_is_bounded_and_what_was_lost_is_told(
    outbox: Outbox,
    archive: Archive,
    obstacle: Path,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    trial = a_trial()
    for number in range(5):
        outbox.put([an_event(trial, str(number))])
    obstacle.unlink()
    until(lambda: said[1:])
    assert messages(archive) == ["2", "3", "4"]
    assert said[1:] == ["recording again; 2 records were lost"]


def test_the_bound_is_a_number_of_records_that_fits_in_memory() -> None:
    assert 1_000 <= module.KEPT <= 100_000


def test_a_file_that_is_no_database_is_left_alone(
    outbox: Outbox, archive: Archive, said: list[str]
) -> None:
    archive.path.parent.mkdir()
    archive.path.write_text("a letter" * 100)
    outbox.put([a_trial()])
    outbox.put([a_trial()])
    assert len(said) == 1
    assert "file is not a database" in said[0]
    assert archive.path.read_text() == "a letter" * 100


def test_a_newer_schema_is_said_once_and_nothing_is_written(
    outbox: Outbox, archive: Archive, said: list[str]
) -> None:
    connect(archive.path).close()
    write(archive.path, FUTURE)
    outbox.put([a_trial()])
    outbox.put([a_trial()])
    assert len(said) == 1
    assert said[0].startswith("this session is not recorded: the database has schema 9999_future")
    assert archive.trials() == []


def test_a_setting_that_names_no_database_is_said_as_one(said: list[str]) -> None:
    outbox = Outbox(lambda: "bogus://x", said.append)
    outbox.put([a_trial()])
    outbox.put([a_trial()])
    assert len(said) == 1
    assert said[0].startswith("this session is not recorded: database 'bogus://x'")


def test_a_record_that_no_column_holds_keeps_back_no_other(
    outbox: Outbox, archive: Archive
) -> None:
    trial = a_trial()
    outbox.put([trial])
    with pytest.raises(RecordRefused, match="too large"):
        outbox.put(
            [an_event(trial, "with"), a_run(trial, execution_count=2**70), an_event(trial, "it")]
        )
    outbox.put([an_event(trial, "after")])
    assert messages(archive) == ["with", "it", "after"]


def test_after_the_end_nothing_is_taken(outbox: Outbox, archive: Archive, said: list[str]) -> None:
    outbox.put([a_trial()])
    outbox.close()
    outbox.put([a_trial()])
    outbox.close()
    assert len(archive.trials()) == 1
    assert outbox.store is None
    assert said == []


def test_the_end_comes_even_if_the_database_does_not(
    outbox: Outbox, obstacle: Path, said: list[str]
) -> None:
    outbox.put([a_trial()])
    outbox.close()
    assert len(said) == 1


def test_who_hears_of_trouble_may_put_a_record_of_it(archive: Archive, obstacle: Path) -> None:
    trial = a_trial()

    def tell(message: str) -> None:
        outbox.put([an_event(trial, message.split(":")[0])])

    outbox = Outbox(lambda: archive.path, tell)
    outbox.put([trial])
    obstacle.unlink()
    outbox.put([an_event(trial, "work")])
    until(lambda: outbox.store is not None and "recording again" in messages(archive))
    outbox.close()
    assert messages(archive) == ["not recording", "work", "recording again"]


def test_threads_may_put_at_once(
    outbox: Outbox, archive: Archive, obstacle: Path, said: list[str]
) -> None:
    trial = a_trial()
    start = threading.Barrier(5)

    def some() -> None:
        start.wait()
        for _ in range(50):
            outbox.put([an_event(trial)])

    threads = [threading.Thread(target=some) for _ in range(4)]
    for each in threads:
        each.start()
    start.wait()
    obstacle.unlink()
    for each in threads:
        each.join()
    outbox.put([trial])
    until(lambda: len(said) in (0, 2) and len(messages(archive)) == 200)


# -- faults that come and go ----------------------------------------------------------------------


def _transaction(outbox: Outbox, archive: Archive) -> None:
    assert outbox.store is not None
    outbox.store.database.execute_sql("BEGIN IMMEDIATE")


def _closed_descriptors(outbox: Outbox, archive: Archive) -> None:
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{number}").startswith(str(archive.path)):
                os.close(int(number))


def _closed_connection(outbox: Outbox, archive: Archive) -> None:
    assert outbox.store is not None
    outbox.store.database.close()


def _deleted(outbox: Outbox, archive: Archive) -> None:
    for path in archive.path.parent.glob("*"):
        path.unlink()


def _folder_deleted(outbox: Outbox, archive: Archive) -> None:
    shutil.rmtree(archive.path.parent)


def _moved_away(outbox: Outbox, archive: Archive) -> None:
    archive.path.parent.rename(archive.path.parent.with_name("elsewhere"))


def _replaced(outbox: Outbox, archive: Archive) -> None:
    other = archive.path.with_name("other.db")
    connect(other).close()
    _deleted_but(archive, other)
    other.rename(archive.path)


def _deleted_but(archive: Archive, kept: Path) -> None:
    for path in archive.path.parent.glob("x.db*"):
        if path != kept:
            path.unlink()


def _emptied(outbox: Outbox, archive: Archive) -> None:
    with closing(sqlite3.connect(archive.path)) as connection:
        names = [
            tuple(row) for row in connection.execute("SELECT type, name FROM sqlite_master "
            "WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'")
        ]  # fmt: skip
        for kind, name in names:
            connection.execute(f"DROP {kind} IF EXISTS {name}")


def _table_dropped(outbox: Outbox, archive: Archive) -> None:
    with closing(sqlite3.connect(archive.path)) as connection:
        connection.execute("DROP TABLE event")


def _overwritten(outbox: Outbox, archive: Archive) -> None:
    for path in archive.path.parent.glob("x.db*"):
        with path.open("r+b") as file:
            file.write(b"\xa5" * path.stat().st_size)


@pytest.mark.parametrize(
    "fault",
    [
        _transaction,
        _closed_descriptors,
        _closed_connection,
        _deleted,
        _folder_deleted,
        _moved_away,
        _replaced,
        _emptied,
        _table_dropped,
        _overwritten,
    ],
)
def test_what_follows_a_fault_is_recorded(
    fault: Callable[[Outbox, Archive], None], archive: Archive, said: list[str]
) -> None:
    trial = a_trial()
    outbox = Outbox(lambda: archive.path, said.append, lambda: [trial])
    outbox.put([trial, an_event(trial, "before")])
    fault(outbox, archive)
    for number in range(3):
        outbox.put([an_event(trial, str(number))])
    outbox.close()
    assert [each["id"] for each in archive.trials()] == [trial.id]
    assert [each for each in messages(archive) if each != "before"] == ["0", "1", "2"]
    assert len(said) <= 2
    assert archive.is_sound()


def test_a_file_that_is_moved_away_and_back(archive: Archive, said: list[str]) -> None:
    trial = a_trial()
    outbox = Outbox(lambda: archive.path, said.append, lambda: [trial])
    outbox.put([trial, an_event(trial, "before")])
    elsewhere = archive.path.parent.with_name("elsewhere")
    archive.path.parent.rename(elsewhere)
    outbox.put([an_event(trial, "between")])
    until(lambda: said)
    until(lambda: messages(archive) == ["between"])
    shutil.rmtree(archive.path.parent)
    elsewhere.rename(archive.path.parent)
    outbox.put([an_event(trial, "after")])
    outbox.close()
    assert messages(archive) == ["before", "after"]
    assert said == [f"what was recorded before is no longer in {archive.path}"]


def test_a_trigger_without_an_end_is_left_to_another_time(
    outbox: Outbox, archive: Archive, said: list[str]
) -> None:
    trial = a_trial()
    outbox.put([trial])
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with closing(sqlite3.connect(archive.path)) as connection:
        connection.execute(
            f"CREATE TRIGGER t AFTER INSERT ON event BEGIN UPDATE trial SET host = ({endless}); END"
        )
    outbox.put([an_event(trial, "held back")])
    until(lambda: said)
    assert "writing a row takes longer than" in said[0]
    with closing(sqlite3.connect(archive.path, timeout=30)) as connection:
        connection.execute("DROP TRIGGER t")
    until(lambda: said[1:])
    assert messages(archive) == ["held back"]


def test_what_is_held_for_a_moment_is_told_to_nobody(
    outbox: Outbox,
    archive: Archive,
    holder: sqlite3.Connection,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "GRACE_SECONDS", 3600.0)
    trial = a_trial()
    holder.execute("BEGIN EXCLUSIVE")
    outbox.put([trial])
    holder.execute("COMMIT")
    until(archive.trials)
    outbox.put([an_event(trial, "after")])
    assert messages(archive) == ["after"]
    assert said == []


def test_interrupts_leave_no_transaction_open(outbox: Outbox, archive: Archive) -> None:
    trial = a_trial()
    outbox.put([trial])
    raised, inside, stop = [0], [False], threading.Event()
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        while not stop.wait(0.0003):
            signal.pthread_kill(main, signal.SIGINT)

    def handle(number: int, frame: FrameType | None) -> None:
        if inside[0]:
            inside[0] = False
            raised[0] += 1
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handle)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        for _ in range(500):
            with suppress(KeyboardInterrupt):
                inside[0] = True
                outbox.put([an_event(trial, "a"), an_event(trial, "b")])
            inside[0] = False
    finally:
        stop.set()
        thread.join()
        signal.signal(signal.SIGINT, before)
    assert raised[0]
    outbox.put([an_event(trial, "last")])
    found = messages(archive)
    assert found.count("a") == found.count("b") > 0
    assert found[-1] == "last"
