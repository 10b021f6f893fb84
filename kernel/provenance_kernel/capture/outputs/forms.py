"""The bytes that an output of some type is kept as, and what a notebook's file has for them."""

from __future__ import annotations

import json
import marshal
from base64 import b64decode, b64encode
from typing import Any, Final

from provenance_kernel.capture.outputs.digest import Digested, Kept, Packed

# What a display says of how it is shown stands beside its data under a type of its own.
METADATA: Final = "application/x-display-metadata+json"
_LONGEST: Final = 120
_PNG: Final = b"\x89PNG\r\n\x1a\n"


def is_binary(mime: str) -> bool:
    """Tell whether data of a type are bytes, which notebooks hold in base64."""
    if mime.startswith("image/"):
        return not mime.startswith("image/svg")
    return mime.startswith(("audio/", "video/")) or mime in (
        "application/pdf",
        "application/octet-stream",
    )


def is_json(mime: str) -> bool:
    """Tell whether data of a type are any value of JSON."""
    return mime == "application/json" or mime.endswith("+json")


def packed(mime: str, value: Kept) -> bytes | None:
    """Return the bytes of an output's data; None where there are none that could be kept."""
    try:
        if is_json(mime):
            inner = marshal.loads(value.data) if isinstance(value, Packed) else value
            if isinstance(inner, str) and inner.startswith(("{", "[")):
                return inner.encode("utf-8", "replace")  # it is JSON already
            return json.dumps(inner, separators=(",", ":")).encode()
        if isinstance(value, bytes):
            return value
        if isinstance(value, str):
            if is_binary(mime):
                return b64decode("".join(value.split()), validate=True)
            return value.encode("utf-8", "replace")
    except (ValueError, TypeError, RecursionError):
        pass
    return None


def size(value: Kept) -> int:
    """Return about how many bytes an output's data have."""
    return value.size if isinstance(value, Digested) else len(value)


def unpacked(mime: str, data: bytes) -> Any:
    """Return what a notebook's file has for bytes that were kept."""
    if is_json(mime):
        return json.loads(data)
    return b64encode(data).decode() if is_binary(mime) else data.decode("utf-8", "replace")


def summary(mime: str, data: bytes) -> str:
    """Return a line on an output's data: a text's beginning, a picture's size in pixels."""
    if mime == "image/png" and data.startswith(_PNG):
        width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
        return f"{width} by {height} pixels"
    if mime not in ("text/plain", "text/markdown", "text/latex"):
        return ""
    text = " ".join(data[: 8 * _LONGEST].decode("utf-8", "replace").split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
