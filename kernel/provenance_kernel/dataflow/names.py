"""Reads a cell's syntax tree into a `Program`: what its statements do with names."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from provenance_kernel.dataflow.expressions import Expressions, Out, Parse, Scope, parameters
from provenance_kernel.dataflow.program import (
    Block,
    Body,
    Bound,
    Case,
    Flow,
    Handler,
    If,
    Jump,
    Match,
    Maybe,
    Program,
    Repeat,
    Simple,
    Span,
    Star,
    Step,
    Try,
    With,
)
from provenance_kernel.parsing import parse as parse_source

# Context managers that swallow an exception of their block, by the last part of their name.
_SUPPRESSORS = frozenset(
    {"suppress", "raises", "warns", "assertRaises", "assertRaisesRegex", "ExitStack"}
)
_NOTHING = Block(None, ())
# From this version annotations are evaluated when somebody asks for them (PEP 649).
_LAZY = sys.version_info >= (3, 14)


def read_program(
    tree: ast.Module, *, lazy_annotations: bool = False, parse: Parse = parse_source
) -> Program:
    """Return what a cell's module-level code does with names.

    `tree` is what the shell made of the cell. `lazy_annotations` says that an earlier cell
    imported them from `__future__`. `parse` reads the text of magics (it may raise SyntaxError).
    """
    reader = _Statements(parse, lazy_annotations or _LAZY)
    body = reader.body(tree.body)
    spans = tuple(_span(node) for node in tree.body)
    return Program(body, spans, frozenset(reader.loads), frozenset(reader.passed))


def _span(node: ast.stmt) -> Span:
    line, column = node.lineno, node.col_offset
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    if decorators and decorators[0].lineno <= line:
        line, column = decorators[0].lineno, decorators[0].col_offset - 1
    return Span(line, column, node.end_lineno or line, node.end_col_offset or 0)


class _Statements(Expressions):
    """Statements at module level keep their blocks; those of a class body are laid flat."""

    def __init__(self, parse: Parse, lazy: bool) -> None:
        super().__init__(parse)
        self.lazy = lazy

    def body(self, statements: Sequence[ast.stmt]) -> Body:
        return tuple([self._statement(node) for node in statements])

    def block(self, statements: Sequence[ast.stmt]) -> Block:
        if not statements:
            return _NOTHING
        first = statements[0]
        return Block((first.lineno, first.col_offset), self.body(statements))

    def steps(self, *nodes: ast.AST | None) -> tuple[Step, ...]:
        out: Out = []
        self.expressions(nodes, out, None)
        return tuple(out)

    def _statement(self, node: ast.stmt) -> Flow:
        compound = self._compounds.get(type(node))
        end = node.end_lineno or node.lineno
        if compound is not None:
            made: Flow = compound(self, node, end)
            return made
        if isinstance(node, (ast.Break, ast.Continue)):
            return Jump(node.lineno, end)
        out: Out = []
        self.simple(node, out, None)
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        line = min(node.lineno, decorators[0].lineno) if decorators else node.lineno
        return Simple(line, end, tuple(out))

    def _if(self, node: ast.If, end: int) -> If:
        head = node.test.end_lineno or node.lineno
        test = self.steps(node.test)
        orelse = self.block(node.orelse)
        if node.orelse and _is_elif(node, node.orelse[0]):
            orelse = Block(None, orelse.body)
        return If(node.lineno, end, head, test, self.block(node.body), orelse)

    def _for(self, node: ast.For | ast.AsyncFor, end: int) -> Repeat:
        head = node.iter.end_lineno or node.lineno
        first, each = self.steps(node.iter), self.steps(node.target)
        body, orelse = self.block(node.body), self.block(node.orelse)
        return Repeat(node.lineno, end, head, first, each, body, orelse)

    def _while(self, node: ast.While, end: int) -> Repeat:
        head = node.test.end_lineno or node.lineno
        test = self.steps(node.test)
        body, orelse = self.block(node.body), self.block(node.orelse)
        return Repeat(node.lineno, end, head, test, (), body, orelse)

    def _with(self, node: ast.With | ast.AsyncWith, end: int) -> With:
        out: Out = []
        for item in node.items:
            self.expressions((item.context_expr, item.optional_vars), out, None)
        head = max(item.context_expr.end_lineno or node.lineno for item in node.items)
        suppresses = any(_suppresses(item.context_expr) for item in node.items)
        return With(node.lineno, end, head, tuple(out), self.body(node.body), suppresses)

    def _try(self, node: Any, end: int) -> Try:
        body = self.body(node.body)
        handlers = tuple(
            Handler(self.steps(handler.type), handler.name, self.block(handler.body))
            for handler in node.handlers
        )
        orelse = self.block(node.orelse)
        return Try(node.lineno, end, body, handlers, orelse, self.body(node.finalbody))

    def _match(self, node: ast.Match, end: int) -> Match:
        head = node.subject.end_lineno or node.lineno
        subject = self.steps(node.subject)
        cases = []
        for case in node.cases:
            out: Out = []
            self.expression(case.pattern, out, None)
            captures = tuple(Bound(name) for name in _captures(case.pattern))
            cases.append(Case(tuple(out), captures, self.steps(case.guard), self.block(case.body)))
        return Match(node.lineno, end, head, subject, tuple(cases))

    _compounds: ClassVar[dict[type, Callable[..., Flow]]] = {
        ast.If: _if,
        ast.For: _for,
        ast.AsyncFor: _for,
        ast.While: _while,
        ast.With: _with,
        ast.AsyncWith: _with,
        ast.Try: _try,
        getattr(ast, "TryStar", ast.Try): _try,
        ast.Match: _match,
    }

    def simple(self, node: ast.stmt, out: Out, scope: Scope | None) -> None:
        """Append the steps of a statement that is not a block at module level."""
        handler = self._simples.get(type(node))
        if handler is not None:
            handler(self, node, out, scope)
        else:
            self.expression(node, out, scope)

    def _assign(self, node: ast.Assign, out: Out, scope: Scope | None) -> None:
        if type(node.value) is ast.Lambda:
            # Like a `def`: it is called, if it is, through the name.
            self.lambda_body(node.value, out, scope)
        else:
            self.expression(node.value, out, scope)
        self.expressions(node.targets, out, scope)

    def _augmented(self, node: ast.AugAssign, out: Out, scope: Scope | None) -> None:
        target = node.target
        if isinstance(target, ast.Name):
            self.read(target.id, out, scope)
            self.expression(node.value, out, scope)
            self.store(target.id, out, scope)
        elif isinstance(target, ast.Subscript):
            loaded = ast.copy_location(ast.Subscript(target.value, target.slice, ast.Load()), node)
            self.expression(loaded, out, scope)
            self.expression(node.value, out, scope)
            self.expression(target, out, scope)
        else:
            self.expressions((target, node.value), out, scope)

    def _annotated(self, node: ast.AnnAssign, out: Out, scope: Scope | None) -> None:
        if node.value is not None:
            self.expressions((node.value, node.target), out, scope)
        elif not isinstance(node.target, ast.Name):
            self.expression(node.target, out, scope)
        if not self.lazy:
            self.expression(node.annotation, out, scope)

    def _import(self, node: ast.Import, out: Out, scope: Scope | None) -> None:
        for alias in node.names:
            self.store(alias.asname or alias.name.partition(".")[0], out, scope)

    def _import_from(self, node: ast.ImportFrom, out: Out, scope: Scope | None) -> None:
        for alias in node.names:
            if alias.name == "*":
                out.append(Star(node.module or "" if not node.level else ""))
                continue
            if node.module == "__future__" and alias.name == "annotations":
                self.lazy = True
            self.store(alias.asname or alias.name, out, scope)

    def _assert(self, node: ast.Assert, out: Out, scope: Scope | None) -> None:
        self.expression(node.test, out, scope)
        self.maybe([node.msg], out, scope)

    def _global(self, node: ast.Global, out: Out, scope: Scope | None) -> None:
        if scope is not None:
            scope.globals.update(node.names)

    def _nothing(self, node: ast.stmt, out: Out, scope: Scope | None) -> None:
        """A statement that evaluates nothing."""

    def _def(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, out: Out, scope: Scope | None
    ) -> None:
        arguments = node.args
        self.expressions(node.decorator_list, out, scope)
        self.expressions((*arguments.defaults, *arguments.kw_defaults), out, scope)
        if not self.lazy:
            inner = self._with_types(node, scope)
            self.expressions((a.annotation for a in parameters(arguments)), out, inner)
            self.expressions((node.returns,), out, inner)
        self.store(node.name, out, scope)

    def _class(self, node: ast.ClassDef, out: Out, scope: Scope | None) -> None:
        self.expressions(node.decorator_list, out, scope)
        inner = self._with_types(node, scope)
        self.expressions(node.bases, out, inner)
        self.expressions((keyword.value for keyword in node.keywords), out, inner)
        self._class_body(node.body, out, Scope("class", {"__module__", "__qualname__"}, inner))
        self.store(node.name, out, scope)

    def _with_types(self, node: Any, scope: Scope | None) -> Scope | None:
        """Return the scope that a statement's type parameters make, where it has some."""
        types = getattr(node, "type_params", None)
        return Scope("types", {item.name for item in types}, scope) if types else scope

    def _type_alias(self, node: Any, out: Out, scope: Scope | None) -> None:
        # Its value is evaluated when somebody asks for it.
        self.store(node.name.id, out, scope)

    def _class_body(self, statements: Iterable[ast.stmt], out: Out, scope: Scope) -> None:
        for node in statements:
            if type(node) not in self._compounds:
                self.simple(node, out, scope)
            elif isinstance(node, (ast.With, ast.AsyncWith)):
                for item in node.items:
                    self.expressions((item.context_expr, item.optional_vars), out, scope)
                self._class_body(node.body, out, scope)
            else:
                self._class_block(node, out, scope)

    def _class_block(self, node: Any, out: Out, scope: Scope) -> None:
        """Any block may run or not; what it binds in the class is not sure to be bound."""
        for field in ("test", "iter", "subject"):
            self.expressions((getattr(node, field, None),), out, scope)
        bodies = [getattr(node, field, []) for field in ("body", "orelse", "finalbody")]
        for part in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
            bodies.append(part.body)
        for body in bodies:
            inner: Out = []
            bound = set(scope.names)
            if body is bodies[0] and hasattr(node, "target"):
                self.expression(node.target, inner, scope)
            for part in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
                if part.body is body:
                    fields = ("type", "pattern", "guard")
                    self.expressions((getattr(part, field, None) for field in fields), inner, scope)
                    scope.names.update(_captures(part))
            self._class_body(body, inner, scope)
            scope.names = bound
            if inner:
                out.append(Maybe(tuple(inner)))

    _simples: ClassVar[dict[type, Callable[..., None]]] = {
        ast.Assign: _assign,
        ast.AugAssign: _augmented,
        ast.AnnAssign: _annotated,
        ast.Import: _import,
        ast.ImportFrom: _import_from,
        ast.Assert: _assert,
        ast.Global: _global,
        ast.Nonlocal: _nothing,
        ast.Pass: _nothing,
        ast.Break: _nothing,
        ast.Continue: _nothing,
        ast.FunctionDef: _def,
        ast.AsyncFunctionDef: _def,
        ast.ClassDef: _class,
        **({vars(ast)["TypeAlias"]: _type_alias} if sys.version_info >= (3, 12) else {}),
    }


def _is_elif(node: ast.If, first: ast.stmt) -> bool:
    return isinstance(first, ast.If) and first.col_offset == node.col_offset


def _captures(pattern: ast.AST) -> list[str]:
    """Return the names that a pattern, or an `except` clause, binds."""
    if isinstance(pattern, ast.ExceptHandler):
        return [pattern.name] if pattern.name else []
    found = []
    for leaf in ast.walk(pattern.pattern if isinstance(pattern, ast.match_case) else pattern):
        name = getattr(leaf, "rest" if isinstance(leaf, ast.MatchMapping) else "name", None)
        if isinstance(leaf, (ast.MatchAs, ast.MatchStar, ast.MatchMapping)) and name:
            found.append(name)
    return found


def _suppresses(node: ast.expr) -> bool:
    """Tell whether a context manager is known to swallow exceptions."""
    if not isinstance(node, ast.Call):
        return False
    func = node.func
    name = getattr(func, "id", None) or getattr(func, "attr", None)
    return name in _SUPPRESSORS
