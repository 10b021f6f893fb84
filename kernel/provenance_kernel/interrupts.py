"""Work on the main thread that an interrupt must not cut in two."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _thread
import threading
from types import FrameType
from typing import Any

_main = threading.main_thread().ident
_SOON_SECONDS = 0.003


class Deferred:
    """A context in which an interrupt (SIGINT) of the main thread waits for the context's end.

    Then it is raised again, or, if it is to be `kept`, it is only told by `came`. On other threads,
    which no signal reaches, and under a handler that was not made in Python nothing is done.
    """

    def __init__(self, *, kept: bool = False) -> None:
        self.came = False
        self._kept = kept
        self._before: Any = None

    def __enter__(self) -> Deferred:
        if threading.get_ident() == _main and callable(_signal.getsignal(_signal.SIGINT)):
            self._before = _signal.signal(_signal.SIGINT, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            _signal.signal(_signal.SIGINT, self._before)
            if self.came and not self._kept:
                _signal.raise_signal(_signal.SIGINT)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came = True


def interrupt_soon() -> None:
    """Interrupt the main thread in a moment, from a thread that `threading` does not list."""

    def interrupt() -> None:
        pause = _thread.allocate_lock()
        pause.acquire()
        pause.acquire(timeout=_SOON_SECONDS)
        _thread.interrupt_main()

    _thread.start_new_thread(interrupt, ())
