"""All that a comparison needs of a trial, read with one query for each table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from peewee import Database

from provenance_kernel.records import (
    Activation,
    CellRun,
    Environment,
    FileAccess,
    RandomState,
    TrackedValue,
    Trial,
    Variable,
)
from provenance_kernel.store import details, reader
from provenance_kernel.trials.align import Run

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """A trial as it was recorded; what hangs on a cell run is found by the run's id."""

    trial: Trial
    runs: dict[str, CellRun]
    aligned: tuple[Run, ...]
    stages: dict[str, tuple[str, ...]]
    variables: dict[str, dict[str, Variable]]
    calls: dict[str, list[Activation]]
    sources: dict[str, dict[str, str]]
    files: dict[str, list[FileAccess]]
    generators: dict[str, dict[str, RandomState]]
    unseeded: dict[str, tuple[str, ...]]
    tracked: dict[str, TrackedValue]
    environment: Environment | None
    packages: dict[str, str]


def read(database: Database, trial: Trial) -> TrialRecord:
    """Read what was recorded of a trial."""
    runs = reader.cell_runs(database, trial.id)
    codes = reader.codes(database, sorted({run.code_hash for run in runs}))
    stages: dict[str, dict[str, None]] = defaultdict(dict)
    for tag in reader.stage_tags(database, trial.id):
        stages[tag.cell_run_id][tag.stage] = None
    variables: dict[str, dict[str, Variable]] = defaultdict(dict)
    for each in details.variables(database, trial.id):
        # A name that a run both wrote and mutated is what it was in the end.
        variables[each.cell_run_id][each.name] = each
    sources: dict[str, dict[str, str]] = defaultdict(dict)
    for link in details.dependencies(database, trial.id):
        sources[link.cell_run_id][link.variable] = link.source_cell_run_id
    unseeded: dict[str, dict[str, None]] = defaultdict(dict)
    for event in details.events(database, trial.id, "randomness"):
        if event.cell_run_id is not None:
            unseeded[event.cell_run_id][event.message] = None
    generators: dict[str, dict[str, RandomState]] = defaultdict(dict)
    for state in details.random_states(database, trial.id):
        generators[state.cell_run_id][state.generator] = state
    return TrialRecord(
        trial=trial,
        runs={run.id: run for run in runs},
        aligned=tuple(
            Run(
                run.id,
                run.position,
                run.cell_id,
                run.code_hash,
                codes[run.code_hash].ast_hash,
                codes[run.code_hash].source,
            )
            for run in runs
        ),
        stages={run: tuple(found) for run, found in stages.items()},
        variables=variables,
        calls=_by_run(details.activations(database, trial.id)),
        sources=sources,
        files=_by_run(details.file_accesses(database, trial.id)),
        generators=generators,
        unseeded={run: tuple(found) for run, found in unseeded.items()},
        tracked={each.name: each for each in details.tracked_values(database, trial.id)},
        environment=details.environment(database, trial.environment_id),
        packages=details.packages(database, trial.environment_id),
    )


def _by_run(rows: Iterable[T]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for row in rows:
        each: Any = row
        found[each.cell_run_id].append(row)
    return found
