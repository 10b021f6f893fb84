"""Distinguishes what imports draw from the module `random` from what the cell's own code draws.

A library that draws a number while it is imported uses the generator that nobody has seeded, and
no result depends on it. The interpreter announces each import that loads a module. What was drawn
since the announcement before it was drawn by an import, if it is announced from within one: an
import statement of the cell's own is announced too, when it begins. All else, such as what is drawn
after the last announcement, counts as the cell's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from types import FrameType

_MACHINERY = "<frozen importlib"
_OURS = __name__.partition(".")[0] + "."


class Draws:
    """Who drew in one run, while it goes on."""

    __slots__ = ("_last", "_state", "by_import", "by_others", "modules")

    def __init__(self, state: Callable[[], bytes], last: bytes) -> None:
        """Take what returns the generator's state, quickly, and the state it has."""
        self._state = state
        self._last = last
        self.by_import = False
        self.by_others = False
        # Modules of the project, in whose code a draw may matter.
        self.modules: dict[str, None] = {}

    def importing(self, is_library: Callable[[str], bool]) -> None:
        """Note that a module is about to be loaded; called where that is announced."""
        state = self._state()
        if state == self._last:
            return
        self._last = state
        importer = _importer()
        if importer is None:
            self.by_others = True
            return
        self.by_import = True
        if not is_library(importer.f_code.co_filename):
            self.modules[str(importer.f_globals.get("__name__"))] = None

    def end(self) -> None:
        """Note what was drawn after the last import."""
        if self._state() != self._last:
            self.by_others = True


current: ContextVar[Draws | None] = ContextVar("provenance_kernel_draws", default=None)


def _importer() -> FrameType | None:
    """Return the frame that imports, where that is itself being imported by a statement."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and (
        str(frame.f_globals.get("__name__")).startswith(_OURS)
        or frame.f_code.co_filename.startswith(_MACHINERY)
    ):
        frame = frame.f_back
    importer = frame
    outermost = None
    while frame is not None:
        code = frame.f_code
        if code.co_name == "_find_and_load" and code.co_filename.startswith(_MACHINERY):
            outermost = frame
        frame = frame.f_back
    if outermost is None or outermost.f_back is None:
        return None
    # `importlib.import_module` begins without being announced.
    return None if outermost.f_back.f_code.co_name == "_gcd_import" else importer
