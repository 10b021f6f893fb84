"""A value's numbers in a few: what people compare of arrays, series and frames that differ.

Of numbers count, missing, min, max, mean, std and ELEMENTS of them at places that follow from the
shape; of texts count, missing and how many are distinct. What is large is looked at in rows that
lie evenly apart, and `sampled` says how many. No code of the user's is run.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from provenance_kernel.fingerprint.budget import Budget
from provenance_kernel.types import Json

Profile: TypeAlias = dict[str, Json]
ELEMENTS: Final = 16
COLUMNS: Final = 100
_SAMPLE: Final = 1024
_DIGITS: Final = 6
_NUMBERS: Final = ("min", "max", "mean", "std")
# Nominal nanoseconds: of a number, of a column besides, and of all that one run's profiles take.
_NUMBER: Final = 3.0
_COLUMN: Final = 50_000.0
_TOTAL: Final = 5e6


class Profiles:
    """Makes the profiles of one run's values, of which only so much is looked at."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._left = math.inf if budget.mode == "full" else _TOTAL

    def of(self, value: object) -> Profile | None:
        """Return a value's profile, None where it has none or there is no time; never raises."""
        describe = _describer(type(value))
        if describe is None or self._budget.mode == "none" or self._budget.exhausted:
            return None
        try:
            with sys.modules["numpy"].errstate(all="ignore"):
                return describe(self, value)
        except Exception:  # changed meanwhile, or of a version that we do not know
            return None

    def array(self, value: Any) -> Profile | None:
        """Return the profile of an array of numbers."""
        if value.dtype.kind not in "biuf" or not value.size or self._left < 0:
            return None
        flat = value.reshape(-1) if value.flags.c_contiguous else value.ravel(order="K")
        return self._column(flat, self._places(flat.size, 1))

    def frame(self, value: Any) -> Profile | None:
        """Return the profile of a frame, by column; columns that have none are left out."""
        manager = object.__getattribute__(value, "_mgr")
        names, rows = manager.axes[0], len(manager.axes[1])
        found: dict[int, Profile] = {}
        if rows and self._left > 0:
            at = self._places(rows, min(len(names), COLUMNS))
            for block in manager.blocks:
                numbers, values = block.mgr_locs.as_array.tolist(), block.values
                if self._left < 0:
                    break
                if getattr(values, "ndim", 1) == 1:
                    told = [self._column(values, at)]
                elif values.dtype.kind in "biuf":
                    told = self._block(values[:COLUMNS], at)
                else:
                    told = [self._column(each, at) for each in values[:COLUMNS]]
                found |= {which: each for which, each in zip(numbers, told, strict=False) if each}
        names = [str(each)[:200] if type(each) in (str, int, float) else None for each in names]
        columns: Json = {
            name: found[at]
            for at, name in enumerate(names[:COLUMNS])
            if name is not None and at in found
        }
        return {"rows": rows, "columns": columns}

    def series(self, value: Any) -> Profile | None:
        """Return the profile of a series."""
        values = object.__getattribute__(value, "_mgr").blocks[0].values
        if not len(values) or self._left < 0:
            return None
        return self._column(values, self._places(len(values), 1))

    def _places(self, rows: int, columns: int) -> Any:
        """Return the rows to look at; None for all of them."""
        if rows <= _SAMPLE or rows * columns * _NUMBER + columns * _COLUMN < self._left / 2:
            return None
        return _evenly(_SAMPLE, rows)

    def _block(self, values: Any, at: Any) -> list[Profile | None]:
        """Return the profiles of columns of numbers, which are the rows of `values`."""
        numpy = sys.modules["numpy"]
        chosen = values if at is None else values[:, at]
        if chosen.dtype.kind == "f" and numpy.isnan(chosen).any():
            return [self._column(each, at) for each in values]
        self._left -= chosen.size * _NUMBER + len(values) * _COLUMN
        count = values.shape[1]
        wide = _wide(chosen)
        parts = (chosen.min(1), chosen.max(1), wide.mean(1), wide.std(1))
        first = values[:, _evenly(ELEMENTS, count)].tolist()
        sampled: dict[str, Json] = {} if at is None else {"sampled": len(at)}
        return [
            {
                **{"count": count, "missing": 0},
                **dict(zip(_NUMBERS, map(_number, each), strict=True)),
                "elements": [_number(one) for one in elements],
                **sampled,
            }
            for each, elements in zip(
                zip(*(p.tolist() for p in parts), strict=True), first, strict=True
            )
        ]

    def _column(self, values: Any, at: Any) -> Profile | None:
        numpy = sys.modules["numpy"]
        count = len(values)
        looked = count if at is None else len(at)
        self._left -= _COLUMN + looked * _NUMBER
        if type(values) is numpy.ndarray and values.dtype.kind in "biuf":
            first = values[_evenly(ELEMENTS, count)]
            chosen = values if at is None else values[at]
            missing = numpy.isnan(chosen) if chosen.dtype.kind == "f" else None
        elif _attribute(values, "_mask") is not None:
            data, mask = _attribute(values, "_data"), _attribute(values, "_mask")
            chosen, missing = (data, mask) if at is None else (data[at], mask[at])
            if data.dtype.kind not in "biuf":
                return None
            first = chosen[:0]
        else:
            return _texts(values, count, at)
        gone = 0 if missing is None else int(missing.sum())
        told: dict[str, Json] = {"count": count, "missing": gone}
        if missing is not None and gone:
            chosen = chosen[~missing]
        if len(chosen):
            wide = _wide(chosen)
            parts = (chosen.min(), chosen.max(), wide.mean(), wide.std())
            told |= dict(zip(_NUMBERS, (_number(each.item()) for each in parts), strict=True))
        if len(first):
            told["elements"] = [_number(each) for each in first.tolist()]
        return told if at is None else {**told, "sampled": looked}


def _wide(values: Any) -> Any:
    """Return numbers of which sums fit."""
    narrow = values.dtype.kind == "f" and values.dtype.itemsize < 8
    return values.astype("f8") if narrow else values


def _evenly(number: int, count: int) -> Any:
    """Return places from the first of `count` to the last, all or so many of them."""
    number = min(number, count)
    return sys.modules["numpy"].arange(number) * (count - 1) // max(number - 1, 1)


def _texts(values: Any, count: int, at: Any) -> Profile | None:
    """Return the profile of a column of texts, at no more than so many rows."""
    numpy = sys.modules["numpy"]
    if at is None and count > _SAMPLE:
        at = _evenly(_SAMPLE, count)
    if type(values) is numpy.ndarray:
        if not values.dtype.hasobject:
            return None
        items = (values if at is None else values[at]).tolist()
    elif _is_of_pandas(type(values)) and "String" in type(values).__name__:
        items = list(values if at is None else values.take(at))
    else:
        return None
    texts = [each for each in items if type(each) is str]
    missing = sum(each is None or type(each) is float or _is_na(each) for each in items)
    if not texts or len(texts) + missing < len(items):
        return None
    told: dict[str, Json] = {"count": count, "missing": missing, "distinct": len(set(texts))}
    return told if at is None else {**told, "sampled": len(items)}


def _is_na(value: object) -> bool:
    return type(value).__name__ in ("NAType", "NaTType") and _is_of_pandas(type(value))


def _is_of_pandas(kind: type) -> bool:
    return str(getattr(kind, "__module__", "")).partition(".")[0] == "pandas"


def _attribute(value: object, name: str) -> Any:
    try:
        return object.__getattribute__(value, name)
    except AttributeError:
        return None


def _number(value: bool | int | float) -> Json:
    """Return a number with as many digits as tell it from another, a text if JSON has none."""
    if isinstance(value, int) and abs(value) < 1 << 53:
        return int(value)
    number = float(f"{value:.{_DIGITS}g}")
    return number if math.isfinite(number) else str(number)


def _describer(kind: type) -> Callable[[Profiles, Any], Profile | None] | None:
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None and kind is getattr(numpy, "ndarray", None):
        return Profiles.array
    if pandas is not None and kind is getattr(pandas, "DataFrame", None):
        return Profiles.frame
    if pandas is not None and kind is getattr(pandas, "Series", None):
        return Profiles.series
    return None
