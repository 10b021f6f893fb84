"""What one cell run read, wrote and deleted: the code, the functions called and the namespace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from provenance_kernel.dataflow.functions import Effects, effects_of, passed_on, reached_from
from provenance_kernel.dataflow.namespace import Snapshot, is_history, is_shells_own
from provenance_kernel.dataflow.program import Position, Program
from provenance_kernel.dataflow.uses import Reader, Use

_NO_NAMES: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True)
class Observed:
    """What a tracer saw of a run; None where it did not look, or may have missed some.

    executed: (line, column) of the first statement of each block that ran: bodies of `if`,
        `else`, `for`, `while`, `except`, `case`, and the `else` of loops and of `try`.
    called: code of the user's functions that ran in this thread, all of it; None where a
        tracer may have missed some. Those handed to calls count in any case.
    stopped_at: the line of the cell at which it raised; None: it ran to its end.
    filename: what the cell's own code objects have for `co_filename`.
    cell_files: the same of all cells so far. Functions from elsewhere look up names of modules,
        unless a name of the namespace leads to them.
    """

    executed: Collection[Position] | None = None
    called: Collection[CodeType] | None = None
    stopped_at: int | None = None
    filename: str | None = None
    cell_files: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class RunUse:
    """Names of the namespace that a run read from before it, bound, and unbound.

    `maybe` may have been bound anew without a visible difference (to what has the same address).
    `statements` is the def-use of each top-level statement, for slices within the cell. `loose`
    are functions that ran where nothing in the cell leads to them: callbacks, finalizers.
    """

    reads: frozenset[str]
    writes: frozenset[str]
    deletes: frozenset[str]
    maybe: frozenset[str] = frozenset()
    statements: tuple[Use, ...] = field(default=(), repr=False)
    loose: frozenset[CodeType] = frozenset()


def describe_run(
    program: Program | None,
    namespace: Mapping[str, Any],
    before: Snapshot,
    after: Snapshot,
    *,
    observed: Observed | None = None,
    hidden: Mapping[str, object] = _NO_NAMES,
) -> RunUse:
    """Return what a run did with the names of the namespace.

    `program` is None for a cell that could not be parsed. `namespace` is read as the run left it
    and not kept; `hidden` is the shell's `user_ns_hidden`.

    Reads are upward-exposed: looked up where the run may not have bound or unbound the name
    before. Writes are what the code bound for certain and what the difference shows.
    """
    difference = before.difference(after, hidden)
    written = difference.added | difference.changed
    if program is None:
        return RunUse(frozenset(), written, difference.removed)
    observed = observed or Observed()
    functions = _Functions(program, namespace, observed)
    reader = Reader(
        observed.executed,
        observed.stopped_at,
        functions.touched,
        functions.direct,
        functions.passed,
        functions.at_line,
        lambdas=observed.called is None,
    )
    uses = reader.uses(program)
    reads: set[str] = set()
    writes: set[str] = set()
    settled: set[str] = set()
    maybe: set[str] = set()
    loose: set[CodeType] = set()
    for effects in (*functions.unplaced, *(e for found in reader.at_line.values() for e in found)):
        loose |= effects.codes
        reads |= effects.reads
        maybe |= effects.stores
    for use in uses:
        reads |= use.reads - settled
        writes |= use.writes
        settled |= use.settled
        maybe |= use.maybe

    def was_there(name: str) -> bool:
        if name in namespace:
            return name not in difference.added
        return name in difference.lost

    def is_users(name: str) -> bool:
        if is_shells_own(name):
            return False
        return name not in hidden or hidden[name] is not namespace.get(name)

    # A run can only have read what was there, and have bound what is there.
    written |= {name for name in writes if name in namespace}
    return RunUse(
        frozenset(
            name for name in reads if is_history(name) or (was_there(name) and is_users(name))
        ),
        written,
        difference.removed | (difference.lost & (settled | maybe)),
        frozenset(name for name in maybe if name in namespace and name not in written),
        uses,
        frozenset(loose),
    )


class _Functions:
    """Where in the cell the effects of the functions that ran are to be counted."""

    def __init__(self, program: Program, namespace: Mapping[str, Any], observed: Observed) -> None:
        self.touched: dict[str, list[Effects]] = {}
        self.direct: dict[str, Effects] = {}
        self.passed = passed_on(program.passed, namespace)
        self.at_line: defaultdict[int, list[Effects]] = defaultdict(list)
        self.unplaced: list[Effects] = []
        called = observed.called
        if called is not None and not called:
            return
        reached = reached_from(program.loads, namespace)
        known = frozenset[CodeType]().union(*(found.codes for found in reached.values()))
        ran = known if called is None else known.intersection(called)
        effects = {code: effects_of(code, called) for code in ran}
        for name, (codes, direct) in reached.items():
            # A name that leads to a function is where it was called, as far as anybody knows.
            found = [effects[code] for code in codes if code in effects]
            if found:
                self.touched[name] = found
            if direct is not None and direct in effects and effects[direct].certain:
                self.direct[name] = effects[direct]
        for code in called or ():
            if code in known:
                continue
            if code.co_filename == observed.filename:
                # Code of the cell cannot have run before the statement that it stands in.
                self.at_line[code.co_firstlineno].append(effects_of(code, called))
            elif code.co_filename in observed.cell_files:
                self.unplaced.append(effects_of(code, called))
