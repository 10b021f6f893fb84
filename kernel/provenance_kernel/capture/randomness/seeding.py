"""Whether a generator's state comes from a seed: seen in the calls, or proven from the state."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Iterable, Mapping
from typing import Final

from provenance_kernel.capture.randomness.generators import WORDS, GeneratorState, GlobalGenerator
from provenance_kernel.types import Generator

# How far a candidate seed is followed: 32 768 draws of 32 bits, about 0.3 ms.
REACH: Final = 32_768
CANDIDATES: Final = 8
COMMON_SEEDS: Final = (0, 1, 42)


# Calls that put a global generator into a state, by how their qualified names end. Whether one of
# `random.Random.seed` was made on the global generator its name does not tell; mostly it was.
SEEDING: dict[str, Generator] = {
    "random.seed": "python",
    "random.setstate": "python",
    "random.Random.seed": "python",
    "random.Random.setstate": "python",
    "numpy.random.seed": "numpy",
    "numpy.random.set_state": "numpy",
    "numpy.random.mtrand.seed": "numpy",
    "numpy.random.mtrand.set_state": "numpy",
    "torch.manual_seed": "torch",
    "torch.random.manual_seed": "torch",
    "torch.seed": "torch",
    "torch.random.seed": "torch",
    "torch.set_rng_state": "torch",
    "torch.random.set_rng_state": "torch",
}
# Calls that make a generator, which is unseeded unless they are given a value.
MAKING = re.compile(
    r"(?:^random\.Random(?:\.__init__)?"
    r"|^numpy\.random\.(?:\w+\.)*(?:default_rng|RandomState|SeedSequence|PCG64|PCG64DXSM|MT19937|Philox|SFC64))$"
)


def is_given(arguments: Mapping[str, object]) -> bool:
    """Tell whether a call is given a seed, by its arguments or their reprs."""
    return any(value is not None and value != "None" for value in arguments.values())


def seed_candidates(source: str, namespace: Mapping[str, object]) -> list[int]:
    """Return the integers that may have been used as a seed: named so, or written in the cell."""
    named = [
        value
        for name, value in list(namespace.items())
        if type(value) is int and isinstance(name, str) and "seed" in name.lower()
    ]
    written = [int(digits) for digits in re.findall(r"(?<![\w.])\d{1,10}(?![\w.])", source)]
    return list(dict.fromkeys(named + written))[:CANDIDATES]


def proven(source: GlobalGenerator, state: GeneratorState, seeds: Iterable[int]) -> bool:
    """Tell whether the state is one that seeding with one of these leads to."""
    if source.name == "torch":
        # It begins with a seed of 53 bits or more from the system; people's seeds are small.
        return state.position < 1 << 32
    if state.other is not None:
        return False
    return any(start is not None and _leads_to(start, state) for start in map(source.seeded, seeds))


def _leads_to(start: GeneratorState, target: GeneratorState) -> bool:
    """Tell whether a Mersenne Twister comes from one state to another within REACH draws."""
    if start.key == target.key:
        return target.position >= start.position
    twister = random.Random()
    words = struct.unpack(f"<{WORDS}I", start.key)
    twister.setstate((3, (*words, start.position), None))
    count = REACH + WORDS
    outputs = twister.getrandbits(32 * count).to_bytes(4 * count, "little")
    # The last four words of the key that the target is at, in the form in which they are drawn.
    last = struct.unpack("<4I", target.key[-16:])
    return outputs.find(struct.pack("<4I", *map(_tempered, last))) >= 0


def _tempered(word: int) -> int:
    word ^= word >> 11
    word ^= word << 7 & 0x9D2C5680
    word ^= word << 15 & 0xEFC60000
    return word ^ word >> 18
