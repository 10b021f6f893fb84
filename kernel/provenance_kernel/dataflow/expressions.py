"""Expressions: which names they look up and bind, in the order and the scopes of Python."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Literal

from provenance_kernel.dataflow.embedded import Fragment, fragments, parse_or_none
from provenance_kernel.dataflow.program import (
    Body,
    Bound,
    Called,
    Deferred,
    Delete,
    Embedded,
    Maybe,
    Passed,
    Read,
    Step,
)

# Fields that hold no expression, or hold it only as text.
_DULL = frozenset({"ctx", "op", "ops", "kind", "conversion", "type_ignores", "type_comment", "str"})
_NUMBERED = frozenset({"Out", "_oh", "In", "_ih"})
_NAMESPACES = frozenset({"globals", "locals", "vars"})


class Scope:
    """A scope inside the module's: `names` are bound in it, and so are not the module's."""

    __slots__ = ("globals", "kind", "names", "parent")

    def __init__(
        self,
        kind: Literal["comprehension", "function", "class", "types"],
        names: set[str],
        parent: Scope | None,
    ) -> None:
        self.kind = kind
        self.names = names
        self.parent = parent
        self.globals: set[str] = set()

    def binds(self, name: str) -> bool:
        """Tell whether a look-up of the name from here ends before the module's scope."""
        scope: Scope | None = self
        while scope is not None:
            # A class's names are seen by its own statements only, not from scopes inside it.
            if name in scope.names and (scope.kind != "class" or scope is self):
                return True
            scope = scope.parent
        return False


Out = list[Step]
Parse = Callable[[str], ast.Module]


class Expressions:
    """Appends the steps of expressions to `out`; `scope` is None at module level."""

    def __init__(self, parse: Parse) -> None:
        self.loads: set[str] = set()
        self.passed: set[tuple[str, str | None]] = set()
        self.arguments = 0
        self.parse = parse

    def body(self, statements: Sequence[ast.stmt]) -> Body:
        """Return what module-level statements do; `names` implements it."""
        raise NotImplementedError

    def expression(self, node: ast.AST, out: Out, scope: Scope | None) -> None:
        kind = type(node)
        if kind is ast.Constant:
            return
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(self, node, out, scope)
            return
        for field in kind._fields:
            if field in _DULL:
                continue
            value = getattr(node, field, None)
            if isinstance(value, ast.AST):
                self.expression(value, out, scope)
            elif isinstance(value, list):
                for item in value:
                    if isinstance(item, ast.AST):
                        self.expression(item, out, scope)

    def expressions(self, nodes: Iterable[ast.AST | None], out: Out, scope: Scope | None) -> None:
        for node in nodes:
            if node is not None:
                self.expression(node, out, scope)

    def maybe(self, nodes: Iterable[ast.AST | None], out: Out, scope: Scope | None) -> None:
        """Append the steps of expressions that may not be evaluated; their reads count."""
        inner: Out = []
        self.expressions(nodes, inner, scope)
        self.close(inner, out)

    def close(self, inner: Out, out: Out) -> None:
        if all(type(step) is Read for step in inner):
            out.extend(inner)
        else:
            out.append(Maybe(tuple(inner)))

    def read(self, name: str, out: Out, scope: Scope | None) -> None:
        if scope is None or not scope.binds(name):
            self.loads.add(name)
            out.append(Read(name))

    def store(self, name: str, out: Out, scope: Scope | None) -> None:
        if scope is None or (scope.kind == "class" and name in scope.globals):
            out.append(Bound(name))
        elif scope.kind == "class":
            scope.names.add(name)

    def _name(self, node: ast.Name, out: Out, scope: Scope | None) -> None:
        kind = type(node.ctx)
        if kind is ast.Load:
            self.read(node.id, out, scope)
        elif kind is ast.Store:
            self.store(node.id, out, scope)
        elif scope is None or node.id in scope.globals:
            out.append(Delete(node.id))
        else:
            scope.names.discard(node.id)

    def _walrus(self, node: ast.NamedExpr, out: Out, scope: Scope | None) -> None:
        self.expression(node.value, out, scope)
        while scope is not None and scope.kind == "comprehension":
            scope = scope.parent
        self.store(node.target.id, out, scope)

    def _bool(self, node: ast.BoolOp, out: Out, scope: Scope | None) -> None:
        self.expression(node.values[0], out, scope)
        self.maybe(node.values[1:], out, scope)

    def _ternary(self, node: ast.IfExp, out: Out, scope: Scope | None) -> None:
        self.expression(node.test, out, scope)
        self.maybe([node.body], out, scope)
        self.maybe([node.orelse], out, scope)

    def _compare(self, node: ast.Compare, out: Out, scope: Scope | None) -> None:
        self.expression(node.left, out, scope)
        self.expression(node.comparators[0], out, scope)
        if len(node.comparators) > 1:
            self.maybe(node.comparators[1:], out, scope)

    def _comprehension(self, node: Any, out: Out, scope: Scope | None) -> None:
        generators: list[ast.comprehension] = node.generators
        self.expression(generators[0].iter, out, scope)
        inner: Out = []
        names = {
            leaf.id
            for generator in generators
            for leaf in ast.walk(generator.target)
            if isinstance(leaf, ast.Name)
        }
        local = Scope("comprehension", names, scope)
        for position, generator in enumerate(generators):
            if position:
                self.expression(generator.iter, inner, local)
            self.expression(generator.target, inner, local)
            self.expressions(generator.ifs, inner, local)
        if isinstance(node, ast.DictComp):
            self.expressions((node.key, node.value), inner, local)
        else:
            self.expression(node.elt, inner, local)
        self.close(inner, out)

    def _lambda(self, node: ast.Lambda, out: Out, scope: Scope | None) -> None:
        names = self.lambda_body(node, out, scope)
        if names:
            out.append(Deferred(names, self.arguments > 0))

    def lambda_body(self, node: ast.Lambda, out: Out, scope: Scope | None) -> tuple[str, ...]:
        """Append what happens where the lambda stands; return what its body looks up."""
        arguments = node.args
        self.expressions((*arguments.defaults, *arguments.kw_defaults), out, scope)
        names = {argument.arg for argument in parameters(arguments)}
        for leaf in ast.walk(node.body):
            if isinstance(leaf, ast.NamedExpr):
                names.add(leaf.target.id)
        inner: Out = []
        arguments_outside, self.arguments = self.arguments, 0
        self.expression(node.body, inner, Scope("function", names, scope))
        self.arguments = arguments_outside
        return tuple(dict.fromkeys(reads(inner)))

    def _subscript(self, node: ast.Subscript, out: Out, scope: Scope | None) -> None:
        value, key = node.value, node.slice
        if isinstance(key, ast.Constant):
            if isinstance(value, ast.Name) and value.id in _NUMBERED and type(key.value) is int:
                return self.read(f"{value.id}[{key.value}]", out, scope)
            if isinstance(key.value, str) and _is_namespace(value):
                return self._name(ast.Name(key.value, node.ctx), out, None)
        self.expression(value, out, scope)
        self.expression(key, out, scope)
        return None

    def _call(self, node: ast.Call, out: Out, scope: Scope | None) -> None:
        func = node.func
        self.expression(func, out, scope)
        self.arguments += 1
        for argument in (*node.args, *[keyword.value for keyword in node.keywords]):
            self.expression(argument, out, scope)
            self._pass(argument, out, scope)
        self.arguments -= 1
        if isinstance(func, ast.Name):
            if scope is None:
                out.append(Called(func.id))
        elif not isinstance(func, ast.Attribute):
            return
        if node.args and isinstance(node.args[0], ast.Constant):
            for fragment in fragments(node):
                self._fragment(fragment, out)

    def _pass(self, node: ast.expr, out: Out, scope: Scope | None) -> None:
        attribute: str | None = None
        if isinstance(node, ast.Attribute):
            attribute, node = node.attr, node.value
        if isinstance(node, ast.Name) and (scope is None or not scope.binds(node.id)):
            self.passed.add((node.id, attribute))
            out.append(Passed(node.id, attribute))

    def _fragment(self, fragment: Fragment, out: Out) -> None:
        if fragment.kind == "name":
            return self.read(fragment.text, out, None)
        tree = parse_or_none(fragment.text, self.parse)
        if tree is not None:
            out.append(Embedded(self.body(tree.body), fragment.kind == "statements"))
        return None

    _handlers: ClassVar[dict[type, Callable[..., None]]] = {
        ast.Name: _name,
        ast.NamedExpr: _walrus,
        ast.BoolOp: _bool,
        ast.IfExp: _ternary,
        ast.Compare: _compare,
        ast.ListComp: _comprehension,
        ast.SetComp: _comprehension,
        ast.DictComp: _comprehension,
        ast.GeneratorExp: _comprehension,
        ast.Lambda: _lambda,
        ast.Subscript: _subscript,
        ast.Call: _call,
    }


def parameters(arguments: ast.arguments) -> list[ast.arg]:
    """Return all parameters of a signature."""
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    found.extend(extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None)
    return found


def reads(steps: Iterable[Step]) -> Iterable[str]:
    """Return the names that steps look up, whether they happen or not."""
    for step in steps:
        if isinstance(step, Read):
            yield step.name
        elif isinstance(step, Maybe):
            yield from reads(step.steps)
        elif isinstance(step, Deferred):
            yield from step.names


def _is_namespace(node: ast.expr) -> bool:
    """Recognise `globals()`, which at module level is `locals()` and `vars()` too."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _NAMESPACES
        and not node.args
        and not node.keywords
    )
