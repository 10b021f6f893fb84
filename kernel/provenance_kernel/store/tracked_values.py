"""The ways tracked values come out of a database: metrics, parameters and what joins them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from peewee import Database, SqliteDatabase, fn

from provenance_kernel.records import CellRun, ResultParameter, TrackedValue, Trial
from provenance_kernel.store.border import as_stored
from provenance_kernel.store.models import table
from provenance_kernel.store.reader import KEYS, distinct, is_own, latest, values


def names(database: Database) -> list[str]:
    """Return every name that was ever tracked, sorted."""
    return distinct(database, "tracked_value", "name")


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

    They come in the order in which they were tracked; of a series only the last.
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
    if _few(trials):
        query = query.where(value.trial_id.in_(trials))
    # The last of a series takes its place.
    return [
        row[:6]
        for row in {
            row[6] or row[0]: row for row in as_stored(database, query.order_by(value.id))
        }.values()
        if trials is None or row[1] in trials
    ]


def last_metrics(
    database: Database, trials: Collection[str]
) -> dict[str, dict[str, tuple[str, float | None]]]:
    """Return the JSON text and number that each metric had last, by trial and name."""
    value = table(TrackedValue)
    query = value.select(value.trial_id, value.name, value.value, value.number).where(
        value.role == "metric"
    )
    if _few(trials):
        query = query.where(value.trial_id.in_(trials))
    found: dict[str, dict[str, tuple[str, float | None]]] = {trial: {} for trial in trials}
    for trial, name, text, number in as_stored(database, query.order_by(value.id)):
        if trial in found:
            found[trial][name] = text, number
    return found


def most(
    database: Database, metric: str, limit: int, *, least: bool = False
) -> list[tuple[str, float]]:
    """Return trial id and number of the greatest values of a metric, or the least, in order."""
    value, trial = table(TrackedValue), table(Trial)
    query = (
        value.select(value.trial_id, value.number)
        .join(trial, on=(trial.id == value.trial_id))
        .where(value.name == metric, value.role == "metric", value.number.is_null(False), is_own())
    )
    order = value.number.asc() if least else value.number.desc()
    return as_stored(database, query.order_by(order).limit(limit))


def metrics_parameters(database: Database, trials: Collection[str] | None = None) -> dict[str, str]:
    """Return the ids of the parameters that trials' metrics came from, with commas between."""
    value, link = table(TrackedValue), table(ResultParameter)
    join = fn.GROUP_CONCAT if isinstance(database, SqliteDatabase) else fn.STRING_AGG
    query = link.select(link.metric_id, join(link.parameter_id, ","))
    if _few(trials):
        query = query.where(
            link.metric_id.in_(value.select(value.id).where(value.trial_id.in_(trials)))
        )
    return dict(as_stored(database, query.group_by(link.metric_id)))


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
    if ids is None or len(ids) > 20 * KEYS:
        queries = [query.where(value.role == "parameter")]
    else:
        wanted = list(ids)
        parts = [wanted[at : at + KEYS] for at in range(0, len(wanted), KEYS)]
        queries = [query.where(value.id.in_(part)) for part in parts]
    return {
        key: (name, text, number)
        for each in queries
        for key, name, text, number in as_stored(database, each)
    }


def _few(trials: Collection[str] | None) -> bool:
    """Tell whether trials are so few that a query can name them."""
    return trials is not None and len(trials) <= KEYS
