"""What a recorder uses of an IPython shell: its names, trees, compiler and file names."""

from __future__ import annotations
import __future__

import ast
import linecache
import sys
from collections.abc import Hashable, Mapping
from contextlib import suppress
from functools import cache, wraps
from types import CodeType
from typing import Any, cast

from provenance_kernel.parsing import transformed
from provenance_kernel.recorder.guards import Fault
from provenance_kernel.recorder.run import CURRENT, OpenRun
from provenance_kernel.trace import watchers


class Shell:
    """A shell whose cells are shown to the current cell run before they are compiled."""

    def __init__(self, shell: Any, fault: Fault) -> None:
        self._shell = shell
        self._fault = fault
        # The class of the shell's compiler, while one of ours stands in for it.
        self._stock: type | None = None

    @property
    def inner(self) -> Any:
        """The IPython shell itself."""
        return self._shell

    @property
    def namespace(self) -> dict[str, Any]:
        """The user's names."""
        namespace: dict[str, Any] = self._shell.user_ns
        return namespace

    @property
    def hidden(self) -> Mapping[str, object]:
        """The names that are the shell's own, with the values it bound them to."""
        hidden: Mapping[str, object] = self._shell.user_ns_hidden
        return hidden

    @property
    def outputs(self) -> Mapping[int, object]:
        """The results that the shell keeps, by execution count."""
        outputs: Mapping[int, object] = self.namespace.get("_oh", {})
        return outputs if isinstance(outputs, Mapping) else {}

    def file_name(self, source: str, count: int | None) -> str | None:
        """Return the file name that a cell's code is compiled under."""
        try:
            name = str(self._shell.compile.get_code_name(source, source, count or 0))
            if name not in linecache.cache:
                # Shells that are no kernels name code by what they made of it.
                python = transformed(source)
                name = str(self._shell.compile.get_code_name(source, python, count or 0))
            return name
        except Exception:
            return None

    @property
    def closes_figures(self) -> bool:
        """Whether the shell shows and closes all figures when a cell has ended."""
        inline = sys.modules.get("matplotlib_inline.backend_inline")
        flush = getattr(inline, "flush_figures", None)
        return flush is not None and flush in self._shell.events.callbacks["post_execute"]

    @property
    def lazy_annotations(self) -> bool:
        """Whether a cell has told Python not to evaluate annotations, which holds from then on."""
        flags = getattr(self._shell.compile, "flags", 0)
        return bool(flags & __future__.annotations.compiler_flag)

    def provide(self, names: Mapping[str, object]) -> None:
        """Give cells names with the builtins, from the next one on."""
        self._shell.builtin_trap.auto_builtins.update(names)

    def attach(self) -> None:
        """See the next cell's tree, after other transformers: those see what the user wrote."""
        transformers = self._shell.ast_transformers
        if not transformers or transformers[-1] is not self:
            self.detach()
            transformers.append(self)

    def detach(self) -> None:
        """See no more trees, and compile none."""
        transformers = self._shell.ast_transformers
        if self in transformers:
            transformers.remove(self)
        self._withdraw()

    def visit(self, tree: ast.Module) -> ast.Module:
        """Show a tree to the current run; IPython calls this, and drops who raises."""
        opened = CURRENT.get()
        if opened is None or opened.stopped is not None:
            return tree
        try:
            with watchers.Unseen():
                return self._shown(tree, opened)
        except Exception as error:
            self._fault("transform", error)
        return tree

    def _shown(self, tree: ast.Module, opened: OpenRun) -> ast.Module:
        transformers = self._shell.ast_transformers
        if transformers and transformers[-1] is self:
            # For a shell with transformers, IPython then walks the whole tree, which fails
            # for trees that the compiler would take.
            transformers.pop()
        if transformers:
            # IPython gives nodes that others made a position when all have seen the tree.
            with suppress(RecursionError):
                ast.fix_missing_locations(tree)
        if opened.prepare(tree, self._withdraw):
            self._compile()
        return opened.trace.tree if opened.trace and opened.trace.tree else tree

    def _compile(self) -> None:
        """Be asked for the code of cells; no hook is there for that."""
        compiler = self._shell.compile
        kind = type(compiler)
        if self._stock is None and not issubclass(kind, _Compiler):
            self._stock = kind
            compiler.__class__ = _compiler_like(cast("Hashable", kind))

    def _withdraw(self) -> None:
        stock, self._stock = self._stock, None
        if stock is not None and issubclass(type(self._shell.compile), _Compiler):
            self._shell.compile.__class__ = stock


class _Compiler:
    """Marks the classes that `_compiler_like` makes."""

    __slots__ = ()


@cache
def _compiler_like(kind: type[Any]) -> type:
    @wraps(kind.__call__)
    def __call__(self: Any, source: Any, *args: Any, **kwargs: Any) -> CodeType:
        def stock(tree: ast.AST) -> CodeType:
            code: CodeType = kind.__call__(self, tree, *args, **kwargs)
            return code

        opened = CURRENT.get()
        if opened is None or not isinstance(source, ast.AST):
            return stock(source)
        return opened.code(source, stock)

    names = {
        "__call__": __call__,
        "__doc__": kind.__doc__,
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
        "__slots__": (),
    }
    return type(kind.__name__, (kind, _Compiler), names)
