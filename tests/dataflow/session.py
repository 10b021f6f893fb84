"""Runs cells in an IPython shell and describes each as a recorder does."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from provenance_kernel.dataflow import (
    Ledger,
    Observed,
    RunUse,
    Snapshot,
    describe_run,
)
from provenance_kernel.dataflow.program import Program
from provenance_kernel.recorder.run import CURRENT, OpenRun
from provenance_kernel.recorder.shell import Shell
from provenance_kernel.recorder.tracers import choose
from provenance_kernel.records import CellRun, utc_now
from provenance_kernel.settings import Settings
from provenance_kernel.stages import Directives
from provenance_kernel.trace import Tracer

# What is known of a run: all that the tracer saw, or where it stopped and no more.
Knowledge = Literal["traced", "nothing"]


@dataclass(frozen=True)
class Ran:
    """One cell run as it was described; sources are cells counted from 1."""

    use: RunUse
    sources: frozenset[tuple[int, str]]
    error: BaseException | None


class Session:
    """A shell of its own, its cells observed with as much knowledge as asked for."""

    def __init__(self, folder: Path, knowledge: Knowledge = "traced") -> None:
        config = Config()
        config.HistoryManager.enabled = False
        self.shell = InteractiveShell(config=config, ipython_dir=str(folder))
        self.knowledge = knowledge
        self.tracer = choose(Settings(tracer="activation" if knowledge == "traced" else "none"))
        # The shell collects garbage at every restart, which is slow in a large process.
        gc.freeze()
        self.restart()

    def restart(self) -> None:
        """Forget everything, as a new kernel would."""
        self.shell.reset(new_session=True)
        self.ledger = Ledger()
        self.files: set[str] = set()
        self.count = 0

    def close(self) -> None:
        self.shell.history_manager.end_session()
        atexit.unregister(self.shell.atexit_operations)
        self.shell.atexit_operations()
        self.tracer.close()
        gc.unfreeze()

    def run(self, source: str, mutates: frozenset[str] = frozenset()) -> Ran:
        shell = self.shell
        count = shell.execution_count
        filename = shell.compile.get_code_name(source, shell.transform_cell(source), count)
        self.files.add(filename)
        self.tracer.add_cell_file(filename)
        watcher = _Watcher(shell, self.tracer)
        before = Snapshot(shell.user_ns)
        with watcher.watching():
            result = shell.run_cell(source, store_history=True)
        error = result.error_in_exec or result.error_before_exec
        use = describe_run(
            watcher.program,
            shell.user_ns,
            before,
            Snapshot(shell.user_ns),
            observed=self._known(watcher.observed(error, filename, self.files)),
            hidden=shell.user_ns_hidden,
        )
        self.count += 1
        pairs = self.ledger.observe(
            str(self.count),
            reads=use.reads,
            writes=use.writes,
            deletes=use.deletes,
            mutates=mutates,
            execution_count=count,
            has_output=count in shell.user_ns["_oh"],
        )
        return Ran(use, frozenset((int(run), name) for run, name in pairs), error)

    def _known(self, observed: Observed) -> Observed:
        if self.knowledge == "nothing":
            return Observed(stopped_at=observed.stopped_at)
        return observed


class _Watcher:
    """Has the cell's tree read and its code traced, by what does it in the kernel."""

    def __init__(self, shell: InteractiveShell, tracer: Tracer) -> None:
        self.shell = shell
        self.tracer = tracer
        self.program: Program | None = None
        self.sink = _Sink()

    @contextmanager
    def watching(self) -> Iterator[None]:
        run = CellRun("run", "trial", 1, None, None, "", "running", utc_now())
        opened = OpenRun(run, "root", Directives(), "", "")
        opened.before = Snapshot(self.shell.user_ns)
        opened.trace = self.tracer.begin(
            cell_run_id="run",
            trial_id="trial",
            root_id="root",
            sink=self.sink,
            namespace=self.shell.user_ns,
        )
        wiring = Shell(self.shell, lambda _, error: self.sink.fault(error))
        wiring.attach()
        token = CURRENT.set(opened)
        try:
            yield
        finally:
            CURRENT.reset(token)
            wiring.detach()
            self.seen = opened.trace.finish()
            self.program = opened.read_program(wiring.lazy_annotations)
        assert self.sink.faults == []

    def observed(self, error: BaseException | None, filename: str, files: set[str]) -> Observed:
        stopped = None
        trace: TracebackType | None = error.__traceback__ if error is not None else None
        while trace is not None and stopped is None:
            if trace.tb_frame.f_code.co_filename == filename:
                stopped = trace.tb_lineno
            trace = trace.tb_next
        # Before 3.12 the tracer sees calls only below those that it records.
        called = self.seen.called if sys.version_info >= (3, 12) else None
        return Observed(self.seen.executed, called, stopped, filename, files)


class _Sink:
    """Takes what the tracer shows, and keeps only its faults."""

    def __init__(self) -> None:
        self.faults: list[BaseException] = []

    def describe(self, value: object, /) -> str:
        return type(value).__name__

    def called(self, function: object, arguments: object, /) -> None:
        pass

    def returned(
        self, function: str, arguments: Mapping[str, str] | None, result: object, /
    ) -> None:
        pass

    def fault(self, error: BaseException, /) -> None:
        self.faults.append(error)
