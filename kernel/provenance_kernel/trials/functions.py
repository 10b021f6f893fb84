"""What the functions that a statement defines do when somebody calls them."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from provenance_kernel.trials import libraries
from provenance_kernel.trials.effects import Does, look
from provenance_kernel.trials.syntax import FUNCTIONS, imported_names, last_name, root_of


@dataclass(slots=True)
class Latent:
    """What the functions that a statement defines do when somebody calls them."""

    reads: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    does: Does | None = None


def is_plain_function(node: ast.AST) -> bool:
    """Tell whether a definition makes a value that has no state of its own."""
    if isinstance(node, FUNCTIONS):
        defaults = [*node.args.defaults, *[each for each in node.args.kw_defaults if each]]
        return (
            not node.decorator_list
            and all(isinstance(each, (ast.Constant, ast.UnaryOp)) for each in defaults)
            and not _stores_into(node, node.name)
        )
    if isinstance(node, ast.ClassDef):
        return _is_plain_class(node)
    return False


def _is_plain_class(node: ast.ClassDef) -> bool:
    if node.keywords or not all(
        last_name(each) in libraries.PLAIN_DECORATORS for each in node.decorator_list
    ):
        return False
    for each in node.body:
        if isinstance(each, FUNCTIONS):
            if not all(last_name(d) in libraries.PLAIN_DECORATORS for d in each.decorator_list):
                return False
            defaults = [*each.args.defaults, *[one for one in each.args.kw_defaults if one]]
            if not all(isinstance(one, ast.Constant) for one in defaults):
                return False
        elif isinstance(each, (ast.Assign, ast.AnnAssign)):
            value = each.value
            if (
                value is not None
                and not isinstance(value, ast.Constant)
                and not (isinstance(value, ast.Call) and last_name(value) == "field")
            ):
                return False
        elif not (
            isinstance(each, ast.Pass)
            or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        ):
            return False
    return not any(
        (
            isinstance(each, ast.Name)
            and each.id in {node.name, "cls", "__class__", "type", "setattr"}
        )
        or (isinstance(each, ast.Attribute) and each.attr in {"__class__", "__dict__"})
        for each in ast.walk(node)
    )


def _stores_into(node: ast.AST, name: str) -> bool:
    return any(
        isinstance(each, (ast.Attribute, ast.Subscript))
        and not isinstance(each.ctx, ast.Load)
        and root_of(each) == name
        for each in ast.walk(node)
    )


def latent_of(node: ast.stmt, imports: Mapping[str, str]) -> Latent | None:
    """Return what the functions do that a statement defines, if it defines any."""
    inner = [each for each in ast.walk(node) if isinstance(each, (*FUNCTIONS, ast.Lambda))]
    if not inner:
        return None
    reads, stores = _scopes(ast.unparse(node))
    does = Does()
    local = {
        each.arg for one in inner for each in ast.walk(one.args) if isinstance(each, ast.arg)
    } | {
        each.id
        for one in inner
        for each in ast.walk(one)
        if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)
    }
    local -= stores
    known = {**imports, **imported_names(node)}
    for one in inner:
        body = one.body if isinstance(one.body, list) else [one.body]
        for statement in body:
            look(statement, known, lambda _: None, local, does, deep=True)
        if any(
            isinstance(each, (ast.Yield, ast.YieldFrom, ast.Nonlocal)) for each in ast.walk(one)
        ):
            does.all_read = True
    does.touches -= local
    return Latent(frozenset(reads), frozenset(stores), does)


@lru_cache(maxsize=4096)
def _scopes(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the globals that functions in a source look up, and those they bind."""
    reads: set[str] = set()
    stores: set[str] = set()
    pending = list(symtable.symtable(source, "<cell>", "exec").get_children())
    while pending:
        table = pending.pop()
        pending += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_global():
                if symbol.is_referenced():
                    reads.add(symbol.get_name())
                if symbol.is_assigned() and symbol.is_declared_global():
                    stores.add(symbol.get_name())
    # To a symbol table `count += 1` is an assignment only.
    augmented = (each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.AugAssign))
    reads |= stores & {each.target.id for each in augmented if isinstance(each.target, ast.Name)}
    return frozenset(reads), frozenset(stores)
