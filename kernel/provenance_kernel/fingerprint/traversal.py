"""The walk over a value and all it reaches, without recursion and without running its code.

Cycles: a part that is being examined already is named by its distance up the stack. Members of a
cycle that are met again before the cycle is closed are named by their number within it, and later
by the cycle and that number; so every value is visited once, however dense the graph. In a set no
number can be had that does not depend on the hash seed: there such a member counts as its type
alone, and the value as sampled.
"""

from __future__ import annotations

import collections
import gc
import types
from collections.abc import Sequence
from itertools import islice
from sys import getrefcount
from typing import Any

from xxhash import xxh3_128_hexdigest

from provenance_kernel.fingerprint import budget as cost
from provenance_kernel.fingerprint import encoding
from provenance_kernel.fingerprint.budget import Budget
from provenance_kernel.fingerprint.encoding import SCALARS
from provenance_kernel.fingerprint.kinds import UNNAMED, kind_of
from provenance_kernel.fingerprint.registry import Kind
from provenance_kernel.fingerprint.walk import Exceeded, Parts, Reach, Walk
from provenance_kernel.identity import identity
from provenance_kernel.inspection import is_class

_ADAPTED = 50  # values made by handlers within values made by handlers
_HELD = 1000  # references followed from something opaque
_HOLDERS = 20_000  # things looked into for it, for one value
_REACHED = 50_000  # addresses kept for one value
_ELEMENTS: dict[Any, Any] = {
    kind: kind.__iter__ for kind in (list, tuple, set, frozenset, collections.deque)
} | {dict: dict.values}


class _Frame:
    __slots__ = ("adapted", "key", "kind", "low", "parts", "started", "unordered", "value")

    def __init__(
        self,
        value: object,
        kind: Kind,
        parts: Parts,
        depth: int,
        started: int,
        above: _Frame | None,
    ) -> None:
        self.value = value
        self.key = identity(value)
        self.kind = kind
        self.parts = parts
        self.low = depth  # the lowest frame that something below here refers back to
        self.started = started
        if above is None:
            self.adapted = int(kind.adapted)
            self.unordered = False
        else:
            self.adapted = above.adapted + kind.adapted
            self.unordered = above.unordered or above.kind.unordered


class Traversal(Walk):
    """One examination of one value and of what it reaches."""

    __slots__ = (
        "_cycle", "_held", "_holders", "_limit", "_makes", "_memo", "_open", "root_opaque",
    )  # fmt: skip

    def __init__(self, budget: Budget, sampling: bool, reach: Reach | None = None) -> None:
        super().__init__(budget, sampling, reach)
        self.root_opaque = False
        self._limit = self._left
        # Values are held until the walk ends, so that no address is used twice within it.
        self._memo: dict[int, bytes] = {}
        self._held: list[object] = []
        self._makes = sampling  # whether handlers may make values that nobody else has
        self._holders = _HOLDERS
        self._open: dict[int, int] = {}
        self._cycle: dict[int, tuple[int | None, int, Kind, object]] = {}

    def unexamined(self, kind: Kind) -> bytes:
        """Return the token of something not looked at: its type alone."""
        self.partial = True
        return encoding.node(b"O", kind.tag)

    def token(self, value: object) -> bytes:
        """Return the token of a value; Exceeded is all that it raises."""
        stack: list[_Frame] = []
        token: bytes | None = self._enter(value, stack)
        while stack:
            frame = stack[-1]
            try:
                part = next(frame.parts) if token is None else frame.parts.send(token)
            except StopIteration as stop:
                token = self._leave(stack, encoding.node(frame.kind.tag, stop.value))
                continue
            except Exceeded:
                raise
            except Exception:  # whatever the value does: it is opaque, its neighbours are not
                token = self._opaque(frame.value, frame.kind)
                self.root_opaque = len(stack) == 1
                token = self._leave(stack, token)
                continue
            token = self._enter(part, stack)
        assert token is not None
        part = None
        if self._makes and self.reach is not None:
            self._forget_made(self.reach)
        return token

    def _forget_made(self, reach: Reach) -> None:
        """Take back the addresses of what handlers made: others will have them soon."""
        while self._held:
            # A container that was made comes before what is in it.
            address, references = _last(self._held)
            if references == _UNSHARED:
                reach.ids.discard(address)
                reach.ids.discard(reach.memory.get(address, 0))

    def _enter(self, value: Any, stack: list[_Frame]) -> bytes | None:
        """Return the token of a value that is known; else None, and it is on the stack."""
        kind_type = type(value)
        scalar = SCALARS.get(identity(kind_type))
        if scalar is not None:
            token = scalar(value)
            if token is not None:
                return token
            if kind_type is int:
                paid = self.spend(value.bit_length() >> 2)
                return encoding.encode_int(value) if paid else self.unexamined(kind_of(int))
        key = identity(value)
        known = self._memo.get(key)
        if known is not None:
            return known
        above = stack[-1] if stack else None
        depth = self._open.get(key)
        if depth is not None:
            assert above is not None
            above.low = min(above.low, depth)
            return b"^" + encoding.size(len(stack) - depth)
        member = self._cycle.get(key)
        if member is not None:
            assert above is not None
            above.low = min(above.low, member[1])
            if member[0] is None:
                return self.unexamined(member[2])
            return b"@" + encoding.size(member[0])
        try:
            kind = kind_of(kind_type)
        except Exception:  # a type that cannot even be named
            kind = UNNAMED
        if kind.mutable:
            self._reached(key)
        if self.budget.overdue():
            raise Exceeded
        handler = kind.handler
        if not self.spend(cost.NODE):
            token = self.unexamined(kind)
        elif handler is None or (above is not None and above.adapted >= _ADAPTED):
            token = self._opaque(value, kind)
            self.root_opaque = above is None
        else:
            frame = _Frame(value, kind, handler(self, value), len(stack), len(self._cycle), above)
            self._makes = self._makes or kind.adapted
            self._open[key] = len(stack)
            stack.append(frame)
            return None
        self._memo[key] = token
        self._held.append(value)
        return token

    def _leave(self, stack: list[_Frame], token: bytes) -> bytes:
        frame = stack.pop()
        depth = len(stack)
        del self._open[frame.key]
        if self._keys:
            if not frame.adapted:  # a handler's own dicts are nobody's
                added = int.from_bytes(self._keys, "little")
                self.order = (self.order + added) & (1 << 128) - 1
            self._keys = b""
        if frame.low >= depth:
            self._memo[frame.key] = token
            self._held.append(frame.value)
            if len(self._cycle) > frame.started:
                self._close(frame, token)
            return token
        above = stack[-1]
        above.low = min(above.low, frame.low)
        number: int | None = len(self._cycle)
        if frame.unordered:
            number = None
            if above.kind.unordered:
                token = self.unexamined(frame.kind)
        self._cycle[frame.key] = (number, frame.low, frame.kind, frame.value)
        return token

    def _close(self, frame: _Frame, token: bytes) -> None:
        """Name the members of a cycle by the cycle, now that nothing above is referred to."""
        members = list(self._cycle.items())[frame.started :]
        for key, (number, _, kind, value) in members:
            del self._cycle[key]
            if number is None:
                inner = encoding.node(b"O", kind.tag)
            else:
                inner = encoding.node(b"@", token + encoding.size(number - frame.started))
            self._memo[key] = inner
            self._held.append(value)

    def _opaque(self, value: object, kind: Kind) -> bytes:
        reach = self.reach
        if reach is not None:
            if self._holders > 0:
                touched, visited = _held_by(value)
                reach.touches.update(touched)
                self._holders -= visited
            else:
                reach.complete = False
        token = self.unexamined(kind)
        self.unread.add(token)
        return token

    def _reached(self, key: int) -> None:
        reach = self.reach
        if reach is not None:
            if len(reach.ids) < _REACHED:
                reach.ids.add(key)
            else:
                reach.complete = False

    def digest(self, token: bytes) -> str:
        """Return the digest of the walked value."""
        if self.sampling:
            return xxh3_128_hexdigest(encoding.SAMPLED + token)
        spent = self._limit - self._left
        if self.reach is not None and self.whole and spent <= cost.SAMPLE_NANOSECONDS:
            self.reach.sample = xxh3_128_hexdigest(encoding.SAMPLED + token)
        return xxh3_128_hexdigest(encoding.EXACT + token)


def _last(values: list[object]) -> tuple[int, int]:
    """Take the last out of a list; return its address and how often it is referred to."""
    value = values.pop()
    return identity(value), getrefcount(value)


_UNSHARED = _last([object()])[1]


def _held_by(value: object) -> tuple[set[int], int]:
    """Return addresses of what an iterator or a generator holds, and how many were looked into.

    What it holds can be changed through it.
    """
    found: set[int] = set()
    level = [value]
    visited = 0
    for _ in range(3):
        below: list[object] = []
        for holder in level:
            if len(below) >= _HELD:
                break
            visited += 1
            kind = type(holder)
            if kind is types.ModuleType or kind is types.CodeType or is_class(holder):
                continue
            if kind is types.FunctionType:
                # Not all its globals, which the cell is known to read or not.
                below += [holder.__closure__, holder.__defaults__]  # type: ignore[attr-defined]
            elif not (kind is dict and "__builtins__" in holder):  # type: ignore[operator]
                below += _referents(holder)
        below = below[:_HELD]
        found.update(map(identity, below))
        visited += len(below) >> 3
        level = list(filter(gc.is_tracked, below))  # numbers and texts hold nothing
    return found, visited


def _referents(holder: Any) -> Sequence[object]:
    """Return what an object refers to, of a large container only the beginning."""
    for kind, elements in _ELEMENTS.items():
        if issubclass(type(holder), kind) and kind.__len__(holder) > _HELD:
            try:
                return list(islice(elements(holder), _HELD))
            except RuntimeError:  # another thread is changing it
                return ()
    return gc.get_referents(holder)
