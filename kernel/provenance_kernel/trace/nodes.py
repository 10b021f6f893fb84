"""Nodes of Python's syntax tree: what is asked of them, copies, and new ones.

Copies and new nodes compile to code whose positions are those of what they stand for.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Any, TypeVar, cast

from provenance_kernel.trace import hooks
from provenance_kernel.trace.sites import Guard

_Node = TypeVar("_Node", bound=ast.AST)
LOAD = ast.Load()
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SHARING = frozenset({*DEFINITIONS, ast.Lambda})
_KEPT = frozenset({ast.Name, ast.Constant})
# What is put into a copy as it is.
_BARE = _KEPT.union(
    (str, int, bool, type(None)),
    *(kind.__subclasses__() for kind in (ast.expr_context, ast.operator, ast.cmpop)),
    *(kind.__subclasses__() for kind in (ast.boolop, ast.unaryop)),
)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
LOOPS = (ast.For, ast.AsyncFor, ast.While)
COMPOUND = (
    *LOOPS,
    *DEFINITIONS,
    ast.If,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
)
_LITERALS = (
    ast.Constant,
    ast.Tuple,
    ast.List,
    ast.Dict,
    ast.Set,
    ast.JoinedStr,
    ast.FormattedValue,
    *COMPREHENSIONS,
    *(getattr(ast, name) for name in ("TemplateStr", "Interpolation") if hasattr(ast, name)),
)
TYPE_ALIAS = getattr(ast, "TypeAlias", ())
# What the compiler may warn of, and what of these it does not.
_SUSPECT = frozenset(
    {ast.Compare, ast.Call, ast.Subscript, ast.Assert, ast.Try, ast.TryStar, ast.Global}
)
_SUBSCRIPTED = (ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.JoinedStr)
_SINGLETONS = (bool, type(None), type(...))
# The compiler gives up its short form of a method call at this many arguments.
_MANY_ARGUMENTS = 15


class Unfit(Exception):
    """A statement must stay as it is."""


# Questions.


def makes_call(node: ast.AST) -> bool:
    """Whether module-level code makes a call in code that was cloned, or that is new."""
    return type(node) not in _KEPT and getattr(node, "has_call", True)


def may_jump(node: ast.stmt) -> bool:
    """Whether a compound statement can go on elsewhere than after itself."""
    if isinstance(node, (ast.Break, ast.Continue, ast.Try, ast.TryStar, ast.With, ast.AsyncWith)):
        return True
    if isinstance(node, DEFINITIONS) or not isinstance(node, COMPOUND):
        return False
    if isinstance(node, ast.Match):
        return any(may_jump(s) for case in node.cases for s in case.body)
    return any(map(may_jump, node.body)) or any(map(may_jump, getattr(node, "orelse", ())))


# New nodes.


def put_at(node: _Node, place: Any) -> _Node:
    """Give a node the position of another; `ast.copy_location` takes ten times as long."""
    new: Any = node
    new.lineno, new.col_offset = place.lineno, place.col_offset
    new.end_lineno, new.end_col_offset = place.end_lineno, place.end_col_offset
    return node


def start_at(node: _Node, place: Any) -> _Node:
    """Give a node the position at which another starts."""
    new: Any = node
    new.lineno = new.end_lineno = place.lineno
    new.col_offset = new.end_col_offset = place.col_offset
    return node


def hook_call(method: str, at: Any, number: int, *values: ast.expr) -> ast.Call:
    key = start_at(ast.Constant(number), at)
    return put_at(ast.Call(_held(method, at.lineno), [key, *values], []), at)


@lru_cache(maxsize=256)
def _held(name: str, line: int) -> ast.expr:
    """Return a node that all hooks on lines of this number share; it must not be changed."""
    # Of its position, only the line is ever seen.
    # Not on several, as the compiler puts an attribute that extends over lines on its last.
    where: Any = {"lineno": line, "end_lineno": line, "col_offset": 0, "end_col_offset": 0}
    return ast.Attribute(ast.Constant(hooks.HOOKS, **where), name, LOAD, **where)


def guard_node(guard: Guard, at: Any) -> ast.expr:
    """Return the test whether a guard is open."""
    return _of_guard(guard, "open", at, LOAD)


def mark_node(guard: Guard, at: Any) -> ast.stmt:
    """Return the statement that notes that the block of a guard ran."""
    value = start_at(ast.Constant(True), at)
    return start_at(ast.Assign([_of_guard(guard, "ran", at, ast.Store())], value), at)


def warm_node(guard: Guard, node: ast.While) -> ast.stmt:
    """Return a loop that is specialised when it begins.

    CPython 3.11 specialises code that has jumped back eight times, but not if `while` is all that
    jumps. A guard costs ten times as much in code that is not.
    """
    eight = start_at(ast.Tuple([start_at(ast.Constant(None), node)] * 8, LOAD), node)
    target, body = _of_guard(guard, "ran", node, ast.Store()), start_at(ast.Pass(), node)
    return start_at(ast.For(target, eight, [body], [node]), node)


def _of_guard(guard: Guard, name: str, at: Any, context: ast.expr_context) -> ast.expr:
    held = start_at(ast.Constant(f"{hooks.HOOKS}{guard.number}"), at)
    return start_at(ast.Attribute(held, name, context), at)


def clone(node: _Node) -> _Node:
    """Copy a node and what is below it, but names, constants and the bodies of functions.

    The copies know whether module-level code makes a call in them (`has_call`), and whether they
    have something that the compiler must not see twice (`is_unfit`).
    """
    kind = type(node)
    new = kind.__new__(kind)
    held = new.__dict__
    held.update(node.__dict__)
    has_call = kind is ast.Call
    is_unfit = kind in _SUSPECT and _may_warn(node)
    shared = held.get("body") if kind in _SHARING else None
    for name in node._fields:
        value: Any = held.get(name)
        if type(value) in _BARE or value is shared:
            continue
        if type(value) is not list:
            held[name] = copy = clone(value)
            has_call = has_call or copy.has_call
            is_unfit = is_unfit or copy.is_unfit
            continue
        held[name] = copies = []
        for item in value:
            if type(item) not in _BARE:
                item = clone(item)
                has_call = has_call or item.has_call
                is_unfit = is_unfit or item.is_unfit
            copies.append(item)
    if shared is not None:
        bodies = shared if isinstance(shared, list) else [shared]
        is_unfit = is_unfit or any(
            type(n) in _SUSPECT and _may_warn(n) for body in bodies for n in ast.walk(body)
        )
    if kind is ast.AnnAssign:
        value = held.get("value")
        has_call = value is not None and makes_call(value)
    elif isinstance(node, TYPE_ALIAS):
        has_call = False
    held["has_call"], held["is_unfit"] = has_call, is_unfit
    return new


def twin(node: _Node) -> _Node:
    """Copy code that is then compiled twice; the compiler must have nothing to say of it."""
    new = clone(node)
    if new.is_unfit:  # type: ignore[attr-defined]
        raise Unfit
    return new


def _may_warn(node: ast.AST) -> bool:
    if isinstance(node, ast.Global):
        return True
    if isinstance(node, ast.Compare):
        # `is` with a literal.
        return any(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops) and any(
            is_literal(side) and not isinstance(getattr(side, "value", side), _SINGLETONS)
            for side in (node.left, *node.comparators)
        )
    if isinstance(node, ast.Call):
        return is_literal(node.func)
    if isinstance(node, ast.Subscript):
        held, index = node.value, node.slice
        return isinstance(held, _LITERALS) and (
            not isinstance(held, _SUBSCRIPTED)
            or (isinstance(held, ast.Constant) and type(held.value) not in (str, bytes))
            or (isinstance(index, ast.Constant) and type(index.value) is not int)
            or isinstance(index, (*_LITERALS[1:], ast.Lambda))
        )
    # `assert (condition, message)`, and leaving `finally`.
    return (isinstance(node, ast.Assert) and isinstance(node.test, ast.Tuple)) or (
        isinstance(node, (ast.Try, ast.TryStar)) and bool(node.finalbody)
    )


def is_literal(node: ast.expr) -> bool:
    """Whether an expression is a literal to the compiler, which computes with constants."""
    if isinstance(node, ast.UnaryOp):
        return is_literal(node.operand)
    if isinstance(node, ast.BinOp):
        return is_literal(node.left) and is_literal(node.right)
    return isinstance(node, _LITERALS)


def call_position(node: ast.Call) -> tuple[int, int, int | None, int | None]:
    """Return the position that the compiler gives to a call.

    For a method call it is the line of the method's name, which in a chain over several lines
    is not the line on which the expression begins.
    """
    function = node.func
    where = (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
    if not isinstance(function, ast.Attribute) or function.end_lineno == node.lineno:
        return where
    starred = any(isinstance(a, ast.Starred) for a in node.args)
    if starred or any(k.arg is None for k in node.keywords):
        return where
    if len(node.args) + len(node.keywords) + bool(node.keywords) >= _MANY_ARGUMENTS:
        return where
    end_line = cast("int", function.end_lineno)
    end = cast("int", function.end_col_offset)
    column = end - len(function.attr)
    if column < 0:
        return where
    return end_line, column, node.end_lineno, node.end_col_offset
