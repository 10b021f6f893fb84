"""How answers leave: for each type its tables or trees, MIME types, data, rows and files.

An answer is added by a line in `VIEWS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter, methodcaller
from pathlib import Path
from typing import Any

from provenance_kernel.display import (
    blocks,
    changes,
    detail,
    lineage,
    plot,
    reports,
    script,
    tables,
    verification,
)
from provenance_kernel.display.blocks import WIDTH, Block, Line
from provenance_kernel.trials.answer import Answer
from provenance_kernel.trials.query.results import flat


@dataclass(frozen=True, slots=True)
class View:
    """What the exits take of an answer of one type.

    `blocks` are for terminals and, as HTML, for notebooks, unless `bundle` says by MIME type what
    those show. `data` is for JSON, `rows` under `columns`, or those that they have, for CSV;
    `formats` are other texts, by name. `write` makes a file and returns what to say of it. In a
    command, `piped` is for what is no terminal, `notes` are for standard error, and `window` is
    for a person in place of the blocks.
    """

    blocks: Callable[[Any], Sequence[Block]]
    bundle: Callable[[Any], dict[str, str]] | None = None
    data: Callable[[Any], object] = methodcaller("to_dict")
    rows: Callable[[Any], Sequence[Mapping[str, Any]]] | None = None
    columns: Sequence[str] = ()
    formats: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    write: Callable[[Any, Path], str] | None = None
    piped: Callable[[Any], str] | None = None
    notes: Callable[[Any], Sequence[str]] | None = None
    window: Callable[[Any], None] | None = None


_DIFFERENCE = ("what", "where", "name", "a", "b")
_ROWS = methodcaller("rows")
_PICTURE = View(plot.table, plot.bundle, write=plot.write, window=plot.open_window)

# By name, because to show one type of answer the others need not be imported.
VIEWS: dict[str, View] = {
    "TrialList": View(tables.trial_list, data=_ROWS, rows=_ROWS),
    "TrialDetail": View(detail.blocks, data=detail.data, rows=_ROWS),
    "Values": View(
        tables.values, data=tables.value_rows, rows=tables.value_rows, columns=tables.VALUE
    ),
    "Results": View(tables.results, data=_ROWS, rows=flat),
    "Comparison": View(
        changes.comparison, rows=_ROWS, columns=_DIFFERENCE, write=reports.write_comparison
    ),
    "Comparisons": View(
        changes.comparisons,
        rows=_ROWS,
        columns=("trial", *_DIFFERENCE),
        write=reports.write_comparisons,
    ),
    "Lineage": View(
        lineage.tree, lineage.bundle, formats={"mermaid": lineage.mermaid, "dot": lineage.dot}
    ),
    "Slice": View(
        script.code, write=script.write, piped=methodcaller("script"), notes=attrgetter("reasons")
    ),
    "Stale": View(tables.stale, data=_ROWS, rows=_ROWS),
    "Plan": View(tables.plan, data=_ROWS, rows=_ROWS),
    "Report": View(verification.blocks, rows=_ROWS),
    "Course": _PICTURE,
    "Curves": _PICTURE,
    "Contrast": _PICTURE,
    "StageTimes": _PICTURE,
}


def view(answer: Answer) -> View:
    """Return how an answer is shown."""
    return VIEWS[type(answer).__name__]


def text(answer: Answer, width: int = WIDTH, colour: bool = False) -> str:
    """Return an answer for a terminal of so many columns."""
    return blocks.text(_blocks(answer), width, colour)


def left_out(answer: Answer) -> str | None:
    """Return what an answer says that it does not have."""
    found: str | None = getattr(answer, "left_out", None)
    return found


def _blocks(answer: Answer) -> list[Block]:
    told = left_out(answer)
    return [*view(answer).blocks(answer), *([Line(told, "warn")] if told else ())]


def bundle(answer: Answer) -> dict[str, str]:
    """Return an answer by MIME type; in HTML everything from a notebook is escaped."""
    chosen = view(answer)
    if chosen.bundle is not None:
        return chosen.bundle(answer)
    shown = _blocks(answer)
    return {"text/plain": blocks.text(shown), "text/html": blocks.html(shown)}


class RegisteredRenderer:
    """Shows each answer as the registry has it."""

    text = staticmethod(text)
    bundle = staticmethod(bundle)


def install() -> None:
    """Let answers show themselves."""
    Answer.renderer = RegisteredRenderer()
