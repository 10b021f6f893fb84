"""What an examination of one value may cost, and what it has found so far.

This is what handlers see of it: they pay for work before they do it, and note what they reach.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

from xxhash import xxh3_128_digest

from provenance_kernel.fingerprint import budget as cost
from provenance_kernel.fingerprint.budget import Budget
from provenance_kernel.fingerprint.encoding import SCALARS
from provenance_kernel.identity import identity

# A handler yields the parts of a value, receives the token of each, and returns its payload.
Parts = Generator[object, bytes, bytes]


class Exceeded(Exception):
    """The digest would take more than the budget has left, or the clocks say to stop."""


class Unreadable(Exception):
    """The value turned out to be opaque."""


class Reach:
    """Addresses of the mutable things a value consists of, and of those it gives access to."""

    __slots__ = ("complete", "cut", "ids", "memory", "sample", "touches")

    def __init__(self) -> None:
        self.ids: set[int] = set()
        self.touches: set[int] = set()
        self.complete = True
        self.cut = False  # the budget ended before the value was examined
        # The address of the memory of arrays that own theirs, by their own.
        self.memory: dict[int, int] = {}
        # The digest by the plan for samples, where the exact one has read no more than that.
        self.sample: str | None = None


class Walk:
    """The account of one examination, exact or by the plan for samples."""

    __slots__ = (
        "_keys", "_left", "budget", "nbytes", "order", "partial", "reach", "sampling", "unread",
        "whole",
    )  # fmt: skip

    def __init__(self, budget: Budget, sampling: bool, reach: Reach | None = None) -> None:
        self.budget = budget
        self.sampling = sampling
        self.partial = sampling
        # Whether nothing was met of which the plan for samples takes no more than a part.
        self.whole = True
        self.order = 0
        self.unread: set[bytes] = set()  # the tokens of what turned out to be opaque
        self.nbytes = 0
        self.reach = reach
        self._keys = b""
        self._left = (
            cost.SAMPLE_NANOSECONDS
            if sampling
            else max(budget.nanoseconds_left, cost.FREE_NANOSECONDS)
        )

    def spend(self, nanoseconds: float) -> bool:
        """Pay for work before it is done; False says that the plan for samples ends here.

        Where there is no plan for samples, what cannot be paid for ends the walk.
        """
        if nanoseconds > self._left:
            if not self.sampling:
                raise Exceeded
            return False
        self._left -= nanoseconds
        budget = self.budget
        budget.work_left -= nanoseconds
        if not self.sampling:
            budget.nanoseconds_left -= nanoseconds
        return True

    def spend_bytes(self, nbytes: int, each: float = cost.BYTE) -> bool:
        """Pay for a buffer before it is hashed."""
        if not self.sampling:
            if nbytes > self.budget.bytes_left and nbytes > cost.FREE_BYTES:
                raise Exceeded
            self.budget.bytes_left -= nbytes
        return self.spend(nbytes * each)

    def samples(self, size: int, limit: int) -> bool:
        """Tell whether the plan for samples, up to a limit of what is read whole, is to be kept."""
        if size <= limit:
            return False
        self.whole = False
        return self.sampling

    def require(self, nanoseconds: float) -> None:
        """Give up an exact digest at once where its parts will come to more than is left."""
        if not self.sampling and nanoseconds > self._left:
            raise Exceeded

    def add_order(self, keys: Sequence[bytes]) -> None:
        """Note the insertion order of a dict; sums do not depend on the order of visits."""
        if len(keys) > 1:
            self._keys = xxh3_128_digest(b"".join(keys))

    def reaches(self, address: int) -> None:
        """Note something mutable that the value consists of, such as an array's buffer."""
        if self.reach is not None:
            self.reach.ids.add(address)

    def touches(self, address: int) -> None:
        """Note something mutable that the value only gives access to, such as its class."""
        if self.reach is not None:
            self.reach.touches.add(address)


def tokens_of(parts: Iterable[object]) -> Generator[object, bytes, list[bytes]]:
    """Return the tokens of parts, in their order; the walk finds those that are not scalars."""
    tokens = []
    for part in parts:
        encoder = SCALARS.get(identity(type(part)))
        token = encoder(part) if encoder is not None else None
        if token is None:
            token = yield part
        tokens.append(token)
    return tokens


def text_size(parts: Iterable[object]) -> int:
    """Return the length of the texts among parts, which each takes a nanosecond to read."""
    size = 0
    for part in parts:
        kind = type(part)
        if kind is str or kind is bytes:
            size += len(part)  # type: ignore[arg-type]
    return size


def joined(*parts: object) -> Parts:
    """Return the tokens of parts one after another."""
    return b"".join((yield from tokens_of(parts)))
