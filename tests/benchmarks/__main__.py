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


def measure(workload: Workload, kernels: list[TimedKernel]) -> dict[str, list[float]]:
    """Return each kernel's seconds for a workload, the kernels taking turns."""
    for kernel in kernels:
        for cell in (*workload.setup, *workload.cells):
            kernel.run(cell)
    times: dict[str, list[float]] = {kernel.name: [] for kernel in kernels}
    for turn in range(workload.repeats):
        # Who goes first changes, so that nobody always runs in another's wake.
        for kernel in kernels[turn % len(kernels) :] + kernels[: turn % len(kernels)]:
            steps = [workload.cells] if workload.at_once else [(cell,) for cell in workload.cells]
            times[kernel.name].append(sum(kernel.run(*cells) for cells in steps))
    return times


def starts(argvs: dict[str, list[str]], folder: Path, repeats: int = 9) -> dict[str, float]:
    """Return each kernel's median seconds from process start until it answers."""
    times: dict[str, list[float]] = {name: [] for name in argvs}
    for turn in range(repeats + 1):
        for name, argv in argvs.items():
            kernel = TimedKernel(name, argv, folder / f"start-{name}")
            kernel.stop()
            if turn:  # the first start reads the files into memory
                times[name].append(kernel.start_seconds)
    return {name: statistics.median(values) for name, values in times.items()}


def store_bytes(folder: Path) -> int:
    """Return the size of the database for one run of the ML notebook on a kernel of its own."""
    kernel = TimedKernel("store", OURS, folder / "store")
    for cell in (*ML.setup, *ML.cells):
        kernel.run(cell)
    kernel.stop()
    return (kernel.folder / ".provenance" / "provenance.db").stat().st_size


def side_by_side(workload: Workload, argvs: dict[str, list[str]], folder: Path) -> dict[str, float]:
    """Return the median seconds of a workload for kernels that are started for it."""
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
    return {name: statistics.median(values) for name, values in times.items()}


def row(name: str, medians: dict[str, float], limit: float | None, slack: float) -> dict[str, Any]:
    stock = medians["stock"]
    return {
        "what": name,
        "seconds": medians,
        "ratios": {each: seconds / stock for each, seconds in medians.items()},
        "limit": limit,
        "slack": slack,
        "held": limit is None or medians["provenance"] <= stock * limit + slack,
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
            medians = side_by_side(workload, argvs, folder / workload.name.replace(" ", "-"))
            rows.append(row(workload.name, medians, workload.limit, workload.slack))
            print_row(rows[-1])
        for workload in FINE:
            what = f"fine: {workload.name}"
            if options.only and options.only not in what:
                continue
            medians = side_by_side(
                workload, {"stock": STOCK, "fine": NOWORKFLOW_FINE}, folder / what.replace(" ", "-")
            )
            rows.append(row(what, medians, None, 0.0))
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
