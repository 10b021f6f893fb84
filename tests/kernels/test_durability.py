"""Nothing that was recorded is lost: not among kernels on one database, not by SIGKILL."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from queue import Empty

import pytest

from support.databases import DEFAULT, Archive
from support.kernels import Kernel, Starter

KERNELS = 4
CELLS = 200
KILLS = 30
INTERRUPTS = 600
RANDOM_INTERRUPTS = 200


@pytest.mark.slow
def test_kernels_at_once_on_one_database(start: Starter, tmp_path: Path) -> None:
    path = tmp_path / "shared" / "runs.db"
    kernels = [start(env={"PROVENANCE_DATABASE": str(path)}) for _ in range(KERNELS)]
    sent: dict[Kernel, list[str]] = {kernel: [] for kernel in kernels}
    for number in range(CELLS):
        for kernel in kernels:
            sent[kernel].append(kernel.send(f"# stage: many\nx = {number}"))
    for kernel in kernels:
        for answer in kernel.gather(sent[kernel], seconds=200):
            assert (answer.status, answer.stderr) == ("ok", "")
    archive = Archive(path)
    runs = archive.rows("SELECT trial_id, position, status, duration FROM cell_run")
    assert len(runs) == KERNELS * CELLS
    assert {run["status"] for run in runs} == {"ok"}
    trials = {run["trial_id"] for run in runs}
    assert len(trials) == KERNELS
    for trial in trials:
        positions = [run["position"] for run in runs if run["trial_id"] == trial]
        assert sorted(positions) == list(range(1, CELLS + 1))
    assert len(archive.rows("SELECT * FROM stages WHERE status = 'ok'")) == KERNELS * CELLS
    assert archive.values("SELECT count(*) FROM code") == [CELLS]
    assert archive.events() == []
    for kernel in kernels:
        kernel.stop()
    assert {trial["status"] for trial in archive.trials()} == {"finished"}
    assert archive.is_sound()


@pytest.mark.slow
def test_interrupts_soon_after_the_reply_cost_nothing(start: Starter) -> None:
    kernel = start()
    moments = random.Random(8)
    statuses = set()
    for number in range(INTERRUPTS):
        sent = kernel.send(f"x = {number}")
        while True:
            reply = kernel.client.get_shell_msg(timeout=20)
            if reply["parent_header"].get("msg_id") == sent:
                break
        end = time.perf_counter() + moments.random() * 6e-4
        while time.perf_counter() < end:
            pass
        kernel.send_signal(signal.SIGINT)
        statuses.add(reply["content"]["status"])
    assert kernel.execute("x").result == str(INTERRUPTS - 1)
    assert statuses == {"ok"}
    archive = Archive(kernel.work / DEFAULT)
    assert archive.values("SELECT DISTINCT status FROM cell_run") == ["ok"]


_INTERRUPTED = (
    "x = {}",
    "# stage: a\nx = {}\nx",
    "l = [i for i in range(2000)]\nx = {}",
    "import time\ntime.sleep(0.002)\nx = {}",
    "print({})",
    "def f(a): return a\nx = f({})",
    "1 / 0  # {}",
)


def _answered(kernel: Kernel, sent: str) -> tuple[str | None, bool]:
    """Return the status of a request's reply, if it came, and whether a later request's came.

    An interrupt may cost either, or cut it in two.
    """
    status = None
    after = kernel.client.comm_info()
    with suppress(Empty, ValueError):
        while True:
            reply = kernel.client.get_shell_msg(timeout=5)
            request = reply["parent_header"].get("msg_id")
            if request == sent:
                status = str(reply["content"]["status"])
            elif request == after:
                return status, True
    return status, False


@pytest.mark.slow
def test_interrupts_at_any_moment_end_no_record(start: Starter) -> None:
    """Some cost a reply, as they do in ipykernel: those that come before the cell's code runs."""
    kernel = start()
    kernel.execute("'first'")
    moments = random.Random(5)
    replied: dict[str, str] = {}
    unanswered = 0
    for number in range(RANDOM_INTERRUPTS):
        source = moments.choice(_INTERRUPTED).format(number)
        # ipykernel may abort cells for ever when it is interrupted while it begins to.
        sent = kernel.send(source, stop_on_error=False)
        end = time.perf_counter() + moments.random() * moments.choice([0.004, 0.004, 0.03])
        while time.perf_counter() < end:
            pass
        kernel.send_signal(signal.SIGINT)
        status, answered = _answered(kernel, sent)
        unanswered += not answered
        assert unanswered < 5, kernel.log.read_text()[-5000:]
        if status is not None:
            replied[source] = status
    assert kernel.execute("'last'").result == "'last'"
    archive = Archive(kernel.work / DEFAULT)
    runs = archive.runs()
    assert [run["position"] for run in runs] == list(range(1, len(runs) + 1))
    recorded = {run["source"]: run["status"] for run in runs}
    assert (recorded.pop("'first'"), recorded.pop("'last'")) == ("ok", "ok")
    for source, status in replied.items():
        # An error of the cell's own, or the interrupt.
        alike = ("ok",) if status == "ok" else ("error", "interrupted")
        assert recorded[source] in alike
    for source in recorded.keys() - replied.keys():
        assert recorded[source] != "running"
    assert archive.events() == []
    assert archive.values("SELECT count(*) FROM activation WHERE status = 'running'") == [0]
    assert archive.is_sound()


_HANDLERS = """
import signal
session, handlers = get_ipython().kernel.session, []
send = session.send
def spy(stream, kind, *args, **kwargs):
    if kind == "execute_reply":
        handlers.append(signal.getsignal(signal.SIGINT))
    return send(stream, kind, *args, **kwargs)
session.send = spy
"""


def test_no_interrupt_is_raised_from_the_reply_on(start: Starter) -> None:
    """Between the reply and the end of its request, ipykernel catches none: its process ends."""
    kernel = start()
    kernel.execute(_HANDLERS)
    assert kernel.execute("1 / 0").status == "error"
    assert kernel.execute("set(handlers) == {signal.SIG_IGN}").result == "True"


def _begun(marks: Path) -> list[int]:
    """The numbers of the cells whose code began: each writes its own before anything else."""
    return [int(line) for line in marks.read_text().split()] if marks.exists() else []


@pytest.mark.slow
def test_sigkill_at_random_moments(start: Starter, tmp_path: Path) -> None:
    moments = random.Random(20)
    work = tmp_path / "work"
    archive = Archive(work / DEFAULT)
    known: set[str] = set()
    for round_ in range(KILLS):
        marks = tmp_path / f"marks{round_}"
        kernel = start(work=work)
        kernel.execute("import os, time")
        source = (
            f"with open({str(marks)!r}, 'a', buffering=1) as file: file.write('{{}}\\n')\n"
            f"time.sleep({moments.uniform(0.03, 0.09)})"
        )
        sent = [kernel.send(f"# stage: loop\n{source.format(n)}") for n in range(60)]
        # The subject: any moment.
        time.sleep(moments.uniform(0.01, 0.5))
        kernel.send_signal(signal.SIGKILL)
        kernel.wait_until_gone()
        replied = kernel.replies()
        kernel.kill()
        assert archive.is_sound()
        (trial,) = [each for each in archive.trials() if each["id"] not in known]
        known.add(trial["id"])
        assert trial["status"] == "running"
        runs = [run for run in archive.runs() if run["trial_id"] == trial["id"]]
        # The first is the import; the client's n-th request is at position n + 2.
        at = {run["position"] - 2: run["status"] for run in runs}
        for number, each in enumerate(sent):
            if each in replied:
                assert at[number] == replied[each] == "ok"
        for number in _begun(marks):
            assert at[number] in ("ok", "running")
        assert sum(run["status"] == "running" for run in runs) <= 1
        assert [run["position"] for run in runs] == list(range(1, len(runs) + 1))
        _check_died(archive, known - {trial["id"]})
    start(work=work).execute("'next'")
    _check_died(archive, known)
    assert len(archive.rows("SELECT * FROM cell_run WHERE status = 'died'")) >= KILLS // 2


def _check_died(archive: Archive, trials: set[str]) -> None:
    """Trials whose kernel is gone are marked when the next one opens the database."""
    for trial in archive.trials():
        if trial["id"] in trials:
            assert trial["status"] == "died"
    for run in archive.runs():
        if run["trial_id"] in trials:
            assert run["status"] in ("ok", "died")


@pytest.mark.slow
def test_a_live_kernel_is_not_marked_by_another(start: Starter, tmp_path: Path) -> None:
    work = tmp_path / "work"
    one = start(work=work)
    sent = one.send("import time\nprint('running', flush=True)\nwhile True: time.sleep(0.05)")
    one.wait_for("running")
    other = start(work=work)
    other.execute("'beside'")
    archive = Archive(work / DEFAULT)
    assert {trial["status"] for trial in archive.trials()} == {"running"}
    assert sorted(run["status"] for run in archive.runs()) == ["ok", "running"]
    one.interrupt()
    one.gather([sent])
    assert sorted(run["status"] for run in archive.runs()) == ["interrupted", "ok"]


@pytest.mark.slow
def test_other_machines_trials_are_left_alone(start: Starter) -> None:
    kernel = start()
    kernel.execute("1")
    archive = Archive(kernel.work / DEFAULT)
    with closing(sqlite3.connect(archive.path)) as connection, connection:
        connection.execute("UPDATE trial SET host = 'elsewhere'")
    kernel.kill()
    again = start(work=kernel.work)
    again.execute("1")
    assert [trial["status"] for trial in archive.trials()] == ["running", "running"]


def test_sigterm_while_idle(start: Starter) -> None:
    """A server that goes down ends its kernels so; what they recorded is there."""
    kernel = start()
    kernel.execute("x = 1")
    kernel.send_signal(signal.SIGTERM)
    kernel.wait_until_gone()
    archive = Archive(kernel.work / DEFAULT)
    assert [run["status"] for run in archive.runs()] == ["ok"]
    assert archive.is_sound()


@pytest.mark.slow
def test_shutdown_while_a_cell_runs(start: Starter) -> None:
    kernel = start()
    kernel.send("import time\nprint('running', flush=True)\ntime.sleep(60)")
    kernel.wait_for("running")
    kernel.stop()
    archive = Archive(kernel.work / DEFAULT)
    # Whether the process left by itself or was killed: no row claims that the cell ended well.
    assert {run["status"] for run in archive.runs()} <= {"running", "interrupted"}
    again = start(work=kernel.work)
    again.execute("1")
    assert archive.runs()[0]["status"] in ("died", "interrupted")
    assert archive.trials()[0]["status"] in ("died", "finished")
