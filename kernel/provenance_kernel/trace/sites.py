"""The call sites of a cell's code, the guards before them, and what tells how often they ran."""

from __future__ import annotations

import io
from itertools import compress, repeat
from operator import length_hint
from types import GeneratorType, WrapperDescriptorType
from typing import Final, cast

from provenance_kernel.inspection import namespace_of
from provenance_kernel.trace.log import Log, Open

POSITIONAL, STAR, KEYWORD, DOUBLE_STAR = range(4)
VALUE: Final = object()
_ENDLESS = 1 << 62
_FILES = frozenset({io.TextIOWrapper, io.BufferedReader, io.StringIO, io.BytesIO})


class Guard:
    """Whether what is behind it is still observed: a constant of the code that asks it.

    It closes when a site behind it has begun more often than is recorded. Slots are what code
    reads and writes soonest.
    """

    __slots__ = ("loop", "number", "open", "ran")

    def __init__(self, number: int, loop: LoopCount | None) -> None:
        self.number = number
        self.open = True
        # Whether the block that it opens ran.
        self.ran = False
        # The loop in each turn of which it is passed once, if there is one.
        self.loop = loop


class LoopCount:
    """How many turns a loop takes, told by what it iterates over."""

    __slots__ = ("_left", "_length", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self._length = 0
        # Its length is how many turns are left of them.
        self._left: object = None

    def over(self, value: object) -> object:
        """Return what the loop is to iterate over in the stead of a value."""
        try:
            if type(value) is range:
                self._length = len(value)
                self._left = iter(value)
                return self._left
            if _iterates_in_c(value):
                left = repeat(True, _ENDLESS)
                counted = compress(cast("list[object]", value), left)
                self._length, self._left = _ENDLESS, left
                return counted
        except Exception as error:
            # It will be raised again by the loop itself; if it is the same, without this frame.
            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        return value

    def turns(self) -> int | None:
        """Return how many turns the loop took; None where that is not known."""
        return None if self._left is None else self._length - length_hint(self._left)


class Site:
    """A call expression in the module-level code of a cell."""

    __slots__ = ("guard", "last", "line", "log", "number", "recorded", "shape", "started")

    def __init__(
        self,
        log: Log,
        number: int,
        line: int,
        shape: tuple[tuple[int, str, object], ...],
        guard: Guard | None,
    ) -> None:
        self.log = log
        self.number = number
        self.line = line
        # (kind, keyword, constant or VALUE) of each argument, in order of evaluation.
        self.shape = shape
        # The one that it is behind; None outside loops.
        self.guard = guard
        self.started = 0
        self.recorded = 0
        self.last: Open | None = None

    def arguments(self, values: list[object]) -> tuple[list[object], dict[str, object]]:
        """Return positional and keyword arguments, from those of a call that are no constants."""
        positional: list[object] = []
        keywords: dict[str, object] = {}
        rest = iter(values)
        for kind, name, constant in self.shape:
            value = next(rest) if constant is VALUE else constant
            if kind == POSITIONAL:
                positional.append(value)
            elif kind == KEYWORD:
                keywords[name] = value
            elif kind == STAR:
                if type(value) in (tuple, list):
                    positional.extend(cast("list[object]", value))
                else:
                    # Anything else would be consumed, or run code of the user's.
                    keywords["*"] = value
            elif type(value) is dict:
                keywords.update((k, v) for k, v in value.items() if type(k) is str)
            else:
                keywords["**"] = value
        return positional, keywords

    def total(self) -> int | None:
        """Return how often the call was made; None where that is not known."""
        guard = self.guard
        if guard is None or guard.open:
            return self.started
        return None if guard.loop is None else guard.loop.turns()


def _iterates_in_c(value: object) -> bool:
    """Whether an iterator of a value can be had without running somebody's code.

    Nor by a method that is inherited: a file's asks the class whether it is closed. And the
    interpreter runs the frames of generators in loops inline, unless something is between.
    """
    kind = type(value)
    if kind in _FILES:
        return True
    return (
        type(namespace_of(kind).get("__iter__")) is WrapperDescriptorType
        and kind is not GeneratorType
    )
