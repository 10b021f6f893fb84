"""Comparisons in blocks: metrics first, then parameters, then each stage's cells."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from provenance_kernel.display.blocks import Block, CodeBlock, Line, Table
from provenance_kernel.display.terminal import file_name, local_time, size

if TYPE_CHECKING:
    from provenance_kernel.trials.compare.compare import (
        CellChange,
        Comparison,
        Comparisons,
        MetricChange,
        Side,
        ValueChange,
    )
    from provenance_kernel.trials.compare.differences import FileChange, VariableChange
    from provenance_kernel.trials.compare.divergence import Divergence, Later
    from provenance_kernel.trials.query.outputs import Told

NOTHING = "-"
_DIGITS = 6
_INDENT = 2
# How many outputs of a cell are told, and so much of each.
_OUTPUTS = 8
_SUMMARY = 60


def comparison(answer: Comparison) -> list[Block]:
    """Return the blocks of two trials' differences."""
    blocks: list[Block] = [_heading("a", answer.a), _heading("b", answer.b)]
    if not any(
        (answer.metrics, answer.parameters, answer.stages, answer.environment, answer.packages)
    ):
        blocks.append(Line("nothing that was recorded differs", "good"))
        return blocks
    blocks += _metrics(answer.metrics)
    blocks += _pairs("parameters", answer.parameters)
    blocks += _cells(answer)
    blocks += _pairs("environment", answer.environment)
    blocks += _pairs("packages", answer.packages)
    return blocks


def comparisons(answer: Comparisons) -> list[Block]:
    """Return the blocks of many trials against one: their values side by side, then cells."""
    blocks: list[Block] = [_heading("base", answer.base)]
    for what in ("metrics", "parameters"):
        blocks += _matrix(answer, what)
    for each in answer.comparisons:
        blocks.append(
            Line(f"{answer.base.prefix} → {each.b.prefix}  {file_name(each.b.notebook)}", "title")
        )
        before = len(blocks)
        blocks += _divergences(each.metrics)
        blocks += _cells(each)
        blocks += _pairs("environment", each.environment)
        blocks += _pairs("packages", each.packages)
        if len(blocks) == before:
            blocks.append(Line("its cells, environment and packages are the same", "good"))
    return blocks


def value(found: Any, present: bool = True) -> str:
    """Return a tracked value as people read it; nothing where there is none."""
    if not present:
        return NOTHING
    if isinstance(found, float):
        exact = repr(found)
        return exact if len(exact) <= _DIGITS + 1 else f"{found:.{_DIGITS}g}"
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _heading(name: str, side: Side) -> Line:
    start = local_time(datetime.fromisoformat(side.started_at))
    parts = [side.prefix, start, file_name(side.notebook)]
    if side.status != "finished":
        parts.append(side.status)
    return Line(f"{name}  " + "  ".join(part for part in parts if part))


def _metrics(changes: Sequence[MetricChange]) -> Iterator[Block]:
    if not changes:
        return
    yield Line("metrics", "head")
    yield Table(
        ("", "a", "b", "change", ""),
        tuple(
            (
                each.name,
                value(each.a, each.in_a),
                value(each.b, each.in_b),
                "" if each.change is None else f"{each.change:+.4g}",
                "" if each.relative is None else f"{each.relative:+.1%}",
            )
            for each in changes
        ),
        right=frozenset({1, 2, 3, 4}),
        indent=_INDENT,
    )
    yield from _divergences(changes)


def _divergences(changes: Sequence[MetricChange]) -> Iterator[Block]:
    """Tell where results diverge, once for metrics that diverge at one place for one reason."""
    grouped: dict[Divergence, list[str]] = {}
    for each in changes:
        if each.divergence is not None:
            grouped.setdefault(each.divergence, []).append(each.name)
    for found, names in grouped.items():
        place = _positions(found.position_a, found.position_b)
        stage = f" {', '.join(found.stages)}" if found.stages else ""
        hedge = "" if found.certain else " or before, where values are not known"
        whose = "results" if len(grouped) == 1 and len(names) > 1 else ", ".join(names)
        verb = "diverge" if whose == "results" or len(names) > 1 else "diverges"
        yield Line(f"{whose} {verb} first at run {place}{stage}{hedge}", "warn", _INDENT)
        yield Line(f"{found.label}", "dim", 2 * _INDENT)
        yield Line(_why(found), "", 4)
        for also in found.later:
            place = _positions(also.position_a, also.position_b)
            yield Line(f"and at run {place} {_why(also)}", "", 4)


def _why(found: Divergence | Later) -> str:
    """Return the causes in words."""
    why = ", ".join("not known" if each == "unknown" else each for each in found.causes)
    return f"by {why}" + (f": {'; '.join(found.what)}" if found.what else "")


def _positions(a: int | None, b: int | None) -> str:
    if a is None or b is None:
        return f"{b} (only in b)" if a is None else f"{a} (only in a)"
    return str(a) if a == b else f"{a} → {b}"


def _pairs(title: str, changes: Sequence[ValueChange]) -> Iterator[Block]:
    if not changes:
        return
    yield Line(title, "head")
    yield Table(
        ("", "a", "b"),
        tuple((each.name, value(each.a, each.in_a), value(each.b, each.in_b)) for each in changes),
        indent=_INDENT,
    )


def _matrix(answer: Comparisons, what: str) -> Iterator[Block]:
    """Give a table with a row for each name and a column for each trial."""
    found = [_changes(each, what) for each in answer.comparisons]
    names = dict.fromkeys(name for each in found for name in each)
    if not names:
        return
    rows = []
    for name in names:
        cells = []
        base = None
        for changes in found:
            change = changes.get(name)
            base = base or change
            # What does not differ is left out of a comparison: it is what it is in the base.
            cells.append("=" if change is None else value(change.b, change.in_b))
        first = "" if base is None else value(base.a, base.in_a)
        rows.append((name, first, *cells))
    yield Line(what, "head")
    yield Table(
        ("", f"base {answer.base.prefix}", *(each.b.prefix for each in answer.comparisons)),
        tuple(rows),
        right=frozenset(range(1, len(answer.comparisons) + 2)),
        indent=_INDENT,
    )


def _changes(answer: Comparison, what: str) -> dict[str, ValueChange | MetricChange]:
    if what == "metrics":
        return {each.name: each for each in answer.metrics}
    return {each.name: each for each in answer.parameters}


def _cells(answer: Comparison) -> Iterator[Block]:
    tracked = {*_changes(answer, "metrics"), *_changes(answer, "parameters")}
    for stage in answer.stages:
        yield Line(stage.stage or "no stage", "head")
        for cell in stage.cells:
            yield from _cell(cell, tracked)
    if answer.equal_cells and answer.stages:
        cells = "1 cell does" if answer.equal_cells == 1 else f"{answer.equal_cells} cells do"
        yield Line(f"{cells} not differ", "dim", _INDENT)


def _cell(cell: CellChange, tracked: Container[str]) -> Iterator[Block]:
    a, b = cell.a, cell.b
    side = b or a
    if side is None:
        return
    place = _positions(None if a is None else a.position, None if b is None else b.position)
    yield Line(f"{place}  {side.label}", "dim", _INDENT)
    inner = 2 * _INDENT
    if a is None or b is None:
        return
    if cell.moved:
        words = [f"after {_list(cell.after)}"] if cell.after else []
        words += [f"before {_list(cell.before)}"] if cell.before else []
        yield Line(f"order: runs {' and '.join(words)} now", "warn", inner)
    if a.status != b.status:
        yield Line(f"status: {a.status} → {b.status}", "bad", inner)
    if a.runs != b.runs:
        yield Line(f"ran {_times(a.runs)} → {_times(b.runs)}; the last counts", "", inner)
    if cell.code:
        yield CodeBlock(cell.code, inner, diff=True)
    if cell.arguments:
        yield Table(
            ("", "", ""),
            tuple(
                (
                    f"{each.call.rpartition('.')[2]}({each.parameter})",
                    NOTHING if each.a is None else each.a,
                    f"→ {NOTHING if each.b is None else each.b}",
                )
                for each in cell.arguments
            ),
            indent=inner,
        )
    if cell.variables:
        yield from _variables(cell.variables, tracked, inner)
    for file in cell.files:
        a_b = f"{_short(file.a)} → {_short(file.b)}"
        yield Line(f"file {file.path}: {file.verdict}, {a_b}{_sizes(file)}", "", inner)
    if cell.output is not None:
        yield Line("what it shows differs", "", inner)
        for at, one, other in cell.output.places[:_OUTPUTS]:
            shown = f"{_output(one)} → {_output(other)}"
            what = next(each.what for each in (other, one) if each is not None)
            yield Line(f"{at} {what}: {shown}", "", inner + _INDENT)
    for use in cell.randomness:
        name = f" {use.generator}" if use.generator else ""
        yield Line(f"randomness{name}: {use.a or 'unused'} → {use.b or 'unused'}", "warn", inner)


def _variables(
    changes: Sequence[VariableChange], tracked: Container[str], indent: int
) -> Iterator[Block]:
    """Tell small values with both sides, and name the rest, and what is told above, in a line."""
    named: dict[str, list[str]] = {}
    shown, numbers = [], []
    for each in changes:
        small = all(side is None or len(side) <= 24 for side in (each.a, each.b))
        if small and each.name not in tracked and each.a != each.b and each.verdict == "different":
            shown.append((each.name, each.a or NOTHING, f"→ {each.b or NOTHING}"))
            continue
        how = {"different": "values differ", "equal": "values equal"}.get(
            each.verdict, "values not known"
        )
        if each.exactness == "sampled" and each.verdict == "equal":
            how += " in a sample"
        if each.told and each.name not in tracked:
            numbers.append((each.name, each.told))
            continue
        named.setdefault(how, []).append(each.name)
    if shown:
        yield Table(("", "", ""), tuple(shown), indent=indent)
    if numbers:
        yield Table(("", ""), tuple(numbers), flexible=1, indent=indent)
    for how, names in named.items():
        yield Line(f"{how}: {', '.join(names)}", "", indent)


def _sizes(file: FileChange) -> str:
    a, b = file.nbytes_a, file.nbytes_b
    if a is None or b is None:
        return ""
    return f", {size(b)}" if a == b else f", {size(a)} → {size(b)} ({b - a:+} bytes)"


def _output(output: Told | None) -> str:
    if output is None:
        return NOTHING
    nbytes = "another" if output.nbytes is None else size(output.nbytes)
    return output.summary[:_SUMMARY] or nbytes


def _list(positions: Sequence[int]) -> str:
    return ", ".join(map(str, positions[:8])) + (", …" if len(positions) > 8 else "")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _short(digest: str | None) -> str:
    return NOTHING if digest is None else digest[:12]
