"""Digests of values by content: the same in every process, on every machine, for equal content.

A fingerprint says how it was come by. `exact`: all of the value was read. `sampled`: a part of it
was, by a plan that is the same everywhere, or a part could not be examined, such as a lock in an
object; equal values still have equal digests, unequal ones may have. `opaque`: nothing could be
read; there is no digest. The domains are kept apart: no sampled digest equals an exact one.

Dicts are known by content: `{1: 2, 3: 4}` and `{3: 4, 1: 2}` have one digest. The order of all
dicts in a value goes into `shape`, as `2 order=5f0c37e1`, so that a change of order alone shows.
"""

from __future__ import annotations

from typing import Any

from xxhash import xxh3_128_digest, xxh3_128_hexdigest

from provenance_kernel.fingerprint import encoding
from provenance_kernel.fingerprint.budget import Budget
from provenance_kernel.fingerprint.encoding import SCALARS
from provenance_kernel.fingerprint.kinds import UNNAMED, kind_of, shape_of, type_name
from provenance_kernel.fingerprint.registry import Kind
from provenance_kernel.fingerprint.traversal import Traversal
from provenance_kernel.fingerprint.walk import Exceeded, Reach
from provenance_kernel.identity import identity
from provenance_kernel.records import Fingerprint

_EXACT = encoding.EXACT


def fingerprint(value: Any, budget: Budget | None = None) -> Fingerprint:
    """Return what is known of a value by its content; never raises, runs none of its code."""
    kind = type(value)
    scalar = SCALARS.get(identity(kind))
    if scalar is not None and (budget is None or budget.mode != "none"):
        token = scalar(value)
        if token is not None:
            shape = str(len(value)) if kind is str or kind is bytes else None
            return Fingerprint(
                kind.__name__, xxh3_128_hexdigest(_EXACT + token), "exact", None, shape
            )
    return examine(value, budget if budget is not None else Budget())


def examine(value: Any, budget: Budget, reach: Reach | None = None) -> Fingerprint:
    """Return a value's fingerprint, noting in `reach` what mutable things it consists of."""
    if budget.mode == "none":
        return Fingerprint(type_name(value), None, "opaque")
    try:
        kind = kind_of(type(value))
    except Exception:  # a type that cannot be named
        kind = UNNAMED
    if kind.buffer is not None:
        # A value that is one buffer is digested as the walk would, in a short way.
        found = kind.buffer(value, reach)
        if found is not None and budget.affords(found[1]):
            head, nbytes, shape = found
            if reach is not None:
                reach.ids.add(identity(value))
            token = encoding.node(kind.tag, head + xxh3_128_digest(value))
            return Fingerprint(
                kind.name, xxh3_128_hexdigest(_EXACT + token), "exact", nbytes, shape
            )
    if not budget.exhausted:
        try:
            return _walked(value, kind, Traversal(budget, sampling=False, reach=reach))
        except Exceeded:
            if not budget.overdue():
                return sample(value, budget, reach, kind)
    return _unread(value, kind, reach)


def sample(
    value: Any, budget: Budget, reach: Reach | None = None, kind: Kind | None = None
) -> Fingerprint:
    """Return a value's fingerprint by the plan for samples."""
    if kind is None:
        kind = kind_of(type(value))
    try:
        return _walked(value, kind, Traversal(budget, sampling=True, reach=reach))
    except Exceeded:
        return _unread(value, kind, reach)


def digest(value: Any) -> str | None:
    """Return the digest of a value read whole, or None where it is opaque."""
    return fingerprint(value, Budget("full")).digest


def _unread(value: object, kind: Kind, reach: Reach | None) -> Fingerprint:
    """Return the fingerprint of a value that the budget left no room for."""
    if reach is not None:
        reach.cut = True
        reach.ids.add(identity(value))
    return Fingerprint(kind.name, None, "opaque", None, shape_of(kind, value))


def _walked(value: Any, kind: Kind, walk: Traversal) -> Fingerprint:
    name = kind.name
    try:
        token = walk.token(value)
    except Exceeded:
        raise
    except Exception:  # nothing in a value may reach the cell
        return Fingerprint(name, None, "opaque")
    shape = shape_of(kind, value)
    if walk.order:
        shape = f"{shape or ''} order={walk.order >> 96:08x}".strip()
    nbytes = walk.nbytes or None
    if walk.root_opaque:
        return Fingerprint(name, None, "opaque", nbytes, shape)
    exactness = "sampled" if walk.partial else "exact"
    return Fingerprint(name, walk.digest(token), exactness, nbytes, shape)  # type: ignore[arg-type]
