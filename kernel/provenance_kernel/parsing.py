"""Parsing source without showing warnings: users see those when they run it."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_FILE = "<provenance>"
# `warnings.catch_warnings` would empty every module's registry of the warnings that were shown,
# and the user would be shown them again. A filter of our own in the list leaves all that alone.
_IGNORE = ("ignore", None, Warning, re.compile(re.escape(_FILE) + r"|IPython\b"), 0)


def parse(source: str, mode: str = "exec") -> Any:
    """Return the tree of a source as `ast.parse` does, with its errors and without its warnings."""
    with _silence():
        return ast.parse(source, filename=_FILE, mode=mode)


def parse_cell(source: str) -> ast.Module:
    """Return the tree of a source, read as IPython reads it; raises SyntaxError.

    The transformers that users register are left out: they may have effects, which must not
    happen once more.
    """
    with _silence():
        try:
            return ast.parse(source, filename=_FILE)
        except SyntaxError:
            return ast.parse(transformed(source), filename=_FILE)


def transformed(source: str) -> str:
    """Return a source as IPython makes Python of it, without the transformers that users add."""
    from IPython.core.inputtransformer2 import TransformerManager

    return str(TransformerManager().transform_cell(source))  # type: ignore[no-untyped-call]


def leading_blanks(source: str) -> int:
    """Return how many blank lines a source begins with, which IPython takes off."""
    return source[: len(source) - len(source.lstrip())].count("\n")


def bound_names(tree: ast.AST) -> Iterator[str]:
    """Give the names that module-level code binds, or of which it sets an item or attribute."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
            inner = (each for each in ast.walk(node) if isinstance(each, ast.Global))
            yield from (name for each in inner for name in each.names)
            continue
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            place: ast.AST = node
            while isinstance(place, ast.Attribute | ast.Subscript):
                place = place.value
            if isinstance(place, ast.Name):
                yield place.id
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        waiting.extend(ast.iter_child_nodes(node))


@contextmanager
def _silence() -> Iterator[None]:
    filters: Any = warnings.filters
    filters.insert(0, _IGNORE)
    try:
        yield
    finally:
        filters.remove(_IGNORE)
