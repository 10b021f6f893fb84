"""What the record of a run tells about its statements."""

from __future__ import annotations

import ast
import re

from provenance_kernel.trials.history import Run
from provenance_kernel.trials.syntax import COMPOUND, called_names


def never_ran(run: Run) -> bool:
    """Tell whether a run's source was refused, or is empty."""
    return (
        run.error_name in {"SyntaxError", "IndentationError", "TabError"} or not run.source.strip()
    )


def stopped_at(run: Run, tree: ast.Module) -> int | None:
    """Return the index of the statement that raised, where a call tells that was made there.

    In a simple statement nothing passes over an exception that a call of its own raises.
    """
    for index, node in enumerate(tree.body):
        if isinstance(node, COMPOUND) or any(
            other is not node
            and other.lineno <= (node.end_lineno or node.lineno)
            and node.lineno <= (other.end_lineno or other.lineno)
            for other in tree.body[max(0, index - 1) : index + 2]
        ):
            continue
        lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        names = called_names(node) | {"<lambda>"}
        made = [
            call
            for call in run.calls
            if call.line in lines and call.name.rpartition(".")[2] in names
        ]
        if made and (isinstance(node, ast.Raise) or any(each.status == "error" for each in made)):
            return index
    return None


def result_of(run: Run, node: ast.stmt) -> str | None:
    """Return what the outermost call of an expression statement gave, where that is recorded."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return None
    lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    found = [each for each in run.calls if each.line in lines]
    return found[-1].result if found else None


def may_hold_files(run: Run, name: str) -> bool:
    """Tell whether a name's value may be an open file, or have one."""
    seen = run.value(name)
    kind = seen.type if seen else None
    return kind is None or not re.match(
        r"(?:builtins\.)?(?:int|float|str|bool|list|dict|set|tuple|bytes|NoneType|function|type)$"
        r"|numpy\.|pandas\.|sklearn\.|scipy\.|pathlib\.",
        kind,
    )
