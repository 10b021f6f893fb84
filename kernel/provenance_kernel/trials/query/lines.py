"""Lines of the leaderboard: metrics that belong together, with the parameters that they came from.

A line holds the metrics of one trial that came from the same values of the same parameters, and
those of one cell run of which one came from some of the other's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from peewee import Database

from provenance_kernel.store import tracked_values
from provenance_kernel.trials.query import condition
from provenance_kernel.types import Json

# So many lines back a metric looks for those that it belongs to.
_NEAR = 8
# Of so many pairs, each is told with the run that its result is named by.
NAMED = 500


@dataclass(slots=True)
class Line:
    """A result under way: its metrics by name, and the ids of its parameters' rows."""

    trial_id: str
    cell_run_id: str
    linked: str
    metrics: dict[str, tuple[str, float | None]] = field(default_factory=dict)


def read_lines(database: Database, trials: set[str] | None) -> list[Line]:
    """Return the results of these trials, or of all, by trial in the order of their tracking."""
    links = tracked_values.metrics_parameters(database, trials)
    lines: list[Line] = []
    line = None
    for metric, trial, run, name, value, number in tracked_values.metrics(database, trials):
        linked = links.get(metric, "")
        if line is None or line.trial_id != trial or line.linked != linked or name in line.metrics:
            line = _place(lines, trial, run, name, linked)
        line.cell_run_id = run
        line.metrics[name] = value, number
        if len(linked) > len(line.linked):
            line.linked = linked
    return lines


def _place(lines: list[Line], trial: str, run: str, name: str, linked: str) -> Line:
    """Return the line of a metric, which may be a new one."""
    for line in lines[: -_NEAR - 1 : -1]:
        if line.trial_id != trial:
            break
        if name not in line.metrics and (
            line.linked == linked or (line.cell_run_id == run and _nested(line.linked, linked))
        ):
            return line
    line = Line(trial, run, linked)
    lines.append(line)
    return line


def _nested(one: str, other: str) -> bool:
    """Tell whether one has all the parameters' rows that the other has."""
    small, large = sorted((one, other), key=len)
    return not small or set(small.split(",")) <= set(large.split(","))


def settings_of(
    database: Database, lines: Iterable[Line], names: Collection[str] | None = None
) -> dict[str, dict[str, Any]]:
    """Return the values of lines' parameters, or of those of these names, by `linked`."""
    texts = {line.linked for line in lines}
    ids = {each for text in texts for each in text.split(",")}
    rows = tracked_values.parameters(database, ids, names)
    # Few values are another than the others, and to read one costs more than to look it up.
    read = {each[1:]: condition.stored(*each[1:]) for each in {*rows.values()}}
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        by_name: dict[str, dict[tuple[str, float | None], None]] = {}
        for each in sorted(text.split(",")):
            if each in rows:
                name, value, number = rows[each]
                by_name.setdefault(name, {})[value, number] = None
        found[text] = {
            name: read[next(iter(each))] if len(each) == 1 else [read[value] for value in each]
            for name, each in by_name.items()
        }
    return found


def values_of(
    database: Database, lines: Sequence[Line], names: Iterable[str]
) -> Callable[[Line], dict[str, Any]]:
    """Return how to get the values of these names of a line; metrics go before parameters."""
    rest = [name for name in names if any(name not in line.metrics for line in lines)]
    settings = settings_of(database, lines, rest) if rest else {}

    def values(line: Line) -> dict[str, Any]:
        metrics = {
            name: condition.comparable(*line.metrics[name])
            for name in names
            if name in line.metrics
        }
        return {**settings.get(line.linked, {}), **metrics}

    return values


def pairs(database: Database, parameter: str, metric: str) -> list[tuple[str, str, Json, float]]:
    """Return trial id, cell run id, the parameter's value and the number of a metric's results."""
    own = tracked_values.pairs(database, metric, parameter)
    found: list[tuple[str, str, Json, float]] = []
    if own is not None and len(own) > NAMED:
        read = {each: condition.stored(*each) for each in {row[4:] for row in own}}
        for _, same in groupby(own, itemgetter(0)):
            rows = [*same]
            each = [read[value] for value in dict.fromkeys(row[4:] for row in rows)]
            found.append((*rows[0][1:3], each[0] if len(each) == 1 else each, rows[0][3]))
    else:
        # What a metric did not come from itself, another of its line may have come from, and the
        # line is named by the run that tracked the last of them.
        lines = [line for line in read_lines(database, None) if metric in line.metrics]
        of = values_of(database, lines, [parameter])
        for line in lines:
            at, values = line.metrics[metric][1], of(line)
            if at is not None and parameter in values:
                found.append((line.trial_id, line.cell_run_id, values[parameter], at))
    return [each for each in found if each[3] is not None and math.isfinite(each[3])]


def settings_of_series(database: Database, series: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the parameters that series came from, by the ids of the series."""
    linked = tracked_values.series_parameters(database, series)
    lines = {each: Line("", "", linked.get(each, "")) for each in series}
    found = settings_of(database, lines.values())
    return {each: found[line.linked] for each, line in lines.items()}
