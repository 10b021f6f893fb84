"""The first cell run from which two trials' results diverge, on the way to a metric.

The runs that a metric came from are walked in the order in which they ran, in both trials side by
side. The first that left another value on that way, or that only one trial has, is where results
diverge: whatever it read had the same content. What differed there is why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from provenance_kernel.trials import differences
from provenance_kernel.trials.align import Pair
from provenance_kernel.trials.record import TrialRecord
from provenance_kernel.trials.source import first_line

Cause = Literal[
    "code", "arguments", "order", "files", "randomness", "presence", "packages", "unknown"
]
_LISTED = 4


@dataclass(frozen=True, slots=True)
class Later:
    """A later run on the way that differs of its own accord."""

    position_a: int | None
    position_b: int | None
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where results diverge first, and what differed there.

    `variables` are the names whose values differ from here on; `what` says in words what differed.
    `certain` is false where values before it could not be digested, and may have differed already.
    """

    position_a: int | None
    position_b: int | None
    stages: tuple[str, ...]
    label: str
    causes: tuple[Cause, ...]
    what: tuple[str, ...]
    variables: tuple[str, ...]
    certain: bool
    later: tuple[Later, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A run in one or both trials, on the way to a metric, and the names that went on from it."""

    a: str | None
    b: str | None
    names: tuple[str, ...]


class Divergences:
    """Finds where the metrics of two trials that were aligned diverge."""

    def __init__(self, a: TrialRecord, b: TrialRecord, pairs: list[Pair]) -> None:
        self._a, self._b = a, b
        self._partner_a: dict[str, str] = {}
        for pair in pairs:
            if pair.a is None or pair.b is None:
                continue
            # The last run counts, so runs of a cell are paired from the last one back.
            for one, other in zip(reversed(pair.a.runs), reversed(pair.b.runs), strict=False):
                self._partner_a[other.id] = one.id
        self._partner_b = {one: other for other, one in self._partner_a.items()}

    def of(self, name: str, run_a: str, run_b: str) -> Divergence | None:
        """Return where the value `name`, tracked by these runs, diverged; None where it did not."""
        steps = list(self._steps(name, run_a, run_b))
        certain = True
        for at, step in enumerate(steps):
            names, unknown = self._differing(step)
            if not names:
                certain = certain and not unknown
                continue
            causes, what = self._causes(step)
            later = (Later(*self._places(each), own) for each, own in self._own(steps[at + 1 :]))
            return Divergence(
                *self._places(step),
                self._stages(step),
                self._label(step),
                causes or ("unknown",),
                what,
                names,
                certain,
                tuple(later),
            )
        return None

    def _own(self, steps: list[Step]) -> Iterator[tuple[Step, tuple[Cause, ...]]]:
        for step in steps:
            causes = tuple(
                cause for cause in self._causes(step)[0] if cause in ("code", "order", "files")
            )
            if causes:
                yield step, causes

    def _steps(self, name: str, run_a: str, run_b: str) -> Iterator[Step]:
        """Give the runs that the metric came from, paired, in the order of `b`."""
        needed_a, needed_b = _closure(self._a, run_a, name), _closure(self._b, run_b, name)
        steps = []
        for other, names in needed_b.items():
            one = self._partner_a.get(other)
            one = one if one in needed_a else None
            also = needed_a.get(one, set()) if one is not None else set()
            steps.append(Step(one, other, tuple(sorted(names | also))))
        paired = {step.a for step in steps}
        steps += [
            Step(one, None, tuple(sorted(names)))
            for one, names in needed_a.items()
            if one not in paired
        ]
        steps.sort(key=self._when)
        yield from steps

    def _when(self, step: Step) -> tuple[float, int]:
        place_a, place_b = self._places(step)
        if place_b is not None:
            return place_b, 1
        # What only `a` has comes before the run that followed it there.
        after = [
            self._b.runs[other].position
            for one, other in self._partner_b.items()
            if self._a.runs[one].position > (place_a or 0)
        ]
        return min(after, default=float("inf")), 0

    def _places(self, step: Step) -> tuple[int | None, int | None]:
        return (
            None if step.a is None else self._a.runs[step.a].position,
            None if step.b is None else self._b.runs[step.b].position,
        )

    def _differing(self, step: Step) -> tuple[tuple[str, ...], bool]:
        """Return the names on the way that were left with other values; and if some are unknown."""
        ours = self._a.variables.get(step.a or "", {})
        theirs = self._b.variables.get(step.b or "", {})
        if step.a is None or step.b is None:
            return self._alone(step)
        differing, unknown = [], False
        for name in step.names:
            one, other = ours.get(name), theirs.get(name)
            if one is None or other is None:
                # A name that one trial has no use for: the code that uses it will tell.
                continue
            verdict = differences.same_value(one, other)
            if verdict == "different":
                differing.append(name)
            unknown = unknown or verdict == "unknown"
        return tuple(differing), unknown

    def _alone(self, step: Step) -> tuple[tuple[str, ...], bool]:
        """Return the names a run of one trial left that the other trial has with other values."""
        mine, other = (self._b, self._a) if step.a is None else (self._a, self._b)
        run = step.b or step.a or ""
        differing, unknown = [], False
        for name in step.names:
            value = mine.variables.get(run, {}).get(name)
            known = [left[name] for left in other.variables.values() if name in left]
            if value is None or not known:
                continue
            verdicts = {differences.same_value(value, each) for each in known}
            if "equal" not in verdicts:
                if "different" in verdicts:
                    differing.append(name)
                else:
                    unknown = True
        return tuple(differing), unknown

    def _causes(self, step: Step) -> tuple[tuple[Cause, ...], tuple[str, ...]]:
        """Return what differed at a run itself, in a word and in detail."""
        a, b = self._a, self._b
        if step.a is None or step.b is None:
            return ("presence",), (f"only {'b' if step.a is None else 'a'} ran it",)
        causes: list[Cause] = []
        what: list[str] = []
        codes = {run.id: run.ast_hash for run in (*a.aligned, *b.aligned)}
        if codes[step.a] != codes[step.b]:
            causes.append("code")
            what += self._values(step)
        elif changes := differences.arguments(a.calls.get(step.a, ()), b.calls.get(step.b, ())):
            causes.append("arguments")
            what += [f"{each.parameter} {each.a} → {each.b}" for each in changes[:_LISTED]]
        if moved := self._other_sources(step):
            causes.append("order")
            what += moved
        if read := [
            change
            for change in differences.files(a.files.get(step.a, ()), b.files.get(step.b, ()))
            if change.mode.startswith("r")
        ]:
            causes.append("files")
            what += [change.path for change in read[:_LISTED]]
        states = differences.randomness(
            (a.generators.get(step.a, {}), a.unseeded.get(step.a, ())),
            (b.generators.get(step.b, {}), b.unseeded.get(step.b, ())),
        )
        unseeded = a.unseeded.get(step.a, ()) or b.unseeded.get(step.b, ())
        if states or (unseeded and not causes):
            causes.append("randomness")
            what += [
                f"{each.generator}: {each.a or 'unused'} → {each.b or 'unused'}" for each in states
            ] or list(unseeded[:_LISTED])
        if not causes and a.packages and b.packages and a.packages != b.packages:
            causes.append("packages")
        return tuple(causes), tuple(what)

    def _values(self, step: Step) -> list[str]:
        changes = {
            each.name: each
            for each in differences.variables(
                self._a.variables.get(step.a or "", {}), self._b.variables.get(step.b or "", {})
            )
        }
        shown = [changes[name] for name in step.names if name in changes]
        return [
            f"{each.name} {each.a} → {each.b}"
            for each in shown
            if each.a and each.b and differences.is_setting(each.a)
        ]

    def _other_sources(self, step: Step) -> list[str]:
        """Return the names that came from runs that are not each other's partners."""
        ours = self._a.sources.get(step.a or "", {})
        theirs = self._b.sources.get(step.b or "", {})
        found = []
        for name in sorted(ours.keys() & theirs.keys()):
            one, other = ours[name], theirs[name]
            if self._partner_a.get(other) == one:
                continue
            value_a = self._a.variables.get(one, {}).get(name)
            value_b = self._b.variables.get(other, {}).get(name)
            if value_a and value_b and differences.same_value(value_a, value_b) == "equal":
                continue
            found.append(
                f"{name} came from run {self._a.runs[one].position} → "
                f"{self._b.runs[other].position}"
            )
        return found

    def _stages(self, step: Step) -> tuple[str, ...]:
        return self._b.stages.get(step.b or "") or self._a.stages.get(step.a or "") or ()

    def _label(self, step: Step) -> str:
        record, run = (self._b, step.b) if step.b is not None else (self._a, step.a)
        return next(first_line(each.source) for each in record.aligned if each.id == run)


def _closure(record: TrialRecord, run: str, name: str) -> dict[str, set[str]]:
    """Return the runs that a run's values came from, itself included, with the names that count.

    A run that was never finished may depend on itself; each is visited once.
    """
    needed: dict[str, set[str]] = {run: {name}}
    waiting = [run]
    while waiting:
        for variable, source in record.sources.get(waiting.pop(), {}).items():
            if source not in needed:
                needed[source] = set()
                waiting.append(source)
            needed[source].add(variable)
    return needed
