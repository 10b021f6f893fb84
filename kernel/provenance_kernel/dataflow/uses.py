"""What each statement of a cell did with names in one run: statement-level def-use.

A `Program` is read in order with a state of three facts that only grow on a straight path: names
*settled* (bound or unbound by the statement itself, so that a later read does not reach back),
*stored* for certain, and, for the end of a loop, stored in some turn of it. Where paths meet,
what holds on all of them remains. A read counts if it may reach back: reads are never missed for
want of knowledge, stores never claimed for want of it (the namespace difference finds the rest).

Which blocks ran is given by the position of their first statement. In a loop a block that ran in
one turn may not have run in another; after the loop it did run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from types import CodeType
from typing import ClassVar

from provenance_kernel.dataflow.functions import Effects
from provenance_kernel.dataflow.program import (
    Block,
    Body,
    Bound,
    Called,
    Case,
    Delete,
    Embedded,
    Flow,
    If,
    Jump,
    Match,
    Maybe,
    Passed,
    Position,
    Program,
    Read,
    Repeat,
    Simple,
    Span,
    Star,
    Steps,
    Try,
    With,
)
from provenance_kernel.inspection import star_names


@dataclass(frozen=True, slots=True)
class Use:
    """What a top-level statement did: reads that reach back beyond it, and what it left behind.

    `writes` are certain; `maybe` holds what it bound or unbound on a path that is not known to
    have been taken. `settled` holds `writes` and certain deletes.
    """

    span: Span
    ran: bool
    reads: frozenset[str]
    writes: frozenset[str]
    settled: frozenset[str]
    maybe: frozenset[str]
    codes: frozenset[CodeType] = frozenset()


class _State:
    """What is certain at a point of a path."""

    __slots__ = ("settled", "stored")

    def __init__(self, settled: set[str], stored: set[str]) -> None:
        self.settled = settled
        self.stored = stored

    def copy(self) -> _State:
        return _State(self.settled.copy(), self.stored.copy())

    def meet(self, paths: Sequence[_State]) -> None:
        """Become what holds at the end of all paths."""
        self.settled = set.intersection(*[path.settled for path in paths])
        self.stored = set.intersection(*[path.stored for path in paths])

    def add(self, other: _State) -> None:
        self.settled |= other.settled
        self.stored |= other.stored


class Reader:
    """Reads programs in the light of what is known of one run.

    executed: positions of the first statements of the blocks that ran; None where unknown.
    stopped_at: the line at which the cell raised.
    touched: by name, what functions do that run when the name's value is used.
    direct: the names that are bound to such a function itself.
    passed: what functions do that are handed to calls.
    at_line: by line, what functions did that cannot have run before it.
    lambdas: whether lambdas have to be taken as called that are not handed to a call.
    """

    def __init__(
        self,
        executed: Collection[Position] | None = None,
        stopped_at: int | None = None,
        touched: Mapping[str, Sequence[Effects]] | None = None,
        direct: Mapping[str, Effects] | None = None,
        passed: Mapping[tuple[str, str | None], Sequence[Effects]] | None = None,
        at_line: Mapping[int, Sequence[Effects]] | None = None,
        lambdas: bool = True,
    ) -> None:
        self.executed = executed
        self.stopped_at = stopped_at
        self.touched = touched or {}
        self.direct = direct or {}
        self.passed = passed or {}
        self.at_line = dict(at_line or {})
        self.lambdas = lambdas
        self.halted = False
        self.reads: set[str] = set()
        self.bound: set[str] = set()
        self.codes: set[CodeType] = set()
        self.late: _State = _State(set(), set())

    def uses(self, program: Program) -> tuple[Use, ...]:
        """Return what each top-level statement of the program did."""
        found = []
        for statement, span in zip(program.body, program.spans, strict=True):
            self.reads, self.bound, self.codes = set(), set(), set()
            self.late = _State(set(), set())
            state = _State(set(), set())
            # Of the statements on the line that raised, any may have come first.
            self.halted = self.stopped_at is not None and statement.line > self.stopped_at
            ran = not self.halted
            if ran:
                self._body((statement,), state, 0)
            found.append(
                Use(
                    span,
                    ran,
                    frozenset(self.reads),
                    frozenset(state.stored),
                    frozenset(state.settled),
                    frozenset(self.bound - state.settled),
                    frozenset(self.codes),
                )
            )
        return tuple(found)

    def _body(self, body: Body, state: _State, loop: int) -> bool:
        """Read statements; tell whether a jump may have left them. `loop`: loops around them."""
        for index, statement in enumerate(body):
            if self.halted:
                return False
            stop = self.stopped_at
            if stop is not None and statement.line > stop and not loop:
                self.halted = True
                return False
            stops = stop is not None and statement.line <= stop <= statement.end
            if self.at_line:
                self._called_from(statement, state)
            if isinstance(statement, Simple):
                self._steps(statement.steps, state, stops)
                jumped = False
            elif isinstance(statement, Jump):
                return True
            else:
                jumped = self._compounds[type(statement)](self, statement, state, loop)
            if stops and loop:
                # In earlier turns what follows may have run.
                jumped = True
            elif stops and (index + 1 == len(body) or body[index + 1].line > statement.end):
                self.halted = True
                return jumped
            if jumped and index + 1 < len(body):
                self._rest(body[index + 1 :], state, loop)
                return True
        return False

    def _rest(self, body: Body, state: _State, loop: int) -> None:
        """Read statements that a jump may have skipped."""
        self._body(body, state.copy(), loop)

    def _called_from(self, statement: Flow, state: _State) -> None:
        head = getattr(statement, "head_end", statement.end)
        if isinstance(statement, Try):
            return
        for line in range(statement.line, head + 1):
            self._ran_by(self.at_line.pop(line, None), state)

    def _steps(self, steps: Steps, state: _State, partial: bool = False) -> None:
        """Read steps; of `partial` ones the stores may not have come about."""
        for step in steps:
            if isinstance(step, Read):
                self._read(step.name, state)
            elif isinstance(step, Bound):
                self._store({step.name}, state, partial)
            elif isinstance(step, Delete):
                self.bound.add(step.name)
                if not partial:
                    state.settled.add(step.name)
                    state.stored.discard(step.name)
            elif isinstance(step, Maybe):
                self._steps(step.steps, state.copy(), partial)
            elif isinstance(step, Called):
                effects = self.direct.get(step.name)
                if effects is not None:
                    self._store(effects.certain, state, partial)
            elif isinstance(step, Star):
                self._store(star_names(step.module), state, partial)
            elif isinstance(step, Embedded):
                self._embedded(step, state, partial)
            elif isinstance(step, Passed):
                self._ran_by(self.passed.get(step), state)
            elif self.lambdas or step.passed:
                for name in step.names:
                    self._read(name, state)

    def _store(self, names: AbstractSet[str], state: _State, partial: bool) -> None:
        self.bound |= names
        if not partial:
            state.settled |= names
            state.stored |= names

    def _read(self, name: str, state: _State) -> None:
        if name not in state.settled:
            self.reads.add(name)
        self._ran_by(self.touched.get(name), state)

    def _ran_by(self, functions: Sequence[Effects] | None, state: _State) -> None:
        for effects in functions or ():
            self.reads |= effects.reads - state.settled
            self.bound |= effects.stores
            self.codes |= effects.codes

    def _embedded(self, step: Embedded, state: _State, partial: bool) -> None:
        """Read code of a string, whose lines and blocks are not the cell's."""
        kept = self.executed, self.stopped_at, self.halted, self.at_line, self.late
        self.executed, self.stopped_at, self.at_line = None, None, {}
        bound = self.bound.copy()
        certain = step.binds and not partial
        self._body(step.body, state if certain else state.copy(), 0)
        if not step.binds:
            self.bound = bound
        self.executed, self.stopped_at, self.halted, self.at_line, self.late = kept

    def _ran(self, block: Block) -> bool:
        return bool(block.body) and (self.executed is None or block.position in self.executed)

    def _stops_in(self, statement: If | Repeat | With | Match, body: Body) -> bool:
        """Tell whether the cell raised in the head of a statement."""
        stop = self.stopped_at
        first = body[0].line if body else statement.end + 1
        return stop is not None and statement.line <= stop <= statement.head_end < first

    def _if(self, statement: If, state: _State, loop: int) -> bool:
        body, orelse = statement.body, statement.orelse
        stops = self._stops_in(statement, body.body)
        self._steps(statement.test, state)
        if stops and not loop:
            return False
        known = self.executed is not None
        ran = [body] if self._ran(body) else []
        if orelse.position is None:
            # An `elif` is no block that is observed: it is what happens when the body does not.
            if orelse.body and (loop or not known or not ran):
                ran.append(orelse)
        elif self._ran(orelse):
            ran.append(orelse)
        if known and not loop and len(ran) == 1:
            return self._body(ran[0].body, state, loop)
        jumped = False
        paths = [] if orelse.body else [state]
        for block in ran:
            path = state.copy()
            jumped |= self._body(block.body, path, loop)
            if known and block.position is not None and not self.halted:
                self.late.add(path)
            paths.append(path)
        if ran:
            state.meet(paths)
        return jumped

    def _loop(self, statement: Repeat, state: _State, loop: int) -> bool:
        stops = self._stops_in(statement, statement.body.body)
        self._steps(statement.head, state, stops and not self._ran(statement.body))
        if self._ran(statement.body):
            known = self.executed is not None
            path = state if known and not loop else state.copy()
            self._steps(statement.each, path)
            self._body(statement.body.body, path, loop + 1)
            if known and loop:
                self.late.add(path)
            elif known:
                state.add(self.late)
        if stops and not loop:
            return False
        if self._ran(statement.orelse):
            known = self.executed is not None and not loop
            return self._body(statement.orelse.body, state if known else state.copy(), loop)
        return False

    def _with(self, statement: With, state: _State, loop: int) -> bool:
        stops = self._stops_in(statement, statement.body)
        self._steps(statement.steps, state, stops)
        if stops and not loop:
            return False
        return self._body(statement.body, state.copy() if statement.suppresses else state, loop)

    def _try(self, statement: Try, state: _State, loop: int) -> bool:
        known = self.executed is not None
        once = known and not loop
        stop = self.stopped_at
        inside = stop is not None and statement.line <= stop <= statement.end
        ran = [handler for handler in statement.handlers if self._ran(handler.block)]
        entry = state.copy()
        path = state.copy() if ran else state
        jumped = self._body(statement.body, path, loop)
        halted = self._resume()
        if self._ran(statement.orelse) and not halted:
            jumped |= self._body(statement.orelse.body, path, loop)
            if known and loop:
                self.late.add(path)
        paths = [] if once else [path]
        if ran or inside or not known:
            for handler in statement.handlers:
                # Clauses are tried in order, up to the one that takes the exception.
                self._steps(handler.types, entry.copy())
                if once and not inside and handler is ran[-1]:
                    break
        for handler in ran:
            taken = entry.copy()
            target = (Bound(handler.name),) if handler.name else ()
            self._steps(target, taken)
            jumped |= self._body(handler.block.body, taken, loop)
            self._steps(tuple(Delete(step.name) for step in target), taken)
            if known and loop:
                self.late.add(taken)
            paths.append(taken)
        if ran:
            state.meet(paths)
        halted |= self._resume()
        jumped |= self._body(statement.final, state, loop)
        self.halted |= halted
        self.stopped_at = stop
        return jumped

    def _resume(self) -> bool:
        """Go on where an exception does, in handlers and at the end; tell whether there was one."""
        halted, self.halted = self.halted, False
        if halted:
            self.stopped_at = None
        return halted

    def _match(self, statement: Match, state: _State, loop: int) -> bool:
        stops = self._stops_in(statement, statement.cases[0].block.body)
        self._steps(statement.subject, state, stops)
        if stops and not loop:
            return False
        ran = [case for case in statement.cases if self._ran(case.block)]
        single = self.executed is not None and not loop and len(ran) == 1
        paths: list[_State] = []
        jumped = False
        for case in statement.cases:
            taken = case in ran
            path = state if single and taken else state.copy()
            jumped |= self._case(case, path, loop, taken)
            if not taken:
                continue
            if single:
                return jumped
            if self.executed is not None:
                self.late.add(path)
            paths.append(path)
        state.meet([*paths, state])
        return jumped

    def _case(self, case: Case, path: _State, loop: int, taken: bool) -> bool:
        self._steps(case.pattern, path)
        # A case whose guard fails has bound its names all the same.
        if taken or case.guard:
            self._steps(case.captures, path)
            self._steps(case.guard, path)
        return taken and self._body(case.block.body, path, loop)

    _compounds: ClassVar[dict[type, Callable[..., bool]]] = {
        If: _if,
        Repeat: _loop,
        With: _with,
        Try: _try,
        Match: _match,
    }
