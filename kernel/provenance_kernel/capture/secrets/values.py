"""The texts that are secret in a value, by the names of what they are given to."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from provenance_kernel.capture.secrets.names import looks_secret
from provenance_kernel.inspection import static_dict

# How many parts of a value are looked at, and how deep.
_PARTS = 400
_DEPTH = 4
_NO_VALUES = (ModuleType, FunctionType, BuiltinFunctionType, MethodType, type)


def secret_texts(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield the secret name and the text of each secret in a value of this name.

    Of what a secret name has, all is one, but for what stands under another name beside a secret
    one, as a user's does beside a password. None of the user's code runs.
    """
    left = [_PARTS]
    yield from _parts(name, value, looks_secret(name), _DEPTH, left)


def _parts(
    name: str, value: Any, secret: bool, depth: int, left: list[int]
) -> Iterator[tuple[str, str]]:
    left[0] -= 1
    if depth < 0 or left[0] < 0:
        return
    kind = type(value)
    if kind is str or kind is bytes or kind is bytearray or kind is int:
        text = _text(value) if secret else None
        if text is not None:
            yield name, text
    elif kind in (list, tuple, set, frozenset):
        # Of a user and a password, the second is the secret.
        items = list(islice(value, _PARTS))
        for item in items[1:] if kind is tuple and len(items) == 2 and secret else items:
            yield from _parts(name, item, secret, depth - 1, left)
    else:
        if kind in _NO_VALUES:
            return
        named = value if kind is dict else static_dict(value)
        if not named:
            return
        keys = [key for key in islice(list(named), _PARTS) if type(key) is str]
        told = {key for key in keys if looks_secret(key)}
        for key in keys:
            inner = told or not secret or kind is not dict
            yield from _parts(
                key if key in told or not secret else name,
                named[key],
                key in told if inner else True,
                depth - 1,
                left,
            )


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value) if 1000 <= value < 10**40 else None
    return bytes(value)[:8000].decode("utf-8", "replace")  # type: ignore[call-overload,no-any-return]
