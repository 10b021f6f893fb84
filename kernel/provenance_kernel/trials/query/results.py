"""The results of trials as a leaderboard: metrics with the parameters that they came from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import Any

from peewee import Database

from provenance_kernel.errors import SettingError
from provenance_kernel.records import CellRun, Trial
from provenance_kernel.store import reader, tracked_values
from provenance_kernel.trials.answer import Answer, Tabular, plain
from provenance_kernel.trials.query import condition
from provenance_kernel.trials.query.filters import Filters, closest, matching
from provenance_kernel.trials.query.lines import Line, read_lines, settings_of, values_of
from provenance_kernel.trials.query.naming import prefixes
from provenance_kernel.types import Json

# The first results are looked for in so many of the trials where they can be, then in so many
# more, before all are read.
_BATCHES = (50, 200, 800)


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
    asked = _Asked(
        _condition(database, filters.where),
        [_metric(database, each) for each in metrics],
        None if sort is None else _name(database, sort),
        ascending,
    )
    groups = None if per is None or limit is None else _groups(database, per)
    if limit is not None and (per in (None, "trial") or groups is not None):
        first = _first(database, ids, asked, per, groups, limit)
        if first is not None:
            lines, total = first
            return _answer(database, lines, limit, asked.metrics, total, everything)
    if asked.where is not None and asked.where.bounds:
        able = dict(tracked_values.trials_by(database, None, asked.where.bounds))
        ids = [*able] if ids is None else [trial for trial in ids if trial in able]
    lines = _kept(database, read_lines(database, None if ids is None else set(ids)), asked)
    if asked.sort is not None:
        lines = [line for line, _ in _ranked(database, lines, asked.sort, ascending)]
    if per is not None:
        lines = _first_of_each(lines, _grouped(database, lines, per))
    return _answer(database, lines, limit, asked.metrics, len(lines), everything)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked, with names as they are tracked: a condition, metrics, and an order."""

    where: condition.Condition | None
    metrics: list[str]
    sort: str | None
    ascending: bool


def _first(
    database: Database,
    ids: Collection[str] | None,
    asked: _Asked,
    per: str | None,
    groups: int | None,
    limit: int,
) -> tuple[list[Line], int | None] | None:
    """Return the first results, more than `limit` or all, from as few trials as need be.

    And how many there are, if that is known. None where they are not found so. Of each group only
    the first is one, if `per` says what groups are; there are no more than `groups`.
    """
    bounds = () if asked.where is None else asked.where.bounds
    trials = tracked_values.trials_by(
        database, asked.sort, bounds, having=asked.metrics, least=asked.ascending
    )
    if ids is not None:
        among = set(ids)
        trials = [each for each in trials if each[0] in among]
    lines: list[Line] = []
    at = 0
    for size in _BATCHES:
        batch = {trial for trial, _ in trials[at : at + size]}
        at += size
        lines += _kept(database, read_lines(database, batch), asked)
        after = trials[at] if at < len(trials) else None
        found = lines
        if asked.sort is not None:
            lines.sort(key=lambda line: line.trial_id, reverse=True)
            found = _certain(_ranked(database, lines, asked.sort, asked.ascending), after, asked)
        if per is not None:
            found = _first_of_each(found, _grouped(database, found, per))
        if len(found) > limit:
            return found[: limit + 1], groups if len(found) == groups else None
        if len(found) == groups:
            return found, groups
        if after is None:
            # Trials without a number of that name may have more.
            return (found, len(found)) if asked.sort is None else None
    return None


def _certain(
    ranked: list[tuple[Line, float | None]], after: tuple[str, float | None] | None, asked: _Asked
) -> list[Line]:
    """Return the lines that come before all of the trials that were not read, from `after` on."""
    found = []
    for line, number in ranked:
        if number is None:
            break
        if after is not None:
            trial, best = after
            assert best is not None
            before = number < best if asked.ascending else number > best
            if not before and (number != best or line.trial_id < trial):
                break
        found.append(line)
    return found


def _kept(database: Database, lines: list[Line], asked: _Asked) -> list[Line]:
    """Return those of the lines that were asked for, the latest first."""
    lines = lines[::-1]
    if asked.metrics:
        lines = [line for line in lines if any(name in line.metrics for name in asked.metrics)]
    if asked.where is not None:
        of = values_of(database, lines, asked.where.names)
        lines = [line for line in lines if asked.where.holds(of(line))]
    return lines


def _known(name: str, known: Sequence[str], what: str) -> str:
    found = condition.canonical(name, known)
    if found is None:
        raise SettingError(f"{name}: no {what} has that name{closest(name, sorted(known))}")
    return found


def _name(database: Database, name: str) -> str:
    """Return the metric or parameter that has that name."""
    return _known(name, tracked_values.names(database), "result's value")


def _metric(database: Database, name: str) -> str:
    found = condition.canonical(name, tracked_values.names(database))
    if found is None or not tracked_values.is_metric(database, found):
        found = _known(name, tracked_values.metric_names(database), "metric")
    return found


def _condition(database: Database, text: str | None) -> condition.Condition | None:
    """Return a condition of names as they are tracked."""
    if text is None:
        return None
    asked = condition.parse(text)
    stored = {}
    for name, place in asked.names.items():
        try:
            stored[name] = _name(database, name)
        except SettingError as error:
            raise condition.error(text, place, str(error)) from None
    return asked.renamed(stored)


def _ranked(
    database: Database, lines: list[Line], name: str, ascending: bool
) -> list[tuple[Line, float | None]]:
    """Return lines by a value, with its number: numbers before texts, what has none last."""
    of = values_of(database, lines, [name])
    numbers: list[tuple[float, Line]] = []
    texts: list[tuple[str, Line]] = []
    rest = []
    for line in lines:
        value = of(line).get(name)
        if isinstance(value, bool | int | float) and value == value:
            numbers.append((float(value), line))
        elif value is None or isinstance(value, float):
            rest.append(line)
        else:
            texts.append((str(value), line))
    numbers.sort(key=itemgetter(0), reverse=not ascending)
    texts.sort(key=itemgetter(0), reverse=not ascending)
    ranked: list[tuple[Line, float | None]] = [(line, number) for number, line in numbers]
    return ranked + [(line, None) for line in (*(line for _, line in texts), *rest)]


def _grouped(database: Database, lines: list[Line], per: str) -> Callable[[Line], object]:
    if per == "trial":
        return lambda line: line.trial_id
    if per == "notebook":
        notebooks = reader.notebooks(database)
        return lambda line: notebooks.get(line.trial_id)
    name = _name(database, per)
    of = values_of(database, lines, [name])
    return lambda line: repr(of(line).get(name))


def _groups(database: Database, per: str) -> int | None:
    """Return how many groups there are at the most, if that is quickly told."""
    if per == "trial":
        return None
    if per == "notebook":
        return len({*reader.notebooks(database).values()})
    values = tracked_values.each_of_one(database, _name(database, per))
    return None if values is None else len({repr(condition.stored(*each)) for each in values})


def _first_of_each(lines: list[Line], group: Callable[[Line], object]) -> list[Line]:
    found: dict[object, Line] = {}
    for line in lines:
        found.setdefault(group(line), line)
    return list(found.values())


def _answer(
    database: Database,
    every: list[Line],
    limit: int | None,
    wanted: Sequence[str],
    total: int | None,
    everything: bool,
) -> Results:
    lines = every[:limit]
    settings = settings_of(database, lines)
    trials = reader.columns(database, Trial, {line.trial_id for line in lines}, "notebook")
    ids = {line.cell_run_id for line in lines}
    runs = reader.columns(database, CellRun, ids, "position", "started_at")
    named = prefixes(database, trials)
    found = tuple(
        Result(
            line.trial_id,
            named[line.trial_id],
            trials[line.trial_id][0],
            runs[line.cell_run_id][0],
            line.cell_run_id,
            datetime.fromisoformat(runs[line.cell_run_id][1]),
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
