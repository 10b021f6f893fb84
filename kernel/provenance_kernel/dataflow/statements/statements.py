"""The statements of a session's runs: what each read, wrote, may have changed and called."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from provenance_kernel.dataflow.namespace import is_history
from provenance_kernel.dataflow.runs import Observed, RunUse
from provenance_kernel.dataflow.statements import harmless
from provenance_kernel.dataflow.statements.describe import Describer, Memory, is_code
from provenance_kernel.dataflow.statements.did import Did
from provenance_kernel.dataflow.statements.parts import IMPORTS
from provenance_kernel.dataflow.statements.sharing import Groups, KnownValues, Sharing
from provenance_kernel.records import FileAccess, RandomState, Statement
from provenance_kernel.types import RunStatus

_HIDDEN_USE = "which of its statements drew random numbers or used files is not known"


@dataclass(frozen=True, slots=True)
class Ran:
    """A run's statements before its values have been examined.

    `changes` are the names whose values they may have changed in place, `shared` those whose
    values shared parts with one's before the run. `apart` are names of models and pictures, which
    hold data and do not change it, with the names that may share other parts with them.
    """

    did: list[Did]
    use: RunUse
    groups: Groups
    shared: dict[str, set[str]]
    changes: frozenset[str]
    apart: dict[str, set[str]]
    memory: Memory

    def keep_pictures(self, where: str) -> None:
        """Let no other run go on with what this one draws: its figures are closed at its end."""
        for each in self.did:
            if harmless.PICTURES in each.changes:
                each.changes.remove(harmless.PICTURES)
                each.changes.add(f"{harmless.PICTURES}:{where}")

    def rows(self, run_id: str, changed: frozenset[str], used: Iterable[object]) -> list[Statement]:
        """Return a row for each statement, now that all values of the run have been examined.

        `changed` are the names whose values were changed in place, `used` the rows of the files
        and the random generators that the run used.
        """
        active = [each for each in self.did if each.status != "not_reached"]
        self._surroundings(active, [*used])
        members = self.groups.members()
        bound = self.use.writes | changed
        values = self.memory.values
        sharing = cache(values.sharing)
        for each in active:
            # An instance is what its class makes it.
            others = (other for name in each.reads for other in sharing(name))
            each.reads |= {name for name in others if is_code(values.type_of(name))}
            each.changes |= {name for name in each.used if not values.is_exact(name)}
            each.changes |= {name for name in each.vague if self._may_differ(name, bound)}
            each.reads |= each.changes
            if isinstance(each.node, IMPORTS):
                # It may draw numbers, and what it binds does not rest on them.
                each.reads -= {name for name in each.changes if name.startswith("%random:")}
            each.reads -= {name for name in each.certain if name.startswith("%")}
            near = self._near(each.changes - self.apart.keys(), members, sharing)
            near |= {
                name
                for name in self._near(each.changes & self.apart.keys(), self.apart, sharing)
                if not harmless.FRAMES.match(values.type_of(name) or "")
            }
            near -= each.changes
            each.changes |= {name for name in near if self._may_differ(name, bound)}
            # What was surely put into a value that looks the same after is seen by no digest.
            each.writes |= {name for name in each.stores if name not in changed}
        self._account(active, changed)
        self.memory.sharing.forget(self.use.deletes | (self.use.writes - self.use.reads))
        self.memory.sharing.keep(map(self._holders, _distinct(members.values())))
        return [each.row(run_id, position) for position, each in enumerate(self.did)]

    def _near(
        self,
        names: set[str],
        members: Mapping[str, set[str]],
        sharing: Callable[[str], Collection[str]],
    ) -> set[str]:
        """Return the names whose values may share parts with those of some."""
        near = set[str]().union(*(members.get(name, {name}) for name in names))
        near = near.union(*(self.shared.get(name, ()) for name in near))
        return near.union(*map(sharing, near))

    def _may_differ(self, name: str, bound: frozenset[str]) -> bool:
        """Tell whether a value may be another; a function or class that looks the same is not."""
        values = self.memory.values
        return name in bound or not (is_code(values.type_of(name)) and values.is_exact(name))

    def _holders(self, names: Iterable[str]) -> set[str]:
        """Return those names whose values can share parts with others at the end of a run."""
        return {
            name
            for name in names
            if name.startswith("%") or not harmless.is_scalar(self.memory.values.type_of(name))
        }

    def _surroundings(self, active: Sequence[Did], rows: Sequence[object]) -> None:
        """Let the statements that can have done so draw random numbers and use files."""
        files = [each for each in rows if type(each) is FileAccess]
        written = {f"%file:{each.path}" for each in files if each.written}
        self.memory.changing |= written
        used = {f"%file:{each.path}" for each in files} & self.memory.changing
        drawn = {f"%random:{each.generator}" for each in rows if type(each) is RandomState}
        for each in active:
            each.changes |= {f"%random:{name}" for name in each.draws} - each.certain
        if not (used or drawn):
            return
        # Many libraries draw a number as they are imported.
        imports = [each for each in active if isinstance(each.node, IMPORTS)]
        outward = [each for each in active if each.outward]
        for each in imports:
            each.changes |= drawn - each.certain
        for each in outward:
            each.changes |= (drawn | used) - each.certain
            holders = {
                name
                for name in each.writes
                if not harmless.HOLDS_NO_FILE.match(self.memory.values.type_of(name) or "")
            }
            if written and holders:
                self.groups.join(sorted(holders | written))
        unknown = used if len(imports) < len(active) else set()
        if (unknown or (drawn and not imports)) and not outward and active:
            active[-1].opaque = active[-1].opaque or _HIDDEN_USE
            active[-1].changes |= drawn | used

    def _account(self, active: Sequence[Did], mutated: frozenset[str]) -> None:
        """Say of a run what its statements do not account for, with those that may have done it."""
        written = set[str]().union(*(each.writes for each in active))
        gone = set[str]().union(*(each.certain for each in active))
        changed = set[str]().union(*(each.changes for each in active))
        hidden = {
            "bound": {name for name in self.use.writes - written if not is_history(name)},
            "deleted": self.use.deletes - gone - written,
            "changed": mutated - changed - written,
        }
        for verb, names in hidden.items():
            for each in _suspects(active) if names else ():
                each.opaque = (
                    each.opaque or f"the source does not show how it {verb} {_listed(names)}"
                )
                each.writes |= names if verb != "changed" else set()
                each.changes |= names if verb == "changed" else set()
                each.reads |= names


class Statements:
    """The statements of one session's runs, and what the session's names stand for meanwhile."""

    def __init__(self, values: KnownValues) -> None:
        self._memory = Memory(values, Sharing(values))

    def describe(
        self,
        tree: ast.Module,
        use: RunUse,
        observed: Observed,
        namespace: Mapping[str, Any],
        *,
        hidden: Mapping[str, object],
        status: RunStatus,
        results: Mapping[int, str | None],
        skipped: int = 0,
    ) -> Ran:
        """Return what the statements of a run did, before its values are examined.

        `results` has, by line, what the last call there is known to have given; `skipped` is the
        number of lines of the source that the tree has not.
        """
        run = Describer(self._memory, use, observed, namespace, hidden, results)
        did = run.statements(tree, status)
        for each in did:
            each.line, each.end = each.line + skipped, each.end + skipped
        touched = set[str]().union(*(each.changes | each.vague for each in did))
        members = run.groups.members()
        near = {each for name in touched for each in members.get(name, {name})}
        shared = {name: self._memory.sharing.of(name) for name in near & use.reads}
        every = near.union(*shared.values())
        changes = frozenset(every.intersection(namespace))
        held = run.apart.members()
        apart = {name: held.get(name, {name}) for name in every if run.leaves_data(name)}
        return Ran(did, use, run.groups, shared, changes, apart, self._memory)


def _suspects(active: Sequence[Did]) -> Sequence[Did]:
    """Return the statements that may have done what the source does not show."""
    return [each for each in active if each.outward or each.opaque] or active[-1:]


def _distinct(groups: Iterable[set[str]]) -> list[set[str]]:
    return [*{id(group): group for group in groups}.values()]


def _listed(names: Iterable[str]) -> str:
    found = sorted(names)
    return ", ".join(found[:4]) + (", …" if len(found) > 4 else "")
