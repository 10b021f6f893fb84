"""What stands between our faults and the user's cell."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import functools
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, Protocol, TypeVar


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
    """Turn an exception of ours into a report; the user's cell goes on."""

    @functools.wraps(method)
    def guarded(self: G, /, *args: P.args, **kwargs: P.kwargs) -> R | None:
        if self.off:
            return None
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            self.fault(method.__name__, error)
            return None

    return guarded


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Ignore interrupts: the cell has ended, and one would cost the frontend its reply.

    By `_signal`, as `signal` turns each handler into a member of an enumeration and back.
    """
    previous = _signal.getsignal(_signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or previous is None:
        yield
        return
    _signal.signal(_signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        _signal.signal(_signal.SIGINT, previous)


def off_in_forks(guarded: Guarded) -> None:
    """Turn it off in forked children: they have our connection and must not write on it."""
    reference = weakref.ref(guarded)

    def silence() -> None:
        inherited = reference()
        if inherited is not None:
            inherited.off = True

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=silence)
