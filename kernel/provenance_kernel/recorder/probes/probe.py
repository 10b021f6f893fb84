"""A probe: one kind of thing that is captured of a cell run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from provenance_kernel.fingerprint import Watch
from provenance_kernel.recorder.guards import Fault
from provenance_kernel.recorder.run import OpenRun
from provenance_kernel.recorder.secrets import Secrets
from provenance_kernel.recorder.shell import Shell
from provenance_kernel.recorder.tracking import Tracking
from provenance_kernel.settings import Settings
from provenance_kernel.trace import Tracer


@dataclass(frozen=True, slots=True)
class Session:
    """What probes know of the session.

    `project` is the folder whose modules are the user's own, `ignored` are the record's own
    files, and `fault` is told which part of ours failed, and by what. `put` stores records from
    a thread of ours. `secrets` are those known so far, and `watch` knows the values
    that names have had so far, `tracking` what is tracked and where values came from.
    """

    settings: Settings
    shell: Shell
    tracer: Tracer
    project: Path
    ignored: tuple[Path, ...]
    secrets: Secrets
    fault: Fault
    put: Callable[[Sequence[object]], object]
    watch: Watch = field(default_factory=Watch)
    tracking: Tracking = field(default_factory=Tracking)

    @property
    def namespace(self) -> dict[str, Any]:
        """The user's names."""
        return self.shell.namespace


class Probe:
    """Captures one kind of thing of each run. Runs may overlap on several threads.

    A run passes through `begin`, `leave` and `end`, in this order. What any of them raises is
    reported as a fault of the probe, and the run is recorded without what the probe would have
    given. A probe reads what others found from the open run, and goes without where it is missing.
    """

    name: ClassVar[str]

    def __init__(self, session: Session) -> None:
        self.session = session

    def configure(self, session: Session) -> None:
        """Take settings that changed, from the next run on."""
        self.session = session

    def begin(self, run: OpenRun) -> None:
        """Begin to look, in the context of the code that is about to run."""

    def leave(self, run: OpenRun) -> None:
        """Look no more: the reply is out. Called in the context of `begin`; nobody may wait."""

    def end(self, run: OpenRun) -> Iterable[object]:
        """Return the records of a run that is over, in whatever context."""
        return ()

    def close(self) -> None:
        """Give back what is held of the interpreter and the shell."""
