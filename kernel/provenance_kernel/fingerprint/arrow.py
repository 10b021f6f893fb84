"""Taking apart pyarrow's arrays and tables and polars' series and frames; neither is imported here.

Both are known by what they hold: how many chunks there are, where they begin in their buffers, and
what lies under nulls makes no difference, nor does the width of the offsets of strings.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from xxhash import xxh3_128, xxh3_128_digest

from provenance_kernel.fingerprint import budget as cost
from provenance_kernel.fingerprint import encoding, sampling
from provenance_kernel.fingerprint.registry import Parts, handles
from provenance_kernel.fingerprint.walk import Walk
from provenance_kernel.identity import identity

_AS_VALUES = 12.0  # nominal nanoseconds for a byte of an array that is read as Python's values
_TEXTS = {"large_string": "string", "string_view": "string",
          "large_binary": "binary", "binary_view": "binary"}  # fmt: skip


@handles("pyarrow.lib.ChunkedArray", mutable=False)
def _chunked(walk: Walk, value: Any) -> Parts:
    return (yield from _column(walk, value, value.chunks))


@handles("pyarrow.lib.Array", mutable=False, tag="pyarrow.Array")
def _array(walk: Walk, value: Any) -> Parts:
    return (yield from _column(walk, value, [value]))


def _column(walk: Walk, value: Any, chunks: Sequence[Any]) -> Parts:
    rows = len(value)
    nbytes = value.nbytes
    if walk.samples(rows, sampling.ROWS):
        if not walk.spend(400_000 + _read(value.type, nbytes * sampling.ROWS // rows)):
            walk.partial = True
            return b"?" + encoding.size(rows)
        head = encoding.name(_type_text(value.type)) + encoding.size(rows)
        return b"/" + head + (yield [value[at].as_py() for at in sampling.rows(rows)])
    walk.nbytes += nbytes
    if not walk.spend_bytes(nbytes, cost.BYTE * 4):
        walk.partial = True
        return b"?" + encoding.size(rows)
    return (yield from _content(walk, value.type, chunks))


def _read(kind: Any, nbytes: int) -> float:
    """Return the nominal nanoseconds of bytes that are read as Python's values."""
    return nbytes * (1.0 if _type_text(kind) in ("string", "binary") else _AS_VALUES)


def _type_text(kind: Any) -> str:
    text = str(kind)
    return _TEXTS.get(text, text)


def _content(walk: Walk, kind: Any, chunks: Sequence[Any]) -> Parts:
    """Return the payload of chunks of one type, as if they were one array."""
    pyarrow = sys.modules["pyarrow"]
    types = pyarrow.types
    numpy = sys.modules.get("numpy")
    rows = sum(map(len, chunks))
    text = _type_text(kind)
    if types.is_dictionary(kind):
        decoded_bytes = sum(
            len(chunk) * (chunk.dictionary.nbytes // max(1, len(chunk.dictionary)) + 1)
            for chunk in chunks
        )
        if not walk.spend_bytes(decoded_bytes, cost.COPIED_BYTE):
            walk.partial = True
            return b"?"
        decoded = [chunk.dictionary_decode() for chunk in chunks]
        return b"D" + (yield from _content(walk, kind.value_type, decoded))
    head = encoding.name(text) + encoding.size(rows) + nulls(chunks)
    if text in ("string", "binary"):
        return head + strings(text, chunks)
    if types.is_null(kind):
        return head
    if numpy is not None and _fixed_width(types, kind):
        hasher = xxh3_128()
        width = kind.bit_width // 8
        for chunk in chunks:
            if len(chunk):
                plain = numpy.frombuffer(chunk.buffers()[1], dtype=f"V{width}")
                plain = plain[chunk.offset : chunk.offset + len(chunk)]
                if chunk.null_count:
                    plain = plain.copy()
                    plain[_mask(chunk)] = numpy.zeros((), plain.dtype)
                hasher.update(plain.view(numpy.uint8))
        return head + hasher.digest()
    if types.is_struct(kind):
        parts = [head]
        fields = [chunk.flatten() for chunk in chunks]
        for place in range(kind.num_fields):
            inner = [field[place] for field in fields]
            parts.append((yield from _content(walk, kind.field(place).type, inner)))
        return b"".join(parts)
    if types.is_list(kind) or types.is_large_list(kind):
        compute = sys.modules.get("pyarrow.compute")
        if compute is not None and numpy is not None:
            hasher = xxh3_128()
            for chunk in chunks:
                lengths = compute.fill_null(compute.list_value_length(chunk), 0)
                hasher.update(lengths.to_numpy(zero_copy_only=False).astype("<i8"))
            inner = [chunk.flatten() for chunk in chunks]
            return head + hasher.digest() + (yield from _content(walk, kind.value_type, inner))
    plain = []
    if not walk.spend(rows * cost.ITEM * 2 + _read(kind, sum(chunk.nbytes for chunk in chunks))):
        walk.partial = True
        return b"?" + head
    for chunk in chunks:
        plain.extend(chunk.to_pylist())
    return head + (yield plain)


def _fixed_width(types: Any, kind: Any) -> bool:
    return bool(
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_temporal(kind)
        or types.is_decimal(kind)
        or types.is_fixed_size_binary(kind)
    )


def _mask(chunk: Any) -> Any:
    return chunk.is_null().to_numpy(zero_copy_only=False)


def nulls(chunks: Sequence[Any]) -> bytes:
    """Return the payload of which elements are null."""
    if not any(chunk.null_count for chunk in chunks):
        return b"-"
    hasher = xxh3_128()
    for chunk in chunks:
        hasher.update(memoryview(chunk.is_null().cast("uint8").buffers()[1])[: len(chunk)])
    return b"+" + hasher.digest()


def strings(text: str, chunks: Sequence[Any]) -> bytes:
    """Return the payload of texts: their lengths, then all of them one after another."""
    lengths, content = xxh3_128(), xxh3_128()
    for chunk in chunks:
        if not len(chunk):
            continue
        if chunk.null_count:
            chunk = chunk.fill_null("" if text == "string" else b"")
        if not str(chunk.type).startswith("large_"):
            chunk = chunk.cast(f"large_{text}")
        _, offsets, data = chunk.buffers()
        starts = memoryview(offsets).cast("B").cast("q")
        starts = starts[chunk.offset : chunk.offset + len(chunk) + 1]
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            lengths.update(numpy.diff(numpy.frombuffer(starts, dtype="<i8")))
        else:
            ends = starts.tolist()
            lengths.update(array("q", [b - a for a, b in pairwise(ends)]))
        if data is not None:
            content.update(memoryview(data)[starts[0] : starts[-1]])
    return lengths.digest() + content.digest()


@handles("pyarrow.lib.Table", "pyarrow.lib.RecordBatch", mutable=False)
def _table(walk: Walk, value: Any) -> Parts:
    parts = [(yield tuple(value.schema.names)), encoding.size(value.num_rows)]
    for column in value.columns:
        parts.append((yield column))
    return b"".join(parts)


@handles("pyarrow.lib.Scalar", mutable=False)
def _scalar(walk: Walk, value: Any) -> Parts:
    return encoding.name(str(value.type)) + (yield value.as_py())


@handles("pyarrow.lib.DataType", "pyarrow.lib.Field", mutable=False)
def _type(walk: Walk, value: Any) -> Parts:
    return encoding.name(str(value))
    yield


@handles("pyarrow.lib.Schema", mutable=False)
def _schema(walk: Walk, value: Any) -> Parts:
    return (yield tuple(str(field) for field in value))


@handles("pyarrow.lib.Buffer", mutable=False)
def _buffer(walk: Walk, value: Any) -> Parts:
    return (yield memoryview(value))


@handles("polars.dataframe.frame.DataFrame", name="polars.DataFrame")
def _polars_frame(walk: Walk, value: Any) -> Parts:
    columns = value.get_columns()
    walk.require(sum(_polars_cost(column) for column in columns))
    for column in columns:
        walk.reaches(identity(column))
    parts = [encoding.size(value.height)]
    for column in columns:
        parts.append((yield column))
    return b"".join(parts)


def _polars_cost(column: Any) -> float:
    return float(column.estimated_size() * cost.BYTE)


@handles("polars.series.series.Series", name="polars.Series")
def _polars_series(walk: Walk, value: Any) -> Parts:
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
            walk.partial = True
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
        walk.partial = True
        return b"?".join(head)
    if missing:
        head.append((yield value.is_null().arg_true().to_list()))
    if text:
        value = value.cast(polars.String).fill_null("")
        lengths = yield from _numbers(walk, value.str.len_bytes(), polars)
        joined = value.str.join("").to_list()[0] if rows else ""
        return b"".join(head) + lengths + xxh3_128_digest(joined.encode("utf-8"))
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
def _polars_type(walk: Walk, value: Any) -> Parts:
    return encoding.name(str(value))
    yield
