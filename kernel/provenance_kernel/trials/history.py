"""A trial's record read whole: each cell run with its source and all that was recorded of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from operator import attrgetter
from typing import Any, TypeVar

from peewee import Database

from provenance_kernel.records import (
    Activation,
    CellRun,
    Dependency,
    Environment,
    Event,
    FileAccess,
    Output,
    RandomState,
    StageTag,
    Statement,
    TrackedValue,
    Trial,
    Variable,
)
from provenance_kernel.store import reader
from provenance_kernel.types import Access

R = TypeVar("R")

# What hangs on a cell run, by the field of `Run` that holds it; its own calls are read apart.
_PARTS: dict[str, type] = {
    "tags": StageTag,
    "variables": Variable,
    "dependencies": Dependency,
    "statements": Statement,
    "files": FileAccess,
    "outputs": Output,
    "values": TrackedValue,
    "random_states": RandomState,
    "events": Event,
}
# What is said of a value that was another when a run began than the last one had left it.
OUTSIDE = "changed outside of any cell"
_WEIGHT = {"outside": 0, "read": 1, "mutate": 2, "write": 3}


# Of a trial with more runs, a question about it looks at so many.
MOST_RUNS = 3000


@dataclass(frozen=True, slots=True)
class TrialAt(Trial):
    """A trial as it stood after the cell run at position `until`; looked at from `first` on."""

    until: int = 0
    first: int = 1

    @property
    def left_out(self) -> str | None:
        """What is said where runs before are left out."""
        return f"only runs {self.first} to {self.until} are looked at" if self.first > 1 else None


def bounded(
    database: Database, trial: Trial, name: str | None = None, most: int = MOST_RUNS
) -> Trial:
    """Return a trial, or of one with more runs than `most` the last; around where a name was made.

    A person names a trial as it stood earlier to see what is before.
    """
    last = trial.until if isinstance(trial, TrialAt) else reader.last_position(database, trial.id)
    if last <= most:
        return trial
    made = None if name is None else reader.last_made(database, trial.id, name, last)
    until = last if made is None else min(last, max(made + most // 4, most))
    return at(trial, until, until - most + 1)


def at(trial: Trial, until: int, first: int = 1) -> TrialAt:
    """Return a trial as it stood after a run."""
    values = {each.name: getattr(trial, each.name) for each in fields(Trial)}
    return TrialAt(**values, until=until, first=first)


def left_out(*trials: Trial) -> str | None:
    """Return what is said of trials of which not all runs are looked at; None where all are."""
    told = {f"trial {x.id[:8]}": x.left_out for x in trials if isinstance(x, TrialAt)}
    return "; ".join(f"of {who} {what}" for who, what in told.items() if what) or None


def of_trial(
    database: Database,
    record: type[R],
    trial: Trial,
    *,
    without: Collection[str] = (),
    questions: bool = False,
) -> list[R]:
    """Return all of a kind that belongs to the answers about a trial, in order.

    What cells that only asked left is none of it, unless `questions`, nor is what came after the
    moment that is meant.
    """
    return reader.of_trial(
        database, record, trial.id, without=without, runs=_span(trial), questions=questions
    )


def seconds(database: Database, trial: Trial) -> list[tuple[float | None, list[str]]]:
    """Return the duration of each cell run of a trial, with the stages of the run."""
    return reader.seconds(database, trial.id, _span(trial))


def _span(trial: Trial) -> reader.Span | None:
    return (trial.first, trial.until) if isinstance(trial, TrialAt) else None


@dataclass(frozen=True)
class Run(CellRun):
    """A cell run with all that is recorded of it, in the order in which it was made.

    `calls` are those that the cell made itself. The states in `random_states` are left out.
    """

    source: str = ""
    ast_hash: str = ""
    tags: tuple[StageTag, ...] = ()
    variables: tuple[Variable, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    calls: tuple[Activation, ...] = ()
    statements: tuple[Statement, ...] = ()
    files: tuple[FileAccess, ...] = ()
    outputs: tuple[Output, ...] = ()
    values: tuple[TrackedValue, ...] = ()
    random_states: tuple[RandomState, ...] = ()
    events: tuple[Event, ...] = ()

    @cached_property
    def stages(self) -> tuple[str, ...]:
        """The stages of the run."""
        return tuple(self._labels)

    @property
    def labels(self) -> tuple[str, ...]:
        """The stages as they were first written."""
        return tuple(dict.fromkeys(self._labels.values()))

    @cached_property
    def _labels(self) -> dict[str, str]:
        labels: dict[str, str] = {}
        for tag in self.tags:
            labels.setdefault(tag.stage, tag.label)
        return labels

    @cached_property
    def left(self) -> dict[str, Variable]:
        """What the run left behind in the names that it wrote, mutated or deleted.

        A name that it both wrote and mutated is what it was in the end.
        """
        return {
            each.name: each for each in self.variables if each.access not in ("read", "outside")
        }

    @cached_property
    def sources(self) -> dict[str, str]:
        """The id of the run that each name came from."""
        return {each.variable: each.source_cell_run_id for each in self.dependencies}

    @cached_property
    def generators(self) -> dict[str, RandomState]:
        """The states of the global random generators that the run used."""
        return {each.generator: each for each in self.random_states if each.generator != "made"}

    @cached_property
    def unseeded(self) -> tuple[str, ...]:
        """What was noted of random numbers that may be others each time."""
        notes = (each.message for each in self.events if each.kind == "randomness")
        return tuple(dict.fromkeys(notes))

    def names(self, *accesses: Access) -> frozenset[str]:
        """Return the names that the run accessed in one of these ways."""
        return frozenset(each.name for each in self.variables if each.access in accesses)

    def value(self, name: str) -> Variable | None:
        """Return what is known of a name's value after the run, if the run had to do with it."""
        found = [each for each in self.variables if each.name == name and each.access != "delete"]
        return max(found, key=lambda each: _WEIGHT[each.access]) if found else None


@dataclass(frozen=True)
class History:
    """A trial with its runs in order, and what it ran on."""

    trial: Trial
    runs: tuple[Run, ...]
    environment: Environment | None = None
    packages: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def by_id(self) -> dict[str, Run]:
        """The runs by their ids."""
        return {each.id: each for each in self.runs}

    @cached_property
    def tracked(self) -> dict[str, TrackedValue]:
        """What each name was tracked as last."""
        values = sorted((each for run in self.runs for each in run.values), key=attrgetter("id"))
        return {each.name: each for each in values}


def read_history(
    database: Database,
    trial: Trial,
    *,
    calls: bool = True,
    profiles: bool = False,
    questions: bool = False,
) -> History:
    """Return the record of a trial; with the cells' calls and the values' profiles if wanted.

    Cells that only asked are none of it, unless `questions`.
    """
    heads = of_trial(database, CellRun, trial, questions=questions)
    codes = reader.codes_of(database, heads)
    without = {"state_before"} if profiles else {"state_before", "profile"}
    parts = {
        name: _by_run(of_trial(database, kind, trial, without=without, questions=questions))
        for name, kind in _PARTS.items()
    }
    if calls:
        parts["calls"] = _by_run(reader.own_calls(database, trial.id, _span(trial)))
    runs = []
    for head in heads:
        values: dict[str, Any] = {name: getattr(head, name) for name in CellRun.__slots__}
        values |= {part: tuple(found[head.id]) for part, found in parts.items()}
        if code := codes.get(head.code_hash):
            runs.append(Run(source=code.source, ast_hash=code.ast_hash, **values))
    return History(
        trial,
        tuple(runs),
        reader.environment(database, trial.environment_id),
        reader.packages(database, trial.environment_id),
    )


def _by_run(records: list[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for record in records:
        found[record.cell_run_id].append(record)
    return found
