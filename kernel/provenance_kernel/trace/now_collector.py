"""noWorkflow's own rewriting of a cell and its collector, such that neither can cost the cell.

Only module-level code is rewritten, as everywhere: functions, classes and lambdas stay as the
user wrote them, and so do calls that look at their caller's frame. What noWorkflow's collector
raises by itself is told as a fault, and the value goes on that the cell would have had.

Imported only where the package noworkflow is there. The file is long as each way in which
rewritten code calls the collector has its own guard.
"""

from __future__ import annotations

import ast
import copy
import operator
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter
from types import FunctionType, MethodType
from typing import Any

import pyposast
from IPython.core.getipython import get_ipython
from noworkflow.now.collection.prov_definition.transformer_expr import RewriteDependencies
from noworkflow.now.collection.prov_definition.transformer_stmt import RewriteAST
from noworkflow.now.collection.prov_execution.collector import Assign, Collector, DependencyAware

from provenance_kernel.trace.arguments import bind
from provenance_kernel.trace.log import HERE, Log, Open
from provenance_kernel.trace.names import qualified

# They look at the frame of their caller, which would be one of noWorkflow's.
_LOOKERS = {
    *("Enum", "Flag", "IntEnum", "IntFlag", "NamedTuple", "NewType", "StrEnum", "TypeVar"),
    *("TypedDict", "_getframe", "breakpoint", "currentframe", "dir", "dmatrices", "dmatrix"),
    *("eval", "exec", "get_ipython", "globals", "locals", "model_matrix", "namedtuple", "query"),
    *("set_trace", "setprofile", "settrace", "stack", "super", "vars", "warn"),
}
_LEFT = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BLOCKS: dict[type, str] = {ast.ClassDef: "class_def"}

# Where the second call of a pair finds the value that it returns: `operation(…)(…, …, value)`.
_PAIRS = {
    "argument": 2,
    "assign_value": 1,
    "comp_key": 2,
    "comp_value": 2,
    "condition": 1,
    "decorator": 2,
    "dict": 2,
    "dict_key": 2,
    "dict_value": 2,
    "expression": 2,
    "extslice": 2,
    "formatted_value": 2,
    "genitem": 2,
    "item": 2,
    "joined_str": 2,
    "last_expression": 2,
    "list": 2,
    "operation": 2,
    "rcondition": 2,
    "remove_condition": 0,
    "return_": 1,
    "set": 2,
    "tuple": 2,
    "withitem": 4,
    "yield_": 2,
    "yielditem": 2,
}
# Where a lone call finds the value that it returns.
_LONE = {"augaccess": 1, "comprehension_item": 1, "literal": 2, "name": 3}
_NOTHING = (
    *("close_script", "collect_break_continue_pass", "collect_exception", "exception"),
    *("prepare_while", "remove_conditions"),
)
_PLAIN = frozenset((bytes, dict, list, range, str, tuple))


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
                kind = _BLOCKS.get(type(statement), "function_def")
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


class SafeCollector(Collector):  # type: ignore[misc]
    """noWorkflow's collector; told of by the code of a cell, whose values it returns."""

    def __init__(self, metascript: Any, main: Any) -> None:
        super().__init__(metascript)
        self.main = main
        self.log: Log | None = None
        self.fault: Callable[[BaseException], None] = _ignore
        # noWorkflow's activation of each of ours.
        self.known: dict[str, Any] = {}
        # The activation of the cell, once it has started, and of the last that did.
        self.cell: Any = None
        self._latest: Any = None
        # The last record of each call expression, and how many more it may have.
        self._sites: dict[int, tuple[Open, int]] = {}
        self._thread = 0

    def begin(
        self,
        log: Log,
        fault: Callable[[BaseException], None],
        text: Callable[[str | None, bool], str],
    ) -> None:
        """Begin a cell, whatever was left by one that was interrupted."""
        # As noWorkflow's own, but for the NULL that its exporters do not take.
        self.get_value = lambda value, is_relevant=False: text(
            self.metascript.serialize(value), is_relevant
        )
        self.log, self.fault = log, fault
        self.known, self._sites = {}, {}
        self.future_activation.clear()
        self.last_activation = self.main
        self.cell = None
        self._thread = threading.get_ident()

    def end(self) -> None:
        """End the cell, and let go of the values that it had."""
        self.log, self.fault = None, _ignore
        for each in (self._latest, *self.known.values()):
            for awaited in each.dependencies if each is not None else ():
                awaited.dependencies.clear()
            if each is not None:
                each.func = None
                each.assignments.clear()

    def start_script(self, module_name: str, code_component_id: int, iscell: object) -> Any:
        """Begin the activation of a cell, which knows the names of those before it."""
        before = self.last_activation
        try:
            cell = self.start_activation(module_name, code_component_id, code_component_id, before)
        except Exception as error:
            self.fault(error)
            # Of what is below this one, noWorkflow keeps nothing.
            return self.dry_activation(before)
        cell.iscell = iscell
        if self._latest is not None:
            cell.context = self._latest.context
        self.ipcell += 1
        self._latest = self.cell = cell
        return cell

    # -- calls ------------------------------------------------------------------------------------

    def _func(
        self, activation: Any, code_id: int, func_id: int, func: Any, mode: str = "dependency"
    ) -> Any:
        if threading.get_ident() != self._thread:
            return func
        try:
            return super()._func(activation, code_id, func_id, func, mode)
        except Exception as error:
            self.fault(error)
            return func

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        future = self.future_activation[-1]
        called = _Called(future.func)
        future.func = called
        here = HERE.get()
        opened = self._opened(future.code_id, called.function, args, kwargs)
        # What is below a call that is only counted is not recorded either.
        HERE.set(opened)
        before = self.last_activation
        called.opened, called.collector = opened, self
        try:
            return super()._call(*args, **kwargs)
        except Exception as error:
            if error is called.error:
                raise
            self.fault(error)
            self.last_activation = before
            return called.result if called.done else called(*args, **kwargs)
        finally:
            HERE.set(here)
            if opened is not None:
                opened.close("ok" if called.done else "error", perf_counter())
                if called.done and not opened.log.closed:
                    opened.result = opened.log.sink.describe(called.result)

    def _opened(self, code_id: int, function: Any, args: Any, kwargs: Any) -> Open | None:
        log, here = self.log, HERE.get()
        if log is None or log.closed or here is None or here.log is not log:
            return None
        try:
            last, left = self._sites.get(code_id, (None, log.per_site))
            if left <= 0:
                if last is not None:
                    last.calls += 1
                return None
            if not log.admits(here.depth + 1):
                return None
            line = self.code_components[code_id].first_char_line
            bound = bind(function, args, kwargs)
            found = log.open(here, qualified(function), line, function, bound)
            self._sites[code_id] = found, left - 1
            inner = function.__func__ if type(function) is MethodType else function
            if type(inner) is FunctionType:
                # Its start is this call, and no other.
                found.expect = inner.__code__
            return found
        except Exception as error:
            self.fault(error)
            return None

    def close_activation(self, activation: Any, value: object, reference: Any) -> None:
        """Close an activation; what cannot be told of its value is left out."""
        try:
            super().close_activation(activation, value, reference)
        except Exception as error:
            self.fault(error)
            self.last_activation = activation.last_activation or self.main

    # -- what runs the user's code ----------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        operation, (activation, code_id, container, key, access, mode) = index
        once = container
        if access == "." or type(container) not in _PLAIN:
            once = _Once(container)
        try:
            return super().__getitem__((operation, (activation, code_id, once, key, access, mode)))
        except Exception as error:
            if once is container:
                # Looking again shows whose fault it is.
                value = container[key]
                self.fault(error)
                return value
            look = partial(object.__getattribute__, once)
            if error is look("error"):
                raise
            self.fault(error)
            if look("done"):
                return look("value")
            return container[key] if access == "[]" else getattr(container, key)

    def __setitem__(self, index: Any, value: object) -> None:
        operation, (activation, code_id, container, key, access, mode) = index
        once = _Once(container)
        try:
            super().__setitem__((operation, (activation, code_id, once, key, access, mode)), value)
        except Exception as error:
            look = partial(object.__getattribute__, once)
            if error is look("error"):
                raise
            self.fault(error)
            if look("done"):
                return
            if access == "[]":
                container[key] = value
            else:
                setattr(container, key, value)

    def full_member_lookup(
        self, collection: Any, vcontainer: Any, vindex: str, value: object, depa: Any
    ) -> Any:
        """Look an attribute up in what is known of an object."""
        if type(vcontainer) is _Once:
            vcontainer = object.__getattribute__(vcontainer, "real")
        return super().full_member_lookup(collection, vcontainer, vindex, value, depa)

    def ifexp(
        self, activation: Any, code_id: int, exc_handler: int, if_lambda: Any, mode: str
    ) -> Any:
        """Tell of a conditional expression; noWorkflow's own compares values, as no array likes."""
        self.operation(activation, code_id, exc_handler)
        # Its own condition is there once the test has been evaluated.
        conditions = len(activation.conditions)
        try:
            value = if_lambda()
        except BaseException:
            self.collect_exception(activation, exc_handler)
            del activation.conditions[conditions:]
            raise
        try:
            awaited = activation.dependencies.pop()
            if activation.active:
                self.eval_dep(activation, code_id, value, mode, awaited)
            del activation.conditions[conditions:]
        except Exception as error:
            self.fault(error)
        return value

    def _loop(self, activation: Any, value: Any) -> Iterator[Any]:
        items = _Items(iter(value))
        told = super()._loop(activation, items)
        while True:
            try:
                item = next(told)
            except StopIteration:
                return
            except Exception as error:
                if error is items.error:
                    raise
                self.fault(error)
                yield from items.rest()
                return
            items.waiting.clear()
            yield item

    def _slice(
        self, activation: Any, code_id: int, low: Any, upp: Any, step: Any, mode: str = "dependency"
    ) -> slice:
        try:
            found: slice = super()._slice(activation, code_id, low, upp, step, mode)
        except Exception as error:
            self.fault(error)
            return slice(low, upp, step)
        return found

    def pop_assign(self, activation: Any) -> Any:
        """Take the last assignment; one that nothing was told of is empty."""
        if activation.assignments:
            return super().pop_assign(activation)
        return Assign(self.time(), None, DependencyAware())

    def assign(self, activation: Any, assign: Any, target_expr: Any, back: int = 1) -> Any:
        """Tell of an assignment; as a condition of a comprehension it holds in any case."""
        try:
            return super().assign(activation, assign, target_expr, back) or 1
        except Exception as error:
            self.fault(error)
            return 1


class _Called:
    """A function that is called once; it knows how that ended."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.opened: Open | None = None
        self.collector: SafeCollector | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        collector = self.collector
        if self.opened is not None and collector is not None and collector.cell is not None:
            collector.known[self.opened.id] = collector.last_activation
        try:
            self.result = self.function(*args, **kwargs)
        except BaseException as error:
            self.error = error
            raise
        self.done = True
        return self.result


class _Once:
    """An object that is looked at, or changed, once; it knows how that ended."""

    __slots__ = ("done", "error", "real", "value")

    def __init__(self, real: Any) -> None:
        for name, value in (("real", real), ("done", False), ("error", None), ("value", None)):
            object.__setattr__(self, name, value)

    def __getattribute__(self, name: str) -> Any:
        return _once(self, lambda real: getattr(real, name))

    def __setattr__(self, name: str, value: object) -> None:
        _once(self, lambda real: setattr(real, name, value))

    def __getitem__(self, key: Any) -> Any:
        return _once(self, lambda real: real[key])

    def __setitem__(self, key: Any, value: object) -> None:
        _once(self, lambda real: operator.setitem(real, key, value))

    def __len__(self) -> int:
        return len(object.__getattribute__(self, "real"))


def _once(once: _Once, look: Callable[[Any], Any]) -> Any:
    known = partial(object.__getattribute__, once)
    if known("done"):
        return known("value")
    try:
        value = look(known("real"))
    except BaseException as error:
        object.__setattr__(once, "error", error)
        raise
    object.__setattr__(once, "value", value)
    object.__setattr__(once, "done", True)
    return value


class _Items:
    """What a loop iterates over, with the items that were taken and not yet handed on."""

    def __init__(self, iterator: Iterator[Any]) -> None:
        self.iterator = iterator
        self.waiting: list[Any] = []
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            item = next(self.iterator)
        except StopIteration:
            raise
        except BaseException as error:
            self.error = error
            raise
        self.waiting.append(item)
        return item

    def __getitem__(self, index: int) -> Any:
        # noWorkflow asks for the item in hand, and for no other.
        return self.waiting[-1]

    def rest(self) -> Iterator[Any]:
        yield from self.waiting
        yield from self.iterator


def _ignore(error: BaseException) -> None:
    """Say nothing of a fault between cells."""


def _pair(name: str, place: int) -> Callable[..., Any]:
    method = getattr(Collector, name)

    def first(self: SafeCollector, *args: Any, **kwargs: Any) -> Any:
        try:
            second = method(self, *args, **kwargs)
        except Exception as error:
            self.fault(error)
            return lambda *values, **_: values[place]

        def told(*values: Any, **more: Any) -> Any:
            try:
                return second(*values, **more)
            except Exception as error:
                self.fault(error)
                return values[place]

        return told

    return first


def _lone(name: str, place: int | None) -> Callable[..., Any]:
    method = getattr(Collector, name)

    def told(self: SafeCollector, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            self.fault(error)
            return None if place is None else args[place]

    return told


for _each, _place in _PAIRS.items():
    setattr(SafeCollector, _each, _pair(_each, _place))
for _each, _place in _LONE.items():
    setattr(SafeCollector, _each, _lone(_each, _place))
for _each in _NOTHING:
    setattr(SafeCollector, _each, _lone(_each, None))
