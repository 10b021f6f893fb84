"""Taking apart pyarrow's arrays and tables; pyarrow is never imported here.

They are known by what they hold: how many chunks there are, where they begin in their buffers, and
what lies under nulls makes no difference, nor does the width of the offsets of strings.
"""

# ruff: noqa: RUF001  (the sign between the sizes of a table)

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from xxhash import xxh3_128

from provenance_kernel.fingerprint import budget as cost
from provenance_kernel.fingerprint import encoding, sampling
from provenance_kernel.fingerprint.registry import handles
from provenance_kernel.fingerprint.walk import Parts, Walk, joined

_AS_VALUES = 12.0  # nominal nanoseconds for a byte of an array that is read as Python's values
_TEXTS = {"large_string": "string", "string_view": "string",
          "large_binary": "binary", "binary_view": "binary"}  # fmt: skip


def table_text(value: object, shape: tuple[int, int]) -> str:
    """Return the short repr of a table, of any library."""
    return f"{type(value).__name__}({shape[0]} rows × {shape[1]} columns)"


@handles("pyarrow.lib.ChunkedArray", mutable=False)
def _chunked(walk: Walk, value: Any) -> Parts:
    return _column(walk, value, value.chunks)


@handles("pyarrow.lib.Array", mutable=False, tag="pyarrow.Array")
def _array(walk: Walk, value: Any) -> Parts:
    return _column(walk, value, [value])


def _column(walk: Walk, value: Any, chunks: Sequence[Any]) -> Parts:
    rows = len(value)
    nbytes = value.nbytes
    if walk.samples(rows, sampling.ROWS):
        if not walk.spend(400_000 + _read(value.type, nbytes * sampling.ROWS // rows)):
            return b"?" + encoding.size(rows)
        head = encoding.name(_type_text(value.type)) + encoding.size(rows)
        return b"/" + head + (yield [value[at].as_py() for at in sampling.rows(rows)])
    walk.nbytes += nbytes
    if not walk.spend_bytes(nbytes, cost.BYTE * 4):
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
        fields = [chunk.flatten() for chunk in chunks]
        for place in range(kind.num_fields):
            inner = [field[place] for field in fields]
            head += yield from _content(walk, kind.field(place).type, inner)
        return head
    if types.is_list(kind) or types.is_large_list(kind):
        compute = sys.modules.get("pyarrow.compute")
        if compute is not None and numpy is not None:
            hasher = xxh3_128()
            for chunk in chunks:
                lengths = compute.fill_null(compute.list_value_length(chunk), 0)
                hasher.update(lengths.to_numpy(zero_copy_only=False).astype("<i8"))
            inner = [chunk.flatten() for chunk in chunks]
            return head + hasher.digest() + (yield from _content(walk, kind.value_type, inner))
    if not walk.spend(rows * cost.ITEM * 2 + _read(kind, sum(chunk.nbytes for chunk in chunks))):
        return b"?" + head
    return head + (yield [item for chunk in chunks for item in chunk.to_pylist()])


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


@handles("pyarrow.lib.Table", mutable=False, measure=lambda value: value.shape,
         describe=lambda value, limit: table_text(value, value.shape))  # fmt: skip
@handles("pyarrow.lib.RecordBatch", mutable=False, measure=lambda value: value.shape)
def _table(walk: Walk, value: Any) -> Parts:
    head = (yield tuple(value.schema.names)) + encoding.size(value.num_rows)
    return head + (yield from joined(*value.columns))


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
