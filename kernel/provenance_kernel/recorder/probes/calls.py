"""The calls that a run's code made, as the session's tracer saw them."""

from __future__ import annotations

import linecache
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePath

from provenance_kernel.capture.randomness import LIMIT, began_with
from provenance_kernel.fingerprint import short_repr
from provenance_kernel.recorder.guards import Fault
from provenance_kernel.recorder.probes.probe import Probe, Session
from provenance_kernel.recorder.run import CURRENT, OpenRun
from provenance_kernel.recorder.secrets import Secrets
from provenance_kernel.records import Activation

_PATHS = 200


class Calls(Probe):
    """Traces each run: its activations, the blocks that ran, and the files that calls named."""

    name = "calls"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._sink = _Sink(session.fault, session.secrets)

    def begin(self, run: OpenRun) -> None:
        """Have the shell show the cell's tree, and the tracer rewrite it."""
        if self.session.tracer.name == "none":
            return
        self.session.shell.attach()
        run.trace = self.session.tracer.begin(
            cell_run_id=run.run.id,
            trial_id=run.trial_id,
            root_id=run.root_id,
            sink=self._sink,
            namespace=self.session.namespace,
            position=run.run.position,
            source=lambda: self._source(run),
        )

    def _source(self, run: OpenRun) -> str | None:
        """Return what the shell made of a cell's source; None if a part of that is secret."""
        name = self.session.shell.file_name(run.source, run.run.execution_count)
        if name is None or run.stored != run.source:
            return None
        return "".join(linecache.getlines(name))

    def leave(self, run: OpenRun) -> None:
        """Count what the context does from now on to no run."""
        if run.trace is not None:
            run.trace.leave()

    def end(self, run: OpenRun) -> Iterable[object]:
        """Return the activations below the cell's body."""
        if run.trace is None:
            return ()
        run.traced = run.trace.finish()
        # The shell reads the whole source for this: not while the user waits.
        run.filename = self.session.shell.file_name(run.source, run.run.execution_count)
        if run.filename is not None:
            self.session.tracer.add_cell_file(run.filename)
        if run.traced.truncated:
            run.run = replace(run.run, truncated=True)
        return [_ended(each, run) for each in run.traced.activations]


def _ended(activation: Activation, run: OpenRun) -> Activation:
    if activation.duration is None and run.run.status != "ok":
        # Its end was not seen, and the run's end was its own.
        return replace(activation, status=run.run.status)
    return activation


class _Sink:
    """Takes what the tracer observes."""

    def __init__(self, fault: Fault, secrets: Secrets) -> None:
        self._fault = fault
        self._secrets = secrets

    describe = staticmethod(short_repr)

    def called(self, function: object, arguments: Mapping[str, object], /) -> None:
        """Keep the paths that a call names, for native code may open them unseen; see secrets."""
        self._secrets.given(arguments)
        run = CURRENT.get()
        if run is None or len(run.paths) >= _PATHS:
            return
        paths = {
            name: tuple(value) if type(value) is list else value
            for name, value in arguments.items()
            if _may_be_paths(value)
        }
        if paths:
            run.paths.append(paths)

    def returned(
        self, function: str, arguments: Mapping[str, str] | None, result: object, /
    ) -> None:
        """Keep what a generator that was made without a seed began with."""
        made = began_with(function, arguments or {}, result)
        run = CURRENT.get() if made is not None else None
        if made is not None and run is not None and len(run.made) < LIMIT:
            run.made.append(made)

    def fault(self, error: BaseException, /) -> None:
        self._fault("tracing", error)


def _may_be_paths(value: object) -> bool:
    kind = type(value)
    # By the type: `isinstance` asks an object of the user's for its `__class__`.
    if kind is str or kind is bytes or issubclass(kind, PurePath):
        return True
    return (kind is list or kind is tuple) and all(
        type(each) is str or issubclass(type(each), PurePath)
        for each in value[:4]  # type: ignore[index]
    )
