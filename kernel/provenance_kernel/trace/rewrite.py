"""Rewriting of a cell's module-level code, so that its calls and blocks are observed.

The file is long as it is one visitor over Python's grammar. Its rules:

- Nothing is added to the bodies of `def`, `class` and `lambda`.
- Outside loops each call is wrapped in place.
- In loops, a simple statement with calls becomes `if GUARD: wrapped else: plain`; and an expression
  in a header, a short circuit or a comprehension becomes `wrapped if GUARD else plain`. A guard
  closes at the cap, after which the plain code runs at the price of one test.
- A block that may not run begins with a mark, which is in the guarded branch if it has one.
- What the outermost `for` and comprehension iterate over tells how often that was.
- Every node added has the position of what it stands for, so that tracebacks do not change.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar, cast

from provenance_kernel.trace import hooks
from provenance_kernel.trace.log import Log
from provenance_kernel.trace.nodes import (
    COMPOUND,
    COMPREHENSIONS,
    DEFINITIONS,
    LOOPS,
    TYPE_ALIAS,
    Unfit,
    call_position,
    clone,
    guard_node,
    hook_call,
    is_literal,
    makes_call,
    mark_node,
    may_jump,
    put_at,
    start_at,
    twin,
    warm_node,
)
from provenance_kernel.trace.sites import (
    DOUBLE_STAR,
    KEYWORD,
    POSITIONAL,
    STAR,
    VALUE,
    Guard,
    LoopCount,
    Site,
)

_LEAVES = (ast.Name, ast.Constant, ast.expr_context, ast.operator, ast.cmpop, ast.Lambda)
_T = TypeVar("_T")
# Copies double with each guard inside a guard.
_DEEPEST = 2


class Rewriter:
    """Rewrites one cell; holds the sites, loops, guards and blocks that it found."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._guard: Guard | None = None
        self._depth = 0
        self.sites: list[Site] = []
        self.loops: list[LoopCount] = []
        # Code has them as constants, by their place here.
        self.guards: list[Guard] = []
        # Where the first statement of each conditional block stood, and what shows that it ran.
        self.blocks: list[tuple[tuple[int, int], Guard]] = []

    def rewrite(self, tree: ast.Module) -> dict[int, tuple[ast.stmt, ast.stmt]]:
        """Return the statements that were changed, by identity, each with its changed copy.

        One that the compiler may warn of stays as it is if it had to be copied.
        """
        changed: dict[int, tuple[ast.stmt, ast.stmt]] = {}
        found: tuple[list[object], ...] = (self.sites, self.loops, self.guards, self.blocks)  # type: ignore[assignment]
        for statement in tree.body:
            before = [len(each) for each in found]
            try:
                new = self._statement(clone(statement))
            except Unfit:
                for each, size in zip(found, before, strict=True):
                    del each[size:]
                self._guard, self._depth = None, 0
                self._log.reasons.add("warning")
                continue
            if before != [len(each) for each in found]:
                changed[id(statement)] = statement, new
        hooks.sites.update((each.number, each) for each in self.sites)
        hooks.loops.update((each.number, each) for each in self.loops)
        return changed

    # Statements.

    def _block(self, body: list[ast.stmt], mark: bool = True) -> list[ast.stmt]:
        """Rewrite a block outside loops; with `mark`, it shows that it ran."""
        new = [self._statement(statement) for statement in body]
        return [self._mark(body[0]), *new] if mark and body else new

    def _statement(self, node: ast.stmt) -> ast.stmt:
        """Rewrite a statement outside loops: its calls are wrapped in place."""
        if isinstance(node, DEFINITIONS):
            self._definition(node)
        elif isinstance(node, COMPOUND):
            self._compound(node, inside=False)
            if isinstance(node, ast.While) and sys.version_info < (3, 12):
                return warm_node(self._new_guard(), node)
        else:
            self._simple(node, self._wrap)
        return node

    def _repeated(
        self, body: list[ast.stmt], loop: LoopCount | None = None, mark: bool = True
    ) -> list[ast.stmt]:
        """Rewrite a block in a loop; with `loop`, it runs once in each turn of that."""
        new: list[ast.stmt] = []
        for statement in body:
            if isinstance(statement, DEFINITIONS):
                # Guarding one would mean two copies of its body.
                if makes_call(statement):
                    self._log.reasons.add("calls")
            elif isinstance(statement, COMPOUND):
                self._compound(statement, inside=True, loop=loop)
            elif makes_call(statement):
                statement = self._guarded_statement(statement, loop, mark and not new)
            new.append(statement)
            if may_jump(statement):
                # What follows may run less often than what came before.
                loop = None
        if mark and body and new[0] is body[0]:
            new.insert(0, self._mark(body[0]))
        return new

    def _compound(self, node: ast.stmt, inside: bool, loop: LoopCount | None = None) -> None:
        """Rewrite a compound statement; inside a loop, it runs once in each turn of `loop`."""
        block: Callable[..., list[ast.stmt]] = self._repeated if inside else self._block
        sometimes: Callable[[ast.expr], ast.expr] = self._guarded if inside else self._wrap
        once = partial(self._guarded, loop=loop) if inside else sometimes
        if isinstance(node, ast.If):
            node.test = once(node.test)
            node.body, node.orelse = block(node.body), block(node.orelse)
        elif isinstance(node, LOOPS):
            turns = None
            if isinstance(node, ast.While):
                node.test = self._guarded(node.test)
            else:
                node.iter = once(node.iter)
                if isinstance(node, ast.For) and not inside:
                    turns = self._count(node)
            node.body, node.orelse = self._repeated(node.body, turns), block(node.orelse)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                item.context_expr = once(item.context_expr)
            node.body = block(node.body, mark=False)
        elif isinstance(node, (ast.Try, ast.TryStar)):
            node.body = block(node.body, mark=False)
            for handler in node.handlers:
                handler.type = handler.type and sometimes(handler.type)
                handler.body = block(handler.body)
            node.orelse = block(node.orelse)
            node.finalbody = block(node.finalbody, mark=False)
        elif isinstance(node, ast.Match):
            node.subject = once(node.subject)
            for case in node.cases:
                case.guard = case.guard and sometimes(case.guard)
                case.body = block(case.body)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        node.decorator_list = [self._wrap(d) for d in node.decorator_list]
        if getattr(node, "type_params", None):
            # What follows is then evaluated in a scope of its own.
            return
        if isinstance(node, ast.ClassDef):
            node.bases = [self._wrap(b) for b in node.bases]
            for keyword in node.keywords:
                keyword.value = self._wrap(keyword.value)
        else:
            self._defaults(node.args)

    def _defaults(self, arguments: ast.arguments) -> None:
        arguments.defaults = [self._wrap(d) for d in arguments.defaults]
        arguments.kw_defaults = [d and self._wrap(d) for d in arguments.kw_defaults]

    def _count(self, node: ast.For | ast.comprehension) -> LoopCount:
        """Have a loop that is entered once tell how many turns it takes."""
        loop = LoopCount(next(hooks.numbers))
        self.loops.append(loop)
        node.iter = hook_call("over", node.iter, loop.number, node.iter)
        return loop

    def _guarded_statement(self, node: ast.stmt, loop: LoopCount | None, mark: bool) -> ast.If:
        guard = self._new_guard(loop)
        test = guard_node(guard, node)
        self._simple(node, self._prepare)
        if isinstance(node, ast.Assert) and node.msg is not None:
            node.msg = self._guarded(node.msg)
        wrapped = [twin(node)]
        self._within(guard, lambda: self._simple(wrapped[0], self._wrap))
        if mark:
            wrapped.insert(0, self._mark(node, guard))
        return start_at(ast.If(test, wrapped, [node]), node)

    def _guarded(self, node: ast.expr, loop: LoopCount | None = None) -> ast.expr:
        """Guard an expression that is evaluated repeatedly."""
        if not makes_call(node):
            return node
        guard = self._new_guard(loop)
        test = guard_node(guard, node)
        self._depth += 1
        plain = self._prepare(node)
        wrapped = twin(plain)
        wrapped = self._within(guard, lambda: self._wrap(wrapped))
        self._depth -= 1
        guarded = put_at(ast.IfExp(test, wrapped, plain), node)
        guarded.is_guarded = True  # type: ignore[attr-defined]
        return guarded

    def _prepare(self, node: ast.expr) -> ast.expr:
        """Guard the parts of an expression that it does not evaluate once."""
        if isinstance(node, _LEAVES) or self._depth > _DEEPEST:
            return node
        if isinstance(node, ast.BoolOp):
            node.values = [self._prepare(node.values[0]), *map(self._guarded, node.values[1:])]
        elif isinstance(node, ast.IfExp):
            node.test = self._prepare(node.test)
            node.body, node.orelse = self._guarded(node.body), self._guarded(node.orelse)
        elif isinstance(node, ast.Compare):
            node.left = self._prepare(node.left)
            rest = map(self._guarded, node.comparators[1:])
            node.comparators = [self._prepare(node.comparators[0]), *rest]
        elif isinstance(node, COMPREHENSIONS):
            first = cast("ast.ListComp", node).generators[0]
            first.iter = self._prepare(first.iter)
            self._comprehension(cast("ast.ListComp", node), counts=False)
        else:
            self._children(node, self._prepare)
        return node

    def _comprehension(self, node: ast.ListComp, counts: bool) -> None:
        """Guard what a comprehension does repeatedly, if that is not done."""
        if getattr(node, "is_guarded", False) or any(each.is_async for each in node.generators):
            return
        node.is_guarded = True  # type: ignore[attr-defined]
        loop = self._count(node.generators[0]) if counts else None
        for i, generator in enumerate(node.generators):
            if i:
                generator.iter, loop = self._guarded(generator.iter, loop), None
            for j, test in enumerate(generator.ifs):
                generator.ifs[j], loop = self._guarded(test, loop), None
        for name in ("key", "value", "elt"):
            if hasattr(node, name):
                setattr(node, name, self._guarded(getattr(node, name), loop))

    # Expressions.

    def _wrap(self, node: ast.expr) -> ast.expr:
        """Wrap the calls in an expression."""
        if not makes_call(node):
            return node
        if isinstance(node, ast.Call):
            return self._call(node, node)
        if isinstance(node, ast.Await) and isinstance(node.value, ast.Call):
            return self._call(node.value, node)
        if isinstance(node, COMPREHENSIONS):
            # Only the first iterable is evaluated by the code around.
            first = node.generators[0]
            first.iter = self._wrap(first.iter)
            self._comprehension(cast("ast.ListComp", node), self._guard is None)
        elif isinstance(node, ast.Lambda):
            self._defaults(node.args)
        elif not getattr(node, "is_guarded", False):
            self._children(node, self._wrap)
        return node

    def _simple(self, node: ast.stmt, change: Callable[[ast.expr], ast.expr]) -> None:
        if isinstance(node, ast.AnnAssign):
            node.value = node.value and change(node.value)
        elif not isinstance(node, TYPE_ALIAS):
            self._children(node, change)

    def _children(self, node: ast.AST, change: Callable[[ast.expr], ast.expr]) -> None:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.expr):
                setattr(node, name, change(value))
            elif isinstance(value, list):
                for i, item in enumerate(value):
                    if isinstance(item, ast.expr):
                        value[i] = change(item)
                    elif isinstance(item, ast.AST):
                        self._children(item, change)
            elif isinstance(value, ast.AST) and value._fields:
                self._children(value, change)

    def _call(self, node: ast.Call, whole: ast.expr) -> ast.expr:
        """Wrap a call; `whole` is the `await` of it, if there is one, else the call itself."""
        function = node.func
        if type(function) is ast.Name and function.id == "get_ipython" and not node.args:
            # What a magic becomes; the call made on the result tells the same.
            return whole
        if is_literal(function):
            # The compiler warns that it cannot be called.
            return whole
        number = next(hooks.numbers)
        position = call_position(node)
        places = list(_arguments(node))
        shape = tuple(
            (kind, name, value.value if isinstance(value, ast.Constant) else VALUE)
            for kind, name, value, _ in places
        )
        # What is no constant goes through hooks, the callee first.
        hooked = [(value, put) for _, _, value, put in places if type(value) is not ast.Constant]
        hooked.insert(0, (function, partial(setattr, node, "func")))
        for i, (value, put) in enumerate(hooked, 1):
            name = "last" if i == len(hooked) else "value"
            put(hook_call(name, value, number, self._wrap(value)))
        # What surrounds the call goes by where the expression begins: a function of this decorator.
        observed = put_at(ast.Call(hook_call("enter", whole, number), [whole], []), whole)
        line = position[0]
        (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset) = position
        self.sites.append(Site(self._log, number, line, shape, self._guard))
        return observed

    # Guards.

    def _new_guard(self, loop: LoopCount | None = None) -> Guard:
        guard = Guard(len(self.guards), loop)
        self.guards.append(guard)
        return guard

    def _within(self, guard: Guard, work: Callable[[], _T]) -> _T:
        before, self._guard = self._guard, guard
        try:
            return work()
        finally:
            self._guard = before

    def _mark(self, first: ast.stmt, guard: Guard | None = None) -> ast.stmt:
        """Return what shows that the block ran of which this was the first statement."""
        guard = guard or self._new_guard()
        self.blocks.append(((first.lineno, first.col_offset), guard))
        return mark_node(guard, first)


_Argument = tuple[int, str, ast.expr, Callable[[ast.expr], None]]


def _arguments(node: ast.Call) -> Iterator[_Argument]:
    """Yield kind and keyword of each argument, its value, and what puts another in its place."""
    for i, argument in enumerate(node.args):
        if isinstance(argument, ast.Starred):
            yield STAR, "", argument.value, partial(setattr, argument, "value")
        else:
            yield POSITIONAL, "", argument, partial(node.args.__setitem__, i)
    for keyword in node.keywords:
        kind = DOUBLE_STAR if keyword.arg is None else KEYWORD
        yield kind, keyword.arg or "", keyword.value, partial(setattr, keyword, "value")
