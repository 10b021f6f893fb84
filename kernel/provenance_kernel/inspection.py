"""Looking at the user's objects without running any of their code.

A metaclass can override what a class says about itself, and a class what its instances say. Neither
can override the descriptors of `type` or the interpreter's own function for an instance's
`__dict__`, so those are used. Nothing here raises because of what an object does.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    BuiltinMethodType,
    ClassMethodDescriptorType,
    CodeType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, cast

from provenance_kernel.identity import identity

mro_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
namespace_of: Callable[[type], MappingProxyType[str, Any]] = type.__dict__["__dict__"].__get__
flags_of: Callable[[type], int] = type.__dict__["__flags__"].__get__
qualname_of: Callable[[type], str] = type.__dict__["__qualname__"].__get__
basicsize_of: Callable[[type], int] = type.__dict__["__basicsize__"].__get__
dictoffset_of: Callable[[type], int] = type.__dict__["__dictoffset__"].__get__
_static_module_of = type.__dict__["__module__"].__get__
_function_globals = FunctionType.__dict__["__globals__"].__get__
_partial_function = functools.partial.__dict__["func"].__get__

# A `__dict__` descriptor of an extension may forward to another object; this reads the memory of
# the object itself.
_own_dict = ctypes.pythonapi["PyObject_GenericGetDict"]
_own_dict.argtypes = (ctypes.py_object, ctypes.c_void_p)
_own_dict.restype = ctypes.py_object

_HEAP_TYPE = 1 << 9
_TYPE_SUBCLASS = 1 << 31
_CLASS_OF_OBJECT = object.__dict__["__class__"]

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
_DESCRIPTORS = frozenset(
    map(identity, (MethodDescriptorType, WrapperDescriptorType, ClassMethodDescriptorType))
)


def is_class(value: object) -> bool:
    """Tell whether a value is a class, whatever its metaclass says."""
    return bool(flags_of(type(value)) & _TYPE_SUBCLASS)


def is_static(kind: type) -> bool:
    """Tell whether a class is written in C and fixed: none of its attributes can be the user's."""
    return not flags_of(kind) & _HEAP_TYPE


def derives(kind: type, base: type) -> bool:
    """Tell whether a class is another or derives from it, whatever its metaclass says."""
    return any(found is base for found in mro_of(kind))


def class_module(kind: type) -> str | None:
    """Return the name of the module that a class says it is from."""
    found = _static_module_of(kind) if is_static(kind) else namespace_of(kind).get("__module__")
    return found if type(found) is str else None


def qualified_name(kind: type) -> str:
    """Return `module.QualifiedName` of a class, without the module for builtins."""
    module = class_module(kind)
    return qualname_of(kind) if module == "builtins" else _joined(module, qualname_of(kind))


def top_level(kind: type) -> str:
    """Return the name of the package that a class says it is from."""
    return (class_module(kind) or "builtins").partition(".")[0]


def is_found(value: object, module: object, qualname: str) -> bool:
    """Tell whether a module has a class or function under the name that this one claims."""
    holder = sys.modules.get(module) if type(module) is str else None
    scope: Any = None if holder is None else static_dict(holder)
    for part in qualname.split(".") if scope is not None else ():
        found = scope.get(part)
        if found is value:
            return True
        if type(found) is classmethod or type(found) is staticmethod:
            return found.__func__ is value
        if not is_class(found):
            return False
        scope = namespace_of(found)
    return False


def is_genuine(kind: type) -> bool:
    """Tell whether a class is found where it says that it is, as it can claim any name."""
    # No cell can change a class that is made in C.
    return is_static(kind) or is_found(kind, class_module(kind), qualname_of(kind))


def class_attribute(kind: type, name: str) -> Any:
    """Return what a class or its bases hold under a name, as stored; None if nothing."""
    for base in mro_of(kind):
        held = namespace_of(base)
        if name in held:
            return held[name]
    return None


def static_dict(value: object) -> dict[str, Any] | None:
    """Return an object's own `__dict__`; None for classes and where `__dict__` is a property."""
    kind = type(value)
    slot = type(class_attribute(kind, "__dict__"))
    if (slot is not GetSetDescriptorType and slot is not MemberDescriptorType) or is_class(value):
        return None
    try:
        # Wrapped, as ctypes would ask a bare object for its class.
        members = _own_dict(ctypes.py_object(value), None)
    except AttributeError:
        return None
    return members if type(members) is dict else None


def instance_attribute(value: object, name: str) -> Any:
    """Return an attribute that is stored on an object or read by a C descriptor; else None.

    The descriptors of a proxy would ask the object that it stands for: they are answered by the
    function that the proxy holds, if it holds one.
    """
    kind = type(value)
    found = class_attribute(kind, name)
    if type(found) is MemberDescriptorType or type(found) is GetSetDescriptorType:
        if not _is_proxy(kind):
            return _read(found, value)
        behind = _function_behind(value)
        if behind is None or name == "__wrapped__":
            return behind
        return instance_attribute(behind, name)
    own = static_dict(value)
    return own[name] if own is not None and name in own else found


def _is_proxy(kind: type) -> bool:
    """Tell whether instances of a class may claim another, as proxies do."""
    return class_attribute(kind, "__class__") is not _CLASS_OF_OBJECT


def _function_behind(proxy: object) -> FunctionType | BuiltinFunctionType | None:
    for held in gc.get_referents(proxy):
        function = held.__func__ if type(held) is MethodType else held
        if type(function) is FunctionType or type(function) is BuiltinFunctionType:
            return function
    return None


def _read(descriptor: Any, value: object) -> object:
    try:
        return descriptor.__get__(value, type(value))
    except Exception:
        # A member that is not set; C descriptors raise AttributeError or TypeError.
        return None


def qualified(function: object) -> str:
    """Return the qualified name of a callable, such as `builtins.len` or `__main__.f`."""
    kind = type(function)
    if kind is FunctionType:
        return _joined(function.__module__, function.__qualname__)  # type: ignore[attr-defined]
    if kind is MethodType:
        return qualified(cast("MethodType", function).__func__)
    if kind is BuiltinFunctionType:
        return _builtin(cast("BuiltinFunctionType", function))
    if is_class(function):
        return _class_name(cast("type", function))
    if kind is MethodWrapperType:
        wrapper = cast("MethodWrapperType", function)
        return f"{_owner(type(wrapper.__self__), wrapper.__name__)}.{wrapper.__name__}"
    if identity(kind) in _DESCRIPTORS:
        descriptor = cast("MethodDescriptorType", function)
        return f"{_class_name(descriptor.__objclass__)}.{descriptor.__name__}"
    if kind is functools.partial:
        return qualified(_partial_function(function))
    name = instance_attribute(function, "__qualname__") or instance_attribute(function, "__name__")
    if type(name) is str:
        module = instance_attribute(function, "__module__")
        return _joined(module if type(module) is str else class_module(kind), name)
    return f"{_class_name(kind)}.__call__"


def _builtin(function: BuiltinFunctionType) -> str:
    owner = function.__self__
    if owner is None or type(owner) is ModuleType:
        return _joined(function.__module__ or None, function.__name__)
    kind = cast("type", owner) if is_class(owner) else type(owner)
    return f"{_owner(kind, function.__name__)}.{function.__name__}"


def _owner(kind: type, name: str) -> str:
    """Return the name of the class that defines a method."""
    return _class_name(next((base for base in mro_of(kind) if name in namespace_of(base)), kind))


def _class_name(kind: type) -> str:
    return _joined(class_module(kind) or "?", qualname_of(kind))


def _joined(module: object, name: str) -> str:
    return f"{module}.{name}" if type(module) is str else name


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
    elif is_class(item):
        yield kind
        if _is_users(item, namespace):
            for base in mro_of(item):
                if _is_users(base, namespace):
                    yield from list(namespace_of(base).copy().values())
    elif _is_users(kind, namespace):
        yield kind
    else:
        yield instance_attribute(item, "__wrapped__")


def _is_users(kind: type, namespace: Mapping[str, Any]) -> bool:
    module = class_module(kind)
    return module is not None and module == namespace.get("__name__")


def _suspended(item: Any, namespace: Mapping[str, Any]) -> Iterator[CodeType]:
    prefix = _SUSPENDED[identity(type(item))]
    frame = getattr(item, f"{prefix}_frame")
    # Once it has ended there is no frame to tell whose it was.
    if frame is None or frame.f_globals is namespace:
        yield getattr(item, f"{prefix}_code")


def callback_in(value: object, attribute: str | None) -> object:
    """Return the function that a value, or its attribute, is; None where it is something else."""
    if attribute is not None:
        kind = value if is_class(value) else type(value)
        value = class_attribute(cast("type", kind), attribute)
    kind = type(value)
    callables = (FunctionType, MethodType, functools.partial, staticmethod, classmethod)
    return value if any(kind is known for known in callables) else None


def code_of(function: object) -> CodeType:
    """Return a function's code."""
    code: CodeType = FunctionType.__dict__["__code__"].__get__(function)
    return code
