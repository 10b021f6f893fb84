"""Verifying a notebook that was never recorded: against itself, and the outputs saved in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from provenance_kernel.errors import NotebookError
from provenance_kernel.trials.compare.sides import Pair
from provenance_kernel.trials.history import Run
from provenance_kernel.verify.causes import Case, Key, Runs, Why
from provenance_kernel.verify.differences import END, OUTPUT, Item, compare, roots
from provenance_kernel.verify.orders import likely_orders
from provenance_kernel.verify.reruns import plan
from provenance_kernel.verify.reruns.plan import Step
from provenance_kernel.verify.reruns.rerun import Rerun, Setup
from provenance_kernel.verify.saved import compare_outputs
from provenance_kernel.verify.work import Work, consequence, finding

if TYPE_CHECKING:
    from nbformat import NotebookNode

FIRST = Setup(replay=False)
OTHER = replace(FIRST, hash_seed="1", entropy=2, turn=1)


@dataclass(frozen=True, slots=True)
class Order:
    """An order of cells that gave what the file's own did not."""

    told: str
    steps: Sequence[Step]


def verify_file(work: Work, document: NotebookNode, path: Path) -> Order | None:
    """Run a notebook top to bottom twice; where that fails or differs, in likely orders.

    Return the order that gave the saved outputs, if it is not the file's.
    """
    steps = plan.of_notebook(document)
    if not steps:
        raise NotebookError(f"{path}: it has no code")
    runs = Runs(
        lambda setup: work.run(steps, setup, "top to bottom"),
        work.options.runs,
        work.options.tolerance(),
    )
    first = runs.get(FIRST, needed=True)
    if first is None:
        return None
    if first.failed is not None:
        order = _another(work, document, steps, first)
        if order is None:
            _could_not(work, first)
        return order
    # Two runs in which all is another that may be.
    second = runs.get(OTHER, needed=True)
    if second is None:
        return None
    again = list(second.history.runs)
    pairs = [(run, again[at] if at < len(again) else None)
             for at, run in enumerate(first.history.runs)]  # fmt: skip
    of, kept = ("first run", "second run"), (first.content, second.content)
    work.pairs = {one.id: Pair(of, (one, other), kept) for one, other in pairs}
    work.items = compare(pairs, work.options.tolerance())
    unstable = _explain(work, steps, runs, first)
    return _saved(work, document, steps, first, unstable)


def _explain(work: Work, steps: Sequence[Step], runs: Runs, first: Rerun) -> set[int]:
    """Find why the two runs differ; return the numbers of the steps in which they do."""
    place = {run.id: at for at, run in enumerate(first.history.runs)}
    leading = roots(work.items)
    told = {}
    for item in work.items:
        if item.differs and item.decides:
            source = leading[item.key] or item
            told[source.key] = source
            told[item.key] = item
    wanted: dict[Key, Item] = {
        (place[item.run.id], item.name, item.kind): item
        for item in told.values()
        if leading[item.key] is None
    }
    based = [replace(step, base=run) for step, run in zip(steps, first.history.runs, strict=False)]
    case = Case(based, FIRST, runs, work.options.tolerance(), None)
    why = case.explain(wanted) if wanted else {}
    for item in told.values():
        led_by = leading[item.key]
        if led_by is None:
            key = (place[item.run.id], item.name, item.kind)
            work.found.append(finding(item, why[key]))
        else:
            work.found.append(consequence(item, led_by))
    return {place[item.run.id] for item in work.items if item.differs}


def _saved(
    work: Work,
    document: NotebookNode,
    steps: Sequence[Step],
    first: Rerun,
    unstable: set[int],
) -> Order | None:
    """Compare with the saved outputs; where they differ, look for an order that gave them."""
    differing = _unlike(work, steps, first)
    differing = {at: told for at, told in differing.items() if at not in unstable}
    work.equal |= any(told[0] == "equal" for told in differing.values())
    differing = {at: told for at, told in differing.items() if told[0] == "different"}
    if not differing:
        return None
    work.differs = True
    order = _another(work, document, steps, first, differing)
    if order is not None:
        return order
    carried: set[str] = {run.id for at, run in enumerate(first.history.runs) if at in unstable}
    for at, (_, detail) in differing.items():
        run = first.history.runs[at]
        item = Item(run, OUTPUT, "output", "different", f"saved {detail}", True)
        kept = first.content, first.content
        work.pairs[run.id] = Pair(("saved", "run again"), (None, run), kept, steps[at].outputs)
        above = [each for each in run.dependencies if each.source_cell_run_id in carried]
        if above:
            text = f"{item.detail}; follows from {above[0].variable}"
            work.found.append(
                replace(finding(item, _OLDER), cause=None, evidence=None, detail=text)
            )
        else:
            work.found.append(finding(item, _OLDER))
    return None


# No record says on what the saved outputs were made.
_OLDER = Why(
    "environment", "suspected", "it reproduces itself, but not the output saved in the file"
)


def _unlike(work: Work, steps: Sequence[Step], made: Rerun) -> dict[int, tuple[str, str]]:
    """Return, by the steps' numbers in a run, how what was shown is not what was saved."""
    found = {}
    ran = zip(steps, made.executed, made.history.runs, strict=False)
    for at, (step, executed, run) in enumerate(ran):
        # What a question is answered is the record's.
        if step.outputs is not None and run.kind != "question":
            verdict, detail = compare_outputs(
                step.outputs, executed.outputs, work.options.tolerance()
            )
            if verdict != "identical":
                found[at] = (str(verdict), detail)
    return found


def _another(
    work: Work,
    document: NotebookNode,
    steps: Sequence[Step],
    first: Rerun,
    differing: dict[int, tuple[str, str]] | None = None,
) -> Order | None:
    """Look for an order in which all runs and shows what was saved, and make it a finding."""
    counts = {cell.get("id", at): cell.get("execution_count")
              for at, cell in enumerate(document.cells)}  # fmt: skip
    counted = [counts.get(step.cell_id) for step in steps]
    for told, order in likely_orders(steps, counted):
        made = work.run(order, FIRST, f"in {told}")
        unlike = _unlike(work, order, made)
        wrong = [at for at, (verdict, _) in unlike.items() if verdict == "different"]
        if made.failed is not None or len(wrong) >= len(differing or steps):
            continue
        work.differs = True
        positions = ", ".join(str(step.position) for step in order)
        text = f"{told} ({positions}) gives what is saved; the file's own does not"
        at = first.failed if first.failed is not None else min(differing or {0: ("", "")})
        run: Run = first.history.runs[at]
        name = END if first.failed is not None else OUTPUT
        work.found.append(
            replace(
                finding(
                    Item(run, name, "end", "different", _error(first), True),
                    Why("hidden_state", "shown", text),
                ),
                cell=steps[at].position,
            )
        )
        return Order(told, order)
    return None


def _error(made: Rerun) -> str:
    if made.failed is None:
        return ""
    executed = made.executed[made.failed]
    return f"top to bottom it fails with {executed.error_name}: {executed.error_value}"[:200]


def _could_not(work: Work, first: Rerun) -> None:
    at = first.failed or 0
    run = first.history.runs[at]
    item = Item(run, END, "end", "different", _error(first), True)
    case = Case(first.steps, FIRST, Runs(lambda _: first, 0, work.options.tolerance()),
                work.options.tolerance(), None)  # fmt: skip
    why = case.evident((at, END, "end"), item, first)
    work.failed = True
    if why is None and first.steps[at].outputs is not None:
        why = Why("environment", "suspected", "the file holds what it showed, so it ran once")
    work.found.append(finding(item, why or Why("unknown", "suspected", "")))
