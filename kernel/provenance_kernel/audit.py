"""The process's audit hook: parts listen to the events that they name.

A hook cannot be removed and is called for every event, from any thread; that it is called at all
costs more than what it does. So there is one, and it is one look into a dictionary. An exception
in it would make the user's operation fail: listeners let none out but an interrupt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

Listener = Callable[[str, tuple[Any, ...]], None]

_listeners: dict[str, Listener] = {}


def listen(events: Iterable[str], listener: Listener) -> None:
    """Have a function, and none that did before, called with each event of these names."""
    if not _listeners:
        sys.addaudithook(hook)
    _listeners.update(dict.fromkeys(events, listener))


def hook(event: str, args: tuple[Any, ...], heard: dict[str, Listener] = _listeners) -> None:
    """Pass an event on; called until the interpreter's very end, when this module has no names."""
    listener = heard.get(event)
    if listener is not None:
        listener(event, args)
