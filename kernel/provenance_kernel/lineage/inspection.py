"""Looking at the user's objects without running any of their code."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from types import (
    AsyncGeneratorType,
    BuiltinMethodType,
    CodeType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    GetSetDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

from provenance_kernel.identity import identity

_bases_of = type.__dict__["__mro__"].__get__
_members_of = type.__dict__["__dict__"].__get__
_function_globals = FunctionType.__dict__["__globals__"].__get__
# Containers are searched for functions this deep, and so many elements of each.
_DEPTH = 3
_ELEMENTS = 64
_SUSPENDED = {
    identity(GeneratorType): "gi",
    identity(CoroutineType): "cr",
    identity(AsyncGeneratorType): "ag",
}
# By address: to compare or hash a class is to ask its metaclass.
_PLAIN = frozenset(
    map(
        identity, (int, float, str, bytes, bool, complex, type(None), BuiltinMethodType, ModuleType)
    )
)


def static_dict(value: object) -> dict[str, Any] | None:
    """Return an object's `__dict__` without asking the object."""
    for base in _bases_of(type(value)):
        found = _members_of(base).get("__dict__")
        if found is not None:
            if type(found) is not GetSetDescriptorType and base is not ModuleType:
                return None
            members = found.__get__(value)
            return members if type(members) is dict else None
    return None


def star_names(module: str) -> frozenset[str]:
    """Return what `from module import *` binds, where that can be told without running code."""
    found = sys.modules.get(module)
    members = None if found is None else static_dict(found)
    if members is None:
        return frozenset()
    listed = members.get("__all__")
    if type(listed) is list or type(listed) is tuple:
        return frozenset(name for name in listed if type(name) is str)
    names = [name for name in members.copy() if type(name) is str]
    return frozenset(name for name in names if not name.startswith("_"))


def code_in(value: object, namespace: Mapping[str, Any]) -> list[CodeType]:
    """Return the code of the user's functions that may run when a value is used.

    The user's are those whose globals are the namespace. Found are functions under decorators
    that keep `__wrapped__`, in closures, partial objects, methods of the user's classes and their
    instances, generators and coroutines, and what is in small built-in containers.
    """
    found: list[CodeType] = []
    seen: set[int] = set()
    pending: list[tuple[object, int]] = [(value, _DEPTH)]
    while pending:
        item, depth = pending.pop()
        kind = type(item)
        if identity(kind) in _PLAIN or identity(item) in seen:
            continue
        seen.add(identity(item))
        if kind is FunctionType:
            if _function_globals(item) is namespace:
                found.append(code_of(item))
            if depth:
                pending.extend((part, depth - 1) for part in _parts_of_function(item))
        elif identity(kind) in _SUSPENDED:
            found.extend(_suspended(item, namespace))
        elif depth:
            pending.extend((part, depth - 1) for part in _parts(item, kind, namespace))
    return found


def _derives(kind: type, base: type) -> bool:
    """Tell whether a type is or derives from another, whatever its metaclass says."""
    return any(found is base for found in _bases_of(kind))


def _parts_of_function(function: Any) -> Iterator[object]:
    members = FunctionType.__dict__["__dict__"].__get__(function)
    if "__wrapped__" in members:
        yield members["__wrapped__"]
    for cell in FunctionType.__dict__["__closure__"].__get__(function) or ():
        try:
            yield cell.cell_contents
        except ValueError:
            continue


def _parts(item: Any, kind: type, namespace: Mapping[str, Any]) -> Iterator[object]:
    if kind is dict:
        yield from list(item.copy().values())[:_ELEMENTS]
    elif kind is list or kind is tuple:
        yield from item[:_ELEMENTS]
    elif kind is set or kind is frozenset:
        yield from list(item.copy())[:_ELEMENTS]
    elif kind is MethodType:
        yield item.__func__
        yield item.__self__
    elif kind is staticmethod or kind is classmethod:
        yield item.__func__
    elif kind is property:
        yield from (item.fget, item.fset, item.fdel)
    elif kind is functools.partial:
        yield item.func
        yield from item.args
    elif _derives(kind, type):
        if _is_users(item, namespace):
            for base in _bases_of(item):
                if _is_users(base, namespace):
                    yield from list(_members_of(base).copy().values())
    elif _is_users(kind, namespace):
        yield kind
    else:
        members = static_dict(item)
        if members is not None and "__wrapped__" in members:
            yield members["__wrapped__"]


def _is_users(kind: type, namespace: Mapping[str, Any]) -> bool:
    module = _members_of(kind).get("__module__")
    return type(module) is str and module == namespace.get("__name__")


def _suspended(item: Any, namespace: Mapping[str, Any]) -> Iterator[CodeType]:
    prefix = _SUSPENDED[identity(type(item))]
    frame = getattr(item, f"{prefix}_frame")
    # Once it has ended there is no frame to tell whose it was.
    if frame is None or frame.f_globals is namespace:
        yield getattr(item, f"{prefix}_code")


def callback_in(value: object, attribute: str | None) -> object:
    """Return the function that a value, or its attribute, is; None where it is something else."""
    if attribute is not None:
        for base in _bases_of(value if _derives(type(value), type) else type(value)):
            found = _members_of(base).get(attribute)
            if found is not None:
                value = found
                break
        else:
            return None
    kind = type(value)
    callables = (FunctionType, MethodType, functools.partial, staticmethod, classmethod)
    return value if any(kind is known for known in callables) else None


def code_of(function: object) -> CodeType:
    """Return a function's code."""
    code: CodeType = FunctionType.__dict__["__code__"].__get__(function)
    return code
