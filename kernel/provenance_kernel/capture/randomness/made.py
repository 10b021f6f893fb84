"""What generators that a cell makes without a seed begin with, so that they can be made again.

numpy's keep the entropy that they were seeded with, and of Python's the state is read as they are
made. Only those are seen whose making the tracer sees; of a run the first LIMIT are kept.
"""

from __future__ import annotations

import json
import random
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import xxhash

from provenance_kernel.capture.randomness.generators import WORDS
from provenance_kernel.capture.randomness.seeding import MAKING, is_given
from provenance_kernel.records import RandomState, new_id

LIMIT: Final = 64
# The library, and its entropy or the key of a state as text.
Made = tuple[str, str]


def began_with(function: str, arguments: Mapping[str, object], result: Any) -> Made | None:
    """Return what a call's result began with; None if it is no generator made without a seed."""
    if "andom" not in function or not MAKING.match(function) or is_given(arguments):
        return None
    if type(result) is random.Random:
        _, words, _ = result.getstate()
        return "python", b64encode(struct.pack(f"<{WORDS}I", *words[:-1])).decode("ascii")
    bits = getattr(result, "bit_generator", None) or getattr(result, "_bit_generator", result)
    entropy = getattr(getattr(bits, "seed_seq", bits), "entropy", None)
    return ("numpy", str(entropy)) if isinstance(entropy, int) else None


def begin_again(generator: random.Random, began: str) -> None:
    """Put a generator of Python's into the state that one was made in."""
    words = struct.unpack(f"<{WORDS}I", b64decode(began))
    generator.setstate((3, (*words, WORDS), None))


def row_of(cell_run_id: str, made: Iterable[Sequence[str]]) -> RandomState:
    """Return what the generators that a run made began with, in the order of their making."""
    text = json.dumps([*made], separators=(",", ":"))
    digest = xxhash.xxh3_128_hexdigest(text.encode())
    return RandomState(new_id(), cell_run_id, "made", digest, digest, text)
