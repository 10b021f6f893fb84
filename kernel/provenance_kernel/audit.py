"""The process's audit hook: parts listen to the events that they name.

A hook cannot be removed and is called for every event, on any thread. The call itself costs more
than what the hook does, so the process has one hook, which looks the event up in a dictionary. An
exception in it would make the user's operation fail: listeners let none out but an interrupt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

Listener = Callable[[str, tuple[Any, ...]], None]

_listeners: dict[str, Listener] = {}
_unheard: set[int] = set()  # threads on which our own code is at work


def listen(events: Iterable[str], listener: Listener) -> None:
    """Have a function, and none that did before, called with each event of these names."""
    if not _listeners:
        sys.addaudithook(hook)
    _listeners.update(dict.fromkeys(events, listener))


@contextmanager
def unheard() -> Iterator[None]:
    """Keep events of this thread from the listeners: what happens meanwhile is our own doing."""
    thread = get_ident()
    if thread in _unheard:
        yield
        return
    _unheard.add(thread)
    try:
        yield
    finally:
        _unheard.discard(thread)


def hook(
    event: str,
    args: tuple[Any, ...],
    heard: dict[str, Listener] = _listeners,
    unheard: set[int] = _unheard,
    thread: Callable[[], int] = get_ident,
) -> None:
    """Pass an event on; called until the interpreter's very end, when this module has no names."""
    listener = heard.get(event)
    if listener is not None and not (unheard and thread() in unheard):
        listener(event, args)
