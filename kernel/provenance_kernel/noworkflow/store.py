"""noWorkflow's own store, written through noWorkflow's own classes; loaded only when asked for.

What a cell run did becomes, in noWorkflow's words: a code block, an activation below that of the
notebook, an evaluation for each call, argument and variable, and dependencies between them.
"""

from __future__ import annotations

import ast
import os
import threading
from argparse import Namespace
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from provenance_kernel.noworkflow.package import VERSION, load, provide, written_once
from provenance_kernel.records import (
    Activation,
    CellRun,
    Dependency,
    FileAccess,
    NoworkflowLink,
    StageTag,
    TrackedValue,
    Variable,
    new_id,
    utc_now,
)
from provenance_kernel.settings import Settings
from provenance_kernel.trace.log import Log
from provenance_kernel.trace.sink import Sink
from provenance_kernel.trace.tracer import Place

FOLDER = ".noworkflow"
# The notebook's block is written anew when it has grown by so much, and when the trial ends: its
# text is that of all cells that ran, and noWorkflow keeps each version of it.
_GROWTH = 1.25
_NO_PLACE = (-1, -1, -1, -1)


class NowStore:
    """A trial in noWorkflow's store of a folder; one at a time in a process, as it has globals."""

    def __init__(self, place: Place, settings: Settings) -> None:
        self.now = now = load()
        self.place = place
        own = place.folder / FOLDER
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.metascript = script = now.Metascript()
        options = Namespace(
            name=place.name,
            verbose=False,
            meta=False,
            # Its trial would have to inherit the modules of an earlier one.
            bypass_modules=False,
            coarse_granularity=settings.noworkflow_collection == "coarse",
            depth=settings.depth,
            save_frequency=0,
            call_storage_frequency=0,
            context="main",
            serializer="repr",
            collect_values="all",
            message=None,
            content_engine="plain",
        )
        path = str(place.folder / place.name)
        command = f"jupyter provenance {place.name}"
        folder = str(place.folder)
        script.read_ipython_args(options, folder, path, [place.name], False, cmd=command)
        # It makes its tables only where there is no file at all.
        now.relational.base.metadata.create_all(now.relational.engine)
        (own / "db.sqlite").chmod(0o600)
        # Each is written once, where noWorkflow writes all of them again at each save.
        script.code_components_store = written_once(now.ObjectStore)(
            script.code_components_store.cls
        )
        # Set when noWorkflow is to rewrite cells.
        self.collector = script.execution.collector
        self.collector.reload_metascript(script)
        self._fine: Any = None
        self.began = utc_now()
        self.trial_id = place.trial_id
        made = now.Trial.create(*script.create_trial_args())
        with now.relational.engine.begin() as connection:
            # Both stores know the trial by one id.
            table = now.Trial.t
            connection.execute(table.update().values(id=self.trial_id).where(table.c.id == made))
        script.trial_id = self.collector.trial_id = self.trial_id
        script.create_arguments(options)
        self._environment()
        self._values = settings.noworkflow_values
        self._lock = threading.Lock()
        # Set when it could not be written; then it is left as it is.
        self.broken = False
        self._sources: list[str] = []
        self._length = self._written = 0
        # The activation of a rewritten cell that is not written yet, and those of its calls by our
        # ids: by the run's id.
        self._seen: dict[str, tuple[Any, dict[str, Any]]] = {}
        # The last evaluation of each name: (activation, evaluation), by run and name.
        self._bound: dict[tuple[str, str], tuple[int, int]] = {}
        self._notebook_block()
        self.main = self._activation(place.name, 1, 0, 0.0, 0.0, "", block=1)
        self.save()
        self.now.Trial.set_user_based_on_env(self.trial_id)
        self._status("unfinished", None)
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Collect what these settings say."""
        self._values = settings.noworkflow_values
        self.metascript.coarse_granularity = settings.noworkflow_collection == "coarse"
        self.metascript.depth = settings.depth
        if settings.noworkflow_collection == "fine" and self._fine is None:
            # Here, as what is loaded while a cell runs counts as the cell's.
            from provenance_kernel.noworkflow.collector import SafeCollector

            collector = SafeCollector(self.metascript, self.main)
            collector.trial_id = self.trial_id
            self.metascript.execution.collector = self.collector = self._fine = collector

    def _is_open(self) -> bool:
        """Tell whether a rewritten cell runs."""
        return self._fine is not None and self._fine.log is not None and not self._fine.log.closed

    def rewrite(
        self, tree: ast.Module, source: str, position: int, log: Log, sink: Sink
    ) -> ast.Module | None:
        """Return a cell's tree as noWorkflow rewrites it, or None where it cannot."""
        from provenance_kernel.noworkflow import rewriter

        if self._is_open():
            # A subshell's cell beside another: noWorkflow's collector is of one at a time.
            log.reasons.add("rewriting")
            return None
        self.metascript.serialize = sink.describe
        provide(self._fine)
        name, block = self.cell_block(position, source)
        folder = self.place.folder
        try:
            found = rewriter.rewrite(self.metascript, tree, source, folder, name, block)
        except Exception:
            # There is syntax that it does not know.
            log.reasons.add("rewriting")
            return None
        self._fine.begin(log, sink.fault, self._text)
        return found

    def rewritten(self, cell_run_id: str) -> None:
        """End a rewritten cell, whose names and calls noWorkflow has seen itself."""
        fine = self._fine
        fine.end()
        calls = {opened.id: activation for opened, activation in fine.known.items()}
        self._seen[cell_run_id] = fine.cell, calls

    def write(self, run: CellRun, source: str, rows: Iterable[object]) -> NoworkflowLink:
        """Write a cell run that became these records; return the ids noWorkflow knows it by."""
        with self._lock:
            rows = list(rows)
            calls = [each for each in rows if isinstance(each, Activation)]
            cell, known = self._seen.pop(run.id, (None, {}))
            if cell is None:
                cell = self._cell(run, source)
                if run.started_at < self.began:
                    # The first cell began before noWorkflow's trial did.
                    cell.evaluation.checkpoint = self._time()
                self._names(cell, run, rows)
            self._calls(cell, calls, known)
            script = self.metascript
            for row in rows:
                if isinstance(row, StageTag):
                    self._tag(cell, row.label)
                elif isinstance(row, TrackedValue):
                    self._tag(cell, row.value, row.name)
                elif isinstance(row, FileAccess):
                    access = script.file_accesses_store.add_object(
                        self.trial_id, row.path, cell.start_checkpoint, row.mode, "default"
                    )
                    access.activation_id, access.done = cell.id, True
            self._sources.append(source)
            self._length += len(source)
            if self._length >= self._written * _GROWTH:
                self._notebook_block()
            if not self._is_open():
                self.save()
            return NoworkflowLink(new_id(), run.id, self.trial_id, cell.id)

    def cell_block(self, position: int, source: str) -> tuple[str, int]:
        """Write a cell's code; return its name and the id of its block."""
        name = f"cell {position}"
        path = str(self.place.folder / name)
        _, block = self.metascript.definition.create_code_block(source, path, "cell", False, False)
        return name, block

    def save(self) -> None:
        """Write what was collected, in one transaction."""
        script = self.metascript
        # The notebook's activation has an end at any time, as the process may be killed.
        whole = self.main.evaluation
        whole.checkpoint = self._time()
        if whole.id not in script.evaluations_store.store:
            script.evaluations_store.store[whole.id] = whole
            script.evaluations_store.count += 1
        for each in script.evaluations_store.values():
            # An interrupt may come between noWorkflow's own lines, and leave one open.
            if each.checkpoint == -1:
                each.checkpoint = whole.checkpoint
        stores = (
            script.arguments_store,
            script.environment_attrs_store,
            script.code_components_store,
            script.code_blocks_store,
            script.compositions_store,
            script.evaluations_store,
            script.activations_store,
            script.dependencies_store,
            script.members_store,
            script.file_accesses_store,
            script.stage_tags_store,
        )
        with self.now.relational.engine.begin() as connection:
            for store in stores:
                store.cls.model.store(store, True, connection)
        # It keeps tracebacks, with all that they hold, for no table.
        script.exceptions_store.store.clear()

    def close(self) -> None:
        """End the trial."""
        with self._lock:
            self._notebook_block()
            self.save()
            self._status("finished", datetime.now())

    def _since(self, when: datetime) -> float:
        """Return the seconds from the trial's start; the first cell's began before that."""
        return max((when - self.began).total_seconds(), 0.0)

    def _time(self) -> float:
        return float(self.metascript.get_time())

    def _status(self, status: str, finish: datetime | None) -> None:
        self.now.Trial.fast_update(self.trial_id, 1, finish, status)

    def _notebook_block(self) -> None:
        """Write the notebook's code block: the text of all cells that ran, in their order."""
        text = "\n\n".join(self._sources)
        self._written = self._length
        script = self.metascript
        if not script.code_components_store.id:
            path = str(self.place.folder / self.place.name)
            script.definition.create_code_block(text, path, "script", False, False)
        else:
            script.code_blocks_store.add(1, self.trial_id, text, False, "", self.place.name)

    def _environment(self) -> None:
        """Tell what the environment is, without its variables: they hold people's secrets."""
        import platform

        attributes = {
            "OS_NAME": platform.system(),
            "OS_RELEASE": platform.release(),
            "ARCH": platform.architecture()[0],
            "PROCESSOR": platform.processor(),
            "PYTHON_IMPLEMENTATION": platform.python_implementation(),
            "PYTHON_VERSION": platform.python_version(),
            "NOWORKFLOW_VERSION": VERSION,
            "HOSTNAME": platform.node(),
            "PWD": os.getcwd(),
            "PID": str(os.getpid()),
        }
        for name, value in attributes.items():
            self.metascript.environment_attrs_store.add(self.trial_id, name, value)

    def _text(self, text: str | None, relevant: bool) -> str:
        """Return the text that noWorkflow gets of a value."""
        if self._values == "none" or (self._values == "relevant" and not relevant):
            return ""
        # Its exporters take no NULL.
        return text or ""

    def _component(self, name: str, kind: str, mode: str, line: int | None, block: int) -> int:
        place = (line, 0, line, 0) if line else _NO_PLACE
        number: int = self.metascript.code_components_store.add(
            self.trial_id, name, kind, mode, *place, block
        )
        return number

    def _evaluation(
        self, component: int, activation: int, end: float, text: str | None, relevant: bool = False
    ) -> Any:
        return self.metascript.evaluations_store.add_object(
            # To noWorkflow, what ended at 0 has not ended.
            *(self.trial_id, component, activation, max(end, 1e-6)),
            self._text(text, relevant),
        )

    def _activation(
        self,
        name: str,
        component: int,
        parent: int,
        start: float,
        end: float,
        text: str | None,
        block: int = -1,
    ) -> Any:
        evaluation = self._evaluation(component, parent, end, text, relevant=True)
        return self.metascript.activations_store.add_object(
            evaluation, self.trial_id, name, start, block
        )

    def _depends(self, of: tuple[int, int], on: tuple[int, int], kind: str) -> None:
        self.metascript.dependencies_store.add(
            self.trial_id, *of, *on, kind, kind == "assignment", None, None, None
        )

    def _cell(self, run: CellRun, source: str) -> Any:
        name, block = self.cell_block(run.position, source)
        start = self._since(run.started_at)
        end = start + (run.duration or 0.0)
        return self._activation(name, block, self.main.id, start, end, "", block)

    def _calls(self, cell: Any, activations: Sequence[Activation], known: dict[str, Any]) -> None:
        for each in activations:
            if each.parent_id is None or each.id in known:
                continue
            parent = known.get(each.parent_id, cell)
            start = self._since(each.started_at)
            block = cell.code_block_id
            component = self._component(each.name, "call", "r", each.line, block)
            found = known[each.id] = self._activation(
                each.name, component, parent.id, start, start + (each.duration or 0.0), each.result
            )
            for name, text in (each.arguments or {}).items():
                parameter = self._component(name, "param", "w", each.line, block)
                self._evaluation(parameter, found.id, start, text, relevant=True)

    def _names(self, cell: Any, run: CellRun, rows: Sequence[object]) -> None:
        """Write the names that a run read and bound, and what each came from."""
        sources = {
            each.variable: each.source_cell_run_id for each in rows if isinstance(each, Dependency)
        }
        variables = [each for each in rows if isinstance(each, Variable)]
        read: list[tuple[int, int]] = []
        for each in variables:
            if each.access != "read":
                continue
            component = self._component(each.name, "name", "r", None, cell.code_block_id)
            found = self._evaluation(component, cell.id, cell.start_checkpoint, each.repr)
            read.append((cell.id, found.id))
            source = self._bound.get((sources.get(each.name, ""), each.name))
            if source is not None:
                self._depends(read[-1], source, "assignment")
        end = cell.evaluation.checkpoint
        for each in variables:
            if each.access not in ("write", "mutate"):
                continue
            component = self._component(each.name, "name", "w", None, cell.code_block_id)
            found = self._evaluation(component, cell.id, end, each.repr)
            bound = self._bound[run.id, each.name] = cell.id, found.id
            for source in read:
                self._depends(bound, source, "dependency")

    def _tag(self, cell: Any, label: object, name: str | None = None) -> None:
        self.metascript.stage_tags_store.add(
            self.trial_id, name or cell.name, label, name, None if name is None else label, cell.id
        )
