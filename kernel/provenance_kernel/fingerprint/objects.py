"""Taking apart instances of all other classes: by their attributes, asking the class nothing.

Attributes are read through the slots that Python itself made; properties, `__getattr__`,
`__getstate__` and `__reduce__` of classes written in Python are never run. Only types implemented
in C by libraries known to reduce without side effects are asked to, and once.
"""

from __future__ import annotations

import functools
import types
from typing import Any

from provenance_kernel.fingerprint import budget as cost
from provenance_kernel.fingerprint import encoding
from provenance_kernel.fingerprint.builtin import text_size
from provenance_kernel.fingerprint.registry import (
    Handler,
    Parts,
    flags_of,
    genuine,
    mro_of,
    namespace_of,
    qualified_name,
    set_fallback,
    top_level,
)
from provenance_kernel.fingerprint.walk import Unreadable, Walk
from provenance_kernel.identity import identity

_HEAP, _IMMUTABLE = 1 << 9, 1 << 8
_base_of = type.__dict__["__base__"].__get__
_size_of = type.__dict__["__basicsize__"].__get__

_REDUCING = frozenset(
    {
        "numpy", "pandas", "scipy", "sklearn", "lightgbm", "xgboost", "catboost", "statsmodels",
        "hdbscan", "implicit", "spacy", "thinc", "tokenizers", "shapely", "Bio",
    }
)  # fmt: skip
_REDUCERS = ("__reduce_ex__", "__reduce__", "__getstate__")


def attribute_names(kind: type) -> tuple[bool, tuple[str, ...], frozenset[str]]:
    """Return whether instances have a plain `__dict__`, their slots, and what is only cached."""
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
            elif descriptor is types.MemberDescriptorType and flags_of(base) & _HEAP:
                slots.append(name)
            elif descriptor is functools.cached_property:
                caches.add(name)
    return has_dict, tuple(sorted(slots)), frozenset(caches)


def attributes(walk: Walk, value: object) -> Parts:
    """Return the payload of an instance's attributes, `__dict__` and slots together."""
    return (yield from _state(walk, value, attribute_names(type(value))))


def _state(walk: Walk, value: object, names: tuple[bool, tuple[str, ...], frozenset[str]]) -> Parts:
    has_dict, slots, caches = names
    get = object.__getattribute__
    own: dict[Any, Any] = get(value, "__dict__") if has_dict else {}
    if not walk.spend((len(own) + len(slots)) * cost.ITEM):
        walk.partial = True
        return b"?" + encoding.size(len(own))
    state = dict(own)
    for cache in caches:
        state.pop(cache, None)
    for slot in slots:
        try:
            state[slot] = get(value, slot)
        except AttributeError:
            continue
    module = namespace_of(type(value)).get("__module__")
    if type(module) is str and module == "__main__":
        walk.touches(identity(type(value)))
    if not walk.spend(text_size(state.values())):
        walk.partial = True
        return b"?" + encoding.size(len(state))
    pairs = []
    for name, part in state.items():
        encoder = encoding.SCALARS.get(identity(type(part)))
        token = encoder(part) if encoder is not None else None
        if token is None:
            token = yield part
        pairs.append((_name_token(name) if type(name) is str else (yield name)) + token)
    pairs.sort()
    return b"".join(pairs)


@functools.lru_cache(maxsize=4096)
def _name_token(name: str) -> bytes:
    return encoding.blob(b"s", name.encode("utf-8", "replace"))


def _fallback(kind: type) -> tuple[Handler | None, bool, bool]:
    """Return the handler for instances of a class, whether they can change, and are reduced."""
    hidden = _hidden(kind)
    if hidden is not None:
        if _reduces(kind, hidden):
            return _reduced, True, True
        return None, True, False
    if kind is object:
        return _plain, False, False
    names = attribute_names(kind)

    def handler(walk: Walk, value: object) -> Parts:
        return (yield from _state(walk, value, names))

    return handler, True, False


def _plain(walk: Walk, value: object) -> Parts:
    return b""
    yield


def _hidden(kind: type) -> type | None:
    """Return the base class, written in C, that keeps state where Python cannot see it."""
    for base in mro_of(kind):
        if base is object:
            continue
        flags = flags_of(base)
        if not flags & _HEAP or flags & _IMMUTABLE:
            # Abstract or empty ones, such as those of typing, keep nothing.
            if _size_of(base) > _size_of(object):
                return base
            continue
        own = namespace_of(base)
        slots = sum(type(member) is types.MemberDescriptorType for member in own.values())
        parent = _base_of(base)
        if parent is not None and _size_of(base) - _size_of(parent) > 8 * slots + 16:
            return base
    return None


def _reduces(kind: type, hidden: type) -> bool:
    """Whether instances may be asked to reduce: nothing of the user's would run."""
    if top_level(hidden) not in _REDUCING or not genuine(hidden):
        return False
    for base in mro_of(kind):
        if base is object or (top_level(base) in _REDUCING and genuine(base)):
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
    parts = [encoding.name(_callable_name(maker)), (yield arguments)]
    for part in rest[:1]:
        parts.append((yield part))
    for iterator in rest[1:3]:
        if iterator is not None:
            parts.append((yield tuple(iterator)))
    return b"".join(parts)


def _callable_name(function: Any) -> str:
    if type(function) is types.FunctionType:
        return function.__qualname__
    if type.__instancecheck__(type, function):
        return qualified_name(function)
    return str(getattr(function, "__name__", ""))


set_fallback(_fallback, attributes)
