"""Which trials there are, and what one ran: the answers to `list` and `show`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import Database

from provenance_kernel.records import TrackedValue, Trial
from provenance_kernel.store import details, reader
from provenance_kernel.trials import answer, query
from provenance_kernel.trials.filters import Filters, matching
from provenance_kernel.trials.query import CellRunSummary, TrialSummary


@dataclass(frozen=True)
class TrialList(answer.Answer):
    """Trials, the latest first; `total` counts those that there are of that kind."""

    trials: tuple[TrialSummary, ...]
    total: int

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each trial, as JSON and CSV have it."""
        return [
            {**answer.plain(each.trial), "prefix": each.prefix, "cell_runs": each.cell_runs}
            for each in self.trials
        ]

    def to_frame(self) -> Any:
        """Return the trials as a pandas DataFrame."""
        return answer.to_frame(self.rows())


@dataclass(frozen=True)
class TrialDetail(answer.Answer):
    """A trial, its cell runs in order, and what it tracked."""

    trial: Trial
    runs: tuple[CellRunSummary, ...]
    values: tuple[TrackedValue, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each cell run, as JSON and CSV have it."""
        return [
            {**answer.plain(each.run), "stages": list(each.stages), "source": each.source}
            for each in self.runs
        ]

    def to_frame(self) -> Any:
        """Return the cell runs as a pandas DataFrame."""
        return answer.to_frame(self.rows())


def list_trials(
    database: Database, limit: int | None = None, filters: Filters | None = None
) -> TrialList:
    """Return the trials that pass the filters, the latest first.

    Raises `SettingError` for a filter that cannot be understood.
    """
    ids = matching(database, filters or Filters())
    if ids is None:
        return TrialList(tuple(query.list_trials(database, limit)), query.count_trials(database))
    found = details.trials_by_id(database, ids[:limit])
    counts = reader.cell_run_counts(database, [trial.id for trial in found])
    prefixes = query.prefixes(database, [trial.id for trial in found])
    summaries = [TrialSummary(trial, counts[trial.id], prefixes[trial.id]) for trial in found]
    return TrialList(tuple(summaries), len(ids))


def show_trial(database: Database, trial: Trial) -> TrialDetail:
    """Return a trial with its cell runs and tracked values."""
    return TrialDetail(
        trial,
        tuple(query.list_cell_runs(database, trial)),
        tuple(details.tracked_values(database, trial.id)),
    )
