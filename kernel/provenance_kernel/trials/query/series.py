"""What is drawn: a tracked value over trials, a value against another, the time per stage."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peewee import Database

from provenance_kernel.errors import SettingError
from provenance_kernel.records import Trial
from provenance_kernel.store import reader, tracked_values
from provenance_kernel.trials.answer import Answer, Tabular, plain
from provenance_kernel.trials.history import seconds
from provenance_kernel.trials.query.condition import canonical
from provenance_kernel.trials.query.filters import closest
from provenance_kernel.trials.query.lines import NAMED, pairs, settings_of_series
from provenance_kernel.trials.query.naming import prefixes
from provenance_kernel.trials.query.values import values
from provenance_kernel.types import Json

NO_STAGE = "(no stage)"
# The latest curves are drawn; more are not told apart.
MOST_CURVES = 30


@dataclass(frozen=True, slots=True)
class Point:
    """The numbers a tracked name had in a trial, in order; the last is the trial's value."""

    trial: str
    prefix: str
    numbers: tuple[float, ...]


@dataclass(frozen=True)
class Course(Tabular, Answer):
    """A tracked value over trials, the oldest first."""

    name: str
    points: tuple[Point, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each trial, with its last value."""
        return [{"trial": each.trial, self.name: each.numbers[-1]} for each in self.points]


@dataclass(frozen=True, slots=True)
class Curve:
    """A series: steps with their numbers, and those of its settings that vary between curves."""

    trial: str
    prefix: str
    parameters: Mapping[str, Json]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Curves(Tabular, Answer):
    """The series that a tracked name had, the oldest first; `total` counts those left out too."""

    name: str
    curves: tuple[Curve, ...]
    total: int

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each step."""
        return [
            {"trial": each.trial, **each.parameters, "step": step, self.name: number}
            for each in self.curves
            for step, number in each.points
        ]


@dataclass(frozen=True, slots=True)
class Pair:
    """What a result, or a trial, had of two names: a parameter's value and a metric's number."""

    trial: str
    prefix: str
    value: float | str
    number: float


@dataclass(frozen=True)
class Contrast(Tabular, Answer):
    """A metric against a parameter, by result, the oldest first."""

    parameter: str
    metric: str
    pairs: tuple[Pair, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each trial."""
        return [
            {"trial": each.trial, self.parameter: each.value, self.metric: each.number}
            for each in self.pairs
        ]


@dataclass(frozen=True, slots=True)
class StageTime:
    """The seconds that the cells of a stage ran."""

    stage: str
    seconds: float


@dataclass(frozen=True)
class StageTimes(Tabular, Answer):
    """The time per stage of a trial, in the order of the stages.

    A cell with several stages counts for each.
    """

    trial: str
    prefix: str
    stages: tuple[StageTime, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each stage."""
        return [plain(each) for each in self.stages]


def over_trials(database: Database, name: str) -> Course | Curves:
    """Return the numbers that a tracked name had, by trial; or curves, where it had steps.

    Raises `SettingError` where the name was never tracked, or never was a number.
    """
    name, found = _numbers(database, name)
    steps = tracked_values.steps(database, name)
    return _curves(database, name, steps) if steps else _course(database, name, found)


def course(database: Database, name: str) -> Course:
    """Return the numbers that a tracked name had, by trial, also where it had steps.

    Raises `SettingError` as `over_trials` does.
    """
    return _course(database, *_numbers(database, name))


def _course(database: Database, name: str, found: Mapping[str, list[float]]) -> Course:
    named = prefixes(database, found)
    return Course(name, tuple(Point(each, named[each], tuple(found[each])) for each in found))


def _numbers(database: Database, name: str) -> tuple[str, dict[str, list[float]]]:
    """Return a name as it is tracked, and the numbers that it had by trial, the oldest first."""
    rows = tracked_values.numbers(database, name)
    if not rows:
        known = tracked_values.names(database)
        stored = canonical(name, known)
        if stored is None:
            raise SettingError(f"{name}: no value of that name was tracked{closest(name, known)}")
        name, rows = stored, tracked_values.numbers(database, stored)
    numbers: dict[str, list[float]] = {}
    for trial, number in rows:
        if number is not None and math.isfinite(number):
            numbers.setdefault(trial, []).append(number)
    if not numbers:
        raise SettingError(f"{name}: its values are no numbers, so there is nothing to draw")
    return name, numbers


def _curves(database: Database, name: str, steps: list[tuple[str, str, float, float]]) -> Curves:
    points: dict[str, list[tuple[float, float]]] = {}
    for _, series, step, number in steps:
        points.setdefault(series, []).append((step, number))
    latest = list(points)[-MOST_CURVES:]
    of = {series: trial for trial, series, _, _ in steps}
    trials = {of[each] for each in latest}
    settings, named = settings_of_series(database, latest), prefixes(database, trials)
    names = dict.fromkeys(name for each in settings.values() for name in each)
    vary = [x for x in names if len({repr(settings[each].get(x)) for each in latest}) > 1]
    curves = [
        Curve(
            of[each],
            named[of[each]],
            {x: settings[each][x] for x in vary if x in settings[each]},
            tuple(points[each]),
        )
        for each in latest
    ]
    return Curves(name, tuple(curves), len(points))


def against(database: Database, parameter: str, metric: str) -> Contrast:
    """Return a metric with the values of the parameter that it came from, result by result.

    What is no metric, or has no such parameter, is paired by trial: the last values of both.
    Raises `SettingError` where no trial has both.
    """
    metric = canonical(metric, tracked_values.names(database)) or metric
    found = pairs(database, parameter, metric)
    named = prefixes(database, {each[0] for each in found})
    if found:
        positions = {}
        if len(found) <= NAMED:
            runs = reader.runs_by_id(database, [each[1] for each in found])
            positions = {key: f"@{run.position}" for key, run in runs.items()}
        drawn = tuple(
            Pair(trial, named[trial] + positions.get(run, ""), _place(value), number)
            for trial, run, value, number in found
        )
        return Contrast(parameter, metric, drawn)
    metric, numbers = _numbers(database, metric)
    # Within a trial rows are in order, and the last counts.
    last = {row.trial_id: row for row in values(database, parameter).rows}
    named = prefixes(database, numbers)
    drawn = tuple(
        Pair(trial, named[trial], _place(last[trial].value, last[trial].number), each[-1])
        for trial, each in numbers.items()
        if trial in last
    )
    if not drawn:
        raise SettingError(f"no trial tracked both {parameter} and {metric}")
    return Contrast(parameter, metric, drawn)


def stage_times(database: Database, trial: Trial) -> StageTimes:
    """Return how long the cells of each stage of a trial ran."""
    found: dict[str, float] = {}
    rest = 0.0
    for duration, stages in seconds(database, trial):
        for stage in stages:
            found[stage] = found.get(stage, 0.0) + (duration or 0.0)
        if not stages:
            rest += duration or 0.0
    if rest or not found:
        found[NO_STAGE] = rest
    times = tuple(StageTime(*each) for each in found.items())
    return StageTimes(trial.id, prefixes(database, [trial.id])[trial.id], times)


def _place(value: Any, number: float | None = None) -> float | str:
    if number is None and type(value) in (int, float):
        number = value
    if number is not None and math.isfinite(number):
        return number
    return value if isinstance(value, str) else json.dumps(value)
