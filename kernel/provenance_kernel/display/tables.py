"""Lists, a trial, values and comparisons, for terminals and as HTML."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from provenance_kernel.display import blocks, changes
from provenance_kernel.display.blocks import Block, Line, Table
from provenance_kernel.display.terminal import duration, local_time, visible
from provenance_kernel.trials.answer import Answer
from provenance_kernel.trials.source import first_line

if TYPE_CHECKING:
    from provenance_kernel.trials.listing import TrialDetail, TrialList
    from provenance_kernel.trials.values import Values

WIDTH = 100
_CONTROL = re.compile(r"[^\t\n -~]+")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def handles(answer: Answer) -> bool:
    """Tell whether an answer is one that is shown as tables."""
    return type(answer).__name__ in _BLOCKS


def text(answer: Answer, width: int = WIDTH, colour: bool = False) -> str:
    """Return an answer for a terminal of so many columns."""
    return blocks.text(_BLOCKS[type(answer).__name__](answer), width, colour)


def html(answer: Answer) -> str:
    """Return an answer as HTML in which everything from a notebook is escaped."""
    return blocks.html(_BLOCKS[type(answer).__name__](answer))


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


def _trial_list(answer: TrialList) -> list[Block]:
    rows = []
    for each in answer.trials:
        count = sum(each.cell_runs.values())
        rows.append(
            (
                each.prefix,
                local_time(each.trial.started_at),
                _name(each.trial.notebook),
                each.trial.kind,
                each.trial.status,
                str(count),
                str(count - each.cell_runs.get("ok", 0)),
            )
        )
    headings = ("trial", "started", "notebook", "kind", "status", "cell runs", "not ok")
    found: list[Block] = [Table(headings, tuple(rows), frozenset({5, 6}), flexible=2)]
    if len(answer.trials) < answer.total:
        shown = f"{len(answer.trials)} of {answer.total} trials; --limit 0 lists all"
        found.append(Line(shown, "dim"))
    return found


def _trial_detail(answer: TrialDetail) -> list[Block]:
    trial = answer.trial
    what = f"{trial.kind}, {trial.status}, started {local_time(trial.started_at)}"
    found: list[Block] = [
        Line(f"trial {trial.id}"),
        Line(what + (f", {trial.notebook}" if trial.notebook else "")),
        Line(""),
    ]
    rows = tuple(
        (
            str(each.run.position),
            ", ".join(each.stages),
            each.run.code_hash[:12],
            each.run.status,
            duration(each.run.duration),
            first_line(each.source)[:60],
        )
        for each in answer.runs
    )
    headings = ("", "stage", "code hash", "status", "duration", "code")
    found.append(Table(headings, rows, frozenset({0, 4}), flexible=5))
    for role in ("parameter", "metric", "value"):
        # A name that was tracked several times counts as it was last.
        last = {each.name: each.value for each in answer.values if each.role == role}
        if last:
            found.append(Line(f"{role}s", "head"))
            pairs = tuple((name, changes.value(value)) for name, value in last.items())
            found.append(Table(("", ""), pairs, indent=2))
    return found


def _values(answer: Values) -> list[Block]:
    roles = {each.role for each in answer.rows}
    rows = tuple(
        (
            each.prefix,
            local_time(each.started_at),
            _name(each.notebook),
            str(each.position),
            each.role,
            changes.value(each.value),
        )
        for each in answer.rows
    )
    headings: tuple[str, ...] = ("trial", "started", "notebook", "run", "role", answer.name)
    numbers = all(each.number is not None for each in answer.rows)
    right = frozenset({3, 5}) if numbers else frozenset({3})
    found: list[Block] = [Table(headings, rows, right, flexible=2)]
    if len(roles) == 1:
        headings = ("trial", "started", "notebook", "run", answer.name)
        right = frozenset({3, 4}) if numbers else frozenset({3})
        slim = tuple((*row[:4], row[5]) for row in rows)
        found = [Table(headings, slim, right, flexible=2)]
    if len(rows) < answer.total:
        found.append(Line(f"{len(rows)} of {answer.total} values; --limit 0 lists all", "dim"))
    return found


@cache
def _name(notebook: str | None) -> str:
    return PurePath(notebook).name if notebook else ""


# By name, because to show one kind of answer the others need not be imported.
_BLOCKS: dict[str, Callable[[Any], list[Block]]] = {
    "TrialList": _trial_list,
    "TrialDetail": _trial_detail,
    "Values": _values,
    "Comparison": changes.comparison,
    "Comparisons": changes.comparisons,
}
