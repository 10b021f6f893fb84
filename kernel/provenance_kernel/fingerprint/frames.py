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

from provenance_kernel.fingerprint import arrays, arrow, encoding, sampling
from provenance_kernel.fingerprint import budget as cost
from provenance_kernel.fingerprint.objects import attributes
from provenance_kernel.fingerprint.registry import Handler, Parts, genuine, handles, top_level
from provenance_kernel.fingerprint.walk import Walk
from provenance_kernel.identity import identity

_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_ROWS = 4096  # rows of a block that are transposed at a time


def _get(value: Any, name: str) -> Any:
    return object.__getattribute__(value, name)


def _dict_get(value: Any, name: str) -> Any:
    return dict.get(_get(value, "__dict__"), name)


@handles("pandas.DataFrame", "pandas.core.frame.DataFrame", name="pandas.DataFrame")
def _frame(walk: Walk, value: Any) -> Parts:
    manager = _get(value, "_mgr")
    columns, index = manager.axes
    rows = len(index)
    walk.require(sum(_cost(block.values, rows) for block in manager.blocks))
    if walk.reach is not None:
        for block in manager.blocks:
            _note(walk, block.values)
    parts = [(yield columns), (yield index), (yield _dict_get(value, "_attrs") or None)]
    tokens: dict[int, bytes] = {}
    for block in manager.blocks:
        places = block.mgr_locs.as_array.tolist()
        values = block.values
        if getattr(values, "ndim", 1) == 2 and len(places):
            inner = values if _is_plain(values) else None
            if inner is not None and not inner.dtype.hasobject and rows:
                tokens.update(zip(places, _plain_columns(walk, inner, rows), strict=True))
                continue
            for row, place in enumerate(places):
                tokens[place] = yield from column(walk, values[row], rows)
        else:
            for place in places:
                tokens[place] = yield from column(walk, values, rows)
    return b"".join(parts) + b"".join(tokens[place] for place in sorted(tokens))


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
    if _is_plain(values):
        walk.reaches(identity(values))
        arrays.note_buffer(walk.reach, values)
        return
    walk.reaches(identity(values))
    for name in ("_ndarray", "_data", "_mask", "_codes"):
        try:
            inner = _get(values, name)
        except AttributeError:
            continue
        if _is_plain(inner):
            walk.reaches(identity(inner))
            arrays.note_buffer(walk.reach, inner)


def _plain_columns(walk: Walk, values: Any, rows: int) -> list[bytes]:
    """Return the tokens of the rows of a block, which are columns of its frame."""
    walk.nbytes += values.nbytes
    head = encoding.name(arrays.dtype_text(values.dtype)) + encoding.size(rows)
    if walk.samples(rows, sampling.ROWS):
        numpy = sys.modules["numpy"]
        if not walk.spend(50_000 + len(values) * 25_000):
            walk.partial = True
            return [b"?"] * len(values)
        chosen = values[:, numpy.array(sampling.rows(rows))]
        chosen = numpy.ascontiguousarray(chosen)
        return [encoding.node(head, b"/" + xxh3_128_digest(_raw(part))) for part in chosen]
    inline = values.flags.c_contiguous or values.strides[1] == values.itemsize
    each = cost.BYTE if inline else cost.COPIED_BYTE
    if not (walk.spend(len(values) * cost.COLUMN) and walk.spend_bytes(values.nbytes, each)):
        walk.partial = True
        return [b"?"] * len(values)
    if inline:
        return [encoding.node(head, xxh3_128_digest(_raw(part))) for part in values]
    # Rows first in memory: all columns are read at once, in pieces that fit the caches.
    numpy = sys.modules["numpy"]
    hashers = [xxh3_128() for _ in range(len(values))]
    for start in range(0, rows, _ROWS):
        piece = numpy.ascontiguousarray(values[:, start : start + _ROWS])
        for hasher, part in zip(hashers, piece, strict=True):
            hasher.update(_raw(part))
    return [encoding.node(head, hasher.digest()) for hasher in hashers]


def _raw(part: Any) -> Any:
    return arrays.little_endian(part).view(sys.modules["numpy"].uint8)


def column(walk: Walk, values: Any, rows: int) -> Parts:
    """Return the token of one column: of its values, or of those the plan for samples takes."""
    numpy = sys.modules["numpy"]
    if walk.samples(rows, sampling.ROWS):
        if not walk.spend(150_000):
            walk.partial = True
            return b"?" + encoding.size(rows)
        walk.partial = True
        positions = numpy.array(sampling.rows(rows))
        values = values[positions] if _is_plain(values) else values.take(positions)
        return b"/" + encoding.size(rows) + (yield values)
    if _is_plain(values):
        if values.dtype.hasobject:
            return b"=" + (yield values)
        head = encoding.name(arrays.dtype_text(values.dtype)) + encoding.size(rows)
        if not rows:
            return encoding.node(head, b"0")
        walk.nbytes += values.nbytes
        walk.spend_bytes(values.nbytes)
        raw = numpy.ascontiguousarray(values)
        return encoding.node(head, xxh3_128_digest(_raw(raw)))
    return b"=" + (yield values)


@handles("pandas.Series", "pandas.core.series.Series", name="pandas.Series")
def _series(walk: Walk, value: Any) -> Parts:
    manager = _get(value, "_mgr")
    values = manager.blocks[0].values
    rows = len(values)
    walk.require(_cost(values, rows))
    if walk.reach is not None:
        _note(walk, values)
    parts = [(yield manager.axes[0]), (yield _dict_get(value, "_name"))]
    parts.append((yield _dict_get(value, "_attrs") or None))
    parts.append((yield from column(walk, values, rows)))
    return b"".join(parts)


@handles("pandas.Index", "pandas.core.indexes.base.Index", name="pandas.Index")
def _index(walk: Walk, value: Any) -> Parts:
    values = _get(value, "_data")
    rows = len(values)
    walk.require(_cost(values, rows))
    return (yield _dict_get(value, "_name")) + (yield from column(walk, values, rows))


# What pandas infers of dates, and keeps, such as their frequency, does not change what they are.
for _name, _module in (
    ("DatetimeIndex", "datetimes"),
    ("TimedeltaIndex", "timedeltas"),
    ("PeriodIndex", "period"),
    ("CategoricalIndex", "category"),
    ("IntervalIndex", "interval"),
):
    handles(f"pandas.{_name}", f"pandas.core.indexes.{_module}.{_name}", name=f"pandas.{_name}")(
        _index
    )


@handles("pandas.RangeIndex", "pandas.core.indexes.range.RangeIndex", name="pandas.RangeIndex")
def _range_index(walk: Walk, value: Any) -> Parts:
    return (yield _dict_get(value, "_name")) + (yield _get(value, "_range"))


@handles("pandas.MultiIndex", "pandas.core.indexes.multi.MultiIndex", name="pandas.MultiIndex")
def _multi_index(walk: Walk, value: Any) -> Parts:
    numpy = sys.modules["numpy"]
    levels, codes = _get(value, "_levels"), _get(value, "_codes")
    rows = len(codes[0]) if len(codes) else 0
    parts = [(yield tuple(_get(value, "_names"))), encoding.size(rows)]
    sampled = walk.samples(rows, sampling.ROWS)
    if not walk.spend(0.0 if sampled else rows * len(codes) * 8):
        walk.partial = True
        return b"".join(parts)
    for level, code in zip(levels, codes, strict=True):
        if sampled:
            code = code[numpy.array(sampling.rows(rows))]
        # By content: levels that no row uses, and their order, make no difference.
        used, compact = numpy.unique(code, return_inverse=True)
        present = used[used >= 0]
        parts.append((yield level.take(present)._data))
        parts.append(encoding.size(len(used) - len(present)))
        parts.append((yield numpy.ascontiguousarray(compact, dtype="<i8")))
    return b"".join(parts)


def _array(*names: str, tag: str | None = None) -> Callable[[Handler], Handler]:
    """Declare the handler of an extension array, by its name and its modules of old."""
    last = names[0]
    targets = [f"pandas.arrays.{last}", f"pandas.{last}"]
    targets += [f"pandas.core.arrays.{module}.{last}" for module in names[1:]]
    return handles(*targets, name=f"pandas.{last}", tag=tag)


@_array("Categorical", "categorical")
def _categorical(walk: Walk, value: Any) -> Parts:
    dtype = _get(value, "_dtype")
    codes = _get(value, "_ndarray")
    if walk.samples(len(codes), sampling.ELEMENTS):
        codes = codes[sys.modules["numpy"].array(sampling.elements(len(codes)))]
    walk.spend_bytes(codes.nbytes, cost.COPIED_BYTE * 4 / codes.dtype.itemsize)
    # The width of the codes is for pandas to choose.
    wide = codes.astype("<i4") if codes.dtype.itemsize < 4 else codes
    return (yield dtype.categories) + (b"o" if dtype.ordered else b"u") + (yield wide)


@_array("DatetimeArray", "datetimes")
@_array("TimedeltaArray", "timedeltas")
@_array("PeriodArray", "period")
def _datetimes(walk: Walk, value: Any) -> Parts:
    return encoding.name(str(value.dtype)) + (yield _get(value, "_ndarray"))


@_array("PandasArray", "numpy_")
@_array("NumpyExtensionArray", "numpy_")
def _numpy_backed(walk: Walk, value: Any) -> Parts:
    return encoding.name(str(value.dtype)) + (yield _get(value, "_ndarray"))


@handles("pandas.core.arrays.masked.BaseMaskedArray", mutable=True)
def _masked(walk: Walk, value: Any) -> Parts:
    data, mask = _get(value, "_data"), _get(value, "_mask")
    head = encoding.size(len(data))
    if walk.samples(len(data), sampling.ROWS):
        positions = sys.modules["numpy"].array(sampling.rows(len(data)))
        data, mask = data[positions], mask[positions]
    else:
        walk.spend_bytes(data.nbytes, cost.COPIED_BYTE)
    if mask.any():
        data = data.copy()  # what lies under the mask is nobody's content
        data[mask] = 0
    return head + (yield data) + (yield mask)


@_array("ArrowExtensionArray", "arrow.array")
def _arrow_backed(walk: Walk, value: Any) -> Parts:
    return encoding.name(str(value.dtype)) + (yield _get(value, "_pa_array"))


@_array("StringArray", "string_", tag="pandas.StringArray")
@_array("StringArrayNumpySemantics", "string_", tag="pandas.StringArray")
@_array("ArrowStringArray", "string_arrow", tag="pandas.StringArray")
@_array("ArrowStringArrayNumpySemantics", "string_arrow", tag="pandas.StringArray")
def _strings(walk: Walk, value: Any) -> Parts:
    # One content, whether or not pyarrow is there to hold it.
    rows = len(value)
    head = encoding.name(str(value.dtype)) + encoding.size(rows)
    if walk.samples(rows, sampling.ROWS):
        if not walk.spend(400_000):
            walk.partial = True
            return head + b"?"
        return b"/" + head + (yield value.take(sys.modules["numpy"].array(sampling.rows(rows))))
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


@_array("IntervalArray", "interval")
def _intervals(walk: Walk, value: Any) -> Parts:
    left, right = _get(value, "_left"), _get(value, "_right")
    return encoding.name(str(value.dtype)) + (yield left) + (yield right)


@_array("SparseArray", "sparse.array")
def _sparse(walk: Walk, value: Any) -> Parts:
    index = value.sp_index.to_int_index()
    parts = [encoding.name(str(value.dtype)), encoding.size(len(value))]
    parts.append((yield value.sp_values))
    parts.append((yield index.indices))
    return b"".join(parts) + (yield value.fill_value)


@handles("pandas.api.extensions.ExtensionDtype", "pandas.core.dtypes.base.ExtensionDtype")
def _dtype(walk: Walk, value: Any) -> Parts:
    if not _pandas_own(value):
        return (yield from attributes(walk, value))
    if type(value).__name__ == "CategoricalDtype":
        return (yield value.categories) + (b"o" if value.ordered else b"u")
    return encoding.name(str(value))


def _pandas_own(value: Any) -> bool:
    """Whether a value's class is pandas' own: what a user's class says would be the user's code."""
    kind = type(value)
    return top_level(kind) == "pandas" and genuine(kind)


@handles("pandas.Timestamp", "pandas._libs.tslibs.timestamps.Timestamp", name="pandas.Timestamp",
         mutable=False, first=True)  # fmt: skip
def _timestamp(walk: Walk, value: Any) -> Parts:
    return _nanoseconds(value) + (yield value.tzinfo)


def _nanoseconds(value: Any) -> bytes:
    # Versions choose other units for one instant; some have nanoseconds alone.
    factor = _UNITS[getattr(value, "unit", "ns")]
    return encoding.encode_int(value._value * factor)


@handles("pandas.Timedelta", "pandas._libs.tslibs.timedeltas.Timedelta", name="pandas.Timedelta",
         mutable=False, first=True)  # fmt: skip
def _timedelta(walk: Walk, value: Any) -> Parts:
    return _nanoseconds(value)
    yield


@handles("pandas.Period", "pandas._libs.tslibs.period.Period", name="pandas.Period",
         mutable=False)  # fmt: skip
def _period(walk: Walk, value: Any) -> Parts:
    return encoding.encode_int(value.ordinal) + encoding.name(value.freqstr)
    yield


@handles("pandas.Interval", "pandas._libs.interval.Interval", name="pandas.Interval",
         mutable=False)  # fmt: skip
def _interval(walk: Walk, value: Any) -> Parts:
    return (yield value.left) + (yield value.right) + encoding.name(value.closed)


@handles("pandas._libs.tslibs.nattype.NaTType", "pandas.api.typing.NaTType", name="pandas.NaT",
         mutable=False, first=True)  # fmt: skip
@handles("pandas._libs.missing.NAType", "pandas.api.typing.NAType", name="pandas.NA",
         mutable=False)  # fmt: skip
def _missing(walk: Walk, value: Any) -> Parts:
    return b""
    yield


@handles("pandas._libs.tslibs.offsets.BaseOffset", mutable=False)
def _offset(walk: Walk, value: Any) -> Parts:
    if not _pandas_own(value):
        return (yield from attributes(walk, value))
    return encoding.name(value.freqstr)
    yield
