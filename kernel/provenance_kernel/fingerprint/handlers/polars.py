"""Taking apart polars' series and frames, by what they hold; polars is never imported here."""

from __future__ import annotations

import sys
from array import array
from typing import Any

from xxhash import xxh3_128_digest

from provenance_kernel.fingerprint import budget as cost
from provenance_kernel.fingerprint import encoding, sampling
from provenance_kernel.fingerprint.handlers.arrow import table_text
from provenance_kernel.fingerprint.registry import handles
from provenance_kernel.fingerprint.walk import Parts, Walk, joined
from provenance_kernel.identity import identity

_AS_VALUES = 12.0  # nominal nanoseconds for a byte of a series that is read as Python's values


def _shape(value: Any) -> tuple[int, int]:
    shape: tuple[int, int] = sys.modules["polars"].DataFrame.shape.__get__(value)
    return shape


def _length(value: Any) -> tuple[int]:
    length: tuple[int] = sys.modules["polars"].Series.shape.__get__(value)
    return length


@handles("polars.DataFrame", measure=_shape,
         describe=lambda value, limit: table_text(value, _shape(value)))  # fmt: skip
def _frame(walk: Walk, value: Any) -> Parts:
    columns = value.get_columns()
    walk.require(sum(column.estimated_size() for column in columns) * cost.BYTE)
    for column in columns:
        walk.reaches(identity(column))
    return encoding.size(value.height) + (yield from joined(*columns))


@handles("polars.Series", measure=_length,
         describe=lambda value, limit: f"{type(value).__name__}({_length(value)[0]})")  # fmt: skip
def _series(walk: Walk, value: Any) -> Parts:
    polars = sys.modules["polars"]
    rows, kind = len(value), value.dtype
    head = [encoding.name(value.name), encoding.name(str(kind)), encoding.size(rows)]
    size = value.estimated_size()
    text = kind == polars.String or kind == polars.Categorical or kind == polars.Enum
    physical = value.to_physical()
    number = physical.dtype.is_numeric() and not physical.dtype.is_decimal()
    each = 0.0 if number else 1.0 if text else _AS_VALUES
    if walk.samples(rows, sampling.ROWS):
        if not walk.spend(200_000 + size * sampling.ROWS // rows * each):
            return b"?".join(head)
        chosen = value.gather(list(sampling.rows(rows))).to_list()
        return b"/".join(head) + (yield chosen)
    walk.nbytes += size
    missing = value.null_count()
    each_row = 30.0 if text else 0.0 if number else cost.ITEM * 2
    paid = walk.spend(rows * each_row + size * each + missing * cost.NUMBER)
    if paid and rows and text and kind != polars.String:
        longest = value.unique().cast(polars.String).str.len_bytes().max() or 0
        paid = walk.spend(rows * longest)
    if not paid:
        return b"?".join(head)
    if missing:
        head.append((yield value.is_null().arg_true().to_list()))
    if text:
        value = value.cast(polars.String).fill_null("")
        lengths = yield from _numbers(walk, value.str.len_bytes(), polars)
        content = value.str.join("").to_list()[0] if rows else ""
        return b"".join(head) + lengths + xxh3_128_digest(content.encode("utf-8"))
    if number:
        return b"".join(head) + (yield from _numbers(walk, physical, polars))
    return b"".join(head) + (yield value.to_list())


def _numbers(walk: Walk, value: Any, polars: Any) -> Parts:
    """Return the payload of numbers as 8 bytes each, the same with numpy and without."""
    whole = value.dtype.is_integer()
    value = value.fill_null(0).cast(value.dtype if whole else polars.Float64)
    walk.spend_bytes(len(value) * 8)
    numpy = sys.modules.get("numpy")
    if numpy is not None and str(value.dtype) not in ("Int128", "UInt128"):
        return xxh3_128_digest(numpy.ascontiguousarray(value.to_numpy(), "<i8" if whole else "<f8"))
    numbers = value.to_list()
    if not whole:
        return xxh3_128_digest(array("d", numbers))
    try:
        return xxh3_128_digest(array("q", [n - (1 << 64) if n >> 63 == 1 else n for n in numbers]))
    except OverflowError:
        return (yield numbers)


@handles("polars.datatypes.classes.DataType", "polars.schema.Schema", mutable=False)
def _type(walk: Walk, value: Any) -> Parts:
    return encoding.name(str(value))
    yield
