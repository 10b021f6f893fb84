"""Binding of a call's arguments to the callee's parameter names, without calling anything."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    WrapperDescriptorType,
)
from typing import Final, NamedTuple, cast

from provenance_kernel.audit import unheard
from provenance_kernel.inspection import class_attribute, instance_attribute, is_static


class Parameters(NamedTuple):
    """The names that positional arguments get, and the name that takes the surplus."""

    positional: tuple[str, ...]
    surplus: str | None


UNKNOWN: Final = Parameters((), None)
_LIMIT = 2048
# Before 3.12 a profiler writes the copy back to the frame; from 3.13 there is none.
_COPIED_LOCALS = (3, 12) <= sys.version_info < (3, 13)
_cache: dict[object, Parameters] = {}


def bind(
    function: object, positional: Sequence[object], keywords: Mapping[str, object]
) -> dict[str, object]:
    """Map parameter names to arguments, in the order of the call.

    Surplus positional arguments are together under `*name`; arguments whose parameter is not
    known are under their position, "0", "1" and so on.
    """
    if not positional:
        return dict(keywords)
    names, surplus = parameters(function)
    bound: dict[str, object] = dict(zip(names, positional, strict=False))
    rest = positional[len(names) :]
    if rest:
        if surplus is not None:
            bound["*" + surplus] = tuple(rest)
        else:
            bound.update((str(i), v) for i, v in enumerate(rest, len(names)))
    bound.update(keywords)
    return bound


def parameters(function: object) -> Parameters:
    """Return the parameter names of a callable as its caller sees them (no `self`)."""
    cls = type(function)
    if cls is FunctionType:
        return _of_function(cast("FunctionType", function))
    if cls is MethodType:
        inner = cast("MethodType", function).__func__
        return _without_first(parameters(inner))
    if cls is BuiltinFunctionType:
        builtin = cast("BuiltinFunctionType", function)
        owner = builtin.__self__
        # Bound methods of C types are made anew by each access; their class and name are not.
        return _of_c(function, (type(owner), builtin.__qualname__, builtin.__module__))
    if issubclass(cls, type):
        return _of_class(cast("type", function))
    if cls is partial:
        return UNKNOWN
    if cls is MethodWrapperType:
        wrapper = cast("MethodWrapperType", function)
        return _of_c(function, (type(wrapper.__self__), wrapper.__name__))
    if cls in (MethodDescriptorType, WrapperDescriptorType):
        return _of_c(function, function)
    wrapped = instance_attribute(function, "__wrapped__")
    if type(wrapped) is FunctionType:
        return _of_function(wrapped)
    call = class_attribute(cls, "__call__")
    if type(call) is FunctionType:
        return _without_first(_of_function(call))
    return UNKNOWN


def of_code(code: CodeType) -> tuple[Parameters, tuple[str, ...], str | None]:
    """Return positional parameters, keyword-only names and the name that takes keywords."""
    count, only = code.co_argcount, code.co_kwonlyargcount
    names = code.co_varnames
    at = count + only
    surplus = names[at] if code.co_flags & CO_VARARGS else None
    at += surplus is not None
    extra = names[at] if code.co_flags & CO_VARKEYWORDS else None
    return Parameters(names[:count], surplus), names[count : count + only], extra


def of_frame(frame: FrameType) -> dict[str, object]:
    """Return the arguments of a frame that has just begun, without `self` of methods."""
    code = frame.f_code
    found, only, extra = of_code(code)
    names = [*found.positional, *only]
    if not names and found.surplus is None and extra is None:
        return {}
    local = frame.f_locals
    bound = {name: local[name] for name in names if name in local}
    if found.surplus is not None and local.get(found.surplus):
        bound["*" + found.surplus] = local[found.surplus]
    if extra is not None:
        bound.update(local.get(extra, {}))
    if "." in code.co_qualname and names and names[0] in ("self", "cls"):
        bound.pop(names[0], None)
    if _COPIED_LOCALS:
        # A copy that would keep the arguments alive with the frame.
        cast("dict[str, object]", local).clear()
    return bound


def _of_function(function: FunctionType) -> Parameters:
    for _ in range(8):
        found, _, extra = of_code(function.__code__)
        wrapped = function.__dict__.get("__wrapped__")
        # A decorator's `wrapper(*args, **kwargs)` says nothing; what it wraps does.
        if found.positional or extra is None or type(wrapped) is not FunctionType:
            return found
        function = wrapped
    return found


def _of_class(cls: type) -> Parameters:
    if is_static(cls):
        return _of_c(cls, cls)
    if class_attribute(type(cls), "__call__") is not type.__dict__["__call__"]:
        return UNKNOWN
    for name in ("__init__", "__new__"):
        maker = class_attribute(cls, name)
        if type(maker) is staticmethod:
            maker = maker.__func__
        if type(maker) is FunctionType:
            return _without_first(_of_function(maker))
    return UNKNOWN


def _of_c(function: object, key: object) -> Parameters:
    found = _cache.get(key)
    if found is None:
        try:
            # Where a C function's text signature is no Python, the parser looks for its file.
            with unheard():
                signature = inspect.signature(function)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            found = UNKNOWN
        else:
            found = _of_signature(signature)
        if len(_cache) >= _LIMIT:
            _cache.clear()
        _cache[key] = found
    return found


def _of_signature(signature: inspect.Signature) -> Parameters:
    positional: list[str] = []
    surplus = None
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            positional.append(name)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            surplus = name
    return Parameters(tuple(positional), surplus)


def _without_first(found: Parameters) -> Parameters:
    return Parameters(found.positional[1:], found.surplus)
