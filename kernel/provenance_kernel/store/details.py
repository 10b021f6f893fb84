"""All that is recorded of one trial, and of one name over all trials, as records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, cast

from peewee import Database

from provenance_kernel import records
from provenance_kernel.store import models
from provenance_kernel.store.models import MODELS, Row

T = TypeVar("T")


def variables(database: Database, trial_id: str) -> list[records.Variable]:
    """Return what a trial's runs wrote, mutated and deleted; not what they read."""
    model = models.Variable
    query = _of_trial(model, trial_id).where(model.access != "read")
    return _records(database, records.Variable, query)


def activations(database: Database, trial_id: str) -> list[records.Activation]:
    """Return the calls that a trial's cells made at their own level, in the order they began."""
    model = models.Activation
    root = model.alias()
    roots = root.select(root.id).where(
        root.cell_run_id.in_(_runs(trial_id)), root.parent_id.is_null()
    )
    query = _of_trial(model, trial_id).where(model.parent_id.in_(roots))
    return _records(database, records.Activation, query)


def dependencies(database: Database, trial_id: str) -> list[records.Dependency]:
    """Return which runs of a trial read what other runs left."""
    return _records(database, records.Dependency, _of_trial(models.Dependency, trial_id))


def file_accesses(database: Database, trial_id: str) -> list[records.FileAccess]:
    """Return the files that a trial's runs opened, in order."""
    return _records(database, records.FileAccess, _of_trial(models.FileAccess, trial_id))


def random_states(database: Database, trial_id: str) -> list[records.RandomState]:
    """Return the generators that a trial's runs used, without the states for replay."""
    model = models.RandomState
    columns = [field for field in model._meta.sorted_fields if field.name != "state_before"]
    query = model.select(*columns).where(model.cell_run_id.in_(_runs(trial_id)))
    rows = query.order_by(model.id).dicts().execute(database)
    return [records.RandomState(**row, state_before=None) for row in rows]


def events(database: Database, trial_id: str, kind: str) -> list[records.Event]:
    """Return a trial's events of a kind."""
    model = models.Event
    query = model.select().where(model.trial_id == trial_id, model.kind == kind)
    return _records(database, records.Event, query)


def tracked_values(database: Database, trial_id: str) -> list[records.TrackedValue]:
    """Return what a trial tracked, in order; a name may be there several times."""
    model = models.TrackedValue
    query = model.select().where(model.trial_id == trial_id)
    return _records(database, records.TrackedValue, query)


def tracked_names(database: Database) -> list[str]:
    """Return every name that was ever tracked, sorted."""
    # One step of the index for each name, however many rows it has.
    sql = (
        "WITH RECURSIVE name(name) AS (SELECT min(name) FROM tracked_value UNION ALL "
        "SELECT (SELECT min(name) FROM tracked_value WHERE tracked_value.name > name.name) "
        "FROM name WHERE name.name IS NOT NULL) SELECT name FROM name WHERE name IS NOT NULL"
    )
    return [name for (name,) in database.execute_sql(sql)]


def stages(database: Database) -> list[str]:
    """Return every stage that was ever tagged, sorted."""
    sql = (
        "WITH RECURSIVE each(stage) AS (SELECT min(stage) FROM stage_tag UNION ALL "
        "SELECT (SELECT min(stage) FROM stage_tag WHERE stage_tag.stage > each.stage) "
        "FROM each WHERE each.stage IS NOT NULL) SELECT stage FROM each WHERE stage IS NOT NULL"
    )
    return [stage for (stage,) in database.execute_sql(sql)]


def trials_with_stage(database: Database, stage: str) -> set[str]:
    """Return the ids of the trials that have a cell of that stage."""
    model = models.StageTag
    query = model.select(model.trial_id).where(model.stage == stage).distinct()
    return {trial for (trial,) in query.tuples().execute(database)}


def trial_places(database: Database) -> list[tuple[str, str | None, str]]:
    """Return id, notebook and time of start (as it is stored) of all trials, the latest first."""
    model = models.Trial
    query = model.select(model.id, model.notebook, model.started_at.cast("TEXT"))
    query = query.order_by(model.started_at.desc(), model.id.desc())
    return cast("list[tuple[str, str | None, str]]", list(query.tuples().execute(database)))


def trials_by_id(database: Database, ids: Sequence[str]) -> list[records.Trial]:
    """Return the trials that have these ids, in their order."""
    model = models.Trial
    found: dict[str, records.Trial] = {}
    for start in range(0, len(ids), 500):
        query = model.select().where(model.id.in_(list(ids[start : start + 500])))
        found |= {trial.id: trial for trial in _records(database, records.Trial, query)}
    return [found[trial] for trial in ids if trial in found]


def last_values(database: Database, name: str) -> dict[str, tuple[str, float | None]]:
    """Return the JSON text and number that a name had last, by trial."""
    model = models.TrackedValue
    query = model.select(model.trial_id, model.value.cast("TEXT"), model.number)
    query = query.where(model.name == name).order_by(model.trial_id, model.id)
    return {trial: (value, number) for trial, value, number in query.tuples().execute(database)}


def values_of(database: Database, name: str) -> list[tuple[Any, ...]]:
    """Return trial id, notebook, start, position, role, JSON text, number and status of a name.

    The latest trials come first, and what was tracked within one in order.
    """
    value, trial, run = models.TrackedValue, models.Trial, models.CellRun
    query = (
        value.select(
            trial.id,
            trial.notebook,
            trial.started_at,
            run.position,
            value.role,
            value.value.cast("TEXT"),
            value.number,
            trial.status,
        )
        .join(trial, on=(trial.id == value.trial_id))
        .switch(value)
        .join(run, on=(run.id == value.cell_run_id))
        .where(value.name == name)
        .order_by(trial.started_at.desc(), trial.id.desc(), value.id)
    )
    return list(query.tuples().execute(database))


def environment(database: Database, environment_id: str | None) -> records.Environment | None:
    """Return what a trial ran on, where that was recorded."""
    model = models.Environment
    query = model.select().where(model.id == environment_id)
    return next(iter(_records(database, records.Environment, query)), None)


def packages(database: Database, environment_id: str | None) -> dict[str, str]:
    """Return the versions of an environment's packages by name."""
    model = models.Package
    query = model.select(model.name, model.version).where(model.environment_id == environment_id)
    return dict(query.order_by(model.name).tuples().execute(database))


def _runs(trial_id: str) -> Any:
    run = models.CellRun
    return run.select(run.id).where(run.trial_id == trial_id)


def _of_trial(model: type[Row], trial_id: str) -> Any:
    return model.select().where(cast("Any", model).cell_run_id.in_(_runs(trial_id)))


def _records(database: Database, record: type[T], query: Any) -> list[T]:
    model: Any = MODELS[record]
    rows: Iterable[dict[str, Any]] = query.order_by(model.id).dicts().execute(database)
    return [record(**row) for row in rows]
