"""Why a run left another value than its partner in another trial: what differed at it itself."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from provenance_kernel.parsing import parse_cell
from provenance_kernel.records import Statement
from provenance_kernel.trials.compare import differences
from provenance_kernel.trials.history import History, Run
from provenance_kernel.types import Json

Cause = Literal[
    "parameter",
    "code",
    "arguments",
    "order",
    "files",
    "randomness",
    "presence",
    "packages",
    "unknown",
]
# How a file is named among the names that a run left.
FILE = "%file:"
# By a run's id, the runs that it read of, each with the name; and below, its cell's other run.
Links = Mapping[str, Sequence[tuple[str, str]]]
Partners = dict[str, Run]
_LISTED = 4
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Waypoint:
    """A run in one or both trials, on the way to a metric, and the names that went on from it."""

    a: Run | None
    b: Run | None
    names: tuple[str, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """The run in both trials, the later trial's first."""
        return tuple(run for run in (self.b, self.a) if run is not None)

    @property
    def positions(self) -> tuple[int | None, int | None]:
        """The positions of the run in both trials."""
        a, b = (None if run is None else run.position for run in (self.a, self.b))
        return a, b


class Causes:
    """Names causes on one way, each once: what follows from one that was named is none."""

    def __init__(
        self, a: History, b: History, partners: Partners, links: Links, way: Sequence[Waypoint]
    ) -> None:
        self._a, self._b, self._partners = a, b, partners
        self._links, self._way = links, way
        self._told: set[str] = set()

    def at(
        self, point: Waypoint, names: Sequence[str], follows: bool
    ) -> tuple[tuple[Cause, ...], tuple[str, ...]]:
        """Return the causes at a run that left `names` with other values, in words and in detail.

        `follows` tells whether it read what differed already: only what differs of its own accord
        is then a cause.
        """
        a, b = point.a, point.b
        causes: dict[Cause, list[str]] = {}
        edited = a is None or b is None or a.ast_hash != b.ast_hash
        changed = self._parameters(point) if edited or not follows else {}
        if changed:
            causes["parameter"] = [f"{name} {_pair(*pair)}" for name, pair in changed.items()]
        if a is None or b is None:
            if not changed or not changed.keys() >= set(names):
                causes["presence"] = [f"only {'b' if a is None else 'a'} ran it"]
            return _told(causes)
        if edited and _matters(a, b, names, changed.keys()):
            causes["code"] = [*_settings(a, b, names, changed)]
        elif not (edited or follows or changed) and (found := differences.arguments(a, b)):
            causes["arguments"] = [f"{x.parameter} {x.a} → {x.b}" for x in found[:_LISTED]]
        if moved := self._other_sources(a, b):
            causes["order"] = moved
        if read := self._files(a, b):
            causes["files"] = read
        if drawn := self._randomness(a, b, alone=not (causes or follows), follows=follows):
            causes["randomness"] = drawn
        if not causes and not follows and (packages := self._packages()):
            causes["packages"] = packages
        return _told(causes)

    def _parameters(self, point: Waypoint) -> dict[str, tuple[Json, Json]]:
        """Return both values of the parameters that the run set and that are others."""
        found = {}
        ours, theirs = (_given(() if run is None else (run,)) for run in (point.a, point.b))
        if point.a is None:
            ours = _given(each.a for each in self._way if each.a is not None)
        if point.b is None:
            theirs = _given(each.b for each in self._way if each.b is not None)
        for name in ours.keys() & theirs.keys():
            if ours[name] != theirs[name]:
                found[name] = ours[name], theirs[name]
        return dict(sorted(found.items()))

    def _other_sources(self, a: Run, b: Run) -> list[str]:
        """Return the names that came from another cell, though both trials ran both cells.

        Where one of them left the name in one trial only, its code tells, or that it was run.
        """
        found = []
        for name in sorted(a.sources.keys() & b.sources.keys() - self._told):
            one = self._a.by_id.get(a.sources[name])
            other = self._b.by_id.get(b.sources[name])
            if one is None or other is None or self._partners.get(other.id) is one:
                continue
            its, mine = self._partners.get(one.id), self._partners.get(other.id)
            if its is None or mine is None or name not in its.left or name not in mine.left:
                continue
            if differences.same_value(one.left[name], other.left[name]) == "equal":
                continue
            self._told.add(name)
            found.append(f"{name} came from run {one.position} → {other.position}")
        return found

    def _files(self, a: Run, b: Run) -> list[str]:
        """Return the files that were read with another content, but for what both trials wrote."""
        made = {name for _, name in self._links[a.id]} & {name for _, name in self._links[b.id]}
        read = [each for each in differences.files(a, b) if each.mode.startswith("r")]
        paths = [x.path for x in read if FILE + x.path not in made and x.path not in self._told]
        self._told |= set(paths)
        return paths

    def _randomness(self, a: Run, b: Run, *, alone: bool, follows: bool) -> list[str]:
        """Return how the runs drew other numbers; where one generator did before, it goes on so."""
        unseeded = dict.fromkeys([*a.unseeded, *b.unseeded])
        # Of one that was seeded, the numbers are others because of what came before.
        found = [
            f"{each.generator}: {each.a or 'unused'} → {each.b or 'unused'}"
            for each in differences.randomness(a, b)
            if each.generator
            and f"{each.generator}:" not in self._told
            and (not follows or any(x.startswith(f"{each.generator}:") for x in unseeded))
        ]
        self._told |= {f"{each.partition(':')[0]}:" for each in found}
        others = [each for each in unseeded if each.partition(":")[0] + ":" not in self._told]
        if not found and alone:
            self._told |= {f"{each.partition(':')[0]}:" for each in others}
            return others[:_LISTED]
        return found

    def _packages(self) -> list[str]:
        ours, theirs = self._a.packages, self._b.packages
        if not ours or not theirs or ours == theirs:
            return []
        names = [x for x in sorted({*ours, *theirs}) if ours.get(x) != theirs.get(x)]
        more = len(names) - _LISTED
        told = [f"{x} {ours.get(x, 'none')} → {theirs.get(x, 'none')}" for x in names[:_LISTED]]
        return told + ([f"{more} more"] if more > 0 else [])


def links_of(history: History) -> dict[str, list[tuple[str, str]]]:
    """Return, by run, the runs that it read of and the names, or the files that those wrote."""
    found: dict[str, list[tuple[str, str]]] = {}
    writers: dict[str, str] = {}
    for run in history.runs:
        sources = ((each.source_cell_run_id, each.variable) for each in run.dependencies)
        found[run.id] = [each for each in sources if each[0] in history.by_id]
        read = (x.path for x in run.files if x.read and x.path in writers)
        found[run.id] += [(writers[path], FILE + path) for path in read]
        writers |= {each.path: run.id for each in run.files if each.written}
    return found


def _told(causes: dict[Cause, list[str]]) -> tuple[tuple[Cause, ...], tuple[str, ...]]:
    return tuple(causes), tuple(text for each in causes.values() for text in each)


def _given(runs: Iterable[Run]) -> dict[str, Json]:
    """Return the parameters that runs set, as each was last."""
    ordered = sorted(runs, key=lambda run: run.position)
    return {x.name: x.value for run in ordered for x in run.values if x.role == "parameter"}


def _pair(a: Json, b: Json) -> str:
    a, b = (each if isinstance(each, str) else repr(each) for each in (a, b))
    short = [x if len(x) <= _LONGEST else f"{x[: _LONGEST - 1]}…" for x in (a, b)]
    return " → ".join(short) if short[0] != short[1] else "changed"


def _settings(a: Run, b: Run, names: Sequence[str], told: Mapping[str, object]) -> Iterator[str]:
    changes = {each.name: each for each in differences.variables(a, b)}
    for each in (changes[name] for name in names if name in changes and name not in told):
        if each.a and each.b and differences.is_setting(each.a):
            yield f"{each.name} {each.a} → {each.b}"


def _matters(a: Run, b: Run, names: Sequence[str], parameters: Set[str]) -> bool:
    """Tell whether a statement that was edited has to do with names, beyond setting parameters.

    Where the statements were not recorded, or cannot be told apart, an edit of the cell does.
    """
    edited = _edited(a, b)
    if edited is None or not a.left.keys() & b.left.keys() >= set(names):
        return not parameters or not parameters >= set(names)
    return any(
        at in places and not (row.writes and parameters >= set(row.writes) and not row.changes)
        for run, places in zip((a, b), edited, strict=True)
        for at, row in _leading_to(run.statements, names)
    )


def _edited(a: Run, b: Run) -> tuple[set[int], set[int]] | None:
    """Return the places of the statements that one has and the other has not."""
    try:
        ours, theirs = ([ast.dump(x) for x in parse_cell(run.source).body] for run in (a, b))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if len(ours) != len(a.statements) or len(theirs) != len(b.statements):
        return None
    found: tuple[set[int], set[int]] = set(), set()
    matcher = SequenceMatcher(None, ours, theirs, autojunk=len(ours) > 200)
    for tag, start_a, end_a, start_b, end_b in matcher.get_opcodes():
        if tag != "equal":
            found[0].update(range(start_a, end_a))
            found[1].update(range(start_b, end_b))
    return found


def _leading_to(rows: Sequence[Statement], names: Sequence[str]) -> Iterator[tuple[int, Statement]]:
    """Give the statements that may have to do with what names are left, from the last."""
    needed = set(names)
    for at in range(len(rows) - 1, -1, -1):
        row = rows[at]
        if row.opaque or not needed.isdisjoint([*row.writes, *row.changes]):
            needed.update(row.reads)
            yield at, row
