"""What changes while no cell runs is nobody's, and is said: timers, threads, widgets, tasks."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from provenance_kernel.trials.lineage.lineage import lineage_of
from provenance_kernel.trials.query import naming
from provenance_kernel.trials.slicing.slice import slice_of
from support.kernels import Kernel


@dataclass(frozen=True)
class Case:
    """Cells after which `x` changes; `slides` if the last shows the model of a slider."""

    id: str
    cells: tuple[str, ...]
    slides: bool = False


# Each changes `x` when the file `go` appears, which no cell makes.
WAIT = "import os, time\ndef wait():\n    while not os.path.exists('go'): time.sleep(0.01)\n"
DONE = "open('gone', 'w').close()"
CASES = [
    Case("a thread binds", (
        "x = 1",
        f"import threading\n{WAIT}def work():\n    global x\n    wait()\n    x = 2\n    {DONE}\n"
        "threading.Thread(target=work, daemon=True).start()",
    )),
    Case("a timer changes in place", (
        "x = [1]",
        f"import threading\n{WAIT}def work():\n    wait()\n    x.append(2)\n    {DONE}\n"
        "threading.Timer(0.01, work).start()",
    )),
    Case("a task", (
        "x = [1]",
        "import asyncio, os\nasync def work():\n    while not os.path.exists('go'):\n"
        f"        await asyncio.sleep(0.01)\n    x.append(2)\n    {DONE}\n"
        "task = asyncio.create_task(work())",
    )),
    Case("a slider", (
        "x = 1",
        f"import ipywidgets\ndef moved(change):\n    global x\n    x = change['new']\n    {DONE}\n"
        "slider = ipywidgets.IntSlider()\nslider.observe(moved, 'value')\nslider.model_id",
    ), slides=True),
]  # fmt: skip


def move(kernel: Kernel, model: str) -> None:
    """Tell a widget's model, as a frontend does, that its slider was moved."""
    data = {"method": "update", "state": {"value": 5}, "buffer_paths": []}
    message = kernel.client.session.msg("comm_msg", {"comm_id": model, "data": data})
    kernel.client.shell_channel.send(message)


def run(folder: Path, case: Case) -> Path:
    """Run cells, let what they started do its work while none runs, and read `x`."""
    kernel = Kernel(folder)
    try:
        answers = [kernel.execute(cell) for cell in case.cells]
        if case.slides:
            move(kernel, str(answers[-1].result).strip("'"))
        (kernel.work / "go").touch()
        end = time.monotonic() + 20
        while not (kernel.work / "gone").exists():
            assert time.monotonic() < end
            time.sleep(0.01)
        answers += [kernel.execute("other = 1"), kernel.execute("y = x")]
        assert [each.reply for each in answers if each.status != "ok"] == []
        assert [line for each in answers for line in each.warnings] == []
    finally:
        kernel.stop()
    return kernel.work


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_what_changes_while_no_cell_runs_is_nobodys(case: Case, tmp_path: Path) -> None:
    folder = run(tmp_path, case)
    position = len(case.cells) + 2
    with closing(sqlite3.connect(folder / ".provenance" / "provenance.db")) as database:
        query = (
            "SELECT position, access FROM variable v JOIN cell_run c ON c.id = cell_run_id"
            " WHERE name = 'x' AND access != 'read' ORDER BY position"
        )
        rows = database.execute(query).fetchall()
    assert rows[0] == (1, "write")
    assert len(rows) == 2
    found, access = rows[1]
    assert access == "outside"
    assert found in (position - 1, position)
    said = f"changed outside of any cell, before run {found}"
    with closing(naming.open_database(None, folder)) as database:
        made = slice_of(database, "y")
        lineage = lineage_of(database, "y")
    assert not made.vouched
    assert any(f"x {said}" in reason for reason in made.reasons)
    assert any((node.label, node.detail) == ("x", said) for node in lineage.nodes)
