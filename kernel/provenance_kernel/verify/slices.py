"""Slices that were run: in a fresh kernel, on kept inputs, until they give the recorded digest.

Where a slice does not, statements are put back, the nearest before it first. What can go again is
taken away by halves (delta debugging: Zeller and Hildebrandt, Simplifying and isolating
failure-inducing input, 2002).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from peewee import Database

from provenance_kernel.records import RandomState, Trial, Variable
from provenance_kernel.store import reader
from provenance_kernel.store.database import file_of
from provenance_kernel.trials.history import History, Run, read_history
from provenance_kernel.trials.query.naming import find_trial, project_folder
from provenance_kernel.trials.slicing import script
from provenance_kernel.trials.slicing.slice import Slice, parts_of, slice_of, sliced, target
from provenance_kernel.trials.slicing.steps import Steps
from provenance_kernel.verify.inputs import kept_inputs
from provenance_kernel.verify.reruns import plan
from provenance_kernel.verify.reruns.folder import Scratch
from provenance_kernel.verify.reruns.rerun import Place, Rerun, Setup, beside, made_by, rerun

Chosen = frozenset[int]


def check(
    database: Database, name: str, trial: str | Trial = "latest", *, minimal: bool = False
) -> Slice:
    """Return a slice that was run and gave the recorded digest, or that says that it did not.

    With `minimal` no statement of it can go. Raises `SettingError` for a name that the trial does
    not have, `NotebookError` where no kernel starts.
    """
    found = trial if isinstance(trial, Trial) else find_trial(database, trial)
    made = slice_of(database, name, found)
    history = read_history(database, found)
    variable, index = target(history, name)
    steps, included = sliced(history, variable, index)
    states = {
        each.id: each.state_before
        for each in reader.of_trial(database, RandomState, found.id)
        if each.state_before is not None
    }
    project = project_folder(database) or Path.cwd()
    notebook = Path(found.notebook) if found.notebook else project / "notebook.ipynb"
    if project not in notebook.parents:
        project = notebook.parent
    # What the trial left of its own files would stand in for the statements that made them.
    place = Place(
        project,
        notebook,
        found.id,
        beside(project),
        made=made_by(history),
        record=file_of(database),
        asked_at=found.started_at,
    )
    chosen = frozenset(at for at, step in enumerate(steps.steps) if step in included)
    with Scratch() as scratch:
        trials = _Trials(history, steps, states, place, scratch, variable, name, index)
        return _checked(made, trials, chosen, minimal)


def _checked(made: Slice, trials: _Trials, chosen: Chosen, minimal: bool) -> Slice:
    if made.digest is None and not trials.tracked():
        return replace(made, checked="not checked: the record has no digest to compare with")
    reasons = list(made.reasons)
    first = chosen
    if not trials.same(chosen):
        chosen = _put_back(trials, chosen)
        if not trials.same(chosen):
            told = "checked in a fresh kernel: the value is another, even by all that ran"
            return replace(made, checked=told, vouched=False)
        for at in sorted(chosen - first):
            line = trials.steps.steps[at].text.code.splitlines()[0][:60]
            reasons.append(f"put back, as the value was another without: {line}")
    if minimal:
        chosen = minimised(chosen, trials.same)
    parts = parts_of(
        trials.history, trials.steps, [trials.steps.steps[at] for at in sorted(chosen)]
    )
    kernels = "1 run" if trials.runs == 1 else f"{trials.runs} runs"
    how = f"; no statement can go ({kernels})" if minimal else ""
    exact = "digest" if made.exactness == "exact" else "sampled digest"
    return replace(
        made,
        parts=parts,
        lines=sum(part.lines for part in parts),
        checked=f"checked: run in a fresh kernel it gives the same {exact}{how}",
        vouched=True,
        reasons=tuple(reasons),
    )


def _put_back(trials: _Trials, chosen: Chosen) -> Chosen:
    """Return the steps with as few as needed of the others, the last before the value first."""
    others = [at for at in range(len(trials.steps.steps) - 1, -1, -1) if at not in chosen]
    count = 1
    while count < len(others) and not trials.same(chosen | frozenset(others[:count])):
        count *= 2
    low, high = count // 2, min(count, len(others))
    while low + 1 < high:
        middle = (low + high) // 2
        if trials.same(chosen | frozenset(others[:middle])):
            high = middle
        else:
            low = middle
    needed = frozenset(others[:high])
    if not trials.same(chosen | needed):
        return chosen | needed
    # Of those between, only what makes the difference.
    return chosen | minimised(needed, lambda some: trials.same(chosen | some))


def minimised(whole: Chosen, same: Callable[[Chosen], bool]) -> Chosen:
    """Return a part of what is chosen that is still `same`, of which no element can go."""
    left = sorted(whole)
    pieces = 2
    while len(left) >= 1:
        size = max(1, -(-len(left) // pieces))
        for start in range(0, len(left), size):
            rest = left[:start] + left[start + size :]
            if same(frozenset(rest)):
                left = rest
                pieces = max(pieces - 1, 2)
                break
        else:
            if size == 1:
                break
            pieces = min(pieces * 2, len(left))
    return frozenset(left)


@dataclass
class _Trials:
    """Runs of subsets of a trial's steps, each made once."""

    history: History
    steps: Steps
    states: dict[str, str]
    place: Place
    scratch: Scratch
    variable: str
    name: str
    index: int
    runs: int = 0
    _known: dict[Chosen, bool] = field(default_factory=dict)

    def same(self, chosen: Chosen) -> bool:
        """Tell whether running these steps gives the recorded value."""
        if chosen not in self._known:
            self._known[chosen] = bool(chosen) and self._run(chosen)
        return self._known[chosen]

    def tracked(self) -> bool:
        """Tell whether the value is one that was tracked, and can be compared as such."""
        return any(each.name == self.name for each in self.history.runs[self.index].values)

    def _run(self, chosen: Chosen) -> bool:
        self.runs += 1
        parts = parts_of(self.history, self.steps, [self.steps.steps[at] for at in sorted(chosen)])
        by_id = self.history.by_id
        cells = [
            plan.Step(
                position=part.position,
                source=script.cell(part),
                states=plan.replayed(by_id[part.cell_run_id], self.states),
            )
            for part in parts
        ]
        made = rerun(
            cells,
            self.place,
            self.scratch,
            Setup(inputs=kept_inputs(self.history, self.place.content)),
        )
        return made.failed is None and self._gives(made)

    def _gives(self, made: Rerun) -> bool:
        recorded = _last(self.history.runs[: self.index + 1], self.variable)
        again = _last(made.history.runs, self.variable)
        if recorded is not None and recorded.digest is not None:
            return again is not None and (again.digest, again.shape) == (
                recorded.digest,
                recorded.shape,
            )
        then = self.history.runs[self.index].values
        now = [each for run in made.history.runs for each in run.values]
        values = [[one.value for one in each if one.name == self.name] for each in (then, now)]
        return bool(values[1]) and values[0][-1:] == values[1][-1:]


def _last(runs: Iterable[Run], name: str) -> Variable | None:
    found = [run.value(name) for run in runs]
    return next((each for each in reversed(found) if each is not None), None)
