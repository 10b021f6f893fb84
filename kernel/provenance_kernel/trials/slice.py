"""The statements of a trial that suffice to compute a value again.

Backward through the trial's statements in the order in which they ran: those that bound or may
have changed what is needed, and what those needed in turn. A statement is left out only where its
source and the record agree that it does not matter. What the record cannot vouch for is included
as a whole, and `reasons` says why.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peewee import Database

from provenance_kernel.errors import SettingError
from provenance_kernel.records import Trial
from provenance_kernel.trials.answer import Answer
from provenance_kernel.trials.history import History, Run, Seen, read_history
from provenance_kernel.trials.query import find_trial
from provenance_kernel.trials.source import code_lines
from provenance_kernel.trials.step_reader import read_steps
from provenance_kernel.trials.steps import Step, Steps

if TYPE_CHECKING:
    from nbformat import NotebookNode

# Above this size an exact digest may stand for a value that was only sampled again.
_EXAMINED = 32 * 1024 * 1024
# What these keep from call to call is in no digest.
_CACHES = "functools._lru_cache_wrapper"


@dataclass(frozen=True, slots=True)
class Part:
    """What a slice takes of one cell run: its statements' texts, in order.

    `whole`: all of the run. `guarded`: the run raised, and its exception is to be passed over.
    """

    position: int
    cell_run_id: str
    execution_count: int | None
    cell_id: str | None
    stages: tuple[str, ...]
    statements: tuple[str, ...]
    lines: int
    whole: bool
    guarded: bool = False
    awaits: bool = False
    shell: bool = False


@dataclass(frozen=True)
class Slice(Answer):
    """The code that suffices to compute a value of a trial again.

    `digest` is what the record has for the value, with its `exactness`. `lines` are the slice's
    lines of code, `trial_lines` those of all the trial's runs. `vouched` is False where the
    record does not let it be told that the slice computes the same.
    """

    trial: str
    notebook: str | None
    name: str
    position: int
    digest: str | None
    exactness: str | None
    repr: str | None
    parts: tuple[Part, ...]
    lines: int
    trial_lines: int
    vouched: bool
    reasons: tuple[str, ...] = field(default=())

    def script(self) -> str:
        """Return the slice as a Python script."""
        from provenance_kernel.trials.script import script

        return script(self)

    def notebook_node(self) -> NotebookNode:
        """Return the slice as a notebook, a cell for each run, stages kept."""
        from provenance_kernel.trials.script import notebook

        return notebook(self)


def slice_of(database: Database, name: str, trial: str | Trial = "latest") -> Slice:
    """Return the slice of a variable, tracked value or metric of a trial.

    Raises `SettingError` for a name that the trial does not have, naming the closest.
    """
    found = trial if isinstance(trial, Trial) else find_trial(database, trial)
    history = read_history(database, found)
    variable, index = target(history, name)
    steps = read_steps(history, index)
    included = _included(history, steps, variable, index)
    parts = _parts(history, steps, included)
    run = history.runs[index]
    seen = _digest(history, variable, index)
    reasons = dict(steps.reasons)
    for step in included:
        imports = isinstance(step.node, (ast.Import, ast.ImportFrom))
        if imports or not any(each.startswith("%random:") for each in step.touches):
            continue
        for kind, message in history.runs[step.run].events:
            if kind == "randomness":
                where = history.runs[step.run].position
                reasons[f"run {where} may give another value each time: {message}"] = None
    kept = {history.runs[step.run].position for step in included}
    return Slice(
        trial=found.id,
        notebook=found.notebook,
        name=name,
        position=run.position,
        digest=seen.digest if seen else None,
        exactness=seen.exactness if seen else None,
        repr=seen.repr if seen else None,
        parts=parts,
        lines=sum(part.lines for part in parts),
        trial_lines=sum(
            code_lines(each.source) for each in history.runs if each.status != "aborted"
        ),
        vouched=not steps.unvouched,
        reasons=tuple(each for each in reasons if _matters(each, kept)),
    )


def _matters(reason: str, kept: set[int]) -> bool:
    words = reason.split()
    return words[0] != "run" or not words[1].isdigit() or int(words[1]) in kept


def target(history: History, name: str) -> tuple[str, int]:
    """Return the variable that a name means and the index of the run after which it is meant.

    A variable is meant as it was at the end of the trial, or before it was deleted; a tracked
    value as it was after the run that tracked it.
    """
    for index in range(len(history.runs) - 1, -1, -1):
        run = history.runs[index]
        if name in run.names("write", "mutate"):
            return name, index
    for index in range(len(history.runs) - 1, -1, -1):
        run = history.runs[index]
        if any(value.name == name for value in run.values):
            root = name.partition(".")[0].partition("[")[0]
            if any(root in each.names("write") for each in history.runs[: index + 1]):
                return root, index
            return name, index
    known = {each for run in history.runs for each in run.names("write")}
    known |= {value.name for run in history.runs for value in run.values}
    near = difflib.get_close_matches(name, sorted(known), 3, 0.5)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    if not known:
        hint = "; the trial recorded no names"
    raise SettingError(f"{name}: trial {history.trial.id} has no such variable or value{hint}")


def _digest(history: History, name: str, index: int) -> Seen | None:
    for run in reversed(history.runs[: index + 1]):
        seen = run.value(name)
        if seen is not None:
            return seen
    return None


def _included(history: History, steps: Steps, name: str, index: int) -> list[Step]:
    """Return the steps that matter, in order."""
    by_run: dict[int, list[Step]] = {}
    for step in steps.steps:
        by_run.setdefault(step.run, []).append(step)
    evidence = _Evidence(history)
    needed = {name}
    found: list[Step] = []
    if not any(name in step.writes for step in steps.steps if step.run <= index):
        # A value that was handed over by a call: everything of its run may have made it.
        for step in reversed(by_run.get(index, [])):
            found.append(step)
            needed -= step.kills
            needed |= step.reads
        index -= 1
    for run in range(index, -1, -1):
        if run in by_run:
            taken, needed = _through(by_run[run], run, needed, bool(found), steps, evidence)
            found += taken
    return found[::-1]


def _through(
    run_steps: Sequence[Step],
    run: int,
    wanted: set[str],
    begun: bool,
    steps: Steps,
    evidence: _Evidence,
) -> tuple[list[Step], set[str]]:
    """Return the steps of a run that matter, last first, and what is needed before it.

    What later runs need of a value that is known to be the same after the run as before it is
    not changed by the run, unless a step that is included for another reason changes it.
    """
    spoiled: set[str] = set()
    while True:
        late, here = set(wanted), set[str]()
        taken: list[Step] = []
        for step in reversed(run_steps):
            groups_here = {steps.group(name) for name in here if name not in steps.fixed}
            groups_late = {steps.group(name) for name in late if name not in steps.fixed}
            hit = bool(step.writes & (late | here)) or (step.process and (begun or bool(taken)))
            for name in () if hit else step.touches:
                group = steps.group(name)
                if group in groups_here or (
                    group in groups_late and (group in spoiled or not evidence.unchanged(name, run))
                ):
                    hit = True
                    break
            if hit:
                taken.append(step)
                late -= step.kills
                here -= step.kills
                here |= step.reads
        groups = {steps.group(name) for name in wanted if name not in steps.fixed}
        changed = {steps.group(name) for step in taken for name in step.touches} & groups
        if changed <= spoiled:
            return taken, late | here
        spoiled |= changed


class _Evidence:
    """What the recorded digests say about which values a run left as they were."""

    def __init__(self, history: History) -> None:
        self._runs = history.runs
        self._known: dict[tuple[str, int], bool] = {}

    def unchanged(self, name: str, index: int) -> bool:
        """Tell whether a value is known to be after a run what it was before."""
        key = name, index
        if key not in self._known:
            self._known[key] = self._compare(name, self._runs[index], index)
        return self._known[key]

    def _compare(self, name: str, run: Run, index: int) -> bool:
        if name in run.names("write", "mutate", "delete"):
            return False
        now = run.value(name)
        if now is None or now.exactness != "exact" or not now.digest or now.type == _CACHES:
            return False
        if now.nbytes is not None and now.nbytes > _EXAMINED:
            return False
        for before in reversed(self._runs[:index]):
            seen = before.value(name)
            if seen is not None:
                same = (seen.digest, seen.exactness, seen.shape)
                return same == (now.digest, "exact", now.shape)
        return False


def _parts(history: History, steps: Steps, included: Sequence[Step]) -> tuple[Part, ...]:
    parts = []
    total = dict.fromkeys(range(len(history.runs)), 0)
    for step in steps.steps:
        total[step.run] += 1
    for index in dict.fromkeys(step.run for step in included):
        run = history.runs[index]
        mine = [step for step in included if step.run == index]
        parts.append(
            Part(
                position=run.position,
                cell_run_id=run.id,
                execution_count=run.execution_count,
                cell_id=run.cell_id,
                stages=run.stages,
                statements=tuple(step.text for step in mine),
                lines=sum(step.lines for step in mine),
                whole=len(mine) == total[index],
                guarded=any(step.guarded for step in mine),
                awaits=any(step.awaits for step in mine),
                shell=any(step.shell for step in mine),
            )
        )
    return tuple(parts)
