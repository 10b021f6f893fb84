"""Code and names inside the strings of a cell: magics, shell commands, `exec`, `df.query`."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from provenance_kernel.parsing import parse as parse_source

# Magics that run their text in the namespace, and those that run it in a function of their own;
# IPython expands no variables in them.
_RUNS = frozenset({"time", "prun", "capture", "memit", "mprun", "lprun"})
_MEASURES = frozenset({"timeit"})
_DOLLAR = re.compile(r"(?<!\$)\$([^\W\d]\w*)")
_AT = re.compile(r"@([^\W\d]\w*)")
_OPTION = re.compile(r"-\S+(?:\s+|$)")
_TOKEN = re.compile(r"\S+\s+")


class Fragment(NamedTuple):
    """`statements` bind in the namespace, `expression` binds nothing in it."""

    kind: Literal["statements", "expression", "name"]
    text: str


def fragments(call: ast.Call) -> Iterator[Fragment]:
    """Return the code in the constant arguments of a call that is known to run or expand them."""
    func = call.func
    texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
    if not all(isinstance(text, str) for text in texts):
        return
    first = str(texts[0])
    if isinstance(func, ast.Name):
        # With namespaces of their own, exec and eval see other names.
        if len(call.args) == 1 and not call.keywords:
            if func.id == "exec":
                yield Fragment("statements", first)
            elif func.id == "eval":
                yield Fragment("expression", first.strip())
    elif isinstance(func, ast.Attribute):
        if _is_shell(func.value):
            yield from _shell(func.attr, [str(text) for text in texts])
        elif func.attr in ("query", "eval"):
            for name in _AT.findall(first):
                yield Fragment("name", name)


def timed(tree: ast.Module, parse: Callable[[str], ast.Module]) -> ast.Module | None:
    """Return the statements under a `%%time` or `%%capture`, if that is all of a cell."""
    call = getattr(tree.body[0], "value", None) if len(tree.body) == 1 else None
    if not (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "run_cell_magic"
        and _is_shell(call.func.value)
    ):
        return None
    texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
    if len(texts) != 3 or texts[0] not in ("time", "capture"):
        return None
    if texts[0] == "capture" and _without_options(str(texts[1])):
        # It binds a name.
        return None
    found = parse_or_none(str(texts[2]), parse)
    return None if found is None else ast.increment_lineno(found, 1)


def _is_shell(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "get_ipython"
    )


def _shell(method: str, texts: list[str]) -> Iterator[Fragment]:
    if method in ("system", "getoutput", "getoutput_raw", "system_raw"):
        yield from _expanded(texts[0])
    elif method in ("run_line_magic", "run_cell_magic") and len(texts) > 1:
        magic, line = texts[0], texts[1]
        binds = magic in _RUNS
        if not binds and magic not in _MEASURES:
            yield from _expanded(line)
            return
        kind: Literal["statements", "expression"] = "statements" if binds else "expression"
        # Of these only capture has words of its own on the cell magic's line.
        if magic != "capture":
            code = _without_options(line)
            if code:
                yield Fragment(kind, code)
        if len(texts) > 2:
            yield Fragment(kind, texts[2])


def _expanded(line: str) -> Iterator[Fragment]:
    """Return what IPython puts into a line before it runs it: `{expression}` and `$name`."""
    for name in _DOLLAR.findall(line):
        yield Fragment("name", name)
    if "{" not in line:
        return
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(line) if field]
    except ValueError:
        return
    for field in fields:
        yield Fragment("expression", field)


def _without_options(line: str) -> str:
    """Return the code after a magic's options, some of which take a word."""
    line = line.strip()
    while line.startswith("-"):
        option = _OPTION.match(line)
        line = line[option.end() :] if option else ""
        while line and not _parses(line):
            token = _TOKEN.match(line)
            if token is None:
                return ""
            line = line[token.end() :]
    return line


def _parses(code: str) -> bool:
    return code.startswith("-") or parse_or_none(code, parse_source) is not None


def parse_or_none(code: str, parse: Callable[[str], ast.Module]) -> ast.Module | None:
    """Parse a string's code; the user is warned of what is odd in it when it really runs."""
    try:
        return parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
