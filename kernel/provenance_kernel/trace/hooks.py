"""What the rewritten code of a cell calls: one object, a constant of that code.

A call `f(x, 0.2)` at module level becomes `H.enter(site)(H.value(site, f)(H.last(site, x), 0.2))`.
The hooks are given the callee, the arguments and the result, and return them as they are, so that
the call itself is made by the cell's own frame. While it runs, the value stack of that frame
holds the only reference to the object that awaits the result: an exception that unwinds the
stack frees it, which is how a call that raised is noticed, at once and without a handler.

Code also has the guards of what it does repeatedly as constants. The compiler takes strings for
all of these, and `insert` puts the objects in their place, so that no name is bound anywhere.

Everything here may run between any two instructions of a cell.
"""

from __future__ import annotations

import _thread
import os
from collections.abc import Sequence
from functools import partial
from itertools import count, repeat
from time import perf_counter
from types import CodeType, FunctionType, MethodType
from typing import Any, Final
from weakref import ref

from provenance_kernel.identity import identity
from provenance_kernel.inspection import qualified
from provenance_kernel.trace.arguments import bind
from provenance_kernel.trace.log import HERE, Open
from provenance_kernel.trace.sites import Guard, LoopCount, Site
from provenance_kernel.types import RunStatus

# A string that no cell contains. A guard's has its number behind it.
HOOKS: Final = f"<provenance {os.urandom(8).hex()}>"
_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
_NOTHING: dict[object, object] = {}
_same = partial(_NOTHING.get, None)
_entered = repeat(_same)

# By numbers that are given once in a process, as code may outlive its cell run.
numbers = count()
sites: dict[int, Site] = {}
loops: dict[int, LoopCount] = {}
_pending: dict[int, PendingCall] = {}


class PendingCall:
    """One recorded execution of a site, from before its callee is evaluated."""

    __slots__ = ("crossed", "death", "open", "site", "values")

    def __init__(self, site: Site) -> None:
        self.site = site
        # The callee, then the arguments that are no constants.
        self.values: list[object] = []
        self.open: Open | None = None
        # Of what awaits the result; without it, the end of that goes unnoticed.
        self.death: ref[Any] | None = None
        self.crossed = False

    def start(self) -> None:
        """Record the call, which is made now."""
        site, (function, *values) = self.site, self.values
        self.values = []
        log = site.log
        here = HERE.get()
        if here is None or here.log is not log:
            # A generator expression that another thread or cell runs.
            here = log.root
        if self.crossed or log.closed or not log.admits(here.depth + 1):
            return
        bound = bind(function, *site.arguments(values))
        found = log.open(here, qualified(function), site.line, function, bound)
        inner = function.__func__ if type(function) is MethodType else function
        if type(inner) is FunctionType:
            code = inner.__code__
            found.expect = code
            log.direct.add(identity(code))
        site.recorded += 1
        site.last = self.open = found
        found.enter(here)
        if log.begun is not None:
            log.begun(log, function, values, len(site.shape))
        found.start = perf_counter()

    def took(self, result: object) -> object:
        """Note the result of the call."""
        end = perf_counter()
        try:
            found = self._end("ok", end)
            if found is not None:
                found.returned(result)
        except Exception as error:
            self.site.log.fault(error)
        return result

    def died(self, _: ref[Any]) -> None:
        """Note that an exception left the call, or the evaluation of its arguments."""
        try:
            self._end("error", perf_counter())
        except KeyboardInterrupt:
            # Python drops what a finaliser raises; the interrupt is the user's.
            _thread.interrupt_main()
        except Exception as error:
            self.site.log.fault(error)

    def _end(self, status: RunStatus, end: float) -> Open | None:
        self.death, self.values = None, []
        if _pending.get(self.site.number) is self:
            del _pending[self.site.number]
        found, self.open = self.open, None
        if found is not None:
            if found.log.ended is not None:
                found.log.ended()
            found.close(status, end)
        return found


def _enter(number: int) -> object:
    """Enter a call expression; returns what its result is to be passed to."""
    site = sites.get(number)
    if site is None:
        return _same
    site.started += 1
    if site.started > site.log.per_site:
        if site.guard is not None:
            site.guard.open = False
        return _same
    call = PendingCall(site)
    waiting = partial(call.took)
    crossing = _pending.get(number)
    if crossing is not None:
        # Two executions at once (generator expressions, threads): their arguments cannot
        # be told apart, so neither is recorded.
        crossing.crossed = call.crossed = True
    _pending[number] = call
    call.death = ref(waiting, call.died)
    return waiting


def _value(number: int, value: object) -> object:
    """Note the callee or an argument."""
    call = _pending.get(number)
    if call is not None:
        call.values.append(value)
    return value


def _last(number: int, value: object) -> object:
    """Note the last of them, and that the call is made now."""
    call = _pending.get(number)
    if call is not None:
        call.values.append(value)
        try:
            call.start()
        except Exception as error:
            call.site.log.fault(error)
    return value


def _over(number: int, value: object) -> object:
    """Return what a loop over a value is to iterate over, so that its turns are known."""
    loop = loops.get(number)
    return value if loop is None else loop.over(value)


class Hooks:
    """The hooks as code calls them: `partial` objects, of which no profiler or tracer is told.

    What code has loaded and not yet called is switched with the rest, as it stays the same.
    """

    __slots__ = ("enter", "last", "over", "value")

    enter: Any
    last: Any
    over: Any
    value: Any

    def __init__(self) -> None:
        for name in self.__slots__:
            setattr(self, name, partial(_NOTHING.get))
        self.observe()

    def observe(self) -> None:
        """Call the functions of this module."""
        functions = {"enter": _enter, "last": _last, "over": _over, "value": _value}
        for name, function in functions.items():
            getattr(self, name).__setstate__((function, (), {}, None))

    def pass_through(self) -> None:
        """Return what is passed, by C alone; calls that are under way, too."""
        # `{}.get(key, value)` is `value`, and `next(endless, value)` what is repeated.
        for hook in (self.last, self.over, self.value):
            hook.__setstate__((_NOTHING.get, (), {}, None))
        self.enter.__setstate__((next, (_entered,), {}, None))
        for call in list(_pending.values()):
            death, call.death = call.death, None
            waiting = None if death is None else death()
            if waiting is not None:
                waiting.__setstate__((_NOTHING.get, (None,), {}, None))
        _pending.clear()


def insert(code: CodeType, guards: Sequence[Guard]) -> CodeType:
    """Put the objects in the place of the strings, in code that was compiled from rewritten."""
    changed = False
    constants: list[object] = []
    for value in code.co_consts:
        found: object = value
        if type(value) is str and value.startswith(HOOKS):
            number = value.removeprefix(HOOKS)
            found = guards[int(number)] if number else hooks
        elif type(value) is CodeType and value.co_name in _COMPREHENSIONS:
            found = insert(value, guards)
        changed = changed or found is not value
        constants.append(found)
    return code.replace(co_consts=tuple(constants)) if changed else code


def retire(numbered: Sequence[Site | LoopCount]) -> None:
    """Forget what a cell run used; code of it that still runs passes through."""
    for each in numbered:
        sites.pop(each.number, None)
        loops.pop(each.number, None)
        _pending.pop(each.number, None)


hooks = Hooks()
# In a forked child nobody collects.
os.register_at_fork(after_in_child=hooks.pass_through)
