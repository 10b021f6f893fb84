"""Rewriting of a cell's module-level code, so that its calls and blocks are observed.

The file is long as it is one visitor over Python's grammar. Its rules:

- Nothing is added to the bodies of `def`, `class` and `lambda`.
- Outside loops each call is wrapped in place, and each conditional block opens with a mark.
- In loops, runs of simple statements with calls become `if GUARD: wrapped else: plain`, and
  expressions in headers, short circuits and comprehensions become `wrapped if GUARD else plain`.
  A guard closes at the cap, after which the loop runs its plain code at the price of one test.
- How often plain code ran is counted as cheaply as the place allows: by the iterator of the
  outermost `for`, else by a gauge before plain statements, and for plain expressions by a guard
  that counts, which is `True not in TALLIES[n]`.
- An inner loop without calls has a copy whose blocks show that they ran; once all have, the loop
  itself runs, as it was written.
- Every node added has the position of what it stands for, so that tracebacks do not change.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, cast

from provenance_kernel.trace import hooks
from provenance_kernel.trace.log import Log
from provenance_kernel.trace.nodes import (
    COMPOUND,
    COMPREHENSIONS,
    DEFINITIONS,
    LOAD,
    LOOPS,
    STORE,
    TYPE_ALIAS,
    Unfit,
    call_position,
    clone,
    evaluated_around,
    gauge_node,
    headers_of,
    hook_call,
    increment_gauge,
    is_leaf,
    is_literal,
    makes_call,
    mark_gauge,
    may_jump,
    name_node,
    position_of,
    put_at,
    sees_names,
    start_at,
    tally_node,
    twin,
)
from provenance_kernel.trace.sites import Gauge, Group, Loop, Site, new_gauge, new_tally

_LEAVES = (ast.Name, ast.Constant, ast.expr_context, ast.operator, ast.cmpop, ast.Lambda)
# Names of a comprehension's own, beside its targets.
_PARTED, _PART = "<provenance parted>", "<provenance part>"
# Copies double with each guard inside a guard.
_DEEPEST = 2


class Rewriter:
    """Rewrites one cell; holds the sites, groups, loops and blocks that it numbered."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._cap = log.per_site
        self._group = Group(1)
        self._depth = 0
        # How many blocks that an exception may leave unnoticed are around, within a loop.
        self._caught = 0
        # By identity of statements of ours: whether they ran.
        self._counted: dict[int, Callable[[], bool]] = {}
        self.sites: list[int] = []
        self.groups: list[Group] = [self._group]
        self.gauges: list[Gauge] = []
        self.loops: list[int] = []
        self.tallies: list[int] = []
        self.blocks: list[tuple[tuple[int, int], Callable[[], bool]]] = []
        # Whether a statement was left as it was.
        self.partial = False

    def rewrite(self, tree: ast.Module) -> dict[int, tuple[ast.stmt, ast.stmt]]:
        """Return the statements that were changed, by identity, each with its changed copy.

        One that the compiler may warn of stays as it is if it had to be copied.
        """
        changed: dict[int, tuple[ast.stmt, ast.stmt]] = {}
        for statement in tree.body:
            before = self._sizes()
            new = clone(statement)
            try:
                self._statement(new)
            except Unfit:
                self._forget(before)
                self.partial = True
                continue
            if before != self._sizes():
                changed[id(statement)] = statement, new
        return changed

    def _sizes(self) -> tuple[int, ...]:
        lists: tuple[list[Any], ...] = (
            self.sites,
            self.groups,
            self.gauges,
            self.loops,
            self.tallies,
            self.blocks,
        )
        return (len(self._group.sites), *map(len, lists))

    def _forget(self, sizes: tuple[int, ...]) -> None:
        """Forget what was numbered for a statement that stays as it is."""
        own, *rest = sizes
        hooks.retire(
            self.sites[rest[0] :],
            self.gauges[rest[2] :],
            self.loops[rest[3] :],
            self.tallies[rest[4] :],
        )
        del self._group.sites[own:]
        lists: tuple[list[Any], ...] = (
            self.sites,
            self.groups,
            self.gauges,
            self.loops,
            self.tallies,
            self.blocks,
        )
        for found, size in zip(lists, rest, strict=True):
            del found[size:]

    # Code outside loops: wrapped in place.

    def _block(self, body: list[ast.stmt], mark: bool = True) -> None:
        if not body:
            return
        for statement in body:
            self._statement(statement)
        if mark:
            self._mark(body, body[0])

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, DEFINITIONS):
            self._definition(node)
        elif isinstance(node, ast.If):
            node.test = self._wrap(node.test)
            self._block(node.body)
            self._block(node.orelse)
        elif isinstance(node, ast.For):
            node.iter = self._wrap(node.iter)
            self._outer_for(node)
            self._block(node.orelse)
        elif isinstance(node, (ast.AsyncFor, ast.While)):
            if isinstance(node, ast.While):
                node.test = self._header(node.test)
            else:
                node.iter = self._wrap(node.iter)
            node.body = self._inside(node.body, None, marked=True)
            self._block(node.orelse)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                item.context_expr = self._wrap(item.context_expr)
            self._block(node.body, mark=False)
        elif isinstance(node, (ast.Try, ast.TryStar)):
            self._block(node.body, mark=False)
            for handler in node.handlers:
                if handler.type is not None:
                    handler.type = self._wrap(handler.type)
                self._block(handler.body)
            self._block(node.orelse)
            self._block(node.finalbody, mark=False)
        elif isinstance(node, ast.Match):
            node.subject = self._wrap(node.subject)
            for case in node.cases:
                if case.guard is not None:
                    case.guard = self._wrap(case.guard)
                self._block(case.body)
        else:
            self._simple(node)

    def _statements(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self._simple(statement)

    def _simple(self, node: ast.stmt) -> None:
        if isinstance(node, ast.AnnAssign):
            if node.value is not None:
                node.value = self._wrap(node.value)
        elif not isinstance(node, TYPE_ALIAS):
            self._children(node, self._wrap)

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

    def _outer_for(self, node: ast.For) -> None:
        tally = new_tally()
        self.tallies.append(tally)
        loop = Loop(tally)
        first = position_of(node.body[0])
        tells = not isinstance(node.body[0], COMPOUND) and makes_call(node.body[0])
        before = len(self.groups)
        node.body = self._inside(node.body, loop, marked=False)
        groups = self.groups[before:]
        hooks._hooks.loops[tally] = loop
        self.loops.append(tally)
        node.iter = hook_call("r", node.iter, tally, node.iter)

        def entered() -> bool:
            if loop.known:
                return loop.iterations() > 0
            # It may have run, where the first group is not the first to run.
            return groups[0].runs > 0 if tells else True

        self.blocks.append((first, entered))

    # Code inside loops: guarded.

    def _inside(
        self, body: list[ast.stmt], loop: Loop | None, marked: bool, split: bool = False
    ) -> list[ast.stmt]:
        """Rewrite a block in a loop.

        `loop` counts the block if it is the body of the outermost `for`. With `marked`, the block
        must show that it ran. With `split`, and below that, each statement is counted by itself,
        as an exception may skip those behind it and be caught.
        """
        self._caught += split
        try:
            return self._inside_block(body, loop, marked, bool(self._caught))
        finally:
            self._caught -= split

    def _inside_block(
        self, body: list[ast.stmt], loop: Loop | None, marked: bool, split: bool
    ) -> list[ast.stmt]:
        first = body[0]
        out: list[ast.stmt] = []
        run: list[ast.stmt] = []
        like: Group | None = None
        counted = loop is not None

        def flush() -> None:
            nonlocal like, counted
            tail: list[ast.stmt] = []
            while run and not makes_call(run[-1]):
                tail.append(run.pop())
            if run:
                group = self._new_group()
                if counted and not split:
                    group.loop, group.like = (loop, None) if like is None else (None, like)
                    guarded = self._guarded_run(run, group)
                else:
                    like, counted = group, True
                    guarded = self._guarded_run(run, group, counts=True)
                    self._counted[id(guarded)] = lambda: bool(group.total())
                out.append(guarded)
            out.extend(reversed(tail))
            run.clear()

        for statement in body:
            if isinstance(statement, COMPOUND):
                flush()
                headers = headers_of(statement)
                if any(makes_call(h) for h in headers):
                    group = None
                    if not isinstance(statement, (ast.While, ast.Match)) and not split:
                        group = self._new_group()
                        if counted:
                            group.loop, group.like = (loop, None) if like is None else (None, like)
                        else:
                            like, counted = group, True
                            self._count_plain(out, group, statement)
                    self._inner(statement, group)
                else:
                    self._inner(statement, None)
                if isinstance(statement, LOOPS) and is_leaf(statement):
                    out.append(self._leaf_loop(statement))
                else:
                    out.append(statement)
                if may_jump(statement):
                    # What follows runs less often than what came before.
                    like, counted = None, False
            elif makes_call(statement):
                run.append(statement)
                if split:
                    flush()
            elif run:
                run.append(statement)
            else:
                out.append(statement)
        flush()
        if marked:
            self._show(out, first)
        return out

    def _show(self, body: list[ast.stmt], first: ast.stmt) -> None:
        """Have a block show that it ran; `first` was its first statement."""
        shown = self._shown_by(body[0])
        if shown is None:
            self._mark(body, first)
        else:
            self.blocks.append((position_of(first), shown))

    def _shown_by(self, first: ast.stmt) -> Callable[[], bool] | None:
        """Return how to tell from a block's first statement that the block ran; else None."""
        counted = self._counted.get(id(first))
        if counted is not None:
            return counted
        if isinstance(first, ast.If) and first.orelse:
            # One of the two ran.
            body, orelse = self._shown_by(first.body[0]), self._shown_by(first.orelse[0])
            if body is not None and orelse is not None:
                return lambda: body() or orelse()
        return None

    def _count_plain(self, out: list[ast.stmt], group: Group, at: ast.stmt) -> None:
        # A header's group is counted here whether recorded or not; its total is this count.
        like = group.like = Group(1)
        like.gauge = self._new_gauge()
        out.append(increment_gauge(like.gauge, at))

    def _guarded_run(self, run: list[ast.stmt], group: Group, counts: bool = False) -> ast.If:
        for statement in run:
            self._children(statement, self._prepare)
        plain = list(run)
        wrapped = [twin(s) for s in run]
        self._within(group, lambda: self._statements(wrapped))
        at = run[0]
        if counts:
            assert group.gauge is not None
            plain.insert(0, increment_gauge(group.gauge, at))
        return start_at(ast.If(self._guard(group, at), wrapped, plain), at)

    def _leaf_loop(self, node: ast.stmt) -> ast.If:
        """Have the blocks of an inner loop without calls show that they ran.

        Once all of them have, that costs a test per entry.
        """
        marking = cast("ast.For", twin(node))
        before = len(self.gauges)
        self._marked(marking.body)
        marks = [gauge_node(mark, "count", node) for mark in self.gauges[before:]]
        test = marks[0] if len(marks) == 1 else start_at(ast.BoolOp(ast.And(), marks), node)
        return start_at(ast.If(test, [node], [marking]), node)

    def _marked(self, body: list[ast.stmt]) -> None:
        first = body[0]
        for statement in body:
            if isinstance(statement, (ast.If, *LOOPS)):
                self._marked(statement.body)
                if statement.orelse:
                    self._marked(statement.orelse)
        self._show(body, first)

    def _inner(self, node: ast.stmt, group: Group | None) -> None:
        """Rewrite a compound statement in a loop; `group` is that of its header."""

        def header(expression: ast.expr) -> ast.expr:
            return self._header(expression, group)

        if isinstance(node, DEFINITIONS):
            # Guarding one would mean two copies of its body.
            if any(map(makes_call, evaluated_around(node))):
                self._log.reasons.add("calls")
            return
        if isinstance(node, ast.If):
            node.test = header(node.test)
            node.body = self._inside(node.body, None, True)
            if node.orelse:
                node.orelse = self._inside(node.orelse, None, True)
        elif isinstance(node, LOOPS):
            if isinstance(node, ast.While):
                node.test = header(node.test)
            else:
                node.iter = header(node.iter)
            if not is_leaf(node):
                node.body = self._inside(node.body, None, True)
            if node.orelse:
                node.orelse = self._inside(node.orelse, None, True)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                item.context_expr = header(item.context_expr)
            node.body = self._inside(node.body, None, False, split=True)
        elif isinstance(node, (ast.Try, ast.TryStar)):
            node.body = self._inside(node.body, None, False, split=True)
            for handler in node.handlers:
                if handler.type is not None:
                    handler.type = self._header(handler.type)
                handler.body = self._inside(handler.body, None, True)
            if node.orelse:
                node.orelse = self._inside(node.orelse, None, True)
            if node.finalbody:
                node.finalbody = self._inside(node.finalbody, None, False)
        elif isinstance(node, ast.Match):
            node.subject = header(node.subject)
            for case in node.cases:
                if case.guard is not None:
                    case.guard = self._header(case.guard)
                case.body = self._inside(case.body, None, True)

    def _header(
        self, node: ast.expr, group: Group | None = None, tallied: bool = False
    ) -> ast.expr:
        """Guard an expression that is evaluated repeatedly."""
        if not makes_call(node):
            return node
        if group is None or tallied:
            group = group or self._new_group()
            self._new_gate(group)
        elif group.gauge is not None and group.sites:
            # The second header of one statement (`with a(), b()`).
            second = self._new_group()
            second.like = group
            group = second
        self._depth += 1
        plain = self._prepare(node)
        wrapped = twin(plain)
        inner = group
        wrapped = self._within(inner, lambda: self._wrap(wrapped))
        self._depth -= 1
        guarded = put_at(ast.IfExp(self._guard(group, node), wrapped, plain), node)
        guarded.opaque = True  # type: ignore[attr-defined]
        return guarded

    def _prepare(self, node: ast.expr) -> ast.expr:
        """Guard the parts of an expression that it does not always evaluate."""
        if isinstance(node, (*_LEAVES, *COMPREHENSIONS)) or self._depth > _DEEPEST:
            # Comprehensions stay plain where the code around them does.
            return node
        if isinstance(node, ast.BoolOp):
            node.values = [self._prepare(node.values[0]), *map(self._header, node.values[1:])]
        elif isinstance(node, ast.IfExp):
            node.test = self._prepare(node.test)
            node.body, node.orelse = self._header(node.body), self._header(node.orelse)
        elif isinstance(node, ast.Compare):
            node.left = self._prepare(node.left)
            rest = map(self._header, node.comparators[1:])
            node.comparators = [self._prepare(node.comparators[0]), *rest]
        else:
            self._children(node, self._prepare)
        return node

    def _comprehension(self, node: ast.expr) -> None:
        comprehension = cast("ast.ListComp", node)
        generators = comprehension.generators
        first = generators[0]
        # Only the first iterable is evaluated by the code around.
        first.iter = self._wrap(first.iter)
        if any(g.is_async for g in generators):
            return
        if len(generators) == 1 and not first.ifs and not isinstance(node, ast.GeneratorExp):
            self._part(comprehension)
            return
        for i, generator in enumerate(generators):
            if i:
                generator.iter = self._repeated(generator.iter)
            generator.ifs = [self._repeated(test) for test in generator.ifs]
        if isinstance(node, ast.DictComp):
            node.key, node.value = self._repeated(node.key), self._repeated(node.value)
        else:
            comprehension.elt = self._repeated(comprehension.elt)

    def _repeated(self, node: ast.expr) -> ast.expr:
        """Guard a part of a comprehension; where the code around runs plain, so does it."""
        if not makes_call(node):
            return node
        group = self._new_group()
        group.inside = self._group if self._group.gauge is not None else None
        return self._header(node, group, tallied=True)

    def _part(self, node: ast.ListComp) -> None:
        """Split `[f(x) for x in xs]` into recorded and plain items without a test that costs.

        It becomes `[wrapped if GUARD else plain for GUARD, PART in H.p(n, xs) for x in
        PART]`; the two names are the comprehension's own.
        """
        expressions = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        if not any(map(makes_call, expressions)) or sees_names(node):
            return
        group = self._new_group()
        group.parted = True
        group.inside = self._group if self._group.gauge is not None else None
        group.tally = tally = new_tally()
        self.tallies.append(tally)

        def split(expression: ast.expr) -> ast.expr:
            if not makes_call(expression):
                return expression
            plain = twin(expression)
            wrapped = self._within(group, lambda: self._wrap(expression))
            return put_at(ast.IfExp(name_node(_PARTED, expression), wrapped, plain), expression)

        if isinstance(node, ast.DictComp):
            node.key, node.value = split(node.key), split(node.value)
        else:
            node.elt = split(node.elt)
        first = node.generators[0]
        at = first.iter
        assert group.gauge is not None
        rest: list[ast.expr] = [put_at(ast.Constant(False), at), first.iter]
        part = put_at(ast.Tuple(rest, LOAD), at)
        parts = hook_call("p", at, group.gauge.number, put_at(ast.Tuple([part], LOAD), at))
        names: list[ast.expr] = [
            put_at(ast.Name(_PARTED, STORE), at),
            put_at(ast.Name(_PART, STORE), at),
        ]
        target = put_at(ast.Tuple(names, STORE), at)
        first.iter = name_node(_PART, at)
        node.generators.insert(0, ast.comprehension(target, parts, [], 0))

    # Expressions.

    def _wrap(self, node: ast.expr) -> ast.expr:
        """Wrap the calls in an expression."""
        kind = type(node)
        if not makes_call(node):
            return node
        if kind is ast.Call:
            return self._call(cast("ast.Call", node), None)
        if kind is ast.Await and type(cast("ast.Await", node).value) is ast.Call:
            return self._call(cast("ast.Call", cast("ast.Await", node).value), node)
        if getattr(node, "opaque", False):
            return node
        if isinstance(node, ast.Lambda):
            self._defaults(node.args)
        elif isinstance(node, COMPREHENSIONS):
            self._comprehension(node)
        else:
            self._children(node, self._wrap)
        return node

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

    def _call(self, node: ast.Call, awaited: ast.expr | None) -> ast.expr:
        function = node.func
        if type(function) is ast.Name and function.id == "get_ipython" and not node.args:
            # What a magic becomes; the call made on the result tells the same.
            return node
        if is_literal(function):
            # The compiler warns that it cannot be called.
            return node
        number = _next_number()
        shape: list[tuple[int, str, object]] = []
        hooked: list[Callable[[ast.expr], None]] = []
        exprs: list[ast.expr] = []
        for i, argument in enumerate(node.args):
            star = type(argument) is ast.Starred
            target = cast("ast.Starred", argument).value if star else argument
            kind = hooks.STAR if star else hooks.POSITIONAL
            if type(target) is ast.Constant:
                shape.append((kind, "", target.value))
                continue
            shape.append((kind, "", hooks.VALUE))
            exprs.append(target)
            if star:
                hooked.append(_setter(argument, "value"))
            else:
                hooked.append(_placer(node.args, i))
        for keyword in node.keywords:
            kind = hooks.DOUBLE_STAR if keyword.arg is None else hooks.KEYWORD
            if type(keyword.value) is ast.Constant:
                shape.append((kind, keyword.arg or "", keyword.value.value))
                continue
            shape.append((kind, keyword.arg or "", hooks.VALUE))
            exprs.append(keyword.value)
            hooked.append(_setter(keyword, "value"))
        last = len(exprs) - 1
        position = call_position(node)
        node.func = hook_call("c" if exprs else "s", function, number, self._wrap(function))
        for i, (place, expression) in enumerate(zip(hooked, exprs, strict=True)):
            wrapped = self._wrap(expression)
            place(hook_call("z" if i == last else "a", expression, number, wrapped))
        line = position[0]
        (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset) = position
        site = Site(self._log, line, tuple(shape))
        hooks._hooks.sites[number] = site
        self.sites.append(number)
        self._group.sites.append(site)
        whole = awaited if awaited is not None else node
        enter = hook_call("e", whole, number)
        return put_at(ast.Call(enter, [whole], []), whole)

    # Numbers.

    def _within(self, group: Group, work: Callable[[], Any]) -> Any:
        before, self._group = self._group, group
        try:
            return work()
        finally:
            self._group = before

    def _new_gauge(self) -> Gauge:
        gauge = new_gauge()
        self.gauges.append(gauge)
        return gauge

    def _new_group(self) -> Group:
        group = Group(self._cap)
        group.gauge = self._new_gauge()
        group.gauge.group = group
        self.groups.append(group)
        return group

    def _guard(self, group: Group, at: ast.AST) -> ast.expr:
        """Return the test whether a group is recorded."""
        if group.tally is not None:
            one, tally = start_at(ast.Constant(True), at), tally_node(group.tally, at)
            test: ast.expr = start_at(ast.Compare(one, [ast.NotIn()], [tally]), at)
            tick = hook_call("g", at, group.tally)
        else:
            assert group.gauge is not None
            test = gauge_node(group.gauge, "open", at)
            tick = hook_call("t", at, group.gauge.number)
        return start_at(ast.BoolOp(ast.And(), [test, tick]), at)

    def _new_gate(self, group: Group) -> None:
        """Have a group counted by its guard."""
        group.tally = hooks.new_gate(group)
        self.tallies.append(group.tally)

    def _mark(self, body: list[ast.stmt], first: ast.stmt) -> None:
        mark = self._new_gauge()

        def ran() -> bool:
            return mark.count > 0

        self.blocks.append((position_of(first), ran))
        setting = mark_gauge(mark, first)
        self._counted[id(setting)] = ran
        body.insert(0, setting)


_numbers = iter(range(1, 1 << 62))


def _next_number() -> int:
    return next(_numbers)


def _setter(node: ast.AST, field: str) -> Callable[[ast.expr], None]:
    return lambda value: setattr(node, field, value)


def _placer(items: list[ast.expr], index: int) -> Callable[[ast.expr], None]:
    return lambda value: items.__setitem__(index, value)
