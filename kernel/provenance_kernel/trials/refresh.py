"""Which stale cells to run again, in which order, so that what they made follows again.

The order is that of what reads from what, and otherwise that in which the cells last ran.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from peewee import Database

from provenance_kernel.errors import SettingError
from provenance_kernel.records import Trial
from provenance_kernel.trials.answer import Answer, Tabular, plain
from provenance_kernel.trials.history import Run
from provenance_kernel.trials.query.filters import closest
from provenance_kernel.trials.stale import Cells, StaleCell, look, told


@dataclass(frozen=True, slots=True)
class Step:
    """A cell to run: why, and its present source with the metadata that it last had."""

    cell: StaleCell
    source: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Plan(Tabular, Answer):
    """The stale cells of a trial in the order in which they are to run.

    `names` are those that are to follow again, or none for all. `cells` counts all cells, and
    `edits` tells whether it is known which were edited since.
    """

    trial: str
    names: tuple[str, ...]
    steps: tuple[Step, ...]
    cells: int
    edits: bool

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each cell."""
        return [plain(each.cell) for each in self.steps]


def plan(database: Database, names: Collection[str] = (), trial: str | Trial = "latest") -> Plan:
    """Return which cells to run for all, or for these names, to follow again.

    Raises `SettingError` for a name that no cell has made.
    """
    looked = look(database, trial, None)
    cells, sources = looked.cells, looked.sources or {}
    wanted = set(looked.why)
    if names:
        wanted &= _above(cells, [_maker(cells, name) for name in names])
    steps = []
    for key in in_order(cells, wanted):
        run = cells.last[key]
        source = sources.get(run.cell_id or "", run.source)
        steps.append(Step(told(run, looked.why[key]), source, _metadata(run)))
    return Plan(
        looked.trial.id, tuple(names), tuple(steps), len(cells.last), looked.sources is not None
    )


def _maker(cells: Cells, name: str) -> str:
    """Return the cell that made a name last."""
    made: dict[str, tuple[int, str]] = {}
    for key, run in cells.last.items():
        for each in (*run.left, *(value.name for value in run.values)):
            made[each] = max(made.get(each, (0, "")), (run.position, key))
    if name not in made:
        raise SettingError(f"{name}: no cell has made it{closest(name, sorted(made))}")
    return made[name][1]


def _above(cells: Cells, keys: Iterable[str]) -> set[str]:
    """Return cells and all that they come from."""
    sources = defaultdict(list)
    for source, users in cells.users.items():
        for user, _ in users:
            sources[user].append(source)
    pending, found = list(keys), set(keys)
    while pending:
        for each in sources[pending.pop()]:
            if each not in found:
                found.add(each)
                pending.append(each)
    return found


def in_order(cells: Cells, wanted: Collection[str]) -> list[str]:
    """Return cells with those first that they read from.

    Of cells that read from each other the one that ran first comes first.
    """
    waits = dict.fromkeys(wanted, 0)
    users: dict[str, set[str]] = {
        key: {user for user, _ in cells.users.get(key, ()) if user in waits and user != key}
        for key in wanted
    }
    for each in users.values():
        for user in each:
            waits[user] += 1
    # By what they wait for: what waits for nothing goes before what is in a circle.
    heap: list[tuple[int, int, str]] = []
    for key, number in waits.items():
        heappush(heap, (number, cells.last[key].position, key))
    found: dict[str, None] = {}
    while heap:
        number, _, key = heappop(heap)
        if key in found or number != waits[key]:
            continue
        found[key] = None
        for user in users[key]:
            if user not in found:
                waits[user] -= 1
                heappush(heap, (waits[user], cells.last[user].position, user))
    return list(found)


def _metadata(run: Run) -> dict[str, Any]:
    """Return the metadata of a cell as far as its record tells: tags, and stages that it gave."""
    stages: Sequence[str] = [each.label for each in run.tags if each.origin == "metadata"]
    return {
        **({"tags": list(run.cell_tags)} if run.cell_tags else {}),
        **({"provenance": {"stage": list(stages)}} if stages else {}),
    }
