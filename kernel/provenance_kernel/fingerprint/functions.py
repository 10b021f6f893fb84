"""Taking apart functions, classes and modules: by source where they are the user's, else by name.

What comes from the standard library or from a package that states its version is known by its
qualified name and that version. The user's functions are known by their source, dedented; where it
cannot be had, by constants, names and the operations that do not change between Python versions.
"""

from __future__ import annotations

import functools
import sys
import types
from typing import Any

from provenance_kernel.fingerprint import encoding
from provenance_kernel.fingerprint.code import code_token
from provenance_kernel.fingerprint.registry import (
    Parts,
    flags_of,
    handles,
    module_state,
    mro_of,
    namespace_of,
    qualified_name,
)
from provenance_kernel.fingerprint.walk import Walk

_HEAP = 1 << 9


@handles(types.ModuleType, mutable=False)
def _module(walk: Walk, value: types.ModuleType) -> Parts:
    name = dict.get(module_state(value), "__name__")
    text = name if type(name) is str else ""
    return encoding.name(text) + encoding.name(_version(text) or "")
    yield


def _version(module: str) -> str | None:
    """Return the version that a module's package states; the standard library is without."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return None
    found = sys.modules.get(top)
    if found is None:
        return None
    version = dict.get(module_state(found), "__version__")
    return version if type(version) is str else None


def is_imported(value: object, module: object, qualname: object) -> bool:
    """Whether a function or class is what its module has under its name, a library's own."""
    if type(module) is not str or type(qualname) is not str or module == "__main__":
        return False
    if module.partition(".")[0] not in sys.stdlib_module_names and _version(module) is None:
        return False
    holder = sys.modules.get(module)
    if holder is None:
        return False
    scope: Any = module_state(holder)
    for part in qualname.split("."):
        found = scope.get(part)
        if found is None:
            return False
        if found is value:
            return True
        if type(found) in (classmethod, staticmethod):
            return found.__func__ is value
        if not flags_of(type(found)) & 1 << 31:  # not a class
            return False
        scope = namespace_of(found)
    return False


@handles(types.FunctionType)
def _function(walk: Walk, value: types.FunctionType) -> Parts:
    get = types.FunctionType.__dict__
    module = get["__module__"].__get__(value) if "__module__" in get else value.__module__
    qualname = value.__qualname__
    if is_imported(value, module, qualname):
        return encoding.name(f"{module}.{qualname}") + encoding.name(_version(module) or "")
    parts = [code_token(value.__code__)]
    parts.append((yield value.__defaults__))
    parts.append((yield value.__kwdefaults__))
    cells = value.__closure__ or ()
    for cell in cells:
        parts.append((yield cell))
    attributes = dict(value.__dict__)
    # What a decorator has wrapped is in its closure, and the copied rest is in the source.
    if attributes:
        parts.append((yield attributes))
    return b"".join(parts)


@handles(types.CellType)
def _cell(walk: Walk, value: types.CellType) -> Parts:
    try:
        content = value.cell_contents
    except ValueError:
        return b"empty"
    return (yield content)


@handles(types.MethodType)
def _method(walk: Walk, value: types.MethodType) -> Parts:
    return (yield value.__func__) + (yield value.__self__)


@handles(types.BuiltinFunctionType, mutable=False)
def _builtin_function(walk: Walk, value: types.BuiltinFunctionType) -> Parts:
    owner = value.__self__
    if owner is None or type(owner) is types.ModuleType:
        module = value.__module__
        return encoding.name(f"{module if type(module) is str else ''}.{value.__qualname__}")
    return encoding.name(value.__name__) + (yield owner)


@handles(
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    mutable=False,
)
def _descriptor(walk: Walk, value: Any) -> Parts:
    return encoding.name(f"{qualified_name(value.__objclass__)}.{value.__name__}")
    yield


@handles(types.MethodWrapperType, mutable=False)
def _method_wrapper(walk: Walk, value: types.MethodWrapperType) -> Parts:
    return encoding.name(value.__name__) + (yield value.__self__)


@handles(staticmethod, classmethod)
def _wrapped(walk: Walk, value: Any) -> Parts:
    return (yield type(value).__dict__["__func__"].__get__(value))


@handles(property)
def _property(walk: Walk, value: property) -> Parts:
    get = property.__dict__
    getter = yield get["fget"].__get__(value)
    setter = yield get["fset"].__get__(value)
    return getter + setter + (yield get["fdel"].__get__(value))


@handles(functools._lru_cache_wrapper)
def _cached_function(walk: Walk, value: Any) -> Parts:
    # What it has cached is not content, and neither is how often it was asked.
    state = object.__getattribute__(value, "__dict__")
    return (yield dict.get(state, "__wrapped__"))


@handles("numpy.ufunc", mutable=False)
def _ufunc(walk: Walk, value: Any) -> Parts:
    return encoding.name(value.__name__)
    yield


@handles(types.CodeType, mutable=False)
def _code(walk: Walk, value: types.CodeType) -> Parts:
    return code_token(value)
    yield


_SKIPPED = frozenset(
    [
        "__dict__",
        "__weakref__",
        "__module__",
        "__qualname__",
        "__firstlineno__",
        "__static_attributes__",
        "_abc_impl",
        "__annotations__",
        "__annotate__",
        "__annotate_func__",
        "__annotations_cache__",
        "__conditional_annotations__",
        "__match_args__",
        "__orig_bases__",
        "__parameters__",
        "__slots__",
        "__dataclass_params__",
        "__abstractmethods__",
        "__classdictcell__",
        "__type_params__",
        "__static_attributes__",
        "_member_map_",
        "_value2member_map_",
        "_unhashable_values_",
        "_unhashable_values_map_",
        "_hashable_values_",
        "_new_member_",
        "_use_args_",
        "_member_type_",
        "_value_repr_",
        "__hash__",
        "_sort_order_",
        "_boundary_",
        "_flag_mask_",
        "_all_bits_",
        "_singles_mask_",
        "_inverted_",
        "__slotnames__",  # left by copying and pickling
    ]
)


@handles(type)
def _class(walk: Walk, value: type) -> Parts:
    own = namespace_of(value)
    full = qualified_name(value)
    module = own.get("__module__")
    imported = not flags_of(value) & _HEAP or is_imported(
        value, module, type.__dict__["__qualname__"].__get__(value)
    )
    if imported:
        version = _version(module) if type(module) is str else None
        return encoding.name(full) + encoding.name(version or "")
    parts = [encoding.name(full)]
    for base in mro_of(value)[1:]:
        if base is not object:
            parts.append((yield base))
    parts.append(encoding.name(" ".join(_slots(own))))
    fields = own.get("__dataclass_fields__")
    generated = type(fields) is dict
    if generated:
        parts.append((yield _field_names(fields)))
    for key in sorted(key for key in own if type(key) is str and key not in _SKIPPED):
        member = own[key]
        kind = type(member)
        if key == "__dataclass_fields__" or kind is types.MemberDescriptorType:
            continue
        if key == "__doc__" and member is None:
            continue
        if kind is types.FunctionType and _made(member, module, generated):
            continue
        if kind is types.BuiltinFunctionType or kind is types.GetSetDescriptorType:
            continue
        parts.append(encoding.name(key) + (yield member))
    return b"".join(parts)


def _slots(own: types.MappingProxyType[str, Any]) -> list[str]:
    return sorted(
        name for name, member in own.items() if type(member) is types.MemberDescriptorType
    )


def _field_names(fields: Any) -> tuple[Any, ...]:
    found = []
    for name, field in fields.items():
        get = functools.partial(object.__getattribute__, field)
        annotation = get("type")
        if flags_of(type(annotation)) & 1 << 31:  # a class, known by its name
            annotation = qualified_name(annotation)
        found.append((name, annotation, get("init"), get("repr"), get("default_factory")))
    return tuple(found)


def _made(function: types.FunctionType, module: object, generated: bool) -> bool:
    """Whether a decorator or metaclass has made it, whose text differs between Python versions."""
    if generated and function.__code__.co_filename.startswith("<string>"):
        return True
    library = function.__globals__.get("__name__")
    return (
        type(library) is str
        and library != module
        and library != "__main__"
        and library.partition(".")[0] in sys.stdlib_module_names
    )
