"""Orders in which a notebook's cells may have been run.

After Wang, Kuo, Li and Zeller, Assessing and restoring reproducibility of Jupyter notebooks, 2020.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from typing import Any

from provenance_kernel.parsing import parse_cell
from provenance_kernel.verify.reruns.plan import Step


def likely_orders(
    steps: Sequence[Step], counts: Sequence[int | None]
) -> Iterator[tuple[str, list[Step]]]:
    """Yield orders other than the file's, with how they were come by, the likeliest first.

    `counts` are the saved execution counts. Each order is given once.
    """
    seen = [list(steps)]
    for told, order in (
        ("the order of the execution counts", _by_count(steps, counts)),
        ("an order that the names allow", _by_names(steps)),
        ("the execution counts, then the names", _by_names(_by_count(steps, counts))),
    ):
        if order and order not in seen:
            seen.append(order)
            yield told, order


def _by_count(steps: Sequence[Step], counts: Sequence[int | None]) -> list[Step]:
    counted = [(count, step) for count, step in zip(counts, steps, strict=True) if count]
    return [step for _, step in sorted(counted, key=lambda each: each[0])]


def _by_names(steps: Sequence[Step]) -> list[Step]:
    """Return the cells so that each comes after one that binds what it needs, else as they are."""
    uses = {step.position: _uses(step.source) for step in steps}
    left, order = list(steps), list[Step]()
    bound: set[str] = set(dir(builtins))
    while left:
        possible = {name for step in left for name in uses[step.position][1]}
        ready = next(
            (step for step in left if not (uses[step.position][0] - bound) & possible), left[0]
        )
        left.remove(ready)
        order.append(ready)
        bound |= uses[ready.position][1]
    return order


def _uses(source: str) -> tuple[set[str], set[str]]:
    """Return the names that a cell needs from others, and those that it binds."""
    try:
        tree: Any = parse_cell(source)
    except (SyntaxError, ValueError, RecursionError):
        return set(), set()
    needed: set[str] = set()
    bound: set[str] = set()
    for statement in tree.body if tree is not None else ():
        loaded: set[str] = set()
        stored: set[str] = set()
        for node in ast.walk(statement):
            if isinstance(node, ast.Name):
                (loaded if isinstance(node.ctx, ast.Load) else stored).add(node.id)
            elif isinstance(node, ast.arg):
                stored.add(node.arg)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                stored.add(node.name)
            elif isinstance(node, ast.alias):
                stored.add((node.asname or node.name).partition(".")[0])
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            # What its body looks up need not be there before it is called.
            loaded = set()
            stored = {statement.name}
        needed |= loaded - bound
        bound |= stored
    return needed, bound
