"""What a cell's fingerprints may cost: one budget, shared by all values of the cell.

Decisions rest on nominal costs, which depend on sizes alone: so the same cell makes the same values
`exact`, `sampled` or `opaque` on a fast machine and on a slow one, however busy. Clocks only guard
against what has no nominal cost, such as a library that computes for long. They leave room for
machines ten times as slow as the nominal one, and they count the time of the thread, not that of
the machine; time that passes without the thread counts only where it has come to a stop.
"""

from __future__ import annotations

import math
import time

from provenance_kernel.errors import SettingError
from provenance_kernel.types import FingerprintMode

# Nominal nanoseconds, measured on a 2 GHz server core and rounded up.
BYTE = 0.1  # hashed where it lies
COPIED_BYTE = 0.6  # has to be copied into C order first
TEXT = 90.0  # one string of a column or a uniform list, read as an object
NUMBER = 60.0  # one number of a uniform list
NODE = 4000.0  # one container or object
ITEM = 600.0  # one element of a mixed container
COLUMN = 1500.0  # one column of a table, besides its rows

# A sampled digest follows a plan of its own, the same for everybody, or it could not be compared.
SAMPLE_NANOSECONDS = 8e6

# A small value is exact even where the large ones before it have used up the budget.
FREE_NANOSECONDS = 2e5
FREE_BYTES = 1 << 20

# All that a cell's values may cost, with samples and small values, in budgets for exact digests.
_TOTAL = 2
# When the clocks put an end to it: seconds of the thread's time, ten times all that a cell's values
# may cost, and seconds that pass for everybody.
_THREAD_SECONDS = 0.6
_ANY_SECONDS = 20.0


class Budget:
    """Bytes and seconds that exact digests may take; `full` has no bound, `none` takes nothing.

    The seconds are nominal. What samples and small values cost counts too: when all comes to twice
    the seconds, what is left to examine is `opaque`. One thread uses a budget.
    """

    __slots__ = ("_any_end", "_look", "_thread_end", "bytes_left", "mode", "nanoseconds_left",
                 "work_left")  # fmt: skip

    def __init__(
        self,
        mode: FingerprintMode = "budget",
        nbytes: int = 256 << 20,
        seconds: float = 0.03,
    ) -> None:
        if mode not in ("full", "budget", "none"):
            raise SettingError(f"fingerprints: {mode!r} is not one of full, budget, none")
        if nbytes < 0 or not seconds >= 0:
            raise SettingError("a budget's bytes and seconds must not be negative")
        self.mode = mode
        full = mode == "full"
        self.bytes_left: float = math.inf if full else nbytes
        # Nominal nanoseconds that are left for exact digests, and for everything.
        self.nanoseconds_left: float = math.inf if full else seconds * 1e9
        self.work_left: float = self.nanoseconds_left * _TOTAL
        # When to look at the thread's clock next, which takes ten times as long as the other.
        self._look = math.inf if full else 0.0
        self._thread_end = self._any_end = 0.0

    def affords(self, nbytes: int) -> bool:
        """Pay for an exact digest of one buffer, or say that it takes more than is left.

        No clock is asked, since a buffer takes no longer than its size says.
        """
        if self.mode == "full":
            return True
        nanoseconds = NODE + nbytes * BYTE
        if self.work_left < 0 or self.nanoseconds_left < nanoseconds > FREE_NANOSECONDS:
            return False
        if self.bytes_left < nbytes > FREE_BYTES:
            return False
        self.bytes_left -= nbytes
        self.nanoseconds_left -= nanoseconds
        self.work_left -= nanoseconds
        return True

    @property
    def exhausted(self) -> bool:
        """Whether nothing more is examined, not even a sample of it."""
        return self.work_left < 0 or self.overdue()

    def overdue(self) -> bool:
        """Whether the clocks say to stop; cheap enough to be asked at every node."""
        now = time.perf_counter()
        if now < self._look:
            return False
        thread = time.thread_time()
        if not self._thread_end:
            # Set by the first value that is not a scalar: a budget costs nothing until it is used.
            self._thread_end = thread + _THREAD_SECONDS
            self._any_end = now + _ANY_SECONDS
        left = min(self._thread_end - thread, self._any_end - now)
        # The thread's time cannot run out before as much time of the machine has passed.
        self._look = now + left
        return left <= 0
