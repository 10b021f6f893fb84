"""Qualified names of callables, found without running any code of the user's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import cast

# A metaclass may define `__getattribute__`; the descriptors of `type` itself bypass it.
_mro = cast("Callable[[type], tuple[type, ...]]", type.__dict__["__mro__"].__get__)
_class_dict = cast("Callable[[type], dict[str, object]]", type.__dict__["__dict__"].__get__)
_class_module = cast("Callable[[type], object]", type.__dict__["__module__"].__get__)
_class_qualname = cast("Callable[[type], str]", type.__dict__["__qualname__"].__get__)
_partial_function = cast("Callable[[object], object]", partial.__dict__["func"].__get__)

_C_DESCRIPTORS = (GetSetDescriptorType, MemberDescriptorType)
_DESCRIPTORS = (MethodDescriptorType, WrapperDescriptorType, ClassMethodDescriptorType)
_HEAP_TYPE = 1 << 9
_type_flags = cast("Callable[[type], int]", type.__dict__["__flags__"].__get__)


def is_static(cls: type) -> bool:
    """Whether a class is written in C and fixed: none of its attributes can be the user's."""
    return not _type_flags(cls) & _HEAP_TYPE


def class_attribute(cls: type, name: str) -> object:
    """Return what a class or its bases hold under a name, as stored; None if nothing."""
    for base in _mro(cls):
        held = _class_dict(base)
        if name in held:
            return held[name]
    return None


def instance_attribute(value: object, name: str) -> object:
    """Return an attribute that is stored on an object or read by a C descriptor; else None."""
    cls = type(value)
    found = class_attribute(cls, name)
    if isinstance(found, _C_DESCRIPTORS):
        return _read(found, value)
    slot = class_attribute(cls, "__dict__")
    if type(slot) is GetSetDescriptorType:
        own = _read(slot, value)
        if type(own) is dict and name in own:
            return own[name]
    return found


def class_name(cls: type) -> str:
    """Return `module.QualifiedName` of a class."""
    module = _class_module(cls)
    return f"{module if type(module) is str else '?'}.{_class_qualname(cls)}"


def qualified(function: object) -> str:
    """Return the qualified name of a callable, such as `builtins.len` or `__main__.f`."""
    cls = type(function)
    if cls is FunctionType:
        return _join(function.__module__, function.__qualname__)  # type: ignore[attr-defined]
    if cls is MethodType:
        return qualified(cast("MethodType", function).__func__)
    if cls is BuiltinFunctionType:
        return _builtin(cast("BuiltinFunctionType", function))
    if issubclass(cls, type):
        return class_name(cast("type", function))
    if cls is MethodWrapperType:
        wrapper = cast("MethodWrapperType", function)
        return f"{_owner(type(wrapper.__self__), wrapper.__name__)}.{wrapper.__name__}"
    if cls in _DESCRIPTORS:
        descriptor = cast("MethodDescriptorType", function)
        return f"{class_name(descriptor.__objclass__)}.{descriptor.__name__}"
    if cls is partial:
        return qualified(_partial_function(function))
    name = instance_attribute(function, "__qualname__") or instance_attribute(function, "__name__")
    if type(name) is str:
        module = instance_attribute(function, "__module__")
        return _join(module if type(module) is str else _class_module(cls), name)
    return f"{class_name(cls)}.__call__"


def _builtin(function: BuiltinFunctionType) -> str:
    owner = function.__self__
    if owner is None or type(owner) is ModuleType:
        module = function.__module__
        return _join(module, function.__name__) if module else function.__name__
    cls = cast("type", owner) if issubclass(type(owner), type) else type(owner)
    return f"{_owner(cls, function.__name__)}.{function.__name__}"


def _owner(cls: type, name: str) -> str:
    """Return the name of the class that defines a method."""
    for base in _mro(cls):
        if name in _class_dict(base):
            return class_name(base)
    return class_name(cls)


def _join(module: object, name: str) -> str:
    return f"{module}.{name}" if type(module) is str else name


def _read(descriptor: object, value: object) -> object:
    try:
        return descriptor.__get__(value, type(value))  # type: ignore[attr-defined]
    except Exception:
        # A member that is not set; C descriptors raise AttributeError or TypeError.
        return None
