"""Parsing source without a word: whoever runs it is warned then of what is odd in it."""

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
            from IPython.core.inputtransformer2 import TransformerManager

            python = TransformerManager().transform_cell(source)  # type: ignore[no-untyped-call]
            return ast.parse(python, filename=_FILE)


@contextmanager
def _silence() -> Iterator[None]:
    filters: Any = warnings.filters
    filters.insert(0, _IGNORE)
    try:
        yield
    finally:
        filters.remove(_IGNORE)
