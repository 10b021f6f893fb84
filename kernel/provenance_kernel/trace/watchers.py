"""Profilers, tracers and debuggers of the user's: what looks at calls must not see ours.

Python tells audit hooks of each that begins, and lets neither profilers nor tracers see these.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from provenance_kernel.audit import listen

_EVENTS = frozenset({"sys.setprofile", "sys.settrace", "sys.monitoring.register_callback"})
# Shows the user lines of files, and no calls; with a dot as a tool of `sys.monitoring`.
_HARMLESS = frozenset({"coverage", "coverage.py", "pytest_cov"})
_TOOLS = range(6)

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


def watched(own_tool: str) -> bool:
    """Whether somebody looks at the calls of this thread; `own_tool` does not count."""
    for function in (sys.gettrace(), sys.getprofile()):
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
    module = getattr(function, "__module__", None) or type(function).__module__
    return str(module).partition(".")[0] in _HARMLESS


def _begins(event: str, args: tuple[object, ...]) -> None:
    if not getattr(_mine, "now", False):
        for look in _told:
            look()
