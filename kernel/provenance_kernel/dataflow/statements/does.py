"""What a statement, or a function's body, may do when it runs, read from its tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from provenance_kernel.dataflow.statements import harmless
from provenance_kernel.dataflow.statements.deeds import (
    OPERATORS,
    Deeds,
    Judge,
    TypeOf,
    handed_names,
    is_class,
    is_fresh,
    is_measure,
)
from provenance_kernel.dataflow.statements.parts import (
    BUILTINS,
    FUNCTIONS,
    IMPORTS,
    Parts,
    heads,
    last_name,
    root_of,
)


def does(
    node: ast.stmt,
    parts: Parts,
    imports: Mapping[str, str],
    type_of: TypeOf,
    result: str | None = None,
) -> Deeds:
    """Return what a statement may do when it runs; `result` is what its call is known to return."""
    found = Deeds()
    if isinstance(node, FUNCTIONS):
        _decorated(node, imports, found)
        defaults = heads(node)[len(node.decorator_list) :]
        return look(Parts(defaults), imports, type_of, found) if defaults else found
    if isinstance(node, ast.ClassDef):
        _decorated(node, imports, found)
        found.all_read |= bool(node.keywords)
        for base in node.bases:
            name = root_of(base)
            known = not name or name in imports or (name in BUILTINS and type_of(name) is None)
            found.all_read |= not known and not is_class(type_of(name or ""))
            if not known:
                # Any class knows what derives from it.
                found.touches.add(harmless.SUBCLASSES)
        body = Parts(each for each in node.body if not isinstance(each, FUNCTIONS))
        return look(body, imports, type_of, found)
    if isinstance(node, IMPORTS):
        names = [each.name for each in node.names]
        module = node.module or "" if isinstance(node, ast.ImportFrom) else names[0]
        found.outward = not harmless.is_known_library(module)
        found.process = "experimental" in module or names == ["annotations"]
        if names == ["*"]:
            found.unseen = f"`from {module} import *` binds names that the source does not show"
        return found
    effect = node.value if isinstance(node, ast.Expr) and result in (None, "None") else None
    look(parts, imports, type_of, found, effect=effect)
    _for_its_effect(node, imports, type_of, result, found)
    return found


def _decorated(node: Any, imports: Mapping[str, str], found: Deeds) -> None:
    for each in node.decorator_list:
        if last_name(each) not in harmless.PLAIN_DECORATORS:
            found.all_read = found.outward = True
            # A library may note it down anywhere.
            found.process |= root_of(each) in imports


def _for_its_effect(
    node: ast.stmt,
    imports: Mapping[str, str],
    type_of: TypeOf,
    result: str | None,
    found: Deeds,
) -> None:
    """Note what the form of a statement tells: a call for its effect, a value of its own."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        name = last_name(call)
        users = isinstance(call.func, ast.Name) and not (name in imports or name in BUILTINS)
        hidden = not found.touches or any(each.startswith("%module:") for each in found.touches)
        shows = found.all_read or found.seeds or name in harmless.SHOWING
        if hidden and not (users or shows) and result in (None, "None"):
            # On nothing that the namespace shows.
            found.process |= not _is_question(call, type_of)
    elif isinstance(node, ast.Assign) and type(node.value) in OPERATORS:
        found.binds_fresh = is_fresh(node.value, type_of)


def _is_question(call: ast.Call, type_of: TypeOf) -> bool:
    root = root_of(call)
    kind = type_of(root) if root else None
    asks = isinstance(call.func, ast.Attribute) and call.func.attr in harmless.QUESTIONS
    return bool(kind and asks and harmless.FRAMES.match(kind))


def look(
    parts: Parts,
    imports: Mapping[str, str],
    type_of: TypeOf,
    found: Deeds,
    local: set[str] | None = None,
    effect: ast.expr | None = None,
) -> Deeds:
    """Add what statements and expressions may do; of a function's body if its `local` are given.

    A function's parameters are judged where it is called.
    """
    looked = Judge(imports, type_of, parts.local | (local or set()), found)
    looked.effect = effect if isinstance(effect, ast.Call) else None
    calls = parts.get(ast.Call, ())
    for call in calls:
        looked.call(call)
    called = {id(call.func) for call in calls}
    for each in parts.of(ast.Attribute, ast.Subscript):
        if type(each.ctx) is not ast.Load:
            looked.store(each)
        elif type(each) is ast.Attribute:
            if each.attr == "__subclasses__":
                found.touches.add(harmless.SUBCLASSES)
            if id(each) not in called:
                looked.attribute(each)
    if found.texts:
        found.strings.update(
            each.value for each in parts.get(ast.Constant, ()) if type(each.value) is str
        )
    for each in parts.get(ast.AugAssign, ()):
        root = root_of(each.target)
        if root and root not in looked.local and not harmless.is_scalar(type_of(root)):
            found.touches.add(root)
    for each in parts.of(*IMPORTS):
        found.outward = True
        if any(one.name == "*" for one in each.names):
            found.unseen = "a star import binds names that the source does not show"
    if _enters_session(parts, imports):
        found.unseen = found.unseen or "it may use names that the source does not show"
        found.all_read = found.names = True
    # A function's parameters and variables are told by the texts that it is given.
    found.names |= _computes_names(parts, type_of, looked.local if local is not None else set())
    found.prints |= _writes_text(parts)
    if parts.of(ast.With, ast.AsyncWith):
        found.outward = True
    if local is None:
        names = parts.get(ast.Name, ())
        if any(type(each.ctx) is ast.Load for each in names):
            # What is only bound under one more name, or held by another, is not asked for anything.
            given = [each.value for each in parts.get(ast.Assign, ()) if not _unpacks(each)]
            passive = called | {id(each) for each in _held(given)}
            looked.loads(each for each in names if id(each) not in passive)
    else:
        found.loads.update(each.id for each in parts.get(ast.Name, ()))
        found.loads -= looked.local
    return found


def _enters_session(parts: Parts, imports: Mapping[str, str]) -> bool:
    """Tell whether code comes by the session's namespace, or its module, and not by its names."""
    attributes = {each.attr for each in parts.get(ast.Attribute, ())}
    names = {each.id for each in parts.get(ast.Name, ())}
    if attributes & harmless.DOORS or any(imports.get(each) == "__main__" for each in names):
        return True
    if "__name__" in names and attributes & {"modules", "import_module"}:
        return True
    mains = [each for each in parts.get(ast.Constant, ()) if each.value == "__main__"]
    asked = {id(one) for each in parts.get(ast.Compare, ()) for one in each.comparators}
    return any(id(each) not in asked for each in mains)


def _computes_names(parts: Parts, type_of: TypeOf, local: set[str]) -> bool:
    """Tell whether code looks names up by texts that neither it nor a name's value has."""

    def is_told(node: ast.AST) -> bool:
        if isinstance(node, ast.Name):
            return node.id in local or type_of(node.id) == "str"
        return isinstance(node, ast.Constant) and type(node.value) is str

    told = {id(each.value) for each in parts.get(ast.Subscript, ()) if is_told(each.slice)}
    for each in parts.get(ast.Compare, ()):
        if is_told(each.left):
            told.update(map(id, each.comparators))
    for call in parts.get(ast.Call, ()):
        if isinstance(call.func, ast.Attribute) and call.args and is_told(call.args[0]):
            told.add(id(call.func.value))
    return any(
        isinstance(call.func, ast.Name)
        and call.func.id in harmless.UNSEEN - {"input", "compile"}
        and type_of(call.func.id) is None
        and id(call) not in told
        and not (call.args and is_told(call.args[0]))
        for call in parts.get(ast.Call, ())
    )


def _writes_text(parts: Parts) -> bool:
    if parts.of(ast.JoinedStr, ast.FormattedValue):
        return True
    if any(type(each.op) is ast.Mod for each in parts.of(ast.BinOp, ast.AugAssign)):
        return True
    words = {each.id for each in parts.get(ast.Name, ())}
    words.update(each.attr for each in parts.get(ast.Attribute, ()))
    return not words.isdisjoint(harmless.TEXTUAL)


def _held(values: list[Any]) -> Iterator[ast.AST]:
    """Yield what lists, tuples and dicts are made of."""
    while values:
        value = values.pop()
        yield value
        if isinstance(value, (ast.List, ast.Tuple)):
            values += value.elts
        elif isinstance(value, ast.Dict):
            values += value.values


def _unpacks(node: ast.Assign) -> bool:
    return any(isinstance(target, (ast.Tuple, ast.List)) for target in node.targets)


def measured_names(node: ast.AST, parts: Parts, type_of: TypeOf) -> set[str]:
    """Return the names of a statement whose values it only asks something."""
    asks = any(is_measure(call, type_of) for call in parts.get(ast.Call, ()))
    if not asks and not any(is_fresh(each, type_of) for each in parts.of(*OPERATORS)):
        return set()
    return {each.id for each in parts.get(ast.Name, ())} - handed_names([node], type_of)


def may_bind_less(node: ast.stmt) -> bool:
    """Tell whether a statement's names go on with what they were: `import a.b` adds to `a`."""
    return isinstance(node, ast.Import) and not all(each.asname for each in node.names)


def is_harmless_magic(node: ast.stmt) -> bool:
    """Tell whether a statement is a magic that changes no value; `%time f()` runs code."""
    call = node.value if isinstance(node, ast.Expr) else None
    if not (isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "run_line_magic"):
        return False
    return getattr(call.args[0], "value", None) in harmless.MAGICS
