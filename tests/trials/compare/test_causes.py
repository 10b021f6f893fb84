"""Why results diverge: every change that explains it is named, and no other."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from provenance_kernel.trials.compare.compare import compare
from provenance_kernel.trials.query import naming
from support.cells import record_cells

PARAMETERS = "# track: n, depth\nn = 1\ndepth = 2"
FIT = "def fit(n):\n    return n * 10\nmodel = fit(n) + depth"
SCORE = "# metric: score\nscore = model + 1"
BASE = (PARAMETERS, FIT, SCORE)

# What b ran in place of `a`, and the causes at each place, in the words that people are shown.
CASES = [
    pytest.param(
        BASE,
        (PARAMETERS, "# track: depth\ndepth = 6", FIT, SCORE),
        ["2 (only in b) parameter: depth 2 → 6"],
        id="a parameter that was injected is no order of cells",
    ),
    pytest.param(
        BASE,
        (PARAMETERS, "# track: n\nn = 5", "# track: depth\ndepth = 6", FIT, SCORE),
        ["2 (only in b) parameter: n 1 → 5", "3 (only in b) parameter: depth 2 → 6"],
        id="each of two parameters, set in two cells",
    ),
    pytest.param(
        BASE,
        (PARAMETERS.replace("1", "5").replace("2", "6"), FIT, SCORE),
        ["1 parameter: depth 2 → 6; n 1 → 5"],
        id="each of two parameters, set in one cell",
    ),
    pytest.param(
        BASE,
        (PARAMETERS.replace("1", "5"), FIT.replace("10", "20"), SCORE.replace("1", "2")),
        ["1 parameter: n 1 → 5", "2 code: model 12 → 102", "3 code: score 13 → 104"],
        id="a parameter and the code of two cells that came after it",
    ),
    pytest.param(
        BASE,
        (PARAMETERS.replace("1", "5"), FIT + "\nprint(model)", SCORE),
        ["1 parameter: n 1 → 5"],
        id="an edit that shows a value did not make it",
    ),
    pytest.param(
        BASE,
        (PARAMETERS + "\nunused = 1", FIT.replace("10", "20"), SCORE),
        ["2 code: "],
        id="an edit of a cell that left the same did nothing",
    ),
    pytest.param(
        ("# track: n\n# metric: score\nn = 1\nmodel = n * 3\nscore = model",),
        ("# track: n\n# metric: score\nn = 2\nmodel = n * 3\nscore = model",),
        ["1 parameter: n 1 → 2"],
        id="a parameter in a cell that does all",
    ),
    pytest.param(
        ("m = 3", "from provenance_kernel import metric", "metric(score=m * 2)"),
        ("m = 3", "from provenance_kernel import metric", "metric(score=m * 4)"),
        ["3 code: "],
        id="a metric that no name holds",
    ),
    pytest.param(
        ("x = 2", "x = x * 3", "x = x + 1", "# metric: score\nscore = x"),
        ("x = 2", "x = x + 1", "x = x * 3", "# metric: score\nscore = x"),
        ["3 → 2 order: x came from run 2 → 1"],
        id="cells that changed places are named once",
    ),
    pytest.param(
        ("x = 2", "x = x * 3", "# metric: score\nscore = x"),
        ("x = 2", "y = x * 3", "# metric: score\nscore = x"),
        ["2 code: "],
        id="a cell that no longer sets the name is no order",
    ),
    pytest.param(
        ("x = 2", "x = x * 3", "# metric: score\nscore = x"),
        ("x = 2", "# metric: score\nscore = x"),
        ["2 (only in a) presence: only a ran it"],
        id="a cell that one did not run",
    ),
    pytest.param(
        ("open('d.txt', 'w').write('1')", "x = open('d.txt').read()", "# metric: s\ns = int(x)"),
        ("open('d.txt', 'w').write('2')", "x = open('d.txt').read()", "# metric: s\ns = int(x)"),
        ["1 code: "],
        id="a file that an earlier cell wrote is no input",
    ),
    pytest.param(
        ("import random", "x = random.random()", "y = x + random.random()", "# metric: s\ns = y"),
        ("import random", "x = random.random()", "y = x + random.random()", "# metric: s\ns = y"),
        ["2 randomness: python: unseeded"],
        id="numbers that go on from unseeded ones are told once",
    ),
    pytest.param(
        ("import random\nrandom.seed(1)", "x = random.random()", "# metric: s\ns = x"),
        ("import random\nrandom.seed(2)", "x = random.random()", "# metric: s\ns = x"),
        ["2 randomness: python: seeded"],
        id="another seed",
    ),
]


@pytest.mark.parametrize(("a", "b", "told"), CASES)
def test_causes(tmp_path: Path, a: tuple[str, ...], b: tuple[str, ...], told: list[str]) -> None:
    for cells in (a, b):
        record_cells(tmp_path, cells)
    with closing(naming.open_database(None, tmp_path)) as database:
        sides = (naming.find_trial(database, name) for name in ("latest~1", "latest"))
        answer = compare(database, *sides)
    (metric,) = answer.metrics
    assert metric.divergence is not None
    places = (metric.divergence, *metric.divergence.later)
    shown = [
        f"{place(each.position_a, each.position_b)} "
        f"{', '.join(each.causes)}: {'; '.join(each.what)}"
        for each in places
    ]
    assert len(shown) == len(told), shown
    assert all(one.startswith(other) for one, other in zip(shown, told, strict=True)), shown


def test_two_results_of_one_session(tmp_path: Path) -> None:
    """What both moments hold is no cause, though another run tracked the later result."""
    record_cells(tmp_path, (*BASE, PARAMETERS.replace("1", "5"), FIT, SCORE))
    with closing(naming.open_database(None, tmp_path)) as database:
        sides = (naming.find_trial(database, name) for name in ("latest@3", "latest@6"))
        (metric,) = compare(database, *sides).metrics
    found = metric.divergence
    assert found is not None
    assert (found.position_a, found.position_b) == (None, 4)
    assert (found.causes, found.what) == (("parameter",), ("n 1 → 5",))


def place(a: int | None, b: int | None) -> str:
    if a is None or b is None:
        return f"{a or b} (only in {'b' if a is None else 'a'})"
    return str(a) if a == b else f"{a} → {b}"
