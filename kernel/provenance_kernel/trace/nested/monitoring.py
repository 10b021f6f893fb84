"""Nested calls of the user's functions on CPython 3.12 and later, by `sys.monitoring`.

A global start event fires once for each code object of the process and is then disabled for
all that is not the user's, so that libraries run at full speed. The user's code objects get local
events besides, which are disabled at the cap and come back with the next cell run. Other tools'
events are not restarted. Exits by exception are seen by a global event: it cannot be local.
"""

from __future__ import annotations

import os
import sys
import threading
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR, CO_OPTIMIZED
from time import perf_counter
from types import CodeType, FrameType
from typing import Any
from weakref import ref

from provenance_kernel.identity import identity
from provenance_kernel.trace.log import COUNTED, HERE, Callee, Log
from provenance_kernel.trace.nested.frames import Frames
from provenance_kernel.trace.nested.ownership import Ownership
from provenance_kernel.trace.watchers import ours
from provenance_kernel.types import RunStatus

assert sys.version_info >= (3, 12)
_monitoring = sys.monitoring
_events = sys.monitoring.events
_DISABLE = sys.monitoring.DISABLE
_GLOBAL = _events.PY_START | _events.PY_UNWIND | _events.PY_THROW
_LOCAL = _events.PY_RETURN | _events.PY_YIELD | _events.PY_RESUME
# Ids that no kind of tool is meant to have.
_FREE_IDS = (4, 3)
_NAME = "provenance"
# Returns are seen for longer while a recorded call is open, which ends last.
_EXITS = 4 * COUNTED
# Starts of a function, with calls of it open, from which on it may recurse without end.
_DEEP = 100
_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})


class MonitoredCalls:
    """Adds the user's functions to the log of the context they run in."""

    def __init__(self, owner: Ownership) -> None:
        self._owner = owner
        self.tool_name = _NAME
        # Nested calls are seen wherever they come from.
        self.partial = False
        self._tool: int | None = None
        self._codes: dict[int, ref[CodeType]] = {}
        self._disabled: dict[int, ref[CodeType]] = {}
        self._strays: dict[int, int] = {}
        # Whether ends of calls are not looked at for the rest of the run.
        self._blind = False
        self._frames = Frames()
        self._switching = threading.Lock()
        self._paused = False
        for tool in _FREE_IDS:
            if _monitoring.get_tool(tool) is None:
                self._start(tool)
                self.reason = f"sys.monitoring tool {tool}"
                break
        else:
            self.reason = "none, as no sys.monitoring tool id is free"

    def begin(self, log: Log) -> None:
        """Have the events again that former runs disabled."""
        tool = self._tool
        self._strays.clear()
        if tool is None:
            return
        if self._blind:
            self._blind = False
            self._register(_callbacks(self))
        if not self._disabled and not self._paused:
            return
        with self._switching:
            codes = _alive(self._codes if self._paused else self._disabled)
            self._disabled.clear()
            self._paused = False
            # An event comes back where it was taken away altogether in between. The other
            # code objects of the process see no change, and keep theirs disabled.
            _switch(tool, False, codes)
            _switch(tool, True, codes)

    def pause(self) -> None:
        """Have no event for the rest of the run, as somebody else begins to look.

        In 3.13.0, a debugger is not told of opcodes of which a tool has events, and stops late.
        """
        tool = self._tool
        if tool is not None and not self._paused:
            with self._switching:
                self._paused = True
                _switch(tool, False, _alive(self._codes))

    def finish(self, log: Log) -> None:
        """Forget the calls of a run that are still open."""
        self._frames.forget(log)

    def close(self) -> None:
        """Give the tool id back."""
        tool, self._tool = self._tool, None
        if tool is not None and _monitoring.get_tool(tool) == _NAME:
            _switch(tool, False, _alive(self._codes))
            for event in _callbacks(self):
                _monitoring.register_callback(tool, event, None)
            _monitoring.free_tool_id(tool)

    def _start(self, tool: int) -> None:
        _monitoring.use_tool_id(tool, _NAME)
        self._tool = tool
        self._register(_callbacks(self))
        _monitoring.set_events(tool, _GLOBAL)
        # A weak reference, so that a closed tracer can go although the hook stays.
        mine = ref(self)

        def quiet() -> None:
            nested = mine()
            if nested is not None:
                with ours():
                    nested.close()

        os.register_at_fork(after_in_child=quiet)

    def _register(self, callbacks: dict[int, Any]) -> None:
        if self._tool is not None:
            with ours():
                for event, callback in callbacks.items():
                    _monitoring.register_callback(self._tool, event, callback)

    def _close_eyes(self, code: CodeType) -> None:
        """Look at no more ends of calls in this run.

        A recursion that goes on may reach the limit, where a callback would find no room for its
        frame, and the user would see its error instead of their own.
        """
        self._blind = True
        ends = (event for event in _callbacks(self) if event != _events.PY_START)
        self._register(dict.fromkeys(ends))
        if self._tool is not None:
            # An event that nobody takes still costs its code. One is kept, as `begin` has events
            # come back only where it takes some away.
            self._disable(code)
            _monitoring.set_local_events(self._tool, code, _events.PY_RESUME)

    # Events. They run in the user's threads; `None` keeps an event, `_DISABLE` ends it here.
    # Neither `id` nor a frame is asked for without need, as both raise an audit event.

    def _started(self, code: CodeType, offset: int) -> Any:
        here, key = HERE.get(), identity(code)
        try:
            if key not in self._codes:
                if not self._owner.owns(sys._getframe(1)):
                    return _DISABLE
                self._adopt(code)
            if here is None or here.log.closed:
                return self._stray(code)
            log = here.log
            seen = log.callee(code)
            if here.expect is code:
                # The call at module level, which has its record.
                here.expect = None
                return None
            if here is log.root and key in log.direct and _is_direct(code, sys._getframe(1)):
                seen.direct += 1
                return self._disable(code) if seen.direct >= COUNTED else None
            seen.starts += 1
            if seen.recorded < log.per_site and log.admits(here.depth + 1):
                self._frames.begin(sys._getframe(1), here, seen)
                return None
            if seen.open and seen.starts >= _DEEP and not self._blind:
                self._close_eyes(code)
            return self._disable(code) if seen.starts >= COUNTED else None
        except RecursionError:
            # No room left for us; the user's code is about to find out for itself.
            return None
        except Exception as error:
            if here is not None:
                here.log.fault(error)
            return None

    def _returned(self, code: CodeType, offset: int, result: object) -> Any:
        end = perf_counter()
        seen = self._seen(code)
        if seen is None:
            return self._stray(code)
        if seen.open:
            self._frames.end(sys._getframe(1), "ok", end, result)
        seen.exits += 1
        return self._disable(code) if seen.exits >= (_EXITS if seen.open else COUNTED) else None

    def _unwound(self, code: CodeType, offset: int, error: BaseException) -> Any:
        if identity(code) in self._codes:
            kind = type(error)
            status: RunStatus = "error"
            if issubclass(kind, KeyboardInterrupt):
                status = "interrupted"
            elif issubclass(kind, GeneratorExit):
                # A generator that is closed has not failed.
                status = "ok"
            self._frames.end(sys._getframe(1), status, perf_counter())

    def _yielded(self, code: CodeType, offset: int, value: object) -> Any:
        seen = self._seen(code)
        if seen is None:
            return self._stray(code)
        if seen.open:
            self._frames.pause(sys._getframe(1))
        return _DISABLE if identity(code) in self._disabled else None

    def _resumed(self, code: CodeType, offset: int) -> Any:
        seen = self._seen(code)
        if seen is None:
            return self._stray(code)
        seen.resumed += 1
        if seen.resumed >= COUNTED or identity(code) in self._disabled:
            # Once its yields are no longer seen, a generator would stay "here" for good.
            return self._disable(code)
        if seen.open:
            self._frames.resume(sys._getframe(1))
        return None

    def _thrown(self, code: CodeType, offset: int, error: BaseException) -> Any:
        if identity(code) in self._codes and identity(code) not in self._disabled:
            self._frames.resume(sys._getframe(1))

    def _seen(self, code: CodeType) -> Callee | None:
        """Return what the current run saw of a function."""
        here = HERE.get()
        return None if here is None or here.log.closed else here.log.seen.get(identity(code))

    def _stray(self, code: CodeType) -> Any:
        """Count an event of a thread, or outside cell runs: nothing to attach it to."""
        key = identity(code)
        strays = self._strays[key] = self._strays.get(key, 0) + 1
        return self._disable(code) if strays >= COUNTED else None

    def _adopt(self, code: CodeType) -> None:
        key = identity(code)
        codes, disabled = self._codes, self._disabled

        def gone(_: ref[CodeType]) -> None:
            codes.pop(key, None)
            disabled.pop(key, None)

        codes[key] = ref(code, gone)
        if self._tool is not None:
            _monitoring.set_local_events(self._tool, code, _LOCAL)

    def _disable(self, code: CodeType) -> Any:
        self._disabled[identity(code)] = ref(code)
        return _DISABLE


def _alive(held: dict[int, ref[CodeType]]) -> list[CodeType]:
    return [code for each in list(held.values()) if (code := each()) is not None]


def _switch(tool: int, on: bool, codes: list[CodeType]) -> None:
    """Have the events of a tool, the local ones of some code objects, or have none."""
    _monitoring.set_events(tool, _GLOBAL if on else 0)
    for code in codes:
        _monitoring.set_local_events(tool, code, _LOCAL if on else 0)


def _is_direct(code: CodeType, frame: FrameType) -> bool:
    """Whether module-level code, which counts its calls itself, called what runs in a frame."""
    caller = frame.f_back
    if caller is None or code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
        # What begins a generator is its first use, not the call.
        return False
    above = caller.f_code
    return not above.co_flags & CO_OPTIMIZED or above.co_qualname in _COMPREHENSIONS


def _callbacks(calls: MonitoredCalls) -> dict[int, Any]:
    return {
        _events.PY_START: calls._started,
        _events.PY_RETURN: calls._returned,
        _events.PY_UNWIND: calls._unwound,
        _events.PY_YIELD: calls._yielded,
        _events.PY_RESUME: calls._resumed,
        _events.PY_THROW: calls._thrown,
    }
