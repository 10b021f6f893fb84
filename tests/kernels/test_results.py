"""Each metric is paired with the parameters it was computed from, however a session goes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest

from support.databases import DEFAULT, Archive
from support.kernels import running

Pair = tuple[str, Any, dict[str, Any]]

AGAIN = (
    "rows = list(range(20))",
    "# track: factor\nfactor = 3",
    "scaled = [2 * row * factor for row in rows]",
    "# metric: score\nscore = sum(scaled) / len(scaled)",
    "factor = 5",
    "scaled = [2 * row * factor for row in rows]",
    "score = sum(scaled) / len(scaled)",
    "factor = 7",
)
LOOP = (
    "import provenance_kernel as pk",
    "# track: lr\nfor lr in [0.1, 0.2]:\n    for depth in (1, 2):\n"
    "        pk.track(depth=depth)\n        pk.metric(acc=lr * depth)",
)
FUNCTION = (
    "import provenance_kernel as pk\n# a comment",
    "# track: a\na = 0\ndef fit(x):\n    return a * x",
    "for a in range(3):\n    pk.metric(w=fit(2))",
)
SERIES = (
    "import provenance_kernel as pk",
    "def train(factor):\n    for step in range(3):\n"
    "        pk.metric(loss=factor / (step + 1), step=step)",
    "# track: factor\nfor factor in (3, 6):\n    train(factor)",
)
CASES: list[tuple[str, Sequence[str], list[Pair]]] = [
    (
        "a cell run again with another parameter",
        AGAIN,
        [("score", 57.0, {"factor": 3}), ("score", 95.0, {"factor": 5})],
    ),
    (
        "a loop of settings in one cell",
        LOOP,
        [
            ("acc", 0.1, {"depth": 1, "lr": 0.1}),
            ("acc", 0.2, {"depth": 2, "lr": 0.1}),
            ("acc", 0.2, {"depth": 1, "lr": 0.2}),
            ("acc", 0.4, {"depth": 2, "lr": 0.2}),
        ],
    ),
    (
        "a function that reads the parameter",
        FUNCTION,
        [("w", 0, {"a": 0}), ("w", 2, {"a": 1}), ("w", 4, {"a": 2})],
    ),
    (
        "a series counts by its last step",
        SERIES,
        [("loss", 1.0, {"factor": 3}), ("loss", 2.0, {"factor": 6})],
    ),
    (
        "values that no name has hold for what follows",
        (
            "import provenance_kernel as pk\npk.track(lr=0.1)",
            "pk.metric(auc=0.5)\npk.track(lr=0.2)",
            "pk.metric(auc=0.6)",
        ),
        [("auc", 0.5, {"lr": 0.1}), ("auc", 0.6, {"lr": 0.2})],
    ),
    (
        "data of one setting, a model of another",
        (
            "# track: size\nsize = 1",
            "data = [size] * 3",
            "size = 2",
            "# metric: score\nscore = sum(data) * size",
        ),
        [("score", 6, {"size": [1, 2]})],
    ),
    (
        "a fit again counts as it was fitted last, and a list keeps what was put into it",
        (
            "class Model:\n    def fit(self, depth):\n        self.depth = depth\n"
            "model, kept = Model(), []\n",
            "# track: depth\ndepth = 1",
            "model.fit(depth)\nkept.append(depth)",
            "depth = 2",
            "model.fit(depth)\nkept.append(depth)",
            "# metric: last\nlast = model.depth",
            "# metric: most\nmost = max(kept)",
        ),
        [("last", 2, {"depth": 2}), ("most", 2, {"depth": [1, 2]})],
    ),
    (
        "only what the value came from",
        (
            "# track: a, b\na, b = 1, 2",
            "x = a * 10\ny = b * 10",
            "# metric: m\nm = x + 1",
            "# metric: n\nn = x + y",
        ),
        [("m", 11, {"a": 1}), ("n", 30, {"a": 1, "b": 2})],
    ),
    (
        "a cell that fails does not give the value of before once more",
        ("# track: a\na = 1", "# metric: m\nm = 1 / a", "a = 0", "# metric: m\nm = 1 / a"),
        [("m", 1.0, {"a": 1})],
    ),
]


def pairs(archive: Archive) -> list[Pair]:
    found = archive.rows("SELECT metric, value, parameters FROM results")
    return [
        (row["metric"], json.loads(row["value"]), json.loads(row["parameters"])) for row in found
    ]


@pytest.mark.parametrize(("cells", "expected"), [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])  # fmt: skip
def test_pairs(tmp_path: Path, cells: Sequence[str], expected: list[Pair]) -> None:
    with running(tmp_path) as kernel:
        for cell in cells:
            kernel.execute(cell)
        assert kernel.warnings == []
    assert pairs(Archive(kernel.work / DEFAULT)) == expected


def test_what_a_parameters_cell_imports_and_papermills_cell(tmp_path: Path) -> None:
    with running(tmp_path) as kernel:
        kernel.execute(
            "from typing import Literal\nlr = 0.1\nkind: Literal['a', 'b'] = 'b'",
            metadata={"tags": ["parameters"]},
        )
        kernel.execute("# Parameters\nlr = 0.7\n")
        kernel.execute("# metric: m\nm = lr")
    archive = Archive(kernel.work / DEFAULT)
    assert pairs(archive) == [("m", 0.7, {"lr": 0.7})]
    names = archive.values("SELECT name FROM tracked_value WHERE role = 'parameter' ORDER BY id")
    assert names == ["kind", "lr", "lr"]
    assert archive.values("SELECT cell_tags FROM cell_run WHERE position = 1") == ['["parameters"]']


def test_cells_that_only_ask_are_no_part_of_answers(tmp_path: Path) -> None:
    with running(tmp_path) as kernel:
        kernel.execute("a = 1")
        kernel.execute("%prov list")
        kernel.execute("import provenance_kernel as pk\nfound = pk.trial('latest')\nfound")
        kernel.execute("frame = len(pk.trials().trials)")
        shown = kernel.execute("%prov show latest").result
    archive = Archive(kernel.work / DEFAULT)
    kinds = archive.values("SELECT kind FROM cell_run ORDER BY position")
    assert kinds == ["cell", "question", "question", "cell", "question"]
    assert shown is not None
    assert "a = 1" in shown
    assert "frame" in shown
    assert "prov list" not in shown
    packages = archive.values("SELECT name FROM package")
    assert not {"click", "rich"} & set(packages)


TWELVE = [
    ("score", 19.0 * factor + offset, {"factor": factor, "offset": offset})
    for factor in (3, 5, 7)
    for offset in (0, 1, 2, 3)
]
PARAMETERS = "factor = 3\noffset = 0"
SCALED = "scaled = [2 * row * factor + offset for row in range(20)]"
SCORE = "# metric: score\nscore = sum(scaled) / len(scaled)"


def jupyter_provenance(folder: Path, *words: str) -> str:
    """Return what the command prints there."""
    command = [sys.executable, "-m", "provenance_kernel.cli", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_twelve_results_are_the_same_by_every_way(tmp_path: Path) -> None:
    """In one kernel by its cells; in the view, the table, as JSON, drawn; restored; and by -p."""
    with running(tmp_path) as kernel:
        kernel.execute(PARAMETERS, metadata={"tags": ["parameters"]})
        for _, _, settings in TWELVE:
            kernel.execute(f"factor, offset = {settings['factor']}, {settings['offset']}")
            kernel.execute(SCALED)
            kernel.execute(SCORE)
    archive = Archive(kernel.work / DEFAULT)
    assert pairs(archive) == TWELVE
    found = json.loads(jupyter_provenance(kernel.work, "results", "--json"))
    assert [(each["metrics"]["score"], each["parameters"]) for each in reversed(found)] == [
        (score, settings) for _, score, settings in TWELVE
    ]
    shown = jupyter_provenance(kernel.work, "results", "score", "--limit", "0").splitlines()
    assert shown[0].split() == ["result", "started", "score", "factor", "offset"]
    assert [tuple(map(float, line.split()[-3:])) for line in reversed(shown[1:13])] == [
        (score, settings["factor"], settings["offset"]) for _, score, settings in TWELVE
    ]
    drawn = json.loads(
        jupyter_provenance(kernel.work, "plot", "score", "--against", "factor", "--json")
    )
    assert [(each["value"], each["number"]) for each in drawn["pairs"]] == [
        (settings["factor"], score) for _, score, settings in TWELVE
    ]

    jupyter_provenance(kernel.work, "restore", "latest", "--output", "again.ipynb")
    jupyter_provenance(kernel.work, "run", "again.ipynb")
    assert pairs(archive)[12:] == TWELVE

    single = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, (
        PARAMETERS, SCALED, SCORE))))  # fmt: skip
    single.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(single, kernel.work / "single.ipynb")
    for _, _, settings in TWELVE[::6]:
        given = [word for name, value in settings.items() for word in ("-p", name, str(value))]
        jupyter_provenance(kernel.work, "run", "single.ipynb", *given)
    assert pairs(archive)[24:] == TWELVE[::6]
