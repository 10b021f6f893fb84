"""What differs between trials: metrics, parameters, cells by stage, environment and packages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import Database

from provenance_kernel.records import TrackedValue, Trial
from provenance_kernel.trials import answer, differences, query
from provenance_kernel.trials.align import Match, Pair, align
from provenance_kernel.trials.differences import (
    ArgumentChange,
    FileChange,
    RandomChange,
    VariableChange,
)
from provenance_kernel.trials.divergence import Divergence, Divergences
from provenance_kernel.trials.record import TrialRecord, read
from provenance_kernel.trials.source import first_line
from provenance_kernel.types import Json, RunStatus


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A tracked value in two trials, as last tracked; `in_a` and `in_b` tell None from absence."""

    name: str
    a: Json
    b: Json
    in_a: bool
    in_b: bool


@dataclass(frozen=True, slots=True)
class MetricChange:
    """A metric in two trials; `relative` is the change as a share of `a`, where `a` is not 0."""

    name: str
    a: Json
    b: Json
    in_a: bool
    in_b: bool
    change: float | None
    relative: float | None
    divergence: Divergence | None


@dataclass(frozen=True, slots=True)
class CellSide:
    """A cell of one trial: its last run, and how many times it ran."""

    run_id: str
    position: int
    cell_id: str | None
    code_hash: str
    status: RunStatus
    runs: int
    label: str


@dataclass(frozen=True, slots=True)
class CellChange:
    """A cell of both trials, or of one, and what differs; `after` and `before` say where it moved.

    `after` are positions in `b` of cells that it ran before in `a` and runs after in `b`; `before`
    is the other way round.
    """

    a: CellSide | None
    b: CellSide | None
    match: Match | None
    after: tuple[int, ...]
    before: tuple[int, ...]
    code: tuple[str, ...]
    arguments: tuple[ArgumentChange, ...]
    variables: tuple[VariableChange, ...]
    files: tuple[FileChange, ...]
    randomness: tuple[RandomChange, ...]

    @property
    def moved(self) -> bool:
        """Whether the cell changed places with others."""
        return bool(self.after or self.before)

    @property
    def differs(self) -> bool:
        """Whether anything differs, the number of runs included."""
        a, b = self.a, self.b
        return (
            a is None
            or b is None
            or self.moved
            or a.status != b.status
            or a.runs != b.runs
            or bool(self.code or self.arguments or self.variables)
            or bool(self.files or self.randomness)
        )


@dataclass(frozen=True, slots=True)
class StageChange:
    """The cells of a stage that differ; the stage of cells that have none is empty."""

    stage: str
    cells: tuple[CellChange, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """A trial that is compared."""

    id: str
    prefix: str
    notebook: str | None
    started_at: str
    status: str


@dataclass(frozen=True)
class Comparison(answer.Answer):
    """Two trials; what is equal is left out unless `everything` was asked for.

    `equal_cells` counts the cells that are left out because nothing differs.
    """

    a: Side
    b: Side
    everything: bool
    metrics: tuple[MetricChange, ...]
    parameters: tuple[ValueChange, ...]
    stages: tuple[StageChange, ...]
    equal_cells: int
    environment: tuple[ValueChange, ...]
    packages: tuple[ValueChange, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return each difference as a row: what, where, name, both values."""
        rows = [_row("metric", "", each.name, each.a, each.b) for each in self.metrics]
        rows += [_row("parameter", "", each.name, each.a, each.b) for each in self.parameters]
        for stage in self.stages:
            for cell in stage.cells:
                rows += _cell_rows(stage.stage, cell)
        rows += [_row("environment", "", each.name, each.a, each.b) for each in self.environment]
        rows += [_row("package", "", each.name, each.a, each.b) for each in self.packages]
        return rows

    def to_frame(self) -> Any:
        """Return the differences as a pandas DataFrame."""
        return answer.to_frame(self.rows())


@dataclass(frozen=True)
class Comparisons(answer.Answer):
    """Many trials, each against the same one."""

    base: Side
    comparisons: tuple[Comparison, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return each difference as a row, with the trial that it is of."""
        return [{"trial": each.b.id, **row} for each in self.comparisons for row in each.rows()]

    def to_frame(self) -> Any:
        """Return the differences as a pandas DataFrame."""
        return answer.to_frame(self.rows())


def compare(database: Database, a: Trial, b: Trial, everything: bool = False) -> Comparison:
    """Return what differs between two trials, cell by cell and value by value."""
    ids = query.prefixes(database, [a.id, b.id])
    return _compare(read(database, a), read(database, b), ids, everything)


def compare_many(
    database: Database, base: Trial, others: Sequence[Trial], everything: bool = False
) -> Comparisons:
    """Return what differs between a trial and each of several others."""
    ids = query.prefixes(database, [each.id for each in (base, *others)])
    first = read(database, base)
    found = tuple(_compare(first, read(database, each), ids, everything) for each in others)
    return Comparisons(_side(base, ids), found)


def _side(trial: Trial, prefixes: Mapping[str, str]) -> Side:
    start = str(answer.plain(trial.started_at))
    return Side(trial.id, prefixes[trial.id], trial.notebook, start, trial.status)


def _compare(
    a: TrialRecord, b: TrialRecord, prefixes: Mapping[str, str], everything: bool
) -> Comparison:
    pairs = align(a.aligned, b.aligned)
    cells = [(_stage(a, b, pair), _cell(a, b, pair, everything)) for pair in pairs]
    shown = [(stage, cell) for stage, cell in cells if everything or cell.differs]
    stages = dict.fromkeys(stage for stage, _ in shown)
    return Comparison(
        _side(a.trial, prefixes),
        _side(b.trial, prefixes),
        everything,
        _metrics(a, b, Divergences(a, b, pairs), everything),
        _tracked(a, b, everything),
        tuple(
            StageChange(stage, tuple(cell for at, cell in shown if at == stage)) for stage in stages
        ),
        len(cells) - len(shown),
        _values(_environment(a), _environment(b), everything),
        _values(a.packages, b.packages, everything)
        if everything or (a.packages and b.packages)
        else (),
    )


def _stage(a: TrialRecord, b: TrialRecord, pair: Pair) -> str:
    found: tuple[str, ...] = ()
    if pair.b is not None:
        found = b.stages.get(pair.b.last.id, ())
    if not found and pair.a is not None:
        found = a.stages.get(pair.a.last.id, ())
    return ", ".join(found)


def _cell(a: TrialRecord, b: TrialRecord, pair: Pair, everything: bool) -> CellChange:
    one, other = pair.a, pair.b
    side_a = None if one is None else _cell_side(a, one.runs)
    side_b = None if other is None else _cell_side(b, other.runs)
    if one is None or other is None:
        return CellChange(side_a, side_b, None, (), (), (), (), (), (), ())
    mine, its = one.last, other.last
    changed = mine.source != its.source if everything else mine.ast_hash != its.ast_hash
    here = other.last.position
    variables = differences.variables(
        a.variables.get(mine.id, {}), b.variables.get(its.id, {}), everything
    )
    randomness = differences.randomness(
        (a.generators.get(mine.id, {}), a.unseeded.get(mine.id, ())),
        (b.generators.get(its.id, {}), b.unseeded.get(its.id, ())),
        everything,
    )
    if not everything and not variables:
        # Other random numbers that left no other value behind made no difference.
        randomness = tuple(each for each in randomness if each.seeding)
    return CellChange(
        side_a,
        side_b,
        pair.match,
        tuple(each.last.position for each in pair.passed if each.last.position < here),
        tuple(each.last.position for each in pair.passed if each.last.position > here),
        differences.code(mine.source, its.source) if changed else (),
        differences.arguments(a.calls.get(mine.id, ()), b.calls.get(its.id, ()), everything),
        variables,
        differences.files(a.files.get(mine.id, ()), b.files.get(its.id, ()), everything),
        randomness,
    )


def _cell_side(record: TrialRecord, runs: Sequence[Any]) -> CellSide:
    last = runs[-1]
    return CellSide(
        last.id,
        last.position,
        last.cell_id,
        last.code_hash,
        record.runs[last.id].status,
        len(runs),
        first_line(last.source),
    )


def _metrics(
    a: TrialRecord, b: TrialRecord, divergences: Divergences, everything: bool
) -> tuple[MetricChange, ...]:
    changes = []
    for name in _names(a, b, "metric"):
        one, other = a.tracked.get(name), b.tracked.get(name)
        equal = one is not None and other is not None and one.value == other.value
        if equal and not everything:
            continue
        change = relative = None
        divergence = None
        if one is not None and other is not None:
            if one.number is not None and other.number is not None:
                change = _finite(other.number - one.number)
                relative = _finite(change / abs(one.number)) if change and one.number else None
            if not equal:
                divergence = divergences.of(name, one.cell_run_id, other.cell_run_id)
        changes.append(
            MetricChange(
                name, _json(one), _json(other), one is not None, other is not None, change,
                relative, divergence,
            )
        )  # fmt: skip
    return tuple(changes)


def _finite(number: float) -> float | None:
    """Return a number that JSON has a word for, or None."""
    return number if abs(number) < float("inf") else None


def _tracked(a: TrialRecord, b: TrialRecord, everything: bool) -> tuple[ValueChange, ...]:
    names = [*_names(a, b, "parameter"), *_names(a, b, "value")]
    ours = {name: a.tracked[name].value for name in names if name in a.tracked}
    theirs = {name: b.tracked[name].value for name in names if name in b.tracked}
    return _values(ours, theirs, everything)


def _names(a: TrialRecord, b: TrialRecord, role: str) -> list[str]:
    found = [*a.tracked.values(), *b.tracked.values()]
    return list(dict.fromkeys(each.name for each in found if each.role == role))


def _json(value: TrackedValue | None) -> Json:
    return None if value is None else value.value


def _environment(record: TrialRecord) -> dict[str, Json]:
    values: dict[str, Json] = {}
    if (found := record.environment) is not None:
        details = found.details if isinstance(found.details, dict) else {}
        values = {
            "python": found.python,
            "implementation": found.implementation,
            "platform": found.platform,
        }
        for key, value in details.items():
            if isinstance(value, dict):
                values |= {f"{key}.{inner}": each for inner, each in value.items()}
            else:
                values[key] = value
    trial = record.trial
    values["git commit"] = trial.git_commit
    values["git dirty"] = trial.git_dirty
    values["host"] = trial.host
    values["user"] = trial.user
    values["tracer"] = trial.tracer
    return {key: value for key, value in values.items() if value is not None}


def _values(
    a: Mapping[str, Json], b: Mapping[str, Json], everything: bool
) -> tuple[ValueChange, ...]:
    return tuple(
        ValueChange(name, a.get(name), b.get(name), name in a, name in b)
        for name in dict.fromkeys([*a, *b])
        if everything or (name in a) != (name in b) or a.get(name) != b.get(name)
    )


def _row(what: str, where: str, name: str, a: Any, b: Any) -> dict[str, Any]:
    def text(value: Any) -> Any:
        return json.dumps(value) if isinstance(value, list | dict) else value

    return {"what": what, "where": where, "name": name, "a": text(a), "b": text(b)}


def _cell_rows(stage: str, cell: CellChange) -> list[dict[str, Any]]:
    a, b = cell.a, cell.b
    side = b or a
    where = f"{stage} {side.position}".strip() if side is not None else stage
    rows = []
    if a is None or b is None:
        rows.append(
            _row("cell", where, side.label if side else "", a and a.position, b and b.position)
        )
        return rows
    if cell.moved:
        rows.append(_row("order", where, b.label, a.position, b.position))
    if a.status != b.status:
        rows.append(_row("status", where, b.label, a.status, b.status))
    if a.runs != b.runs:
        rows.append(_row("runs", where, b.label, a.runs, b.runs))
    if cell.code:
        removed = "\n".join(line[1:] for line in cell.code if line.startswith("-"))
        added = "\n".join(line[1:] for line in cell.code if line.startswith("+"))
        rows.append(_row("code", where, b.label, removed, added))
    rows += [
        _row("argument", where, f"{each.call}({each.parameter})", each.a, each.b)
        for each in cell.arguments
    ]
    rows += [_row("variable", where, each.name, each.a, each.b) for each in cell.variables]
    rows += [_row("file", where, each.path, each.a, each.b) for each in cell.files]
    rows += [_row("randomness", where, each.generator, each.a, each.b) for each in cell.randomness]
    return rows
