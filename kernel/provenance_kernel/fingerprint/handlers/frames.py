"""Taking apart pandas' frames, series, indexes and extension arrays; pandas is never imported here.

A frame is its columns, each with its own digest, so that the way pandas has laid them out in blocks
makes no difference. Nothing is asked that pandas would answer by building and keeping a cache.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import repeat
from operator import is_
from typing import Any

from xxhash import xxh3_128, xxh3_128_digest

from provenance_kernel.fingerprint import budget as cost
from provenance_kernel.fingerprint import encoding, sampling
from provenance_kernel.fingerprint.handlers import arrays, arrow
from provenance_kernel.fingerprint.handlers.objects import attributes
from provenance_kernel.fingerprint.registry import Handler, handles
from provenance_kernel.fingerprint.walk import Parts, Walk, joined
from provenance_kernel.identity import identity
from provenance_kernel.inspection import is_genuine, top_level

_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_ROWS = 4096  # rows of a block that are transposed at a time


def _get(value: Any, name: str) -> Any:
    return object.__getattribute__(value, name)


def _dict_get(value: Any, name: str) -> Any:
    return dict.get(_get(value, "__dict__"), name)


def _shape(value: Any) -> tuple[Any, ...]:
    # By its own attributes: a subclass may redefine those it is meant to be asked by.
    return tuple(len(axis) for axis in reversed(_get(value, "_mgr").axes))


def _kept(value: Any) -> Any:
    """Return what a frame or series has besides its data: attributes, and flags set by hand."""
    attrs = _dict_get(value, "_attrs") or None
    flags = _dict_get(value, "_flags")
    if flags is None or _get(flags, "_allows_duplicate_labels"):
        return attrs
    return ("allows_duplicate_labels", False, attrs)


def _named(value: Any, length: int) -> str:
    name = _dict_get(value, "_name")
    named = f", name={name!r}" if type(name) is str else ""
    return f"{type(value).__name__}({length}{named})"


def _index_shape(value: Any) -> tuple[int, ...]:
    shape: tuple[int, ...] = sys.modules["pandas"].Index.shape.__get__(value)
    return shape


def _index_text(value: Any, limit: int) -> str:
    return _named(value, _index_shape(value)[0])


@handles("pandas.DataFrame", measure=_shape,
         describe=lambda value, limit: arrow.table_text(value, _shape(value)))  # fmt: skip
def _frame(walk: Walk, value: Any) -> Parts:
    manager = _get(value, "_mgr")
    columns, index = manager.axes
    rows = len(index)
    walk.require(sum(_cost(block.values, rows) for block in manager.blocks))
    if walk.reach is not None:
        for block in manager.blocks:
            _note(walk, block.values)
    head = yield from joined(columns, index, _kept(value))
    tokens: dict[int, bytes] = {}
    for block in manager.blocks:
        places = block.mgr_locs.as_array.tolist()
        values = block.values
        if getattr(values, "ndim", 1) == 2 and len(places):
            if _is_plain(values) and not values.dtype.hasobject and rows:
                tokens.update(zip(places, _plain_columns(walk, values, rows), strict=True))
                continue
            columns = [values[row] for row in range(len(places))]
        else:
            columns = [values] * len(places)
        for place, each in zip(places, columns, strict=True):
            tokens[place] = yield from column(walk, each, rows)
    return head + b"".join(tokens[place] for place in sorted(tokens))


def _is_plain(values: Any) -> bool:
    return type(values) is sys.modules["numpy"].ndarray


def _cost(values: Any, rows: int) -> float:
    """Return nanoseconds to know beforehand whether a whole frame can be had exactly."""
    if _is_plain(values):
        if values.dtype.hasobject:
            return float(values.size * cost.TEXT)
        each = cost.BYTE if values.flags.c_contiguous else cost.COPIED_BYTE
        return float(values.nbytes * each)
    return float(rows * 16 * cost.BYTE)


def _note(walk: Walk, values: Any) -> None:
    """Note the memory behind a column."""
    walk.reaches(identity(values))
    if _is_plain(values):
        arrays.note_buffer(walk.reach, values)
        return
    for name in ("_ndarray", "_data", "_mask", "_codes"):
        try:
            inner = _get(values, name)
        except AttributeError:
            continue
        if _is_plain(inner):
            _note(walk, inner)


def _plain_columns(walk: Walk, values: Any, rows: int) -> list[bytes]:
    """Return the tokens of the rows of a block, which are columns of its frame."""
    walk.nbytes += values.nbytes
    head = encoding.name(arrays.dtype_text(values.dtype)) + encoding.size(rows)
    if walk.samples(rows, sampling.ROWS):
        if not walk.spend(50_000 + len(values) * 25_000):
            return [b"?"] * len(values)
        chosen = values[:, arrays.places(sampling.rows, rows)]
        return [encoding.node(head, b"/" + xxh3_128_digest(arrays.raw(part))) for part in chosen]
    inline = values.flags.c_contiguous or values.strides[1] == values.itemsize
    each = cost.BYTE if inline else cost.COPIED_BYTE
    if not (walk.spend(len(values) * cost.COLUMN) and walk.spend_bytes(values.nbytes, each)):
        return [b"?"] * len(values)
    if inline:
        return [encoding.node(head, xxh3_128_digest(arrays.raw(part))) for part in values]
    # Rows first in memory: all columns are read at once, in pieces that fit the caches.
    numpy = sys.modules["numpy"]
    hashers = [xxh3_128() for _ in range(len(values))]
    for start in range(0, rows, _ROWS):
        piece = numpy.ascontiguousarray(values[:, start : start + _ROWS])
        for hasher, part in zip(hashers, piece, strict=True):
            hasher.update(arrays.raw(part))
    return [encoding.node(head, hasher.digest()) for hasher in hashers]


def column(walk: Walk, values: Any, rows: int) -> Parts:
    """Return the token of one column: of its values, or of those the plan for samples takes."""
    if walk.samples(rows, sampling.ROWS):
        if not walk.spend(150_000):
            return b"?" + encoding.size(rows)
        return b"/" + encoding.size(rows) + (yield _chosen(values, sampling.rows, rows))
    if not _is_plain(values) or values.dtype.hasobject:
        return b"=" + (yield values)
    head = encoding.name(arrays.dtype_text(values.dtype)) + encoding.size(rows)
    if not rows:
        return encoding.node(head, b"0")
    walk.nbytes += values.nbytes
    walk.spend_bytes(values.nbytes)
    return encoding.node(head, xxh3_128_digest(arrays.raw(values)))


def _chosen(values: Any, plan: Callable[[int], tuple[int, ...]], rows: int) -> Any:
    """Return the values of a column that a plan for samples takes."""
    at = arrays.places(plan, rows)
    return values[at] if _is_plain(values) else values.take(at)


@handles("pandas.Series", measure=_shape,
         describe=lambda value, limit: _named(value, _shape(value)[0]))  # fmt: skip
def _series(walk: Walk, value: Any) -> Parts:
    manager = _get(value, "_mgr")
    values = manager.blocks[0].values
    rows = len(values)
    walk.require(_cost(values, rows))
    if walk.reach is not None:
        _note(walk, values)
    head = yield from joined(manager.axes[0], _dict_get(value, "_name"), _kept(value))
    return head + (yield from column(walk, values, rows))


# What pandas infers of dates, and keeps, such as their frequency, does not change what they are.
@handles("pandas.Index", "pandas.DatetimeIndex", "pandas.TimedeltaIndex", "pandas.PeriodIndex",
         "pandas.CategoricalIndex", "pandas.IntervalIndex", measure=_index_shape,
         describe=_index_text)  # fmt: skip
def _index(walk: Walk, value: Any) -> Parts:
    values = _get(value, "_data")
    rows = len(values)
    walk.require(_cost(values, rows))
    return (yield _dict_get(value, "_name")) + (yield from column(walk, values, rows))


@handles("pandas.RangeIndex")
def _range_index(walk: Walk, value: Any) -> Parts:
    return joined(_dict_get(value, "_name"), _get(value, "_range"))


@handles("pandas.MultiIndex")
def _multi_index(walk: Walk, value: Any) -> Parts:
    numpy = sys.modules["numpy"]
    levels, codes = _get(value, "_levels"), _get(value, "_codes")
    rows = len(codes[0]) if len(codes) else 0
    parts = [(yield tuple(_get(value, "_names"))), encoding.size(rows)]
    sampled = walk.samples(rows, sampling.ROWS)
    if not walk.spend(0.0 if sampled else rows * len(codes) * 8):
        return b"".join(parts)
    for level, code in zip(levels, codes, strict=True):
        if sampled:
            code = _chosen(code, sampling.rows, rows)
        # By content: levels that no row uses, and their order, make no difference.
        used, compact = numpy.unique(code, return_inverse=True)
        present = used[used >= 0]
        parts.append((yield level.take(present)._data))
        parts.append(encoding.size(len(used) - len(present)))
        parts.append((yield numpy.ascontiguousarray(compact, dtype="<i8")))
    return b"".join(parts)


def _array(*names: str, tag: str | None = None) -> Callable[[Handler], Handler]:
    """Declare the handler of extension arrays, as `pandas.NAME`."""

    def decorate(handler: Handler) -> Handler:
        for name in names:
            module = "pandas.core.arrays.string_" if "Semantics" in name else "pandas.arrays"
            handles(f"{module}.{name}", name=f"pandas.{name}", tag=tag)(handler)
        return handler

    return decorate


@_array("Categorical")
def _categorical(walk: Walk, value: Any) -> Parts:
    dtype = _get(value, "_dtype")
    codes = _get(value, "_ndarray")
    if walk.samples(len(codes), sampling.ELEMENTS):
        codes = _chosen(codes, sampling.elements, len(codes))
    walk.spend_bytes(codes.nbytes, cost.COPIED_BYTE * 4 / codes.dtype.itemsize)
    # The width of the codes is for pandas to choose.
    wide = codes.astype("<i4") if codes.dtype.itemsize < 4 else codes
    return (yield dtype.categories) + (b"o" if dtype.ordered else b"u") + (yield wide)


@_array("DatetimeArray", "TimedeltaArray", "PeriodArray", "PandasArray", "NumpyExtensionArray")
def _numpy_backed(walk: Walk, value: Any) -> Parts:
    return encoding.name(str(value.dtype)) + (yield _get(value, "_ndarray"))


@handles("pandas.core.arrays.masked.BaseMaskedArray", mutable=True)
def _masked(walk: Walk, value: Any) -> Parts:
    data, mask = _get(value, "_data"), _get(value, "_mask")
    head = encoding.size(len(data))
    if walk.samples(len(data), sampling.ROWS):
        data = _chosen(data, sampling.rows, len(data))
        mask = _chosen(mask, sampling.rows, len(mask))
    else:
        walk.spend_bytes(data.nbytes, cost.COPIED_BYTE)
    if mask.any():
        data = data.copy()  # what lies under the mask is nobody's content
        data[mask] = 0
    return head + (yield data) + (yield mask)


@_array("ArrowExtensionArray")
def _arrow_backed(walk: Walk, value: Any) -> Parts:
    return encoding.name(str(value.dtype)) + (yield _get(value, "_pa_array"))


@_array("StringArray", "StringArrayNumpySemantics", "ArrowStringArray",
        "ArrowStringArrayNumpySemantics", tag="pandas.StringArray")  # fmt: skip
def _strings(walk: Walk, value: Any) -> Parts:
    # One content, whether or not pyarrow is there to hold it.
    rows = len(value)
    head = encoding.name(str(value.dtype)) + encoding.size(rows)
    if walk.samples(rows, sampling.ROWS):
        if not walk.spend(400_000):
            return head + b"?"
        return b"/" + head + (yield _chosen(value, sampling.rows, rows))
    found = _dict_get(value, "_pa_array")
    if found is not None:
        nbytes = found.nbytes
        walk.spend_bytes(nbytes, cost.BYTE * 4)
        walk.nbytes += nbytes
        chunks = found.chunks
        return head + arrow.nulls(chunks) + arrow.strings("string", chunks)
    walk.spend(rows * cost.TEXT)
    array = _get(value, "_ndarray")
    arrays.note_buffer(walk.reach, array)
    items = array.tolist()
    if all(map(is_, map(type, items), repeat(str))):
        missing = b"-"
    else:
        absent = bytes(type(item) is not str for item in items)
        items = [item if type(item) is str else "" for item in items]
        missing = b"+" + xxh3_128_digest(absent)
    walk.nbytes += sum(map(len, items))
    return head + missing + encoding.texts(items)


@_array("IntervalArray")
def _intervals(walk: Walk, value: Any) -> Parts:
    sides = joined(_get(value, "_left"), _get(value, "_right"))
    return encoding.name(str(value.dtype)) + (yield from sides)


@_array("SparseArray")
def _sparse(walk: Walk, value: Any) -> Parts:
    index = value.sp_index.to_int_index()
    head = encoding.name(str(value.dtype)) + encoding.size(len(value))
    return head + (yield from joined(value.sp_values, index.indices, value.fill_value))


@handles("pandas.api.extensions.ExtensionDtype")
def _dtype(walk: Walk, value: Any) -> Parts:
    if not _pandas_own(value):
        return (yield from attributes(walk, value))
    if type(value).__name__ == "CategoricalDtype":
        return (yield value.categories) + (b"o" if value.ordered else b"u")
    return encoding.name(str(value))


def _pandas_own(value: Any) -> bool:
    """Whether a value's class is pandas' own: what a user's class says would be the user's code."""
    kind = type(value)
    return top_level(kind) == "pandas" and is_genuine(kind)


@handles("pandas.Timestamp", mutable=False, first=True, describe=lambda value, limit: repr(value))
def _timestamp(walk: Walk, value: Any) -> Parts:
    return _nanoseconds(value) + (yield value.tzinfo)


def _nanoseconds(value: Any) -> bytes:
    # Versions choose other units for one instant; some have nanoseconds alone.
    factor = _UNITS[getattr(value, "unit", "ns")]
    return encoding.encode_int(value._value * factor)


@handles("pandas.Timedelta", mutable=False, first=True)
def _timedelta(walk: Walk, value: Any) -> Parts:
    return _nanoseconds(value)
    yield


@handles("pandas.Period", mutable=False)
def _period(walk: Walk, value: Any) -> Parts:
    return encoding.encode_int(value.ordinal) + encoding.name(value.freqstr)
    yield


@handles("pandas.Interval", mutable=False)
def _interval(walk: Walk, value: Any) -> Parts:
    return (yield value.left) + (yield value.right) + encoding.name(value.closed)


@handles("pandas._libs.tslibs.nattype.NaTType", name="pandas.NaT", mutable=False, first=True)
@handles("pandas._libs.missing.NAType", name="pandas.NA", mutable=False)
def _missing(walk: Walk, value: Any) -> Parts:
    return b""
    yield


@handles("pandas._libs.tslibs.offsets.BaseOffset", mutable=False)
def _offset(walk: Walk, value: Any) -> Parts:
    if not _pandas_own(value):
        return (yield from attributes(walk, value))
    return encoding.name(value.freqstr)
    yield
