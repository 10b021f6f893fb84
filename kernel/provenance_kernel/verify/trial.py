"""Verifying a trial: in its recorded order, then as its notebook stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peewee import Database

from provenance_kernel.errors import NotebookError
from provenance_kernel.records import RandomState, Trial
from provenance_kernel.store import reader
from provenance_kernel.store.database import file_of
from provenance_kernel.trials.compare.sides import Pair
from provenance_kernel.trials.history import History, Run, TrialAt, read_history
from provenance_kernel.trials.query.naming import project_folder
from provenance_kernel.verify.causes import Case, Key, Runs, Why
from provenance_kernel.verify.differences import END, Item, Kind, compare, roots
from provenance_kernel.verify.inputs import kept_inputs
from provenance_kernel.verify.report import Found, Report
from provenance_kernel.verify.reruns import environment, plan
from provenance_kernel.verify.reruns.folder import Scratch
from provenance_kernel.verify.reruns.plan import Step
from provenance_kernel.verify.reruns.rerun import Place, Rerun, Setup, beside, made_by
from provenance_kernel.verify.work import Options, Progress, Work, consequence, finding

if TYPE_CHECKING:
    from nbformat import NotebookNode


def verify_trial(
    database: Database, trial: Trial, options: Options, progress: Progress
) -> tuple[Report, list[object]]:
    """Run a trial again, and return what came of it, with the rows of the re-runs.

    Raises `NotebookError` where there is nothing to run, or no kernel starts.
    """
    whole = read_history(database, trial, calls=False, questions=True)
    questions = tuple(run for run in whole.runs if run.kind == "question")
    history = replace(whole, runs=tuple(run for run in whole.runs if run.kind != "question"))
    project = project_folder(database) or Path.cwd()
    if trial.notebook is not None and project not in Path(trial.notebook).parents:
        project = Path(trial.notebook).parent
    if not project.is_dir():
        raise NotebookError(f"{project}: the trial's folder is not there any more")
    notebook = Path(trial.notebook) if trial.notebook else project / "notebook.ipynb"
    document = plan.read_notebook(trial.notebook)
    states = {
        each.id: each.state_before
        for each in reader.of_trial(database, RandomState, trial.id)
        if each.state_before is not None
    }
    steps = plan.of_trial(history.runs, states, document)
    if not steps:
        raise NotebookError(f"trial {trial.id} ran no cell")
    place = Place(
        project,
        notebook,
        trial.id,
        beside(project),
        options.network,
        options.timeout,
        made_by(history),
        file_of(database),
        trial.started_at,
    )
    with Scratch() as scratch:
        work = Work(options, scratch, place, progress)
        try:
            _verify(work, history, steps, questions, document)
        except KeyboardInterrupt:
            work.interrupted()
        report = work.report(trial.id, trial.notebook, history.packages)
    return report, [each for made in work.reruns for each in made.records]


def _verify(
    work: Work,
    history: History,
    steps: Sequence[Step],
    questions: Sequence[Run],
    document: NotebookNode | None,
) -> None:
    setup = Setup(
        hash_seed=_hash_seed(history),
        packages=_packages(work, history),
        inputs=kept_inputs(history, work.place.content) if work.options.kept_inputs else (),
    )
    runs = Runs(
        lambda each: work.run(steps, each, "as recorded" if each == setup else "for causes"),
        work.options.runs,
        work.options.tolerance(),
    )
    first = runs.get(setup, needed=True)
    if first is None:
        return
    pairs = [
        (step.base, first.history.runs[at] if at < len(first.history.runs) else None)
        for at, step in enumerate(steps)
        if step.base is not None
    ]
    kept = work.place.content, first.content
    work.pairs = {
        one.id: Pair(("recorded", "run again"), (one, again), kept) for one, again in pairs
    }
    work.items = compare(pairs, work.options.tolerance())
    work.failed = first.failed is not None
    work.replayed = any(step.states for step in steps)
    case = Case(steps, setup, runs, work.options.tolerance(), history, work.place.content)
    _explain(work, case, steps)
    # The file is what the trial became, and not what it was at a moment before.
    whole = not isinstance(history.trial, TrialAt)
    if whole and not work.failed and not work.options.recorded_order:
        _as_it_stands(work, setup, first, steps, questions, document)
    if setup.packages and not work.failed:
        there = environment.others(history.packages)
        told = ", ".join(f"{name} {version}" for name, version in [*there.items()][:5])
        why = Why("environment", "shown", f"without {told} as recorded:")
        _with_other(work, runs, first, replace(setup, packages=""), why, "value")
    if work.replayed and not work.failed and not any(i.differs and i.decides for i in work.items):
        fresh = Setup(hash_seed=setup.hash_seed, entropy=2, replay=False, packages=setup.packages)
        why = Why("randomness", "shown", "with fresh random numbers")
        _with_other(work, runs, first, fresh, why, "metric")


def _packages(work: Work, history: History) -> str:
    """Return the folder with the recorded versions of packages, empty where those here do."""
    there = environment.others(history.packages)
    if not there:
        return ""
    if work.options.environment != "recorded":
        told = ", ".join(f"{name} {version}" for name, version in [*there.items()][:5])
        work.notes.append(
            f"it ran on versions that are not here ({told}): "
            "--environment recorded runs it on those"
        )
        return ""
    folder = work.scratch.path / "packages"
    environment.build(history.environment, there, folder)
    return str(folder)


def _hash_seed(history: History) -> str:
    details: Any = history.environment.details if history.environment is not None else {}
    seed = details.get("variables", {}).get("PYTHONHASHSEED", "0")
    return str(seed) if str(seed).isdigit() else "0"


def _explain(work: Work, case: Case, steps: Sequence[Step]) -> None:
    """Find the causes of what differs first on each path, and tell what follows from it."""
    leading = roots(work.items)
    by_key = {item.key: item for item in work.items}
    told: dict[tuple[Any, ...], Item] = {}
    for item in work.items:
        if item.differs and item.decides:
            source = leading[item.key] or item
            told[source.key] = source
            told[item.key] = item
    at = {step.base.id: number for number, step in enumerate(steps) if step.base is not None}
    wanted: dict[Key, Item] = {
        (at[item.run.id], item.name, item.kind): item
        for item in told.values()
        if leading[item.key] is None
    }
    why = case.explain(wanted) if wanted else {}
    for key in sorted(told, key=lambda each: (at[each[0]], list(by_key).index(each))):
        item = told[key]
        led_by = leading[item.key]
        if led_by is None:
            work.found.append(finding(item, why[at[item.run.id], item.name, item.kind]))
        else:
            work.found.append(consequence(item, led_by))


def _as_it_stands(
    work: Work,
    setup: Setup,
    first: Rerun,
    steps: Sequence[Step],
    questions: Sequence[Run],
    document: NotebookNode | None,
) -> None:
    """Run the notebook top to bottom: what differs from the recorded order is hidden state."""
    if document is None:
        work.notes.append("the notebook's file is not there: only the recorded order was run")
        return
    file = plan.in_file_order(document, steps, questions)
    if file is None:
        return
    why = plan.why_orders_differ(steps, file)
    told_why = "; ".join(dict.fromkeys(each.told for each in why[:6]))
    work.notes.append(f"the file is not what was run: {told_why}")
    second = work.run(file, setup, "top to bottom")
    reproduced = {step.base.id: first.history.runs[at]
                  for at, step in enumerate(steps) if step.base is not None}  # fmt: skip
    base_of = {run.id: step.base for step in steps if step.base is not None
               for run in (reproduced[step.base.id],)}  # fmt: skip
    pairs: list[tuple[Run, Run | None]] = []
    for at, step in enumerate(file):
        if step.base is not None and at < len(second.history.runs):
            pairs.append((reproduced[step.base.id], second.history.runs[at]))
    kept = {run.id for run, _ in pairs}
    items = compare(pairs, work.options.tolerance())
    # A metric of a cell that is in the file no more is missing; other such cells may go.
    gone: dict[str, Run] = {}
    for step in steps:
        if step.base is not None and reproduced[step.base.id].id not in kept:
            gone |= {value.name: reproduced[step.base.id] for value in step.base.values}
    elsewhere = {value.name for _, run in pairs if run is not None for value in run.values}
    items += [
        Item(run, name, "metric", "missing", "its cell is not in the file", True)
        for name, run in gone.items()
        if name not in elsewhere
    ]
    before = {item.key for item in work.items if item.differs}
    leading = roots(items)
    told: dict[tuple[Any, ...], Item] = {}
    for item in items:
        base = base_of[item.run.id]
        if item.differs and item.decides and base is not None:
            source = leading.get(item.key) or item
            for each in (source, item):
                origin = base_of[each.run.id]
                if origin is not None and (origin.id, each.name, each.kind) not in before:
                    told[each.key] = each
    above = _above(steps)
    known = {each.cell_run_id for each in work.found}
    for run, again in pairs:
        base = base_of[run.id]
        if base is not None and base.id not in known:
            of = "in the order of the record", "top to bottom"
            work.pairs[base.id] = Pair(of, (run, again), (first.content, second.content))
    for item in told.values():
        base = base_of[item.run.id]
        if base is None:
            continue
        at_base = replace(item, run=base)
        before_it = leading.get(item.key)
        if before_it is None or before_it.key not in told:
            text = f"top to bottom; {_reason(why, above[base.id])}"
            work.found.append(finding(at_base, Why("hidden_state", "shown", text)))
        else:
            origin = base_of[before_it.run.id] or before_it.run
            led = replace(before_it, run=origin)
            work.found.append(consequence(at_base, led))
        work.differs |= item.decides
    failed = second.failed
    if failed is not None:
        step = second.steps[failed]
        _failure(work, second, failed, _reason(why, above[step.base.id] if step.base else set()))


def _above(steps: Sequence[Step]) -> dict[str, set[int]]:
    """Return, by the ids of recorded runs, their positions and those of what they came from."""
    above: dict[str, set[int]] = {}
    for step in steps:
        if step.base is not None:
            found = {step.base.position}
            found.update(*(above.get(d.source_cell_run_id, ()) for d in step.base.dependencies))
            above[step.base.id] = found
    return above


def _reason(why: Sequence[plan.Reason], positions: set[int]) -> str:
    """Return in which way the file is not what was run, first of what concerns these runs."""
    near = (each for each in why if each.run in positions)
    found = next(near, why[0] if why else None)
    return found.told if found is not None else "the order of the cells"


def _failure(work: Work, second: Rerun, failed: int, detail: str) -> None:
    step, executed = second.steps[failed], second.executed[failed]
    stages = step.base.stages if step.base is not None else ()
    error = f"{executed.error_name}: {executed.error_value}"[:200]
    work.differs = True
    work.found.append(
        Found(
            cell=step.base.position if step.base is not None else step.position,
            stage=stages[0] if stages else None,
            name=END,
            verdict="different",
            cause="hidden_state",
            evidence="shown",
            detail=f"top to bottom it fails with {error}; {detail}",
            decides=True,
            cell_run_id=step.base.id if step.base is not None else None,
            code=step.source,
        )
    )


def _with_other(work: Work, runs: Runs, first: Rerun, changed: Setup, why: Why, kind: Kind) -> None:
    """Tell what would be another in a setup other than that of the verdict."""
    other = runs.get(changed)
    if other is None:
        return
    base_of = {
        run.id: step.base for run, step in zip(first.history.runs, first.steps, strict=False)
    }
    again = [*other.history.runs, *[None] * len(first.history.runs)]
    items = compare(list(zip(first.history.runs, again, strict=False)), work.options.tolerance())
    leading = roots(items)
    for item in items:
        base = base_of[item.run.id]
        root = kind == "metric" or leading.get(item.key) is None
        if item.differs and item.decides and root and item.kind in (kind, "end") and base:
            same = Item(base, item.name, item.kind, "identical", "", True)
            work.found.append(finding(same, why._replace(detail=f"{why.detail} {item.detail}")))
