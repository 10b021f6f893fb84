"""A digest of what a cell run printed and displayed, equal for runs that showed the same.

Addresses, times, durations, rates, temporary paths, UUIDs, colours and the random ids of HTML and
SVG are replaced first, a line rewritten by carriage returns counts as it was left, and images count
by their pixels. Streams, displays and the error are digested side by side, for in which order two
streams arrive is chance. Text may come in any pieces. Memory is bounded: a line is cut into pieces
of LINE characters, and what a channel shows beyond NORMALISED characters is digested as it is.
"""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Final

import xxhash

LINE: Final = 65_536
NORMALISED: Final = 8 * 1024 * 1024
DISPLAYS: Final = 10_000
PIXELS: Final = 256 * 1024 * 1024

_CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
_NUMBER = r"[0-9][0-9.]*+(?:e[+-]?[0-9]+)?"


def _sub(pattern: str, kind: str, alone: str = "") -> Callable[[str], str]:
    """Return a replacement; a match that follows one of the characters `alone` is left.

    What comes before is looked at after the match: a pattern that opens with a look behind, rather
    than with what it looks for, takes ten times as long.
    """
    compiled = re.compile(pattern)
    if not alone:
        return lambda text: compiled.sub(kind, text)
    before = re.compile(alone)

    def replace(match: re.Match[str]) -> str:
        start = match.start()
        follows = start and before.match(match.string[start - 1])
        return match.group() if follows else kind

    return lambda text: compiled.sub(replace, text)


def _replace_addresses(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        found, start = match.group(), match.start()
        named = match.string[max(start - 4, 0) : start].endswith(" at ")
        return "<address>" if named or _LIKELY_ADDRESS.fullmatch(found) else found

    return _HEX.sub(replace, text)


_HEX = re.compile(r"0x[0-9A-Fa-f]{4,16}\b")
_LIKELY_ADDRESS = re.compile(r"0x(?:0000[0-9A-Fa-f]{12}|[57][0-9A-Fa-f]{11})")
_INSIDE_UUID = re.compile(r"(?:-[0-9A-Fa-f]{4}){3}-")

# What changes between runs that show the same: texts of which it has one, and its replacement.
_VOLATILE: tuple[tuple[tuple[str, ...], Callable[[str], str]], ...] = (
    (
        ("\x1b",),
        _sub(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])", ""),
    ),
    (
        ("/tmp/", "/var/", "/shm/"),
        _sub(
            r"/(?:private/)?(?:var/folders|var/tmp|tmp|dev/shm)/[^\s'\"`:,;)\]}<>]+",
            "<path>",
            r"[\w.]",
        ),
    ),
    (
        ("\\Temp\\",),
        _sub(r"[A-Za-z]:\\Users\\[^\\\s]+\\AppData\\Local\\Temp\\[^\s'\"`:,;]+", "<path>"),
    ),
    (("ipykernel_",), _sub(r"ipykernel_[0-9]+[/\\][0-9]+\.py", "<path>")),
    (("<ipython-input-",), _sub(r"<ipython-input-[0-9]+-[0-9a-f]+>", "<path>")),
    (
        (":",),
        _sub(
            rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ,]\s?{_CLOCK}"
            r"(?:\s?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?"
            r"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? [A-Za-z0-9]{1,3} +[A-Za-z0-9]{1,3} [0-9: ]{8,13}"
            rf"|{_CLOCK}<(?:{_CLOCK}|\?)"
            r"|[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?![0-9:])",
            "<time>",
            r"[\w:.]",
        ),
    ),
    (("<?, ?it/s", "<?, ?s/it"), _sub(r"\?(?:it/s|s/it)", "<rate>")),
    (
        ("/s", "s/"),
        _sub(
            rf"{_NUMBER} ?(?:[kKMGT]i?)?"
            r"(?:[A-Za-z]{1,10}/s(?:ec|tep|ample)?\b|[mnuµμ]?s/[a-z]{2,8}\b)",
            "<rate>",
            r"[\w.]",
        ),
    ),
    (
        ("s", "min", "h"),
        _sub(
            rf"{_NUMBER} ?(?:ns|[µμu]s|ms|s|secs?|seconds?)(?![\w/])"
            r"|[0-9]++ ?h [0-9]+ ?min(?: [0-9]+ ?s)?(?![\w/])|[0-9]++ ?min(?: [0-9]+ ?s)?(?![\w/])"
            r"|[0-9]++\.[0-9]+ ?(?:minutes?|hours?)\b",
            "<duration>",
            r"[\w.]",
        ),
    ),
    (("0x",), _replace_addresses),
    (("pid", "PID", "process id"), _sub(r"(?:pid|PID|process id) ?[=:]? ?[0-9]+\b", "<process>")),
)
_UUID = _sub(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b", "<uuid>", r"\w")
_MARKUP = re.compile(
    r"""(?P<id>\b(?:id|for|name|class|data-[\w-]+|aria-[\w-]+)=(?:"[^"]*"|'[^']*'))
      | (?P<link>\b(?:xlink:)?href=(?:"\#[^"]*"|'\#[^']*')) | (?P<url>url\(\#[^)]*\))
      | (?P<rule>\#(?:T_|sk-)[\w-]+|\bsk-container-id-\d+) | (?P<comment><!--.*?-->)
      | (?P<made><dc:date>.*?</dc:date>|<dc:title>.*?</dc:title>)""",
    re.VERBOSE | re.DOTALL,
)
_PDF_MADE = re.compile(rb"/(?:CreationDate|ModDate|Producer|ID)\s*(?:\([^)]*\)|\[[^\]]*\])")
_MODEL_ID = re.compile(r'"model_id": ?"[^"]*"')
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CONTENT = frozenset({b"IHDR", b"PLTE", b"tRNS"})


class OutputDigest:
    """Digests the outputs of one cell run as they come."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._displays: list[bytes] = []
        self._places: dict[str, int] = {}
        self._beyond = xxhash.xxh3_128()
        self._error = b""
        self._clear_next = False

    @property
    def empty(self) -> bool:
        """Tell whether nothing was shown."""
        return not (self._streams or self._displays or self._error)

    @property
    def printed(self) -> bool:
        """Tell whether text was printed."""
        return bool(self._streams)

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
    ) -> None:
        """Add a display or a result; an update counts in the place of what it updates."""
        self._clear_if_due()
        state = xxhash.xxh3_128()
        for mime in sorted(data):
            state.update(mime.encode("utf-8", "replace") + b"\0" + _content(mime, data[mime]))
        if metadata:
            state.update(_normal(_json(metadata)).encode("utf-8", "replace"))
        digest = state.digest()
        place = self._places.get(display_id) if display_id and update else None
        if place is not None:
            self._displays[place] = digest
        elif len(self._displays) < DISPLAYS:
            if display_id:
                self._places[display_id] = len(self._displays)
            self._displays.append(digest)
        else:
            self._beyond.update(digest)

    def add_error(self, name: str, value: str) -> None:
        """Set the error that the run ended with."""
        text = f"{name}\0{_normal(value[:NORMALISED])}"
        self._error = xxhash.xxh3_128_digest(text.encode("utf-8", "replace"))

    def clear(self, wait: bool = False) -> None:
        """Forget what was shown, now or when the next output comes."""
        self._clear_next = wait
        if not wait:
            self._streams, self._displays, self._places = {}, [], {}
            self._beyond.reset()

    def hexdigest(self) -> str:
        """Return the digest of all that was added so far."""
        state = xxhash.xxh3_128()
        for name, stream in sorted(self._streams.items()):
            state.update(f"{name}\0".encode("utf-8", "replace") + stream.digest())
        state.update(b"display\0" + b"".join(self._displays) + self._beyond.digest())
        state.update(b"error\0" + self._error)
        return state.hexdigest()

    def _clear_if_due(self) -> None:
        if self._clear_next:
            self.clear()


class _Stream:
    """One stream's text, in which only what is on the line at its end counts."""

    def __init__(self) -> None:
        self._state = xxhash.xxh3_128()
        self._length = 0
        self._line = ""

    def add(self, text: str) -> None:
        text = self._line + text if self._line else text
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

    def digest(self) -> bytes:
        if not self._line:
            return self._state.digest()
        state = self._state.copy()
        state.update(_normal(self._line.rstrip("\r")).encode("utf-8", "replace"))
        return state.digest()

    def _left(self, line: str) -> str:
        """Return the end of a line that is still to be emitted, emitting full pieces before it."""
        left = ""
        for part in line.split("\r"):
            while len(part) >= LINE:
                self._emit(part[:LINE])
                part = part[LINE:]
            left = part
        return left

    def _emit(self, text: str) -> None:
        room = NORMALISED - self._length
        self._length += len(text)
        if room >= len(text):
            self._state.update(_normal(text).encode("utf-8", "replace"))
            return
        # Where normalising ends must not depend on the pieces: at the line's end at the bound.
        edge = text.find("\n", max(room, 0)) + 1 if room > 0 else 0
        edge = len(text) if room > 0 and edge == 0 else edge
        self._state.update(_normal(text[:edge]).encode("utf-8", "replace"))
        self._state.update(text[edge:].encode("utf-8", "replace"))


def _has_long_line(text: str) -> bool:
    return len(text) >= LINE and any(len(line) >= LINE for line in text.split("\n"))


def _normal(text: str) -> str:
    for hints, replace in _VOLATILE:
        for hint in hints:
            if hint in text:
                text = replace(text)
                break
    return _UUID(text) if _INSIDE_UUID.search(text) else text


def _json(value: object) -> str:
    try:
        return json.dumps(value, sort_keys=True, default=lambda other: type(other).__name__)
    except (TypeError, ValueError, RecursionError):
        return type(value).__name__


def _content(mime: str, value: object) -> bytes:
    """Return what of a display's data counts, as a digest."""
    if mime.startswith(("image/", "application/pdf")) and mime != "image/svg+xml":
        raw = _bytes(value)
        if raw.startswith(_PNG):
            return _png(raw)
        if raw.startswith(b"\xff\xd8"):
            return _jpeg(raw)
        return xxhash.xxh3_128_digest(_PDF_MADE.sub(b"", raw) if raw.startswith(b"%PDF") else raw)
    if isinstance(value, bytes):
        return xxhash.xxh3_128_digest(value)
    text = value if isinstance(value, str) else _json(value)
    if len(text) <= NORMALISED:
        if mime in ("text/html", "image/svg+xml", "text/markdown"):
            text = _MARKUP.sub(lambda match: f"<{match.lastgroup}>", text)
        elif "model_id" in text:
            text = _MODEL_ID.sub("", text)
        text = _normal(text)
    return xxhash.xxh3_128_digest(text.encode("utf-8", "replace"))


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    text = value if isinstance(value, str) else _json(value)
    try:
        return b64decode(text)
    except ValueError:
        return text.encode("utf-8", "replace")


def _png(raw: bytes) -> bytes:
    """Digest a PNG's size, palette and pixels, not its texts nor how it was compressed."""
    state = xxhash.xxh3_128()
    pixels = zlib.decompressobj()
    at, left = len(_PNG), PIXELS
    try:
        while at + 8 <= len(raw):
            length = int.from_bytes(raw[at : at + 4])
            kind, data = raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]
            if kind in _PNG_CONTENT:
                state.update(kind + data)
            elif kind == b"IDAT" and left > 0:
                piece = pixels.decompress(data, left)
                left -= len(piece)
                state.update(piece)
            at += length + 12
    except zlib.error:
        return xxhash.xxh3_128_digest(raw)
    return state.digest()


def _jpeg(raw: bytes) -> bytes:
    """Digest a JPEG without comments and application segments, where libraries sign."""
    state = xxhash.xxh3_128()
    at = 2
    while at + 4 <= len(raw) and raw[at] == 0xFF and raw[at + 1] != 0xDA:
        marker, length = raw[at + 1], int.from_bytes(raw[at + 2 : at + 4])
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            state.update(raw[at : at + 2 + length])
        at += 2 + length
    state.update(raw[at:])
    return state.digest()
