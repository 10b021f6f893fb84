"""Figures that the shell closes when a cell has ended are not drawn into by later cells."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from provenance_kernel.trials.query import naming
from provenance_kernel.trials.slicing.slice import slice_of
from support.cells import run_script
from support.kernels import running

CELLS = (
    "import matplotlib.pyplot as plt",
    "plt.plot([1, 2])\nm = len(plt.gca().lines)",
    "plt.plot([3, 4])\nn = m + len(plt.gca().lines)",
    "plt.plot([5, 6])\nk = len(plt.gca().lines)",
)


@pytest.mark.slow
def test_a_script_closes_what_the_shell_closed(tmp_path: Path) -> None:
    env = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    with running(tmp_path, env=env) as kernel:
        for cell in CELLS:
            assert kernel.execute(cell).status == "ok"
    with closing(naming.open_database(None, kernel.work)) as database:
        found = [slice_of(database, name) for name in "nk"]
    for each in found:
        assert run_script(tmp_path / each.name, each.script(), each.name) == each.digest
    assert [[part.position for part in each.parts] for each in found] == [[1, 2, 3], [1, 4]]
