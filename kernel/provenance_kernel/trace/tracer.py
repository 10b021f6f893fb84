"""Tracers of cell runs, and the choice between them."""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import CodeType, MappingProxyType
from typing import Any, Protocol, cast

from provenance_kernel.records import Activation, CellRun, NoworkflowLink
from provenance_kernel.settings import Settings
from provenance_kernel.trace import hooks, watchers
from provenance_kernel.trace.log import HERE, Log, Open
from provenance_kernel.trace.ownership import Ownership
from provenance_kernel.trace.rewrite import Rewriter
from provenance_kernel.trace.sink import Sink

if sys.version_info >= (3, 12):
    from provenance_kernel.trace.monitoring import Nested
else:
    from provenance_kernel.trace.profile import Nested


@dataclass(frozen=True, slots=True)
class Trace:
    """What was seen of a cell run.

    `activations` are without the root, in the order in which they began. `executed` has line and
    column of the first statement of each conditional block that ran; None if that was not
    observed. `called` are the code objects of the user's functions that ran; None if that was not
    observed. `reasons` say why the trace is truncated: `activations`, `depth` or `calls`, each a
    limit that was reached, `budget` (of events, on 3.11), `profiler` (the user's own, or a tracer
    or debugger), `nesting` (of expressions), `warning` (of the compiler, for code that would have
    to be doubled), `rewriting` (noWorkflow could not rewrite the cell), `fault`.
    """

    activations: tuple[Activation, ...] = ()
    truncated: bool = False
    reasons: frozenset[str] = frozenset()
    executed: frozenset[tuple[int, int]] | None = None
    called: frozenset[CodeType] | None = frozenset()


class CellTrace(Protocol):
    """The tracing of one cell run."""

    # What runs in the stead of the tree that `prepare` was shown, if that does not.
    tree: ast.Module | None
    # Whether `tell` writes to a store of the tracer's own.
    writes: bool

    def prepare(self, tree: ast.Module, withdraw: Callable[[], None] | None = None) -> bool:
        """Rewrite the run's own code: the first tree only; later ones are a magic's.

        The tree stays as it is. Return whether there is something to ask `code` for; `withdraw`
        is called when there is no longer.
        """
        ...

    def code(self, tree: ast.AST, compile: Callable[[ast.AST], CodeType]) -> CodeType:
        """Compile a part of the run's tree, or another tree."""
        ...

    def finish(self) -> Trace:
        """End the tracing and return what was seen; the second time, the same."""
        ...

    def tell(self, run: CellRun, source: str, rows: Iterable[object], /) -> NoworkflowLink | None:
        """Take the records that the run became; return the link to a store of the tracer's own."""
        ...


class Tracer(Protocol):
    """Traces cell runs; one for a session."""

    name: str
    reason: str
    # Why it is not the one that was asked for.
    problem: str | None
    # What cells find with the builtins.
    names: Mapping[str, object]

    def begin(
        self,
        *,
        cell_run_id: str,
        trial_id: str,
        root_id: str,
        sink: Sink,
        namespace: Mapping[str, object] | None = None,
        position: int = 0,
        source: Callable[[], str | None] | None = None,
    ) -> CellTrace:
        """Begin a run in the current context; functions of `namespace` are the user's.

        `position` is the run's number in the trial. `source` returns the text that its tree is
        made from, once there is a tree, or None where it may not be kept.
        """
        ...

    def add_cell_file(self, filename: str) -> None:
        """Tell a file name that cells were compiled under: its functions are the user's."""
        ...

    def close(self) -> None:
        """Give back what the tracer holds of the interpreter."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tracer may have a store of its own: the notebook's folder and name, and the trial."""

    folder: Path
    name: str
    trial_id: str


def choose(settings: Settings, project: Path | None = None, place: Place | None = None) -> Tracer:
    """Return the tracer that the settings ask for; its `reason` says why it is that one.

    `project` is the folder whose modules are the user's own.
    """
    if settings.tracer == "none":
        return NoTracer("the setting `tracer` is none")
    if sys.implementation.name != "cpython":
        return NoTracer(f"tracing needs CPython, this is {sys.implementation.name}")
    tracer = ActivationTracer(settings, project)
    if settings.tracer == "noworkflow" and place is not None:
        # Not loaded for anybody else.
        from provenance_kernel.trace.noworkflow import NoworkflowTracer

        try:
            return NoworkflowTracer(tracer, settings, place)
        except Exception as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            tracer.problem = f"cells are traced by `activation`, not `noworkflow`: {reason}"
    return tracer


def current() -> CellTrace | None:
    """Return the trace of the cell run that this context belongs to."""
    here = HERE.get()
    if here is None or here.log.closed:
        return None
    return _traces.get(id(here.log))


class NoTracer:
    """Observes nothing."""

    name = "none"
    problem: str | None = None
    names: Mapping[str, object] = MappingProxyType({})

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def begin(
        self,
        *,
        cell_run_id: str,
        trial_id: str,
        root_id: str,
        sink: Sink,
        namespace: Mapping[str, object] | None = None,
        position: int = 0,
        source: Callable[[], str | None] | None = None,
    ) -> CellTrace:
        """Begin a run that is not observed."""
        return _NoTrace()

    def add_cell_file(self, filename: str) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class _NoTrace:
    tree: ast.Module | None = None
    writes = False

    def prepare(self, tree: ast.Module, withdraw: Callable[[], None] | None = None) -> bool:
        return False

    def code(self, tree: ast.AST, compile: Callable[[ast.AST], CodeType]) -> CodeType:
        return compile(tree)

    def finish(self) -> Trace:
        return Trace()

    def tell(self, run: CellRun, source: str, rows: Iterable[object], /) -> None:
        return None


class ActivationTracer:
    """Rewrites cells for the calls they make, and observes the user's functions nested in them."""

    name = "activation"
    problem: str | None = None
    names: Mapping[str, object] = MappingProxyType({})

    def __init__(self, settings: Settings, project: Path | None) -> None:
        self._settings = settings
        self._owner = Ownership(settings, project)
        watchers.tell(_look)
        with watchers.ours():
            self._nested = Nested(self._owner)
        self.reason = f"the setting `tracer` is activation; nested calls: {self._nested.reason}"

    def begin(
        self,
        *,
        cell_run_id: str,
        trial_id: str,
        root_id: str,
        sink: Sink,
        namespace: Mapping[str, object] | None = None,
        position: int = 0,
        source: Callable[[], str | None] | None = None,
    ) -> ActivationTrace:
        """Begin a run in the current context."""
        if namespace is not None:
            self._owner.add_namespace(namespace)
        log = Log(self._settings, sink, trial_id, cell_run_id, root_id)
        return ActivationTrace(log, self._nested)

    def add_cell_file(self, filename: str) -> None:
        """Tell a file name of cells."""
        self._owner.add_file(filename)

    def close(self) -> None:
        """Give back the tool id or the profiler's place."""
        with watchers.ours():
            self._nested.close()


_traces: dict[int, ActivationTrace] = {}
_finishing = threading.Lock()


def _look() -> None:
    """Let nothing of ours be seen by what the user's code begins to look with."""
    hooks.hush()
    for trace in list(_traces.values()):
        trace.hush()


class ActivationTrace:
    """The tracing of one cell run by an `ActivationTracer`."""

    tree: ast.Module | None = None
    writes = False

    def __init__(self, log: Log, nested: Nested) -> None:
        self.log = self._log = log
        self._rewriter: Rewriter | None = None
        self._failed = False
        self._trace: Trace | None = None
        self._before: Open | None = HERE.get()
        self._nested = nested
        # By identity: statements of the cell and what is compiled in their stead.
        self._changed: dict[int, tuple[ast.stmt, ast.stmt]] = {}
        self._withdraw: Callable[[], None] | None = None
        self._hushed = watchers.watched(nested.tool_name)
        if self._hushed:
            log.reasons.add("profiler")
        elif not _traces:
            hooks.speak()
        nested.begin(log)
        _traces[id(log)] = self
        log.root.start = perf_counter()
        HERE.set(log.root)

    def prepare(self, tree: ast.Module, withdraw: Callable[[], None] | None = None) -> bool:
        """Rewrite the run's code, once; a fault leaves code that runs as it did."""
        if self._rewriter is not None or self._log.closed:
            return False
        self._rewriter = rewriter = Rewriter(self._log)
        if self._hushed:
            return False
        try:
            self._changed = rewriter.rewrite(tree)
        except RecursionError:
            # The compiler may still take an expression that is nested so deeply.
            self._failed = True
            self._log.reasons.add("nesting")
        except Exception as error:
            self._failed = True
            self._log.reasons.add("fault")
            self._log.sink.fault(error)
        if rewriter.partial:
            self._log.reasons.add("warning")
        self._withdraw = withdraw
        return bool(self._changed)

    def code(self, tree: ast.AST, compile: Callable[[ast.AST], CodeType]) -> CodeType:
        """Compile a tree, with the statements of the run's own code rewritten."""
        body = getattr(tree, "body", None)
        if self._hushed or type(body) is not list:
            return compile(tree)
        mine = [self._changed.get(id(statement)) for statement in body]
        if not any(mine):
            return compile(tree)
        new = [s if m is None or m[0] is not s else m[1] for s, m in zip(body, mine, strict=True)]
        rest = [tree.type_ignores] if isinstance(tree, ast.Module) else []
        try:
            code = hooks.insert(compile(cast("Any", type(tree))(new, *rest)))
        except Exception:
            code = None
        if code is None:
            # Whatever is wrong with it is the user's, and for the compiler to say: not here, as
            # there would be the context of our error.
            self._failed = True
            plain = compile(tree)
            self._log.reasons.add("fault")
            return plain
        return code

    def hush(self) -> None:
        """Stop to observe, as somebody else looks."""
        log = self._log
        self._hushed = True
        self._nested.sleep()
        log.reasons.add("profiler")
        here = HERE.get()
        if here is not None and here.log is log:
            HERE.set(log.root)
        withdraw, self._withdraw = self._withdraw, None
        if withdraw is not None:
            withdraw()

    def finish(self) -> Trace:
        """End the tracing and return what was seen."""
        with _finishing:
            if self._trace is None:
                self._trace = self._finished()
        return self._trace

    def tell(self, run: CellRun, source: str, rows: Iterable[object], /) -> None:
        """Do nothing: what the records hold is all that is known."""

    def _finished(self) -> Trace:
        log, rewriter = self._log, self._rewriter
        _traces.pop(id(log), None)
        self._changed.clear()
        withdraw, self._withdraw = self._withdraw, None
        if withdraw is not None:
            withdraw()
        here = HERE.get()
        if here is not None and here.log is log:
            HERE.set(self._before)
        self._nested.finish(log)
        executed = None
        if rewriter is not None:
            if not (self._failed or self._hushed or rewriter.partial):
                executed = frozenset(where for where, ran in rewriter.blocks if ran())
            _account(log, rewriter, self._nested.partial)
            hooks.retire(rewriter.sites, rewriter.gauges, rewriter.loops, rewriter.tallies)
        activations = log.close()
        called = frozenset(seen.code for seen in log.seen.values())
        reasons = frozenset(log.reasons)
        return Trace(activations, bool(reasons), reasons, executed, called)


def _account(log: Log, rewriter: Rewriter, partial: bool) -> None:
    """Give the last record of each site the calls that were only counted."""
    for group in rewriter.groups:
        if group.gauge is None:
            continue
        total = group.total()
        # Where a site saw each of its executions, that is their number.
        seen = group.unknown and not group.ran_plain_around()
        if total is None and not seen and (group.unknown or group.runs >= group.cap):
            log.reasons.add("calls")
        for site in group.sites:
            unrecorded = (site.started if total is None else total) - site.recorded
            if unrecorded > 0 and site.last is not None:
                site.last.calls += unrecorded
                if partial and log.seen:
                    log.reasons.add("calls")
