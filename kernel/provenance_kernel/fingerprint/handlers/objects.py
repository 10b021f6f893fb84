"""Taking apart instances of classes about which nothing is declared, asking the class nothing.

Attributes are read through the slots that Python itself made; properties, `__getattr__`,
`__getstate__` and `__reduce__` of classes written in Python are never run. Only types implemented
in C by libraries known to reduce without side effects are asked to, and once.
"""

from __future__ import annotations

import functools
import re
import sys
import types
from dataclasses import dataclass
from typing import Any

from provenance_kernel.fingerprint import budget as cost
from provenance_kernel.fingerprint import encoding
from provenance_kernel.fingerprint.handlers.functions import version_of
from provenance_kernel.fingerprint.registry import Handler
from provenance_kernel.fingerprint.walk import (
    Parts,
    Unreadable,
    Walk,
    joined,
    text_size,
    tokens_of,
)
from provenance_kernel.identity import identity
from provenance_kernel.inspection import (
    basicsize_of,
    class_module,
    flags_of,
    is_class,
    is_found,
    is_genuine,
    is_static,
    mro_of,
    namespace_of,
    qualified_name,
    top_level,
)

_IMMUTABLE = 1 << 8
_base_of = type.__dict__["__base__"].__get__

_REDUCING = frozenset(
    {
        "numpy", "pandas", "scipy", "sklearn", "lightgbm", "xgboost", "catboost", "statsmodels",
        "hdbscan", "implicit", "spacy", "thinc", "tokenizers", "shapely", "Bio",
    }
)  # fmt: skip
_ADDRESSES = 1 << 20  # smaller numbers are no addresses of objects
_FEW = 8
# Attributes of libraries' objects that keep an answer, scratch memory or a name made by chance.
_KEPT = re.compile(r"_\w*(?:cache|memo(?:ized)?(?:_|$))|\w+__cache__$|_tmp_|_?(?:uuid|uid|guid)$")
# Of objects whose names do not say so, and which no getter of Python fills.
_ANSWERS = {
    "matplotlib.colors.Colormap": "_isinit _lut",
    "scipy.spatial._qhull.Delaunay": "_transform _vertex_to_simplex",
}
_REDUCERS = ("__reduce_ex__", "__reduce__", "__getstate__")


@dataclass(frozen=True, slots=True)
class _Attributes:
    """Where the instances of a class keep their attributes."""

    has_dict: bool
    slots: tuple[str, ...]
    hashes: tuple[str, ...]  # slots that keep a hash for later
    caches: frozenset[str]  # names of what is computed again
    users: bool  # the class is made in a cell, and so can be changed by one
    library: bool  # it is kept by a library, as are the answers in its private attributes


def _attributes_of(kind: type) -> _Attributes:
    seen: set[str] = set()
    slots = []
    caches = set()
    has_dict = False
    for base in mro_of(kind):
        for name, member in namespace_of(base).items():
            if name in seen or type(name) is not str:
                continue
            seen.add(name)
            descriptor = type(member)
            if name == "__dict__":
                has_dict = descriptor is types.GetSetDescriptorType
            elif descriptor is types.MemberDescriptorType and not is_static(base):
                slots.append(name)
            elif descriptor is functools.cached_property:
                caches.add(name)
            elif is_found(descriptor, "pandas._libs.properties", "CachedProperty"):
                caches.add("_cache")
    module = class_module(kind) or ""
    for base in mro_of(kind):
        caches.update(_ANSWERS.get(qualified_name(base), "").split())
    names = tuple(sorted(slots))
    return _Attributes(
        has_dict,
        names,
        tuple(filter(_is_hash, names)),
        frozenset(caches),
        users=module == "__main__",
        library=_is_library(module) and "cache" not in qualified_name(kind).lower(),
    )


def _is_library(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names or version_of(module) is not None


def attributes(walk: Walk, value: object) -> Parts:
    """Return the payload of an instance's attributes, `__dict__` and slots together."""
    return _state(walk, value, _attributes_of(type(value)))


def _state(walk: Walk, value: object, names: _Attributes) -> Parts:
    get = object.__getattribute__
    own: dict[Any, Any] = get(value, "__dict__") if names.has_dict else {}
    if not walk.spend((len(own) + len(names.slots)) * cost.ITEM):
        return b"?" + encoding.size(len(own))
    state = dict(own)
    for cache in names.caches:
        state.pop(cache, None)
    for slot in names.slots:
        try:
            state[slot] = get(value, slot)
        except AttributeError:
            continue
    numbers = [
        name
        for name, found in state.items()
        if type(found) is int and not -_ADDRESSES < found < _ADDRESSES
    ]
    for name in numbers:
        if _is_derived(state, name):
            del state[name]
    for slot in names.hashes:
        state.pop(slot, None)
    for measured in encoding.TIMES.intersection(state):
        del state[measured]
        walk.partial = True
    if names.library:
        state = {name: found for name, found in state.items() if not _is_kept(name, found)}
    if names.users:
        walk.touches(identity(type(value)))
    if not walk.spend(text_size(state.values())):
        return b"?" + encoding.size(len(state))
    parts = yield from tokens_of(state.values())
    pairs = []
    for name, part in zip(state, parts, strict=True):
        pairs.append((_name_token(name) if type(name) is str else (yield name)) + part)
    if parts and len(parts) <= _FEW and walk.unread.issuperset(parts):
        raise Unreadable  # a thin wrapper of something opaque
    pairs.sort()
    return b"".join(pairs)


def _is_derived(state: dict[Any, Any], name: Any) -> bool:
    """Whether a number is an address of something in the state, or a hash kept for later."""
    if type(name) is str and _is_hash(name):
        return True
    number = state[name]
    return number == id(None) or any(
        number == id(each) or (type(each) is str and number == hash(each))
        for each in state.values()
    )


def _is_kept(name: Any, found: object) -> bool:
    """Whether a library's attribute is no content: an answer, or what is made when asked for."""
    if type(name) is not str:
        return False
    private = name.startswith("_")
    return (private and (found is None or (type(found) is dict and not found))) or bool(
        _KEPT.match(name)
    )


def _is_hash(name: str) -> bool:
    return name.startswith("_") and "hash" in name


@functools.lru_cache(maxsize=4096)
def _name_token(name: str) -> bytes:
    return encoding.blob(b"s", name.encode("utf-8", "replace"))


def undeclared(kind: type) -> tuple[Handler | None, bool, bool]:
    """Return the handler for instances of a class, whether they can change, and are reduced."""
    hidden = _hidden(kind)
    if hidden is not None:
        if _reduces(kind, hidden):
            return _reduced, True, True
        return None, True, False
    names = _attributes_of(kind)
    return lambda walk, value: _state(walk, value, names), kind is not object, False


def _hidden(kind: type) -> type | None:
    """Return the base class, written in C, that keeps state where Python cannot see it."""
    for base in mro_of(kind):
        if base is object:
            continue
        if is_static(base) or flags_of(base) & _IMMUTABLE:
            # Abstract or empty ones, such as those of typing, keep nothing.
            if basicsize_of(base) > basicsize_of(object):
                return base
            continue
        own = namespace_of(base)
        slots = sum(type(member) is types.MemberDescriptorType for member in own.values())
        parent = _base_of(base)
        if parent is not None and basicsize_of(base) - basicsize_of(parent) > 8 * slots + 16:
            return base
    return None


def _reduces(kind: type, hidden: type) -> bool:
    """Whether instances may be asked to reduce: nothing of the user's would run."""
    if top_level(hidden) not in _REDUCING or not is_genuine(hidden):
        return False
    for base in mro_of(kind):
        if base is object or (top_level(base) in _REDUCING and is_genuine(base)):
            continue
        own = namespace_of(base)
        if any(name in own for name in _REDUCERS):
            return False
    return True


def _reduced(walk: Walk, value: Any) -> Parts:
    reduced = object.__getattribute__(value, "__reduce_ex__")(2)
    if type(reduced) is str:
        return encoding.name(reduced)
    if type(reduced) is not tuple or len(reduced) < 2:
        raise Unreadable
    maker, arguments, *rest = reduced
    if rest and _is_counting_tree(type(value)):
        rest[0] = rest[0][:7] + rest[0][11:]
    items = [tuple(iterator) for iterator in rest[1:3] if iterator is not None]
    return encoding.name(_callable_name(maker)) + (yield from joined(arguments, *rest[:1], *items))


def _is_counting_tree(kind: type) -> bool:
    """Whether a value is a tree of scikit-learn's, whose state has four counters of its queries."""
    return any(
        qualified_name(base).startswith(("sklearn.neighbors._kd_tree.BinaryTree",
                                         "sklearn.neighbors._ball_tree.BinaryTree"))
        for base in mro_of(kind)
    )  # fmt: skip


def _callable_name(function: Any) -> str:
    if type(function) is types.FunctionType:
        return function.__qualname__
    if is_class(function):
        return qualified_name(function)
    return str(getattr(function, "__name__", ""))
