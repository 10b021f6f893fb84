"""Print what tracing costs, as ratios of traced to plain runs of the same code, interleaved.

Run it with each Python that is supported: `python tests/benchmarks/trace_cost.py [ROUNDS]`.
"""

from __future__ import annotations

import ast
import builtins
import statistics
import sys
from collections.abc import Mapping
from time import process_time
from types import CodeType
from typing import cast

from provenance_kernel.settings import Settings
from provenance_kernel.trace import Tracer, choose

CASES = {
    "for abs 1e6": "s = 0\nfor i in range(1_000_000): s += abs(i)",
    "fib(24)": ("def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nfib(24)"),
    "list loop": "s = 0\nfor x in xs: s += abs(x)",
    "comprehension": "y = [abs(x) for x in xs]\nz = 0",
    "user function loop": "def f(x): return x + 1\nfor x in xs: f(x)",
    "while": "n = 0\nwhile n < 200_000: n += abs(1)",
    "logistic regression": """
import math
data = [([((i * 7 + j * 13) % 11) / 11 for j in range(8)], i % 2) for i in range(8_000)]
weights, bias, rate, losses = [0.0] * 8, 0.0, 0.1, []
for epoch in range(4):
    loss = 0.0
    for row, label in data:
        z = bias
        for w, x in zip(weights, row):
            z += w * x
        p = 1 / (1 + math.exp(-z))
        error = p - label
        loss += error * error
        for j in range(8):
            weights[j] -= rate * error * row[j]
        bias -= rate * error
        if p > 0.5:
            hit = 1
    losses.append(loss)
""",
    "k-means": """
points = [((i * 37 % 101) / 101, (i * 53 % 103) / 103) for i in range(20_000)]
centres = [(0.1, 0.1), (0.5, 0.5), (0.9, 0.9)]
for step in range(3):
    groups = [[] for _ in centres]
    for px, py in points:
        best, at = 9e9, 0
        for k, (cx, cy) in enumerate(centres):
            d = (px - cx) ** 2 + (py - cy) ** 2
            if d < best:
                best, at = d, k
        groups[at].append((px, py))
    centres = [(sum(p[0] for p in g) / len(g), sum(p[1] for p in g) / len(g)) for g in groups if g]
""",
    "confusion counts": """
tp = fp = tn = fn = 0
for truth, guess in zip(xs, ys):
    if truth % 2:
        if guess % 3:
            tp += 1
        else:
            fn += 1
    elif guess % 3:
        fp += 1
    else:
        tn += 1
""",
}


_XS = list(range(200_000))
_YS = list(range(1, 200_001))


class Listener:
    """A sink that describes as shortly as can be."""

    def describe(self, value: object, /) -> str:
        return type(value).__name__

    def called(self, function: object, arguments: Mapping[str, object], /) -> None:
        pass

    def fault(self, error: BaseException, /) -> None:
        raise error


def _compiled(tree: ast.AST) -> CodeType:
    return compile(cast("ast.Module", tree), "<cell>", "exec")


def execute(tracer: Tracer | None, source: str) -> float:
    """Run a cell as the shell does, and return the processor time of it all, in seconds."""
    names = {
        "__name__": "__main__",
        "__builtins__": builtins,
        "xs": _XS,
        "ys": _YS,
    }
    begun = process_time()
    tree = ast.parse(source)
    trace = None
    if tracer is not None:
        trace = tracer.begin(
            cell_run_id="c", trial_id="t", root_id="r", sink=Listener(), namespace=names
        )
        trace.prepare(tree)
    for statement in tree.body:
        module = ast.Module([statement], [])
        exec(_compiled(module) if trace is None else trace.code(module, _compiled), names)
    if trace is not None:
        trace.finish()
    return process_time() - begun


def main(rounds: int) -> None:
    tracer = choose(Settings())
    print(sys.version.split()[0], tracer.reason)
    small = {"x = 1": 50, "5 calls": 50}
    sources = CASES | {"x = 1": "x = 1", "5 calls": "a = len(xs)\n" + "b = max(a, 3)\n" * 4}
    for name, source in sources.items():
        repeat = small.get(name, 1)
        plain: list[float] = []
        traced: list[float] = []
        for _ in range(rounds * repeat):
            plain.append(execute(None, source))
            traced.append(execute(tracer, source))
        ratio = statistics.median(b / a for a, b in zip(plain, traced, strict=True))
        base, cost = statistics.median(plain), statistics.median(traced)
        added = f"{(cost - base) * 1e6:9.0f} us added"
        print(f"{name:22} {base * 1e3:9.3f} ms  x {ratio:6.3f}  {added}")
    tracer.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
