"""What a value was made by, as noWorkflow lists it: expressions and what they gave, backward."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from peewee import Database

from provenance_kernel.errors import SettingError
from provenance_kernel.fingerprint import short_repr
from provenance_kernel.records import (
    Activation,
    Event,
    Statement,
    TrackedValue,
    Trial,
    new_id,
    utc_now,
)
from provenance_kernel.store import reader
from provenance_kernel.trials.history import History, Run, read_history
from provenance_kernel.trials.slicing.slice import sliced, target
from provenance_kernel.trials.slicing.steps import Step

Operation = tuple[str, str]
STORED = "operations"
_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_INNER = (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def operations(
    database: Database, trial: Trial, name: str, *, nested: bool = False, earlier: bool = False
) -> list[Operation]:
    """Return the value of a name, and then what it came from, the latest first.

    `nested` adds the calls that the user's own functions made, `earlier` what the name came from
    each time it was given a value. Raises `SettingError` for a name that the trial does not have.
    """
    history = read_history(database, trial)
    inner = _nested(database, history) if nested else {}
    found = _backward(history, name, inner)
    for end in range(len(history.runs) - 1, 0, -1) if earlier else ():
        run = history.runs[end]
        made = name in run.names("write", "mutate") or any(v.name == name for v in run.values)
        if made and any(_makes(each, name) for each in history.runs[:end]):
            found += _backward(replace(history, runs=history.runs[:end]), name, inner)
    return _without_repeats(found) if not earlier else list(dict.fromkeys(found))


def of_metrics(database: Database, trial: Trial) -> list[Operation]:
    """Return what all metrics of a trial came from; what several have in common once."""
    tracked = reader.of_trial(database, TrackedValue, trial.id)
    names = [each.name for each in tracked if each.role == "metric"]
    found: dict[Operation, None] = {}
    for name in dict.fromkeys(names):
        found |= dict.fromkeys(operations(database, trial, name))
    return list(found)


def as_event(trial: Trial, pairs: Iterable[tuple[object, Sequence[object]]]) -> Event:
    """Return the row that keeps operations for a trial, each with the key it has in a dict."""
    message = json.dumps([[_plain(key), [_plain(v) for v in each]] for key, each in pairs])
    return Event(new_id(), trial.id, None, STORED, message, utc_now())


def kept(database: Database) -> dict[str, list[tuple[object, tuple[object, ...]]]]:
    """Return the operations kept last for each trial, in the order they were first kept."""
    return {
        event.trial_id: [(key, tuple(each)) for key, each in json.loads(event.message)]
        for event in reader.events(database, STORED)
    }


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else short_repr(value)


def _makes(run: Run, name: str) -> bool:
    return name in run.names("write", "mutate") or any(v.name == name for v in run.values)


class _Made(NamedTuple):
    """A statement's row, its tree, and the index of its run."""

    run: int
    row: Statement
    node: ast.stmt


def _backward(history: History, name: str, inner: dict[str, list[Activation]]) -> list[Operation]:
    variable, index = target(history, name)
    _, steps = sliced(history, variable, index)
    kept = _needed(history, [each for step in steps for each in _statements(step)], variable)
    pools = {each.run: list(history.runs[each.run].calls) for each in kept}
    blocks = [list(_of_statement(history, at, kept, pools, inner)) for at in range(len(kept))]
    found = [each for block in reversed(blocks) for each in reversed(block)]
    value = _value(history, name, variable, index)
    return [(name, value), *(each for each in found if each != (name, value))]


def _statements(step: Step) -> Iterator[_Made]:
    """Yield a step's statements; a step is a whole run where the record is not sure of parts."""
    try:
        nodes = ast.parse(step.text.code).body
    except SyntaxError:
        return
    for row, node in zip(step.rows, nodes, strict=False):
        # A statement's text has lines of its own.
        yield _Made(step.run, row, ast.increment_lineno(node, row.line - node.lineno))


def _needed(history: History, statements: list[_Made], name: str) -> list[_Made]:
    """Leave out what a slice takes with it only because it cannot be ruled out."""
    needed = {name}
    found: list[_Made] = []
    for each in reversed(statements):
        changed = history.runs[each.run].names("mutate").intersection(each.row.changes)
        # A value that was handed over by a call: the statement that did so was the last.
        if needed & {*each.row.writes, *changed} or not found:
            found.append(each)
            needed -= set(each.row.writes).difference(each.row.reads)
            needed.update(each.row.reads)
    return found[::-1]


def _value(history: History, name: str, variable: str, index: int) -> str:
    run = history.runs[index]
    tracked = [each.value for each in run.values if each.name == name]
    seen = run.value(variable)
    if tracked and (name != variable or seen is None):
        return repr(tracked[-1])
    return seen.repr or "" if seen is not None else ""


def _of_statement(
    history: History,
    at: int,
    statements: list[_Made],
    pools: dict[int, list[Activation]],
    inner: dict[str, list[Activation]],
) -> Iterator[Operation]:
    """Yield a statement's calls and then the names it bound, in the order of execution."""
    statement = statements[at]
    if isinstance(statement.node, _DEFINITIONS):
        return
    for call in _calls_in(statement.node):
        made = _taken(pools[statement.run], call)
        if made is not None:
            for nested in inner.get(made.id, ()):
                yield _called(nested), nested.result or ""
            yield ast.unparse(call), made.result or ""
    # The record has the value that a name had when its run ended.
    later = [
        (*each.row.writes, *each.row.changes)
        for each in statements[at + 1 :]
        if each.run == statement.run
    ]
    for name in _bound(statement.node):
        seen = history.runs[statement.run].value(name)
        if seen is not None and not any(name in changes for changes in later):
            yield name, seen.repr or ""


def _calls_in(node: ast.AST) -> Iterator[ast.Call]:
    """Yield calls in the order in which they are made, those in functions' bodies left out."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _INNER):
            yield from _calls_in(child)
    if isinstance(node, ast.Call):
        yield node


def _taken(pool: list[Activation], node: ast.Call) -> Activation | None:
    """Take the recorded call that a call in the source made first, by its name and line."""
    name = getattr(node.func, "attr", getattr(node.func, "id", None))
    lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    on_line = [each for each in pool if each.line in lines]
    named = [each for each in on_line if each.name.rpartition(".")[2] == name]
    # A function may go by another name in the source than its own.
    found = named[0] if named else on_line[0] if len(on_line) == 1 else None
    if found is not None:
        pool.remove(found)
    return found


def _bound(node: ast.stmt) -> list[str]:
    names = [
        each.id
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    ]
    return list(dict.fromkeys(names))


def _called(call: Activation) -> str:
    arguments = ", ".join(f"{name}={value}" for name, value in (call.arguments or {}).items())
    return f"{call.name.rpartition('.')[2]}({arguments})"


def _nested(database: Database, history: History) -> dict[str, list[Activation]]:
    """Return the calls made within each call of a cell, however deep, in order."""
    parents = {call.id: call.id for run in history.runs for call in run.calls}
    found: dict[str, list[Activation]] = {}
    for call in reader.of_trial(database, Activation, history.trial.id):
        if call.parent_id in parents and call.id not in parents:
            parents[call.id] = parents[call.parent_id]
            found.setdefault(parents[call.id], []).append(call)
    return found


def _without_repeats(found: list[Operation]) -> list[Operation]:
    return [each for before, each in zip([None, *found], found, strict=False) if each != before]


def unknown(trial: Trial) -> SettingError:
    """Return the error for a trial without operations."""
    return SettingError(
        f"trial {trial.id} tracked no metric, and no operations were stored for it; "
        "store_operations(trial, backward_deps(NAME)) stores some"
    )
