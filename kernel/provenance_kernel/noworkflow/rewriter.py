"""noWorkflow's own rewriting of a cell, of module-level code alone, as everywhere.

Functions, classes and lambdas stay as the user wrote them, and so do calls that look at their
caller's frame. Imported only where the package noworkflow is there.
"""

from __future__ import annotations

import ast
import copy
from pathlib import Path
from typing import Any

import pyposast
from IPython.core.getipython import get_ipython
from noworkflow.now.collection.prov_definition.transformer_expr import RewriteDependencies
from noworkflow.now.collection.prov_definition.transformer_stmt import RewriteAST

# They look at the frame of their caller, which would be one of noWorkflow's.
_LOOKERS = {
    *("Enum", "Flag", "IntEnum", "IntFlag", "NamedTuple", "NewType", "StrEnum", "TypeVar"),
    *("TypedDict", "_getframe", "breakpoint", "currentframe", "dir", "dmatrices", "dmatrix"),
    *("eval", "exec", "get_ipython", "globals", "locals", "model_matrix", "namedtuple", "query"),
    *("set_trace", "setprofile", "settrace", "stack", "super", "vars", "warn"),
}
_LEFT = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class CellRewriter(RewriteAST):  # type: ignore[misc]
    """noWorkflow's rewriting of the module-level code of a cell."""

    def process_body(
        self, body: list[ast.stmt], container_id: int, index: int = 0, attr: str = "*body"
    ) -> list[ast.stmt]:
        """Rewrite statements, and leave definitions as they are."""
        new: list[ast.stmt] = []
        for place, statement in enumerate(body, index):
            self.composition_edge = (container_id, attr, place)
            if isinstance(statement, _LEFT):
                kind = "class_def" if isinstance(statement, ast.ClassDef) else "function_def"
                self.create_composition(
                    self.create_code_block(statement, kind), *self.composition_edge
                )
                new.append(statement)
            else:
                new += super().process_body([statement], container_id, place, attr)
        return new

    def visit_exchandler(self, node: ast.ExceptHandler, internal_handler: int) -> Any:
        """Rewrite a handler; to noWorkflow, a bare one would be one of `Exception`."""
        if node.type is None:
            node = copy.copy(node)
            node.type = ast.Name("BaseException", ast.Load())
        return super().visit_exchandler(node, internal_handler)

    def capture(self, node: ast.expr, mode: str = "dependency") -> ast.expr:
        """Rewrite an expression."""
        found: ast.expr = ExpressionRewriter(self, mode=mode).visit(node)
        return found


class ExpressionRewriter(RewriteDependencies):  # type: ignore[misc]
    """noWorkflow's rewriting of expressions, but for calls that look at frames.

    What runs later, lambdas and generator expressions, is left alone too.
    """

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        """Leave a function as it is."""
        return node

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
        """Leave a generator as it is."""
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        """Rewrite a conditional expression, whose parts noWorkflow puts in lambdas."""
        if any(isinstance(each, (ast.NamedExpr, ast.Await)) for each in ast.walk(node)):
            return node
        found: ast.expr = super().visit_IfExp(node)
        return found

    def visit(self, node: ast.AST) -> Any:
        """Rewrite a node, but for asynchronous comprehensions, which would be so no longer."""
        if any(each.is_async for each in getattr(node, "generators", ())):
            return node
        return super().visit(node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Rewrite a call that is told of nothing by its caller's frame."""
        if any(_name(each) in _LOOKERS for each in ast.walk(node.func)):
            return node
        found: ast.expr = super().visit_Call(node)
        return found


def _name(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None


def rewrite(
    metascript: Any, tree: ast.Module, source: str, folder: Path, name: str, block: int
) -> ast.Module:
    """Return a cell's tree as noWorkflow rewrites it; raises what noWorkflow raises."""
    shell: Any = get_ipython()
    if shell is not None and shell.ast_node_interactivity != "last_expr":
        raise NotImplementedError("noWorkflow shows a cell's last expression and nothing else")
    path = str(folder / name)
    own = pyposast.parse(source, path, "exec", tree=copy.deepcopy(tree))
    new: ast.Module = CellRewriter(metascript, source, path, block, name).visit(own)
    return ast.fix_missing_locations(new)
