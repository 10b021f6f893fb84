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
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, CO_OPTIMIZED
from opcode import opmap
from time import perf_counter
from types import CodeType, FrameType
from typing import Any
from weakref import ref

from provenance_kernel.trace.arguments import of_frame
from provenance_kernel.trace.log import COUNTED, HERE, Log, Open, Seen
from provenance_kernel.trace.ownership import Ownership
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
# Returns and yields outnumber the starts that are counted: recorded calls are open for long.
_EXITS = 4 * COUNTED
# Starts of a function, with calls of it open, from which on it may recurse without end.
_DEEP = 100
_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
_CALLS = frozenset(opmap[n] for n in ("CALL", "CALL_KW", "CALL_FUNCTION_EX") if n in opmap)
_CACHE = opmap["CACHE"]


class Nested:
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
        # By identity of the frame, which lives as long as the call or generator.
        self._frames: dict[int, tuple[Open, Seen]] = {}
        self._switching = threading.Lock()
        self._asleep = False
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
        if not self._disabled and not self._asleep:
            return
        with self._switching:
            wanted = self._codes if self._asleep else self._disabled
            codes = [code for held in list(wanted.values()) if (code := held()) is not None]
            self._disabled.clear()
            self._asleep = False
            # An event comes back where it was taken away altogether in between. The other
            # code objects of the process see no change, and keep theirs disabled.
            _monitoring.set_events(tool, 0)
            for code in codes:
                _monitoring.set_local_events(tool, code, 0)
            _monitoring.set_events(tool, _GLOBAL)
            for code in codes:
                _monitoring.set_local_events(tool, code, _LOCAL)

    def sleep(self) -> None:
        """Have no event for the rest of the run, as somebody else begins to look.

        In 3.13.0, a debugger is not told of opcodes of which a tool has events, and stops late.
        """
        tool = self._tool
        if tool is not None and not self._asleep:
            with self._switching:
                self._asleep = True
                _monitoring.set_events(tool, 0)
                for held in list(self._codes.values()):
                    code = held()
                    if code is not None:
                        _monitoring.set_local_events(tool, code, 0)

    def finish(self, log: Log) -> None:
        """Forget the calls of a run that are still open."""
        for key, (found, _) in list(self._frames.items()):
            if found.log is log:
                self._frames.pop(key, None)

    def close(self) -> None:
        """Give the tool id back."""
        tool, self._tool = self._tool, None
        if tool is not None and _monitoring.get_tool(tool) == _NAME:
            _monitoring.set_events(tool, 0)
            for held in self._codes.values():
                code = held()
                if code is not None:
                    _monitoring.set_local_events(tool, code, 0)
            for event in _callbacks(self):
                _monitoring.register_callback(tool, event, None)
            _monitoring.free_tool_id(tool)

    def _start(self, tool: int) -> None:
        _monitoring.use_tool_id(tool, _NAME)
        self._tool = tool
        for event, callback in _callbacks(self).items():
            _monitoring.register_callback(tool, event, callback)
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

    def _close_eyes(self) -> None:
        """Look at no more ends of calls in this run.

        A recursion that goes on may reach the limit, where a callback would find no room for its
        frame, and the user would see its error instead of their own.
        """
        self._blind = True
        ends = (event for event in _callbacks(self) if event != _events.PY_START)
        self._register(dict.fromkeys(ends))

    # Events. They run in the user's threads; `None` keeps an event, `_DISABLE` ends it here.

    def _started(self, code: CodeType, offset: int) -> Any:
        key = id(code)
        here = HERE.get()
        try:
            if key not in self._codes:
                if not self._owner.owns(sys._getframe(1)):
                    return _DISABLE
                self._adopt(code)
            if here is None or here.log.closed:
                # A thread, or a call outside cell runs: nothing to attach it to.
                strays = self._strays[key] = self._strays.get(key, 0) + 1
                return self._disable(code) if strays >= COUNTED else None
            log = here.log
            seen = log.seen.get(key)
            if seen is None:
                seen = log.seen[key] = Seen(code)
            if here.expect is code:
                # The call at module level, which has its record.
                here.expect = None
                return None
            if key in log.direct and _is_direct(code, sys._getframe(1).f_back):
                seen.direct += 1
                return self._disable(code) if seen.direct >= COUNTED else None
            seen.starts += 1
            if seen.recorded >= log.per_site or not log.admits(here.depth + 1):
                if seen.open and seen.starts >= _DEEP and not self._blind:
                    self._close_eyes()
                return self._disable(code) if seen.starts >= COUNTED else None
            frame = sys._getframe(1)
            names = frame.f_globals.get("__name__")
            name = f"{names}.{code.co_qualname}" if type(names) is str else code.co_qualname
            found = log.open(here, name, code.co_firstlineno, code, of_frame(frame))
        except RecursionError:
            # No room left for us; the user's code is about to find out for itself.
            return None
        except Exception as error:
            if here is not None:
                here.log.sink.fault(error)
            return None
        seen.recorded += 1
        seen.last = found
        seen.open += 1
        found.previous = here
        self._frames[id(frame)] = (found, seen)
        HERE.set(found)
        found.start = perf_counter()
        return None

    def _returned(self, code: CodeType, offset: int, result: object) -> Any:
        end = perf_counter()
        known = self._frames.pop(id(sys._getframe(1)), None)
        if known is None or known[1].code is not code:
            return self._exit(code)
        self._close(known, "ok", end)
        found = known[0]
        try:
            if not found.log.closed:
                found.result = found.log.sink.describe(result)
        except Exception as error:
            found.log.sink.fault(error)
        return self._exit(code)

    def _unwound(self, code: CodeType, offset: int, error: BaseException) -> Any:
        if id(code) not in self._codes:
            return None
        end = perf_counter()
        known = self._frames.pop(id(sys._getframe(1)), None)
        if known is not None and known[1].code is code:
            kind = type(error)
            if issubclass(kind, KeyboardInterrupt):
                self._close(known, "interrupted", end)
            else:
                # A generator that is closed has not failed.
                self._close(known, "ok" if issubclass(kind, GeneratorExit) else "error", end)
        return None

    def _yielded(self, code: CodeType, offset: int, value: object) -> Any:
        known = self._frames.get(id(sys._getframe(1)))
        if known is not None and known[1].code is code and HERE.get() is known[0]:
            HERE.set(known[0].previous)
        return self._exit(code)

    def _resumed(self, code: CodeType, offset: int, *_: object) -> Any:
        known = self._frames.get(id(sys._getframe(1)))
        if known is None or known[1].code is not code:
            return None
        here = HERE.get()
        # Once its yields are no longer seen, a generator would stay "here" for good.
        if here is not None and id(code) not in self._disabled:
            known[0].previous = here
            HERE.set(known[0])
        return None

    def _exit(self, code: CodeType) -> Any:
        here = HERE.get()
        if here is None:
            return None
        seen = here.log.seen.get(id(code))
        if seen is None:
            return None
        seen.exits += 1
        done = not seen.open and seen.recorded >= here.log.per_site
        return self._disable(code) if done or seen.exits >= _EXITS else None

    def _close(self, known: tuple[Open, Seen], status: RunStatus, end: float) -> None:
        found, seen = known
        seen.open -= 1
        found.close(status, end)
        if HERE.get() is found:
            HERE.set(found.previous)

    def _adopt(self, code: CodeType) -> None:
        key = id(code)
        codes, disabled = self._codes, self._disabled

        def gone(_: ref[CodeType]) -> None:
            codes.pop(key, None)
            disabled.pop(key, None)

        codes[key] = ref(code, gone)
        if self._tool is not None:
            _monitoring.set_local_events(self._tool, code, _LOCAL)

    def _disable(self, code: CodeType) -> Any:
        self._disabled[id(code)] = ref(code)
        return _DISABLE


def _is_direct(code: CodeType, caller: FrameType | None) -> bool:
    """Whether module-level code calls the code that has begun, unrecorded but counted."""
    if caller is None or code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
        # What begins a generator is its first use, not the call.
        return False
    above = caller.f_code
    if above.co_flags & CO_OPTIMIZED and above.co_qualname not in _COMPREHENSIONS:
        return False
    if code.co_flags & CO_COROUTINE:
        return True
    instructions, at = above.co_code, caller.f_lasti
    while at and instructions[at] == _CACHE:
        # Until 3.12, a frame that waits for a call stands on the last cache entry behind it.
        at -= 2
    return instructions[at] in _CALLS


def _callbacks(nested: Nested) -> dict[int, Any]:
    return {
        _events.PY_START: nested._started,
        _events.PY_RETURN: nested._returned,
        _events.PY_UNWIND: nested._unwound,
        _events.PY_YIELD: nested._yielded,
        _events.PY_RESUME: nested._resumed,
        _events.PY_THROW: nested._resumed,
    }
