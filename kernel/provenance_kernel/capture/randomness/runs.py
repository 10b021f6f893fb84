"""Which global random generators a cell run used, from what state, and whether that was seeded.

A generator counts as seeded once a seed with an explicit value, or a state, was set. That is known
from the calls that the tracer saw, or proven from the state itself: for a candidate seed (an
integer in the cell's source, a variable named like `seed`) the Mersenne Twister is run forward
until it is in that state. So a helper that seeds counts too, whoever made the call. Until then
what a run draws is unseeded.

Not seen: draws that a run makes before it seeds in the same run, entropy taken from the system
(`os.urandom`, `secrets`, `uuid4`), generators of other libraries and devices, and which of two runs
at the same time drew. What only the import of a library drew has a row, but no event.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import xxhash

from provenance_kernel.capture import importing
from provenance_kernel.capture.importing import Draws
from provenance_kernel.capture.randomness.generators import (
    GeneratorState,
    GlobalGenerator,
    NumpyGenerator,
    PythonGenerator,
    TorchGenerator,
)
from provenance_kernel.capture.randomness.seeding import (
    CANDIDATES,
    COMMON_SEEDS,
    MAKING,
    SEEDING,
    is_given,
    proven,
)
from provenance_kernel.records import Event, RandomState, new_id, utc_now
from provenance_kernel.types import Generator

# What a generator's library that is not loaded has for a state.
NOT_LOADED: Final = xxhash.xxh3_128_hexdigest(b"not loaded")


@dataclass(slots=True)
class RandomRun:
    """The states that a cell run began with, and the seeding it was seen to do."""

    before: dict[Generator, GeneratorState | None]
    seeded: set[Generator] = field(default_factory=set)
    unseeded: set[Generator] = field(default_factory=set)
    notes: dict[str, None] = field(default_factory=dict)
    draws: Draws | None = None

    def imports_alone_drew(self) -> bool:
        """Whether all that was drawn from Python's generator was drawn by imports."""
        return self.draws is not None and self.draws.by_import and not self.draws.by_others


class Randomness:
    """The global generators of a trial, and whether they were seeded in it."""

    def __init__(self) -> None:
        self._python = PythonGenerator()
        self._sources: tuple[GlobalGenerator, ...] = (
            self._python,
            NumpyGenerator(),
            TorchGenerator(),
        )
        self._last: dict[Generator, GeneratorState | None] = {}
        self._seeded: set[Generator] = set()

    def begin(self) -> RandomRun:
        """Take the states before a cell run."""
        run = RandomRun({source.name: self._read(source) for source in self._sources})
        run.draws = self._python.draws()
        importing.current.set(run.draws)
        return run

    def called(self, run: RandomRun, function: str, arguments: Mapping[str, object]) -> None:
        """Note a call, by qualified name, with its arguments or their reprs."""
        generator = SEEDING.get(function)
        given = is_given(arguments)
        if generator is not None:
            (run.seeded if given else run.unseeded).add(generator)
            (run.unseeded if given else run.seeded).discard(generator)
        elif not given and MAKING.match(function):
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
            elif name in run.seeded or (name not in self._seeded and proven(source, after, seeds)):
                self._seeded.add(name)
            elif before is None and source.fresh(after):
                continue  # its library was loaded, and nothing drawn
            if name not in self._seeded:
                notes += _unseeded(name, run)
            found = before
            if before is None and name not in self._seeded:
                with suppress(Exception):  # a library of another make
                    found = source.initial()
            text = None if found is None else _json(source, found)
            rows.append(_row(source, cell_run_id, before, after, text))
        now = utc_now()
        return rows, [
            Event(new_id(), trial_id, cell_run_id, "randomness", note, now) for note in notes
        ]

    def _read(self, source: GlobalGenerator) -> GeneratorState | None:
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


def _row(
    source: GlobalGenerator,
    cell_run_id: str,
    before: GeneratorState | None,
    after: GeneratorState,
    text: str | None,
) -> RandomState:
    return RandomState(
        id=new_id(),
        cell_run_id=cell_run_id,
        generator=source.name,
        digest_before=NOT_LOADED
        if before is None or text is None
        else xxhash.xxh3_128_hexdigest(text.encode()),
        digest_after=xxhash.xxh3_128_hexdigest(_json(source, after).encode()),
        state_before=text,
    )


def _json(source: GlobalGenerator, state: GeneratorState) -> str:
    return json.dumps(source.encode(state), separators=(",", ":"))
