"""What a value of a trial came from, and what was made from it: runs, names, calls and files.

Runs are followed along the recorded dependencies, but for imported names; a name that a run bound
or changed is a node of its own. A graph of more than `BOUND` nodes is folded: one node for each
stage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Literal

from peewee import Database

from provenance_kernel.records import Statement, Trial
from provenance_kernel.trials.answer import Answer
from provenance_kernel.trials.history import OUTSIDE, History, Run, bounded, left_out, read_history
from provenance_kernel.trials.query.naming import find_trial
from provenance_kernel.trials.slicing.slice import target
from provenance_kernel.trials.slicing.text import texts_of
from provenance_kernel.trials.source import first_line

BOUND = 120
CALLS_PER_RUN = 6
FILES_PER_RUN = 20
_LONGEST = 60
# What is said of an opaque value after a run that may have changed it.
MAY = "may have been changed, which cannot be seen"

Kind = Literal["value", "variable", "run", "call", "file", "tracked", "stage"]
Direction = Literal["source", "target", "result"]


@dataclass(frozen=True, slots=True)
class Node:
    """A thing in a lineage; `side` tells whether the value came from it or it from the value.

    `position` is that of the cell run it is of; `detail` is its source line, arguments or repr.
    """

    id: str
    kind: Kind
    label: str
    side: Direction
    stage: str | None = None
    position: int | None = None
    detail: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """`target` came from `source`; both are ids of nodes."""

    source: str
    target: str
    label: str


@dataclass(frozen=True)
class Lineage(Answer):
    """Where a value came from and what came of it. `root` is the id of the value's node.

    `folded` is the number of nodes that were folded into stages, or None; `left_out` says which
    runs were not looked at, if there are so many.
    """

    trial: str
    name: str
    position: int
    root: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    folded: int | None = None
    stages: tuple[str, ...] = field(default=())
    left_out: str | None = None


def lineage_of(
    database: Database, name: str, trial: str | Trial = "latest", bound: int = BOUND
) -> Lineage:
    """Return the lineage of a variable, tracked value or metric of a trial.

    It is folded where it has more nodes than `bound`. Raises `SettingError` for a name that the
    trial does not have, naming the closest.
    """
    found = trial if isinstance(trial, Trial) else find_trial(database, trial)
    found = bounded(database, found, name)
    history = read_history(database, found)
    variable, index = target(history, name)
    graph = _Graph(history, bound)
    graph.trace(name, variable, history.runs[index])
    nodes, edges = tuple(graph.nodes.values()), tuple(graph.edges)
    folded = None
    if len(nodes) > bound:
        folded = len(nodes)
        nodes, edges = _folded(nodes, edges, graph.root, bound)
    return Lineage(
        trial=found.id,
        name=name,
        position=history.runs[index].position,
        root=graph.root,
        nodes=nodes,
        edges=edges,
        folded=folded,
        stages=tuple(dict.fromkeys(stage for run in history.runs for stage in run.stages[:1])),
        left_out=left_out(found),
    )


class _Graph:
    def __init__(self, history: History, bound: int) -> None:
        self._bound = bound
        self.nodes: dict[str, Node] = {}
        self.edges: dict[Edge, None] = {}
        self.root = ""
        self._runs = history.by_id
        self._made: dict[str, dict[str, None]] = defaultdict(dict)
        self._users: dict[tuple[str, str], list[Run]] = defaultdict(list)
        self._imported = {run.id: _imports(run) for run in history.runs}
        self._outside = _outside(history)
        for run in history.runs:
            for each in run.dependencies:
                source, name = each.source_cell_run_id, each.variable
                if not self._is_library(source, name):
                    self._users[source, name].append(run)

    def trace(self, name: str, variable: str, run: Run) -> None:
        """Follow a value's name both ways from the run that left it."""
        self.root = self._variable(variable, run, "target", "value", name)
        self._back(run, self.root)
        self._forward(variable, run)
        self._say_how()

    def _back(self, first: Run, made: str) -> None:
        self._link(self._run(first, "source"), made, "made")
        pending, done = [first], {first.id}
        while pending:
            run = pending.pop()
            node = self._run(run, "source")
            self._surroundings(run, node, "source")
            for name, finder in self._outside[run.id]:
                changed = f"{OUTSIDE}, before run {finder.position}"
                where = f"name:{name}@before {finder.position}"
                self._add(Node(where, "variable", name, "source", None, None, changed))
                self._link(where, node, "read")
            for each in run.dependencies:
                source, name = each.source_cell_run_id, each.variable
                if source not in self._runs or self._is_library(source, name):
                    continue
                other = self._runs[source]
                variable = self._variable(name, other, "source")
                if each.evidence == "inferred":
                    self.nodes[variable] = replace(self.nodes[variable], detail=MAY)
                self._link(self._run(other, "source"), variable, "made")
                self._link(variable, node, "read")
                if source not in done:
                    done.add(source)
                    pending.append(other)

    def _forward(self, variable: str, run: Run) -> None:
        pending, done = [(variable, run)], {(variable, run.id)}
        for value in run.values:
            if value.name.partition(".")[0].partition("[")[0] == variable:
                self._tracked(run, value.name, value.role, str(value.value), self.root)
        while pending:
            name, maker = pending.pop()
            source = self._variable(name, maker, "result")
            for user in self._users[maker.id, name]:
                node = self._run(user, "result")
                self._link(source, node, "read")
                if (node, "") not in done:
                    done.add((node, ""))
                    self._surroundings(user, node, "result")
                    for value in user.values:
                        self._tracked(user, value.name, value.role, str(value.value), node)
                for made in sorted(user.names("write", "mutate")):
                    if self._is_library(user.id, made):
                        continue
                    used = self._users[user.id, made]
                    if (
                        not used
                        and made not in user.names("mutate")
                        and len(self.nodes) > self._bound
                    ):
                        continue
                    self._link(node, self._variable(made, user, "result"), "made")
                    if (made, user.id) not in done:
                        done.add((made, user.id))
                        pending.append((made, user))

    def _is_library(self, run: str, name: str) -> bool:
        """Tell whether a name was imported by a run: where code comes from, not values."""
        return name in self._imported.get(run, ())

    def _link(self, source: str, target: str, label: str) -> None:
        self.edges[Edge(source, target, label)] = None

    def _add(self, node: Node) -> str:
        self.nodes.setdefault(node.id, node)
        return node.id

    def _run(self, run: Run, side: Direction) -> str:
        return self._add(
            Node(
                f"run:{run.position}",
                "run",
                f"run {run.position}" + (f" ({', '.join(run.stages)})" if run.stages else ""),
                side,
                run.stages[0] if run.stages else None,
                run.position,
                _cut(first_line(run.source)),
            )
        )

    def _say_how(self) -> None:
        """Let each run show the statements that made what is followed here."""
        for identity, names in self._made.items():
            run = self._runs[identity]
            node = self.nodes.get(f"run:{run.position}")
            if node is not None and (how := _how(run, names.keys())):
                self.nodes[node.id] = replace(node, detail=_cut(how))

    def _variable(
        self, name: str, run: Run, side: Direction, kind: Kind = "variable", label: str = ""
    ) -> str:
        seen = run.value(name)
        self._made[run.id][name] = None
        return self._add(
            Node(
                f"name:{name}@{run.position}",
                kind,
                label or name,
                side,
                run.stages[0] if run.stages else None,
                run.position,
                _cut(seen.repr) if seen and seen.repr else None,
                seen.digest if seen else None,
            )
        )

    def _tracked(self, run: Run, name: str, role: str, value: str, source: str) -> None:
        stage = run.stages[0] if run.stages else None
        identity = f"tracked:{name}@{run.position}"
        label = f"{role} {name}"
        self._add(Node(identity, "tracked", label, "result", stage, run.position, _cut(value)))
        self._link(source, identity, "tracked")

    def _surroundings(self, run: Run, node: str, side: Direction) -> None:
        """Add a run's calls and files."""
        stage = run.stages[0] if run.stages else None
        for call in run.calls[:CALLS_PER_RUN]:
            given = ", ".join(f"{name}={value}" for name, value in (call.arguments or {}).items())
            label = call.name + ("" if call.calls == 1 else f" ×{call.calls or '?'}")  # noqa: RUF001
            self._add(
                Node(f"call:{call.id}", "call", label, side, stage, run.position, _cut(given))
            )
            self._link(f"call:{call.id}", node, "call")
        more = len(run.calls) - CALLS_PER_RUN
        if more > 0:
            self._add(
                Node(f"calls:{run.id}", "call", f"{more} more calls", side, stage, run.position)
            )
            self._link(f"calls:{run.id}", node, "call")
        for file in run.files[:FILES_PER_RUN]:
            digest = file.digest_after if file.written else file.digest_before
            path = f"file:{file.path}"
            self._add(Node(path, "file", file.path, side, stage, None, file.mode, digest))
            if file.written:
                self._link(node, path, "wrote")
            else:
                self._link(path, node, "read")


def _folded(
    nodes: tuple[Node, ...], edges: tuple[Edge, ...], root: str, bound: int
) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    """Return the graph with a node for each stage; the value, files and tracked values stay."""
    kept = {node.id: node for node in nodes if node.id == root or node.kind in ("file", "tracked")}
    if len(kept) > bound:
        kept = {root: kept[root]}
    place: dict[str, str] = {}
    runs: dict[str, set[int]] = defaultdict(set)
    counts: dict[str, int] = defaultdict(int)
    sides: dict[str, Direction] = {}
    for node in nodes:
        if node.id in kept:
            place[node.id] = node.id
            continue
        stage = f"stage:{node.stage or ''}:{'result' if node.side == 'result' else 'source'}"
        place[node.id] = stage
        counts[stage] += 1
        sides.setdefault(stage, node.side)
        if node.kind == "run" and node.position is not None:
            runs[stage].add(node.position)
    for stage, count in counts.items():
        name = stage.split(":")[1] or None
        detail = f"{len(runs[stage])} runs, {count} nodes"
        kept[stage] = Node(stage, "stage", name or "no stage", sides[stage], name, None, detail)
    labels: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    names = {node.id: node.label for node in nodes if node.kind == "variable"}
    for edge in edges:
        ends = place[edge.source], place[edge.target]
        if ends[0] != ends[1]:
            labels[ends][names.get(edge.source, edge.label)] = None
    joined = (
        Edge(*ends, ", ".join([*found][:3]) + (", …" if len(found) > 3 else ""))
        for ends, found in labels.items()
    )
    return tuple(kept.values()), tuple(joined)


def _outside(history: History) -> dict[str, list[tuple[str, Run]]]:
    """Return, by run, what it read that changed while no cell ran, and the run that found it."""
    found: dict[str, list[tuple[str, Run]]] = {}
    finders: dict[str, Run] = {}
    for run in history.runs:
        finders |= dict.fromkeys(run.names("outside"), run)
        read = sorted(run.names("read", "mutate"))
        found[run.id] = [(name, finders[name]) for name in read if name in finders]
        for name in run.names("write", "delete"):
            finders.pop(name, None)
    return found


def _imports(run: Run) -> frozenset[str]:
    """Return the names that a run imported."""
    rows = (row for text, row in _statements(run) if text.startswith(("import ", "from ")))
    return frozenset(name for row in rows for name in row.writes)


def _how(run: Run, names: AbstractSet[str]) -> str:
    """Return the statements that bound names, or else those that used them, in one line."""
    rows = _statements(run)
    found = [text for text, row in rows if not names.isdisjoint(row.writes)]
    found = found or [text for text, row in rows if not names.isdisjoint(row.reads)]
    return "; ".join(" ".join(text.split()) for text in found)


def _statements(run: Run) -> list[tuple[str, Statement]]:
    """Return the statements of a run with their texts; none of one in IPython's syntax."""
    _, texts = texts_of(run.source)
    if texts is None or len(texts) != len(run.statements) or run.source.lstrip().startswith("%%"):
        return []
    return [(text.code, row) for text, row in zip(texts, run.statements, strict=True)]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
