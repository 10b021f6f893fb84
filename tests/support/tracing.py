"""Runs cells through a shell, plain and traced, and shows what a trace says as plain values."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from provenance_kernel import stages
from provenance_kernel.recorder.run import CURRENT, OpenRun
from provenance_kernel.recorder.shell import Shell
from provenance_kernel.recorder.tracers import choose
from provenance_kernel.records import Activation, CellRun, utc_now
from provenance_kernel.settings import Settings
from provenance_kernel.trace import CellTrace, Trace, Tracer


class Listener:
    """A sink that keeps texts only."""

    def __init__(self) -> None:
        self.faults: list[BaseException] = []

    def describe(self, value: object, /) -> str:
        return object.__repr__(value) if type(value).__module__ == "__main__" else repr(value)

    def called(self, function: object, arguments: Mapping[str, object], /) -> None:
        pass

    def returned(
        self, function: str, arguments: Mapping[str, str] | None, result: object, /
    ) -> None:
        pass

    def fault(self, error: BaseException, /) -> None:
        self.faults.append(error)


@dataclass
class Outcome:
    """What a user would see of a cell."""

    printed: str
    error: str
    result: str
    traceback: list[str] = field(repr=False)
    names: dict[str, str] = field(repr=False)


class Session:
    """A shell; with a tracer, its cells are traced as the kernel traces them."""

    def __init__(self, tracer: Tracer | None) -> None:
        InteractiveShell.clear_instance()
        self.shell = InteractiveShell()
        self.shell.colors = "linux"
        self.shell.history_manager.enabled = False
        self.tracer = tracer
        self.trace = Trace()
        self.sink = Listener()
        self.seen = Shell(self.shell, lambda _, error: self.sink.faults.append(error))
        self._tracebacks: list[str] = []
        self.shell._showtraceback = self._keep  # type: ignore[method-assign]

    def _keep(self, kind: object, value: object, lines: list[str]) -> None:
        self._tracebacks.extend(lines)

    def run(self, source: str) -> Outcome:
        self._tracebacks.clear()
        run = token = None
        if self.tracer is not None:
            self.sink = Listener()
            run = self.tracer.begin(
                cell_run_id="run",
                trial_id="trial",
                root_id="root",
                sink=self.sink,
                namespace=self.shell.user_ns,
            )
            token = CURRENT.set(open_run(run))
            self.seen.attach()
        out = io.StringIO()
        try:
            with redirect_stdout(out), redirect_stderr(out):
                done = self.shell.run_cell(source, store_history=False)
        finally:
            if run is not None and token is not None:
                self.trace = run.finish()
                self.seen.detach()
                CURRENT.reset(token)
        error = done.error_before_exec or done.error_in_exec
        names = {
            k: scrub(repr(v)) if not callable(v) else type(v).__name__
            for k, v in self.shell.user_ns.items()
            if not k.startswith("_") and k not in ("In", "Out")
        }
        assert not self.sink.faults, self.sink.faults
        return Outcome(
            scrub(out.getvalue()),
            f"{type(error).__name__}: {error}" if error else "",
            scrub(repr(done.result)),
            [scrub(line) for line in self._tracebacks],
            names,
        )


def open_run(trace: CellTrace) -> OpenRun:
    """Return a run as the recorder has it, of which only the trace matters."""
    run = CellRun("run", "trial", 1, None, None, "", "running", utc_now())
    return OpenRun(run, "root", stages.read("", None), "", "", trace=trace)


def compiled(run: CellTrace, source: str, flags: int = 0) -> Iterator[CodeType]:
    """Compile a cell as IPython does: each statement when the one before has run."""
    tree = ast.parse(source)
    run.prepare(tree)
    for statement in tree.body:
        module = ast.Module([statement], [])
        yield run.code(module, lambda tree: compile(tree, "<cell>", "exec", flags))


def scrub(text: str) -> str:
    text = re.sub(r"0x[0-9a-f]+", "0x", text)
    text = re.sub(r"<ipython-input-\d+-[0-9a-f]+>", "<cell>", text)
    return re.sub(r"/ipykernel_\d+/\d+\.py", "<cell>", text)


def traced(source: str, **settings: Any) -> Trace:
    """Run a cell in a namespace of its own, statement by statement, and return its trace."""
    tracer = choose(Settings(**settings))
    try:
        return trace_with(tracer, source)
    finally:
        tracer.close()


def trace_with(
    tracer: Tracer, source: str, names: dict[str, object] | None = None, fails: bool = False
) -> Trace:
    """Run a cell with a tracer that goes on to be used."""
    sink = Listener()
    names = {} if names is None else names
    names.setdefault("__name__", "__main__")
    run = tracer.begin(
        cell_run_id="run", trial_id="trial", root_id="root", sink=sink, namespace=names
    )
    try:
        for code in compiled(run, source):
            exec(code, names)
    except Exception:
        if not fails:
            raise
    finally:
        trace = run.finish()
    assert not sink.faults, sink.faults
    return trace


def rows(trace: Trace, *fields: str) -> list[Any]:
    """Show activations as tuples of fields; `parent` is the parent's name, `-` the cell."""
    names = {a.id: a.name for a in trace.activations} | {"root": "-"}

    def value(row: Activation, name: str) -> object:
        if name == "parent":
            return names[str(row.parent_id)]
        return getattr(row, name)

    return [
        value(a, fields[0]) if len(fields) == 1 else tuple(value(a, f) for f in fields)
        for a in trace.activations
    ]
