"""Describing scikit-learn's estimators by the parameters that were given to them."""

from __future__ import annotations

import inspect
import types
from typing import Any

from provenance_kernel.fingerprint.registry import Entry, declare
from provenance_kernel.fingerprint.summary import described
from provenance_kernel.identity import remembered
from provenance_kernel.inspection import class_attribute, static_dict, top_level


def _signature(kind: type) -> dict[str, Any]:
    """Return the parameters of a class's `__init__` and their defaults."""
    found: dict[str, Any] = {}
    init = class_attribute(kind, "__init__")
    if type(init) is types.FunctionType:
        code, defaults = init.__code__, init.__defaults__ or ()
        names = code.co_varnames[1 : code.co_argcount]
        found.update(dict.fromkeys(names, inspect.Parameter.empty))
        found.update(zip(names[len(names) - len(defaults) :], defaults, strict=True))
        last = code.co_argcount + code.co_kwonlyargcount
        for name in code.co_varnames[code.co_argcount : last]:
            found[name] = (init.__kwdefaults__ or {}).get(name, inspect.Parameter.empty)
    return found


_known_signature = remembered(_signature)


def _estimator(value: Any, limit: int) -> str:
    kind = type(value)
    # Only the library's own defaults are kept: values of a user's class would be kept alive.
    defaults = _known_signature(kind) if top_level(kind) == "sklearn" else _signature(kind)
    state = static_dict(value) or {}
    parts: list[str] = []
    used = 0
    for name, default in defaults.items():
        if name not in state or state[name] is default or _same(state[name], default):
            continue
        parts.append(f"{name}={described(state[name], limit, 1)}")
        used += len(parts[-1])
        if used > limit:
            break
    return f"{kind.__name__}({', '.join(parts)})"


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other) or type(one) not in (bool, int, float, str, tuple):
        return False
    if type(one) is tuple:
        return repr(one) == repr(other) if all(type(x) in (int, float, str) for x in one) else False
    return bool(one == other) or (one != one and other != other)


declare("sklearn.base.BaseEstimator", entry=Entry(describe=_estimator))
