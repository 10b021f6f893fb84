"""A trial's runs as one sequence of steps: its statements in order, or whole runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise

from provenance_kernel.dataflow.namespace import is_history
from provenance_kernel.dataflow.statements.did import COMMANDS
from provenance_kernel.dataflow.statements.keys import KEY, root_of_key
from provenance_kernel.errors import SettingError
from provenance_kernel.records import Statement
from provenance_kernel.trials.history import History, Run
from provenance_kernel.trials.slicing.text import Text, texts_of
from provenance_kernel.trials.source import code_lines

_ENDS = timedelta(milliseconds=1)
_LATEST = ("_", "__", "___")
_ALL = ("Out", "_oh")
_SYNTAX = frozenset({"SyntaxError", "IndentationError", "TabError"})


@dataclass(slots=True)
class Step:
    """A statement, or a whole run, at its place in the trial; `run` is the run's index.

    `rows` are the statements that it stands for; names are as those have them. `kills` are names
    that it binds or unbinds for certain.
    """

    run: int
    text: Text
    rows: tuple[Statement, ...] = ()
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    kills: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    guarded: bool = False

    @property
    def process(self) -> bool:
        """Whether it changes what all that follows runs in."""
        return "%process" in self.changes


@dataclass(slots=True)
class Steps:
    """All steps up to a run; `unvouched` if what they do together cannot be vouched for."""

    steps: list[Step] = field(default_factory=list)
    reasons: dict[str, None] = field(default_factory=dict)
    unvouched: bool = False


def read_steps(history: History, last: int) -> Steps:
    """Return the steps of a trial's runs up to the one at an index.

    Raises `SettingError` for a trial that was recorded without its statements.
    """
    runs = history.runs[: last + 1]
    if not any(run.statements for run in runs):
        raise SettingError(
            f"trial {history.trial.id} was recorded before statements were, and is too old to slice"
        )
    found = Steps()
    overlapping = _overlapping(runs)
    for index, run in enumerate(runs):
        if run.status == "aborted" or run.error_name in _SYNTAX or not code_lines(run.source):
            continue
        whole, texts = texts_of(run.source)
        why = _why_whole(run, texts, index in overlapping)
        if why is not None:
            found.reasons[f"run {run.position} is taken whole: {why}"] = None
        found.unvouched |= index in overlapping or run.status not in ("ok", "error")
        found.steps += _history_steps(found, runs, index)
        if why is None and texts is not None:
            found.steps += [
                _step(index, run, text, row)
                for text, row in zip(texts, run.statements, strict=True)
                if row.status != "not_reached"
            ]
        else:
            if any(row.opaque == COMMANDS for row in run.statements) and not whole.shell:
                # Only the shell took it for its own syntax, and only it can again.
                whole = Text(f"get_ipython().run_cell({whole.code!r})", shell=True)
            found.steps.append(_whole(index, run, whole))
    _keep_registering(found.steps)
    return found


def _keep_registering(steps: Sequence[Step]) -> None:
    """Let the import of an unknown module that nobody reads change the process: why else is it?"""
    for step in steps:
        if step.text.imports and any(each.startswith("%module:") for each in step.changes):
            others = (each.reads for each in steps if each is not step)
            if step.writes.isdisjoint(frozenset[str]().union(*others)):
                step.changes |= {"%process"}


def _overlapping(runs: Sequence[Run]) -> set[int]:
    found = set()
    for at, (before, after) in enumerate(pairwise(runs)):
        ended = before.started_at + timedelta(seconds=before.duration or 0)
        if after.started_at + _ENDS < ended:
            found |= {at, at + 1}
    return found


def _why_whole(run: Run, texts: list[Text] | None, overlaps: bool) -> str | None:
    """Return why a run is one step, if it is."""
    if overlaps:
        return "it ran at the same time as another"
    if run.status in ("died", "running"):
        return "its kernel ended while it ran, and what it did is not known"
    if not run.statements:
        return "its statements were not recorded"
    opaque = next((row.opaque for row in run.statements if row.opaque), None)
    if opaque is None and (texts is None or len(texts) != len(run.statements)):
        return "it is written in IPython's own syntax"
    return opaque


def _step(index: int, run: Run, text: Text, row: Statement) -> Step:
    writes, changes = frozenset(row.writes), frozenset(row.changes)
    # To change a value is to read it, be it by a way that its code does not name.
    reads = frozenset(row.reads) | changes & run.names("mutate")
    raised = row.status == "raised"
    kills = writes - reads
    # Names of which single items were set, and no more than read.
    set_ = {root_of_key(name) for name in changes if name.startswith(KEY)}
    changes -= set_
    read = {root_of_key(name) for name in reads if name.startswith(KEY)} - changes
    return Step(index, text, (row,), reads - read, writes - set_, kills, changes, raised)


def meeting(made: frozenset[str], needed: frozenset[str]) -> frozenset[str]:
    """Return what is needed of what was made: a value with all its items, or one of them."""
    roots = {root_of_key(name) for name in made if name.startswith(KEY)}
    return made & needed | {
        name
        for name in needed
        if name in roots or (name.startswith(KEY) and root_of_key(name) in made)
    }


def _whole(index: int, run: Run, text: Text) -> Step:
    rows = tuple(row for row in run.statements if row.status != "not_reached")
    changes = {name for row in rows for name in row.changes}
    changes |= run.names("mutate") | {"%process", "%pictures"}
    changes |= {f"%random:{name}" for name in run.generators}
    reads = {name for row in rows for name in row.reads}
    reads |= run.names("read", "mutate") | set(run.sources) | changes
    writes = {name for row in rows for name in row.writes} | run.names("write", "delete")
    kills = run.names("write", "delete") if run.status == "ok" else frozenset()
    guarded = run.status == "error"
    return Step(
        index, text, rows, frozenset(reads), frozenset(writes), kills, frozenset(changes), guarded
    )


def _history_steps(found: Steps, runs: Sequence[Run], index: int) -> Iterator[Step]:
    """Yield statements that bind what `_`, `_3` and `Out[3]` stood for."""
    run = runs[index]
    for link in run.dependencies:
        name = link.variable
        if not is_history(name):
            continue
        maker = next((each for each in runs if each.id == link.source_cell_run_id), None)
        step = _output_of(found, runs, maker)
        unknown = step is None or maker is None or name.startswith(("_i", "In"))
        if unknown or name in _ALL:
            why = f"run {run.position} reads {name}, which cannot be computed again"
            found.reasons[why] = None
            found.unvouched = True
        if step is None or maker is None or unknown:
            continue
        number = maker.execution_count
        output = f"_{number}"
        bound = frozenset((output,))
        if output not in step.kills:
            step.text = replace(step.text, code=f"{output} = {step.text.code}")
            step.writes |= bound
            step.kills |= bound
        if name != output:
            holder = name.partition("[")[0]
            code = f'{holder} = {{**globals().get("{holder}", {{}}), {number}: {output}}}'
            if name in _LATEST:
                code = f"{name} = {output}"
            made = frozenset((name,))
            kept = made.intersection(_ALL)
            yield Step(index, Text(code), (), bound | kept, made, made - kept)


def _output_of(found: Steps, runs: Sequence[Run], maker: Run | None) -> Step | None:
    """Return the statement that gave a run's output."""
    steps = [step for step in found.steps if runs[step.run] is maker]
    return steps[-1] if steps and len(steps[-1].rows) == 1 and steps[-1].text.shows else None
