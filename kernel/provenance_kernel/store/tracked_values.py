"""The ways tracked values come out of a database: metrics, parameters and what joins them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from operator import itemgetter
from typing import Any, TypeAlias

from peewee import SQL, Case, Database, SqliteDatabase, fn

from provenance_kernel.records import CellRun, ResultParameter, TrackedValue, Trial
from provenance_kernel.store.border import as_stored
from provenance_kernel.store.models import table
from provenance_kernel.store.reader import KEYS, distinct, is_own, latest, values

# What must be true of a name's value: how it compares with a number or a text.
Bound: TypeAlias = tuple[str, Callable[[Any, Any], Any], float | str]
# What a result has: values that are only tracked are none of it.
_OF_RESULTS = ("metric", "parameter")
# Up to so many keys a table is asked by its index, and else read whole.
_FEW = 10 * KEYS


def names(database: Database) -> list[str]:
    """Return every name that was ever tracked, sorted."""
    return distinct(database, "tracked_value", "name")


def is_metric(database: Database, name: str) -> bool:
    """Tell whether a metric has that name."""
    value = table(TrackedValue)
    query = value.select(value.name).where(value.name == name, value.role == "metric")
    return bool(values(database, query.limit(1)))


def metric_names(database: Database) -> list[str]:
    """Return the names of all metrics, sorted."""
    value = table(TrackedValue)
    query = value.select(value.name).where(value.role == "metric").distinct()
    return values(database, query.order_by(value.name))


def trials_with_metrics(database: Database) -> list[str]:
    """Return the ids of the trials that tracked a metric, the oldest first."""
    value = table(TrackedValue)
    own = table(Trial).select(table(Trial).id).where(is_own())
    query = value.select(value.trial_id).where(value.role == "metric", value.trial_id.in_(own))
    query = query.distinct()
    return values(database, query.order_by(value.trial_id))


def last_values(database: Database, name: str) -> dict[str, tuple[str, float | None]]:
    """Return the JSON text and number that a name had last, by trial."""
    value = table(TrackedValue)
    query = value.select(value.trial_id, value.value, value.number).where(value.name == name)
    rows = as_stored(database, query.order_by(value.trial_id, value.id))
    return {trial: (text, number) for trial, text, number in rows}


def values_of(database: Database, name: str) -> list[tuple[Any, ...]]:
    """Return trial id, notebook, start, position, role, value, number and status of a name.

    The latest trials come first, and what was tracked within one in order. The start and the value
    are text, as they are stored.
    """
    value, trial, run = table(TrackedValue), table(Trial), table(CellRun)
    query = (
        value.select(
            trial.id,
            trial.notebook,
            trial.started_at,
            run.position,
            value.role,
            value.value,
            value.number,
            trial.status,
        )
        .join(trial, on=(trial.id == value.trial_id))
        .switch(value)
        .join(run, on=(run.id == value.cell_run_id))
        .where(value.name == name, is_own())
    )
    return as_stored(database, latest(query).order_by_extend(value.id))


def numbers(database: Database, name: str) -> list[tuple[str, float | None]]:
    """Return trial id and number of each value of a name, in order."""
    value = table(TrackedValue)
    query = value.select(value.trial_id, value.number).where(value.name == name)
    return as_stored(database, query.order_by(value.trial_id, value.id))


def steps(database: Database, name: str) -> list[tuple[str, str, float, float]]:
    """Return trial id, series, step and number of each value of a name that has a step."""
    value = table(TrackedValue)
    query = value.select(value.trial_id, value.series, value.step, value.number).where(
        value.name == name, value.series.is_null(False), value.number.is_null(False)
    )
    return as_stored(database, query.order_by(value.id))


def metrics(
    database: Database, trials: Collection[str] | None = None
) -> list[tuple[str, str, str, str, str, float | None]]:
    """Return id, trial id, cell run id, name, JSON text and number of trials' metrics, or all.

    They come by trial in the order in which they were tracked; of a series only the last.
    """
    value = table(TrackedValue)
    query = value.select(
        value.id,
        value.trial_id,
        value.cell_run_id,
        value.name,
        value.value,
        value.number,
        value.series,
    ).where(value.role == "metric")
    if trials is None:
        query = query.join(table(Trial), on=(table(Trial).id == value.trial_id)).where(is_own())
    rows = [
        row
        for part in _parts(query.order_by(value.id), value.trial_id, trials)
        for row in as_stored(database, part)
    ]
    if trials is not None:
        rows = [row for row in rows if row[1] in trials]
    if any(row[6] for row in rows):
        # The last of a series takes its place.
        rows = [*{row[6] or row[0]: row for row in rows}.values()]
    rows.sort(key=itemgetter(1))
    return [row[:6] for row in rows]


def last_metrics(
    database: Database, trials: Collection[str]
) -> dict[str, dict[str, tuple[str, float | None]]]:
    """Return the JSON text and number that each metric had last, by trial and name."""
    value = table(TrackedValue)
    query = value.select(value.trial_id, value.name, value.value, value.number).where(
        value.role == "metric"
    )
    found: dict[str, dict[str, tuple[str, float | None]]] = {trial: {} for trial in trials}
    for part in _parts(query.order_by(value.id), value.trial_id, trials):
        for trial, name, text, number in as_stored(database, part):
            if trial in found:
                found[trial][name] = text, number
    return found


def trials_by(
    database: Database,
    name: str | None,
    bounds: Iterable[Bound] = (),
    *,
    having: Collection[str] = (),
    least: bool = False,
) -> list[tuple[str, float | None]]:
    """Return the trials that had values within each bound, with their greatest number of a name.

    Those with the greatest come first, or with `least` the least, and of the same the latest;
    without a name the latest. One of the names in `having` was tracked, if there are any.
    """
    value, trial = table(TrackedValue), table(Trial)
    if name is None:
        query = trial.select(trial.id, SQL("NULL")).where(is_own())
        key, order = trial.id, [trial.id.desc()]
    else:
        key, best = value.trial_id, (fn.MIN if least else fn.MAX)(value.number)
        query = value.select(key, best).join(trial, on=(trial.id == key)).where(is_own())
        query = query.where(value.name == name, value.role.in_(_OF_RESULTS))
        query = query.where(value.number.is_null(False)).group_by(key)
        order = [best.asc() if least else best.desc(), key.desc()]
    if having:
        other = value.alias()
        names_of = other.select(other.trial_id).where(other.name.in_(list(having)))
        query = query.where(key.in_(names_of))
    for of, compare, bound in bounds:
        other = value.alias()
        of_text = isinstance(bound, str)
        within = compare(other.value if of_text else other.number, bound)
        if not of_text:
            # A whole number may be too long to be one of SQLite's.
            within |= other.number.is_null()
        query = query.where(key.in_(other.select(other.trial_id).where(other.name == of, within)))
    return as_stored(database, query.order_by(*order))


def metrics_parameters(database: Database, trials: Collection[str] | None = None) -> dict[str, str]:
    """Return the ids of the parameters that trials' metrics came from, with commas between."""
    value, link = table(TrackedValue), table(ResultParameter)
    join = fn.GROUP_CONCAT if isinstance(database, SqliteDatabase) else fn.STRING_AGG
    query = link.select(link.metric_id, join(link.parameter_id, ",")).group_by(link.metric_id)
    if trials is not None and len(trials) <= _FEW:
        query = query.join(value, on=(value.id == link.metric_id))
    parts = _parts(query, value.trial_id, trials)
    return {key: ids for part in parts for key, ids in as_stored(database, part)}


def pairs(
    database: Database, metric: str, parameter: str
) -> list[tuple[str, str, str, float, str, float | None]] | None:
    """Return id, trial id, cell run id and number of a metric, and a parameter's text and number.

    There is one for each value that the metric came from, by trial in the order of their tracking;
    None where one came from no value of the parameter.
    """
    value, link, given = table(TrackedValue), table(ResultParameter), table(TrackedValue).alias()
    named = value.select().join(table(Trial), on=(table(Trial).id == value.trial_id))
    named = named.where(value.name == metric, value.role == "metric", is_own())
    columns = value.id, value.trial_id, value.cell_run_id, value.number, given.value, given.number
    joined = (
        named.select(*columns)
        .switch(value)
        .join(link, on=(link.metric_id == value.id))
        .join(given, on=(given.id == link.parameter_id))
        .where(given.name == parameter)
    )
    rows = as_stored(database, joined.order_by(value.trial_id, value.id))
    expected = sum(as_stored(database, named.select(*_counted(value)))[0])
    return rows if len({row[0] for row in rows}) == expected else None


def _counted(value: Any) -> tuple[Any, Any]:
    """Return what counts values: those of no series, and of each series the last."""
    apart = fn.COUNT(Case(None, [(value.series.is_null(), 1)]))
    return apart, fn.COUNT(value.series.distinct())


def each_of_one(database: Database, parameter: str) -> list[tuple[str, float | None]] | None:
    """Return the JSON texts and numbers of a parameter if each metric came from one; else None."""
    value, link = table(TrackedValue), table(ResultParameter)
    metrics = value.select(*_counted(value)).where(value.role == "metric")
    given = value.select().where(value.name == parameter, value.role == "parameter")
    links = given.select(fn.COUNT(link.metric_id), fn.COUNT(link.metric_id.distinct()))
    links = links.join(link, on=(link.parameter_id == value.id))
    ((alone, series),), (came,) = as_stored(database, metrics), as_stored(database, links)
    if came != (alone + series, alone + series) or is_metric(database, parameter):
        return None
    return as_stored(database, given.select(value.value, value.number).distinct())


def series_parameters(database: Database, series: Collection[str]) -> dict[str, str]:
    """Return the ids of the parameters that series came from, with commas between, by series."""
    value, link = table(TrackedValue), table(ResultParameter)
    query = (
        value.select(value.series, link.parameter_id)
        .join(link, on=(link.metric_id == value.id))
        .where(value.series.in_(list(series)))
    )
    found: dict[str, list[str]] = {}
    for each, parameter in as_stored(database, query):
        found.setdefault(each, []).append(parameter)
    return {each: ",".join(sorted(ids)) for each, ids in found.items()}


def parameters(
    database: Database, ids: Collection[str] | None = None, names: Collection[str] | None = None
) -> dict[str, tuple[str, str, float | None]]:
    """Return name, JSON text and number of parameters by their ids: of these ids, these names."""
    value = table(TrackedValue)
    query = value.select(value.id, value.name, value.value, value.number)
    if names is not None:
        query = query.where(value.name.in_(list(names)))
    if ids is None or len(ids) > _FEW:
        query = query.where(value.role == "parameter")
    return {
        key: (name, text, number)
        for part in _parts(query, value.id, ids)
        for key, name, text, number in as_stored(database, part)
    }


def _parts(query: Any, column: Any, keys: Collection[str] | None) -> list[Any]:
    """Return queries for the rows that have these keys; one for all where there are many keys."""
    if keys is None or len(keys) > _FEW:
        return [query]
    wanted = sorted(keys)
    return [query.where(column.in_(wanted[at : at + KEYS])) for at in range(0, len(wanted), KEYS)]
