"""Profilers, tracers and debuggers of the user's: what looks at calls must not see ours.

Python tells audit hooks of each that begins, and lets neither profilers nor tracers see these.
Functions that stay set from cell to cell are taken away while we are at work between them.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, MethodType

from provenance_kernel.audit import listen

_EVENTS = frozenset({"sys.setprofile", "sys.settrace", "sys.monitoring.register_callback"})
# Shows the user lines of files, and no calls; with a dot as a tool of `sys.monitoring`.
_HARMLESS = frozenset({"coverage", "coverage.py", "pytest_cov"})
# Ours, and those of debuggers, which set it themselves and heed who else does.
_KEPT = frozenset({"provenance_kernel", "pydevd", "_pydevd_bundle", "debugpy", "bdb"})
_TOOLS = range(6)
# As they are now: debuggers put others in their place.
_settrace, _setprofile = sys.settrace, sys.setprofile

_mine = threading.local()
_told: list[Callable[[], None]] = []


def tell(look: Callable[[], None]) -> None:
    """Call a function whenever somebody begins, or ceases, to look at calls."""
    if not _told:
        listen(_EVENTS, _begins)
    if look not in _told:
        _told.append(look)


@contextmanager
def ours() -> Iterator[None]:
    """Tell nobody of what is set within."""
    _mine.now = True
    try:
        yield
    finally:
        _mine.now = False


def set_profile(function: Callable[..., object] | None) -> None:
    """Set a profile function of ours, or take it away, and tell nobody."""
    _mine.now = True
    try:
        sys.setprofile(function)
    finally:
        _mine.now = False


class Unseen:
    """A context in which functions that look at calls on this thread are not told of any."""

    __slots__ = ("_profile", "_trace")

    def __enter__(self) -> None:
        """Take them away, if there are."""
        trace, profile = sys.gettrace(), sys.getprofile()
        self._trace = trace if _may_be_set(trace) else None
        self._profile = profile if _may_be_set(profile) else None
        if self._trace is not None or self._profile is not None:
            _mine.suspended = (self._trace, self._profile)
            with ours():
                if self._trace is not None:
                    _settrace(None)
                if self._profile is not None:
                    _setprofile(None)

    def __exit__(self, *_: object) -> None:
        """Set them again."""
        if self._trace is not None or self._profile is not None:
            _mine.suspended = ()
            with ours():
                if self._trace is not None:
                    _settrace(self._trace)
                if self._profile is not None:
                    _setprofile(self._profile)


def seen() -> bool:
    """Whether there is reason to enter `Unseen` on this thread."""
    return sys.gettrace() is not None or sys.getprofile() is not None


def _may_be_set(function: object) -> bool:
    """Whether it can be set again as it was: others are objects of C, which set themselves."""
    return (
        type(function) in (FunctionType, MethodType)
        and not _is_harmless(function)
        and _package(function) not in _KEPT
    )


def watched(own_tool: str) -> bool:
    """Whether somebody looks at the calls of this thread; `own_tool` does not count."""
    suspended = getattr(_mine, "suspended", ())
    for function in (sys.gettrace(), sys.getprofile(), *suspended):
        if function is not None and not _is_harmless(function):
            return True
    if sys.version_info >= (3, 12):
        monitoring = sys.monitoring
        for tool in _TOOLS:
            name = monitoring.get_tool(tool)
            if name is None or name == own_tool or name in _HARMLESS:
                continue
            if monitoring.get_events(tool):
                return True
    return False


def _is_harmless(function: object) -> bool:
    return _package(function) in _HARMLESS


def _package(function: object) -> str:
    module = getattr(function, "__module__", None) or type(function).__module__
    return str(module).partition(".")[0]


def _begins(event: str, args: tuple[object, ...]) -> None:
    if not getattr(_mine, "now", False):
        for look in _told:
            look()
