"""The tracer `noworkflow`: what cells do is written to a store that noWorkflow's tools read.

`coarse`, its collection by default, leaves the tracing to the activation tracer, which adds no
frame to a cell and rewrites no function, and writes in noWorkflow's model what came of it. `fine`
has noWorkflow rewrite each cell, for its provenance of every expression.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import cast

from provenance_kernel.errors import EngineUnavailable
from provenance_kernel.noworkflow.package import provide
from provenance_kernel.noworkflow.store import NowStore
from provenance_kernel.records import CellRun, NoworkflowLink
from provenance_kernel.settings import Settings
from provenance_kernel.trace.sink import Sink
from provenance_kernel.trace.tracer import (
    ActivationTrace,
    ActivationTracer,
    CellTrace,
    Place,
    Trace,
)

# noWorkflow's connection is one for a process, and so is our trial in its store.
_stores: dict[Place, NowStore] = {}


class NoworkflowTracer:
    """Traces cells by another tracer, or by noWorkflow's rewriting, into noWorkflow's store.

    Raises `EngineUnavailable` where the package noworkflow is missing or another version.
    """

    name = "noworkflow"
    problem: str | None = None
    # That of the last run.
    _sink: Sink

    def __init__(self, inner: ActivationTracer, settings: Settings, place: Place) -> None:
        self._inner = inner
        if place not in _stores:
            _stores[place] = NowStore(place, settings)
        self._store = _stores[place]
        self._store.configure(settings)
        self._fine = settings.noworkflow_collection == "fine"
        self.reason = f"the setting `tracer` is noworkflow; {inner.reason}"
        self.names: Mapping[str, object] = {"__noworkflow__": self._store.collector}

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
        """Begin a run in the current context."""
        provide(self._store.collector)
        inner = self._inner.begin(
            cell_run_id=cell_run_id,
            trial_id=trial_id,
            root_id=root_id,
            sink=sink,
            namespace=namespace,
        )
        self._sink = sink
        if self._fine and source is not None:
            return FineTrace(inner, self._store, sink, source, namespace, position)
        return inner

    def settled(
        self, run: CellRun, source: str, records: Iterable[object], /
    ) -> list[NoworkflowLink]:
        """Write the records that a run became; what fails there costs no record of ours."""
        if self._store.broken:
            return []
        try:
            return [self._store.write(run, source, records)]
        except Exception as error:
            self._store.broken = True
            # Further lines of SQLAlchemy's hold the values that it could not write.
            reason = str(error).partition("\n")[0]
            self._sink.fault(EngineUnavailable(f"{type(error).__name__}: {reason}"))
            return []

    def add_cell_file(self, filename: str) -> None:
        """Tell a file name of cells."""
        self._inner.add_cell_file(filename)

    def close(self) -> None:
        """Mark the trial as finished; another tracer may take it up again."""
        self._inner.close()
        if not self._store.broken:
            self._store.close()


class FineTrace:
    """The tracing of a cell run by noWorkflow's rewriting of its module-level code.

    A cell that noWorkflow cannot rewrite is traced as by `coarse`.
    """

    tree: ast.Module | None = None

    def __init__(
        self,
        inner: ActivationTrace,
        store: NowStore,
        sink: Sink,
        source: Callable[[], str | None],
        namespace: Mapping[str, object] | None,
        position: int,
    ) -> None:
        self.code, self.leave = inner.code, inner.leave
        self._inner = inner
        self._store = store
        self._sink = sink
        self._source = source
        self._namespace = namespace
        self._position = position
        self._prepared = False
        self._trace: Trace | None = None

    def prepare(self, tree: ast.Module, withdraw: Callable[[], None] | None = None) -> bool:
        """Have noWorkflow rewrite the cell."""
        if self._prepared:
            return False
        self._prepared = True
        source = self._source()
        if source is not None:
            log = self._inner.log
            self.tree = self._store.rewrite(tree, source, self._position, log, self._sink)
        return self.tree is None and self._inner.prepare(tree, withdraw)

    def finish(self) -> Trace:
        """End the tracing and return what was seen."""
        if self._trace is None:
            found = self._inner.finish()
            if self.tree is not None:
                # Which functions ran below those that noWorkflow called is not known.
                found = replace(found, executed=None, called=None)
                self._store.rewritten(self._inner.log.cell_run_id)
                namespace = self._namespace
                for name in [each for each in namespace or () if each.startswith("__now_")]:
                    cast("dict[str, object]", namespace).pop(name)
            self._trace = found
        return self._trace
