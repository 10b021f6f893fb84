"""Time this kernel against stock ipykernel, interleaved in one run, and print the ratios.

With them runs ours with the tracer `noworkflow`, and on some of it with `noworkflow_collection`
`fine`. Peers join the table when named: `--peer ipyflow=/path/to/python -m ipyflow.kernel`.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks.digest_speed import ROWS, arrays, frames
from tests.benchmarks.growth import over_cells, over_variables
from tests.benchmarks.kernels import NOWORKFLOW, NOWORKFLOW_FINE, OURS, STOCK, TimedKernel
from tests.benchmarks.workloads import FINE, ML, START_LIMIT, STORE_LIMIT, WORKLOADS, Workload


def orders(kernels: list[TimedKernel], turn: int) -> list[TimedKernel]:
    """Return the kernels as they take a turn; of up to three, each follows each as often.

    Who follows whom matters, as threads of a library spin for a while after their last work.
    """
    first = turn // 2 % len(kernels)
    order = kernels[first:] + kernels[:first]
    return order[::-1] if turn % 2 else order


def measure(workload: Workload, kernels: list[TimedKernel]) -> dict[str, list[float]]:
    """Return each kernel's seconds for a workload, turn by turn."""
    for kernel in kernels:
        for cell in (*workload.setup, *workload.cells):
            kernel.run(cell)
    times: dict[str, list[float]] = {kernel.name: [] for kernel in kernels}
    for turn in range(workload.repeats):
        for kernel in orders(kernels, turn):
            steps = [workload.cells] if workload.at_once else [(cell,) for cell in workload.cells]
            times[kernel.name].append(sum(kernel.run(*cells) for cells in steps))
    return times


def starts(argvs: dict[str, list[str]], folder: Path, repeats: int = 9) -> dict[str, list[float]]:
    """Return each kernel's seconds from process start until it answers, turn by turn."""
    times: dict[str, list[float]] = {name: [] for name in argvs}
    for turn in range(repeats + 1):
        for name, argv in argvs.items():
            kernel = TimedKernel(name, argv, folder / f"start-{name}")
            kernel.stop()
            if turn:  # the first start reads the files into memory
                times[name].append(kernel.start_seconds)
    return times


def store_bytes(folder: Path) -> int:
    """Return the size of the database for one run of the ML notebook on a kernel of its own."""
    kernel = TimedKernel("store", OURS, folder / "store")
    for cell in (*ML.setup, *ML.cells):
        kernel.run(cell)
    kernel.stop()
    return (kernel.folder / ".provenance" / "provenance.db").stat().st_size


def side_by_side(
    workload: Workload, argvs: dict[str, list[str]], folder: Path
) -> dict[str, list[float]]:
    """Return the seconds of a workload for kernels that are started for it, turn by turn."""
    times: dict[str, list[float]] = {name: [] for name in argvs}
    for session in range(workload.sessions):
        kernels = [
            TimedKernel(name, argv, folder / f"{session}-{name}") for name, argv in argvs.items()
        ]
        try:
            for name, seconds in measure(workload, kernels).items():
                times[name] += seconds
        finally:
            for kernel in kernels:
                kernel.stop()
    return times


def row(
    name: str, times: dict[str, list[float]], limit: float | None, slack: float
) -> dict[str, Any]:
    """Return medians of seconds, and of each turn's ratios to stock ipykernel's in that turn.

    The machine's speed may change within a run, but hardly within a turn.
    """
    stock = times["stock"]
    ratios = {
        each: statistics.median(a / b for a, b in zip(seconds, stock, strict=True))
        for each, seconds in times.items()
    }
    held = True
    if limit is not None:
        over = [a - b * limit for a, b in zip(times["provenance"], stock, strict=True)]
        held = statistics.median(over) <= slack
    return {
        "what": name,
        "seconds": {each: statistics.median(seconds) for each, seconds in times.items()},
        "ratios": ratios,
        "limit": limit,
        "slack": slack,
        "held": held,
    }


def print_row(entry: dict[str, Any]) -> None:
    slack = f" + {entry['slack'] * 1e3:.0f} ms" if entry["slack"] else ""
    limit = "" if entry["limit"] is None else f"at most {entry['limit']:.2f}{slack}"
    cells = "".join(
        f"{name} {entry['seconds'][name] * 1e3:9.2f} ms {entry['ratios'][name]:6.3f} x   "
        for name in entry["seconds"]
    )
    print(f"{entry['what']:32} {cells} {limit:22} {'ok' if entry['held'] else 'MISSED'}")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--output", type=Path, help="write the table as JSON")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--only", help="rows whose name has this text")
    options = parser.parse_args()
    argvs = {"stock": STOCK, "provenance": OURS, "noworkflow": NOWORKFLOW}
    for peer in options.peer:
        name, _, command = peer.partition("=")
        argvs[name] = [*shlex.split(command), "-f", "{connection_file}"]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for workload in WORKLOADS:
            if options.only and options.only not in workload.name:
                continue
            times = side_by_side(workload, argvs, folder / workload.name.replace(" ", "-"))
            rows.append(row(workload.name, times, workload.limit, workload.slack))
            print_row(rows[-1])
        for workload in FINE:
            what = f"fine: {workload.name}"
            if options.only and options.only not in what:
                continue
            times = side_by_side(
                workload, {"stock": STOCK, "fine": NOWORKFLOW_FINE}, folder / what.replace(" ", "-")
            )
            rows.append(row(what, times, None, 0.0))
            print_row(rows[-1])
        if not options.only or options.only in "kernel start":
            rows.append(row("kernel start", starts(argvs, folder), START_LIMIT, 0.0))
            print_row(rows[-1])
        if not options.only or options.only in "store for the ML notebook":
            size = store_bytes(folder)
            held = size <= STORE_LIMIT
            rows.append({"what": "store for the ML notebook", "bytes": size, "held": held})
            print(f"{'store for the ML notebook':32} {size / 1e6:.3f} MB, at most 1 MB")
        if not options.only or options.only in "digest":
            for figure in (*arrays(), *frames(ROWS)):
                rows.append({**asdict(figure), "held": figure.held})
                print(figure)
        if not options.only or options.only in "growth":
            cells, variables = over_cells(folder), over_variables(folder)
            rows += [cells, variables]
            print(
                f"{cells['what']:32} {cells['seconds']['early'] * 1e3:.2f} ms, then "
                f"{cells['seconds']['late'] * 1e3:.2f} ms: {cells['ratio']:.3f} x, at most "
                f"{cells['limit']:.2f} {'ok' if cells['held'] else 'MISSED'}"
            )
            print(
                f"{variables['what']:32} {variables['growth'] * 1e3:.3f} ms, at most "
                f"{variables['limit'] * 1e3:.0f} ms {'ok' if variables['held'] else 'MISSED'}"
            )
    if options.output:
        options.output.write_text(
            json.dumps({"python": platform.python_version(), "rows": rows}, indent=1) + "\n"
        )
    return 0 if all(entry["held"] for entry in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
