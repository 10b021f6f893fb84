"""The global generators of three libraries: their states read, written as JSON and restored."""

from __future__ import annotations

import ctypes
import json
import random
import struct
import sys
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from provenance_kernel.capture.importing import Draws
from provenance_kernel.types import Generator

WORDS: Final = 624


@dataclass(frozen=True, slots=True)
class GeneratorState:
    """A generator's state; of a Mersenne Twister the key as 624 little-endian words."""

    key: bytes
    position: int = 0
    gauss: float | None = None
    other: Mapping[str, Any] | None = None


class GlobalGenerator:
    """A global generator of one library."""

    name: Generator

    def read(self, last: GeneratorState | None) -> GeneratorState | None:
        """Return its state, which is `last` if that has not changed; None without its library."""
        raise NotImplementedError

    def fresh(self, state: GeneratorState) -> bool:
        """Tell whether a state is that of a generator that nobody has drawn from."""
        return False

    def seeded(self, seed: int) -> GeneratorState | None:
        """Return the state that seeding leads to, where it can be told."""
        return None

    def initial(self) -> GeneratorState | None:
        """Return the state that it had when its library was loaded, where it can be told."""
        return None

    def encode(self, state: GeneratorState) -> dict[str, Any]:
        """Return a state as JSON."""
        raise NotImplementedError

    def restore(self, value: Mapping[str, Any]) -> bool:
        """Put the generator into a state from JSON; False if its library is not loaded."""
        raise NotImplementedError


class PythonGenerator(GlobalGenerator):
    """The module `random`, read in place where its layout proves to be the known one."""

    name = "python"

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

    def read(self, last: GeneratorState | None) -> GeneratorState:
        gauss: float | None
        if self._address is not None:
            raw = ctypes.string_at(self._address, 4 * (WORDS + 1))
            gauss = self._generator.gauss_next  # type: ignore[attr-defined]
            if last is not None and raw == self._raw and gauss == last.gauss:
                return last
            self._raw = raw
            return GeneratorState(raw[4:], struct.unpack_from("I", raw)[0], gauss)
        _, words, gauss = self._generator.getstate()
        return GeneratorState(struct.pack(f"<{WORDS}I", *words[:-1]), words[-1], gauss)

    def draws(self) -> Draws | None:
        """Return what tells imports' draws from others since the state was last read.

        None where reading it takes long.
        """
        address = self._address
        if address is None:
            return None
        return Draws(lambda: ctypes.string_at(address, 4 * (WORDS + 1)), self._raw)

    def fresh(self, state: GeneratorState) -> bool:
        return state.position == WORDS and state.gauss is None

    def seeded(self, seed: int) -> GeneratorState:
        _, words, gauss = random.Random(seed).getstate()
        return GeneratorState(struct.pack(f"<{WORDS}I", *words[:-1]), words[-1], gauss)

    def encode(self, state: GeneratorState) -> dict[str, Any]:
        return {"version": 3, "key": _text(state.key), "pos": state.position, "gauss": state.gauss}

    def restore(self, value: Mapping[str, Any]) -> bool:
        words = struct.unpack(f"<{WORDS}I", b64decode(value["key"]))
        self._generator.setstate((value["version"], (*words, value["pos"]), value["gauss"]))
        return True


class NumpyGenerator(GlobalGenerator):
    """numpy's legacy global generator, if numpy is loaded."""

    name = "numpy"

    def read(self, last: GeneratorState | None) -> GeneratorState | None:
        module = self._module()
        if module is None:
            return None
        generator = module._rand._bit_generator
        plain = type(generator).__name__ == "MT19937"
        if plain and last is not None and last.other is None and last.gauss is None:
            # With no normal deviate in store the key and the position are all there is to change.
            raw = ctypes.string_at(generator.ctypes.state_address, 4 * (WORDS + 1))
            if raw[:-4] == last.key and struct.unpack_from("i", raw, 4 * WORDS)[0] == last.position:
                return last
        state = module.get_state(legacy=False)
        if not plain:
            return GeneratorState(repr(state).encode(), 0, None, state)
        inner = state["state"]
        gauss = float(state["gauss"]) if state["has_gauss"] else None
        return GeneratorState(inner["key"].astype("<u4").tobytes(), int(inner["pos"]), gauss)

    def fresh(self, state: GeneratorState) -> bool:
        # Seeded from the system's entropy it starts one before the end of its key.
        return state.other is None and state.position == WORDS - 1 and state.gauss is None

    def seeded(self, seed: int) -> GeneratorState | None:
        module = self._module()
        if module is None or not 0 <= seed < 1 << 32:
            return None
        inner = module.RandomState(seed).get_state(legacy=False)["state"]
        return GeneratorState(inner["key"].astype("<u4").tobytes(), int(inner["pos"]))

    def initial(self) -> GeneratorState | None:
        module = self._module()
        generator = module._rand._bit_generator
        if type(generator).__name__ != "MT19937":
            return None
        # It keeps what it was made from.
        again = type(generator)(generator.seed_seq.__class__(generator.seed_seq.entropy))
        inner = again.state["state"]
        return GeneratorState(inner["key"].astype("<u4").tobytes(), int(inner["pos"]))

    def encode(self, state: GeneratorState) -> dict[str, Any]:
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


class TorchGenerator(GlobalGenerator):
    """torch's generator on the processor, if torch is loaded."""

    name = "torch"

    def read(self, last: GeneratorState | None) -> GeneratorState | None:
        module = self._module()
        if module is None:
            return None
        generator = module.default_generator
        seed = int(generator.initial_seed())
        return GeneratorState(bytes(generator.get_state().numpy().tobytes()), seed)

    def encode(self, state: GeneratorState) -> dict[str, Any]:
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


def restore(generator: Generator, text: str) -> bool:
    """Put a generator into the state of a row; False where its library is not loaded."""
    value = json.loads(text)
    sources: tuple[GlobalGenerator, ...] = (PythonGenerator(), NumpyGenerator(), TorchGenerator())
    return next(source for source in sources if source.name == generator).restore(value)


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
