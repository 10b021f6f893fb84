"""Short reprs and JSON of values, for people to read, made without running the user's code."""

from __future__ import annotations

import datetime
import decimal
import fractions
import functools
import math
import pathlib
import sys
import types
import uuid
from collections.abc import Iterable
from itertools import islice
from typing import Any

from provenance_kernel.fingerprint.kinds import kind_of, type_name
from provenance_kernel.identity import identity
from provenance_kernel.inspection import (
    is_class,
    is_genuine,
    qualified_name,
    static_dict,
    top_level,
)
from provenance_kernel.types import Json

LIMIT = 80
_DEPTH = 4
_ELLIPSIS = "…"

# Their own repr asks nothing but themselves.
_PLAIN = frozenset(
    map(
        identity,
        (
            bool, float, complex, type(None), type(...), type(NotImplemented), range,
            datetime.date, datetime.timedelta, decimal.Decimal, fractions.Fraction, uuid.UUID,
        ),
    )
)  # fmt: skip
_BRACKETS = {
    identity(list): ("[", "]"),
    identity(tuple): ("(", ")"),
    identity(set): ("{", "}"),
    identity(frozenset): ("frozenset({", "})"),
}
_PATHS = frozenset(
    map(
        identity,
        (pathlib.PosixPath, pathlib.PurePosixPath, pathlib.WindowsPath, pathlib.PureWindowsPath),
    )
)


def short_repr(value: Any, limit: int = LIMIT) -> str:
    """Return a repr of at most `limit` characters; never raises, runs none of the user's code."""
    try:
        return _cut(described(value, limit, 0), limit)
    except Exception:  # changed by another thread meanwhile, or in no state to be described
        return _cut(f"<{type_name(value)} object>", limit)


def described(value: Any, limit: int, depth: int) -> str:
    """Return the repr of a part of something, at a depth in it."""
    return _repr(value, limit, depth, [])


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else (text[: max(0, limit - 1)] + _ELLIPSIS)[:limit]


def _repr(value: Any, limit: int, depth: int, above: list[int]) -> str:
    kind = type(value)
    # The most frequent first: a list of them is described while a call waits for it.
    if kind is float:
        return repr(value)
    if kind is int:
        return repr(value) if value.bit_length() <= 1024 else _large_int(value)
    if kind is str or kind is bytes or kind is bytearray:
        # One more than can be shown, so that the cut is seen to be one.
        return repr(value) if len(value) <= limit else repr(value[: limit + 1])
    key = identity(kind)
    if key in _PLAIN:
        return repr(value)
    if key in _BRACKETS or kind is dict:
        return _container(value, limit, depth, above)
    if key in _FUNCTIONS:
        return str(_FUNCTIONS[key](value))
    if key in _PATHS:
        return f"{kind.__name__}({str(kind(value))!r})"
    if is_class(value):
        return f"class {qualified_name(value)}"
    describe = kind_of(kind).describe
    if describe is not None:
        return describe(value, limit)
    if kind is datetime.datetime or kind is datetime.time:
        zone = value.tzinfo
        if zone is None or top_level(type(zone)) in ("datetime", "zoneinfo", "pytz", "dateutil"):
            return repr(value)
    return f"<{type_name(value)} object>"


def _large_int(value: int) -> str:
    # In decimal it would take a time that grows with the square, and above a length it is refused.
    return f"<int of {value.bit_length()} bits>"


def _container(value: Any, limit: int, depth: int, above: list[int]) -> str:
    kind = type(value)
    start, end = _BRACKETS.get(identity(kind), ("{", "}"))
    if not value:
        return "set()" if kind is set else "frozenset()" if kind is frozenset else start + end
    if depth >= _DEPTH or identity(value) in above:
        return f"{start}{_ELLIPSIS}{end}"
    above.append(identity(value))
    parts = []
    used = 0
    count = len(value)
    elements: Iterable[Any] = value.items() if kind is dict else value
    for element in islice(elements, limit // 3 + 1):
        if kind is dict:
            shown = _repr(element[0], limit, depth + 1, above)
            shown += ": " + _repr(element[1], limit, depth + 1, above)
        else:
            shown = _repr(element, limit, depth + 1, above)
        parts.append(shown)
        used += len(shown) + 2
        if used > limit:
            break
    above.pop()
    if len(parts) < count:
        parts.append(_ELLIPSIS)
    elif kind is tuple and count == 1:
        parts.append("")
        return f"{start}{', '.join(parts).rstrip()}{end}"
    return f"{start}{', '.join(parts)}{end}"


def _builtin_name(value: Any) -> str:
    owner = value.__self__
    if type(owner) is types.ModuleType or owner is None:
        return f"function {value.__qualname__}"
    return f"method {type_name(owner)}.{value.__name__}"


_FUNCTIONS: dict[int, Any] = {
    identity(types.FunctionType): lambda value: f"function {value.__qualname__}",
    identity(types.BuiltinFunctionType): _builtin_name,
    identity(types.MethodType): lambda value: f"method {_callable_name(value.__func__)}",
    identity(types.ModuleType): lambda value: f"module {_module_name(value)}",
    identity(functools.partial): lambda value: f"partial({_callable_name(value.func)})",
    identity(type): lambda value: f"class {qualified_name(value)}",
}


def _callable_name(function: Any) -> str:
    kind = type(function)
    if kind is types.FunctionType or kind is types.BuiltinFunctionType:
        return str(function.__qualname__)
    if is_class(function):
        return qualified_name(function)
    return type_name(function)


def _module_name(value: types.ModuleType) -> str:
    name = (static_dict(value) or {}).get("__name__")
    return name if type(name) is str else "?"


def json_value(value: Any, limit: int = 2000) -> tuple[Json, float | None]:
    """Return a tracked value as valid JSON, and as a number where it is one.

    NaN and infinities, which JSON does not have, become the strings "NaN", "Infinity" and
    "-Infinity"; as a number they are themselves. Bools count as 0 and 1, numpy's scalars as
    Python's. What is not JSON, or is too large, becomes `{"type": …, "repr": …}`.
    """
    try:
        plain = _plain(value, 0, [4096])
        return plain, _as_number(value)
    except Exception:  # not JSON, too large, or changed meanwhile
        return {"type": type_name(value), "repr": short_repr(value, limit)}, None


class _NotJson(Exception):
    """The value, or a part of it, has no form in JSON."""


def _plain(value: Any, depth: int, left: list[int]) -> Json:
    left[0] -= 1
    if left[0] < 0 or depth > 20:
        raise _NotJson
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value  # type: ignore[no-any-return]
    if kind is int:
        if value.bit_length() > 1024:
            raise _NotJson
        return value  # type: ignore[no-any-return]
    if kind is float:
        if math.isfinite(value):
            return value  # type: ignore[no-any-return]
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if kind is list or kind is tuple:
        return [_plain(element, depth + 1, left) for element in value]
    if kind is dict:
        found: dict[str, Json] = {}
        for key, element in value.items():
            if type(key) is not str:
                raise _NotJson
            found[key] = _plain(element, depth + 1, left)
        return found
    item = _scalar(value)
    if item is not None:
        return _plain(item, depth, left)
    raise _NotJson


def _scalar(value: Any) -> Any:
    """Return a numpy scalar, or an array or tensor of no dimensions, as a plain number or text."""
    numpy = sys.modules.get("numpy")
    torch = sys.modules.get("torch")
    kind = type(value)
    item: Any = None
    if numpy is not None and top_level(kind) == "numpy" and is_genuine(kind):
        if (kind is numpy.ndarray and value.ndim == 0) or issubclass(kind, numpy.generic):
            item = value.item()
    elif torch is not None and kind is torch.Tensor and not value.shape:
        item = value.item()
    return item if type(item) in (bool, int, float, str) else None


def _as_number(value: Any) -> float | None:
    item = value if type(value) in (bool, int, float) else _scalar(value)
    if type(item) not in (bool, int, float):
        return None
    try:
        return float(item)
    except OverflowError:
        return None
