"""What the user's functions do with the names of the notebook, read from their code objects."""

from __future__ import annotations

import dis
import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from types import CodeType, FunctionType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from provenance_kernel.inspection import callback_in, code_in, code_of

_LOAD_GLOBAL = dis.opmap["LOAD_GLOBAL"]
_LOAD_NAMES = frozenset(
    dis.opmap[name] for name in ("LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS") if name in dis.opmap
)
_STORE_GLOBAL = dis.opmap["STORE_GLOBAL"]
_DELETE_GLOBAL = dis.opmap["DELETE_GLOBAL"]
_STORE_NAME = dis.opmap["STORE_NAME"]
_LOAD_CONST = dis.opmap["LOAD_CONST"]
_EXTENDED_ARG = dis.EXTENDED_ARG
# The straight beginning of a function ends where its path may part.
_FORKS = frozenset(
    [*dis.hasjrel, *dis.hasjabs]
    + [
        code
        for name, code in dis.opmap.items()
        if name.startswith(("RETURN_VALUE", "RETURN_CONST", "RAISE", "RERAISE", "YIELD", "SEND"))
    ]
)
_CO_OPTIMIZED = 0x1
_GENERATORS = 0x20 | 0x80 | 0x200
_INLINE = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})


@dataclass(frozen=True, slots=True)
class Effects:
    """The names that a call of a function looks up, binds or unbinds in its globals.

    A name that the straight beginning of the function binds before it looks it up is not among
    `reads`. `certain` is what that beginning binds, `stores` all that is bound or unbound.
    `codes` are the function's own code and that of the functions in it that may have run.
    """

    reads: frozenset[str]
    certain: frozenset[str]
    stores: frozenset[str]
    codes: frozenset[CodeType] = frozenset()


class _Scan(NamedTuple):
    """Effects of a code object alone, all names it looks up, and code inside it."""

    effects: Effects
    loads: frozenset[str]
    inner: tuple[tuple[CodeType, frozenset[str]], ...]


_scans: WeakKeyDictionary[CodeType, _Scan] = WeakKeyDictionary()
_scans_lock = threading.Lock()


def _scan(code: CodeType) -> _Scan:
    with _scans_lock:
        scan = _scans.get(code)
    if scan is None:
        scan = _read_code(code)
        with _scans_lock:
            _scans[code] = scan
    return scan


def _read_code(code: CodeType) -> _Scan:
    names, constants = code.co_names, code.co_consts
    is_function = bool(code.co_flags & _CO_OPTIMIZED)
    # A generator's beginning runs when it is first asked, if ever.
    straight = is_function and not code.co_flags & _GENERATORS and not code.co_exceptiontable
    reads: set[str] = set()
    loads: set[str] = set()
    local: set[str] = set()
    certain: set[str] = set()
    stores: set[str] = set()
    inner: list[tuple[CodeType, frozenset[str]]] = []
    extended = 0
    raw = code.co_code
    for op, arg in zip(raw[::2], raw[1::2], strict=True):
        if op == _EXTENDED_ARG:
            extended = (extended | arg) << 8
            continue
        arg, extended = extended | arg, 0
        if op == _LOAD_GLOBAL or op in _LOAD_NAMES:
            name = names[arg >> 1 if op == _LOAD_GLOBAL else arg]
            if name not in local:
                loads.add(name)
                if name not in certain:
                    reads.add(name)
        elif op == _STORE_NAME:
            local.add(names[arg])
        elif op in (_STORE_GLOBAL, _DELETE_GLOBAL):
            stores.add(names[arg])
            if straight and op == _STORE_GLOBAL:
                certain.add(names[arg])
        elif op == _LOAD_CONST:
            if type(constants[arg]) is CodeType:
                inner.append((constants[arg], frozenset(certain)))
        elif op in _FORKS:
            straight = False
    return _Scan(
        Effects(frozenset(reads), frozenset(certain), frozenset(stores)),
        frozenset(loads),
        tuple(inner),
    )


def effects_of(code: CodeType, called: Collection[CodeType] | None) -> Effects:
    """Return what a call of this code does; of functions inside it, those that were called.

    `called` None: whatever is defined inside may have been called.
    """
    effects, _, inner = _scan(code)
    effects = replace(effects, codes=frozenset((code,)))
    for part, certain in inner:
        is_body = not part.co_flags & _CO_OPTIMIZED or part.co_name in _INLINE
        if is_body or called is None or part in called:
            nested = effects_of(part, called)
            effects = Effects(
                effects.reads | (nested.reads - certain),
                effects.certain,
                effects.stores | nested.stores,
                effects.codes | nested.codes,
            )
    return effects


def _all_loads(code: CodeType) -> frozenset[str]:
    _, loads, inner = _scan(code)
    return loads.union(*(_all_loads(part) for part, _ in inner))


class Reached(NamedTuple):
    """Functions that may run when the value of a name is used.

    `direct` is set where the value is a function itself.
    """

    codes: frozenset[CodeType]
    direct: CodeType | None


def reached_from(names: Iterable[str], namespace: Mapping[str, Any]) -> dict[str, Reached]:
    """Return, for each name that leads to any, the code of the functions it leads to.

    Followed are the globals that functions look up, and what `code_in` looks into.
    """
    known: dict[str, frozenset[CodeType]] = {}
    found = {}
    for name in names:
        codes = _codes_from(name, namespace, known)
        if codes:
            value = namespace.get(name)
            code = code_of(value) if type(value) is FunctionType else None
            found[name] = Reached(frozenset(codes), code if code in codes else None)
    return found


def passed_on(
    passed: Iterable[tuple[str, str | None]], namespace: Mapping[str, Any]
) -> dict[tuple[str, str | None], list[Effects]]:
    """Return what functions do that are handed to calls, with all that they lead to.

    They may run where nobody sees them: in a thread, in another process.
    """
    found = {}
    for name, attribute in passed:
        function = callback_in(namespace.get(name), attribute)
        if function is not None:
            codes = set(code_in(function, namespace))
            for load in frozenset().union(*map(_all_loads, codes)):
                codes |= _codes_from(load, namespace, {})
            if codes:
                found[name, attribute] = [effects_of(code, None) for code in codes]
    return found


def _codes_from(
    name: str, namespace: Mapping[str, Any], known: dict[str, frozenset[CodeType]]
) -> set[CodeType]:
    """Return the code that a name leads to over any number of steps."""
    found: set[CodeType] = set()
    visited = {name}
    pending = [name]
    while pending:
        current = pending.pop()
        direct = known.get(current)
        if direct is None:
            direct = known[current] = frozenset(code_in(namespace.get(current), namespace))
        for code in direct - found:
            found.add(code)
            for load in _all_loads(code):
                if load not in visited:
                    visited.add(load)
                    pending.append(load)
    return found
