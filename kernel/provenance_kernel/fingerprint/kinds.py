"""How the values of a type are examined, by what is declared about the type and its bases."""

from __future__ import annotations

from provenance_kernel.fingerprint import encoding
from provenance_kernel.fingerprint.handlers.objects import attributes, undeclared
from provenance_kernel.fingerprint.registry import Entry, Handler, Kind, entry_of, known
from provenance_kernel.fingerprint.walk import Parts, Walk
from provenance_kernel.identity import remembered
from provenance_kernel.inspection import (
    basicsize_of,
    dictoffset_of,
    mro_of,
    qualified_name,
    top_level,
)

UNNAMED = Kind("object", b"?", None)


def _resolve(kind: type) -> Kind:
    own = qualified_name(kind)
    found: tuple[type, str, Entry] | None = None
    measure = describe = None
    for base in mro_of(kind):
        declared = entry_of(base)
        if declared is None:
            continue
        name, entry = declared
        if entry.examines and (found is None or (entry.first and not found[2].first)):
            found = base, name, entry
        measure = measure or entry.measure
        describe = describe or entry.describe
    if found is None:
        handler, mutable, adapted = undeclared(kind)
        tag = encoding.name(own)
        return Kind(own, tag, handler, mutable, adapted, measure=measure, describe=describe)
    base, base_name, entry = found
    name = (entry.name or base_name) if base is kind else own
    handler, mutable = entry.handler, entry.mutable
    if handler is not None and entry.extended and base is not kind:
        handler = _extended(handler)
        mutable = (
            mutable
            or basicsize_of(kind) > basicsize_of(base)
            or dictoffset_of(kind) != dictoffset_of(base)
        )
    related = base is kind or top_level(base) == top_level(kind)
    return Kind(
        name,
        encoding.name(entry.tag if entry.tag and related else name),
        handler,
        mutable,
        entry.adapted,
        entry.unordered,
        entry.buffer if base is kind else None,
        measure,
        describe,
    )


def _extended(handler: Handler) -> Handler:
    def extended(walk: Walk, value: object) -> Parts:
        payload = yield from handler(walk, value)
        return payload + (yield from attributes(walk, value))

    return extended


kind_of = remembered(_resolve, known)


def type_name(value: object) -> str:
    """Return the qualified name of a value's type."""
    try:
        return kind_of(type(value)).name
    except Exception:  # a type that cannot be named
        return UNNAMED.name


def shape_of(kind: Kind, value: object) -> str | None:
    """Return a value's shape as text, `(3, 4)`, or the number of its elements, `5`."""
    if kind.measure is None:
        return None
    try:
        return str(kind.measure(value))
    except Exception:  # a value in a state its library did not foresee has no shape
        return None
