"""The ways records come out of a database. Rows stay here; records leave."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from peewee import SQL, Database, fn

from provenance_kernel.records import (
    Activation,
    CellRun,
    Code,
    Environment,
    Event,
    Note,
    Package,
    StageTag,
    TrackedValue,
    Trial,
    Variable,
)
from provenance_kernel.store.border import as_stored, note, records
from provenance_kernel.store.models import table

T = TypeVar("T")
# The first and the last position of runs.
Span: TypeAlias = tuple[int, int]

# What one statement may ask for by key.
KEYS = 500
# Their index is on the trial; others are found by way of its cell runs.
_OF_TRIALS = (CellRun, StageTag, TrackedValue, Event)
# The kinds of trials that were run to tell of another.
_RERUNS = ("verify", "intervention")


def trials(database: Database, limit: int | None = None, offset: int = 0) -> list[Trial]:
    """Return trials, the latest first, but for those that were run to verify or vary others."""
    query = latest(select(Trial).where(is_own()))
    return records(database, Trial, query.limit(limit).offset(offset))


def count_trials(database: Database) -> int:
    """Return how many trials there are, but for those that were run to verify or vary others."""
    return int(table(Trial).select().where(is_own()).count(database))


def neighbours(database: Database, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the ids before and behind that of each of these trials; empty where there is none."""
    wanted = sorted(ids)
    trial, other = table(Trial), table(Trial).alias()
    if len(wanted) > KEYS:
        every = ["", *values(database, trial.select(trial.id).order_by(trial.id)), ""]
        found = dict(zip(every[1:-1], zip(every, every[2:], strict=False), strict=True))
        return {each: found[each] for each in wanted if each in found}
    query = trial.select(
        trial.id,
        other.select(fn.MAX(other.id)).where(other.id < trial.id),
        other.select(fn.MIN(other.id)).where(other.id > trial.id),
    ).where(trial.id.in_(wanted))
    return {key: (a or "", b or "") for key, a, b in as_stored(database, query)}


def trials_by_id(database: Database, ids: Iterable[str]) -> list[Trial]:
    """Return the trials that have these ids, in their order."""
    wanted = list(ids)
    found = _by_key(database, Trial, wanted)
    return [found[trial] for trial in wanted if trial in found]


def trials_by_prefix(database: Database, prefix: str, limit: int) -> list[Trial]:
    """Return trials whose id starts so, oldest first."""
    trial = table(Trial)
    query = select(Trial).where(trial.id >= prefix, trial.id < prefix + "g")
    return records(database, Trial, query.order_by(trial.id).limit(limit))


def trials_before(database: Database, one: Trial, limit: int) -> list[Trial]:
    """Return the trials before one, of the same notebook where it has one, the latest first."""
    trial, start = table(Trial), one.started_at
    query = latest(select(Trial)).where(
        (trial.started_at < start) | ((trial.started_at == start) & (trial.id < one.id)),
        is_own(),
    )
    if one.notebook is not None:
        query = query.where(trial.notebook == one.notebook)
    return records(database, Trial, query.limit(min(limit, 2**62)))


def last_session(database: Database, notebooks: Collection[str]) -> Trial | None:
    """Return the last trial in which a person ran the notebook that has these paths."""
    trial = table(Trial)
    query = latest(select(Trial)).where(
        trial.notebook.in_(list(notebooks)), trial.kind == "interactive"
    )
    return next(iter(records(database, Trial, query.limit(1))), None)


def last_position(database: Database, trial_id: str) -> int:
    """Return the position of a trial's last cell run, 0 where it has none."""
    run = table(CellRun)
    query = run.select(fn.MAX(run.position)).where(run.trial_id == trial_id)
    return max((each for (each,) in as_stored(database, query) if isinstance(each, int)), default=0)


def notebooks(database: Database) -> dict[str, str | None]:
    """Return the notebook by the id of each trial that `trials` has, the latest first."""
    trial = table(Trial)
    query = latest(trial.select(trial.id, trial.notebook).where(is_own()))
    return dict(as_stored(database, query))


def trials_since(database: Database, moment: datetime) -> set[str]:
    """Return the ids of the trials that started at a time or later."""
    trial = table(Trial)
    return set(values(database, trial.select(trial.id).where(trial.started_at >= moment)))


def trials_with_stage(database: Database, stage: str) -> set[str]:
    """Return the ids of the trials that have a cell of that stage."""
    tag = table(StageTag)
    return set(values(database, tag.select(tag.trial_id).where(tag.stage == stage).distinct()))


def cell_run_counts(database: Database, trial_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """Return how many cell runs of each status trials have."""
    run = table(CellRun)
    query = (
        run.select(run.trial_id, run.status, fn.COUNT(run.id))
        .where(run.trial_id.in_(list(trial_ids)), run.kind == "cell")
        .group_by(run.trial_id, run.status)
    )
    counts: dict[str, dict[str, int]] = {trial: {} for trial in trial_ids}
    for trial, status, count in as_stored(database, query):
        counts[trial][status] = count
    return counts


def of_trial(
    database: Database,
    record: type[T],
    trial_id: str,
    *,
    without: Collection[str] = (),
    runs: Span | None = None,
    questions: bool = False,
) -> list[T]:
    """Return all of a kind that a trial has, in the order in which it was made.

    Cell runs come by their position, of those in `runs`, and those that only asked if `questions`;
    what hangs on cell runs, likewise. The columns in `without` are not read; they are None.
    """
    row, run = table(record), table(CellRun)
    query = select(record, without)
    if record is CellRun:
        query = query.where(*_runs(trial_id, runs, questions))
    elif record not in _OF_TRIALS:
        query = query.where(row.cell_run_id.in_(_run_ids(trial_id, runs, questions)))
    else:
        query = query.where(row.trial_id == trial_id)
        if runs is not None:
            among = row.cell_run_id.in_(_run_ids(trial_id, runs, questions))
            query = query.where(among | row.cell_run_id.is_null())
        elif not questions:
            # The few that are left out are asked for, not the many that stay.
            asked = run.select(run.id).where(run.trial_id == trial_id, run.kind == "question")
            query = query.where(row.cell_run_id.not_in(asked) | row.cell_run_id.is_null())
    return records(database, record, query.order_by(row.position if record is CellRun else row.id))


def seconds(
    database: Database, trial_id: str, runs: Span | None = None
) -> list[tuple[float | None, list[str]]]:
    """Return the duration of each of a trial's cell runs, with the stages of the run."""
    run, tag = table(CellRun), table(StageTag)
    stages: dict[str, dict[str, None]] = {}
    tagged = tag.select(tag.cell_run_id, tag.stage).where(tag.trial_id == trial_id)
    for key, stage in as_stored(database, tagged.order_by(tag.id)):
        stages.setdefault(key, {})[stage] = None
    query = run.select(run.id, run.duration).where(*_runs(trial_id, runs, questions=False))
    found = as_stored(database, query.order_by(run.position))
    return [(duration, list(stages.get(key, ()))) for key, duration in found]


def own_calls(database: Database, trial_id: str, runs: Span | None = None) -> list[Activation]:
    """Return the calls that a trial's cells made at their own level, in the order they began."""
    call, root = table(Activation), table(Activation).alias()
    ids = _run_ids(trial_id, runs, questions=True)
    roots = root.select(root.id).where(root.cell_run_id.in_(ids), root.parent_id.is_null())
    query = select(Activation).where(call.cell_run_id.in_(ids), call.parent_id.in_(roots))
    return records(database, Activation, query.order_by(call.id))


def last_made(database: Database, trial_id: str, name: str, until: int) -> int | None:
    """Return the position of the last run of a trial that bound, changed or tracked a name."""
    run, variable, value = table(CellRun), table(Variable), table(TrackedValue)
    made = variable.select(variable.id).where(
        variable.cell_run_id == run.id,
        variable.name == name,
        variable.access.in_(("write", "mutate")),
    )
    tracked = value.select(value.id).where(
        value.trial_id == trial_id, value.cell_run_id == run.id, value.name == name
    )
    for each in (made, tracked):
        query = run.select(run.position).where(
            *_runs(trial_id, (1, until), questions=False), fn.EXISTS(each)
        )
        for (position,) in as_stored(database, query.order_by(run.position.desc()).limit(1)):
            return int(position)
    return None


def codes(database: Database, hashes: Iterable[str]) -> dict[str, Code]:
    """Return the codes that have these hashes, by hash."""
    return _by_key(database, Code, list(hashes))


def codes_of(database: Database, runs: Collection[CellRun]) -> dict[str, Code]:
    """Return the codes of cell runs, by hash; a note is made of runs whose code is not there."""
    found = codes(database, {run.code_hash for run in runs})
    for run in runs:
        if run.code_hash not in found:
            note(database, f"cell_run {run.id:.40}: code_hash: there is no such code")
    return found


def environment(database: Database, environment_id: str | None) -> Environment | None:
    """Return what a trial ran on, where that was recorded."""
    return _by_key(database, Environment, [environment_id]).get(environment_id or "")


def packages(database: Database, environment_id: str | None) -> dict[str, str]:
    """Return the versions of an environment's packages by name."""
    package = table(Package)
    query = package.select(package.name, package.version).where(
        package.environment_id == environment_id
    )
    return dict(as_stored(database, query.order_by(package.name)))


def events(database: Database, kind: str) -> list[Event]:
    """Return the events of a kind, of all trials."""
    event = table(Event)
    return records(database, Event, select(Event).where(event.kind == kind).order_by(event.id))


def stages(database: Database) -> list[str]:
    """Return every stage that was ever tagged, sorted."""
    return distinct(database, "stage_tag", "stage")


def notes(database: Database, trials: Iterable[str]) -> dict[str, Note]:
    """Return what is noted of these trials, by trial."""
    return _by_key(database, Note, list(trials))


def starred(database: Database) -> set[str]:
    """Return the ids of the trials that have a star."""
    note = table(Note)
    return set(values(database, note.select(note.trial_id).where(note.starred)))


def runs_by_id(database: Database, ids: Iterable[str]) -> dict[str, CellRun]:
    """Return the cell runs that have these ids, by id."""
    return _by_key(database, CellRun, list(dict.fromkeys(ids)))


def columns(
    database: Database, record: type, ids: Collection[str], *names: str
) -> dict[str, tuple[Any, ...]]:
    """Return these columns, as they are stored, of the records that have these ids, by id."""
    found: dict[str, tuple[Any, ...]] = {}
    row = table(record)
    query = row.select(row.id, *(getattr(row, name) for name in names))
    wanted = sorted(ids)
    for start in range(0, len(wanted), KEYS):
        part = query.where(row.id.in_(wanted[start : start + KEYS]))
        found |= {each[0]: each[1:] for each in as_stored(database, part)}
    return found


def by_id(database: Database, record: type[T], key: str) -> T | None:
    """Return the record of a kind that has an id, if there is one."""
    return _by_key(database, record, [key]).get(key)


def is_own() -> Any:
    """Return the condition that a trial was not run to verify or vary another."""
    return table(Trial).kind.not_in(_RERUNS)


def select(record: type, without: Collection[str] = ()) -> Any:
    """Return a query for a record's columns, in the order of its fields."""
    row = table(record)
    names = [each.name for each in fields(record)]
    return row.select(*(SQL("NULL") if name in without else getattr(row, name) for name in names))


def _by_key(database: Database, record: type[T], keys: list[Any]) -> dict[str, T]:
    key = table(record)._meta.primary_key
    found: dict[str, T] = {}
    for start in range(0, len(keys), KEYS):
        query = select(record).where(key.in_(keys[start : start + KEYS]))
        found |= {getattr(each, key.name): each for each in records(database, record, query)}
    return found


def values(database: Database, query: Any) -> list[str]:
    """Return what a query for one column finds."""
    return [value for (value,) in as_stored(database, query)]


def distinct(database: Database, name: str, column: str) -> list[str]:
    """Return the values of an indexed column: a step of the index for each, however many rows."""
    sql = (
        f"WITH RECURSIVE each(value) AS (SELECT min({column}) FROM {name} UNION ALL "
        f"SELECT (SELECT min({column}) FROM {name} WHERE {name}.{column} > each.value) "
        "FROM each WHERE each.value IS NOT NULL) SELECT value FROM each WHERE value IS NOT NULL"
    )
    return values(database, SQL(sql))


def latest(query: Any) -> Any:
    """Return a query for trials, the latest first."""
    trial = table(Trial)
    return query.order_by(trial.started_at.desc(), trial.id.desc())


def _runs(trial_id: str, span: Span | None, questions: bool) -> Iterator[Any]:
    """Give the conditions for a trial's runs."""
    run = table(CellRun)
    yield run.trial_id == trial_id
    if span is not None:
        yield run.position.between(*span)
    if not questions:
        yield run.kind == "cell"


def _run_ids(trial_id: str, span: Span | None, questions: bool) -> Any:
    run = table(CellRun)
    return run.select(run.id).where(*_runs(trial_id, span, questions))
