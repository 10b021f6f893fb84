"""Taking apart the containers, numbers, texts and buffers of Python itself."""

from __future__ import annotations

import array
import collections
import gc
import io
import types
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from xxhash import xxh3_128, xxh3_128_digest

from provenance_kernel.fingerprint import budget as cost
from provenance_kernel.fingerprint import encoding, sampling
from provenance_kernel.fingerprint.encoding import SCALARS
from provenance_kernel.fingerprint.registry import handles
from provenance_kernel.fingerprint.walk import (
    Parts,
    Unreadable,
    Walk,
    joined,
    text_size,
    tokens_of,
)
from provenance_kernel.identity import identity

_SORTABLE = 50_000  # keys above it are counted only, where a sample is taken
_ENTIRE = slice(None)
_FIRST = 32  # keys looked at for what a dict is about
_COPIED = 8  # nominal nanoseconds for one element brought into a list


def hash_buffer(walk: Walk, buffer: Any, nbytes: int) -> bytes:
    """Return the payload of a contiguous buffer, hashed where it lies."""
    size = encoding.size(nbytes)
    walk.nbytes += nbytes
    if walk.samples(nbytes, sampling.BUFFER):
        if not walk.spend(40_000):
            return b"?" + size
        view = memoryview(buffer).cast("B")
        hasher = xxh3_128()
        for part in sampling.slices(nbytes):
            hasher.update(view[part])
        return b"/" + size + hasher.digest()
    if not walk.spend_bytes(nbytes):
        return b"?" + size
    return b"=" + size + xxh3_128_digest(buffer)


def sequence(
    walk: Walk, value: Any, length: int, item: Callable[[Any, Any], Any] = list.__getitem__
) -> Parts:
    """Return the payload of an ordered container; `item` gets an element, or a slice as a list."""
    head = encoding.size(length)
    if walk.samples(length, sampling.ITEMS):
        elements = [item(value, position) for position in sampling.items(length)]
        head = b"/" + head
    elif not walk.spend(length * cost.NUMBER):
        return b"?" + head
    else:
        elements = item(value, _ENTIRE)
    return head + (yield from mixed(walk, elements))


def mixed(walk: Walk, elements: Sequence[Any]) -> Parts:
    """Return the payload of elements in their order, packed where they are of one scalar type."""
    kind = encoding.uniform_type(elements)
    if kind is str:
        characters = sum(map(len, elements))
        walk.nbytes += characters
        if not walk.spend(len(elements) * (cost.TEXT - cost.NUMBER) + characters):
            return b"?"
    packed = None if kind is None else encoding.pack(elements, kind)
    if packed is not None:
        return packed
    walk.require(len(elements) * cost.ITEM)
    if not walk.spend(len(elements) * cost.ITEM + text_size(elements)):
        return b"?" + encoding.size(len(elements))
    return b"m" + b"".join((yield from tokens_of(elements)))


@handles(list, extended=True, measure=list.__len__)
def _list(walk: Walk, value: list[Any]) -> Parts:
    return sequence(walk, value, list.__len__(value))


@handles(tuple, mutable=False, extended=True, measure=tuple.__len__)
def _tuple(walk: Walk, value: tuple[Any, ...]) -> Parts:
    return sequence(walk, value, tuple.__len__(value), tuple.__getitem__)


@handles(collections.deque, extended=True, measure=collections.deque.__len__)
def _deque(walk: Walk, value: collections.deque[Any]) -> Parts:
    limit = collections.deque.__dict__["maxlen"].__get__(value)
    length = collections.deque.__len__(value)
    if not walk.spend(length * _COPIED):
        return b"?" + encoding.size(length)
    elements: list[Any] = list(collections.deque.__iter__(value))
    parts = yield from sequence(walk, elements, len(elements))
    return parts + (SCALARS[identity(type(limit))](limit) or b"")


def _sortable(keys: Sequence[Any]) -> bool:
    return encoding.uniform_type(keys) in (int, str)


@handles(set, unordered=True, extended=True, measure=set.__len__)
def _set(walk: Walk, value: set[Any]) -> Parts:
    return _unordered(walk, value, set.__len__(value), set.__iter__)


@handles(frozenset, mutable=False, unordered=True, extended=True, measure=frozenset.__len__)
def _frozenset(walk: Walk, value: frozenset[Any]) -> Parts:
    return _unordered(walk, value, frozenset.__len__(value), frozenset.__iter__)


def _unordered(walk: Walk, value: Any, length: int, iterate: Callable[[Any], Any]) -> Parts:
    head = encoding.size(length)
    large = walk.samples(length, sampling.ITEMS)
    if (large and length > _SORTABLE) or not walk.spend(length * cost.NUMBER * 4):
        return b"?" + head
    elements = list(iterate(value))
    if _sortable(elements):
        elements.sort()
        if large:
            return b"/" + head + (yield from sequence(walk, elements, length))
        return head + (yield from mixed(walk, elements))
    if large or not walk.spend(length * cost.ITEM) or not walk.spend(text_size(elements)):
        return b"?" + head
    return b"m" + head + b"".join(sorted((yield from tokens_of(elements))))


@handles(dict, collections.Counter, extended=True, measure=dict.__len__)
def mapping(walk: Walk, value: dict[Any, Any]) -> Parts:
    """Return the payload of a dict by content; its order goes to the walk, if it says anything."""
    length = dict.__len__(value)
    head = encoding.size(length)
    large = walk.samples(length, sampling.ITEMS)
    if (large and length > _SORTABLE) or not walk.spend(length * 2 * cost.ITEM):
        return b"?" + head
    keys = list(value if type(value) is dict else dict.keys(value))
    if keys and type(keys[0]) is int and keys[0] == id(dict.get(value, keys[0])):
        raise Unreadable  # it knows its values by their addresses
    if not large and any(type(key) is str and key in encoding.TIMES for key in keys[:_FIRST]):
        walk.partial = True
        times = encoding.TIMES.__contains__
        items = [
            each for each in dict.items(value) if type(each[0]) is not str or not times(each[0])
        ]
        return head + (yield items)
    if _sortable(keys):
        packed = encoding.pack(keys, type(keys[0]))
        if packed is None:  # ints that are too large
            if not walk.spend(sum(map(int.bit_length, keys)) >> 2):
                return b"?" + head
            packed = b"".join(map(encoding.encode_int, keys))
        walk.add_order([b"k", packed])
        keys.sort()
        if large:
            keys = [keys[at] for at in sampling.items(length)]
            head = b"/" + head
        values = [dict.get(value, key) for key in keys]
        return head + (yield from mixed(walk, keys)) + (yield from mixed(walk, values))
    if large:
        return b"?" + head
    items = list(dict.items(value))
    if not walk.spend(text_size(keys) + text_size(item for _, item in items)):
        return b"?" + head
    tokens = yield from tokens_of(chain.from_iterable(items))
    walk.add_order(tokens[::2])
    return head + b"".join(sorted(map(bytes.__add__, tokens[::2], tokens[1::2])))


@handles(collections.OrderedDict, extended=True, measure=collections.OrderedDict.__len__)
def _ordered_dict(walk: Walk, value: collections.OrderedDict[Any, Any]) -> Parts:
    # Two of these are unequal in another order: here the order is content.
    length = collections.OrderedDict.__len__(value)
    if not walk.spend(length * _COPIED * 20):
        return b"?" + encoding.size(length)
    items = list(collections.OrderedDict.items(value))
    keys = yield from sequence(walk, [key for key, _ in items], len(items))
    return keys + (yield from sequence(walk, [item for _, item in items], len(items)))


@handles(collections.defaultdict, extended=True)
def _defaultdict(walk: Walk, value: collections.defaultdict[Any, Any]) -> Parts:
    factory = collections.defaultdict.__dict__["default_factory"].__get__(value)
    return (yield from mapping(walk, value)) + (yield factory)


@handles(types.MappingProxyType, adapted=True)
def _mappingproxy(walk: Walk, value: Any) -> Parts:
    # A proxy's own methods would run those of the mapping behind it.
    return joined(*gc.get_referents(value))


@handles(range, mutable=False, measure=range.__len__)
def _range(walk: Walk, value: range) -> Parts:
    # Ranges are equal when their elements are.
    length = max(0, -((value.start - value.stop) // value.step))
    return joined(length, value.start if length else 0, value.step if length > 1 else 0)


@handles(int, mutable=False, extended=True)
def _int(walk: Walk, value: int) -> Parts:
    return encoding.encode_int(value) if walk.spend(int.bit_length(value) >> 2) else b"?"
    yield  # a generator, as all handlers are


@handles(float, mutable=False, extended=True)
def _float(walk: Walk, value: float) -> Parts:
    return encoding.double(float.__float__(value))
    yield


@handles(complex, mutable=False, extended=True)
def _complex(walk: Walk, value: complex) -> Parts:
    plain = complex.__complex__(value)
    return encoding.double(plain.real) + encoding.double(plain.imag)
    yield


@handles(str, mutable=False, extended=True, measure=str.__len__)
def _str(walk: Walk, value: str) -> Parts:
    length = str.__len__(value)
    if walk.samples(length, sampling.BUFFER):
        parts = "".join([str.__getitem__(value, part) for part in sampling.slices(length)])
        walk.nbytes += length
        return b"/" + encoding.size(length) + encoding.blob(b"s", encoding.utf8(parts))
    if not walk.spend(length):
        return b"?" + encoding.size(length)
    text = encoding.utf8(value)
    walk.nbytes += len(text)
    return encoding.blob(b"s", text)
    yield


@handles(bytes, mutable=False, extended=True, measure=bytes.__len__)
@handles(bytearray, extended=True, measure=bytearray.__len__)
def _bytes(walk: Walk, value: Any) -> Parts:
    with memoryview(value) as view:
        return hash_buffer(walk, view, view.nbytes)
    yield


@handles(array.array, extended=True)
def _array(walk: Walk, value: array.array[Any]) -> Parts:
    # A typecode may have another width on another machine; "u" and "w" are both text.
    kind = value.typecode
    head = encoding.name("f" if kind in "fd" else "u" if kind in "uw" else "i")
    head += encoding.size(value.itemsize) + bytes([kind.isupper()])
    with memoryview(value) as view:
        return head + hash_buffer(walk, view.cast("B"), view.nbytes)
    yield


@handles(memoryview)
def _memoryview(walk: Walk, value: memoryview) -> Parts:
    walk.reaches(identity(value.obj))
    head = encoding.name(f"{value.format} {value.shape}")
    if value.c_contiguous:
        with memoryview(value) as view:
            return head + hash_buffer(walk, view, view.nbytes)
    if walk.samples(value.nbytes, sampling.BUFFER):
        return head + b"?"
    if not walk.spend_bytes(value.nbytes, cost.COPIED_BYTE * 4):
        return head + b"?"
    return head + hash_buffer(walk, value.tobytes(), value.nbytes)
    yield


@handles(io.BytesIO, io.StringIO)
def _memory_file(walk: Walk, value: Any) -> Parts:
    # In memory, and neither reading it whole nor asking where it stands moves it.
    kind = type(value)
    if kind is not io.BytesIO and kind is not io.StringIO:
        raise Unreadable
    return (yield kind.getvalue(value)) + encoding.size(kind.tell(value))
