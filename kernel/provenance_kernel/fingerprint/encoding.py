"""The byte encoding that digests are made of.

A value becomes a token; tokens never depend on addresses, hash seeds or the Python version:

    token  := scalar | node
    scalar := tag (1 byte), length of payload (8 bytes, little endian), payload
            | 0xFF, tag, length, xxh3_128 of the payload      where it is longer than LONG
    node   := "N", xxh3_128 of (name of the type as a scalar, payload of the type's own)

A digest is the xxh3_128 of VERSION, "E" (exact) or "S" (sampled), and the value's token. Equal
values met twice need no second visit, since a node's token stands for its content; sets and dicts
sort the tokens of their elements. VERSION changes whenever any token does.
"""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import is_
from typing import Any

from xxhash import xxh3_128_digest

from provenance_kernel.identity import identity

VERSION = b"\x01"
EXACT = VERSION + b"E"
SAMPLED = VERSION + b"S"

LONG = 4096  # payloads above it are hashed into their token
LARGE = 65536  # text, bytes and ints above it go through the walk, which keeps to the budget
UNIFORM = 8  # sequences of one scalar type from this length on are packed

# What libraries measure of their own work, under the names of scikit-learn, is other each time.
TIMES = frozenset(
    {"fit_time", "score_time", "refit_time_"}
    | {f"{what}_{of}_time" for what in ("mean", "std") for of in ("fit", "score")}
)

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{6,}>")
_double = struct.Struct("<d").pack
_NAN = struct.pack("<d", float("nan"))


def utf8(text: str) -> bytes:
    """Return a text in UTF-8, with halves of surrogate pairs."""
    return str.encode(text, "utf-8", "surrogatepass")


def placeless(text: str) -> str:
    """Return a text without the addresses that Python shows of objects."""
    return _ADDRESS.sub(">", text) if " at 0x" in text else text


def blob(tag: bytes, payload: bytes) -> bytes:
    """Return the scalar token of a payload."""
    size = len(payload)
    if size > LONG:
        return b"\xff" + tag + size.to_bytes(8, "little") + xxh3_128_digest(payload)
    return tag + size.to_bytes(8, "little") + payload


def node(tag: bytes, payload: bytes) -> bytes:
    """Return the token of a value that has parts."""
    return b"N" + xxh3_128_digest(tag + payload)


def name(text: str) -> bytes:
    """Return the token of a name that we, not the user, give."""
    return blob(b"t", utf8(text))


def size(number: int) -> bytes:
    """Return a count in 8 bytes."""
    return number.to_bytes(8, "little")


def double(value: float) -> bytes:
    """Return 8 bytes, the same for every NaN."""
    return _double(value) if value == value else _NAN


def _none(value: None) -> bytes:
    return b"0"


def _bool(value: bool) -> bytes:
    return b"b\x01" if value else b"b\x00"


def encode_int(value: int) -> bytes:
    """Return the token of an int (or of a subclass's number)."""
    bits = int.bit_length(value)
    return blob(b"i", int.to_bytes(value, (bits >> 3) + 1, "little", signed=True))


_SMALL = {number: encode_int(number) for number in range(-5, 1025)}


def _int(value: int) -> bytes | None:
    token = _SMALL.get(value)
    if token is None and value.bit_length() <= LARGE << 3:
        token = encode_int(value)
    return token


def _float(value: float) -> bytes:
    return b"f" + (_double(value) if value == value else _NAN)


def _complex(value: complex) -> bytes:
    return b"c" + double(value.real) + double(value.imag)


def _str(value: str) -> bytes | None:
    if len(value) > LARGE:
        return None
    return blob(b"s", utf8(placeless(value)))


def _bytes(value: bytes) -> bytes | None:
    return None if len(value) > LARGE else blob(b"y", value)


def _ellipsis(value: object) -> bytes:
    return b"."


def _not_implemented(value: object) -> bytes:
    return b"!"


Encoder = Callable[[Any], "bytes | None"]

# Keyed by the address of the type: a metaclass may define `__hash__`, and these live for ever.
SCALARS: dict[int, Encoder] = {
    identity(type(None)): _none,
    identity(bool): _bool,
    identity(int): _int,
    identity(float): _float,
    identity(complex): _complex,
    identity(str): _str,
    identity(bytes): _bytes,
    identity(type(...)): _ellipsis,
    identity(type(NotImplemented)): _not_implemented,
}


def uniform_type(items: Sequence[object]) -> type | None:
    """Return `int`, `float` or `str` when every element is exactly that, and there are enough."""
    if len(items) < UNIFORM:
        return None
    kind = type(items[0])
    if kind is not int and kind is not float and kind is not str:
        return None
    return kind if all(map(is_, map(type, items), repeat(kind))) else None


def pack(items: Sequence[Any], kind: type) -> bytes | None:
    """Return the payload of a uniform sequence, or None where it has to go element by element."""
    if kind is float:
        numbers = array("d", items)
        # A NaN has to be made canonical; an infinite sum may hide one.
        if (total := sum(numbers)) - total != 0.0:
            numbers = array("d", [v if v == v else float("nan") for v in items])
        return b"d" + size(len(items)) + xxh3_128_digest(_little(numbers))
    if kind is int:
        try:
            integers = array("q", items)
        except OverflowError:
            return None
        return b"q" + size(len(items)) + xxh3_128_digest(_little(integers))
    return b"u" + size(len(items)) + texts(items)


def texts(items: Sequence[str]) -> bytes:
    """Return the digests of the lengths in bytes, and of the texts one after another."""
    joined = "".join(items)
    if " at 0x" in joined:
        items = [placeless(item) for item in items]
        joined = "".join(items)
    lengths = array("q", map(len, items))
    text = utf8(joined)
    if len(text) != sum(lengths):
        lengths = array("q", [len(utf8(item)) for item in items])
    return xxh3_128_digest(_little(lengths)) + xxh3_128_digest(text)


def _little(numbers: array[Any]) -> array[Any]:
    if struct.pack("=H", 1) != b"\x01\x00":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers
