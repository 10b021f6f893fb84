"""Which global random generators a cell run used, from what state, and whether that was seeded.

A generator counts as seeded once a seed with an explicit value, or a state, was set. That is known
from the calls that the tracer saw, or proven from the state itself: for a candidate seed (an
integer in the cell's source, a variable named like `seed`) the Mersenne Twister is run forward and
met again. So a helper that seeds counts too, whoever made the call. Until then what a run draws is
unseeded.

Not seen: draws that a run makes before it seeds in the same run, entropy taken from the system
(`os.urandom`, `secrets`, `uuid4`), generators of other libraries and devices, and which of two runs
at the same time drew. What only the import of a library drew has a row, but no event.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import random
import re
import struct
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import xxhash

from provenance_kernel.capture import importing
from provenance_kernel.capture.importing import Draws
from provenance_kernel.records import Event, RandomState, new_id, utc_now
from provenance_kernel.types import Generator

WORDS: Final = 624
# How far a candidate seed is followed: 32 768 draws of 32 bits, about 0.3 ms.
REACH: Final = 32_768
CANDIDATES: Final = 8
COMMON_SEEDS: Final = (0, 1, 42)

# What a generator's library that is not loaded has for a state.
NOT_LOADED: Final = xxhash.xxh3_128_hexdigest(b"not loaded")


@dataclass(frozen=True, slots=True)
class _State:
    """A generator's state; of a Mersenne Twister the key as 624 little-endian words."""

    key: bytes
    position: int = 0
    gauss: float | None = None
    other: Mapping[str, Any] | None = None


class _Source(Protocol):
    name: Generator

    def read(self, last: _State | None) -> _State | None: ...
    def fresh(self, state: _State) -> bool: ...
    def seeded(self, seed: int) -> _State | None: ...
    def encode(self, state: _State) -> dict[str, Any]: ...
    def restore(self, value: Mapping[str, Any]) -> bool: ...


class _Python:
    """The module `random`, read in place where its layout proves to be the known one."""

    name: Generator = "python"

    def __init__(self) -> None:
        self._generator: random.Random = random._inst
        self._address = self._find()
        self._raw = b""

    def _find(self) -> int | None:
        """Return where the index and the key lie, for `getstate` takes 20 times as long."""
        if sys.implementation.name != "cpython":
            return None
        start = object.__basicsize__
        if type(self._generator).__basicsize__ < start + 4 * (WORDS + 1):
            return None
        address = id(self._generator) + start
        words = self._generator.getstate()[1]
        seen = ctypes.string_at(address, 4 * (WORDS + 1))
        return address if seen == struct.pack(f"{WORDS + 1}I", words[-1], *words[:-1]) else None

    def read(self, last: _State | None) -> _State:
        gauss: float | None
        if self._address is not None:
            raw = ctypes.string_at(self._address, 4 * (WORDS + 1))
            gauss = self._generator.gauss_next  # type: ignore[attr-defined]
            if last is not None and raw == self._raw and gauss == last.gauss:
                return last
            self._raw = raw
            return _State(raw[4:], struct.unpack_from("I", raw)[0], gauss)
        _, words, gauss = self._generator.getstate()
        return _State(struct.pack(f"<{WORDS}I", *words[:-1]), words[-1], gauss)

    def draws(self) -> Draws | None:
        """Return what tells imports' draws from others since the state was last read.

        None where reading it takes long.
        """
        address = self._address
        if address is None:
            return None
        return Draws(lambda: ctypes.string_at(address, 4 * (WORDS + 1)), self._raw)

    def fresh(self, state: _State) -> bool:
        return state.position == WORDS and state.gauss is None

    def seeded(self, seed: int) -> _State:
        _, words, gauss = random.Random(seed).getstate()
        return _State(struct.pack(f"<{WORDS}I", *words[:-1]), words[-1], gauss)

    def encode(self, state: _State) -> dict[str, Any]:
        return {"version": 3, "key": _text(state.key), "pos": state.position, "gauss": state.gauss}

    def restore(self, value: Mapping[str, Any]) -> bool:
        words = struct.unpack(f"<{WORDS}I", b64decode(value["key"]))
        self._generator.setstate((value["version"], (*words, value["pos"]), value["gauss"]))
        return True


class _Numpy:
    """numpy's legacy global generator, if numpy is loaded."""

    name: Generator = "numpy"

    def read(self, last: _State | None) -> _State | None:
        module = self._module()
        if module is None:
            return None
        generator = module._rand._bit_generator
        if last is not None and last.other is None and last.gauss is None:
            # With no normal deviate in store the key and the position are all there is to change.
            if type(generator).__name__ != "MT19937":
                return self._read(module)
            raw = ctypes.string_at(generator.ctypes.state_address, 4 * (WORDS + 1))
            if raw[:-4] == last.key and struct.unpack_from("i", raw, 4 * WORDS)[0] == last.position:
                return last
        return self._read(module)

    def _read(self, module: Any) -> _State:
        state = module.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            return _State(repr(state).encode(), 0, None, state)
        inner = state["state"]
        gauss = float(state["gauss"]) if state["has_gauss"] else None
        return _State(inner["key"].astype("<u4").tobytes(), int(inner["pos"]), gauss)

    def fresh(self, state: _State) -> bool:
        # Seeded from the system's entropy it starts one before the end of its key.
        return state.other is None and state.position == WORDS - 1 and state.gauss is None

    def seeded(self, seed: int) -> _State | None:
        module = self._module()
        if module is None or not 0 <= seed < 1 << 32:
            return None
        inner = module.RandomState(seed).get_state(legacy=False)["state"]
        return _State(inner["key"].astype("<u4").tobytes(), int(inner["pos"]))

    def encode(self, state: _State) -> dict[str, Any]:
        if state.other is not None:
            return {"state": _plain(state.other)}
        return {
            "bit_generator": "MT19937",
            "key": _text(state.key),
            "pos": state.position,
            "has_gauss": int(state.gauss is not None),
            "gauss": state.gauss or 0.0,
        }

    def restore(self, value: Mapping[str, Any]) -> bool:
        module = self._module()
        if module is None:
            return False
        if "state" in value:
            module.set_state(_unplain(value["state"]))
            return True
        words = struct.unpack(f"<{WORDS}I", b64decode(value["key"]))
        key = sys.modules["numpy"].array(words, dtype="uint32")
        module.set_state(("MT19937", key, value["pos"], value["has_gauss"], value["gauss"]))
        return True

    def _module(self) -> Any:
        return sys.modules.get("numpy.random.mtrand")


class _Torch:
    """torch's generator on the processor, if torch is loaded."""

    name: Generator = "torch"

    def read(self, last: _State | None) -> _State | None:
        module = self._module()
        if module is None:
            return None
        generator = module.default_generator
        seed = int(generator.initial_seed())
        return _State(bytes(generator.get_state().numpy().tobytes()), seed)

    def fresh(self, state: _State) -> bool:
        return False

    def seeded(self, seed: int) -> _State | None:
        return None

    def encode(self, state: _State) -> dict[str, Any]:
        return {"state": _text(state.key), "initial_seed": state.position}

    def restore(self, value: Mapping[str, Any]) -> bool:
        module = self._module()
        torch = sys.modules.get("torch")
        if module is None or torch is None:
            return False
        module.set_rng_state(torch.tensor(list(b64decode(value["state"])), dtype=torch.uint8))
        return True

    def _module(self) -> Any:
        module = sys.modules.get("torch.random")
        # While torch is being imported there is a module but not yet a generator.
        return module if hasattr(module, "default_generator") else None


@dataclass(slots=True)
class RandomRun:
    """The states that a cell run began with, and the seeding it was seen to do."""

    before: dict[Generator, _State | None]
    seeded: set[Generator] = field(default_factory=set)
    unseeded: set[Generator] = field(default_factory=set)
    notes: dict[str, None] = field(default_factory=dict)
    draws: Draws | None = None

    def imports_alone_drew(self) -> bool:
        """Whether all that was drawn from Python's generator was drawn by imports."""
        return self.draws is not None and self.draws.by_import and not self.draws.by_others


# Calls that put a global generator into a state, by how their qualified names end. Whether one of
# `random.Random.seed` was made on the global generator its name does not tell; mostly it was.
_SEEDING: dict[str, Generator] = {
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
_MAKING = re.compile(
    r"(?:^random\.Random(?:\.__init__)?"
    r"|^numpy\.random\.(?:\w+\.)*(?:default_rng|RandomState|SeedSequence|PCG64|PCG64DXSM|MT19937|Philox|SFC64))$"
)


class Randomness:
    """The global generators of a trial, and whether they were seeded in it."""

    def __init__(self) -> None:
        self._python = _Python()
        self._sources: tuple[_Source, ...] = (self._python, _Numpy(), _Torch())
        self._last: dict[Generator, _State | None] = {}
        self._seeded: set[Generator] = set()

    def begin(self) -> RandomRun:
        """Take the states before a cell run."""
        run = RandomRun({source.name: self._read(source) for source in self._sources})
        run.draws = self._python.draws()
        importing.current.set(run.draws)
        return run

    def called(self, run: RandomRun, function: str, arguments: Mapping[str, object]) -> None:
        """Note a call, by qualified name, with its arguments or their reprs."""
        generator = _SEEDING.get(function)
        given = any(value is not None and value != "None" for value in arguments.values())
        if generator is not None:
            (run.seeded if given else run.unseeded).add(generator)
            (run.unseeded if given else run.seeded).discard(generator)
        elif not given and _MAKING.match(function):
            run.notes[f"{function} was called without a seed"] = None

    def end(
        self, run: RandomRun, trial_id: str, cell_run_id: str, candidates: Iterable[int] = ()
    ) -> tuple[list[RandomState], list[Event]]:
        """Return a row for each generator used or set, and an event where it was unseeded."""
        rows: list[RandomState] = []
        notes = [*run.notes]
        if run.draws is not None:
            run.draws.end()
            if importing.current.get() is run.draws:
                importing.current.set(None)
        seeds: list[int] | None = None
        for source in self._sources:
            name, before, after = source.name, run.before[source.name], self._read(source)
            if after is None or before == after:
                continue
            if seeds is None:
                seeds = list(
                    itertools.islice(dict.fromkeys([*candidates, *COMMON_SEEDS]), CANDIDATES)
                )
            if name in run.unseeded:
                self._seeded.discard(name)
            elif name in run.seeded or (name not in self._seeded and _proven(source, after, seeds)):
                self._seeded.add(name)
            elif before is None and source.fresh(after):
                continue  # its library was loaded, and nothing drawn
            if name not in self._seeded:
                notes += _unseeded(name, run)
            rows.append(_row(source, cell_run_id, before, after))
        now = utc_now()
        return rows, [
            Event(new_id(), trial_id, cell_run_id, "randomness", note, now) for note in notes
        ]

    def _read(self, source: _Source) -> _State | None:
        try:
            state = source.read(self._last.get(source.name))
        except Exception:  # a library in the middle of its import, or of another make
            state = None
        self._last[source.name] = state
        return state


def _unseeded(name: Generator, run: RandomRun) -> list[str]:
    """Return what is said of a generator that a run used without a seed."""
    told = f"{name}: drew from a generator that was not seeded in this trial"
    if name != "python" or run.draws is None or not run.imports_alone_drew():
        return [told]
    # What a library draws while it is loaded decides no result.
    return [f"{told}, while importing {module}" for module in run.draws.modules]


def restore(generator: Generator, text: str) -> bool:
    """Put a generator into the state of a row; False where its library is not loaded."""
    value = json.loads(text)
    sources: tuple[_Source, ...] = (_Python(), _Numpy(), _Torch())
    return next(source for source in sources if source.name == generator).restore(value)


def seed_candidates(source: str, namespace: Mapping[str, object]) -> list[int]:
    """Return the integers that may have been used as a seed: named so, or written in the cell."""
    named = [
        value
        for name, value in list(namespace.items())
        if type(value) is int and isinstance(name, str) and "seed" in name.lower()
    ]
    written = [int(digits) for digits in re.findall(r"(?<![\w.])\d{1,10}(?![\w.])", source)]
    return list(dict.fromkeys(named + written))[:CANDIDATES]


def _row(source: _Source, cell_run_id: str, before: _State | None, after: _State) -> RandomState:
    text = None if before is None else _json(source, before)
    return RandomState(
        id=new_id(),
        cell_run_id=cell_run_id,
        generator=source.name,
        digest_before=NOT_LOADED if text is None else xxhash.xxh3_128_hexdigest(text.encode()),
        digest_after=xxhash.xxh3_128_hexdigest(_json(source, after).encode()),
        state_before=text,
    )


def _json(source: _Source, state: _State) -> str:
    return json.dumps(source.encode(state), separators=(",", ":"))


def _proven(source: _Source, state: _State, seeds: Iterable[int]) -> bool:
    """Tell whether the state is one that seeding with one of these leads to."""
    if source.name == "torch":
        # It begins with a seed of 53 bits or more from the system; people's seeds are small.
        return state.position < 1 << 32
    if state.other is not None:
        return False
    return any(start is not None and _leads_to(start, state) for start in map(source.seeded, seeds))


def _leads_to(start: _State, target: _State) -> bool:
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


def _text(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "tobytes") and hasattr(value, "dtype") and value.ndim:
        return {"dtype": value.dtype.str, "data": _text(value.tobytes())}
    return value.item() if hasattr(value, "item") else value


def _unplain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.keys() == {"dtype", "data"}:
            return sys.modules["numpy"].frombuffer(b64decode(value["data"]), value["dtype"]).copy()
        return {key: _unplain(item) for key, item in value.items()}
    return value
