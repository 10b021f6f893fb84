"""Time questions to a large database, each in a process of its own: `python -m tests.benchmarks.many_trials`.

The database is made of trials of one experiment with other parameters: cell runs with their calls,
variables, dependencies, statements, and results with their parameters, as a kernel would have
written them. Each trial runs the experiment `--results` times over, in `--runs` cell runs.
"""  # noqa: E501

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from provenance_kernel.fingerprint.source import ast_hash, code_hash
from provenance_kernel.records import (
    Activation,
    CellRun,
    Code,
    Dependency,
    Event,
    ResultParameter,
    StageTag,
    Statement,
    TrackedValue,
    Trial,
    Variable,
)
from provenance_kernel.store.database import connect
from provenance_kernel.store.models import MODELS
from provenance_kernel.store.store import Store

LIMIT = 0.5
STAGES = ("data_reading", "feature_engineering", "model_scoring", "metrics_evaluation")
START = datetime(2026, 1, 1, tzinfo=UTC)
QUESTIONS = (
    ("list",),
    ("list", "--where", "f1 > 0.95 and test_size = 0.2"),
    ("list", "--stage", "model_scoring", "--since", "2026-01-02"),
    ("show",),
    ("compare", "latest~1", "latest"),
    ("compare", "latest~9000", "latest~5000", "latest"),
    ("values", "f1"),
    ("values", "f1", "--limit", "0"),
)


@dataclass
class Ids:
    """Ids in the order of time, as version 7 has them, without a clock."""

    ticks: int = 0x019B_0000_0000 << 12
    random: random.Random = field(default_factory=lambda: random.Random(7))

    def __call__(self) -> str:
        self.ticks += self.random.randrange(1, 4000)
        tail = self.random.getrandbits(62) | 1 << 63
        text = f"{self.ticks >> 12:012x}7{self.ticks & 0xFFF:03x}{tail:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@lru_cache(10_000)
def a_code(source: str) -> Code:
    """Return the record of a source."""
    return Code(code_hash(source), ast_hash(source), source)


@dataclass(frozen=True, slots=True)
class Shape:
    """How many cell runs a trial has, calls a run, and results a trial."""

    runs: int = 30
    calls: int = 10
    results: int = 1


def a_trial(number: int, ids: Ids, shape: Shape = Shape()) -> Iterator[object]:
    """Give the records of a trial; those of its 40 variants have cells of their own code."""
    start = START + timedelta(minutes=5 * number)
    draw = ids.random
    trial = Trial(
        ids(), f"/home/ada/fraud/{number % 12}_trial.ipynb", "run", "finished", start,
        finished_at=start + timedelta(minutes=2), user="ada", host="lab", tracer="activation",
    )  # fmt: skip
    yield trial
    last: dict[str, str] = {}
    parameters: list[str] = []
    length = shape.runs // shape.results
    trees = 0
    for position in range(1, shape.runs + 1):
        # Each result is computed anew, from its own parameters.
        step = (position - 1) % length + 1
        if step == 1:
            last.clear()
            test_size, trees = draw.choice((0.2, 0.25, 0.3)), draw.choice((100, 200, 300))
        made, used = f"x{step}", f"x{step - 1}"
        source = f"# step {step}\n{made} = step_{step}({used}, {number % 40})"
        if step == 2:
            source = f"test_size = {test_size}\nn_estimators = {trees}"
        code, now = a_code(source), start + timedelta(seconds=3 * position)
        run = CellRun(
            ids(), trial.id, position, position, f"cell-{step:02}", code.hash, "ok",
            now, draw.random(), output_digest=f"{draw.getrandbits(128):032x}",
        )  # fmt: skip
        yield code
        yield run
        root = Activation(ids(), trial.id, run.id, None, "<cell>", 1, now, "ok", duration=0.4)
        yield root
        for call in range(shape.calls - 1):
            yield Activation(
                ids(), trial.id, run.id, root.id, f"sklearn.part_{call}.Model.fit", call + 1, now,
                "ok", 1, draw.random(),
                {"X": "DataFrame(4000 rows × 30 columns)", "n_estimators": str(trees)},  # noqa: RUF001
                "array(shape=(4000, 10), dtype=float64)",
            )  # fmt: skip
        if step > 2:
            stage = STAGES[step * len(STAGES) // (length + 1)]
            yield StageTag(ids(), trial.id, run.id, stage, stage, "comment", run.code_hash, root.id)
        reads = [used] if used in last else []
        names = ("test_size", "n_estimators") if step == 2 else (made,)
        for at, name in enumerate(names, 1):
            yield Statement(ids(), run.id, at, at, at, "ran", reads, [name], [], [])
        for name in dict.fromkeys((*names, made, "features")):
            yield Variable(
                ids(), run.id, name, "write", "pandas.DataFrame", "DataFrame(4000 rows)",
                f"{draw.getrandbits(128):032x}", "exact", 960_000, "(4000, 30)",
            )  # fmt: skip
        for name in (used, "features"):
            if name in last:
                yield Dependency(ids(), run.id, last[name], name)
        last |= {made: run.id, "features": run.id}
        if step == 2:
            parameters = [ids(), ids()]
            named = zip(parameters, names, (test_size, trees), strict=True)
            for each, name, value in named:
                yield TrackedValue(each, trial.id, run.id, root.id, name, "parameter", value, value)
        if step == length:
            for name in ("f1", "roc_auc", "accuracy"):
                metric, score = ids(), 0.8 + draw.random() / 5
                yield TrackedValue(metric, trial.id, run.id, root.id, name, "metric", score, score)
                yield from (ResultParameter(metric, each) for each in parameters)


def make(path: Path, trials: int, shape: Shape = Shape()) -> None:
    """Write a database of so many trials, as fast as SQLite takes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connect(path).close()
    ids, every = Ids(), max(6000 // shape.runs, 1)
    statements: dict[type, tuple[str, list[Any]]] = {}
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000"):
            database.execute(f"PRAGMA {pragma}")
        rows: dict[type, list[tuple[Any, ...]]] = {}
        database.execute("BEGIN")
        for number in range(trials):
            for record in a_trial(number, ids, shape):
                kind = type(record)
                if kind not in statements:
                    fields: list[Any] = list(MODELS[kind]._meta.sorted_fields)
                    table = MODELS[kind]._meta.table_name
                    marks = ", ".join("?" * len(fields))
                    names = ", ".join(field.column_name for field in fields)
                    statements[kind] = (
                        f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})",
                        [(field.name, field.db_value) for field in fields],
                    )
                columns = statements[kind][1]
                rows.setdefault(kind, []).append(
                    tuple(convert(getattr(record, name)) for name, convert in columns)
                )
            if number % every == every - 1 or number == trials - 1:
                for kind, found in rows.items():
                    database.executemany(statements[kind][0], found)
                rows.clear()
                print(f"\r{number + 1} trials", end="", file=sys.stderr, flush=True)
        database.execute("COMMIT")
        database.execute("PRAGMA journal_mode=WAL")
    print(file=sys.stderr)


def ask(database: Path, question: tuple[str, ...], repeats: int) -> float:
    """Return the median seconds of a question, start of the process included."""
    command = Path(sys.executable).with_name("jupyter-provenance")
    argv = [str(command), *question, "--database", str(database)]
    times = []
    for turn in range(repeats + 1):
        start = time.perf_counter()
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(question)}: {done.stderr}")
        if turn:  # the first reads the file into memory
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def put(database: Path, repeats: int = 300) -> float:
    """Return the median seconds in which a cell run with ten calls is stored."""
    ids, times = Ids(ticks=0x019F_0000_0000 << 12), []
    with closing(Store(database)) as store:
        for number in range(repeats // Shape().runs + 1):
            cell: list[object] = []
            for record in a_trial(number, ids):
                if isinstance(record, Code) and cell:
                    start = time.perf_counter()
                    store.put(cell)
                    times.append(time.perf_counter() - start)
                    cell = []
                cell.append(record)
            store.put([*cell, Event(ids(), "none", None, "end", "", START)])
    return statistics.median(times)


def main() -> int:
    """Make the database where it is not there yet, ask, and print the medians."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.many_trials")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=30, help="cell runs a trial")
    parser.add_argument("--calls", type=int, default=10, help="calls a cell run")
    parser.add_argument("--results", type=int, default=1, help="results a trial")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--database", type=Path, help="keep it there, or use the one that is there")
    parser.add_argument("--output", type=Path, help="write the table as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        database = options.database or Path(scratch) / "many.db"
        if not database.exists():
            make(database, options.trials, Shape(options.runs, options.calls, options.results))
        size = os.path.getsize(database)
        print(f"{database.name}: {size / 1e6:.0f} MB")
        rows: list[dict[str, Any]] = []
        for question in QUESTIONS:
            seconds = ask(database, question, options.repeats)
            rows.append({"what": " ".join(question), "seconds": seconds, "held": seconds < LIMIT})
            held = "ok" if seconds < LIMIT else "MISSED"
            print(f"{' '.join(question):60} {seconds * 1e3:7.0f} ms  at most 500 ms  {held}")
        small = Path(scratch) / "small.db"
        make(small, 1)
        for name, path in (("small", small), ("large", database)):
            print(f"{'put a cell run, ' + name:60} {put(path) * 1e3:7.2f} ms")
    if options.output:
        options.output.write_text(json.dumps(rows, indent=1) + "\n")
    return 0 if all(row["held"] for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
