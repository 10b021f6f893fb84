"""Trials whose process is gone have died; those of other machines may live."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from provenance_kernel.records import utc_now
from provenance_kernel.store import owners
from provenance_kernel.store.owners import SILENCE, mark_died, process_started_at
from provenance_kernel.store.store import Store
from store.samples import a_run, a_trial, an_activation
from support.databases import Archive

WRITER = """
import sys, time
from store.samples import a_code, a_run, a_trial
from provenance_kernel.store.store import Store
store, trial = Store(sys.argv[1]), a_trial()
store.put([trial, a_code(), a_run(trial), a_run(trial, position=2, status="running")])
print("written", flush=True)
time.sleep(600)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "x.db")
    yield store
    store.close()


@pytest.fixture
def archive(store: Store) -> Archive:
    return Archive(Path(store.target))


def statuses(archive: Archive) -> tuple[list[str], list[str]]:
    return (
        archive.values("SELECT status FROM trial ORDER BY id"),
        archive.values("SELECT status FROM cell_run ORDER BY position"),
    )


def test_a_killed_process_leaves_a_trial_that_died(store: Store, archive: Archive) -> None:
    tests = str(Path(__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, store.target],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": tests},
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        assert mark_died(store.database) == 0
        assert statuses(archive) == (["running"], ["ok", "running"])
        writer.send_signal(signal.SIGKILL)
        # Nobody has asked for its exit code yet: it is there, as a zombie.
        while psutil.Process(writer.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert mark_died(store.database) == 1
    assert statuses(archive) == (["died"], ["ok", "died"])
    assert mark_died(store.database) == 0


def test_what_ran_in_a_cell_that_died_has_died_too(store: Store, archive: Archive) -> None:
    trial = a_trial(process_started_at=1.0)
    run = a_run(trial, status="running")
    store.put([trial, run, an_activation(run)])
    mark_died(store.database)
    assert archive.values("SELECT status FROM activation") == ["died"]


def test_a_process_that_took_the_number_of_one_that_is_gone_is_another(
    store: Store, archive: Archive
) -> None:
    started = process_started_at(os.getpid())
    assert started is not None
    store.put([a_trial(process_started_at=started - 60)])
    assert mark_died(store.database) == 1
    assert statuses(archive)[0] == ["died"]


@pytest.mark.parametrize("drift", [0.0, 1.0, -1.0])
def test_a_clock_that_was_corrected_kills_nobody(store: Store, drift: float) -> None:
    started = process_started_at(os.getpid())
    assert started is not None
    store.put([a_trial(process_started_at=started + drift)])
    assert mark_died(store.database) == 0


@pytest.mark.parametrize(
    "values",
    [
        {"host": "elsewhere", "pid": 2**22 + 1},
        {"host": None, "pid": 2**22 + 1},
        {"pid": None},
        {"process_started_at": None},
        {"status": "finished", "pid": 2**22 + 1},
        {"status": "died", "pid": 2**22 + 1},
    ],
    ids=str,
)
def test_what_nobody_here_can_tell_is_left_alone(
    values: dict[str, object], store: Store, archive: Archive
) -> None:
    trial = a_trial(started_at=utc_now(), **values)
    store.put([trial, a_run(trial, status="running")])
    assert mark_died(store.database) == 0
    assert statuses(archive) == ([trial.status], ["running"])


AGO = SILENCE + timedelta(hours=1)
FAR = [{"host": "elsewhere"}, {"host": None}, {"pid": None}]


@pytest.mark.parametrize("values", FAR, ids=str)
@pytest.mark.parametrize("begun", [AGO, timedelta(hours=1)], ids=["long ago", "of late"])
def test_what_nobody_here_can_look_at_has_died_when_it_is_silent_for_long(
    values: dict[str, object], begun: timedelta, store: Store, archive: Archive
) -> None:
    trial = a_trial(started_at=utc_now() - 2 * AGO, **values)
    store.put([trial, a_run(trial, status="running", started_at=utc_now() - begun)])
    silent = begun == AGO
    assert mark_died(store.database) == silent
    status = "died" if silent else "running"
    assert statuses(archive) == ([status], [status])


def test_a_process_of_this_machine_may_be_silent_for_as_long_as_it_lives(store: Store) -> None:
    store.put([a_trial(started_at=utc_now() - 100 * AGO)])
    assert mark_died(store.database) == 0


def test_any_number_of_trials_may_have_died(
    store: Store, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owners, "_AT_ONCE", 10)
    store.put([a_trial(pid=2**22 + 1) for _ in range(25)])
    store.put([a_trial(host="elsewhere") for _ in range(25)])
    assert mark_died(store.database) == 50
    assert archive.values("SELECT DISTINCT status FROM trial") == ["died"]


def test_a_process_that_never_was_has_no_start() -> None:
    assert process_started_at(2**22 + 1) is None


def test_no_more_are_looked_at_than_told_the_latest_first(store: Store, archive: Archive) -> None:
    store.put([a_trial(process_started_at=1.0) for _ in range(5)])
    assert mark_died(store.database, at_most=3) == 3
    assert statuses(archive)[0] == ["running"] * 2 + ["died"] * 3
