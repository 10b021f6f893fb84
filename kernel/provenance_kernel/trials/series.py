"""What is drawn: a tracked value over trials, a value against another, the time per stage."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from peewee import Database

from provenance_kernel.errors import SettingError
from provenance_kernel.records import Trial
from provenance_kernel.trials import query
from provenance_kernel.trials.answer import Answer, to_frame
from provenance_kernel.trials.values import ValueRow, values

NO_STAGE = "(no stage)"


@dataclass(frozen=True, slots=True)
class Point:
    """The numbers a tracked name had in a trial, in order; the last is the trial's value."""

    trial: str
    prefix: str
    numbers: tuple[float, ...]


@dataclass(frozen=True)
class Course(Answer):
    """A tracked value over trials, the oldest first."""

    name: str
    points: tuple[Point, ...]

    def to_frame(self) -> Any:
        """Return a line for each trial, with its last value, as a pandas DataFrame."""
        return to_frame([{"trial": p.trial, self.name: p.numbers[-1]} for p in self.points])


@dataclass(frozen=True, slots=True)
class Pair:
    """What a trial had of two names: a parameter's value and a metric's number."""

    trial: str
    prefix: str
    value: float | str
    number: float


@dataclass(frozen=True)
class Contrast(Answer):
    """A metric against a parameter, by trial, the oldest first."""

    parameter: str
    metric: str
    pairs: tuple[Pair, ...]

    def to_frame(self) -> Any:
        """Return a line for each trial as a pandas DataFrame."""
        return to_frame(
            [{"trial": p.trial, self.parameter: p.value, self.metric: p.number} for p in self.pairs]
        )


@dataclass(frozen=True, slots=True)
class StageTime:
    """The seconds that the cells of a stage ran."""

    stage: str
    seconds: float


@dataclass(frozen=True)
class StageTimes(Answer):
    """The time per stage of a trial, in the order of the stages.

    A cell with several stages counts for each.
    """

    trial: str
    prefix: str
    stages: tuple[StageTime, ...]

    def to_frame(self) -> Any:
        """Return a line for each stage as a pandas DataFrame."""
        return to_frame([{"stage": each.stage, "seconds": each.seconds} for each in self.stages])


def over_trials(database: Database, name: str) -> Course:
    """Return the numbers that a tracked name had, by trial.

    Raises `SettingError` where the name was never tracked, or never was a number.
    """
    found = values(database, name)
    numbers: dict[tuple[str, str], list[float]] = {}
    for row in found.rows:
        if row.number is not None and math.isfinite(row.number):
            numbers.setdefault((row.trial_id, row.prefix), []).append(row.number)
    if not numbers:
        raise SettingError(f"{found.name}: its values are no numbers, so there is nothing to draw")
    points = [Point(*trial, tuple(each)) for trial, each in numbers.items()]
    return Course(found.name, tuple(reversed(points)))


def against(database: Database, parameter: str, metric: str) -> Contrast:
    """Return the last value of a parameter and of a metric, for trials that have both.

    Raises `SettingError` where none has.
    """
    course = over_trials(database, metric)
    found = values(database, parameter)
    # Within a trial rows are in order, and the last counts.
    last = {row.trial_id: row for row in found.rows}
    pairs = tuple(
        Pair(point.trial, point.prefix, _place(last[point.trial]), point.numbers[-1])
        for point in course.points
        if point.trial in last
    )
    if not pairs:
        raise SettingError(f"no trial tracked both {parameter} and {metric}")
    return Contrast(found.name, course.name, pairs)


def stage_times(database: Database, trial: Trial) -> StageTimes:
    """Return how long the cells of each stage of a trial ran."""
    seconds: dict[str, float] = {}
    rest = 0.0
    for each in query.list_cell_runs(database, trial):
        for stage in each.stages:
            seconds[stage] = seconds.get(stage, 0.0) + (each.run.duration or 0.0)
        if not each.stages:
            rest += each.run.duration or 0.0
    if rest or not seconds:
        seconds[NO_STAGE] = rest
    times = tuple(StageTime(*each) for each in seconds.items())
    return StageTimes(trial.id, query.prefixes(database, [trial.id])[trial.id], times)


def _place(row: ValueRow) -> float | str:
    if row.number is not None and math.isfinite(row.number):
        return row.number
    return row.value if isinstance(row.value, str) else json.dumps(row.value)
