"""What stands between our faults and the user's cell."""

from __future__ import annotations

import functools
import os
import weakref
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from provenance_kernel.trace import watchers

# Told which part of ours failed, and by what.
Fault = Callable[[str, BaseException], None]


class Guarded(Protocol):
    """What has a switch that turns it off and a way to report its faults."""

    off: bool

    def fault(self, where: str, error: BaseException) -> None:
        """Report a fault of ours; never raises."""
        ...


P = ParamSpec("P")
R = TypeVar("R")
G = TypeVar("G", bound=Guarded)


def harmless(method: Callable[Concatenate[G, P], R]) -> Callable[Concatenate[G, P], R | None]:
    """Turn an exception of ours into a report; the user's cell goes on.

    Nor does a profiler or tracer of the user's see what is done.
    """

    @functools.wraps(method)
    def guarded(self: G, /, *args: P.args, **kwargs: P.kwargs) -> R | None:
        if self.off:
            return None
        try:
            if not watchers.seen():
                return method(self, *args, **kwargs)
            with watchers.Unseen():
                return method(self, *args, **kwargs)
        except Exception as error:
            self.fault(method.__name__, error)
            return None

    return guarded


def off_in_forks(guarded: Guarded) -> None:
    """Turn it off in forked children: they have our connection and must not write on it."""
    reference = weakref.ref(guarded)

    def silence() -> None:
        inherited = reference()
        if inherited is not None:
            inherited.off = True

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=silence)
