"""The results of trials as a leaderboard: metrics with the parameters that they came from.

A line holds the metrics that belong together: those of one trial that came from the same values of
the same parameters, and those of one cell run of which one came from some of the other's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from peewee import Database

from provenance_kernel.errors import SettingError
from provenance_kernel.store import reader, tracked_values
from provenance_kernel.trials.answer import Answer, Tabular, plain
from provenance_kernel.trials.query import condition
from provenance_kernel.trials.query.filters import Filters, closest, matching
from provenance_kernel.trials.query.naming import prefixes
from provenance_kernel.types import Json

# So many lines back a metric looks for those that it belongs to.
_NEAR = 8
# So many values are looked at before all are.
_CANDIDATES = 2000
# So many trials are looked at at once for the latest results.
_BATCH = 50


@dataclass(frozen=True, slots=True)
class Result:
    """Metrics of a trial with the parameters that they came from.

    `position` is that of the cell run that tracked the last of them, so that `TRIAL@POSITION`
    names the trial as it stood then. A parameter that came by several ways with several values
    has the list of them.
    """

    trial_id: str
    prefix: str
    notebook: str | None
    position: int
    cell_run_id: str
    started_at: datetime | None
    metrics: Mapping[str, Json]
    parameters: Mapping[str, Json]

    @property
    def values(self) -> dict[str, Json]:
        """The parameters and the metrics by name."""
        return {**self.parameters, **self.metrics}


@dataclass(frozen=True)
class Results(Tabular, Answer):
    """Results, the latest first unless sorted; `total` counts them, where they had to be counted.

    `metrics` and `parameters` are the names that have columns; `same` is what is the same in all,
    and `more` tells whether a limit left some out.
    """

    metrics: tuple[str, ...]
    parameters: tuple[str, ...]
    results: tuple[Result, ...]
    same: Mapping[str, Json]
    total: int | None
    more: bool

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each result, as JSON has it."""
        return [plain(each) for each in self.results]

    def to_frame(self) -> Any:
        """Return the results as a pandas DataFrame with a column for each name."""
        import pandas

        return pandas.DataFrame(flat(self))


def flat(answer: Results) -> list[dict[str, Any]]:
    """Return a row for each result with a column for each name, as CSV has it."""
    rows = []
    for each in answer.results:
        row = plain(each)
        row |= {f"{kind}.{name}": value for kind in ("parameters", "metrics")
                for name, value in row.pop(kind).items()}  # fmt: skip
        rows.append(row)
    return rows


def results(
    database: Database,
    metrics: Sequence[str] = (),
    filters: Filters | None = None,
    *,
    sort: str | None = None,
    ascending: bool = False,
    per: str | None = None,
    limit: int | None = None,
    everything: bool = False,
) -> Results:
    """Return the results that have one of these metrics, or all.

    `filters.where` is a condition on each result's own values. `sort` is a name, the greatest
    first unless `ascending`; of each value of `per` only the first result is kept. Raises
    `SettingError` for names that no result has.
    """
    filters = filters or Filters()
    ids = matching(database, replace(filters, where=None))
    latest_only = limit is not None and not metrics and filters.where is None
    if latest_only and sort is None and per is None:
        lines = _latest(database, ids, limit or 0)
        return _answer(database, lines, limit, [], None, everything)
    if latest_only and sort is not None and per is None and ids is None:
        first = _first(database, sort, limit or 0, ascending)
        if first is not None:
            return _answer(database, first, limit, [], None, everything)
    lines = _lines(database, None if ids is None else set(ids))
    lines.reverse()
    known = list(dict.fromkeys(name for line in lines for name in line.metrics))
    wanted = [_known(each, known, "metric") for each in metrics]
    if wanted:
        lines = [line for line in lines if any(name in line.metrics for name in wanted)]
    if filters.where is not None:
        lines = _where(database, filters.where, lines, known)
    if sort is not None:
        lines = _sorted(database, lines, known, sort, ascending)
    if per is not None:
        lines = _first_of_each(lines, _grouped(database, lines, known, per))
    return _answer(database, lines, limit, wanted, len(lines), everything)


@dataclass(slots=True)
class _Line:
    """A result under way: its metrics by name, and the ids of its parameters' rows."""

    trial_id: str
    cell_run_id: str
    linked: str
    metrics: dict[str, tuple[str, float | None]] = field(default_factory=dict)


def _latest(database: Database, ids: Sequence[str] | None, limit: int) -> list[_Line]:
    """Return the latest results of these trials, or of all, from as few trials as need be."""
    trials = list(ids) if ids is not None else tracked_values.trials_with_metrics(database)[::-1]
    lines: list[_Line] = []
    for at in range(0, len(trials), _BATCH):
        # A trial's results are its own, and trials that went on side by side are rare.
        found = _lines(database, set(trials[at : at + _BATCH]))
        lines += reversed(found)
        if len(lines) > limit:
            break
    return lines


def _first(database: Database, metric: str, limit: int, ascending: bool) -> list[_Line] | None:
    """Return more than `limit` of the first results by a metric, from as few trials as need be.

    None where there are not so many before the first tie that is too long, or no such metric.
    """
    count = 4 * (limit + 1)
    while count <= _CANDIDATES:
        rows = tracked_values.most(database, metric, count, least=ascending)
        if len(rows) < count:
            return None
        lines = _lines(database, {trial for trial, _ in rows})
        lines.reverse()
        found = _sorted(database, lines, [metric], metric, ascending)
        # Whatever comes before the last candidate is among these trials.
        last = rows[-1][1]
        for at, line in enumerate(found):
            number = line.metrics[metric][1] if metric in line.metrics else None
            if number is None or not (number < last if ascending else number > last):
                break
            if at == limit:
                return found[: limit + 1]
        count *= 4
    return None


def _lines(database: Database, trials: set[str] | None) -> list[_Line]:
    """Return the results of these trials, or of all, in the order in which they were tracked."""
    links = tracked_values.metrics_parameters(database, trials)
    lines: list[_Line] = []
    for metric, trial, run, name, value, number in tracked_values.metrics(database, trials):
        linked = links.get(metric, "")
        for line in lines[: -_NEAR - 1 : -1]:
            if (
                line.trial_id == trial
                and name not in line.metrics
                and (
                    line.linked == linked
                    or (line.cell_run_id == run and _nested(line.linked, linked))
                )
            ):
                break
        else:
            line = _Line(trial, run, linked)
            lines.append(line)
        line.cell_run_id = run
        line.metrics[name] = value, number
        if len(linked) > len(line.linked):
            line.linked = linked
    return lines


def _nested(one: str, other: str) -> bool:
    """Tell whether one has all the parameters' rows that the other has."""
    small, large = sorted((one, other), key=len)
    return not small or set(small.split(",")) <= set(large.split(","))


def _settings(
    database: Database, lines: Iterable[_Line], names: Collection[str] | None = None
) -> dict[str, dict[str, Any]]:
    """Return the values of lines' parameters, or of those of these names, by `linked`."""
    texts = {line.linked for line in lines}
    ids = {each for text in texts for each in text.split(",")}
    rows = tracked_values.parameters(database, ids, names)
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        by_name: dict[str, list[str]] = {}
        for each in sorted(text.split(",")):
            if each in rows:
                by_name.setdefault(rows[each][0], []).append(each)
        values = found[text] = {}
        for name, each_of in by_name.items():
            stored = [condition.stored(*pair) for pair in {rows[x][1:]: None for x in each_of}]
            values[name] = stored[0] if len(stored) == 1 else stored
    return found


def _quickly(text: str, number: float | None) -> Json:
    """Return a value to compare with: its number, unless to people it is none."""
    return condition.stored(text, number) if number is None or text[0] in 'tf"' else number


def _values(
    database: Database, lines: Sequence[_Line], names: Iterable[str], known: Collection[str]
) -> Callable[[_Line], dict[str, Any]]:
    """Return how to get the values of these names of a line; metrics go before parameters."""
    others = [name for name in names if name not in known]
    settings = _settings(database, lines, others) if others else {}

    def values(line: _Line) -> dict[str, Any]:
        metrics = {name: _quickly(*line.metrics[name]) for name in names if name in line.metrics}
        return {**settings.get(line.linked, {}), **metrics}

    return values


def pairs(database: Database, parameter: str, metric: str) -> list[tuple[str, str, Json, float]]:
    """Return trial id, cell run id, the parameter's value and the number of a metric's results."""
    lines = [line for line in _lines(database, None) if metric in line.metrics]
    known = {name for line in lines for name in line.metrics}
    of = _values(database, lines, [parameter], known)
    return [
        (line.trial_id, line.cell_run_id, values[parameter], number)
        for line in lines
        if (number := line.metrics[metric][1]) is not None
        and math.isfinite(number)
        and parameter in (values := of(line))
    ]


def settings_of_series(database: Database, series: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the parameters that series came from, by the ids of the series."""
    linked = tracked_values.series_parameters(database, series)
    lines = {each: _Line("", "", linked.get(each, "")) for each in series}
    found = _settings(database, lines.values())
    return {each: found[line.linked] for each, line in lines.items()}


def _known(name: str, known: Sequence[str], what: str) -> str:
    found = name if name in known else condition.canonical(name, known)
    if found is None:
        raise SettingError(f"{name}: no {what} has that name{closest(name, sorted(known))}")
    return found


def _name(database: Database, name: str, known: Collection[str]) -> str:
    """Return the metric of these, or the parameter, that has that name."""
    if name in known:
        return name
    tracked = [*known, *tracked_values.names(database)]
    return _known(name, list(dict.fromkeys(tracked)), "result's value")


def _where(
    database: Database, text: str, lines: list[_Line], known: Collection[str]
) -> list[_Line]:
    asked = condition.parse(text)
    stored = {}
    for name, place in asked.names.items():
        try:
            stored[name] = _name(database, name, known)
        except SettingError as error:
            raise condition.error(text, place, str(error)) from None
    of = _values(database, lines, stored.values(), known)
    kept = []
    for line in lines:
        values = of(line)
        if asked.holds({name: values[each] for name, each in stored.items() if each in values}):
            kept.append(line)
    return kept


def _sorted(
    database: Database, lines: list[_Line], known: Collection[str], name: str, ascending: bool
) -> list[_Line]:
    """Return lines by a value: numbers before texts, what has none last, ties the latest first."""
    name = _name(database, name, known)
    of = _values(database, lines, [name], known)
    having: list[tuple[tuple[bool, float, str], _Line]] = []
    rest = []
    for line in lines:
        value = of(line).get(name)
        if isinstance(value, bool | int | float) and value == value:
            having.append(((not ascending, float(value), ""), line))
        elif value is None or isinstance(value, float):
            rest.append(line)
        else:
            having.append(((ascending, 0.0, str(value)), line))
    having.sort(key=lambda each: each[0], reverse=not ascending)
    return [line for _, line in having] + rest


def _grouped(
    database: Database, lines: list[_Line], known: Collection[str], per: str
) -> Callable[[_Line], object]:
    if per == "trial":
        return lambda line: line.trial_id
    if per == "notebook":
        notebooks = reader.notebooks(database)
        return lambda line: notebooks.get(line.trial_id)
    name = _name(database, per, known)
    of = _values(database, lines, [name], known)
    return lambda line: repr(of(line).get(name))


def _first_of_each(lines: list[_Line], group: Callable[[_Line], object]) -> list[_Line]:
    found: dict[object, _Line] = {}
    for line in lines:
        found.setdefault(group(line), line)
    return list(found.values())


def _answer(
    database: Database,
    every: list[_Line],
    limit: int | None,
    wanted: Sequence[str],
    total: int | None,
    everything: bool,
) -> Results:
    lines = every[:limit]
    settings = _settings(database, lines)
    trials = {each.id: each for each in reader.trials_by_id(database, {x.trial_id for x in lines})}
    runs = reader.runs_by_id(database, [line.cell_run_id for line in lines])
    named = prefixes(database, trials)
    found = tuple(
        Result(
            line.trial_id,
            named[line.trial_id],
            trials[line.trial_id].notebook,
            runs[line.cell_run_id].position,
            line.cell_run_id,
            runs[line.cell_run_id].started_at,
            {n: condition.stored(*v) for n, v in line.metrics.items()},
            settings[line.linked],
        )
        for line in lines
        if line.trial_id in trials and line.cell_run_id in runs
    )
    metrics = list(wanted) or _names(each.metrics for each in found)
    parameters = _names(each.parameters for each in found)
    same = {
        name: found[0].parameters.get(name)
        for name in parameters
        if not everything and len(found) > 1 and _constant(found, name)
    }
    shown = tuple(name for name in parameters if name not in same)
    more = len(lines) < len(every)
    return Results(tuple(metrics), shown, found, same, total, more)


def _names(found: Iterable[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(name for each in found for name in each))


def _constant(found: Sequence[Result], name: str) -> bool:
    first = found[0].parameters
    return name in first and all(
        name in each.parameters and each.parameters[name] == first[name] for each in found
    )
