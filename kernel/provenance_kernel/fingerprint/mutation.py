"""Which names of a namespace a cell has changed without binding them.

For each name the watch keeps the fingerprint and the addresses of the mutable things it reaches,
not the things: nothing of the user's is kept alive, flagged or written to. A cell can have touched
what the names it read reach; the names that reach any of that, and no others, are examined again.
What it costs does not depend on the size of the namespace. An address that has passed to another
object since makes for a needless examination at most: a name bound anew is examined anyway.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from provenance_kernel.fingerprint.budget import Budget
from provenance_kernel.fingerprint.digest import examine, fingerprint, sample
from provenance_kernel.fingerprint.encoding import SCALARS
from provenance_kernel.fingerprint.walk import Reach
from provenance_kernel.identity import identity
from provenance_kernel.records import Fingerprint

# Nominal nanoseconds above which the digest of the sample is kept beside the exact one, so that
# there is something to compare when a later cell's budget does not reach for the exact one.
_COSTLY = 2e6
_NOTHING: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Known:
    address: int
    kind: int
    fingerprint: Fingerprint
    sampled: Fingerprint | None
    reaches: frozenset[int]
    touches: frozenset[int]
    complete: bool


class Watch:
    """Fingerprints of the names of one namespace, and what they share.

    Who may share it with other threads holds its `lock`.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._known: dict[str, _Known] = {}
        self._names: dict[int, set[str]] = {}
        # Names that reach more than is kept: any mutable thing may be theirs.
        self._unbounded: set[str] = set()

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def fingerprint(self, name: str) -> Fingerprint | None:
        """Return what was last known of a name."""
        known = self._known.get(name)
        return None if known is None else known.fingerprint

    def type_of(self, name: str) -> str | None:
        """Return the type of what was last known of a name."""
        known = self._known.get(name)
        return None if known is None else known.fingerprint.type

    def shape_of(self, name: str) -> str | None:
        """Return the shape of what was last known of a name, where all of it was read."""
        known = self._known.get(name)
        return known.fingerprint.shape if known is not None and self.is_exact(name) else None

    def is_exact(self, name: str) -> bool:
        """Tell whether the digest of a name is of all of its value."""
        known = self._known.get(name)
        return known is not None and known.fingerprint.exactness == "exact"

    def is_known(self, name: str) -> bool:
        """Tell whether all the mutable things that a name reaches are known."""
        known = self._known.get(name)
        return known is not None and known.complete and known.fingerprint.digest is not None

    def sharing(self, name: str) -> list[str]:
        """Return the names that reach a mutable thing which this one reaches, too."""
        return self.suspects((name,))

    def written(self, values: Mapping[str, object], budget: Budget) -> dict[str, Fingerprint]:
        """Examine names that have been bound, and watch them from now on."""
        # In an order that does not depend on the hash seed: the last may find the budget used up.
        return {name: self._examine(name, values[name], budget) for name in sorted(values)}

    def forget(self, names: Iterable[str]) -> None:
        """Stop watching names that have been deleted."""
        for name in names:
            known = self._known.pop(name, None)
            if known is not None:
                self._unlink(name, known)

    def mutated(
        self, read: Iterable[str], namespace: Mapping[str, Any], budget: Budget
    ) -> dict[str, Fingerprint]:
        """Return the names whose values changed, with what they are now.

        `read` are the names that the cell loaded, by itself or through functions it called. Names
        bound anew to another object are not reported: give those to `written`, before or after.
        """
        changed: dict[str, Fingerprint] = {}
        if budget.mode == "none":
            return changed
        for name in self.suspects(read):
            known = self._known[name]
            if name not in namespace:
                continue
            value = namespace[name]
            if identity(value) != known.address or identity(type(value)) != known.kind:
                continue
            before = known
            self._examine(name, value, budget)
            after = self._known[name]
            if _differ(before, after):
                changed[name] = after.fingerprint
            elif before.fingerprint.digest is None:
                continue  # nothing was known
            elif before.fingerprint.exactness != after.fingerprint.exactness:
                # Nothing speaks for a change; what was known stands.
                after.fingerprint = before.fingerprint
                after.sampled = before.sampled or after.sampled
        return changed

    def suspects(self, read: Iterable[str]) -> list[str]:
        """Return the watched names that a cell which read these can have changed, in order."""
        found: set[str] = set()
        mutable = False
        for name in read:
            known = self._known.get(name)
            if known is None or not (known.reaches or known.touches):
                continue
            mutable = True
            if known.reaches:
                found.add(name)
            for addresses in (known.reaches, known.touches):
                for address in addresses:
                    sharing = self._names.get(address)
                    if sharing is not None:
                        found |= sharing
        if mutable:
            found |= self._unbounded
        return sorted(found)

    def _examine(self, name: str, value: object, budget: Budget) -> Fingerprint:
        known = self._known.pop(name, None)
        if known is not None:
            self._unlink(name, known)
        sampled = None
        reaches = touches = _NOTHING
        complete = True
        if identity(type(value)) in SCALARS or budget.mode == "none":
            found = fingerprint(value, budget)
        else:
            reach = Reach()
            before = budget.nanoseconds_left
            found = examine(value, budget, reach)
            reaches, touches = frozenset(reach.ids), frozenset(reach.touches)
            complete = reach.complete
            if found.exactness == "sampled":
                sampled = found
            elif (
                found.digest is not None
                and budget.mode != "full"
                and before - budget.nanoseconds_left > _COSTLY
            ):
                if known is not None and known.sampled is not None and known.fingerprint == found:
                    sampled = known.sampled
                elif reach.sample is not None:
                    sampled = found._replace(digest=reach.sample, exactness="sampled")
                else:
                    sampled = sample(value, budget)
                    sampled = sampled if sampled.digest is not None else None
            if found.digest is None and not reach.cut:
                # An opaque value is not examined again; what it holds can be changed through it.
                touches, reaches = touches | reaches, _NOTHING
        self._known[name] = _Known(
            identity(value), identity(type(value)), found, sampled, reaches, touches, complete
        )
        for address in reaches:
            names = self._names.get(address)
            if names is None:
                self._names[address] = {name}
            else:
                names.add(name)
        if not complete:
            self._unbounded.add(name)
        return found

    def _unlink(self, name: str, known: _Known) -> None:
        self._unbounded.discard(name)
        for address in known.reaches:
            names = self._names.get(address)
            if names is not None:
                names.discard(name)
                if not names:
                    del self._names[address]


def _differ(before: _Known, after: _Known) -> bool:
    """Whether two examinations of one value show a change, compared on the level both have."""
    old, new = before.fingerprint, after.fingerprint
    if old.exactness == new.exactness:
        return (old.digest, old.shape) != (new.digest, new.shape)
    if before.sampled is not None and after.sampled is not None:
        old, new = before.sampled, after.sampled
        return (old.digest, old.shape) != (new.digest, new.shape)
    return old.shape != new.shape and old.shape is not None and new.shape is not None
