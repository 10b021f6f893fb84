"""`%provenance refresh` in a real kernel: which cells run, in which order, and as what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.databases import DEFAULT, Archive
from support.kernels import Kernel

pytestmark = pytest.mark.slow


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path)
    yield kernel
    kernel.stop()


def run(kernel: Kernel, *cells: tuple[str, str]) -> None:
    for cell, source in cells:
        answer = kernel.execute(source, metadata={"cellId": cell, "tags": [f"stage:{cell}"]})
        assert answer.status == "ok", answer.reply


def runs(kernel: Kernel) -> list[tuple[str, str]]:
    return [(each["cell_id"], each["kind"]) for each in record(kernel).runs()]


def record(kernel: Kernel) -> Archive:
    return Archive(kernel.work / DEFAULT)


def test_stale_cells_run_in_order_and_are_runs_of_their_own(kernel: Kernel) -> None:
    run(
        kernel,
        ("c", "z = 0"),
        ("a", "x = 1"),
        ("b", "y = x + 1\nprint('y is', y)"),
        ("c", "z = y + 1"),
        ("other", "w = 5"),
        ("a", "x = 10"),
    )
    answer = kernel.execute("%provenance refresh", metadata={"cellId": "asks"})
    assert answer.status == "ok"
    assert "y is 11" in answer.stdout
    assert answer.stdout.index("run 3 again") < answer.stdout.index("run 4 again")
    assert "none of 4 cells is stale" in str(answer.result)
    assert kernel.execute("z").result == "12"
    assert runs(kernel)[6:9] == [("asks", "question"), ("b", "cell"), ("c", "cell")]
    stages = "SELECT stage FROM stage_tag JOIN cell_run ON cell_run.id = cell_run_id"
    assert record(kernel).values(f"{stages} WHERE position = 8") == ["b"]
    sources = "SELECT s.position FROM dependency d JOIN cell_run r ON r.id = d.cell_run_id"
    joined = f"{sources} JOIN cell_run s ON s.id = d.source_cell_run_id WHERE r.position = 9"
    assert record(kernel).values(joined) == [8]
    assert "is stale" in str(kernel.execute("%provenance refresh").result)


def test_what_comes_out_the_same_leaves_what_follows_alone(kernel: Kernel) -> None:
    run(
        kernel,
        ("a", "x = 1"),
        ("b", "y = x > 0"),
        ("c", "z = [y]"),
        ("d", "w = x * 2"),
        ("a", "x = 3"),
    )
    answer = kernel.execute("import provenance_kernel\nprovenance_kernel.refresh('z')")
    assert answer.status == "ok"
    again = [line for line in answer.stdout.splitlines() if " again: " in line]
    assert again == ["run 2 again: y = x > 0"]
    # What nobody asked for is still stale.
    left = kernel.execute("%provenance refresh --json")
    assert "w = x * 2" in left.stdout
    assert kernel.execute("w").result == "2"
    wrong = kernel.execute("%provenance refresh nothing")
    assert "no cell has made it" in wrong.stderr


def test_it_stops_where_a_cell_raises_and_a_secret_is_what_it_was(kernel: Kernel) -> None:
    run(
        kernel,
        ("a", "x = 1"),
        ("b", "password = 'hunter2-of-mine'; n = len(password) + x"),
        ("c", "y = 1 / (x + 1) + n"),
        ("d", "z = y"),
        ("a", "x = -1"),
    )
    answer = kernel.execute("%provenance refresh")
    assert answer.status == "ok"
    assert "run 3: ZeroDivisionError; stopped here" in answer.stderr
    assert kernel.execute("n").result == str(len("hunter2-of-mine") - 1)
    assert record(kernel).values("SELECT status FROM cell_run WHERE position = 8") == ["error"]
    assert record(kernel).values("SELECT count(*) FROM cell_run WHERE cell_id = 'd'") == [1]
