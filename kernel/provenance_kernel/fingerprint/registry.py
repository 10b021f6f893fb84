"""Which function takes a value apart: by its type, its bases, or their qualified names.

Names let a library be known before, and without, being imported. A handler is a generator: it
yields the parts of the value, receives the token of each, and returns the payload of its node.
"""

from __future__ import annotations

import sys
import types
import weakref
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provenance_kernel.fingerprint import encoding
from provenance_kernel.identity import identity

if TYPE_CHECKING:
    from provenance_kernel.fingerprint.walk import Reach, Walk

Parts = Generator[object, bytes, bytes]
Handler = Callable[["Walk", Any], Parts]
# The head of a value's payload, its size and its shape, where the rest of the payload is the
# xxh3_128 of the value's own buffer; else None.
Buffer = Callable[[Any, "Reach | None"], tuple[bytes, int, str] | None]

# What a class says of itself may be overridden by its metaclass; `type`'s own descriptors may not.
mro_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
namespace_of: Callable[[type], types.MappingProxyType[str, Any]] = type.__dict__["__dict__"].__get__
_qualname_of: Callable[[type], str] = type.__dict__["__qualname__"].__get__
flags_of: Callable[[type], int] = type.__dict__["__flags__"].__get__
_modules: Any = vars(types.ModuleType)["__dict__"]
_size_of: Callable[[type], int] = type.__dict__["__basicsize__"].__get__
_dict_of: Callable[[type], int] = type.__dict__["__dictoffset__"].__get__


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of one type are examined; without a handler they are opaque."""

    name: str
    tag: bytes
    handler: Handler | None
    mutable: bool = True
    adapted: bool = False  # what the handler yields is made anew each time
    unordered: bool = False  # the order of its parts says nothing
    buffer: Buffer | None = None  # a short way for values that are one buffer


UNNAMED = Kind("object", b"?", None)


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str | None
    handler: Handler | None
    mutable: bool
    adapted: bool
    unordered: bool
    extended: bool  # subclasses have attributes of their own besides
    first: bool  # even where another base with a handler comes earlier
    tag: str | None = None  # the name that counts, where several types are one in content
    trusting: bool = False  # the name alone suffices, wherever the class is kept
    buffer: Buffer | None = None


_by_type: dict[int, tuple[type, _Entry]] = {}
_by_name: dict[str, _Entry] = {}
_known: dict[int, tuple[weakref.ref[type], Kind]] = {}
_fallback: list[Callable[[type], tuple[Handler | None, bool, bool]]] = []
_extension: list[Handler] = []


def qualified_name(kind: type) -> str:
    """Return `module.qualname`, without the module for builtins, running nobody's code."""
    module = namespace_of(kind).get("__module__")
    if not flags_of(kind) & 1 << 9:  # a static type keeps its module in its C name
        module = type.__dict__["__module__"].__get__(kind)
    qualname = _qualname_of(kind)
    if type(module) is not str or module == "builtins":
        return qualname
    return f"{module}.{qualname}"


def module_state(module: types.ModuleType) -> dict[str, Any]:
    """Return a module's names, without asking a module that computes them."""
    state: dict[str, Any] = _modules.__get__(module)
    return state


def genuine(kind: type) -> bool:
    """Whether a class is found where it says that it is: one can claim any name."""
    module = namespace_of(kind).get("__module__")
    if not flags_of(kind) & 1 << 9:
        return True  # made in C, where no cell reaches
    if type(module) is not str or (holder := sys.modules.get(module)) is None:
        return False
    scope: Any = module_state(holder)
    for part in _qualname_of(kind).split("."):
        found = scope.get(part)
        if found is kind:
            return True
        if not flags_of(type(found)) & 1 << 31:  # not a class
            return False
        scope = namespace_of(found)
    return False


def top_level(kind: type) -> str:
    """Return the name of the package that a class says it is from."""
    full = qualified_name(kind)
    return full.partition(".")[0] if "." in full else "builtins"


def handles(
    *targets: type | str,
    name: str | None = None,
    mutable: bool = True,
    adapted: bool = False,
    unordered: bool = False,
    extended: bool = False,
    first: bool = False,
    tag: str | None = None,
    buffer: Buffer | None = None,
) -> Callable[[Handler], Handler]:
    """Declare a handler of ours; `name` is the type's name where versions give it others."""

    def declare(handler: Handler) -> Handler:
        entry = _Entry(
            name, handler, mutable, adapted, unordered, extended, first, tag, buffer=buffer
        )
        for target in targets:
            _enter(target, entry)
        return handler

    return declare


def opaque(*targets: type | str) -> None:
    """Declare types whose values are never touched."""
    for target in targets:
        _enter(target, _Entry(None, None, True, False, False, False, False))


def register(target: type | str, function: Callable[[Any], object]) -> None:
    """Let `function(value)` return what values of a type, and of its subclasses, consist of.

    The type is given itself or as `"package.module.Class"`, its qualified name, which need not be
    imported. What the function returns is fingerprinted in the value's place, under the name of the
    value's type. It must not change the value. If it raises, the value is opaque.
    """

    def handler(walk: Walk, value: Any) -> Parts:
        return (yield function(value))

    _enter(target, _Entry(None, handler, True, True, False, False, True, trusting=True))


def _enter(target: type | str, entry: _Entry) -> None:
    if isinstance(target, str):
        _by_name[target] = entry
    else:
        _by_type[identity(target)] = (target, entry)
    _known.clear()


def set_fallback(
    fallback: Callable[[type], tuple[Handler | None, bool, bool]], extension: Handler
) -> None:
    """Declare what takes apart the instances of all other classes, and attributes of subclasses."""
    _fallback[:] = [fallback]
    _extension[:] = [extension]


def kind_of(kind: type) -> Kind:
    """Return how values of a type are examined."""
    known = _known.get(identity(kind))
    if known is not None and known[0]() is kind:
        return known[1]
    found = _resolve(kind)
    if len(_known) > 10_000:
        _known.clear()
    _known[identity(kind)] = (weakref.ref(kind), found)
    return found


def _resolve(kind: type) -> Kind:
    own = qualified_name(kind)
    found: tuple[type, str, _Entry] | None = None
    for base in mro_of(kind):
        if base is object:
            break
        base_name = own if base is kind else qualified_name(base)
        by_type = _by_type.get(identity(base))
        entry = by_type[1] if by_type is not None else _by_name.get(base_name)
        if entry is not None and by_type is None and not (entry.trusting or genuine(base)):
            continue
        if entry is not None and (found is None or (entry.first and not found[2].first)):
            found = base, base_name, entry
    if found is None:
        handler, mutable, adapted = _fallback[0](kind)
        return Kind(own, encoding.name(own), handler, mutable, adapted)
    base, base_name, entry = found
    name = (entry.name or base_name) if base is kind else own
    handler, mutable = entry.handler, entry.mutable
    if handler is not None and entry.extended and base is not kind:
        handler = _extend(handler)
        mutable = mutable or _size_of(kind) > _size_of(base) or _dict_of(kind) != _dict_of(base)
    related = base is kind or top_level(base) == top_level(kind)
    tag = encoding.name(entry.tag if entry.tag and related else name)
    buffer = entry.buffer if base is kind else None
    return Kind(name, tag, handler, mutable, entry.adapted, entry.unordered, buffer)


def _extend(handler: Handler) -> Handler:
    extension = _extension[0]

    def extended(walk: Walk, value: Any) -> Parts:
        payload = yield from handler(walk, value)
        return payload + (yield from extension(walk, value))

    return extended
