"""A small experiment, recorded by real kernels: two trials that differ in one parameter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from support.kernels import Kernel

CELLS = (
    "# stage: data reading\nrows = list(range(20))",
    "# track: factor\nfactor = {factor}",
    "# stage: model scoring\n"
    "def double(x):\n    return 2 * x\n\n\n"
    "def model(x):\n    return double(x) * factor\n\n\n"
    "scaled = [model(x) for x in rows]\nunused = len(rows)",
    "# stage: metrics evaluation\n# metric: score\nscore = sum(scaled) / len(scaled)",
)
SCORES = {3: 57.0, 5: 95.0}


def record(folder: Path, factor: int, after: Sequence[str] = ()) -> list[str]:
    """Run the experiment below `folder`/work; return what its cells wrote to stderr."""
    kernel = Kernel(folder)
    try:
        cells = [each.replace("{factor}", str(factor)) for each in CELLS]
        answers = [kernel.execute(cell) for cell in (*cells, *after)]
    finally:
        kernel.stop()
    failed = [each.reply for each in answers if each.status != "ok"]
    assert not failed, failed
    return [each.stderr for each in answers]
