"""What differs between a run and its repetition: values, metrics, outputs, files, its end.

And which of the differences come first: those that follow from another are told apart by what each
statement read and wrote.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from provenance_kernel.records import Statement, TrackedValue, Variable
from provenance_kernel.trials.compare.differences import output
from provenance_kernel.trials.history import Run
from provenance_kernel.types import ValueVerdict

Kind = Literal["value", "metric", "output", "file", "end"]
WORST: tuple[ValueVerdict, ...] = ("identical", "equal", "unknown", "different", "missing")
_UNREACHED = "its cell was not reached"
OUTPUT = "(output)"
END = "(end)"
_NUMBER = re.compile(r"(?:np\.\w+\()?([+-]?(?:\d[\d_]*\.?\d*(?:e[+-]?\d+)?|inf|nan))\)?")
# Of these there is nothing to compare.
_NOT_COMPARED = frozenset({"module", "builtin_function_or_method", "type"})


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far numbers may lie apart: |a - b| <= atol + rtol * |a|."""

    rtol: float = 1e-9
    atol: float = 1e-12

    def close(self, a: float, b: float) -> bool:
        """Tell whether two numbers are as good as equal; NaN is equal to NaN."""
        if math.isnan(a) or math.isnan(b):
            return math.isnan(a) and math.isnan(b)
        return a == b or abs(a - b) <= self.atol + self.rtol * abs(a)


@dataclass(frozen=True, slots=True)
class Item:
    """Something of a run that was compared. `decides`: whether anything later reads or shows it."""

    run: Run
    name: str
    kind: Kind
    verdict: ValueVerdict
    detail: str
    decides: bool

    @property
    def key(self) -> tuple[str, str, Kind]:
        """What is the same for the same thing compared with another repetition."""
        return self.run.id, self.name, self.kind

    @property
    def stage(self) -> str | None:
        """The stage of the run."""
        return self.run.stages[0] if self.run.stages else None

    @property
    def differs(self) -> bool:
        """Whether it is another than it was."""
        return self.verdict in ("different", "missing")


Pairs = Sequence[tuple[Run, "Run | None"]]


def compare(pairs: Pairs, tolerance: Tolerance, shown: Iterable[str] = ()) -> list[Item]:
    """Return all that runs left, compared with what their repetitions left, in order.

    A run without a repetition was not reached. One that only asked the record takes no part.
    """
    read = {
        (each.source_cell_run_id, each.variable) for run, _ in pairs for each in run.dependencies
    }
    shown = set(shown)
    items: list[Item] = []
    for run, again in pairs:
        if run.kind == "question":
            continue
        tracked = {each.name for each in run.values}
        if again is None:
            items += _unreached(run, tracked)
            continue
        end = _ended(run), _ended(again)
        if end[0] != end[1]:
            items.append(Item(run, END, "end", "different", f"{end[0]} → {end[1]}", True))
        for name, value in run.left.items():
            if value.access == "delete" or value.type in _NOT_COMPARED or name in tracked:
                continue
            verdict, detail = _values(value, again.left.get(name), tolerance)
            decides = (run.id, name) in read or name in shown
            items.append(Item(run, name, "value", verdict, detail, decides))
        items += _tracked(run, again, tolerance)
        if run.output_digest or again.output_digest:
            same = run.output_digest == again.output_digest
            detail = "" if same else _shown(run, again)
            items.append(
                Item(run, OUTPUT, "output", "identical" if same else "different", detail, True)
            )
        items += _files(run, again)
    return items


def _shown(run: Run, again: Run) -> str:
    """Return the first output that is another, as far as it is known, in both."""
    change = output(run, again)
    for _, one, other in change.places if change is not None else ():
        sides = [each.summary[:60] if each is not None else "nothing" for each in (one, other)]
        if sides[0] != sides[1]:
            return f"the cell shows another output: {sides[0]} → {sides[1]}"
    return "the cell shows another output"


def _ended(run: Run) -> str:
    return f"{run.status} {run.error_name}" if run.error_name else run.status


def _unreached(run: Run, tracked: set[str]) -> Iterable[Item]:
    for name in sorted(tracked):
        yield Item(run, name, "metric", "missing", _UNREACHED, True)
    if not tracked:
        yield Item(run, END, "end", "missing", _UNREACHED, True)


def _values(a: Variable, b: Variable | None, tolerance: Tolerance) -> tuple[ValueVerdict, str]:
    if b is None or b.access == "delete":
        return "missing", f"{_short(a)} → nothing"
    if a.digest is None or b.digest is None:
        if a.type != b.type:
            return "different", f"{a.type} → {b.type}"
        return "unknown", "its content was not read"
    if a.digest == b.digest:
        if a.shape != b.shape:
            return "different", "the order of a dict's keys differs"
        return ("identical", "") if a.exactness == "exact" else ("unknown", "equal in a sample")
    if a.exactness != b.exactness:
        return "unknown", "one of the two was read in a sample"
    one, other = _number(a.repr), _number(b.repr)
    if a.type == b.type != "int" and one is not None and other is not None:
        return _close(one, other, tolerance)
    return "different", f"{_short(a)} → {_short(b)}"


def _number(text: str | None) -> float | None:
    match = _NUMBER.fullmatch(text or "")
    return float(match[1].replace("_", "")) if match else None


def _close(a: float, b: float, tolerance: Tolerance) -> tuple[ValueVerdict, str]:
    # A float's repr is all of it.
    detail = f"{a!r} → {b!r} (by {b - a:.3g})"
    return ("equal" if tolerance.close(a, b) else "different"), detail


def _short(value: Variable) -> str:
    text = value.repr or value.type or "?"
    return text if len(text) <= 40 else text[:39] + "…"


def _tracked(run: Run, again: Run, tolerance: Tolerance) -> Iterable[Item]:
    after = {each.name: each for each in again.values}
    for name, value in {each.name: each for each in run.values}.items():
        other = after.get(name)
        verdict, detail = _marked(value, other, tolerance)
        yield Item(run, name, "metric", verdict, detail, True)


def _marked(
    a: TrackedValue, b: TrackedValue | None, tolerance: Tolerance
) -> tuple[ValueVerdict, str]:
    if b is None:
        return "missing", f"{a.value} → nothing"
    if a.value == b.value:
        return "identical", ""
    if isinstance(a.value, float) and a.number is not None and b.number is not None:
        return _close(a.number, b.number, tolerance)
    return "different", f"{str(a.value)[:40]} → {str(b.value)[:40]}"


def _files(run: Run, again: Run) -> Iterable[Item]:
    after = {each.path: each for each in again.files if each.written}
    for file in run.files:
        if not file.written or file.digest_after is None or os_absolute(file.path):
            continue
        other = after.get(file.path)
        if other is None or other.digest_after is None:
            yield Item(run, file.path, "file", "missing", "it was not written", True)
        else:
            same = file.digest_after == other.digest_after
            detail = "" if same else "the file's content differs"
            yield Item(run, file.path, "file", "identical" if same else "different", detail, True)


def os_absolute(path: str) -> bool:
    """Tell whether a recorded path leads out of the project."""
    return path.startswith(("/", "~", "..")) or path[1:2] == ":"


def roots(items: Sequence[Item]) -> dict[tuple[str, str, Kind], Item | None]:
    """Return, for each thing that differs, the difference that it follows from, or None.

    Goes through the runs and their statements in order. What a statement writes follows from a
    difference among what it reads; a value of which nothing is known passes it on.
    """
    found: dict[tuple[str, str, Kind], Item | None] = {}
    # By the name, the difference that its present value carries.
    carried: dict[str, Item] = {}
    by_run: dict[str, list[Item]] = {}
    order: dict[str, Run] = {}
    stopped: Item | None = None
    for item in items:
        by_run.setdefault(item.run.id, []).append(item)
        order[item.run.id] = item.run
    for run_id, run in order.items():
        here = {item.name: item for item in by_run[run_id] if item.kind in ("value", "metric")}
        if stopped is not None and all(item.detail == _UNREACHED for item in by_run[run_id]):
            found |= {item.key: stopped for item in by_run[run_id]}
            continue
        end = next((each for each in by_run[run_id] if each.name == END and each.differs), None)
        # What a run that failed did not come to make is missing for that.
        differing = {
            name: item
            for name, item in here.items()
            if item.differs and not (end is not None and item.verdict == "missing")
        }
        entered = [carried[name] for name in sorted(run.names("read", "mutate")) if name in carried]
        files = [carried[f"%file:{f.path}"] for f in run.files if f"%file:{f.path}" in carried]
        entered += files
        for statement in run.statements:
            _pass_on(statement, here, differing, carried, found, files)
        for name, item in differing.items():
            # Not written by a statement that is known.
            if item.key not in found:
                found[item.key] = entered[0] if entered else None
                carried[name] = entered[0] if entered else item
        inside = [carried[name] for name in differing if name in carried]
        for item in by_run[run_id]:
            if not item.differs or item.key in found:
                continue
            cause = next(iter(entered or inside), None) or (end if item is not end else None)
            found[item.key] = cause
            carried[f"%file:{item.name}" if item.kind == "file" else item.name] = cause or item
        if end is not None:
            stopped = found[end.key] or end
        for name, value in run.left.items():
            # It was made anew, and is what it was.
            known = here[name].verdict if name in here else None
            if value.access == "write" and known in ("identical", "equal"):
                carried.pop(name, None)
    return found


def _pass_on(
    statement: Statement,
    here: dict[str, Item],
    differing: dict[str, Item],
    carried: dict[str, Item],
    found: dict[tuple[str, str, Kind], Item | None],
    files: Sequence[Item],
) -> None:
    source = next((carried[name] for name in statement.reads if name in carried), None)
    if source is None and files and any(name.startswith("%file") for name in statement.reads):
        source = files[0]
    for name in (*statement.writes, *statement.changes):
        item = differing.get(name)
        if item is not None:
            # What a statement changes in place was the difference itself before.
            led_by = None if source is item else source
            if item.key not in found or found[item.key] is None:
                found[item.key] = led_by
            carried[name] = led_by or item
        elif source is not None and (name not in here or here[name].verdict == "unknown"):
            carried[name] = source
