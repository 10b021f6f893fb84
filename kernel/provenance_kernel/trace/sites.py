"""The call sites of a cell's code, the groups that they run in, and how often these ran.

What code itself counts with is here too: gauges, which are constants of it, and tallies.
"""

from __future__ import annotations

import threading
from itertools import count, repeat
from operator import length_hint

from provenance_kernel.trace.log import Log, Open

# Indexed by numbers that are given once in a process, as code may outlive its cell run. A tally
# counts what an iterator yielded, or how often it was asked for (`True in tally` takes one; of a
# closed one, as that of a group that is being recorded, there is none to take).
_ENDLESS = 1 << 62
_spent = repeat(True)
_closed = repeat(True, 0)
tallies: list[repeat[bool]] = []

gauges: dict[int, Gauge] = {}

_numbering = threading.Lock()
_numbers = count()


class Gauge:
    """What code reads and writes of a group or block: a constant of that code.

    It is open while the group is recorded; `count` is of what ran unrecorded. Slots are what code
    reads and writes soonest, and of numbers it adds floats soonest; these are exact up to 2**53.
    """

    __slots__ = ("count", "group", "number", "open")

    def __init__(self, number: int) -> None:
        self.number = number
        # None where it is of a block, and after the cell run.
        self.group: Group | None = None
        self.count = 0.0
        self.open = True

    def close(self) -> None:
        """Forget the group; what still runs of the code runs plain."""
        self.open = False
        self.group = None


def new_gauge() -> Gauge:
    """Return a gauge that is found by its number until it is retired."""
    gauge = Gauge(next(_numbers))
    gauges[gauge.number] = gauge
    return gauge


def retire_gauge(gauge: Gauge) -> None:
    """Close a gauge; code of a cell run that is over may still read it."""
    gauge.close()
    gauges.pop(gauge.number, None)


def new_tally(closed: bool = False) -> int:
    """Return the index of a new tally, of which nothing has been taken."""
    with _numbering:
        tallies.append(_closed if closed else repeat(True, _ENDLESS))
        return len(tallies) - 1


def open_tally(tally: int) -> None:
    """Have a tally count, if it is closed."""
    # Once, as what was taken of the one before would be lost.
    if tallies[tally] is _closed:
        tallies[tally] = repeat(True, _ENDLESS)


def retire_tally(tally: int) -> None:
    """Have a tally count no more; code that still asks it runs plain."""
    tallies[tally] = _spent


class Loop:
    """A `for` whose iterations are counted by its iterator."""

    __slots__ = ("iterators", "known", "length", "tally")

    def __init__(self, tally: int) -> None:
        self.tally = tally
        self.length = 0
        self.iterators: list[object] = []
        self.known = True

    def iterations(self) -> int:
        """Return how many items the loop took."""
        return self.length - sum(map(length_hint, self.iterators)) + taken(self.tally)


def taken(tally: int) -> int:
    """Return how often something was taken of a tally."""
    held = tallies[tally]
    return 0 if held is _closed or held is _spent else _ENDLESS - length_hint(held)


class Group:
    """Sites that run together, under one guard where they are in a loop."""

    __slots__ = (
        "cap",
        "gauge",
        "inside",
        "items",
        "like",
        "loop",
        "parted",
        "runs",
        "sites",
        "tally",
        "unknown",
    )

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self.runs = 0
        self.gauge: Gauge | None = None
        # Where to read how often the group ran unrecorded, where its gauge does not count, or in
        # all (`loop`, `like`).
        self.tally: int | None = None
        self.loop: Loop | None = None
        self.like: Group | None = None
        # In a comprehension: the items it took in all, how many times that is not known, and
        # the group that it is itself part of.
        self.items = 0
        self.unknown = 0
        self.parted = False
        self.inside: Group | None = None
        self.sites: list[Site] = []

    def total(self) -> int | None:
        """Return how often the group ran; None if that was not seen."""
        if self.gauge is None:
            return self.runs
        if self.ran_plain_around():
            return None
        if self.loop is not None:
            return self.loop.iterations() if self.loop.known else None
        if self.like is not None:
            return self.like.total()
        if self.parted:
            if self.unknown:
                return None
            return self.items + taken(self.tally or 0)
        plain = int(self.gauge.count) if self.tally is None else taken(self.tally)
        return self.runs + plain

    def ran_plain_around(self) -> bool:
        """Whether the code around ran plain at times, as then did this."""
        return self.inside is not None and self.inside.total() != self.inside.runs


class Site:
    """A call expression in the module-level code of a cell."""

    __slots__ = ("last", "line", "log", "recorded", "shape", "started")

    def __init__(self, log: Log, line: int, shape: tuple[tuple[int, str, object], ...]) -> None:
        self.log = log
        self.line = line
        # (kind, keyword, constant or VALUE) of each argument, in order of evaluation.
        self.shape = shape
        self.started = 0
        self.recorded = 0
        self.last: Open | None = None
