"""Digests of pictures by what they show, not by when and by what they were made."""

from __future__ import annotations

import re
import zlib
from typing import Final

import xxhash

_PDF_MADE = re.compile(
    rb"/(?:CreationDate|ModDate|Producer|ID)\s*(?:\([^)]{0,999}\)|\[[^\]]{0,999}\])"
)
_PNG = b"\x89PNG\r\n\x1a\n"
_CHANNELS: Final = {2: 3, 4: 2, 6: 4}
_PNG_CONTENT: Final = frozenset({b"IHDR", b"PLTE", b"tRNS"})


def picture_digest(raw: bytes, unpacked: int) -> tuple[bytes, int]:
    """Return the digest of a PNG, a JPEG, a PDF or anything else, and how much was unpacked.

    A PNG of more than `unpacked` bytes of pixels counts as it is packed.
    """
    if raw.startswith(_PNG):
        return _png(raw, unpacked)
    if raw.startswith(b"\xff\xd8"):
        return _jpeg(raw), 0
    return xxhash.xxh3_128_digest(_PDF_MADE.sub(b"", raw) if raw.startswith(b"%PDF") else raw), 0


def _png(raw: bytes, unpacked: int) -> tuple[bytes, int]:
    """Digest a PNG's size, palette and pixels, not its texts nor how it was compressed."""
    state, packed = xxhash.xxh3_128(), xxhash.xxh3_128()
    pixels = zlib.decompressobj()
    at, left = len(_PNG), unpacked if _pixels(raw) < unpacked else 0
    unpacked = left
    try:
        while at + 8 <= len(raw):
            length = int.from_bytes(raw[at : at + 4])
            kind, data = raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]
            if kind in _PNG_CONTENT:
                state.update(kind + data)
                packed.update(kind + data)
            elif kind == b"IDAT":
                packed.update(data)
                if left > 0:
                    piece = pixels.decompress(data, left)
                    left -= len(piece)
                    state.update(piece)
            at += length + 12
    except zlib.error:
        return xxhash.xxh3_128_digest(raw), unpacked - left
    return (state if left > 0 else packed).digest(), unpacked - left


def _pixels(raw: bytes) -> int:
    """Return how many bytes of pixels a PNG has, by its header."""
    width, height = int.from_bytes(raw[16:20]), int.from_bytes(raw[20:24])
    bits = int.from_bytes(raw[24:25]) * _CHANNELS.get(int.from_bytes(raw[25:26]), 1)
    return height * (1 + width * bits // 8)


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
