"""The values of tracked names, attributes and items, looked up in a namespace."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any


class NotThere(LookupError):
    """A tracked place has no value."""


def look_up(expression: str, namespace: Mapping[str, Any]) -> object:
    """Return the value of `lr`, `model.max_depth` or `cfg["lr"]`; raise `NotThere` without one."""
    try:
        return _value(ast.parse(expression, mode="eval").body, namespace)
    except Exception as error:
        # An attribute may be the user's property, and raise anything.
        raise NotThere(f"{type(error).__name__}: {error}") from error


def _value(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    match node:
        case ast.Name(id=name):
            return namespace[name]
        case ast.Attribute(value=inner, attr=name):
            return getattr(_value(inner, namespace), name)
        case ast.Subscript(value=inner, slice=key):
            return _value(inner, namespace)[ast.literal_eval(key)]
        case _:
            raise ValueError(ast.unparse(node))
