"""How fast digests are: against bare xxhash, against joblib, and what a large frame costs a cell.

    python -m tests.benchmarks.digest_speed [--rows N]

Ratios are of medians of interleaved runs. What has a target is part of `make bench`. Needs numpy;
pandas, joblib and scikit-learn add their figures where they are installed.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import statistics
import time
import timeit
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import xxhash

from provenance_kernel.fingerprint import Budget, Watch, fingerprint, short_repr

FULL = Budget("full")
ROWS = 10_000_000


@dataclass(frozen=True)
class Figure:
    """A number that was measured, and what it is to reach."""

    what: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def held(self) -> bool:
        """Whether it reaches its target, if it has one."""
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    def __str__(self) -> str:
        limit = ""
        if self.at_least is not None:
            limit = f"at least {self.at_least:g}"
        if self.at_most is not None:
            limit = f"at most {self.at_most:g}"
        verdict = "" if not limit else "ok" if self.held else "MISSED"
        return f"{self.what:52} {self.value:10.2f} {self.unit:5} {limit:14} {verdict}".rstrip()


def interleaved(*functions: Callable[[], object], rounds: int = 7) -> list[float]:
    """Return the median seconds of each function, run in turns."""
    times: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(rounds):
        for function, seen in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            seen.append(time.perf_counter() - start)
    return [statistics.median(seen) for seen in times]


def arrays() -> Iterator[Figure]:
    """Contiguous arrays of growing size."""
    np = importlib.import_module("numpy")
    joblib = importlib.import_module("joblib") if importlib.util.find_spec("joblib") else None
    for megabytes in (1, 16, 256):
        array = np.random.default_rng(0).random(megabytes << 17)
        bare, ours = interleaved(
            partial(xxhash.xxh3_128_digest, array), partial(fingerprint, array, FULL), rounds=101
        )
        what = f"digest of an array of {megabytes} MB"
        yield Figure(f"{what}: speed of bare xxh3_128", bare / ours, "x", at_least=0.8)
        yield Figure(what, array.nbytes / ours / 1e9, "GB/s")
        if joblib is not None:
            theirs, ours = interleaved(
                partial(joblib.hash, array), partial(fingerprint, array, FULL), rounds=3
            )
            yield Figure(f"{what}: speed of joblib.hash", theirs / ours, "x", at_least=10)


def small_values() -> Iterator[Figure]:
    """What most cells bind."""
    for text in ("1", "0.5", "'text'", "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]", "{'a': 1, 'b': [2]}"):
        value = eval(text)
        for name, function in (
            ("fingerprint", lambda v=value: fingerprint(v, FULL)),
            ("short_repr", lambda v=value: short_repr(v)),
        ):
            best = min(timeit.repeat(function, number=5000, repeat=7)) / 5000
            yield Figure(f"{name}({text})", best * 1e6, "us")


def frames(rows: int) -> Iterator[Figure]:
    """A frame with text columns of all kinds, and what it adds to a cell in `budget` mode."""
    if not importlib.util.find_spec("pandas"):
        return
    np, pd = importlib.import_module("numpy"), importlib.import_module("pandas")
    words = np.array(["alpha", "beta", "gamma", "delta", "epsilon"], dtype=object)
    text = words[np.random.default_rng(0).integers(0, 5, rows)]
    frame = pd.DataFrame({"number": np.arange(rows), "real": np.random.default_rng(1).random(rows)})
    frame["object"] = pd.Series(text, dtype=object)
    frame["string"] = pd.Series(text, dtype="string[python]")
    if importlib.util.find_spec("pyarrow"):
        frame["arrow"] = pd.Series(text, dtype="string[pyarrow]")
    names = {"frame": frame}
    watch = Watch()

    def written() -> None:
        watch.written(names, Budget())

    def read() -> None:
        watch.mutated(names, names, Budget())

    for label, seconds in zip(("bound", "read"), interleaved(written, read), strict=True):
        yield Figure(f"a frame of {rows} rows {label} by a cell", seconds * 1e3, "ms", at_most=60)
    numbers = {"numbers": frame[["number", "real"]].copy()}
    (seconds,) = interleaved(lambda: Watch().written(numbers, Budget()))
    yield Figure(f"a frame of {rows} rows, numbers only", seconds * 1e3, "ms")


def namespaces() -> Iterator[Figure]:
    """A cell that reads one list, beside few names and beside many."""
    for count in (10, 1000, 10_000):
        names: dict[str, Any] = {f"name{i}": [i] for i in range(count)}
        watch = Watch()
        watch.written(names, Budget("full"))
        best = min(
            timeit.repeat(
                lambda w=watch, n=names: w.mutated(["name3"], n, Budget()), number=200, repeat=5
            )
        )
        yield Figure(f"one list read beside {count} names", best / 200 * 1e6, "us")


def estimators() -> Iterator[Figure]:
    """A fitted forest."""
    if not importlib.util.find_spec("sklearn"):
        return
    np = importlib.import_module("numpy")
    ensemble = importlib.import_module("sklearn.ensemble")
    features = np.random.default_rng(0).random((2000, 10))
    forest = ensemble.RandomForestClassifier(100, random_state=0)
    forest.fit(features, features[:, 0] > 0.5)
    (seconds,) = interleaved(lambda: fingerprint(forest, FULL))
    yield Figure("a forest of 100 trees", seconds * 1e3, "ms")


def main() -> None:
    """Measure and print all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the large frame")
    options = parser.parse_args()
    for figure in (
        *small_values(),
        *arrays(),
        *namespaces(),
        *estimators(),
        *frames(options.rows),
    ):
        print(figure)


if __name__ == "__main__":
    main()
