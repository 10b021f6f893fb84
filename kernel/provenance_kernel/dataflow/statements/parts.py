"""Syntax trees taken apart: the nodes of some code by what they are, and what their names are."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
IMPORTS = (ast.Import, ast.ImportFrom)
BUILTINS = frozenset(dir(builtins))
# Fields that hold no expression.
_DULL = frozenset(
    {"ctx", "op", "ops", "kind", "kwd_attrs", "conversion", "type_comment", "type_ignores", "id"}
    | {"attr", "arg", "name", "module", "names", "level", "simple", "is_async", "rest", "str"}
)
_FIELDS: dict[type, tuple[str, ...]] = {ast.Constant: (), ast.MatchSingleton: ()}


class Parts(dict[type, list[Any]]):
    """The nodes of some statements by type, in no order.

    Bodies of functions run later: they are left out, unless `deep`. `local` are the names that
    comprehensions and lambdas bind.
    """

    __slots__ = ("local",)

    def __init__(self, roots: Iterable[ast.AST], deep: bool = False) -> None:
        super().__init__()
        self.local: set[str] = set()
        pending: list[Any] = [*roots]
        while pending:
            node = pending.pop()
            kind = type(node)
            if kind in self:
                self[kind].append(node)
            else:
                self[kind] = [node]
            if kind is ast.Name:
                continue
            if kind is ast.comprehension:
                self.local.update(names_in(node.target))
            elif kind is ast.Lambda:
                self.local.update(each.arg for each in ast.walk(node.args) if type(each) is ast.arg)
            elif kind in FUNCTIONS and not deep:
                pending += heads(node)
                continue
            pending += children(node)

    def of(self, *kinds: type) -> Sequence[Any]:
        """Return the nodes of several types."""
        found = [self[kind] for kind in kinds if kind in self]
        return [*chain.from_iterable(found)] if found else ()


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes right below one."""
    kind = type(node)
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = _FIELDS[kind] = tuple(field for field in kind._fields if field not in _DULL)
    found = []
    for field in fields:
        value = getattr(node, field)
        if type(value) is list:
            found += value if None not in value else [each for each in value if each is not None]
        elif value is not None:
            found.append(value)
    return found


def heads(node: ast.AST) -> list[ast.AST]:
    """Return what of a function's definition is evaluated where it stands."""
    arguments = node.args  # type: ignore[attr-defined]
    defaults = [*arguments.defaults, *[each for each in arguments.kw_defaults if each]]
    return [*getattr(node, "decorator_list", ()), *defaults]


def names_in(node: ast.AST) -> Iterator[str]:
    """Yield every name in some code."""
    pending = [node]
    while pending:
        each = pending.pop()
        if type(each) is ast.Name:
            yield each.id
        else:
            pending += children(each)


def imported_names(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """Return, for the names that imports bind, the dotted paths they stand for."""
    found = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                found[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def last_name(node: ast.AST) -> str:
    """Return the last name of what is called, or of a name or attribute."""
    while isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def root_of(node: ast.AST) -> str | None:
    """Return the name that a chain of attributes, items and calls begins with."""
    while True:
        if isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred, ast.Await)):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return node.id if isinstance(node, ast.Name) else None


def dotted_name(node: ast.AST, imports: Mapping[str, str]) -> str | None:
    """Return the dotted path of a chain of attributes; that of what an import bound in full."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([imports.get(node.id, node.id), *reversed(parts)])


def uses_shell(calls: Iterable[ast.AST]) -> bool:
    """Tell whether some of the calls are what IPython's own syntax stands for."""
    return any(
        isinstance(func := getattr(call, "func", None), ast.Attribute)
        and isinstance(func.value, ast.Call)
        and isinstance(func.value.func, ast.Name)
        and func.value.func.id == "get_ipython"
        for call in calls
    )
