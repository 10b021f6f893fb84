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
import threading
from collections.abc import Iterable, Iterator
from functools import partial
from inspect import CO_GENERATOR
from itertools import compress, count, islice, repeat
from operator import length_hint
from time import perf_counter
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, WrapperDescriptorType
from typing import Any, Final, cast
from weakref import ref

from provenance_kernel.trace.arguments import bind
from provenance_kernel.trace.log import HERE, Log, Open
from provenance_kernel.trace.names import class_attribute, qualified

# A string that no cell contains. A gauge's has its number behind it.
HOOKS: Final = f"<provenance {os.urandom(8).hex()}>"
# An attribute of what takes its place.
TALLIES = "tallies"

# Indexed by numbers that are given once in a process, as code may outlive its cell run. A tally
# counts what an iterator yielded, or how often it was asked for (`True in tally` takes one; of a
# closed one, as that of a group that is being recorded, there is none to take).
_ENDLESS = 1 << 62
_spent = repeat(True)
_closed = repeat(True, 0)
tallies: list[repeat[bool]] = []

_numbering = threading.Lock()

POSITIONAL, STAR, KEYWORD, DOUBLE_STAR = range(4)
VALUE: Final = object()
# Their length is what is left of them, exactly.
_EMPTY: tuple[Iterable[object], ...] = (range(0), (), [], "", b"", {}, set())
_SIZED = frozenset(type(iter(empty)) for empty in _EMPTY)


class Gauge:
    """What code reads and writes of a group or block: a constant of that code.

    It is open while the group is recorded; `count` is of what ran unrecorded. Slots are what code
    reads and writes soonest, and of numbers it adds floats soonest; these are exact up to 2**53.
    """

    __slots__ = ("count", "number", "open")

    def __init__(self, number: int) -> None:
        self.number = number
        self.count = 0.0
        self.open = True


def new_gauge() -> Gauge:
    """Return a gauge that `insert` finds by its number."""
    gauge = Gauge(next(_numbers))
    _hooks.gauges[gauge.number] = gauge
    return gauge


def new_tally() -> int:
    """Return the index of a new tally, of which nothing has been taken."""
    with _numbering:
        tallies.append(repeat(True, _ENDLESS))
        return len(tallies) - 1


def new_gate(group: Group) -> int:
    """Return the index of a tally that is closed until a group has been recorded."""
    with _numbering:
        tallies.append(_closed)
        number = len(tallies) - 1
    _hooks.gates[number] = group
    return number


class Loop:
    """A `for` whose iterations are counted by its iterator."""

    __slots__ = ("iterators", "known", "length", "tally")

    def __init__(self, tally: int) -> None:
        self.tally = tally
        self.length = 0
        self.iterators: list[object] = []
        self.known = True

    def iterations(self) -> int:
        """Return how many items the loop took."""
        return self.length - sum(map(length_hint, self.iterators)) + taken(self.tally)


def taken(tally: int) -> int:
    """Return how often something was taken of a tally."""
    held = tallies[tally]
    return 0 if held is _closed or held is _spent else _ENDLESS - length_hint(held)


class Group:
    """Sites that run together, under one guard where they are in a loop."""

    __slots__ = (
        "cap",
        "gauge",
        "inside",
        "items",
        "like",
        "loop",
        "parted",
        "runs",
        "sites",
        "tally",
        "unknown",
    )

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self.runs = 0
        self.gauge: Gauge | None = None
        # Where to read how often the group ran unrecorded, where its gauge does not count, or in
        # all (`loop`, `like`).
        self.tally: int | None = None
        self.loop: Loop | None = None
        self.like: Group | None = None
        # In a comprehension: the items it took in all, how many times that is not known, and
        # the group that it is itself part of.
        self.items = 0
        self.unknown = 0
        self.parted = False
        self.inside: Group | None = None
        self.sites: list[Site] = []

    def total(self) -> int | None:
        """Return how often the group ran; None if that was not seen."""
        if self.gauge is None:
            return self.runs
        if self.ran_plain_around():
            return None
        if self.loop is not None:
            return self.loop.iterations() if self.loop.known else None
        if self.like is not None:
            return self.like.total()
        if self.parted:
            if self.unknown:
                return None
            return self.items + taken(self.tally or 0)
        plain = int(self.gauge.count) if self.tally is None else taken(self.tally)
        return self.runs + plain

    def ran_plain_around(self) -> bool:
        """Whether the code around ran plain at times, as then did this."""
        return self.inside is not None and self.inside.total() != self.inside.runs


class Site:
    """A call expression in the module-level code of a cell."""

    __slots__ = ("last", "line", "log", "recorded", "shape", "started")

    def __init__(self, log: Log, line: int, shape: tuple[tuple[int, str, object], ...]) -> None:
        self.log = log
        self.line = line
        # (kind, keyword, constant or VALUE) of each argument, in order of evaluation.
        self.shape = shape
        self.started = 0
        self.recorded = 0
        self.last: Open | None = None


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
        looks = any(map(_is_of_sys, (function, *values)))
        if begun is not None and not looks:
            # Not around `sys.setprofile` and its like.
            begun(log)
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
        "gauges",
        "groups",
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
        self.groups: dict[int, Group] = {}
        self.gauges: dict[int, Gauge] = {}
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
    group = _hooks.groups.get(number)
    if group is None or group.gauge is None:
        return False
    group.runs += 1
    if group.runs >= group.cap:
        group.gauge.open = False
    return True


def _gate(tally: int) -> bool:
    """Note that a counted group runs recorded; its tally opens at the cap."""
    group = _hooks.gates.get(tally)
    if group is None:
        tallies[tally] = _spent
        return False
    group.runs += 1
    if group.runs >= group.cap:
        _open(tally)
    return True


def _open(tally: int) -> None:
    # Once, as what was taken of the one before would be lost.
    if tallies[tally] is _closed:
        tallies[tally] = repeat(True, _ENDLESS)


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
    group = _hooks.groups.get(number)
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
            constants.append(_hooks.gauges[int(number)] if number else _hooks)
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
        _open(tally)
    for call in list(_hooks.pending.values()):
        death, call.death = call.death, None
        waiting = None if death is None else death()
        if waiting is not None:
            cast("Any", waiting).__setstate__((_NOTHING.get, (None,), {}, None))
    _hooks.pending.clear()


def speak() -> None:
    """Observe again."""
    _hooks.speak()


def retire(sites: list[int], gauges: list[Gauge], loops: list[int], tally: list[int]) -> None:
    """Forget what a cell run used; code of it that still runs passes through."""
    for gauge in gauges:
        gauge.open = False
        _hooks.gauges.pop(gauge.number, None)
        _hooks.groups.pop(gauge.number, None)
    for number in sites:
        _hooks.sites.pop(number, None)
        _hooks.pending.pop(number, None)
    for number in loops:
        _hooks.loops.pop(number, None)
    for number in tally:
        tallies[number] = _spent
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


def _is_of_sys(function: object) -> bool:
    return type(function) is BuiltinFunctionType and function.__module__ == "sys"


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
    for gauge in _hooks.gauges.values():
        gauge.open = False
    _hooks.groups.clear()
    for tally in _hooks.gates:
        _open(tally)
    _hooks.gates.clear()
    _hooks.loops.clear()
    _hooks.pending.clear()


_numbers = count()
_same = partial(_NOTHING.get, None)
_entered = repeat(_same)
_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
_hooks = Hooks()
_hooks.speak()
os.register_at_fork(after_in_child=_quiet)
