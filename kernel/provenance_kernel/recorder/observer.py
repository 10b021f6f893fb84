"""What is seen of a session's cell runs: their calls, names, dependencies and tracked values."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, TypeVar

from provenance_kernel.capture.secrets import REDACTED, redact_arguments, redact_source, redact_text
from provenance_kernel.fingerprint import Budget, short_repr
from provenance_kernel.lineage import Ledger, Observed, RunUse, Snapshot, describe_run
from provenance_kernel.recorder.run import CURRENT, OpenRun, Request
from provenance_kernel.recorder.shell import Shell
from provenance_kernel.recorder.surroundings import Surroundings
from provenance_kernel.recorder.tracked import NotThere, look_up
from provenance_kernel.recorder.values import Values
from provenance_kernel.records import Activation, Dependency, new_id
from provenance_kernel.settings import Settings
from provenance_kernel.trace import Place, Trace, Tracer, choose
from provenance_kernel.types import Role

# What the tracer of 3.11 sees of nested calls is not all of them, and neither is what a tracer saw
# that gave up: then it is not known which functions ran.
_SEES_ALL_CALLS = sys.version_info >= (3, 12)
T = TypeVar("T")
_GAVE_UP = frozenset({"budget", "fault"})


@dataclass(slots=True)
class Seen:
    """The rows of what was seen of a run, and the directives that could not be followed."""

    truncated: bool = False
    records: list[object] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    output_digest: str | None = None


class Observer:
    """Sees the runs of one session; they may overlap on several threads."""

    def __init__(
        self,
        settings: Settings,
        shell: Shell,
        project: Path,
        place: Place,
        ignored: list[Path],
        fault: Callable[[str, BaseException], None],
    ) -> None:
        self._shell = shell
        self._settings = settings
        self._surroundings = Surroundings(project, ignored, shell.inner)
        self._sink = _Sink(fault, self._surroundings)
        self._place = place
        self._take(choose(settings, project, place))
        self._ledger = Ledger()
        self._values = Values()
        self._secrets = Secrets()
        self._cell_files: set[str] = set()

    @property
    def tracer(self) -> str:
        """The name of the tracer that is used."""
        return self._tracer.name

    @property
    def problem(self) -> str | None:
        """Why it is not the tracer that was asked for."""
        return self._tracer.problem

    def configure(self, settings: Settings, project: Path) -> None:
        """Collect what these settings say, from the next run on."""
        self._settings = settings
        self._tracer.close()
        self._take(choose(settings, project, self._place))

    def _take(self, tracer: Tracer) -> None:
        self._tracer = tracer
        if tracer.names:
            self._shell.provide(tracer.names)

    def close(self) -> None:
        """Give back what is held of the interpreter and the shell."""
        self._tracer.close()
        self._surroundings.close()
        self._shell.detach()

    def begin(self, opened: OpenRun, request: Request) -> None:
        """Begin to see a run in the current context."""
        opened.around = self._surroundings.begin(opened.trial_id, opened.run.id)
        if self._tracer.name == "none":
            return
        self._shell.attach()
        namespace = self._shell.namespace
        opened.before = Snapshot(namespace)
        opened.trace = self._tracer.begin(
            cell_run_id=opened.run.id,
            trial_id=opened.trial_id,
            root_id=opened.root_id,
            sink=self._sink,
            namespace=namespace,
            position=opened.run.position,
            source=lambda: self._source(opened),
        )

    def _source(self, opened: OpenRun) -> str | None:
        """Return what the shell made of a cell's source; None if a part of that is secret."""
        name = self._shell.file_name(opened.source, opened.run.execution_count)
        if name is None or redact_source(opened.source) != opened.source:
            return None
        return "".join(linecache.getlines(name))

    def end(self, opened: OpenRun) -> Seen:
        """Return what was seen of a run that has ended."""
        traced = opened.trace.finish() if opened.trace is not None else Trace()
        if opened.before is not None:
            # The shell reads the whole source for this: not while the user waits.
            opened.filename = self._shell.file_name(opened.source, opened.run.execution_count)
            if opened.filename is not None:
                self._cell_files.add(opened.filename)
                self._tracer.add_cell_file(opened.filename)
        self._secrets.learn(traced.activations)
        seen = Seen(traced.truncated, [self._told(each, opened) for each in traced.activations])
        namespace = self._shell.namespace
        if opened.around is not None:
            run = opened.trial_id, opened.run.id
            seen.records += self._surroundings.end(
                opened.around, traced.activations, run, opened.source, namespace
            )
            seen.output_digest = self._surroundings.outputs(opened.around, opened.run)
        use = self._use(opened, traced)
        if use is not None:
            budget = Budget(self._settings.fingerprints)
            rows, mutated = self._values.rows(opened, use, namespace, budget)
            seen.records += map(self._secrets.hide, rows)
            seen.records += self._dependencies(opened, use, mutated)
        self._track(opened, use, seen)
        self._tell(opened, seen)
        return seen

    def _tell(self, opened: OpenRun, seen: Seen) -> None:
        """Show a tracer that has a store of its own what the run became."""
        if opened.trace is None or not opened.trace.writes:
            return
        root = opened.root(opened.run.status, opened.run.duration)
        rows = [root, *seen.records, *opened.tags, *opened.told.values()]
        link = opened.trace.tell(opened.run, redact_source(opened.source), rows)
        if link is not None:
            seen.records.append(link)

    def _told(self, activation: Activation, opened: OpenRun) -> Activation:
        """Return an activation as it is recorded: without secrets, and with an end."""
        arguments = activation.arguments and redact_arguments(activation.arguments)
        result = activation.result and redact_text(activation.result)
        status = activation.status
        if activation.duration is None and opened.run.status != "ok":
            # Its end was not seen, and the run's end was its own.
            status = opened.run.status
        if (arguments, result, status) != (
            activation.arguments,
            activation.result,
            activation.status,
        ):
            activation = replace(activation, arguments=arguments, result=result, status=status)
        return self._secrets.hide(activation)

    def _use(self, opened: OpenRun, traced: Trace) -> RunUse | None:
        if opened.before is None:
            return None
        namespace = self._shell.namespace
        certain = _SEES_ALL_CALLS and not traced.reasons & _GAVE_UP
        observed = Observed(
            executed=traced.executed,
            called=dict.fromkeys(traced.called) if certain and traced.called is not None else None,
            stopped_at=opened.stopped_at(),
            filename=opened.filename,
            cell_files=self._cell_files,
        )
        try:
            program = opened.read_program()
        except Exception as error:
            self._sink.fault(error)
            program = None
        return describe_run(
            program,
            namespace,
            opened.before,
            Snapshot(namespace),
            observed=observed,
            hidden=self._shell.hidden,
        )

    def _dependencies(self, opened: OpenRun, use: RunUse, mutated: frozenset[str]) -> list[object]:
        count = opened.run.execution_count
        found = self._ledger.observe(
            opened.run.id,
            reads=use.reads,
            writes=use.writes,
            deletes=use.deletes,
            mutates=mutated,
            execution_count=count,
            has_output=count in self._shell.outputs,
        )
        return [Dependency(new_id(), opened.run.id, source, name) for source, name in found]

    def _track(self, opened: OpenRun, use: RunUse | None, seen: Seen) -> None:
        """Add the values of what the cell's directives track, as its run left them."""
        directives = opened.directives
        asked: dict[tuple[str, Role], None] = {}
        namespace = self._shell.namespace
        if directives.parameters and use is not None:
            names = sorted(name for name in use.writes if _is_parameter(namespace.get(name)))
            asked |= dict.fromkeys((name, "parameter") for name in names)
        asked |= {(each.expression, each.role): None for each in directives.tracked}
        for name, role in asked:
            try:
                seen.records.append(opened.tracked(name, role, look_up(name, namespace)))
            except NotThere as error:
                # A cell that failed need not have come as far as the value.
                if opened.run.status == "ok":
                    seen.problems.append(
                        f"the {role} {name!r} has no value after the cell ({error})"
                    )


class Secrets:
    """Texts that users typed where nobody should see them, and that no row may show."""

    def __init__(self) -> None:
        self._texts: set[str] = set()

    def learn(self, activations: Iterable[Activation]) -> None:
        """Take the results of calls that ask for a secret."""
        for activation in activations:
            if activation.result and activation.name.rpartition(".")[2] == "getpass":
                text = activation.result[1:-1]
                if text:
                    self._texts.add(text)

    def hide(self, row: T) -> T:
        """Return an activation or variable that shows none of them."""
        if not self._texts:
            return row
        changed: dict[str, Any] = {}
        for name in ("repr", "result"):
            text = getattr(row, name, None)
            if text is not None and self._in(text):
                changed[name] = REDACTED
        arguments = getattr(row, "arguments", None)
        if arguments and any(map(self._in, arguments.values())):
            changed["arguments"] = {
                name: REDACTED if self._in(text) else text for name, text in arguments.items()
            }
        return replace(row, **changed) if changed else row  # type: ignore[type-var]

    def _in(self, text: str) -> bool:
        return any(secret in text for secret in self._texts)


class _Sink:
    """Takes what the tracer observes."""

    def __init__(
        self, fault: Callable[[str, BaseException], None], surroundings: Surroundings
    ) -> None:
        self._fault = fault
        self._surroundings = surroundings

    describe = staticmethod(short_repr)

    def called(self, function: object, arguments: Mapping[str, object], /) -> None:
        """A call is about to be made."""
        opened = CURRENT.get()
        if opened is not None and opened.around is not None:
            self._surroundings.called(opened.around, arguments)

    def fault(self, error: BaseException, /) -> None:
        self._fault("tracing", error)


def _is_parameter(value: object) -> bool:
    """Tell whether a name that a parameters cell binds is a parameter: no module, no function."""
    kinds = (ModuleType, FunctionType, BuiltinFunctionType, type)
    return not issubclass(type(value), kinds)
