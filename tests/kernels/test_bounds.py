"""What a cell makes without measure is recorded in part, and how much was left out is said."""

from __future__ import annotations

import pytest

from support.databases import DEFAULT, Archive
from support.kernels import Starter

MANY = "for i in range(1_000_000): globals()[f'v{i}'] = i"
# The memory of the kernel's process, in MB.
MEMORY = "import os, psutil\nprint(psutil.Process().memory_info().rss // 1_000_000)"
BOUND = 20


@pytest.mark.slow
def test_a_million_variables_cost_little_and_what_was_left_out_is_said(start: Starter) -> None:
    grown = []
    kernels = [start(name="python3"), start()]
    for kernel in kernels:
        before = int(kernel.execute(MEMORY).stdout)
        assert kernel.execute(MANY).status == "ok"
        # By this message the cell is settled.
        grown.append(int(kernel.execute(MEMORY).stdout) - before)
    stock, ours = grown
    assert ours - stock <= BOUND
    kernel = kernels[1]
    assert kernel.execute("late = v999999 + 1\nlate").result == "1000000"
    kernel.stop()
    archive = Archive(kernel.work / DEFAULT)
    size = sum(each.stat().st_size for each in archive.path.parent.iterdir())
    assert size <= BOUND * 1_000_000
    made = archive.runs()[1]
    ((told, run),) = [
        (each["message"], each["cell_run_id"]) for each in archive.events("truncated")
    ]
    assert run == made["id"]
    left_out = int(told.partition(" ")[0].replace(",", ""))
    written = archive.values(
        "SELECT count(*) FROM variable "
        "WHERE cell_run_id = ? AND access = 'write' AND name LIKE 'v%'",
        made["id"],
    )
    # The others are the shell's and the cell's own name.
    assert 1_000_000 - 100 < left_out + written[0] <= 1_000_001
    latest = archive.runs()[-1]["id"]
    assert archive.values(
        "SELECT name FROM variable WHERE cell_run_id = ? ORDER BY access", latest
    ) == ["v999999", "late"]
