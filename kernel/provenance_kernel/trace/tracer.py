"""Tracers of cell runs, and the choice between them."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import CodeType, MappingProxyType
from typing import Any, Protocol, cast

from provenance_kernel.records import Activation
from provenance_kernel.settings import Settings
from provenance_kernel.trace import hooks, watchers
from provenance_kernel.trace.log import HERE, Log, Open
from provenance_kernel.trace.nested import NestedCalls
from provenance_kernel.trace.nested.ownership import Ownership
from provenance_kernel.trace.rewrite import Rewriter
from provenance_kernel.trace.sink import Sink
from provenance_kernel.trace.sites import Site


@dataclass(frozen=True, slots=True)
class Trace:
    """What was seen of a cell run.

    `activations` are without the root, in the order in which they began. `executed` has line and
    column of the first statement of each conditional block that ran; None if that was not
    observed. `called` are the code objects of the user's functions that ran; None if that was not
    observed. `reasons` say why the trace is truncated: `activations`, `depth` or `calls`, each a
    limit that was reached, `budget` (of events, on 3.11), `profiler` (the user's own, or a tracer
    or debugger), `nesting` (of expressions), `warning` (of the compiler, for code that would have
    to be doubled), `rewriting` (another tracer's, which failed), `fault`.
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

    def prepare(self, tree: ast.Module, withdraw: Callable[[], None] | None = None) -> bool:
        """Rewrite the run's own code: the first tree only; later ones are a magic's.

        The tree stays as it is. Return whether there is something to ask `code` for; `withdraw`
        is called when there is no longer.
        """
        ...

    def code(self, tree: ast.AST, compile: Callable[[ast.AST], CodeType]) -> CodeType:
        """Compile a part of the run's tree, or another tree."""
        ...

    def leave(self) -> None:
        """Observe no more in this context, in which the run began; `finish` follows."""
        ...

    def finish(self) -> Trace:
        """End the tracing and return what was seen; the second time, the same."""
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


class NoTracer:
    """Observes nothing."""

    name = "none"
    problem: str | None = None
    names: Mapping[str, object] = MappingProxyType({})

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def begin(self, **run: object) -> CellTrace:
        """Begin a run that is not observed."""
        return _NoTrace()

    def add_cell_file(self, filename: str) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class _NoTrace:
    tree: ast.Module | None = None

    def prepare(self, tree: ast.Module, withdraw: Callable[[], None] | None = None) -> bool:
        return False

    def code(self, tree: ast.AST, compile: Callable[[ast.AST], CodeType]) -> CodeType:
        return compile(tree)

    def leave(self) -> None:
        return None

    def finish(self) -> Trace:
        return Trace()


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
            self._nested = NestedCalls(self._owner)
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


# Reasons for which blocks may have run that did not show it.
_UNSEEN = frozenset({"fault", "nesting", "profiler", "warning"})
# Those that have not finished.
_traces: list[ActivationTrace] = []
_finishing = threading.Lock()


def _look() -> None:
    """Let nothing of ours be seen by what the user's code begins to look with."""
    hooks.hooks.pass_through()
    for trace in list(_traces):
        trace.pause()


class ActivationTrace:
    """The tracing of one cell run by an `ActivationTracer`."""

    tree: ast.Module | None = None

    def __init__(self, log: Log, nested: NestedCalls) -> None:
        self.log = log
        self._rewriter: Rewriter | None = None
        self._trace: Trace | None = None
        self._before: Open | None = HERE.get()
        self._nested = nested
        # By identity: statements of the cell and what is compiled in their stead.
        self._changed: dict[int, tuple[ast.stmt, ast.stmt]] = {}
        self._withdraw: Callable[[], None] | None = None
        self._paused = watchers.watched(nested.tool_name)
        if self._paused:
            log.reasons.add("profiler")
        elif not _traces:
            hooks.hooks.observe()
        nested.begin(log)
        _traces.append(self)
        log.root.start = perf_counter()
        HERE.set(log.root)

    def prepare(self, tree: ast.Module, withdraw: Callable[[], None] | None = None) -> bool:
        """Rewrite the run's code, once; a fault leaves code that runs as it did."""
        if self._rewriter is not None or self.log.closed:
            return False
        self._rewriter = rewriter = Rewriter(self.log)
        if self._paused:
            return False
        try:
            self._changed = rewriter.rewrite(tree)
        except RecursionError:
            # The compiler may still take an expression that is nested so deeply.
            self.log.reasons.add("nesting")
        except Exception as error:
            self.log.reasons.add("fault")
            self.log.fault(error)
        self._withdraw = withdraw
        return bool(self._changed)

    def code(self, tree: ast.AST, compile: Callable[[ast.AST], CodeType]) -> CodeType:
        """Compile a tree, with the statements of the run's own code rewritten."""
        body = getattr(tree, "body", None)
        if self._rewriter is None or self._paused or type(body) is not list:
            return compile(tree)
        mine = [self._changed.get(id(statement)) for statement in body]
        if not any(mine):
            return compile(tree)
        new = [s if m is None or m[0] is not s else m[1] for s, m in zip(body, mine, strict=True)]
        rest = [tree.type_ignores] if isinstance(tree, ast.Module) else []
        guards = self._rewriter.guards
        try:
            code = hooks.insert(compile(cast("Any", type(tree))(new, *rest)), guards)
        except Exception:
            code = None
        if code is None:
            # Whatever is wrong with it is the user's, and for the compiler to say: not here, as
            # there would be the context of our error.
            plain = compile(tree)
            self.log.reasons.add("fault")
            return plain
        return code

    def pause(self) -> None:
        """Observe nothing more, as somebody else looks."""
        self._paused = True
        self._nested.pause()
        self.log.reasons.add("profiler")
        self._run_plain()
        self._go_to(self.log.root)

    def leave(self) -> None:
        """Observe no more in this context."""
        self._go_to(self._before)

    def finish(self) -> Trace:
        """End the tracing and return what was seen."""
        with _finishing:
            if self._trace is None:
                self._trace = self._finished()
        return self._trace

    def _go_to(self, here: Open | None) -> None:
        now = HERE.get()
        if now is not None and now.log is self.log:
            HERE.set(here)

    def _run_plain(self) -> None:
        """Have code run plain that still runs or is yet to run."""
        for guard in self._rewriter.guards if self._rewriter is not None else ():
            guard.open = False
        withdraw, self._withdraw = self._withdraw, None
        if withdraw is not None:
            withdraw()

    def _finished(self) -> Trace:
        log, rewriter = self.log, self._rewriter
        if self in _traces:
            _traces.remove(self)
        self._changed.clear()
        self.leave()
        self._nested.finish(log)
        executed = None
        if rewriter is not None:
            if _UNSEEN.isdisjoint(log.reasons):
                executed = frozenset(where for where, guard in rewriter.blocks if guard.ran)
            self._count(rewriter.sites)
            hooks.retire([*rewriter.sites, *rewriter.loops])
        self._run_plain()
        activations = log.close()
        called = frozenset(seen.code for seen in log.seen.values())
        reasons = frozenset(log.reasons)
        return Trace(activations, bool(reasons), reasons, executed, called)

    def _count(self, sites: Iterable[Site]) -> None:
        """Give the last record of each site the calls that have none."""
        log = self.log
        for site in sites:
            total, last = site.total(), site.last
            if total is not None and total <= site.recorded:
                continue
            if last is not None:
                last.calls = None if total is None else total - site.recorded + 1
                missed = self._nested.partial and bool(log.seen)
            else:
                # Its guard was closed by what is beside it.
                missed = total is None and not self._paused
            if missed:
                log.reasons.add("calls")
