"""Trials whose process is gone have died; those of other machines may live."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance_kernel.store.owners import mark_died, process_started_at
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
    trial = a_trial(**values)
    store.put([trial, a_run(trial, status="running")])
    assert mark_died(store.database) == 0
    assert statuses(archive) == ([trial.status], ["running"])


def test_a_process_that_never_was_has_no_start() -> None:
    assert process_started_at(2**22 + 1) is None
