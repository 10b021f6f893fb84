"""What differs between trials: metrics, parameters, cells by stage, environment and packages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from peewee import Database

from provenance_kernel.content import ContentStore
from provenance_kernel.records import Trial
from provenance_kernel.trials.answer import Answer, Tabular, plain
from provenance_kernel.trials.compare import differences
from provenance_kernel.trials.compare.align import Cell, CellPair, Match, align
from provenance_kernel.trials.compare.differences import (
    ArgumentChange,
    FileChange,
    OutputChange,
    RandomChange,
    VariableChange,
)
from provenance_kernel.trials.compare.divergence import Divergence, Divergences
from provenance_kernel.trials.compare.ran_on import ran_on
from provenance_kernel.trials.compare.sides import Pair, Sides
from provenance_kernel.trials.history import History, bounded, left_out, read_history
from provenance_kernel.trials.query import naming
from provenance_kernel.trials.query.outputs import contents
from provenance_kernel.trials.source import first_line
from provenance_kernel.types import Json, Role, RunStatus


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A tracked value in two trials, as last tracked; `in_a` and `in_b` tell None from absence."""

    name: str
    a: Json
    b: Json
    in_a: bool
    in_b: bool


@dataclass(frozen=True, slots=True)
class MetricChange(ValueChange):
    """A metric in two trials; `relative` is the change as a share of `a`, where `a` is not 0."""

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

    `output` has the digests of what the runs showed, times, addresses and colours aside, where
    they differ.

    `after` are positions in `b` of cells that it ran before in `a` and runs after in `b`; `before`
    is the other way round.
    """

    a: CellSide | None
    b: CellSide | None
    match: Match | None = None
    after: tuple[int, ...] = ()
    before: tuple[int, ...] = ()
    code: tuple[str, ...] = ()
    arguments: tuple[ArgumentChange, ...] = ()
    variables: tuple[VariableChange, ...] = ()
    files: tuple[FileChange, ...] = ()
    randomness: tuple[RandomChange, ...] = ()
    output: OutputChange | None = None

    @property
    def side(self) -> CellSide:
        """The cell as the later trial has it, or else the other."""
        side = self.b or self.a
        assert side is not None
        return side

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
            or bool(self.files or self.randomness or self.output)
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
class Comparison(Tabular, Answer):
    """Two trials; what is equal is left out unless `everything` was asked for.

    `equal_cells` counts the cells that are left out because nothing differs; `left_out` says which
    runs were not looked at, if there are so many. `sides` reads both sides of what differs.
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
    left_out: str | None = None
    sides: Callable[[], Iterable[Sides]] = field(default=tuple, metadata={"plain": False})

    def rows(self) -> list[dict[str, Any]]:
        """Return each difference as a row: what, where, name, both values."""
        found: list[tuple[str, str, str, Any, Any]] = []
        found += [("metric", "", each.name, each.a, each.b) for each in self.metrics]
        found += [("parameter", "", each.name, each.a, each.b) for each in self.parameters]
        for stage in self.stages:
            for cell in stage.cells:
                where = f"{stage.stage} {cell.side.position}".strip()
                found += [(what, where, *rest) for what, *rest in _cell_rows(cell)]
        found += [("environment", "", each.name, each.a, each.b) for each in self.environment]
        found += [("package", "", each.name, each.a, each.b) for each in self.packages]
        return [
            {"what": what, "where": where, "name": name, "a": _flat(a), "b": _flat(b)}
            for what, where, name, a, b in found
        ]


@dataclass(frozen=True)
class Comparisons(Tabular, Answer):
    """Many trials, each against the same one."""

    base: Side
    comparisons: tuple[Comparison, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return each difference as a row, with the trial that it is of."""
        return [{"trial": each.b.id, **row} for each in self.comparisons for row in each.rows()]

    @property
    def left_out(self) -> str | None:
        """Which runs were not looked at, if there are so many."""
        told = (each.left_out for each in self.comparisons)
        return "; ".join(dict.fromkeys(filter(None, told))) or None


def compare(database: Database, a: Trial, b: Trial, everything: bool = False) -> Comparison:
    """Return what differs between two trials, cell by cell and value by value."""
    ids = naming.prefixes(database, [a.id, b.id])
    one, other = (_read(database, each) for each in (a, b))
    return _compare(one, other, ids, everything, contents(database))


def compare_many(
    database: Database, base: Trial, others: Sequence[Trial], everything: bool = False
) -> Comparisons:
    """Return what differs between a trial and each of several others."""
    ids = naming.prefixes(database, [each.id for each in (base, *others)])
    first, kept = _read(database, base), contents(database)
    found = tuple(_compare(first, _read(database, each), ids, everything, kept) for each in others)
    return Comparisons(_side(base, ids), found)


def _read(database: Database, trial: Trial) -> History:
    return read_history(database, bounded(database, trial), profiles=True)


def _side(trial: Trial, prefixes: Mapping[str, str]) -> Side:
    start = str(plain(trial.started_at))
    return Side(trial.id, prefixes[trial.id], trial.notebook, start, trial.status)


def _compare(
    a: History, b: History, prefixes: Mapping[str, str], everything: bool, kept: ContentStore
) -> Comparison:
    pairs = align(a.runs, b.runs)
    cells = [(_stage(pair), _cell(pair, everything)) for pair in pairs]
    shown = [(stage, cell) for stage, cell in cells if everything or cell.differs]
    stages = dict.fromkeys(stage for stage, _ in shown)
    return Comparison(
        _side(a.trial, prefixes),
        _side(b.trial, prefixes),
        everything,
        _metrics(a, b, Divergences(a, b, pairs), everything),
        _tracked(a, b, ("parameter", "value"), everything),
        tuple(
            StageChange(stage, tuple(cell for at, cell in shown if at == stage)) for stage in stages
        ),
        len(cells) - len(shown),
        _environments(a, b, everything),
        _values(a.packages, b.packages, everything)
        if everything or (a.environment and b.environment)
        else (),
        left_out(a.trial, b.trial),
        partial(
            _sides,
            [(pair, cell) for pair, (_, cell) in zip(pairs, cells, strict=True) if cell.differs],
            (prefixes[a.trial.id], prefixes[b.trial.id]),
            kept,
        ),
    )


def _sides(
    cells: Iterable[tuple[CellPair, CellChange]], of: tuple[str, str], kept: ContentStore
) -> Iterator[Sides]:
    for pair, cell in cells:
        one, other = (None if each is None else each.last for each in (pair.a, pair.b))
        positions = dict.fromkeys(str(each.position) for each in (one, other) if each is not None)
        names = [each.name for each in cell.variables]
        yield Pair(of, (one, other), (kept, kept)).sides(" → ".join(positions), names, code=True)


def _stage(pair: CellPair) -> str:
    cells = (cell for cell in (pair.b, pair.a) if cell is not None)
    return next((", ".join(cell.last.stages) for cell in cells if cell.last.stages), "")


def _cell(pair: CellPair, everything: bool) -> CellChange:
    one, other = pair.a, pair.b
    if one is None or other is None:
        side_a, side_b = (None if each is None else _cell_side(each) for each in (one, other))
        return CellChange(side_a, side_b)
    mine, its = one.last, other.last
    changed = mine.source != its.source if everything else mine.ast_hash != its.ast_hash
    variables = differences.variables(mine, its, everything)
    randomness = differences.randomness(mine, its, everything)
    if not everything and not variables:
        # Other random numbers that left no other value behind made no difference.
        randomness = tuple(each for each in randomness if each.seeding)
    return CellChange(
        _cell_side(one),
        _cell_side(other),
        pair.match,
        tuple(each.last.position for each in pair.passed if each.last.position < its.position),
        tuple(each.last.position for each in pair.passed if each.last.position > its.position),
        differences.code(mine.source, its.source) if changed else (),
        differences.arguments(mine, its, everything),
        variables,
        differences.files(mine, its, everything),
        randomness,
        differences.output(mine, its),
    )


def _cell_side(cell: Cell) -> CellSide:
    last = cell.last
    return CellSide(
        last.id,
        last.position,
        last.cell_id,
        last.code_hash,
        last.status,
        len(cell.runs),
        first_line(last.source),
    )


def _metrics(
    a: History, b: History, divergences: Divergences, everything: bool
) -> tuple[MetricChange, ...]:
    changes = []
    for each in _tracked(a, b, ("metric",), everything):
        change = relative = divergence = None
        if each.in_a and each.in_b:
            one, other = a.tracked[each.name], b.tracked[each.name]
            if one.number is not None and other.number is not None:
                change = _finite(other.number - one.number)
                relative = _finite(change / abs(one.number)) if change and one.number else None
            if one.value != other.value:
                divergence = divergences.of(each.name, one.cell_run_id, other.cell_run_id)
        sides = each.a, each.b, each.in_a, each.in_b
        changes.append(MetricChange(each.name, *sides, change, relative, divergence))
    return tuple(changes)


def _finite(number: float) -> float | None:
    """Return a number that JSON has a word for, or None."""
    return number if abs(number) < float("inf") else None


def _tracked(
    a: History, b: History, roles: Sequence[Role], everything: bool
) -> tuple[ValueChange, ...]:
    found = [*a.tracked.values(), *b.tracked.values()]
    names = dict.fromkeys(each.name for role in roles for each in found if each.role == role)
    ours, theirs = (
        {name: side.tracked[name].value for name in names if name in side.tracked}
        for side in (a, b)
    )
    return _values(ours, theirs, everything)


def _environments(a: History, b: History, everything: bool) -> tuple[ValueChange, ...]:
    """Return what differs of what both recorded; a variable that one has not set was recorded."""
    ours, theirs = ran_on(a), ran_on(b)
    both = a.environment is not None and b.environment is not None
    return tuple(
        each
        for each in _values(ours, theirs, everything)
        if everything or (each.in_a and each.in_b) or (both and each.name.startswith("variables."))
    )


def _values(
    a: Mapping[str, Json], b: Mapping[str, Json], everything: bool
) -> tuple[ValueChange, ...]:
    return tuple(
        ValueChange(name, a.get(name), b.get(name), name in a, name in b)
        for name in dict.fromkeys([*a, *b])
        if everything or (name in a) != (name in b) or a.get(name) != b.get(name)
    )


def _cell_rows(cell: CellChange) -> Iterator[tuple[str, str, Any, Any]]:
    """Give what differs, in which name, and both values."""
    a, b = cell.a, cell.b
    if a is None or b is None:
        yield "cell", cell.side.label, a and a.position, b and b.position
        return
    if cell.moved:
        yield "order", b.label, a.position, b.position
    if a.status != b.status:
        yield "status", b.label, a.status, b.status
    if a.runs != b.runs:
        yield "runs", b.label, a.runs, b.runs
    if cell.code:
        removed, added = (
            "\n".join(line[1:] for line in cell.code if line.startswith(sign)) for sign in "-+"
        )
        yield "code", b.label, removed, added
    for argument in cell.arguments:
        name = f"{argument.call}({argument.parameter})"
        yield "argument", name, argument.a, argument.b
    for variable in cell.variables:
        yield "variable", variable.name, variable.a, variable.b
    for file in cell.files:
        yield "file", file.path, file.a, file.b
    if cell.output is not None:
        yield "output", b.label, cell.output.a, cell.output.b
    for use in cell.randomness:
        yield "randomness", use.generator, use.a, use.b


def _flat(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value
