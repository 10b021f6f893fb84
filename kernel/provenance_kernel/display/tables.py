"""Tables of trials, results, values and stale cells, and rows as CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from provenance_kernel.display import changes, verification
from provenance_kernel.display.blocks import Block, Line, Table
from provenance_kernel.display.terminal import duration, file_name, local_time, visible
from provenance_kernel.trials.answer import plain
from provenance_kernel.trials.query.values import ValueRow

if TYPE_CHECKING:
    from provenance_kernel.records import Note
    from provenance_kernel.trials.query.listing import TrialList
    from provenance_kernel.trials.query.results import Results
    from provenance_kernel.trials.query.values import Values
    from provenance_kernel.trials.refresh import Plan
    from provenance_kernel.trials.stale import Stale, StaleCell

VALUE = tuple(each.name for each in fields(ValueRow))
_METRICS = 4
_CONTROL = re.compile(r"[^\t\n -~]+")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """Return rows as CSV that no spreadsheet takes for formulas."""
    names = list(columns) or list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_plain(row.get(name)) for name in names] for row in rows)
    return out.getvalue()


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # Lines and tabs are what CSV can hold; other controls act on whoever prints the file.
    shown = _CONTROL.sub(lambda found: visible(found[0]), shown)
    # Blanks before the sign do not keep a spreadsheet from reading it.
    risky = shown.startswith(_FORMULA) or shown.lstrip().startswith(_FORMULA)
    return f"'{shown}" if risky else shown


def trial_list(answer: TrialList) -> list[Block]:
    """Return a line for each trial."""
    noted = any(each.note for each in answer.trials)
    measured = any(each.metrics for each in answer.trials)
    rows = []
    # A column of its own only where there is something in it.
    verified = any(each.verdict for each in answer.trials)
    for each in answer.trials:
        count = sum(each.cell_runs.values())
        rows.append(
            (
                each.prefix,
                local_time(each.trial.started_at),
                file_name(each.trial.notebook),
                each.trial.kind,
                each.trial.status,
                str(count),
                str(count - each.cell_runs.get("ok", 0)),
                *((verification.words(each.verdict or ""),) if verified else ()),
                *((_metrics(each.metrics),) if measured else ()),
                *((_note(each.note),) if noted else ()),
            )
        )
    more = (*(("verified",) if verified else ()), *(("metrics",) if measured else ()))
    more += ("note",) if noted else ()
    headings = ("trial", "started", "notebook", "kind", "status", "cell runs", "not ok", *more)
    found: list[Block] = [Table(headings, tuple(rows), frozenset({5, 6}), flexible=2)]
    if len(answer.trials) < answer.total:
        shown = f"{len(answer.trials)} of {answer.total} trials; --limit 0 lists all"
        found.append(Line(shown, "dim"))
    return found


def _note(found: Note | None) -> str:
    """Return a star, the name or text and the tags of a trial in a line."""
    if found is None:
        return ""
    said = ("★" if found.starred else None, found.name or found.text)
    return " ".join([*filter(None, said), *(f"#{each}" for each in found.tags)])


def _metrics(found: Mapping[str, Any]) -> str:
    """Return the first few metrics with their values."""
    shown = [f"{name} {changes.value(each)}" for name, each in found.items()]
    return ", ".join(shown[:_METRICS]) + (", …" if len(shown) > _METRICS else "")


def values(answer: Values) -> list[Block]:
    """Return a line for each value; its role only where there are several."""
    several = len({each.role for each in answer.rows}) > 1
    rows = tuple(
        (
            each.prefix,
            local_time(each.started_at),
            file_name(each.notebook),
            str(each.position),
            *((each.role,) if several else ()),
            changes.value(each.value),
        )
        for each in answer.rows
    )
    headings = ("trial", "started", "notebook", "run", *(("role",) if several else ()), answer.name)
    numbers = all(each.number is not None for each in answer.rows)
    right = frozenset({3, len(headings) - 1} if numbers else {3})
    found: list[Block] = [Table(headings, rows, right)]
    if len(rows) < answer.total:
        found.append(Line(f"{len(rows)} of {answer.total} values; --limit 0 lists all", "dim"))
    return found


def results(answer: Results) -> list[Block]:
    """Return a line for each result, with a column for each name; what is the same, once."""
    several = len({each.notebook for each in answer.results}) > 1
    names = (*answer.metrics, *answer.parameters)
    rows = tuple(
        (
            f"{each.prefix}@{each.position}",
            local_time(each.started_at),
            *((file_name(each.notebook),) if several else ()),
            *(changes.value(each.values.get(name), name in each.values) for name in names),
        )
        for each in answer.results
    )
    first = ("result", "started", *(("notebook",) if several else ()))
    numbers = {
        len(first) + at
        for at, name in enumerate(names)
        if all(isinstance(each.values.get(name, 0), int | float) for each in answer.results)
    }
    found: list[Block] = [Table((*first, *names), rows, frozenset(numbers))]
    if answer.same:
        told = ", ".join(f"{name} = {changes.value(each)}" for name, each in answer.same.items())
        found.append(Line(f"the same in all: {told}", "dim"))
    if answer.more:
        shown = f"{len(rows)} of {answer.total} results" if answer.total else "there are more"
        found.append(Line(f"{shown}; --limit 0 lists all", "dim"))
    return found


def value_rows(answer: Values) -> list[dict[str, Any]]:
    """Return a row for each value, as JSON and CSV have it."""
    return [plain(each) for each in answer.rows]


def stale(answer: Stale) -> list[Block]:
    """Return a line for each stale cell, with the reason and what its last run cost."""
    return _stale_cells(answer, answer.stale, "are stale")


def plan(answer: Plan) -> list[Block]:
    """Return a line for each cell that is to run, in order."""
    return _stale_cells(answer, [each.cell for each in answer.steps], "are to run, in this order")


def _stale_cells(answer: Stale | Plan, cells: Sequence[StaleCell], what: str) -> list[Block]:
    rows = tuple(
        (
            str(each.position),
            each.stage or "",
            " ".join((each.reason, ", ".join(each.names))).strip(),
            duration(each.duration),
            each.code[:60],
        )
        for each in cells
    )
    known = "" if answer.edits else "; which cells were edited is not known here"
    if not rows:
        return [Line(f"none of {answer.cells} cells is stale{known}")]
    cost = duration(sum(each.duration or 0.0 for each in cells))
    told = f"{len(rows)} of {answer.cells} cells {what}; their last runs took {cost}{known}"
    headings = ("run", "stage", "stale by", "duration", "code")
    return [Table(headings, rows, frozenset({0, 3}), flexible=2), Line(told, "dim")]
