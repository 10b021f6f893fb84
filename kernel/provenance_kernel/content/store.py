"""A folder of files named by their digests (`ab/cdef…`), each written once and whole.

A file is compressed (`….z`, zlib) where its beginning shows that this pays. What is put in is
digested on the way: what was changed meanwhile is not kept under a digest that it has not.
"""

from __future__ import annotations

import io
import os
import re
import tempfile
import time
import zlib
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

import xxhash

FOLDER: Final = "content"
_BLOCK: Final = 256 * 1024
# Below this the saving is not worth the time of every reading.
_PAYS: Final = 0.8
_PACKED: Final = ".z"
_DIGEST: Final = re.compile("[0-9a-f]{32}")


class ContentStore:
    """Files by digest in a folder, which is made when the first is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, digest: str) -> Path | None:
        """Return the file that holds a content, if it is kept.

        A digest from a record of somebody else's may be anything, also a path.
        """
        if _DIGEST.fullmatch(digest) is None:
            return None
        plain = self.folder / digest[:2] / digest[2:]
        return next((path for path in (plain, Path(f"{plain}{_PACKED}")) if path.is_file()), None)

    def keep_data(self, data: bytes) -> str:
        """Keep data; return their digest."""
        digest = xxhash.xxh3_128_hexdigest(data)
        if not self._is_there(digest):
            self._put(io.BytesIO(data), digest)
        return digest

    def _is_there(self, digest: str) -> bool:
        """Tell whether a content is kept; if it is, it counts as kept now."""
        found = self.find(digest)
        if found is not None:
            with suppress(OSError):
                os.utime(found)
        return found is not None

    def keep(self, path: str, digest: str) -> bool:
        """Keep a file's content; return whether it was the one with this digest."""
        if self._is_there(digest):
            return True
        with open(path, "rb") as source:
            return self._put(source, digest)

    def _put(self, source: BinaryIO, digest: str) -> bool:
        place = self.folder / digest[:2]
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        first = source.read(_BLOCK)
        packs = len(zlib.compress(first, 1)) < _PAYS * len(first)
        packer = zlib.compressobj(6)
        state = xxhash.xxh3_128()
        handle, name = tempfile.mkstemp(dir=place, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as target:
                block = first
                while block:
                    state.update(block)
                    target.write(packer.compress(block) if packs else block)
                    block = source.read(_BLOCK)
                if packs:
                    target.write(packer.flush())
            if state.hexdigest() != digest:
                return False
            os.replace(name, place / (digest[2:] + (_PACKED if packs else "")))
            return True
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name)

    def read(self, digest: str) -> bytes | None:
        """Return a kept content, None where it is not kept or is not what it was."""
        found = self.find(digest)
        if found is None:
            return None
        try:
            data = b"".join(_blocks(found))
        except (OSError, zlib.error):
            return None
        return data if xxhash.xxh3_128_hexdigest(data) == digest else None

    def write(self, digest: str, path: Path) -> bool:
        """Write a kept content to a file; return whether it is kept."""
        found = self.find(digest)
        if found is None:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as target:
            for block in _blocks(found):
                target.write(block)
        return True

    def sizes(self) -> list[tuple[float, int, Path, str]]:
        """Return when each content was kept, its size in bytes, its file and digest, in order."""
        found = []
        for path in self.folder.glob("??/*"):
            if path.suffix == ".part":
                continue
            with suppress(FileNotFoundError):
                status = path.stat()
                digest = path.parent.name + path.name.removesuffix(_PACKED)
                found.append((status.st_mtime, status.st_size, path, digest))
        return sorted(found)

    def clear(self, wanted: Collection[str], seconds: float = 60.0) -> int:
        """Remove what is not wanted and was not kept in the last `seconds`; return its bytes.

        What was kept a moment ago, a kernel may be about to write a row of.
        """
        before = time.time() - seconds
        gone = 0
        for moment, size, path, digest in self.sizes():
            if digest not in wanted and moment < before:
                path.unlink(missing_ok=True)
                gone += size
        return gone

    def prune(self, total: int, wanted: Collection[str]) -> int:
        """Remove the oldest until `total` bytes are left, but what is wanted; return how many."""
        sizes = self.sizes()
        over = sum(size for _, size, _, _ in sizes) - total
        removed = 0
        for _, size, path, digest in sizes:
            if over <= 0:
                break
            if digest not in wanted:
                path.unlink(missing_ok=True)
                over -= size
                removed += 1
        return removed


def _blocks(path: Path) -> Iterator[bytes]:
    unpacker = zlib.decompressobj() if path.suffix == _PACKED else None
    with open(path, "rb") as source:
        while block := source.read(_BLOCK):
            yield block if unpacker is None else unpacker.decompress(block)
    if unpacker is not None:
        yield unpacker.flush()
