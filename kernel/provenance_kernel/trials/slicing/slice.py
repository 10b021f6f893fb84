"""The statements of a trial that suffice to compute a value again.

Backward through the trial's statements in the order in which they ran: those that bound or may
have changed what is needed, and what those needed in turn. A run of which a statement may have
done what was not seen is included as a whole, and `reasons` says why.
"""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peewee import Database

from provenance_kernel.dataflow.statements.harmless import PICTURES
from provenance_kernel.dataflow.statements.keys import root_of_key
from provenance_kernel.errors import SettingError
from provenance_kernel.records import Trial, Variable
from provenance_kernel.trials.answer import Answer
from provenance_kernel.trials.history import OUTSIDE, History, bounded, left_out, read_history
from provenance_kernel.trials.query.naming import find_trial
from provenance_kernel.trials.slicing.steps import Step, Steps, meeting, read_steps
from provenance_kernel.trials.source import code_lines

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
    `closes_figures`: the shell closed what the run had drawn.
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
    closes_figures: bool = False


@dataclass(frozen=True)
class Slice(Answer):
    """The code that suffices to compute a value of a trial again.

    `digest` is what the record has for the value, with its `exactness`. `lines` are the slice's
    lines of code, `trial_lines` those of all the trial's runs. `vouched` is False where the
    record does not let it be told that the slice computes the same, and `checked` says what came
    of running it, if it was run.
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
    checked: str | None = None

    def script(self) -> str:
        """Return the slice as a Python script."""
        from provenance_kernel.trials.slicing.script import script

        return script(self)

    def notebook_node(self) -> NotebookNode:
        """Return the slice as a notebook, a cell for each run, stages kept."""
        from provenance_kernel.trials.slicing.script import notebook

        return notebook(self)


def slice_of(database: Database, name: str, trial: str | Trial = "latest") -> Slice:
    """Return the slice of a variable, tracked value or metric of a trial.

    Raises `SettingError` for a name that the trial does not have, naming the closest.
    """
    found = trial if isinstance(trial, Trial) else find_trial(database, trial)
    found = bounded(database, found, name)
    history = read_history(database, found)
    variable, index = target(history, name)
    steps, included = sliced(history, variable, index)
    parts = parts_of(history, steps, included)
    run = history.runs[index]
    seen = _digest(history, variable, index)
    reasons = dict(steps.reasons)
    for step in included:
        if step.text.imports or not any(each.startswith("%random:") for each in step.changes):
            continue
        where = history.runs[step.run].position
        for note in history.runs[step.run].unseeded:
            reasons[f"run {where} may give another value each time: {note}"] = None
    if not any(each.digest for one in history.runs for each in one.variables):
        steps.unvouched = True
        reasons["no value was examined, so what was left out may have changed something"] = None
    if (why := left_out(found)) is not None:
        steps.unvouched = True
        reasons[why] = None
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


def _digest(history: History, name: str, index: int) -> Variable | None:
    for run in reversed(history.runs[: index + 1]):
        seen = run.value(name)
        if seen is not None:
            return seen
    return None


def sliced(history: History, name: str, index: int) -> tuple[Steps, list[Step]]:
    """Return the steps up to a run, and those of them that matter for a name, both in order."""
    steps = read_steps(history, index)
    by_run: defaultdict[int, list[Step]] = defaultdict(list)
    for step in steps.steps:
        by_run[step.run].append(step)
    needed = frozenset((name,))
    found: list[Step] = []
    if not any(name in step.writes for step in steps.steps):
        # A value that was handed over by a call: everything of its run may have made it.
        for step in reversed(by_run.pop(index, [])):
            found.append(step)
            needed = _without(needed, step.kills) | step.reads
    evidence = _Evidence(history)
    for run in range(index, -1, -1):
        if run in by_run:
            taken, needed = _through(by_run[run], run, needed, bool(found), evidence)
            found += taken
        for each in sorted(set(map(root_of_key, needed)) & history.runs[run].names("outside")):
            where = history.runs[run].position
            steps.reasons[f"{each} {OUTSIDE}, before run {where}; by what is not recorded"] = None
            steps.unvouched = True
    return steps, found[::-1]


def _through(
    steps: Sequence[Step], run: int, wanted: frozenset[str], begun: bool, evidence: _Evidence
) -> tuple[list[Step], frozenset[str]]:
    """Return the steps of a run that matter, last first, and what is needed before it.

    What later runs need of a value that is known to be the same after the run as before it is
    not changed by the run, unless a step that is included for another reason changes it.
    """
    spoiled = frozenset[str]()
    while True:
        late, here = wanted, frozenset[str]()
        taken: list[Step] = []
        for step in reversed(steps):
            if (
                meeting(step.writes, late | here)
                or meeting(step.changes, here)
                or (step.process and (begun or taken))
                or any(
                    name in spoiled or not evidence.unchanged(name, run)
                    for name in meeting(step.changes, late)
                )
            ):
                taken.append(step)
                late = _without(late, step.kills)
                here = _without(here, step.kills) | step.reads
        changed = meeting(frozenset[str]().union(*(step.changes for step in taken)), wanted)
        if changed <= spoiled:
            return taken, late | here
        spoiled |= changed


def _without(names: frozenset[str], gone: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in names if root_of_key(name) not in gone)


class _Evidence:
    """What the recorded digests say about which values a run left as they were."""

    def __init__(self, history: History) -> None:
        self._runs = history.runs

    def unchanged(self, name: str, index: int) -> bool:
        """Tell whether a value is known to be after a run what it was before.

        All that a statement may have changed was examined when its run ended.
        """
        name = root_of_key(name)
        if name in self._runs[index].names("write", "mutate", "delete"):
            return False
        seen = (run.value(name) for run in reversed(self._runs[: index + 1]))
        known = next((each for each in seen if each is not None), None)
        return (
            known is not None
            and known.exactness == "exact"
            and known.type != _CACHES
            and (known.nbytes is None or known.nbytes <= _EXAMINED)
        )


def parts_of(history: History, steps: Steps, included: Sequence[Step]) -> tuple[Part, ...]:
    """Return what is taken of each run, in order."""
    parts = []
    total = Counter(step.run for step in steps.steps)
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
                statements=tuple(step.text.code for step in mine),
                lines=sum(code_lines(step.text.code) for step in mine),
                whole=len(mine) == total[index],
                guarded=any(step.guarded for step in mine),
                awaits=any(step.text.awaits for step in mine),
                shell=any(step.text.shell for step in mine),
                closes_figures=any(
                    name.startswith(f"{PICTURES}:") for step in mine for name in step.changes
                ),
            )
        )
    return tuple(parts)
