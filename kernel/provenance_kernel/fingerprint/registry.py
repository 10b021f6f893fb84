"""What is declared about types: how values are taken apart, measured and described.

A library's class is declared by the place where the library keeps it, as in "pandas.DataFrame". So
it is known before, and without, being imported, and no other class can claim to be it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, cast

from provenance_kernel.fingerprint.walk import Parts, Reach, Walk, joined
from provenance_kernel.identity import Remembered, identity
from provenance_kernel.inspection import (
    class_attribute,
    class_module,
    instance_attribute,
    is_found,
    qualified_name,
    qualname_of,
)

Handler = Callable[[Walk, Any], Parts]
# The head of a value's payload, its size and its shape, where the rest of the payload is the
# xxh3_128 of the value's own buffer; else None.
Buffer = Callable[[Any, Reach | None], tuple[bytes, int, str] | None]


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
    measure: Callable[[Any], object] | None = None
    describe: Callable[[Any, int], str] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What is declared about a type; it also holds for subclasses that have no entry."""

    handler: Handler | None = None
    name: str | None = None  # the type's name where versions give it others
    tag: str | None = None  # the name that counts, where several types are one in content
    mutable: bool = True
    adapted: bool = False
    unordered: bool = False
    extended: bool = False  # subclasses have attributes of their own besides
    first: bool = False  # even where another base with a handler comes earlier
    opaque: bool = False  # never touched
    claimed: bool = False  # a class that claims the name has it, wherever it is kept
    buffer: Buffer | None = None
    measure: Callable[[Any], object] | None = None  # the shape, or the length
    describe: Callable[[Any, int], str] | None = None  # a repr of about so many characters

    @property
    def examines(self) -> bool:
        """Whether it says how values are examined, and not only how they are described."""
        return self.opaque or self.handler is not None


_by_type: dict[int, tuple[type, Entry]] = {}
_by_name: dict[str, dict[str, Entry]] = {}  # by the last part of the name, then by all of it
known: Remembered[Kind] = {}


def handles(*targets: type | str, **options: Any) -> Callable[[Handler], Handler]:
    """Declare a handler, with the fields of `Entry` as options."""

    def decorate(handler: Handler) -> Handler:
        declare(*targets, entry=Entry(handler, **options))
        return handler

    return decorate


def consists_of(*targets: type | str, names: str, **options: Any) -> None:
    """Declare that values consist of these attributes, and of nothing else."""
    for target in targets:
        kind = object if isinstance(target, str) else target
        getters = [_getter(kind, name) for name in names.split()]
        declare(target, entry=Entry(_reader(getters), **options))


def _getter(kind: type, name: str) -> Callable[[object], object]:
    found = class_attribute(kind, name)
    if type(found) is GetSetDescriptorType or type(found) is MemberDescriptorType:
        # A subclass may have something else under the name.
        return cast("Callable[[object], object]", found.__get__)
    return lambda value: instance_attribute(value, name)


def _reader(getters: list[Callable[[object], object]]) -> Handler:
    def handler(walk: Walk, value: object) -> Parts:
        return (yield from joined(*[get(value) for get in getters]))

    return handler


def declare(*targets: type | str, entry: Entry) -> None:
    """Declare something of types, given themselves or as `"package.module.Class"`."""
    for target in targets:
        if isinstance(target, str):
            _by_name.setdefault(target.rpartition(".")[2], {})[target] = entry
        else:
            _by_type[identity(target)] = (target, entry)
    known.clear()


def register(target: type | str, function: Callable[[Any], object]) -> None:
    """Let `function(value)` return what values of a type, and of its subclasses, consist of.

    The type is given itself or as `"package.module.Class"`, its qualified name, which need not be
    imported. What the function returns is fingerprinted in the value's place, under the name of the
    value's type. It must not change the value. If it raises, the value is opaque.
    """

    def handler(walk: Walk, value: Any) -> Parts:
        return (yield function(value))

    declare(target, entry=Entry(handler, adapted=True, first=True, claimed=True))


def entry_of(kind: type) -> tuple[str, Entry] | None:
    """Return what is declared about a type itself, and the name it is declared by."""
    by_type = _by_type.get(identity(kind))
    if by_type is not None:
        return qualified_name(kind), by_type[1]
    name = qualname_of(kind)
    for target, entry in _by_name.get(name.rpartition(".")[2], {}).items():
        module = target.removesuffix(f".{name}")
        if is_found(kind, module, name) or (entry.claimed and class_module(kind) == module):
            return target, entry
    return None
