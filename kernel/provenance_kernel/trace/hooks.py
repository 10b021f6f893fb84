"""What the rewritten code of a cell calls: one object, a constant of that code.

A call `f(x, 0.2)` at module level becomes `H.e(site)(H.c(site, f)(H.z(site, x), 0.2))`. The
outer parts are given the callee, the arguments and the result, and return them as they are, so
that the call itself is made by the cell's own frame. While it runs, the value stack of that frame
holds the only reference to the object that awaits the result: an exception that unwinds the
stack frees it, which is how a call that raised is noticed, at once and without a handler.

Beside it, code has gauges as constants, one for each group or block in a loop. The compiler
takes strings for all of these, and `insert` puts the objects in their place, so that no name is
bound anywhere. Once a profiler or debugger of the user's begins to look, `hush`
makes all of it pass through C: `functools.partial` objects, which no profiler or tracer is told of.

The file is long as everything in it may run between any two instructions of a cell.
"""

from __future__ import annotations

import _thread
import os
from collections.abc import Iterable, Iterator
from functools import partial
from inspect import CO_GENERATOR
from itertools import compress, islice, repeat
from operator import length_hint
from time import perf_counter
from types import CodeType, FunctionType, MethodType, WrapperDescriptorType
from typing import Any, Final, cast
from weakref import ref

from provenance_kernel.trace.arguments import bind
from provenance_kernel.trace.log import HERE, Log, Open
from provenance_kernel.trace.names import class_attribute, qualified
from provenance_kernel.trace.sites import (
    Gauge,
    Group,
    Loop,
    Site,
    gauges,
    new_tally,
    open_tally,
    retire_gauge,
    retire_tally,
    taken,
    tallies,
)

# A string that no cell contains. A gauge's has its number behind it.
HOOKS: Final = f"<provenance {os.urandom(8).hex()}>"
# An attribute of what takes its place.
TALLIES = "tallies"

POSITIONAL, STAR, KEYWORD, DOUBLE_STAR = range(4)
VALUE: Final = object()
# Their length is what is left of them, exactly.
_EMPTY: tuple[Iterable[object], ...] = (range(0), (), [], "", b"", {}, set())
_SIZED = frozenset(type(iter(empty)) for empty in _EMPTY)


def new_gate(group: Group) -> int:
    """Return the index of a tally that is closed until a group has been recorded."""
    number = new_tally(closed=True)
    _hooks.gates[number] = group
    return number


class Call:
    """One recorded execution of a site, from before its callee is evaluated."""

    __slots__ = ("crossed", "death", "function", "number", "open", "previous", "site", "values")

    def __init__(self, number: int, site: Site) -> None:
        self.number = number
        self.site = site
        self.function: object = None
        self.values: list[object] = []
        self.open: Open | None = None
        self.previous: Open | None = None
        self.death: Death | None = None
        self.crossed = False

    def start(self) -> None:
        site = self.site
        log = site.log
        function, values = self.function, self.values
        self.function, self.values = None, []
        here = HERE.get()
        if here is None or here.log is not log:
            # A generator expression that another thread or cell runs.
            here = log.root
        if self.crossed or log.closed or not log.admits(here.depth + 1):
            return
        bound = bind(function, *_arguments(site.shape, values))
        found = log.open(here, qualified(function), site.line, function, bound)
        inner = function.__func__ if type(function) is MethodType else function
        if type(inner) is FunctionType:
            code = inner.__code__
            found.expect = code
            log.direct.add(id(code))
        site.recorded += 1
        site.last = found
        self.previous = here
        self.open = found
        HERE.set(found)
        begun = log.begun
        if begun is not None:
            begun(log, function, values, len(site.shape))
        found.start = perf_counter()

    def end(self, error: bool, end: float) -> None:
        found, self.open = self.open, None
        if found is None:
            return
        ended = found.log.ended
        if ended is not None:
            ended(found.log)
        found.close("error" if error else "ok", end)
        if HERE.get() is found:
            HERE.set(self.previous)


class Await(partial[object]):
    """Takes the result of a call; owned by nothing but the value stack of the caller."""

    __slots__ = ()


class Death(ref[Await]):
    """A weak reference that knows whose it is."""

    __slots__ = ("call",)

    call: Call


def _took(call: Call, result: object) -> object:
    """Note the result of a call."""
    end = perf_counter()
    # Without its weak reference, the end of what awaited the result goes unnoticed.
    call.death = None
    _hooks.pending.pop(call.number, None)
    found = call.open
    if found is None:
        return result
    try:
        call.end(False, end)
        if not found.log.closed:
            found.result = found.log.sink.describe(result)
    except Exception as error:
        _fault(found.log, error)
    return result


_NOTHING: dict[object, object] = {}
_NAMES = ("e", "c", "s", "a", "z", "t", "g", "p", "r")


class Hooks:
    """What cells' code calls the hooks of: functions of this module, behind C."""

    __slots__ = (
        "a",
        "c",
        "e",
        "g",
        "gates",
        "loops",
        "p",
        "pending",
        "r",
        "s",
        "sites",
        "t",
        "tallies",
        "z",
    )

    e: Any
    c: Any
    s: Any
    a: Any
    z: Any
    t: Any
    g: Any
    p: Any
    r: Any

    def __init__(self) -> None:
        self.sites: dict[int, Site] = {}
        self.gates: dict[int, Group] = {}
        self.loops: dict[int, Loop] = {}
        self.pending: dict[int, Call] = {}
        self.tallies = tallies

        # What code has loaded and not yet called is switched with the rest, as it stays the same.
        for name in _NAMES:
            setattr(self, name, partial(_NOTHING.get))

    def speak(self) -> None:
        """Have the hooks observe."""
        functions = _enter, _callee, _called, _argument, _last, _tick, _gate, _parted, _repeats
        for name, function in zip(_NAMES, functions, strict=True):
            getattr(self, name).__setstate__((function, (), {}, None))

    def hush(self) -> None:
        """Have the hooks pass everything through, unseen."""
        for name in _NAMES:
            # `{}.get(key, value)` is `value`, and `next(endless, value)` what is repeated.
            state = (next, (_entered,)) if name == "e" else (_NOTHING.get, ())
            getattr(self, name).__setstate__((*state, {}, None))


def _enter(number: int) -> object:
    """Enter a call expression; returns what its result is to be passed to."""
    site = _hooks.sites.get(number)
    if site is None:
        return _same
    site.started += 1
    if site.recorded >= site.log.per_site:
        return _same
    call = Call(number, site)
    waiting = Await(_took, call)
    crossing = _hooks.pending.get(number)
    if crossing is not None:
        # Two executions at once (generator expressions, threads): their arguments cannot
        # be told apart, so neither is recorded.
        crossing.crossed = call.crossed = True
    death = Death(waiting, _died)
    death.call = call
    _hooks.pending[number] = call
    call.death = death
    return waiting


def _callee(number: int, function: object) -> object:
    """Note the callee."""
    call = _hooks.pending.get(number)
    if call is not None:
        call.function = function
    return function


def _called(number: int, function: object) -> object:
    """Note the callee, and that the call is made now."""
    call = _hooks.pending.get(number)
    if call is not None:
        call.function = function
        _start(call)
    return function


def _argument(number: int, value: object) -> object:
    """Note an argument."""
    call = _hooks.pending.get(number)
    if call is not None:
        call.values.append(value)
    return value


def _last(number: int, value: object) -> object:
    """Note the last argument, and that the call is made now."""
    call = _hooks.pending.get(number)
    if call is not None:
        call.values.append(value)
        _start(call)
    return value


def _tick(number: int) -> bool:
    """Note that a group runs recorded; its gauge closes at the cap."""
    gauge = gauges.get(number)
    if gauge is None or gauge.group is None:
        return False
    gauge.group.runs += 1
    if gauge.group.runs >= gauge.group.cap:
        gauge.open = False
    return True


def _gate(tally: int) -> bool:
    """Note that a counted group runs recorded; its tally opens at the cap."""
    group = _hooks.gates.get(tally)
    if group is None:
        retire_tally(tally)
        return False
    group.runs += 1
    if group.runs >= group.cap:
        open_tally(tally)
    return True


def _parted(number: int, whole: tuple[tuple[bool, object]]) -> object:
    """Part the items of a comprehension into those that are recorded and the rest.

    `whole` has all of them in one part, as the rest.
    """
    ((_, value),) = whole
    if not _is_iterable(value):
        # The comprehension raises what it would have raised, where it would have.
        return value
    return _parts(number, value)


def _parts(number: int, value: object) -> Iterator[tuple[bool, object]]:
    gauge = gauges.get(number)
    group = None if gauge is None else gauge.group
    if group is None:
        yield False, value
        return
    if not _iterates_in_c(value):
        # Slower, but iterated by the user's frame. The sites observe their caps themselves.
        group.unknown += 1
        yield True, value
        return
    iterator = iter(cast("Iterable[object]", value))
    sized = type(iterator) in _SIZED
    tally = group.tally or 0
    length = before = 0
    if sized:
        length = length_hint(iterator)
        # If an exception comes first, nobody will know how many items were taken.
        group.unknown += 1
    else:
        iterator = compress(iterator, tallies[tally])
        before = taken(tally)
    some = group.cap - group.runs
    ran = 0
    if some > 0:
        yield True, islice(iterator, some)
        ran = min(length, some) if sized else taken(tally) - before
        group.runs += ran
    if ran >= some:
        yield False, iterator
    if sized:
        group.items += length
        group.unknown -= 1


def _repeats(number: int, value: object) -> object:
    """Return an iterator of what a loop is over that tells how often the loop ran."""
    loop = _hooks.loops.get(number)
    if loop is None:
        return value
    try:
        if type(value) is range:
            length = len(value)
            iterator = iter(value)
            loop.length += length
            loop.iterators.append(iterator)
            return iterator
        if _iterates_in_c(value):
            return compress(cast("Iterable[object]", value), tallies[loop.tally])
    except Exception:
        # It will be raised again by the loop itself.
        loop.known = False
        return value
    # What cannot be iterated raises, and the loop has no turn.
    loop.known = not _is_iterable(value)
    return value


def insert(code: CodeType) -> CodeType:
    """Put the objects in the place of the strings, in code that was compiled from rewritten."""
    changed = False
    constants: list[object] = []
    for value in code.co_consts:
        if type(value) is str and value.startswith(HOOKS):
            changed = True
            number = value.removeprefix(HOOKS)
            constants.append(gauges[int(number)] if number else _hooks)
        elif type(value) is CodeType and value.co_name in _COMPREHENSIONS:
            found = insert(value)
            changed = changed or found is not value
            constants.append(found)
        else:
            constants.append(value)
    return code.replace(co_consts=tuple(constants)) if changed else code


def hush() -> None:
    """Pass everything through from now on, and what is under way too: somebody looks."""
    _hooks.hush()
    for tally in list(_hooks.gates):
        # What runs from now on is counted, and costs no call.
        open_tally(tally)
    for call in list(_hooks.pending.values()):
        death, call.death = call.death, None
        waiting = None if death is None else death()
        if waiting is not None:
            cast("Any", waiting).__setstate__((_NOTHING.get, (None,), {}, None))
    _hooks.pending.clear()


def speak() -> None:
    """Observe again."""
    _hooks.speak()


def retire(sites: list[int], retired: list[Gauge], loops: list[int], tally: list[int]) -> None:
    """Forget what a cell run used; code of it that still runs passes through."""
    for gauge in retired:
        retire_gauge(gauge)
    for number in sites:
        _hooks.sites.pop(number, None)
        _hooks.pending.pop(number, None)
    for number in loops:
        _hooks.loops.pop(number, None)
    for number in tally:
        retire_tally(number)
        _hooks.gates.pop(number, None)


def _is_iterable(value: object) -> bool:
    cls = type(value)
    return class_attribute(cls, "__iter__") is not None or (
        class_attribute(cls, "__getitem__") is not None
    )


def _iterates_in_c(value: object) -> bool:
    """Whether an iterator of a value can be had without running a frame of somebody's code."""
    found = class_attribute(type(value), "__iter__")
    if type(found) is FunctionType:
        return bool(found.__code__.co_flags & CO_GENERATOR)
    return type(found) is WrapperDescriptorType


def _start(call: Call) -> None:
    try:
        call.start()
    except Exception as error:
        _fault(call.site.log, error)


def _fault(log: Log, error: Exception) -> None:
    try:
        log.sink.fault(error)
    except Exception:
        # A sink that cannot take a fault either must not cost the user the cell.
        log.reasons.add("fault")


def _died(death: ref[Await]) -> None:
    """An exception left a call, or the evaluation of its arguments."""
    try:
        end = perf_counter()
        call = cast("Death", death).call
        call.death = None
        if _hooks.pending.get(call.number) is call:
            del _hooks.pending[call.number]
        call.function, call.values = None, []
        call.end(True, end)
    except KeyboardInterrupt:
        # Python drops what a finaliser raises; the interrupt is the user's.
        _thread.interrupt_main()
    except Exception as error:
        _fault(cast("Death", death).call.site.log, error)


def _arguments(
    shape: tuple[tuple[int, str, object], ...], values: list[object]
) -> tuple[list[object], dict[str, object]]:
    positional: list[object] = []
    keywords: dict[str, object] = {}
    taken = iter(values)
    for kind, name, constant in shape:
        value = next(taken) if constant is VALUE else constant
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


def _quiet() -> None:
    """In a forked child nobody collects: everything passes through."""
    _hooks.sites.clear()
    for gauge in gauges.values():
        # They stay to be found: the statements of the cell that are left have yet to be compiled.
        gauge.close()
    for tally in _hooks.gates:
        open_tally(tally)
    _hooks.gates.clear()
    _hooks.loops.clear()
    _hooks.pending.clear()


_same = partial(_NOTHING.get, None)
_entered = repeat(_same)
_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
_hooks = Hooks()
_hooks.speak()
os.register_at_fork(after_in_child=_quiet)
