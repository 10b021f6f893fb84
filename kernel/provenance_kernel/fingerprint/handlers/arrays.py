"""Taking apart numpy's arrays, scalars, dtypes and generators; numpy is never imported here.

An array is its dtype, its shape and its elements in C order, whatever its layout and byte order;
a memory map is the array it shows. Bits count: -0.0 differs from 0.0, and so do NaNs with other
payloads, since a look at every element would cost more than the digest.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from xxhash import xxh3_128, xxh3_128_digest

from provenance_kernel.fingerprint import budget as cost
from provenance_kernel.fingerprint import encoding, sampling
from provenance_kernel.fingerprint.handlers.builtin import mixed
from provenance_kernel.fingerprint.registry import Entry, declare, handles
from provenance_kernel.fingerprint.walk import Parts, Reach, Walk
from provenance_kernel.identity import identity
from provenance_kernel.inspection import is_genuine, qualified_name, top_level

_CHUNK = 1 << 20


def dtype_text(dtype: Any) -> str:
    """Return a dtype's text without its byte order."""
    if dtype.subdtype is not None:
        inner, shape = dtype.subdtype
        return f"{dtype_text(inner)}{shape}"
    if dtype.names is not None:
        fields = (f"{name!r}:{dtype_text(dtype.fields[name][0])}" for name in dtype.names)
        return "{" + ",".join(fields) + "}"
    text: str = dtype.str.lstrip("<>|=")
    # Dtypes that other libraries add all call themselves V.
    return f"{dtype.name}:{text}" if dtype.kind == "V" else text


def note_buffer(reach: Reach | None, array: Any) -> None:
    """Note who owns the memory that an array shows, and where it lies."""
    if reach is None:
        return
    base = array.base
    kind = sys.modules["numpy"].ndarray
    while base is not None:
        reach.ids.add(identity(base))
        if not issubclass(type(base), kind):
            break
        # Not by its own attributes, which a subclass of the user's may redefine.
        array, base = base, kind.base.__get__(base)
    if type(base) is memoryview:
        reach.ids.add(identity(base.obj))
    # Addresses of memory, as other libraries share it, are told from those of objects by the sign.
    if not issubclass(type(array), kind):
        data = array.__array_interface__["data"][0]
    elif kind.dtype.__get__(array).names is None:
        data = kind.__array_interface__.__get__(array)["data"][0]
    else:
        # The way above describes each field first.
        data = kind.ctypes.__get__(array).data
    reach.ids.add(-data)
    if base is None:
        reach.memory[identity(array)] = -data


# The texts of the dtypes most arrays have, by the address of numpy's own objects, which never go.
_usual: dict[int, str] = {}


@lru_cache(maxsize=1024)
def _head(text: str, shape: tuple[int, ...]) -> tuple[bytes, str]:
    """Return what precedes the elements of an array, and its shape as text."""
    return encoding.name(f"{text} {shape}"), str(shape)


def _buffer(array: Any, reach: Reach | None) -> tuple[bytes, int, str] | None:
    """Take the short way with an array in C order of numbers as the processor has them."""
    text = _usual.get(identity(array.dtype))
    if text is None:
        if _usual or sys.byteorder != "little":
            return None
        dtype = sys.modules["numpy"].dtype
        _usual.update(
            {identity(dtype(char)): dtype_text(dtype(char)) for char in "?bBhHiIlLqQefdFD"}
        )
        return _buffer(array, reach)
    nbytes = array.nbytes
    if not nbytes or not array.flags.c_contiguous:
        return None
    if reach is not None:
        note_buffer(reach, array)
    head, shape = _head(text, array.shape)
    return head, nbytes, shape


def _plain(value: Any) -> Any:
    """Return an array without what a subclass may have redefined."""
    numpy = sys.modules["numpy"]
    return value if type(value) is numpy.ndarray else numpy.ndarray.view(value, numpy.ndarray)


def _text(value: Any, limit: int) -> str:
    plain = _plain(value)
    name = "array" if plain is value else type(value).__name__
    dtype = "structured" if plain.dtype.names is not None else _dtype_name(plain.dtype)
    return f"{name}(shape={plain.shape}, dtype={dtype})"


@lru_cache(maxsize=256)
def _dtype_name(dtype: Any) -> str:
    # numpy puts it together by code in Python each time.
    return str(dtype)


@handles("numpy.memmap", tag="numpy.ndarray")
@handles("numpy.ndarray", extended=True, buffer=_buffer, describe=_text,
         measure=lambda value: _plain(value).shape)  # fmt: skip
def _ndarray(walk: Walk, value: Any) -> Parts:
    array = _plain(value)
    found = _buffer(array, walk.reach)
    if found is not None:
        head, nbytes, _ = found
        walk.nbytes += nbytes
        return head + hash_elements(walk, array)
    note_buffer(walk.reach, array)
    head = encoding.name(f"{dtype_text(array.dtype)} {array.shape}")
    return head + (yield from elements(walk, array))


def elements(walk: Walk, array: Any) -> Parts:
    """Return the payload of an array's elements in C order."""
    dtype = array.dtype
    size = array.size
    if not size:
        return b"0"
    if dtype.hasobject or dtype.kind == "T":
        if dtype.names is not None:
            return (yield from _by_field(walk, array))
        return (yield from _objects(walk, array))
    if dtype.names is not None and not _packed(dtype):
        return (yield from _by_field(walk, array))
    if dtype.char in "gG" and dtype.itemsize % 16 == 0:
        return _extended(walk, array)
    walk.nbytes += array.nbytes
    return hash_elements(walk, array)


def hash_elements(walk: Walk, array: Any) -> bytes:
    """Return the payload of elements without objects, without a copy where they lie in C order."""
    if walk.samples(array.size, sampling.ELEMENTS):
        walk.spend(100_000)
        return b"/" + xxh3_128_digest(raw(chosen(array, sampling.elements)))
    inline = array.flags.c_contiguous and _is_little_endian(array.dtype)
    if not walk.spend_bytes(array.nbytes, cost.BYTE if inline else cost.COPIED_BYTE):
        return b"?"
    if inline or array.nbytes <= _CHUNK or not array.ndim:
        return xxh3_128_digest(raw(array))
    hasher = xxh3_128()
    step = max(1, _CHUNK * len(array) // array.nbytes)
    for start in range(0, len(array), step):
        hasher.update(raw(array[start : start + step]))
    return hasher.digest()


def _is_little_endian(dtype: Any) -> bool:
    return identity(dtype) in _usual or bool(dtype == dtype.newbyteorder("<"))


def raw(array: Any) -> Any:
    """Return a buffer of an array's elements in C order and little endian, a copy if need be."""
    numpy = sys.modules["numpy"]
    if identity(array.dtype) in _usual:
        return numpy.ascontiguousarray(array)
    if not _is_little_endian(array.dtype):
        array = array.astype(array.dtype.newbyteorder("<"))
    return numpy.ascontiguousarray(array).reshape(-1).view(numpy.uint8)


def chosen(array: Any, plan: Callable[[int], tuple[int, ...]]) -> Any:
    """Return the elements of an array that a plan for samples takes, whatever its layout."""
    numpy = sys.modules["numpy"]
    at = places(plan, array.size)
    if array.flags.c_contiguous:
        return array.reshape(-1)[at]
    return array[numpy.unravel_index(at, array.shape)]


@lru_cache(maxsize=64)
def places(plan: Callable[[int], tuple[int, ...]], length: int) -> Any:
    """Return the positions of a plan for samples as an array."""
    return sys.modules["numpy"].array(plan(length))


def _packed(dtype: Any) -> bool:
    """Whether a structured dtype has no bytes that belong to no field."""
    if dtype.subdtype is not None:
        return _packed(dtype.subdtype[0])
    if dtype.names is None:
        return dtype.char not in "gG"
    fields = [dtype.fields[name][0] for name in dtype.names]
    return sum(field.itemsize for field in fields) == dtype.itemsize and all(map(_packed, fields))


def _by_field(walk: Walk, array: Any) -> Parts:
    parts = []
    for name in array.dtype.names:
        field = array[name]
        if identity(field.dtype) in _usual and field.size:
            walk.nbytes += field.nbytes
            parts.append(hash_elements(walk, field))
        else:
            parts.append((yield from elements(walk, field)))
    return b"".join(parts)


def _objects(walk: Walk, array: Any) -> Parts:
    size = array.size
    if walk.samples(size, sampling.ITEMS):
        items = chosen(array, sampling.items).tolist()
        return b"/" + encoding.size(size) + (yield from mixed(walk, items))
    if not walk.spend(size * cost.NUMBER):
        return b"?" + encoding.size(size)
    return (yield from mixed(walk, array.ravel().tolist()))


def _extended(walk: Walk, array: Any) -> bytes:
    """Return the payload of x87 numbers: ten bytes each, and six of padding."""
    numpy = sys.modules["numpy"]
    if walk.samples(array.size, sampling.ELEMENTS):
        array = chosen(array, sampling.elements)
    walk.nbytes += array.nbytes
    if not walk.spend_bytes(array.nbytes, cost.COPIED_BYTE * 2):
        return b"?"
    used = 10 if numpy.finfo(numpy.longdouble).nmant == 63 else 16
    return xxh3_128_digest(numpy.ascontiguousarray(raw(array).reshape(-1, 16)[:, :used]))


@handles("numpy.ma.MaskedArray")
def _masked(walk: Walk, value: Any) -> Parts:
    numpy = sys.modules["numpy"]
    data = _plain(value)
    note_buffer(walk.reach, data)
    mask = object.__getattribute__(value, "_mask")
    head = encoding.name(f"{dtype_text(data.dtype)} {data.shape}")
    if mask is numpy.ma.nomask:
        return head + (yield from elements(walk, data))
    walk.reaches(identity(mask))
    note_buffer(walk.reach, mask)
    if walk.samples(data.size, sampling.ELEMENTS):
        data, mask = chosen(data, sampling.elements), chosen(mask, sampling.elements)
    if mask.dtype == bool:
        walk.spend_bytes(mask.nbytes)
        if not mask.any():
            return head + (yield from elements(walk, data))
        # What lies under the mask is nobody's content.
        walk.spend_bytes(data.nbytes, cost.COPIED_BYTE)
        data = data.copy()
        data[mask] = None if data.dtype.hasobject else numpy.zeros((), data.dtype)
    return head + (yield from elements(walk, data)) + (yield mask)


def _number(value: Any, limit: int) -> str:
    name = type(value).__name__
    if top_level(type(value)) != "numpy" or not is_genuine(type(value)):
        return f"<{qualified_name(type(value))} object>"
    if name == "void":
        return name
    item = value.item()
    if type(item) is str or type(item) is bytes:
        return repr(item[: limit + 1])
    return repr(item) if type(item) in (bool, int, float, complex) else f"{name}({value!s})"


@handles("numpy.generic", mutable=False, first=True, describe=_number)
def _scalar(walk: Walk, value: Any) -> Parts:
    numpy = sys.modules["numpy"]
    array = numpy.generic.__array__(value)
    dtype = array.dtype
    if dtype.names is not None:
        # An element of a structured array is a view of it.
        walk.reaches(identity(value))
        note_buffer(walk.reach, value)
    head = encoding.name(dtype_text(dtype))
    if dtype.kind in "fc" and array != array:
        parts = (array.real, array.imag) if dtype.kind == "c" else (array,)
        return head + b"nan" + b"".join(encoding.double(float(part)) for part in parts)
    return head + (yield from elements(walk, array.reshape(1)))


@handles("numpy.dtype", mutable=False)
def _dtype(walk: Walk, value: Any) -> Parts:
    return encoding.name(dtype_text(value))
    yield


@handles("numpy.random.mtrand.RandomState", adapted=True)
def _random_state(walk: Walk, value: Any) -> Parts:
    if value is sys.modules["numpy"].random.mtrand._rand:
        return encoding.name("numpy.random")  # the process's own is nobody's part
    # Its state is a copy of this one's.
    walk.reaches(identity(value._bit_generator))
    return (yield value.get_state(legacy=False))


@handles("numpy.random._generator.Generator", adapted=True)
def _generator(walk: Walk, value: Any) -> Parts:
    return (yield value.bit_generator)


@handles("numpy.random.bit_generator.BitGenerator", adapted=True)
def _bit_generator(walk: Walk, value: Any) -> Parts:
    if value is sys.modules["numpy"].random.mtrand._rand._bit_generator:
        return encoding.name("numpy.random")
    walk.touches(identity(getattr(value, "seed_seq", None)))
    return (yield value.state)


@handles("numpy.random.bit_generator.SeedSequence", adapted=True)
def _seed_sequence(walk: Walk, value: Any) -> Parts:
    return (yield value.state)


@handles(random.Random)
def _python_random(walk: Walk, value: random.Random) -> Parts:
    if value is random._inst:
        return encoding.name("random")
    return (yield random.Random.getstate(value))


declare("numpy.lib.npyio.NpzFile", "numpy.lib._npyio_impl.NpzFile", entry=Entry(opaque=True))
