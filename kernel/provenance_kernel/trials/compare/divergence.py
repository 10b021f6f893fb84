"""The first run from which two trials diverge, on the way to a metric, and the causes.

The runs that a metric came from are walked in the order in which they ran, in both trials side by
side. The first that left another value on that way, or that only one trial has, is where results
diverge: whatever it read had the same content. What differed there is why. Later runs are told
where something differs at them that does not follow from what differed before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from provenance_kernel.records import FileAccess, Variable
from provenance_kernel.trials.compare import differences
from provenance_kernel.trials.compare.align import CellPair
from provenance_kernel.trials.compare.causes import (
    FILE,
    Cause,
    Causes,
    Partners,
    Waypoint,
    links_of,
)
from provenance_kernel.trials.compare.differences import Verdict
from provenance_kernel.trials.history import History, Run
from provenance_kernel.trials.source import first_line

Held: TypeAlias = Variable | FileAccess


@dataclass(frozen=True, slots=True)
class Later:
    """A later run on the way that differs of its own accord, and what differed there."""

    position_a: int | None
    position_b: int | None
    causes: tuple[Cause, ...]
    what: tuple[str, ...]


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


class Divergences:
    """Finds where the metrics of two trials that were aligned diverge."""

    def __init__(self, a: History, b: History, pairs: list[CellPair]) -> None:
        self._a, self._b = a, b
        self._links = links_of(a) | links_of(b)
        self._left_a, self._left_b = _left(a), _left(b)
        self._partners: Partners = {}
        for pair in pairs:
            if pair.a is None or pair.b is None:
                continue
            # The last run counts, so runs of a cell are paired from the last one back.
            for one, other in zip(reversed(pair.a.runs), reversed(pair.b.runs), strict=False):
                self._partners |= {one.id: other, other.id: one}

    def of(self, name: str, run_a: str, run_b: str) -> Divergence | None:
        """Return where the value `name`, tracked as another by these runs, diverged, if known."""
        way = self._way(name, run_a, run_b)
        causes = Causes(self._a, self._b, self._partners, self._links, way)
        found: list[tuple[Waypoint, tuple[str, ...], tuple[Cause, ...], tuple[str, ...]]] = []
        # By run, the names that it left with another value.
        changed: dict[str, frozenset[str]] = {}
        certain = True
        for point in way:
            # In two moments of one trial the run of the first is in both.
            sides = ((point.a, run_a), (point.b, run_b))
            ends = all(run is None or run.id == last for run, last in sides)
            names, unknown = self._differing(point, {name} if ends else ())
            if not names:
                certain = certain and (not unknown or bool(found))
                continue
            follows = any(
                variable in changed.get(source, ())
                for run in point.runs
                for source, variable in self._links[run.id]
            )
            changed |= {run.id: frozenset(names) for run in point.runs}
            why, what = causes.at(point, names, follows)
            if why or not found:
                found.append((point, names, why, what))
        if not found:
            return None
        (first, names, why, what), *rest = found
        return Divergence(
            *first.positions,
            next((run.stages for run in first.runs if run.stages), ()),
            first_line(first.runs[0].source),
            why or ("unknown",),
            what,
            names,
            certain,
            tuple(Later(*point.positions, causes, said) for point, _, causes, said in rest),
        )

    def _way(self, name: str, run_a: str, run_b: str) -> list[Waypoint]:
        """Return the runs that the metric came from, paired, in the order of `b`."""
        needed_a, needed_b = (self._closure(run, name) for run in (run_a, run_b))
        way = []
        for other, names in needed_b.items():
            one = self._partners.get(other)
            also = set() if one is None else needed_a.pop(one.id, set())
            way.append(Waypoint(one, self._b.by_id[other], tuple(sorted(names | also))))
        way += [
            Waypoint(self._a.by_id[one], self._partners.get(one), tuple(sorted(names)))
            for one, names in needed_a.items()
        ]
        return sorted(way, key=self._when)

    def _when(self, point: Waypoint) -> tuple[float, int]:
        place_a, place_b = point.positions
        if place_b is not None:
            return place_b, 1
        # What only `a` has comes before the run that followed it there.
        after = (
            self._partners[run.id].position
            for run in self._a.runs
            if run.position > (place_a or 0) and run.id in self._partners
        )
        return min(after, default=float("inf")), 0

    def _differing(self, point: Waypoint, tracked: Iterable[str]) -> tuple[tuple[str, ...], bool]:
        """Return the names on the way that were left with other values; and if some are unknown.

        Those of `tracked` are known to be others.
        """
        differing, unknown = [], False
        for name in point.names:
            verdicts = self._verdicts(point, name)
            if name in tracked:
                verdicts = {"different"}
            # Where no run of the other trial left the name, the code that uses it will tell.
            if not verdicts or "equal" in verdicts:
                continue
            if "different" in verdicts:
                differing.append(name)
            else:
                unknown = True
        return tuple(differing), unknown

    def _verdicts(self, point: Waypoint, name: str) -> set[Verdict]:
        """Compare what the runs left in a name; what one alone left, with all the other trial's."""
        ours, theirs = (
            everything.get(name, []) if run is None or (own := _held(run, name)) is None else [own]
            for run, everything in ((point.a, self._left_a), (point.b, self._left_b))
        )
        return {_same(mine, its) for mine in ours for its in theirs}

    def _closure(self, run: str, name: str) -> dict[str, set[str]]:
        """Return the runs that a value came from, its own included, with the names that count.

        A run that was never finished may depend on itself; each is visited once.
        """
        needed: dict[str, set[str]] = {run: {name}}
        waiting = [run]
        while waiting:
            for source, variable in self._links[waiting.pop()]:
                if source not in needed:
                    needed[source] = set()
                    waiting.append(source)
                needed[source].add(variable)
        return needed


def _held(run: Run, name: str) -> Held | None:
    """Return what a run left in a name, or in a file that it wrote."""
    path = name.removeprefix(FILE)
    if path == name:
        return run.left.get(name)
    return next((each for each in run.files if each.path == path and each.written), None)


def _left(history: History) -> dict[str, list[Held]]:
    """Return what all runs left, by name, and by path the files that they wrote."""
    found: dict[str, list[Held]] = defaultdict(list)
    for run in history.runs:
        names = [*run.left, *{FILE + each.path: None for each in run.files if each.written}]
        for name in names:
            if (held := _held(run, name)) is not None:
                found[name].append(held)
    return found


def _same(one: Held, other: Held) -> Verdict:
    if isinstance(one, Variable) and isinstance(other, Variable):
        return differences.same_value(one, other)
    a, b = ((isinstance(x, FileAccess) and x.digest_after) or None for x in (one, other))
    return "unknown" if a is None or b is None else "equal" if a == b else "different"
