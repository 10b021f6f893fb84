"""Print what tracing costs, as ratios of traced to plain runs of the same code, interleaved.

Run it with each Python that is supported: `python tests/benchmarks/trace_cost.py [ROUNDS]`.
"""

from __future__ import annotations

import ast
import builtins
import platform
import statistics
import sys
from collections.abc import Mapping
from time import process_time
from types import CodeType
from typing import Any, cast

from provenance_kernel.recorder.tracers import choose
from provenance_kernel.settings import Settings
from provenance_kernel.trace import Tracer

ROUNDS = 9

# Loops of 200 000 turns each, at most 1.15 times as long plus 10 ms.
LOOPS = {
    "abs in a for": "s = 0\nfor i in range(200_000): s += abs(i)",
    "methods and append": (
        "words = []\nfor i in range(200_000): words.append(str(i).zfill(8).upper())"
    ),
    "if/else with append": (
        "a, b = [], []\nfor i in range(200_000):\n    if i % 2: a.append(i)\n    else: b.append(i)"
    ),
    "while with a call": "n = 0\nwhile n < 200_000: n += abs(1)",
    "filtered comprehension": "y = [i for i in range(200_000) if abs(i) > 3]",
    "nested for": "s = 0\nfor i in range(400):\n    for j in range(500): s += max(i, j)",
    "call in a while's test": "l = []\nwhile len(l) < 1_000_000: l.append(1)",
}

# Functions of the user's, at most 1.1 times as long plus 5 ms.
FUNCTIONS = {
    "fib(24)": "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nfib(24)",
    "methods": """
class Account:
    def __init__(self): self.total = 0
    def add(self, n): self.total += n; return self
    def value(self): return self.total
account = Account()
for i in range(200_000): account.add(i).value()
""",
    "generator": "def g(n):\n    for i in range(n): yield i\nt = sum(g(1_000_000))",
    "class that yields": """
class Items:
    def __init__(self, n): self.n = n
    def __iter__(self):
        for i in range(self.n): yield i
t = 0
for i in Items(1_000_000): t += i
""",
    "asynchronous generator": """
async def g(n):
    for i in range(n): yield i
async def total():
    t = 0
    async for i in g(1_000_000): t += i
    return t
import asyncio
asyncio.run(total())
""",
}

CASES = {
    "list loop": "s = 0\nfor x in xs: s += abs(x)",
    "comprehension": "y = [abs(x) for x in xs]\nz = 0",
    "user function loop": "def f(x): return x + 1\nfor x in xs: f(x)",
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

    def returned(
        self, function: str, arguments: Mapping[str, str] | None, result: object, /
    ) -> None:
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


def figures(rounds: int) -> list[dict[str, Any]]:
    """Print and return what tracing costs for each case, and whether its limit holds."""
    tracer = choose(Settings())
    print(f"tracing, CPython {platform.python_version()}: {tracer.reason}")
    small = {"x = 1": 50, "5 calls": 50}
    calls = "a = len(xs)\n" + "b = max(a, 3)\n" * 4
    sources = LOOPS | FUNCTIONS | CASES | {"x = 1": "x = 1", "5 calls": calls}
    limits = dict.fromkeys(LOOPS, (1.15, 0.010)) | dict.fromkeys(FUNCTIONS, (1.1, 0.005))
    found = []
    for name, source in sources.items():
        repeat = small.get(name, 1)
        plain: list[float] = []
        traced: list[float] = []
        for _ in range(rounds * repeat):
            plain.append(execute(None, source))
            traced.append(execute(tracer, source))
        ratio = statistics.median(b / a for a, b in zip(plain, traced, strict=True))
        base, cost = statistics.median(plain), statistics.median(traced)
        line = (
            f"{name:22} {base * 1e3:9.3f} ms  x {ratio:6.3f}  {(cost - base) * 1e6:9.0f} us added"
        )
        held = True
        if name in limits:
            limit, slack = limits[name]
            over = statistics.median(b - a * limit for a, b in zip(plain, traced, strict=True))
            held = over <= slack
            line += f"  at most {limit:.2f} + {slack * 1e3:.0f} ms"
            line += "  ok" if held else "  MISSED"
        print(line, flush=True)
        found.append({"what": f"tracing: {name}", "seconds": base, "ratio": ratio, "held": held})
    tracer.close()
    return found


if __name__ == "__main__":
    given = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    raise SystemExit(0 if all(each["held"] for each in figures(given)) else 1)
