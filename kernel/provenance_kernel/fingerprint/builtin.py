"""Taking apart the containers, texts and buffers of Python itself."""

from __future__ import annotations

import array
import collections
import io
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from xxhash import xxh3_128, xxh3_128_digest

from provenance_kernel.fingerprint import budget as cost
from provenance_kernel.fingerprint import encoding, sampling
from provenance_kernel.fingerprint.encoding import SCALARS
from provenance_kernel.fingerprint.registry import Parts, handles
from provenance_kernel.fingerprint.walk import Unreadable, Walk
from provenance_kernel.identity import identity

_SORTABLE = 50_000  # keys above it are counted only, where a sample is taken
_ENTIRE = slice(None)
_COPIED = 8  # nominal nanoseconds for one element brought into a list


def hash_buffer(walk: Walk, buffer: Any, nbytes: int) -> bytes:
    """Return the payload of a contiguous buffer, hashed where it lies."""
    walk.nbytes += nbytes
    if walk.samples(nbytes, sampling.BUFFER):
        if not walk.spend(40_000):
            return b"?" + encoding.size(nbytes)
        view = memoryview(buffer).cast("B")
        hasher = xxh3_128()
        for part in sampling.slices(nbytes):
            hasher.update(view[part])
        return b"/" + encoding.size(nbytes) + hasher.digest()
    if not walk.spend_bytes(nbytes):
        return b"?" + encoding.size(nbytes)
    return b"=" + encoding.size(nbytes) + xxh3_128_digest(buffer)


def sequence(
    walk: Walk, value: Any, length: int, item: Callable[[Any, Any], Any] = list.__getitem__
) -> Parts:
    """Return the payload of an ordered container; `item` gets an element, or a slice as a list."""
    head = encoding.size(length)
    if walk.samples(length, sampling.ITEMS):
        elements = [item(value, position) for position in sampling.items(length)]
        head = b"/" + head
    elif not walk.spend(length * cost.NUMBER):
        walk.partial = True
        return b"?" + head
    else:
        elements = item(value, _ENTIRE)
    return head + (yield from mixed(walk, elements))


def mixed(walk: Walk, elements: Sequence[Any]) -> Parts:
    """Return the payload of elements in their order, packed where they are of one scalar type."""
    kind = encoding.uniform_type(elements)
    if kind is not None:
        if kind is str:
            characters = sum(map(len, elements))
            walk.nbytes += characters
            paid = walk.spend(len(elements) * (cost.TEXT - cost.NUMBER) + characters)
        else:
            paid = True
        packed = encoding.pack(elements, kind) if paid else b"?"
        if packed is not None:
            walk.partial = walk.partial or not paid
            return packed
    if not walk.spend(len(elements) * cost.ITEM + text_size(elements)):
        walk.partial = True
        return b"?" + encoding.size(len(elements))
    tokens = [b"m"]
    for element in elements:
        encoder = SCALARS.get(identity(type(element)))
        token = encoder(element) if encoder is not None else None
        if token is None:
            token = yield element
        tokens.append(token)
    return b"".join(tokens)


def text_size(elements: Iterable[Any]) -> int:
    """Return the length of the texts among the elements, which each takes a nanosecond to read."""
    return sum(len(each) for each in elements if type(each) is str or type(each) is bytes)


@handles(list, extended=True)
def _list(walk: Walk, value: list[Any]) -> Parts:
    return (yield from sequence(walk, value, list.__len__(value)))


@handles(tuple, mutable=False, extended=True)
def _tuple(walk: Walk, value: tuple[Any, ...]) -> Parts:
    return (yield from sequence(walk, value, tuple.__len__(value), tuple.__getitem__))


@handles(collections.deque, extended=True)
def _deque(walk: Walk, value: collections.deque[Any]) -> Parts:
    limit = collections.deque.__dict__["maxlen"].__get__(value)
    length = collections.deque.__len__(value)
    if not walk.spend(length * _COPIED):
        walk.partial = True
        return b"?" + encoding.size(length)
    elements: list[Any] = list(collections.deque.__iter__(value))
    parts = yield from sequence(walk, elements, len(elements))
    return parts + (SCALARS[identity(type(limit))](limit) or b"")


def _sortable(keys: Sequence[Any]) -> bool:
    return encoding.uniform_type(keys) in (int, str)


@handles(set, unordered=True, extended=True)
def _set(walk: Walk, value: set[Any]) -> Parts:
    return (yield from _unordered(walk, value, set.__len__(value), set.__iter__))


@handles(frozenset, mutable=False, unordered=True, extended=True)
def _frozenset(walk: Walk, value: frozenset[Any]) -> Parts:
    return (yield from _unordered(walk, value, frozenset.__len__(value), frozenset.__iter__))


def _unordered(walk: Walk, value: Any, length: int, iterate: Callable[[Any], Any]) -> Parts:
    head = encoding.size(length)
    large = walk.samples(length, sampling.ITEMS)
    if (large and length > _SORTABLE) or not walk.spend(length * cost.NUMBER * 4):
        walk.partial = True
        return b"?" + head
    elements = list(iterate(value))
    if _sortable(elements):
        elements.sort()
        if large:
            return b"/" + head + (yield from sequence(walk, elements, length))
        return head + (yield from mixed(walk, elements))
    if large:
        return b"?" + head
    if not walk.spend(length * cost.ITEM):
        walk.partial = True
        return b"?" + head
    if not walk.spend(text_size(elements)):
        walk.partial = True
        return b"?" + head
    tokens = []
    for element in elements:
        tokens.append((yield element))
    tokens.sort()
    return b"m" + head + b"".join(tokens)


@handles(dict, collections.Counter, extended=True)
def _dict(walk: Walk, value: dict[Any, Any]) -> Parts:
    return (yield from mapping(walk, value))


@handles(collections.OrderedDict, extended=True)
def _ordered_dict(walk: Walk, value: collections.OrderedDict[Any, Any]) -> Parts:
    # Two of these are unequal in another order: here the order is content.
    length = collections.OrderedDict.__len__(value)
    if not walk.spend(length * _COPIED * 20):
        walk.partial = True
        return b"?" + encoding.size(length)
    items = list(collections.OrderedDict.items(value))
    keys = yield from sequence(walk, [key for key, _ in items], len(items))
    values = yield from sequence(walk, [item for _, item in items], len(items))
    return keys + values


@handles(collections.defaultdict, extended=True)
def _defaultdict(walk: Walk, value: collections.defaultdict[Any, Any]) -> Parts:
    factory = collections.defaultdict.__dict__["default_factory"].__get__(value)
    return (yield from mapping(walk, value)) + (yield factory)


def mapping(walk: Walk, value: dict[Any, Any], ordered: bool = True) -> Parts:
    """Return the payload of a dict by content; its order goes to the walk, if it says anything."""
    length = dict.__len__(value)
    head = encoding.size(length)
    large = walk.samples(length, sampling.ITEMS)
    if (large and length > _SORTABLE) or not walk.spend(length * 2 * cost.ITEM):
        walk.partial = True
        return b"?" + head
    keys = list(value if type(value) is dict else dict.keys(value))
    if _sortable(keys):
        if ordered:
            packed = encoding.pack(keys, type(keys[0]))
            if packed is None:  # ints that are too large
                if not walk.spend(sum(map(int.bit_length, keys)) >> 2):
                    walk.partial = True
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
        walk.partial = True
        return b"?" + head
    items = list(dict.items(value))
    if not walk.spend(text_size(keys) + text_size(item for _, item in items)):
        walk.partial = True
        return b"?" + head
    tokens = []
    pairs = []
    for key, item in items:
        encoder = SCALARS.get(identity(type(key)))
        token = encoder(key) if encoder is not None else None
        if token is None:
            token = yield key
        encoder = SCALARS.get(identity(type(item)))
        other = encoder(item) if encoder is not None else None
        if other is None:
            other = yield item
        tokens.append(token)
        pairs.append(token + other)
    if ordered:
        walk.add_order(tokens)
    pairs.sort()
    return head + b"".join(pairs)


@handles(types.MappingProxyType, adapted=True)
def _mappingproxy(walk: Walk, value: Any) -> Parts:
    import gc  # a proxy's own methods would run those of the mapping behind it

    (inner,) = gc.get_referents(value)
    return (yield inner)


@handles(range, mutable=False)
def _range(walk: Walk, value: range) -> Parts:
    # Ranges are equal when their elements are.
    length = max(0, -((value.start - value.stop) // value.step))
    first = value.start if length else 0
    step = value.step if length > 1 else 0
    return b"".join(map(encoding.encode_int, (length, first, step)))
    yield  # a generator, as all handlers are


@handles(slice, mutable=False)
def _slice(walk: Walk, value: slice) -> Parts:
    return (yield value.start) + (yield value.stop) + (yield value.step)


@handles(int, mutable=False, extended=True)
def _int(walk: Walk, value: int) -> Parts:
    if not walk.spend(int.bit_length(value) >> 2):
        walk.partial = True
        return b"?"
    return encoding.encode_int(value)
    yield


@handles(float, mutable=False, extended=True)
def _float(walk: Walk, value: float) -> Parts:
    return encoding.double(float.__float__(value))
    yield


@handles(complex, mutable=False, extended=True)
def _complex(walk: Walk, value: complex) -> Parts:
    plain = complex.__complex__(value)
    return encoding.double(plain.real) + encoding.double(plain.imag)
    yield


@handles(str, mutable=False, extended=True)
def _str(walk: Walk, value: str) -> Parts:
    length = str.__len__(value)
    if walk.samples(length, sampling.BUFFER):
        parts = "".join([str.__getitem__(value, part) for part in sampling.slices(length)])
        walk.nbytes += length
        return b"/" + encoding.size(length) + encoding.blob(b"s", _utf8(parts))
    if not walk.spend(length):
        walk.partial = True
        return b"?" + encoding.size(length)
    text = _utf8(value)
    walk.nbytes += len(text)
    return encoding.blob(b"s", text)
    yield


def _utf8(text: str) -> bytes:
    return str.encode(text, "utf-8", "surrogatepass")


@handles(bytes, mutable=False, extended=True)
@handles(bytearray, extended=True)
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
        walk.partial = True
        return head + b"?"
    if not walk.spend_bytes(value.nbytes, cost.COPIED_BYTE * 4):
        walk.partial = True
        return head + b"?"
    return head + hash_buffer(walk, value.tobytes(), value.nbytes)
    yield


@handles(io.BytesIO, io.StringIO)
def _memory_file(walk: Walk, value: Any) -> Parts:
    # In memory, and neither reading it whole nor asking where it stands moves it.
    if type(value) is io.BytesIO:
        content: Any = io.BytesIO.getvalue(value)
        position = io.BytesIO.tell(value)
    elif type(value) is io.StringIO:
        content = io.StringIO.getvalue(value)
        position = io.StringIO.tell(value)
    else:
        raise Unreadable
    return (yield content) + encoding.size(position)
