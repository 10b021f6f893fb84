"""Which trials there are, the answer to `list`, and which cells one ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from peewee import Database

from provenance_kernel.records import CellRun, Note, Output, StageTag, Trial
from provenance_kernel.store import reader, reruns, tracked_values
from provenance_kernel.store.removal import sizes
from provenance_kernel.trials.answer import Answer, Tabular, plain
from provenance_kernel.trials.history import of_trial
from provenance_kernel.trials.query.condition import stored
from provenance_kernel.trials.query.filters import Filters, matching
from provenance_kernel.trials.query.naming import prefixes
from provenance_kernel.types import Json, Verdict


@dataclass(frozen=True, slots=True)
class TrialSummary:
    """A trial in a list: what it is, and how many of its cell runs had each status.

    `prefix` is the shortest that names it alone, `verdict` that of its last verification, and
    `metrics` are as they were tracked last; of the database it takes about `nbytes`, which is None
    where it was not measured.
    """

    trial: Trial
    cell_runs: dict[str, int]
    prefix: str
    verdict: Verdict | None = None
    metrics: Mapping[str, Json] = field(default_factory=dict)
    note: Note | None = None
    nbytes: int | None = None


@dataclass(frozen=True, slots=True)
class CellRunSummary:
    """A cell run in a list, with its stages and source, and what it showed."""

    run: CellRun
    stages: tuple[str, ...]
    source: str
    outputs: tuple[Output, ...] = ()


@dataclass(frozen=True)
class TrialList(Tabular, Answer):
    """Trials, the latest first; `total` counts those that there are of that kind."""

    trials: tuple[TrialSummary, ...]
    total: int

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each trial, as JSON and CSV have it."""
        return [
            {
                **plain(each.trial),
                "prefix": each.prefix,
                "cell_runs": each.cell_runs,
                "verdict": each.verdict,
                "metrics": plain(each.metrics),
                "note": plain(each.note),
                "nbytes": each.nbytes,
            }
            for each in self.trials
        ]


def list_trials(
    database: Database,
    limit: int | None = None,
    filters: Filters | None = None,
    *,
    measured: bool = True,
) -> TrialList:
    """Return the trials that pass the filters, the latest first, `measured` if wanted.

    Raises `SettingError` for a filter that cannot be understood.
    """
    ids = matching(database, filters or Filters())
    if ids is None:
        found, total = reader.trials(database, limit), reader.count_trials(database)
    else:
        found, total = reader.trials_by_id(database, ids[:limit]), len(ids)
    listed = [trial.id for trial in found]
    counts, named = reader.cell_run_counts(database, listed), prefixes(database, listed)
    verified = reruns.verifications(database, listed)
    notes, nbytes = reader.notes(database, listed), sizes(database, listed) if measured else {}
    metrics = {
        trial: {name: stored(*value) for name, value in last.items()}
        for trial, last in tracked_values.last_metrics(database, listed).items()
    }
    summaries = (
        TrialSummary(
            trial,
            counts[trial.id],
            named[trial.id],
            verified[trial.id].verdict if trial.id in verified else None,
            metrics[trial.id],
            notes.get(trial.id),
            nbytes.get(trial.id),
        )
        for trial in found
    )
    return TrialList(tuple(summaries), total)


def list_cell_runs(database: Database, trial: Trial) -> list[CellRunSummary]:
    """Return a trial's cell runs in order, with their stages and sources."""
    runs = of_trial(database, CellRun, trial)
    stages: dict[str, dict[str, None]] = {}
    for tag in of_trial(database, StageTag, trial):
        stages.setdefault(tag.cell_run_id, {})[tag.stage] = None
    codes = reader.codes_of(database, runs)
    return [
        CellRunSummary(run, tuple(stages.get(run.id, ())), codes[run.code_hash].source)
        for run in runs
        if run.code_hash in codes
    ]
