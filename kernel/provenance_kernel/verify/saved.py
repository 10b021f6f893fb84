"""Outputs that a notebook file holds, compared with those that a re-run showed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from provenance_kernel.capture.outputs import OutputDigest
from provenance_kernel.types import ValueVerdict
from provenance_kernel.verify.differences import Tolerance

_NUMBER = re.compile(r"(?<![\w.])[+-]?\d+\.\d+(?:[eE][+-]?\d+)?")
# numpy's scalars say their type since 2.0: that is another way of writing the same value.
_SCALAR = re.compile(r"\bnp\.(?:(?:u?int|float|complex|str|bytes)\w*\(([^()]*)\)|(True|False)_)")
# A file's picture of a value, in the order of how well it tells it.
_TEXTS = ("text/plain", "text/html", "text/markdown")


def compare_outputs(
    saved: Iterable[Mapping[str, Any]], shown: Iterable[Mapping[str, Any]], tolerance: Tolerance
) -> tuple[ValueVerdict, str]:
    """Return whether two lists of outputs show the same.

    Addresses, times, colours and the like aside; decimal numbers within the tolerance, pictures by
    their pixels.
    """
    a, b = list(saved), list(shown)
    if _digest(a) == _digest(b):
        return "identical", ""
    one, other = _text(a), _text(b)
    if _NUMBER.sub("0", one) == _NUMBER.sub("0", other) and _pictures(a) == _pictures(b):
        pairs = list(zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True))
        # What is printed was rounded: the last digit may go either way.
        if all(tolerance.close(float(x), float(y)) for x, y in pairs):
            return "equal", "numbers within the tolerance"
        if pairs:
            x, y = next(each for each in pairs if each[0] != each[1])
            return "different", f"{x} → {y}"
    lines = zip(one.splitlines(), other.splitlines(), strict=False)
    first = next(((x, y) for x, y in lines if x != y), (one[-40:], other[-40:]))
    return "different", f"{first[0].strip()[:60]} → {first[1].strip()[:60]}"


def _digest(outputs: Iterable[Mapping[str, Any]]) -> str:
    digest = OutputDigest()
    for each in outputs:
        kind = each.get("output_type")
        if kind == "stream":
            digest.add_stream(str(each.get("name")), _joined(each.get("text")))
        elif kind in ("display_data", "execute_result"):
            data = {mime: _joined(value) for mime, value in each.get("data", {}).items()}
            digest.add_display(data)
        elif kind == "error":
            digest.add_error(str(each.get("ename")), str(each.get("evalue")))
    return digest.hexdigest()


def _joined(value: Any) -> Any:
    """Return text that a file may hold in lines."""
    return "".join(map(str, value)) if isinstance(value, list) else value


def _text(outputs: Iterable[Mapping[str, Any]]) -> str:
    found = []
    for each in outputs:
        if each.get("output_type") == "stream":
            found.append(f"{each.get('name')}\n{_joined(each.get('text'))}")
        elif each.get("output_type") == "error":
            found.append(f"{each.get('ename')}: {each.get('evalue')}")
        else:
            data = each.get("data", {})
            found += [str(_joined(data[mime])) for mime in _TEXTS if mime in data][:1]
    return _SCALAR.sub(lambda each: each[1] or each[2] or "", "\n".join(found))


def _pictures(outputs: Iterable[Mapping[str, Any]]) -> list[str]:
    found = []
    for each in outputs:
        for mime, value in sorted(each.get("data", {}).items()):
            if mime.startswith("image/"):
                digest = OutputDigest()
                digest.add_display({mime: _joined(value)})
                found.append(digest.hexdigest())
    return found
