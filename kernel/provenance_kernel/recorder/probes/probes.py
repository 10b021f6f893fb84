"""The probes of a session, and the loop that runs them."""

from __future__ import annotations

from typing import Any

from provenance_kernel.recorder.probes.calls import Calls
from provenance_kernel.recorder.probes.content import Content
from provenance_kernel.recorder.probes.files import Files
from provenance_kernel.recorder.probes.names import Names
from provenance_kernel.recorder.probes.outputs import Outputs
from provenance_kernel.recorder.probes.probe import Probe, Session
from provenance_kernel.recorder.probes.randomness import RandomStates
from provenance_kernel.recorder.probes.secrets import SecretValues
from provenance_kernel.recorder.probes.statements import (
    Dependencies,
    StatementsAfter,
    StatementsBefore,
)
from provenance_kernel.recorder.probes.tracked import TrackedPlaces
from provenance_kernel.recorder.probes.values import NamedValues
from provenance_kernel.recorder.run import OpenRun

# In the order in which they look; each may use what those before it found.
_KINDS: tuple[type[Probe], ...] = (
    Calls,
    Files,
    RandomStates,
    Outputs,
    Names,
    SecretValues,
    StatementsBefore,
    NamedValues,
    StatementsAfter,
    Dependencies,
    TrackedPlaces,
    Content,
)


class Probes:
    """Runs each probe by itself: one that fails costs a run only what it would have recorded."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._probes: list[Probe] = []
        for kind in _KINDS:
            try:
                self._probes.append(kind(session))
            except Exception as error:
                session.fault(kind.name, error)

    def configure(self, session: Session) -> None:
        """Take settings that changed, from the next run on."""
        self.session = session
        self._each("configure", session)

    def begin(self, run: OpenRun) -> None:
        """Begin to look at a run, in the current context."""
        self._each("begin", run)

    def leave(self, run: OpenRun) -> None:
        """Look no more at a run, in the context that it began in."""
        self._each("leave", run)

    def end(self, run: OpenRun) -> list[object]:
        """Return the records of a run that is over."""
        records: list[object] = []
        for found in self._each("end", run):
            records += found
        return records

    def close(self) -> None:
        """Give back what is held of the interpreter and the shell."""
        self._each("close")

    def _each(self, step: str, *given: Any) -> list[Any]:
        done = []
        for probe in self._probes:
            try:
                done.append(getattr(probe, step)(*given))
            except Exception as error:
                self.session.fault(probe.name, error)
        return done
