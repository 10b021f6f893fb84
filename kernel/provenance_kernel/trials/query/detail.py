"""What one trial was: the answer to `show`, with what is another than in the trial before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from peewee import Database

from provenance_kernel.records import (
    TEXTS,
    CellRun,
    Event,
    FileAccess,
    Output,
    RandomState,
    TrackedValue,
    Trial,
    Verification,
)
from provenance_kernel.store import reader, reruns
from provenance_kernel.trials.answer import Answer, Tabular, plain
from provenance_kernel.trials.compare.differences import shows_another
from provenance_kernel.trials.history import bounded, left_out, of_trial
from provenance_kernel.trials.query.listing import CellRunSummary, list_cell_runs
from provenance_kernel.trials.query.naming import prefixes


@dataclass(frozen=True, slots=True)
class Draw:
    """The first use of a random generator: by which run, from what state, and if it was seeded."""

    position: int
    generator: str
    seeded: bool
    state: str


@dataclass(frozen=True, slots=True)
class Input:
    """A file that a run read and that no run before it wrote; no digest where none is known."""

    position: int
    path: str
    digest: str | None
    nbytes: int | None


@dataclass(frozen=True, slots=True)
class Since:
    """What is another than in the trial before, of the same notebook where that is known.

    `packages` have both versions, None where it was not imported; `outputs` are positions of runs
    whose code is the same and which showed something else.
    """

    trial: str
    prefix: str
    packages: dict[str, tuple[str | None, str | None]]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class TrialDetail(Tabular, Answer):
    """A trial, its cell runs in order, what it tracked, met and drew, and its last verification.

    `left_out` says which runs are not in it, if there are so many: a trial as it stood earlier has
    those before.
    """

    trial: Trial
    runs: tuple[CellRunSummary, ...]
    values: tuple[TrackedValue, ...]
    verification: Verification | None = None
    since: Since | None = None
    events: tuple[Event, ...] = ()
    draws: tuple[Draw, ...] = ()
    inputs: tuple[Input, ...] = ()
    left_out: str | None = None

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each cell run, as JSON and CSV have it."""
        return [
            {
                **plain(each.run),
                "stages": list(each.stages),
                "source": each.source,
                "outputs": plain(each.outputs),
            }
            for each in self.runs
        ]


def show_trial(database: Database, trial: Trial) -> TrialDetail:
    """Return a trial with its cell runs, tracked values, events, random numbers and inputs."""
    trial = bounded(database, trial)
    outputs: dict[str, list[Output]] = {}
    for each in of_trial(database, Output, trial):
        outputs.setdefault(each.cell_run_id, []).append(each)
    runs = tuple(
        replace(each, outputs=tuple(outputs.get(each.run.id, ())))
        for each in list_cell_runs(database, trial)
    )
    positions = {each.run.id: each.run.position for each in runs}
    events = tuple(each for each in of_trial(database, Event, trial) if each.kind != TEXTS)
    return TrialDetail(
        trial,
        runs,
        tuple(of_trial(database, TrackedValue, trial)),
        reruns.verifications(database, [trial.id]).get(trial.id),
        _since(database, trial, [each.run for each in runs]),
        events,
        _draws(database, trial, positions, events),
        _inputs(database, trial, positions),
        left_out(trial),
    )


def _since(database: Database, trial: Trial, runs: Sequence[CellRun]) -> Since | None:
    before = next(iter(reader.trials_before(database, trial, 1)), None)
    if before is None:
        return None
    ours, theirs = (
        reader.packages(database, each.environment_id)
        if trial.environment_id != before.environment_id
        else {}
        for each in (before, trial)
    )
    # What was not recorded is no difference.
    names = sorted({*ours, *theirs}) if ours and theirs else ()
    last = {each.code_hash: each for each in of_trial(database, CellRun, bounded(database, before))}
    shown = {each.code_hash: each for each in runs if each.code_hash in last}
    return Since(
        before.id,
        prefixes(database, [before.id])[before.id],
        {x: (ours.get(x), theirs.get(x)) for x in names if ours.get(x) != theirs.get(x)},
        tuple(x.position for code, x in shown.items() if shows_another(last[code], x)),
    )


def _draws(
    database: Database, trial: Trial, positions: dict[str, int], events: Sequence[Event]
) -> tuple[Draw, ...]:
    unseeded = {(x.cell_run_id, x.message.partition(":")[0]) for x in events}
    first: dict[str, Draw] = {}
    for each in of_trial(database, RandomState, trial, without={"state_before"}):
        run, name = each.cell_run_id, each.generator
        if run in positions and name not in first:
            seeded = (run, name) not in unseeded
            first[name] = Draw(positions[run], name, seeded, each.digest_before)
    return tuple(first.values())


def _inputs(database: Database, trial: Trial, positions: dict[str, int]) -> tuple[Input, ...]:
    met: dict[str, Input | None] = {}
    files = (x for x in of_trial(database, FileAccess, trial) if x.cell_run_id in positions)
    for each in sorted(files, key=lambda file: positions[file.cell_run_id]):
        if each.path not in met and (each.read or each.written):
            found = Input(positions[each.cell_run_id], each.path, each.met, each.nbytes)
            met[each.path] = found if each.read else None
    return tuple(each for each in met.values() if each is not None)
