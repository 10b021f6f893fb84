"""noWorkflow's collector, such that it cannot cost a cell anything.

What noWorkflow's collector raises by itself is told as a fault, and the value goes on that the cell
would have had. What runs the user's code, an item, an attribute, a loop's next, is done first and
then told to noWorkflow with its answer, so it is done once whatever fails there. Imported only
where the package noworkflow is there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from time import perf_counter
from types import FunctionType, MethodType
from typing import Any

from noworkflow.now.collection.prov_execution.collector import Assign, Collector, DependencyAware

from provenance_kernel.inspection import qualified
from provenance_kernel.trace.arguments import bind
from provenance_kernel.trace.log import HERE, Log, Open

# In these noWorkflow may look again.
_PLAIN = frozenset((bytes, dict, list, range, str, tuple))
_PLAIN_KEYS = frozenset((int, slice))


class SafeCollector(Collector):  # type: ignore[misc]
    """noWorkflow's collector; told of by the code of a cell, whose values it returns."""

    def __init__(self, metascript: Any, main: Any) -> None:
        super().__init__(metascript)
        self.main = main
        self.log: Log | None = None
        self.fault: Callable[[BaseException], None] = _ignore
        # noWorkflow's activation of each of ours, which get their ids when the log is closed.
        self.known: dict[Open, Any] = {}
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
        function = future.func
        results: list[Any] = []
        errors: list[BaseException] = []

        def called(*args: Any, **kwargs: Any) -> Any:
            if opened is not None and self.cell is not None:
                self.known[opened] = self.last_activation
            try:
                results.append(function(*args, **kwargs))
            except BaseException as error:
                errors.append(error)
                raise
            return results[0]

        future.func = called
        here = HERE.get()
        opened = self._opened(future.code_id, function, args, kwargs)
        # What is below a call that is only counted is not recorded either.
        HERE.set(opened)
        before = self.last_activation
        try:
            return super()._call(*args, **kwargs)
        except Exception as error:
            if errors and error is errors[0]:
                raise
            self.fault(error)
            self.last_activation = before
            return results[0] if results else called(*args, **kwargs)
        finally:
            HERE.set(here)
            # With its traceback it holds this frame.
            errors.clear()
            if opened is not None:
                opened.close("ok" if results else "error", perf_counter())
                if results and not opened.log.closed:
                    opened.result = opened.log.sink.describe(results[0])

    def _opened(self, code_id: int, function: Any, args: Any, kwargs: Any) -> Open | None:
        log, here = self.log, HERE.get()
        if log is None or log.closed or here is None or here.log is not log:
            return None
        try:
            last, left = self._sites.get(code_id, (None, log.per_site))
            if left <= 0:
                if last is not None:
                    last.calls = (last.calls or 0) + 1
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
        item = access == "[]"
        value = container[key] if item else getattr(container, key)
        if not (item and type(container) in _PLAIN and type(key) in _PLAIN_KEYS):
            container = _Answered(container, value)
        try:
            super().__getitem__((operation, (activation, code_id, container, key, access, mode)))
        except Exception as error:
            self.fault(error)
        return value

    def __setitem__(self, index: Any, value: object) -> None:
        operation, (activation, code_id, container, key, access, mode) = index
        if access == "[]":
            container[key] = value
        else:
            setattr(container, key, value)
        done = _Answered(container, value)
        try:
            super().__setitem__((operation, (activation, code_id, done, key, access, mode)), value)
        except Exception as error:
            self.fault(error)

    def full_member_lookup(
        self, collection: Any, vcontainer: Any, vindex: str, value: object, depa: Any
    ) -> Any:
        """Look an attribute up in what is known of an object."""
        if type(vcontainer) is _Answered:
            vcontainer = _REAL(vcontainer)
        return super().full_member_lookup(collection, vcontainer, vindex, value, depa)

    def ifexp(
        self, activation: Any, code_id: int, exc_handler: int, if_lambda: Any, mode: str
    ) -> Any:
        """Tell of a conditional expression; noWorkflow's own compares values, as no array likes."""
        self.operation(activation, code_id, exc_handler)
        # Its own condition is there once the test has been evaluated.
        conditions = len(activation.conditions)
        try:
            return self._operation(activation, code_id, if_lambda(), mode)
        except BaseException:
            self.collect_exception(activation, exc_handler)
            raise
        finally:
            del activation.conditions[conditions:]

    def _loop(self, activation: Any, value: Any) -> Iterator[Any]:
        items = iter(value)
        taken = _Taken()
        told: Iterator[Any] = iter(())
        try:
            told = super()._loop(activation, taken)
        except Exception as error:
            self.fault(error)
        for item in items:
            taken.item = item
            try:
                next(told, None)
            except Exception as error:
                self.fault(error)
            yield item

    def assign(self, activation: Any, assign: Any, target_expr: Any, back: int = 1) -> Any:
        """Tell of an assignment; as a condition of a comprehension it holds in any case."""
        try:
            # So far back lies a frame of ours: it cannot evaluate the user's target a second time.
            return super().assign(activation, assign, target_expr, back) or 1
        except Exception as error:
            self.fault(error)
            return 1


class _Answered:
    """Stands for an object whose item or attribute was looked up, or set: no code of its runs."""

    __slots__ = ("answer", "real")

    def __init__(self, real: object, answer: object) -> None:
        _SLOTS["real"].__set__(self, real)
        _SLOTS["answer"].__set__(self, answer)

    def __getattribute__(self, name: str) -> Any:
        return _ANSWER(self)

    def __getitem__(self, key: object) -> Any:
        return _ANSWER(self)

    def __setattr__(self, name: str, value: object) -> None:
        """Leave it as it was set."""

    def __setitem__(self, key: object, value: object) -> None:
        """Leave it as it was set."""

    def __len__(self) -> int:
        return len(_REAL(self))


_SLOTS: Any = vars(_Answered)
_REAL, _ANSWER = _SLOTS["real"].__get__, _SLOTS["answer"].__get__


class _Taken:
    """Stands for what a loop iterates over: at each step, noWorkflow gets the item in hand."""

    item: Any = None

    def __iter__(self) -> Iterator[Any]:
        while True:
            yield self.item

    def __getitem__(self, index: int) -> Any:
        return self.item


def _ignore(error: BaseException) -> None:
    """Say nothing of a fault between cells."""


def _guard(name: str, instead: Callable[..., Any]) -> None:
    """Have a method tell of a fault of noWorkflow's own, and return something in its stead."""

    def guarded(self: SafeCollector, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(super(SafeCollector, self), name)(*args, **kwargs)
        except Exception as error:
            self.fault(error)
            return instead(self, *args)

    setattr(SafeCollector, name, guarded)


# What rewritten code calls around an expression gets its value: as the argument of this place,
# itself being the first.
_VALUES = {
    1: ("_remove_condition",),
    2: ("_assign_value", "_condition", "augaccess", "comprehension_item"),
    3: (
        *("_argument", "_comp_key", "_comp_value", "_dict", "_dict_key", "_dict_value"),
        *("_expression", "_extslice", "_item", "_last_expression", "_list", "_operation"),
        *("_rcondition", "literal"),
    ),
    4: ("name",),
    5: ("_withitem",),
}
_NOTHING = (
    *("close_script", "collect_break_continue_pass", "collect_exception", "exception"),
    "prepare_while",
)
for _place, _methods in _VALUES.items():
    for _method in _methods:
        _guard(_method, lambda *args, place=_place: args[place])
for _method in _NOTHING:
    _guard(_method, lambda *_: None)
_guard("assign_value", lambda self, *_: self._assign_value)
_guard("remove_condition", lambda self, *_: self._remove_condition)
_guard("remove_conditions", lambda self, *_: self._remove_condition)
_guard("pop_assign", lambda self, *_: Assign(self.time(), None, DependencyAware()))
_guard("_slice", lambda self, activation, code, low, upp, step, *_: slice(low, upp, step))
