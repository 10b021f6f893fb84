"""A trial's record read whole: each cell run with its source, names, calls, files and stages."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import Database

from provenance_kernel.records import Trial
from provenance_kernel.store.models import (
    Activation,
    CellRun,
    Code,
    Dependency,
    Event,
    FileAccess,
    RandomState,
    StageTag,
    TrackedValue,
    Variable,
)
from provenance_kernel.types import Access, Evidence, Exactness, Json, Role, RunStatus


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run did with a name, and what is known of the value it had afterwards."""

    name: str
    access: Access
    type: str | None
    repr: str | None
    digest: str | None
    exactness: Exactness | None
    nbytes: int | None
    shape: str | None


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a run's cell made itself."""

    id: str
    name: str
    line: int | None
    calls: int
    arguments: dict[str, str]
    result: str | None
    status: RunStatus


@dataclass(frozen=True, slots=True)
class File:
    """A file that a run used; `mode` as `file_access` has it."""

    path: str
    mode: str
    digest_before: str | None
    digest_after: str | None
    nbytes: int | None
    evidence: Evidence

    @property
    def words(self) -> frozenset[str]:
        """The modes and notes."""
        return frozenset(self.mode.split(","))

    @property
    def written(self) -> bool:
        """Whether the run may have changed the file."""
        return not self.words.isdisjoint(_WRITING) or self.digest_before != self.digest_after


@dataclass(frozen=True, slots=True)
class Value:
    """A value that the user marked."""

    name: str
    role: Role
    value: Json


@dataclass(frozen=True, slots=True)
class Run:
    """One cell run and all that is recorded of it."""

    id: str
    position: int
    execution_count: int | None
    cell_id: str | None
    code_hash: str
    status: RunStatus
    error_name: str | None
    started_at: datetime
    duration: float | None
    source: str
    truncated: bool
    stages: tuple[str, ...]
    labels: tuple[str, ...]
    seen: tuple[Seen, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    calls: tuple[Call, ...] = ()
    files: tuple[File, ...] = ()
    values: tuple[Value, ...] = ()
    generators: frozenset[str] = frozenset()
    events: tuple[tuple[str, str], ...] = ()

    def names(self, *accesses: Access) -> frozenset[str]:
        """Return the names that the run accessed in one of these ways."""
        return frozenset(each.name for each in self.seen if each.access in accesses)

    def value(self, name: str) -> Seen | None:
        """Return what is known of a name's value after the run, if the run had to do with it."""
        found = [each for each in self.seen if each.name == name and each.access != "delete"]
        return max(found, key=lambda each: _WEIGHT[each.access]) if found else None


_WEIGHT = {"read": 0, "mutate": 1, "write": 2}
_WRITING = frozenset({"w", "a", "x", "r+", "truncate", "connect", "remove", "rename", "link"})


@dataclass(frozen=True, slots=True)
class History:
    """A trial with its runs in order."""

    trial: Trial
    runs: tuple[Run, ...]

    def run(self, run_id: str) -> Run:
        """Return a run by its id."""
        return next(each for each in self.runs if each.id == run_id)


def read_history(database: Database, trial: Trial, *, calls: bool = True) -> History:
    """Return the record of a trial; without the calls of its cells if those are not wanted."""
    heads = _heads(database, trial)
    stages, labels = _stages(database, trial)
    seen: dict[str, list[Seen]] = defaultdict(list)
    for run, *rest in _rows(database, trial, Variable, *_fields(Variable, Seen)):
        seen[run].append(Seen(*rest))
    sources: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for run, source, name in _rows(
        database, trial, Dependency, Dependency.source_cell_run_id, Dependency.variable
    ):
        sources[run].append((source, name))
    files: dict[str, list[File]] = defaultdict(list)
    for run, *rest in _rows(database, trial, FileAccess, *_fields(FileAccess, File)):
        files[run].append(File(*rest))
    values: dict[str, list[Value]] = defaultdict(list)
    for run, name, role, value in _rows(
        database, trial, TrackedValue, TrackedValue.name, TrackedValue.role, TrackedValue.value
    ):
        values[run].append(Value(name, role, value))
    generators: dict[str, set[str]] = defaultdict(set)
    for run, generator in _rows(database, trial, RandomState, RandomState.generator):
        generators[run].add(generator)
    events: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for run, kind, message in _rows(database, trial, Event, Event.kind, Event.message):
        events[run].append((kind, message))
    made = _calls(database, trial) if calls else {}
    return History(
        trial,
        tuple(
            _run(
                head,
                stages=tuple(stages.get(head[0], ())),
                labels=tuple(labels.get(head[0], ())),
                seen=tuple(seen[head[0]]),
                sources=tuple(sources[head[0]]),
                calls=tuple(made.get(head[0], ())),
                files=tuple(files[head[0]]),
                values=tuple(values[head[0]]),
                generators=frozenset(generators[head[0]]),
                events=tuple(events[head[0]]),
            )
            for head in heads
        ),
    )


def _run(head: tuple[Any, ...], **rest: Any) -> Run:
    return Run(*head, **rest)


def _heads(database: Database, trial: Trial) -> list[tuple[Any, ...]]:
    query = (
        CellRun.select(
            CellRun.id,
            CellRun.position,
            CellRun.execution_count,
            CellRun.cell_id,
            CellRun.code_hash,
            CellRun.status,
            CellRun.error_name,
            CellRun.started_at,
            CellRun.duration,
            Code.source,
            CellRun.truncated,
        )
        .join(Code, on=(Code.hash == CellRun.code_hash))
        .where(CellRun.trial_id == trial.id)
        .order_by(CellRun.position)
    )
    return list(query.tuples().execute(database))


def _stages(
    database: Database, trial: Trial
) -> tuple[dict[str, dict[str, None]], dict[str, dict[str, None]]]:
    stages: dict[str, dict[str, None]] = defaultdict(dict)
    labels: dict[str, dict[str, None]] = defaultdict(dict)
    query = StageTag.select(StageTag.cell_run_id, StageTag.stage, StageTag.label)
    query = query.where(StageTag.trial_id == trial.id).order_by(StageTag.id)
    for run, stage, label in query.tuples().execute(database):
        if stage not in stages[run]:
            stages[run][stage] = None
            labels[run][label] = None
    return stages, labels


def _calls(database: Database, trial: Trial) -> dict[str, list[Call]]:
    """Return the calls made by the cells' own code: those below the root of a run."""
    fields = [
        Activation.id,
        Activation.parent_id,
        Activation.name,
        Activation.line,
        Activation.calls,
        Activation.arguments,
        Activation.result,
        Activation.status,
    ]
    rows = _rows(database, trial, Activation, *fields)
    roots = {each[1] for each in rows if each[2] is None}
    found: dict[str, list[Call]] = defaultdict(list)
    for run, identity, parent, name, line, calls, arguments, result, status in rows:
        if parent in roots:
            found[run].append(Call(identity, name, line, calls, arguments or {}, result, status))
    return found


def _rows(database: Database, trial: Trial, model: Any, *fields: Any) -> list[tuple[Any, ...]]:
    runs = CellRun.select(CellRun.id).where(CellRun.trial_id == trial.id)
    query = model.select(model.cell_run_id, *fields).where(model.cell_run_id.in_(runs))
    return list(query.order_by(model.id).tuples().execute(database))


def _fields(model: Any, record: Any) -> list[Any]:
    return [getattr(model, name) for name in record.__slots__]
