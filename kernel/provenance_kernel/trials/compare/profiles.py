"""How two values differ, in numbers: rows, columns, and what moved most in which of them."""

from __future__ import annotations

from typing import Any

from provenance_kernel.types import Json

_COLUMNS = 3
_STATISTICS = ("mean", "std", "min", "max", "missing", "distinct")


def told(a: Json, b: Json) -> str | None:
    """Return how the profiles of two values differ, None where they tell nothing of it.

    A profile is a database's: nothing in it need be as we wrote it.
    """
    if not isinstance(a, dict) or not isinstance(b, dict):
        return None
    ours, theirs = a.get("columns"), b.get("columns")
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return "; ".join(_frames(ours, theirs)) or _count(a, b, "rows", "row") or None
    words = [*filter(None, (_count(a, b, "count", "value"), _moved("", a, b)[1]))]
    return ", ".join(words) or None


def _frames(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    both = [(name, a[name], b[name]) for name in a if name in b]
    pairs = [each for each in both if isinstance(each[1], dict) and isinstance(each[2], dict)]
    moves = sorted(
        (found for each in pairs if (found := _moved(*each))[1]), key=lambda found: -found[0]
    )
    words = [text for _, text in moves[:_COLUMNS]]
    if len(moves) > _COLUMNS:
        words.append(f"{len(moves) - _COLUMNS} more column{'s' * (len(moves) > _COLUMNS + 1)}")
    told = [", ".join(words)] if words else []
    rows = next(
        (text for _, one, other in pairs if (text := _count(one, other, "count", "row"))), ""
    )
    gone, new = [each for each in a if each not in b], [each for each in b if each not in a]
    return [
        *told,
        *([rows] if rows else []),
        *([f"without {_names(gone)}"] if gone else []),
        *([f"with {_names(new)}"] if new else []),
    ]


def _names(names: list[str]) -> str:
    return ", ".join(names[:_COLUMNS]) + (", …" if len(names) > _COLUMNS else "")


def _count(a: dict[str, Any], b: dict[str, Any], key: str, what: str) -> str:
    one, other = a.get(key), b.get(key)
    if not (isinstance(one, int) and isinstance(other, int)) or one == other:
        return ""
    plural = "" if abs(other - one) == 1 else "s"
    return f"{abs(other - one)} {what}{plural} {'more' if other > one else 'fewer'}"


def _moved(name: str, a: dict[str, Any], b: dict[str, Any]) -> tuple[float, str]:
    """Return how far a column moved, in its standard deviations, and the first that tells it."""
    spread = _number(a.get("std")) or 0.0
    for key in _STATISTICS:
        one, other = _number(a.get(key)), _number(b.get(key))
        if one is None or other is None or one == other:
            continue
        what = f"{key} of {name}" if name else key
        sampled = a.get("sampled") or b.get("sampled")
        text = f"{what} {one:.6g} → {other:.6g}" + (f" in {sampled} rows" if sampled else "")
        return abs(other - one) / (spread or abs(one) or 1.0), text
    ours, theirs = a.get("elements"), b.get("elements")
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        number = sum(x != y for x, y in zip(ours, theirs, strict=True))
        what = f"elements of {name}" if name else "elements"
        return 0.0, f"{number} of {len(ours)} {what} differ" if number else ""
    return 0.0, ""


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
