"""Time this kernel against stock ipykernel, taking turns in one run, and print the ratios.

Each workload has three rows: its cells sent one after the other, until the last reply and until
the kernel is idle, and sent all at once, until the kernel is idle.

With them runs ours with the tracer `noworkflow`, and on some of it with `noworkflow_collection`
`fine`. Peers join the table when named, another checkout of this one too:

    --peer ipyflow='/path/to/python -m ipyflow.kernel'
    --peer before='/path/to/checkout/.venv/bin/python -m provenance_kernel'
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import sqlite3
import statistics
import sys
import tempfile
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tests.benchmarks import trace_cost
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


# What a row times, and for each kernel its seconds, turn by turn.
Ways = dict[str, dict[str, list[float]]]


def measure(workload: Workload, kernels: list[TimedKernel]) -> Ways:
    """Return each kernel's seconds for a workload in each way of sending it."""
    for kernel in kernels:
        for cell in (*workload.setup, *workload.cells):
            kernel.run(cell)
    ways: Ways = {
        way: {kernel.name: [] for kernel in kernels} for way in ("reply", "idle", "queue")
    }
    for turn in range(workload.repeats):
        for kernel in orders(kernels, turn):
            times = [kernel.run(cell) for cell in workload.cells]
            ways["reply"][kernel.name].append(sum(each.reply for each in times))
            ways["idle"][kernel.name].append(sum(each.idle for each in times))
    for turn in range(min(workload.repeats, max(9, workload.repeats // workload.queued))):
        for kernel in orders(kernels, turn):
            queue = kernel.run(*workload.cells * workload.queued)
            ways["queue"][kernel.name].append(queue.idle)
    return ways


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
    path = kernel.folder / ".provenance" / "provenance.db"
    with closing(sqlite3.connect(path)) as database:
        # What a process that was killed on its way out left in the log counts too.
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def side_by_side(workload: Workload, argvs: dict[str, list[str]], folder: Path) -> Ways:
    """Return the seconds of a workload for kernels that are started for it."""
    ways: Ways = {}
    for session in range(workload.sessions):
        kernels = [
            TimedKernel(name, argv, folder / f"{session}-{name}") for name, argv in argvs.items()
        ]
        try:
            for way, times in measure(workload, kernels).items():
                for name, seconds in times.items():
                    ways.setdefault(way, {}).setdefault(name, []).extend(seconds)
        finally:
            for kernel in kernels:
                kernel.stop()
    return ways


def shortened(workload: Workload, turns: int | None) -> Workload:
    """Return a workload of so many turns at the most, for figures in a hurry."""
    if turns is None:
        return workload
    return replace(workload, repeats=min(workload.repeats, turns), sessions=1)


def rows_of(
    workload: Workload, argvs: dict[str, list[str]], folder: Path, prefix: str = ""
) -> list[dict[str, Any]]:
    """Time a workload in each way and print its rows; with a prefix, no limit holds."""
    ways = side_by_side(workload, argvs, folder / f"{prefix}{workload.name}".replace(" ", "-"))
    queue = f"{workload.queued} times at once" if workload.queued > 1 else "as a queue"
    rows = []
    for way, label, limit in (
        ("reply", "to reply", workload.reply_limit),
        ("idle", "to idle", workload.limit),
        ("queue", queue, workload.queue_limit),
    ):
        what = f"{prefix}{workload.name}, {label}"
        entry = row(what, ways[way], None if prefix else limit, workload.slack)
        print_row(entry)
        rows.append(entry)
    return rows


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
    limit = held = ""
    if entry["limit"] is not None:
        limit = f"at most {entry['limit']:.2f}{slack}"
        held = "ok" if entry["held"] else "MISSED"
    cells = "".join(
        f"{name} {entry['seconds'][name] * 1e3:9.2f} ms {entry['ratios'][name]:6.3f} x   "
        for name in entry["seconds"]
    )
    print(f"{entry['what']:34} {cells} {limit:22} {held}".rstrip())
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--output", type=Path, help="write the table as JSON")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--only", help="workloads and figures whose name has this text")
    parser.add_argument("--turns", type=int, help="take at most so many, in one session")
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="NAME",
        help="leave out `noworkflow` or `fine`",
    )
    options = parser.parse_args()
    argvs = {"stock": STOCK, "provenance": OURS, "noworkflow": NOWORKFLOW}
    for peer in options.peer:
        name, _, command = peer.partition("=")
        argvs[name] = [*shlex.split(command), "-f", "{connection_file}"]
    argvs = {name: argv for name, argv in argvs.items() if name not in options.without}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for workload in WORKLOADS:
            if not options.only or options.only in workload.name:
                rows += rows_of(shortened(workload, options.turns), argvs, folder)
        for workload in () if "fine" in options.without else FINE:
            if not options.only or options.only in f"fine: {workload.name}":
                fine = {"stock": STOCK, "fine": NOWORKFLOW_FINE}
                rows += rows_of(shortened(workload, options.turns), fine, folder, prefix="fine: ")
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
        if not options.only or options.only in "tracing":
            rows += trace_cost.figures(min(trace_cost.ROUNDS, options.turns or trace_cost.ROUNDS))
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
