"""How the cost of a cell grows: with the cells that ran before it, and with the variables."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from tests.benchmarks.kernels import OURS, STOCK, TimedKernel

CELLS = 5000
WINDOW = 200
QUEUED = 5
CELLS_LIMIT = 1.2
VARIABLES = (10, 1_000, 10_000)
VARIABLES_LIMIT = 0.002
REPEATS = 150


def over_cells(folder: Path) -> dict[str, Any]:
    """Return the median seconds of a cell in a long session and in a new one, taking turns.

    The machine's speed changes more while the cells run than their cost may.
    """
    times: dict[str, list[float]] = {"early": [], "late": []}
    late = TimedKernel("late", OURS, folder / "late")
    kernels = [late]
    try:
        for number in range(CELLS):
            late.run(_cell(number))
        kernels.append(TimedKernel("early", OURS, folder / "early"))
        for number in range(10 + WINDOW):
            for kernel in kernels:
                seconds = _seconds(kernel, _cell(number))
                if number >= 10:
                    times[kernel.name].append(seconds)
    finally:
        for kernel in kernels:
            kernel.stop()
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    return {
        "what": f"a cell at {CELLS} and at 10",
        "seconds": medians,
        "ratio": medians["late"] / medians["early"],
        "limit": CELLS_LIMIT,
        "held": medians["late"] <= medians["early"] * CELLS_LIMIT,
    }


def _seconds(kernel: TimedKernel, cell: str) -> float:
    """Return what a cell takes in a queue, where the next waits for all that is done for it."""
    return kernel.run(*[cell] * QUEUED).idle / QUEUED


def _cell(number: int) -> str:
    return f"x{number % 50} = {number}"


def over_variables(folder: Path) -> dict[str, Any]:
    """Return what a cell costs beyond stock with few and with many variables in the namespace."""
    extra = {}
    for count in VARIABLES:
        kernels = [
            TimedKernel(name, argv, folder / f"variables-{count}-{name}")
            for name, argv in (("stock", STOCK), ("provenance", OURS))
        ]
        times: dict[str, list[float]] = {kernel.name: [] for kernel in kernels}
        try:
            for kernel in kernels:
                kernel.run(f"globals().update({{f'v{{i}}': [i] for i in range({count})}})")
                for _ in range(10):
                    kernel.run("x = 1")
            for _ in range(REPEATS):
                for kernel in kernels:
                    times[kernel.name].append(_seconds(kernel, "x = 1"))
        finally:
            for kernel in kernels:
                kernel.stop()
        medians = {name: statistics.median(values) for name, values in times.items()}
        extra[count] = medians["provenance"] - medians["stock"]
    few, many = VARIABLES[0], VARIABLES[-1]
    growth = (extra[many] - extra[few]) / (many - few) * 1000
    return {
        "what": "cost per 1000 variables",
        "seconds": {str(count): seconds for count, seconds in extra.items()},
        "growth": growth,
        "limit": VARIABLES_LIMIT,
        "held": growth <= VARIABLES_LIMIT,
    }
