"""A digest of what a cell run printed and displayed, equal for runs that showed the same.

Addresses, times, durations, rates, temporary paths, UUIDs, colours and the random ids of HTML and
SVG are replaced first, a line rewritten by carriage returns counts as it was left, and images count
by their pixels. Streams, displays and the error are digested side by side, for in which order two
streams arrive is chance. Text may come in any pieces.

To add is cheap, as what is shown is on its way to the user: it is kept, and looked at when somebody
asks for the digest. Memory and time are bounded: of a stream, and of all displays, NORMALISED
characters have anything replaced, and of pictures DECODED bytes are decoded and UNPACKED bytes of
pixels unpacked; what is beyond counts as it is, byte for byte. Up to KEPT bytes of displays are
kept, and more counts so at once. A line is cut into pieces of LINE characters.
"""

from __future__ import annotations

import json
import marshal
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import xxhash

from provenance_kernel.capture.outputs.pictures import picture_digest
from provenance_kernel.capture.outputs.volatile import normal, normal_markup

LINE: Final = 65_536
FOLDED: Final = 1024 * 1024
NORMALISED: Final = 128 * 1024
# The end of a long text, which is looked at as its beginning is: names are given in both.
TAIL: Final = 16 * 1024
DISPLAYS: Final = 10_000
KEPT: Final = 16 * 1024 * 1024
DECODED: Final = 1024 * 1024
UNPACKED: Final = 8 * 1024 * 1024

_MODEL_ID = re.compile(r'"model_id": ?"[^"]*"')
_MARKUP = ("text/html", "image/svg+xml", "text/markdown")


@dataclass(slots=True)
class _Room:
    """What may still be done for the displays of a run, in characters and bytes."""

    characters: int
    decoded: int
    pixels: int


@dataclass(slots=True)
class Packed:
    """Data that can be changed, as it was."""

    data: bytes

    def __len__(self) -> int:
        return len(self.data)


@dataclass(slots=True)
class Digested:
    """What was too large to keep."""

    digest: bytes
    size: int


# What cannot be changed any more.
Kept = str | bytes | Packed | Digested


@dataclass(slots=True)
class Display:
    """A display's data by type, its metadata, and the size of both."""

    data: list[tuple[str, Kept]]
    metadata: Kept | None
    size: int


class OutputDigest:
    """Digests the outputs of one cell run as they come."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._displays: list[Display] = []
        self._places: dict[str, int] = {}
        self._beyond = xxhash.xxh3_128()
        self._error = b""
        self._clear_next = False
        self._kept = 0

    @property
    def empty(self) -> bool:
        """Tell whether nothing was shown."""
        return not (self._streams or self._displays or self._error)

    def add_stream(self, name: str, text: str) -> None:
        """Add text printed to `stdout` or `stderr`, in whatever pieces it comes."""
        if text:
            self._clear_if_due()
            stream = self._streams.get(name)
            if stream is None:
                stream = self._streams[name] = _Stream()
            stream.add(text)

    def add_display(
        self,
        data: Mapping[str, object],
        metadata: Mapping[str, object] | None = None,
        display_id: str | None = None,
        update: bool = False,
    ) -> Display:
        """Add a display or a result; an update counts in the place of what it updates.

        The data may be changed afterwards.
        """
        self._clear_if_due()
        before = self._kept
        kept = [(mime, self._keep(data[mime])) for mime in sorted(data)]
        more = self._keep(metadata) if metadata else None
        display = Display(kept, more, self._kept - before)
        place = self._places.get(display_id) if display_id and update else None
        if place is not None:
            self._kept -= self._displays[place].size
            self._displays[place] = display
        elif len(self._displays) < DISPLAYS:
            if display_id:
                self._places[display_id] = len(self._displays)
            self._displays.append(display)
        else:
            self._kept = before
            self._beyond.update(_display_digest(display, _Room(0, 0, 0)))
        return display

    def add_error(self, name: str, value: str) -> None:
        """Set the error that the run ended with."""
        self._error = _text_digest(f"{name}\0{value}", NORMALISED)

    def clear(self, wait: bool = False) -> None:
        """Forget what was shown, now or when the next output comes."""
        self._clear_next = wait
        if not wait:
            self._streams, self._displays, self._places = {}, [], {}
            self._kept = 0
            self._beyond.reset()

    def hexdigest(self) -> str:
        """Return the digest of all that was added so far."""
        state = xxhash.xxh3_128()
        for name, stream in sorted(self._streams.items()):
            state.update(f"{name}\0".encode("utf-8", "replace") + stream.digest())
        room = _Room(NORMALISED, DECODED, UNPACKED)
        displays = b"".join([_display_digest(each, room) for each in self._displays])
        state.update(b"display\0" + displays + self._beyond.digest())
        state.update(b"error\0" + self._error)
        return state.hexdigest()

    def _clear_if_due(self) -> None:
        if self._clear_next:
            self.clear()

    def _keep(self, value: object) -> Kept:
        """Return a value as it will still be when it is looked at, or its digest."""
        kept: str | bytes | Packed
        if isinstance(value, str):
            kept = str.__str__(value)
        elif isinstance(value, bytes | bytearray | memoryview):
            kept = bytes(value)
        else:
            kept = _packed(value)
        if len(kept) > KEPT - self._kept:
            return Digested(_as_it_is(kept), len(kept))
        self._kept += len(kept)
        return kept


class _Stream:
    """One stream's text, in which only what is on the line at its end counts."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        # Whole lines: the first, in which things are replaced at the end, and what is beyond.
        self._first: list[str] = []
        self._length = 0
        self._beyond = xxhash.xxh3_128()
        self._line = ""

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self._size += len(text)
        if self._size >= FOLDED:
            self._fold()

    def digest(self) -> bytes:
        self._fold()
        first = "".join(self._first)
        beyond = self._beyond.copy()
        line = self._line.rstrip("\r")
        if self._length <= len(first):
            first += line
        else:
            beyond.update(line.encode("utf-8", "replace"))
        digest = xxhash.xxh3_128_digest(normal(first).encode("utf-8", "replace"))
        return digest + beyond.digest()

    def _fold(self) -> None:
        text = self._line + "".join(self._pieces)
        self._pieces, self._size = [], 0
        whole, newline, rest = text.rpartition("\n")
        if newline:
            if "\r" not in whole and not _has_long_line(whole):
                self._emit(whole + "\n")
            else:
                for line in whole.split("\n"):
                    self._emit(self._left(line.rstrip("\r")) + "\n")
        # A carriage return at the end waits for what follows: before a newline it erases nothing.
        body = rest.rstrip("\r")
        self._line = self._left(body) + rest[len(body) :][:1]

    def _left(self, line: str) -> str:
        """Return the end of a line that is still to be emitted, emitting full pieces before it."""
        left = ""
        for part in line.split("\r"):
            at = 0
            while len(part) - at >= LINE:
                self._emit(part[at : at + LINE])
                at += LINE
            left = part[at:]
        return left

    def _emit(self, text: str) -> None:
        room = NORMALISED - self._length
        self._length += len(text)
        if room >= len(text):
            self._first.append(text)
            return
        # Where it ends must not depend on the pieces: at the line's end at the bound.
        edge = text.find("\n", room - 1) + 1 if room > 0 else 0
        edge = len(text) if room > 0 and edge == 0 else edge
        self._first.append(text[:edge])
        self._beyond.update(text[edge:].encode("utf-8", "replace"))


def _has_long_line(text: str) -> bool:
    return len(text) >= LINE and any(len(line) >= LINE for line in text.split("\n"))


def _packed(value: object) -> Packed | str:
    try:
        return Packed(marshal.dumps(value, 2))  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return _json(value)


def _json(value: object) -> str:
    try:
        return json.dumps(value, sort_keys=True, default=lambda other: type(other).__name__)
    except (TypeError, ValueError, RecursionError):
        return type(value).__name__


def _as_it_is(kept: str | bytes | Packed) -> bytes:
    """Return the digest of each byte of what was kept."""
    if isinstance(kept, str):
        return xxhash.xxh3_128_digest(_encoded(kept))
    return xxhash.xxh3_128_digest(kept.data if isinstance(kept, Packed) else kept)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _display_digest(display: Display, room: _Room) -> bytes:
    state = xxhash.xxh3_128()
    for mime, value in display.data:
        state.update(mime.encode("utf-8", "replace") + b"\0" + _content(mime, value, room))
    if display.metadata is not None:
        state.update(_content("", display.metadata, room))
    return state.digest()


def _content(mime: str, value: Kept, room: _Room) -> bytes:
    """Return what of a display's data counts, as a digest."""
    if isinstance(value, Digested):
        return value.digest
    if mime.startswith(("image/", "application/pdf")) and mime != "image/svg+xml":
        if len(value) > room.decoded:
            return _as_it_is(value)
        room.decoded -= len(value)
        raw = _bytes(value)
        digest, pixels = picture_digest(raw, room.pixels)
        room.pixels -= pixels
        return digest
    if isinstance(value, bytes):
        return xxhash.xxh3_128_digest(value)
    if isinstance(value, Packed):
        if len(value.data) > room.characters:
            return _as_it_is(value)
        value = _json(marshal.loads(value.data))
    text = value
    characters, room.characters = room.characters, max(room.characters - len(text), 0)
    if "model_id" in text:
        text = _MODEL_ID.sub("", text)
    return _text_digest(text, characters, mime in _MARKUP)


def _bytes(value: str | bytes | Packed) -> bytes:
    if not isinstance(value, str):
        return value.data if isinstance(value, Packed) else value
    try:
        return b64decode(value)
    except ValueError:
        return value.encode("utf-8", "replace")


def _text_digest(text: str, characters: int, markup: bool = False) -> bytes:
    """Return the digest of a text with things replaced, of a long one at beginning and end."""
    replaced = normal_markup if markup else normal
    if len(text) <= characters:
        return xxhash.xxh3_128_digest(_encoded(replaced(text)))
    if characters <= 2 * TAIL:
        return _as_it_is(text)
    start, end = characters - TAIL, len(text) - TAIL
    state = xxhash.xxh3_128(_encoded(replaced(text[:start])))
    state.update(_encoded(text[start:end]))
    state.update(_encoded(replaced(text[end:])))
    return state.digest()
