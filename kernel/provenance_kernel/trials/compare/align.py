"""Which cells of two trials are the same cell: by id, by code, by likeness; and which were moved.

A cell is what was run under one id or, where the frontend gave none, with one code. It counts as
it ran last. Code that is the same goes before an id that is: ids survive copying, and some tools
number cells from one on, so that an id alone may name another cell.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from heapq import merge
from itertools import islice
from typing import Literal

from provenance_kernel.trials.history import Run

Match = Literal["id", "code", "ast", "similarity"]

# VS Code and others send the address of a document in an editor, another one in each window.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_TOKEN = re.compile(r"\w+|[^\w\s]")
_LIKENESS = 0.5
# What bounds the cost: tokens of a cell that are looked at, and pairs of cells that are compared.
_TOKENS = 400
_PAIRS = 4000


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a trial: its runs in order, of which the last counts."""

    runs: tuple[Run, ...]

    @property
    def last(self) -> Run:
        """The run that counts."""
        return self.runs[-1]


@dataclass(frozen=True, slots=True)
class CellPair:
    """A cell in both trials, or in one; `passed` are cells of `b` that it changed places with."""

    a: Cell | None
    b: Cell | None
    match: Match | None = None
    passed: tuple[Cell, ...] = ()


def align(a: Sequence[Run], b: Sequence[Run]) -> list[CellPair]:
    """Return every cell of two trials once, in the order of `b`, those of `a` alone in between."""
    ours, theirs = cells(a), cells(b)
    matches = _match(ours, theirs)
    passed = _moves(ours, theirs, matches)
    by_b = {at_b: at_a for at_a, (at_b, _) in matches.items()}
    pairs: list[CellPair] = []
    shown = 0
    for at, cell in enumerate(theirs):
        if at not in by_b:
            pairs.append(CellPair(None, cell))
            continue
        partner = by_b[at]
        # What only `a` has stands before the first cell that followed it there.
        for early in range(shown, partner):
            if early not in matches:
                pairs.append(CellPair(ours[early], None))
        shown = max(shown, partner)
        pairs.append(CellPair(ours[partner], cell, matches[partner][1], passed.get(at, ())))
    pairs += [CellPair(ours[at], None) for at in range(shown, len(ours)) if at not in matches]
    return pairs


def cells(runs: Sequence[Run]) -> list[Cell]:
    """Return the cells that were run, in the order in which each ran last."""
    grouped: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        identity = cell_identity(run.cell_id)
        key = ("code", run.code_hash) if identity is None else ("id", identity)
        grouped.setdefault(key, []).append(run)
    found = (Cell(tuple(group)) for group in grouped.values())
    return sorted(found, key=lambda cell: cell.last.position)


def cell_identity(cell_id: str | None) -> str | None:
    """Return a cell's id where it means the same in another trial."""
    return None if not cell_id or _ADDRESS.match(cell_id) else cell_id


def _match(ours: list[Cell], theirs: list[Cell]) -> dict[int, tuple[int, Match]]:
    """Return the partner of each cell of `a` that has one, and how it was found."""
    found: dict[int, tuple[int, Match]] = {}
    free_a, free_b = dict.fromkeys(range(len(ours))), dict.fromkeys(range(len(theirs)))

    def pair(at_a: int, at_b: int, match: Match) -> None:
        found[at_a] = at_b, match
        del free_a[at_a], free_b[at_b]

    def by(match: Match, key: Callable[[Cell], Hashable]) -> None:
        waiting: dict[Hashable, list[int]] = {}
        for at in free_b:
            waiting.setdefault(key(theirs[at]), []).append(at)
        for at in list(free_a):
            mine = key(ours[at])
            if mine is not None and waiting.get(mine):
                pair(at, waiting[mine].pop(0), match)

    def identity(cell: Cell) -> str | None:
        return cell_identity(cell.last.cell_id)

    def named_code(cell: Cell) -> Hashable:
        name = identity(cell)
        return None if name is None else (name, cell.last.ast_hash)

    by("id", named_code)
    same = {ours[at].last.ast_hash for at in free_a} & {theirs[at].last.ast_hash for at in free_b}
    by("id", lambda cell: None if cell.last.ast_hash in same else identity(cell))
    by("code", lambda cell: cell.last.code_hash)
    by("ast", lambda cell: cell.last.ast_hash)
    by("id", identity)
    for at_a, at_b in _similar(ours, theirs, free_a, free_b):
        if at_a in free_a and at_b in free_b:
            pair(at_a, at_b, "similarity")
    return found


def _similar(
    ours: list[Cell], theirs: list[Cell], free_a: Iterable[int], free_b: Iterable[int]
) -> list[tuple[int, int]]:
    """Return pairs of cells whose code is alike, the most alike and the nearest first."""
    left = {at: _tokens(ours[at]) for at in free_a}
    right = {at: _tokens(theirs[at]) for at in free_b}
    scale = len(theirs) / max(len(ours), 1)
    places = sorted(right)

    def nearest(at_a: int) -> Iterator[tuple[float, int, int]]:
        after = bisect_left(places, at_a * scale)
        before = after - 1
        while before >= 0 or after < len(places):
            found = [
                (abs(at_a * scale - places[at]), at_a, places[at])
                for at in (before, after)
                if 0 <= at < len(places)
            ]
            yield (first := min(found))
            before, after = (before - 1, after) if first[2] < at_a * scale else (before, after + 1)

    scored = []
    for distance, at_a, at_b in islice(merge(*map(nearest, left)), _PAIRS):
        if (ratio := _ratio(left[at_a], right[at_b])) >= _LIKENESS:
            scored.append((-ratio, distance, at_a, at_b))
    return [(at_a, at_b) for _, _, at_a, at_b in sorted(scored)]


def _tokens(cell: Cell) -> list[str]:
    return _TOKEN.findall(cell.last.source[: _TOKENS * 20])[:_TOKENS]


def _ratio(one: list[str], other: list[str]) -> float:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if matcher.real_quick_ratio() < _LIKENESS or matcher.quick_ratio() < _LIKENESS:
        return 0.0
    return matcher.ratio()


def _moves(
    ours: list[Cell], theirs: list[Cell], matches: dict[int, tuple[int, Match]]
) -> dict[int, tuple[Cell, ...]]:
    """Return, for cells of `b` that left the order of `a`, the cells that they changed sides of.

    The longest run of cells that kept their order is taken to have stayed.
    """
    order = [(at_b, at_a) for at_a, (at_b, _) in matches.items()]
    order.sort()
    stayed = _longest_increasing([at_a for _, at_a in order])
    moved = {}
    for place, (at_b, at_a) in enumerate(order):
        if place in stayed:
            continue
        moved[at_b] = tuple(
            theirs[other_b] for other_b, other_a in order if (other_b < at_b) != (other_a < at_a)
        )
    return {at: passed for at, passed in moved.items() if passed}


def _longest_increasing(values: Sequence[int]) -> set[int]:
    """Return the places of a longest increasing subsequence of distinct values."""
    ends: list[int] = []
    places: list[int] = []
    before: list[int] = []
    for place, value in enumerate(values):
        at = bisect_left(ends, value)
        before.append(places[at - 1] if at else -1)
        ends[at : at + 1] = [value]
        places[at : at + 1] = [place]
    kept: set[int] = set()
    place = places[-1] if places else -1
    while place >= 0:
        kept.add(place)
        place = before[place]
    return kept
