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
from provenance_kernel.fingerprint.handlers.code import code_token
from provenance_kernel.fingerprint.registry import consists_of, handles
from provenance_kernel.fingerprint.walk import Parts, Walk, joined
from provenance_kernel.inspection import (
    is_class,
    is_found,
    is_static,
    mro_of,
    namespace_of,
    qualified_name,
    qualname_of,
    static_dict,
)

consists_of(types.MethodType, names="__func__ __self__")
consists_of(staticmethod, classmethod, names="__func__")
consists_of(property, names="fget fset fdel")
# What it has cached is not content, and neither is how often it was asked.
consists_of(functools._lru_cache_wrapper, names="__wrapped__")


@handles(types.ModuleType, mutable=False)
def _module(walk: Walk, value: types.ModuleType) -> Parts:
    name = (static_dict(value) or {}).get("__name__")
    text = name if type(name) is str else ""
    return encoding.name(text) + encoding.name(version_of(text) or "")
    yield


def version_of(module: str) -> str | None:
    """Return the version that a module's package states; the standard library is without."""
    top = module.partition(".")[0]
    found = sys.modules.get(top)
    if top in sys.stdlib_module_names or found is None:
        return None
    version = (static_dict(found) or {}).get("__version__")
    return version if type(version) is str else None


def _library_version(value: object, module: object, qualname: str) -> str | None:
    """Return the version of the library that has a function or class under its name, or ""."""
    if type(module) is not str or module == "__main__":
        return None
    version = version_of(module)
    if version is None and module.partition(".")[0] not in sys.stdlib_module_names:
        return None
    return (version or "") if is_found(value, module, qualname) else None


@handles(types.FunctionType)
def _function(walk: Walk, value: types.FunctionType) -> Parts:
    get = types.FunctionType.__dict__
    module = get["__module__"].__get__(value) if "__module__" in get else value.__module__
    version = _library_version(value, module, value.__qualname__)
    if version is not None:
        return encoding.name(f"{module}.{value.__qualname__}") + encoding.name(version)
    # What a decorator has wrapped is in its closure, and the copied rest is in the source.
    attributes = [dict(value.__dict__)] if value.__dict__ else []
    cells = value.__closure__ or ()
    inner = joined(value.__defaults__, value.__kwdefaults__, *cells, *attributes)
    return code_token(value.__code__) + (yield from inner)


@handles(types.CellType)
def _cell(walk: Walk, value: types.CellType) -> Parts:
    try:
        content = value.cell_contents
    except ValueError:
        return b"empty"
    return (yield content)


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


@handles("numpy.ufunc", mutable=False)
def _ufunc(walk: Walk, value: Any) -> Parts:
    return encoding.name(value.__name__)
    yield


@handles(types.CodeType, mutable=False)
def _code(walk: Walk, value: types.CodeType) -> Parts:
    return code_token(value)
    yield


# Names in a class's namespace that Python versions, decorators and copying put there.
_SKIPPED = frozenset(
    {
        "__dict__", "__weakref__", "__module__", "__qualname__", "__firstlineno__",
        "__static_attributes__", "_abc_impl", "__annotations__", "__annotate__",
        "__annotate_func__", "__annotations_cache__", "__conditional_annotations__",
        "__match_args__", "__orig_bases__", "__parameters__", "__slots__", "__dataclass_params__",
        "__abstractmethods__", "__classdictcell__", "__type_params__", "_member_map_",
        "_value2member_map_", "_unhashable_values_", "_unhashable_values_map_", "_hashable_values_",
        "_new_member_", "_use_args_", "_member_type_", "_value_repr_", "__hash__", "_sort_order_",
        "_boundary_", "_flag_mask_", "_all_bits_", "_singles_mask_", "_inverted_", "__slotnames__",
    }
)  # fmt: skip


@handles(type)
def _class(walk: Walk, value: type) -> Parts:
    own = namespace_of(value)
    full, module = qualified_name(value), own.get("__module__")
    if is_static(value):
        version = version_of(module) if type(module) is str else None
        return encoding.name(full) + encoding.name(version or "")
    version = _library_version(value, module, qualname_of(value))
    if version is not None:
        return encoding.name(full) + encoding.name(version)
    bases = [base for base in mro_of(value)[1:] if base is not object]
    parts = [encoding.name(full), (yield from joined(*bases)), encoding.name(_slots(own))]
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


def _slots(own: types.MappingProxyType[str, Any]) -> str:
    slots = (name for name, member in own.items() if type(member) is types.MemberDescriptorType)
    return " ".join(sorted(slots))


def _field_names(fields: Any) -> tuple[Any, ...]:
    found = []
    for name, field in fields.items():
        get = functools.partial(object.__getattribute__, field)
        annotation = get("type")
        if is_class(annotation):  # known by its name
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
