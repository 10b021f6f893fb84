"""What a re-run executes: steps, from a trial's record or from a notebook file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from provenance_kernel.fingerprint.source import ast_hash
from provenance_kernel.headless.notebook import INJECTED
from provenance_kernel.trials.history import Run

if TYPE_CHECKING:
    from nbformat import NotebookNode

# A cell that only asks the record changes nothing, and would be answered by the copy's own.
_QUESTION = re.compile(r"\s*%prov(?:enance)?\b[^\n]*\s*")
_UNSEEDED = re.compile(
    r"(python|numpy|torch): drew from a generator that was not seeded(?!.*import)"
)


@dataclass(frozen=True, slots=True)
class Step:
    """A cell to run: `position` numbers it for people, and `base` is the run that it repeats.

    `states` are what generators that nobody seeded are put into before it.
    """

    position: int
    source: str
    cell_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    base: Run | None = None
    states: tuple[tuple[str, str], ...] = ()
    outputs: tuple[Mapping[str, Any], ...] | None = None

    def request(self) -> dict[str, Any]:
        """Return the metadata of its request, as a frontend sends it."""
        return {**self.metadata, **({"cellId": self.cell_id} if self.cell_id else {})}


def of_trial(
    runs: Sequence[Run], states: Mapping[str, str], notebook: NotebookNode | None
) -> list[Step]:
    """Return the steps of a trial in its recorded order.

    `states` are those before each use of a generator, by the ids of their rows.
    """
    known = {} if notebook is None else {cell.get("id"): cell for cell in notebook.cells}
    steps = []
    for run in runs:
        if run.status in ("aborted", "running") or _QUESTION.fullmatch(run.source):
            continue
        cell = known.get(run.cell_id) if run.cell_id else None
        metadata = _metadata(run) if cell is None else dict(cell.metadata)
        steps.append(
            Step(
                position=run.position,
                source=run.source,
                cell_id=run.cell_id,
                metadata=metadata,
                base=run,
                states=replayed(run, states),
            )
        )
    return steps


def _metadata(run: Run) -> dict[str, Any]:
    labels = [tag.label for tag in run.tags if tag.origin == "metadata"]
    found: dict[str, Any] = {"provenance": {"stage": labels}} if labels else {}
    if run.cell_tags:
        found["tags"] = run.cell_tags
    return found


def replayed(run: Run, states: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the states of generators that nobody had seeded before a run drew from them.

    Those that a run made itself, without a seed, are among them.
    """
    unseeded = {match[1] for note in run.unseeded if (match := _UNSEEDED.match(note))}
    return tuple(
        (each.generator, states[each.id])
        for each in run.random_states
        if each.generator in (*unseeded, "made") and each.id in states
    )


def of_notebook(notebook: NotebookNode) -> list[Step]:
    """Return the code cells of a notebook, from top to bottom."""
    steps: list[Step] = []
    for cell in notebook.cells:
        if (
            cell.cell_type == "code"
            and cell.source.strip()
            and not _QUESTION.fullmatch(cell.source)
        ):
            steps.append(
                Step(
                    position=len(steps) + 1,
                    source=cell.source,
                    cell_id=cell.get("id"),
                    metadata=dict(cell.metadata),
                    outputs=tuple(cell.outputs) if cell.execution_count is not None else None,
                )
            )
    return steps


def in_file_order(
    notebook: NotebookNode, recorded: Sequence[Step], questions: Sequence[Run] = ()
) -> list[Step] | None:
    """Return the steps of a notebook as it stands, each with the last recorded run of its cell.

    The cells of `questions`, which only asked the record, are left out, as they are of the trial.
    None where that is what was recorded: each cell once, in the file's order.
    """
    by_id = {step.cell_id: step for step in recorded if step.cell_id}
    by_code = {ast_hash(step.source): step for step in recorded}
    asked = {run.ast_hash for run in questions}
    steps = []
    for step in of_notebook(notebook):
        if ast_hash(step.source) in asked - by_code.keys():
            continue
        last = by_id.get(step.cell_id) if step.cell_id else None
        last = last or by_code.get(ast_hash(step.source))
        steps.append(
            Step(
                position=step.position,
                source=step.source,
                cell_id=step.cell_id,
                metadata=step.metadata,
                base=last.base if last else None,
                states=last.states if last else (),
            )
        )
    _inject(steps, recorded)
    if [step.source for step in steps] == [step.source for step in recorded]:
        return None
    return steps


def _inject(steps: list[Step], recorded: Sequence[Step]) -> None:
    """Add the parameters that a headless run was given: no file holds them, and all follow them."""
    there = {step.base.id for step in steps if step.base is not None}
    before: Step | None = None
    for step in recorded:
        if INJECTED in step.metadata.get("tags", ()) and step.base and step.base.id not in there:
            ids = [each.base.id if each.base is not None else None for each in steps]
            last = before.base.id if before is not None and before.base is not None else None
            steps.insert(ids.index(last) + 1 if last in ids else 0, step)
        before = step


class Reason(NamedTuple):
    """A way in which a file is not what was run, and the position of the run concerned, if any."""

    run: int | None
    told: str


def why_orders_differ(recorded: Sequence[Step], file: Sequence[Step]) -> list[Reason]:
    """Return in which ways the cells of a file are not those that ran, in their order."""
    found: list[Reason] = []

    def note(run: int | None, told: str) -> None:
        found.append(Reason(run, told))

    again = {step.base.id: step for step in file if step.base is not None}
    last: dict[str, Step] = {step.cell_id or ast_hash(step.source): step for step in recorded}
    counted: dict[str, int] = {}
    for step in recorded:
        key = step.cell_id or ast_hash(step.source)
        counted[key] = counted.get(key, 0) + 1
    for key, step in last.items():
        if step.base is None or step.base.id not in again:
            note(step.position, f"run {step.position} is of a cell that is not in the file")
        elif ast_hash(again[step.base.id].source) != ast_hash(step.source):
            note(step.position, f"the cell of run {step.position} was edited since")
        if counted[key] > 1:
            note(step.position, f"the cell of run {step.position} ran {counted[key]} times")
    order = [step.base.position for step in file if step.base is not None]
    if order != sorted(order):
        told = f"in the file's order the last runs are {', '.join(map(str, order))}"
        for before, after in pairwise(order):
            if before > after:
                note(before, told)
                note(after, told)
    for step in file:
        if step.base is None:
            note(None, f"cell {step.position} of the file never ran")
    return found


def read_notebook(path: str | None) -> NotebookNode | None:
    """Return the notebook in a file; None where it cannot be read, as when it is gone."""
    from provenance_kernel.errors import NotebookError
    from provenance_kernel.headless import notebook

    if path is None or not path.endswith(".ipynb"):
        return None
    try:
        return notebook.read(Path(path))
    except NotebookError:
        return None
