"""Slices are run: what they give is compared, what was missing put back, what can go taken away."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenance_kernel.store.database import connect
from provenance_kernel.trials.query.restore import restore_files
from provenance_kernel.verify.slices import check, minimised
from support.databases import DEFAULT
from support.kernels import Starter
from verify.cases import Case
from verify.test_verify import record, scratch  # noqa: F401


@pytest.mark.parametrize("needed", [set(), {3}, {0, 9}, {1, 2, 3}, set(range(10))], ids=str)
def test_nothing_is_left_that_can_go(needed: set[int]) -> None:
    tried = []

    def same(some: frozenset[int]) -> bool:
        tried.append(some)
        return needed <= some

    assert minimised(frozenset(range(10)), same) == needed
    assert len(tried) <= 60


@pytest.mark.slow
def test_a_slice_is_run_and_made_minimal(start: Starter, tmp_path: Path) -> None:
    cells = (
        "import random\nunused = 5\nrows = open('in.csv').read().split(',')",
        "rows.append('7')\nrows.sort(key=len)\nnoise = random.random()",
        "# metric: score\nscore = sum(map(int, rows)) + noise",
    )
    folder = record(start, tmp_path, Case("", cells, "", files={"in.csv": "1,2"}))
    # What was kept of the input is what it runs on.
    (folder / "in.csv").write_text("100")
    database = connect(folder / DEFAULT)
    try:
        assert restore_files(database, tmp_path / "files") == (["in.csv"], [])
        assert (tmp_path / "files" / "in.csv").read_text() == "1,2"
        found = check(database, "score")
        smaller = check(database, "score", minimal=True)
    finally:
        database.close()
    told = "checked: run in a fresh kernel it gives the same digest"
    assert found.checked == told
    assert found.script().splitlines()[0] == f"# {told}"
    assert smaller.checked is not None
    assert smaller.checked.startswith(f"{told}; no statement can go")
    kept = [line for part in smaller.parts for line in part.statements]
    assert "rows.sort(key=len)" not in kept
    assert "rows.append('7')" in kept
    assert (folder / "in.csv").read_text() == "100"
