"""What `compare` prints of two trials that differ in every way."""

from __future__ import annotations

from contextlib import closing

import pytest

from provenance_kernel.display import registry
from provenance_kernel.trials.compare.compare import compare
from provenance_kernel.trials.query import naming as query
from support.cells import record_cells

BEFORE = (
    "import random",
    "data = open('in.txt').read()",
    "a = 1",
    "b = [a, 2]",
    "c = sorted(b, reverse=False)",
    "d = int('5')",
    "random.seed(1)\ne = random.random()",
    "gone = 3",
    "big = list(range(1000))",
    "# metric: score\nscore = a + d",
)
AFTER = (
    "import random",
    "data = open('in.txt').read()",
    "b = [1, 2]",
    "a = 1",
    "a = 1",
    "c = sorted(b, reverse=True)",
    "d = int('x')",
    "random.seed(2)\ne = random.random()",
    "big = list(range(1001))",
    "# metric: score\nscore = a + 6",
    "new = 4",
)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("changes")
    for text, cells in (("one", BEFORE), ("two", AFTER)):
        (folder / "in.txt").write_text(text)
        record_cells(folder, cells)
    with closing(query.open_database(None, folder)) as database:
        a, b = (query.find_trial(database, name) for name in ("latest~1", "latest"))
        return [line.strip() for line in registry.text(compare(database, a, b), 100).splitlines()]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("score  6  7      +1  +16.7%", id="metric"),
        pytest.param("by code: score 6 → 7", id="reason"),
        pytest.param("data  'one'  → 'two'", id="small value"),
        pytest.param("file in.txt: different, 0a1c6d4cf41e → 35d5c8cc887e, 3 B", id="file"),
        pytest.param("order: runs before 5 now", id="order"),
        pytest.param("ran once → 2 times; the last counts", id="runs"),
        pytest.param("status: ok → error", id="status"),
        pytest.param("+c = sorted(b, reverse=True)", id="code"),
        pytest.param("values differ: big", id="large value"),
        pytest.param("8 (only in a)  gone = 3", id="gone"),
        pytest.param("11 (only in b)  new = 4", id="new"),
        pytest.param("1 cell does not differ", id="same"),
    ],
)
def test_a_difference_is_a_line(line: str, shown: list[str]) -> None:
    assert line in shown
