"""Nested calls of the user's functions on CPython 3.11, by `sys.setprofile` within a budget.

The profile function is set while a recorded call of the cell's body runs, only where that may call
a function of the user's, and only where no other profiler is. It leaves as soon as code runs that
is not the user's: under a profile function, instructions are not specialised, which is slower and
shows in the positions that tracebacks tell. So functions that a library calls are not seen. It has
a budget of events for each cell run; when that is used up it leaves for good, and the run says so.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from opcode import opmap
from time import perf_counter
from types import BuiltinFunctionType, FrameType, FunctionType, MethodType
from typing import Any

from provenance_kernel.identity import identity
from provenance_kernel.trace.log import COUNTED, HERE, Log, Open
from provenance_kernel.trace.nested.frames import Frames
from provenance_kernel.trace.nested.ownership import Ownership
from provenance_kernel.trace.watchers import set_profile

EVENTS = 8000
# Functions that use these would meet us.
_LOOKS = frozenset({"getprofile", "setprofile", "gettrace", "settrace", "setprofile_all_threads"})
# Classes whose values have no code of the user's, and what runs none when called with one of them.
# By identity, as a class or callable of the user's may say itself what it is equal to.
_PLAIN_CLASSES = (int, float, complex, bool, str, bytes, type(None), range, slice)
_PLAIN = frozenset(map(identity, _PLAIN_CLASSES))
_PURE_FUNCTIONS = (abs, bin, chr, hash, hex, len, oct, ord, repr, round)
_PURE = frozenset(map(identity, (*_PLAIN_CLASSES, *_PURE_FUNCTIONS)))
_RETURN, _YIELD = opmap["RETURN_VALUE"], opmap["YIELD_VALUE"]


class ProfiledCalls:
    """Adds the user's functions to the log of the context they run in."""

    def __init__(self, owner: Ownership) -> None:
        self._owner = owner
        self.tool_name = ""
        # Nested calls are seen only below recorded calls.
        self.partial = True
        self._profile = self._event
        self._frames = Frames()
        # By identity of code: whether it is a function of the user's, and whether we stay for it.
        self._owned: dict[int, tuple[object, bool, bool]] = {}
        self.reason = "sys.setprofile"

    def begin(self, log: Log) -> None:
        """Give the run its budget."""
        log.budget = EVENTS
        log.begun, log.ended = self._begun, self._leave
        self._owned.clear()

    def pause(self) -> None:
        """Do nothing: there is one profile function, and it is theirs now."""

    def finish(self, log: Log) -> None:
        """Forget the calls of a run that are still open."""
        self._leave()
        self._frames.forget(log)

    def close(self) -> None:
        """Stop observing."""
        self._leave()

    def _begun(self, log: Log, function: object, values: Sequence[object], count: int) -> None:
        if log.budget > 0 and sys.getprofile() is None and self._may_see(function, values, count):
            set_profile(self._profile)

    def _may_see(self, function: object, values: Sequence[object], count: int) -> bool:
        """Whether a call may run a function of the user's before it runs one of a library's."""
        if any(map(_is_of_sys, (function, *values))):
            # `sys.setprofile` and its like.
            return False
        inner = function.__func__ if type(function) is MethodType else function
        if type(inner) is FunctionType:
            return self._owner.is_users(inner.__code__, inner.__globals__)
        # With more arguments, `str` may call a codec or its handler of errors.
        pure = identity(function) in _PURE and count == 1
        return not (pure and all(identity(type(value)) in _PLAIN for value in values))

    def _leave(self) -> None:
        # Whoever took our place meanwhile keeps it.
        if sys.getprofile() is self._profile:
            set_profile(None)

    def _event(self, frame: FrameType, event: str, value: Any) -> None:
        here = HERE.get()
        if here is None or here.log.closed:
            self._leave()
            return
        log = here.log
        log.budget -= 1
        if log.budget <= 0:
            self._leave()
            log.reasons.add("budget")
            return
        if event == "call":
            code = frame.f_code
            known = self._owned.get(identity(code))
            if known is None:
                stays = self._owner.is_users(code, frame.f_globals)
                stays = stays and _LOOKS.isdisjoint(code.co_names)
                known = self._owned[identity(code)] = (code, self._owner.owns(frame), stays)
            if not known[2]:
                self._leave()
            if known[1]:
                try:
                    self._called(frame, here)
                except RecursionError:
                    # No room left for us; the user's code is about to find out for itself.
                    return
                except Exception as error:
                    log.fault(error)
        elif event == "return" and self._frames.activation(frame) is not None:
            self._returned(frame, value)

    def _called(self, frame: FrameType, here: Open) -> None:
        code, log = frame.f_code, here.log
        seen = log.callee(code)
        if self._frames.activation(frame) is not None:
            self._frames.resume(frame)
            seen.resumed += 1
            if seen.resumed >= COUNTED:
                # What goes on so often is not worth our looking on.
                self._leave()
                log.reasons.add("budget")
            return
        if here.expect is code:
            # The call at module level, which has its record.
            here.expect = None
            return
        seen.starts += 1
        if not seen.starts % COUNTED:
            # Out of the way of a recursion that may be running into its limit.
            self._leave()
            log.reasons.add("budget")
        elif seen.recorded < log.per_site and log.admits(here.depth + 1):
            self._frames.begin(frame, here, seen)

    def _returned(self, frame: FrameType, value: object) -> None:
        end = perf_counter()
        last = frame.f_code.co_code[frame.f_lasti]
        if last == _YIELD:
            self._frames.pause(frame)
        elif value is None and last != _RETURN:
            # An exception that leaves a frame returns None from it, without a return instruction.
            self._frames.end(frame, "error", end)
        else:
            self._frames.end(frame, "ok", end, value)


def _is_of_sys(value: object) -> bool:
    return type(value) is BuiltinFunctionType and value.__module__ == "sys"
