"""Short reprs and JSON of values, for people to read, made without running the user's code."""

# ruff: noqa: RUF001  (the sign between the sizes of a table)

from __future__ import annotations

import datetime
import decimal
import fractions
import functools
import inspect
import math
import pathlib
import sys
import types
import uuid
import weakref
from collections.abc import Iterable
from itertools import islice
from typing import Any

from provenance_kernel.fingerprint.digest import type_name
from provenance_kernel.fingerprint.registry import (
    flags_of,
    genuine,
    module_state,
    mro_of,
    namespace_of,
    qualified_name,
    top_level,
)
from provenance_kernel.fingerprint.shapes import shape_of
from provenance_kernel.identity import identity
from provenance_kernel.types import Json

LIMIT = 80
_DEPTH = 4
_TYPE_SUBCLASS = 1 << 31
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
# Kinds of dtypes of which there are few.
_NUMERIC = "biufc"
_dtypes: dict[str, str] = {}
_MANY_CLASSES = 512
_describers: dict[int, tuple[weakref.ref[type], tuple[type, ...], Any]] = {}
_PATHS = frozenset(
    map(
        identity,
        (pathlib.PosixPath, pathlib.PurePosixPath, pathlib.WindowsPath, pathlib.PureWindowsPath),
    )
)


def short_repr(value: Any, limit: int = LIMIT) -> str:
    """Return a repr of at most `limit` characters; never raises, runs none of the user's code."""
    try:
        return _cut(_repr(value, limit, 0, []), limit)
    except Exception:  # changed by another thread meanwhile, or in no state to be described
        return _cut(f"<{type_name(value)} object>", limit)


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
    if flags_of(kind) & _TYPE_SUBCLASS:
        return f"class {qualified_name(value)}"
    describe = _describer(kind, key)
    if describe is not None:
        return str(describe(value, limit))
    if kind is datetime.datetime or kind is datetime.time:
        zone = value.tzinfo
        if zone is None or top_level(type(zone)) in ("datetime", "zoneinfo", "pytz", "dateutil"):
            return repr(value)
    return f"<{type_name(value)} object>"


def _describer(kind: type, key: int) -> Any:
    """Return how the values of a library's class, or of one derived from it, are described."""
    mro = mro_of(kind)
    known = _describers.get(key)
    if known is not None and known[0]() is kind and known[1] is mro:
        return known[2]
    for base in mro:
        if base is object:
            return None
        describe = _LIBRARIES.get(qualified_name(base))
        if describe is not None and genuine(base):
            if genuine(kind):
                # A class that a function makes anew at each call is not, and is not kept.
                if len(_describers) >= _MANY_CLASSES:
                    _describers.clear()
                _describers[key] = weakref.ref(kind), mro, describe
            return describe
    return None


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
    if flags_of(kind) & _TYPE_SUBCLASS:
        return qualified_name(function)
    return type_name(function)


def _module_name(value: types.ModuleType) -> str:
    name = module_state(value).get("__name__")
    return name if type(name) is str else "?"


def _array(value: Any, limit: int) -> str:
    numpy = sys.modules["numpy"]
    plain = numpy.ndarray.view(value, numpy.ndarray)
    name = "array" if type(value) is numpy.ndarray else type(value).__name__
    return f"{name}(shape={plain.shape}, dtype={_dtype(plain.dtype)})"


def _dtype(dtype: Any) -> str:
    if dtype.names is not None:
        return "structured"
    if dtype.kind not in _NUMERIC:
        return str(dtype)
    # numpy puts a name together by code in Python each time.
    found = _dtypes.get(dtype.str)
    if found is None:
        found = _dtypes[dtype.str] = str(dtype)
    return found


def _number(value: Any, limit: int) -> str:
    if top_level(type(value)) != "numpy" or not genuine(type(value)):
        return f"<{type_name(value)} object>"
    text = value.item() if type(value).__name__ != "void" else None
    if type(text) in (bool, int, float, complex, str, bytes):
        return _repr(text, limit, 0, [])
    return f"{type(value).__name__}({value!s})" if text is not None else "void"


def _frame(value: Any, limit: int) -> str:
    rows, columns = (shape_of(value) or "(?, ?)").strip("()").split(", ")
    return f"{type(value).__name__}({rows} rows × {columns} columns)"


def _series(value: Any, limit: int) -> str:
    length = (shape_of(value) or "?").strip("(,)")
    state = object.__getattribute__(value, "__dict__") if _is_pandas(value) else {}
    name = state.get("_name")
    named = f", name={name!r}" if type(name) is str else ""
    return f"{type(value).__name__}({length}{named})"


def _is_pandas(value: Any) -> bool:
    return any(top_level(base) == "pandas" for base in mro_of(type(value)))


def _tensor(value: Any, limit: int) -> str:
    shape = shape_of(value) or "()"
    torch = sys.modules["torch"]
    with torch._C.DisableTorchFunctionSubclass():
        dtype = str(torch.Tensor.dtype.__get__(value)).removeprefix("torch.")
    return f"{type(value).__name__.lower()}(shape={shape}, dtype={dtype})"


def _timestamp(value: Any, limit: int) -> str:
    return repr(value)


_signatures: dict[int, tuple[weakref.ref[type], dict[str, Any]]] = {}


def _defaults(kind: type) -> dict[str, Any]:
    """Return the parameters of an estimator's `__init__` and their defaults."""
    known = _signatures.get(identity(kind))
    if known is not None and known[0]() is kind:
        return known[1]
    found: dict[str, Any] = {}
    for base in mro_of(kind):
        init = namespace_of(base).get("__init__")
        if type(init) is types.FunctionType:
            code, defaults = init.__code__, init.__defaults__ or ()
            names = code.co_varnames[1 : code.co_argcount]
            found.update(dict.fromkeys(names, inspect.Parameter.empty))
            found.update(zip(names[len(names) - len(defaults) :], defaults, strict=True))
            last = code.co_argcount + code.co_kwonlyargcount
            for name in code.co_varnames[code.co_argcount : last]:
                found[name] = (init.__kwdefaults__ or {}).get(name, inspect.Parameter.empty)
            break
    # Only the library's own defaults are kept: values of a user's class would be kept alive.
    if top_level(kind) == "sklearn":
        _signatures[identity(kind)] = (weakref.ref(kind), found)
    return found


def _estimator(value: Any, limit: int) -> str:
    state = object.__getattribute__(value, "__dict__")
    parts = []
    used = 0
    for name, default in _defaults(type(value)).items():
        if name not in state:
            continue
        given = state[name]
        if given is default or _same(given, default):
            continue
        shown = f"{name}={_repr(given, limit, 1, [])}"
        parts.append(shown)
        used += len(shown)
        if used > limit:
            break
    return f"{type(value).__name__}({', '.join(parts)})"


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other) or type(one) not in (bool, int, float, str, tuple):
        return False
    if type(one) is tuple:
        return repr(one) == repr(other) if all(type(x) in (int, float, str) for x in one) else False
    return bool(one == other) or (one != one and other != other)


_LIBRARIES: dict[str, Any] = {
    "numpy.ndarray": _array,
    "numpy.generic": _number,
    "pandas.DataFrame": _frame,
    "pandas.core.frame.DataFrame": _frame,
    "polars.dataframe.frame.DataFrame": _frame,
    "pyarrow.lib.Table": _frame,
    "pandas.Series": _series,
    "pandas.core.series.Series": _series,
    "polars.series.series.Series": _series,
    "pandas.Index": _series,
    "pandas.core.indexes.base.Index": _series,
    "pandas.Timestamp": _timestamp,
    "pandas._libs.tslibs.timestamps.Timestamp": _timestamp,
    "torch.Tensor": _tensor,
    "torch._tensor.Tensor": _tensor,
    "sklearn.base.BaseEstimator": _estimator,
}


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
    if numpy is not None and top_level(kind) == "numpy" and genuine(kind):
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
