"""The plan for samples: which positions stand for a value that is too large to be read whole.

The same plan everywhere, or equal values would not have equal sampled digests. Positions are in
logical order, so the layout in memory makes no difference.
"""

from __future__ import annotations

from functools import lru_cache

ITEMS = 2048  # elements of a container that are read whole
BUFFER = 1 << 18  # bytes of a buffer that are read whole
ELEMENTS = 8192  # elements of an array that are read whole
ROWS = 1024  # rows of a table's column


@lru_cache(maxsize=256)
def positions(length: int, ends: int, blocks: int, width: int) -> tuple[int, ...]:
    """Return the positions of a head, a tail, and blocks at equal distances between them."""
    chosen = set(range(min(ends, length))) | set(range(max(0, length - ends), length))
    for block in range(blocks):
        start = length * block // blocks
        chosen.update(range(start, min(start + width, length)))
    return tuple(sorted(chosen))


def items(length: int) -> tuple[int, ...]:
    """Return the positions read in a container."""
    return positions(length, 256, 512, 1)


def elements(length: int) -> tuple[int, ...]:
    """Return the positions read in an array."""
    return positions(length, 1024, 96, 64)


def rows(length: int) -> tuple[int, ...]:
    """Return the positions read in a column of a table."""
    return positions(length, 128, 384, 2)


def slices(length: int) -> list[slice]:
    """Return the ranges read in a buffer or a text."""
    ends, width, blocks = 1 << 14, 1 << 10, 64
    inner = [
        slice(start, start + width)
        for start in (length * block // blocks for block in range(1, blocks))
    ]
    return [slice(0, ends), *inner, slice(length - ends, length)]
