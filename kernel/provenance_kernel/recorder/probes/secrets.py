"""What a run left in the session's names that is secret, and what it was told unseen."""

from __future__ import annotations

from collections.abc import Iterable

from provenance_kernel.recorder.probes.probe import Probe, Session
from provenance_kernel.recorder.run import OpenRun


class SecretValues(Probe):
    """Has the secrets of names, answers and the environment known before records are cleaned."""

    name = "secrets"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._seen: set[str] = set()

    def end(self, run: OpenRun) -> Iterable[object]:
        """Return nothing: what is found is known to the session's secrets."""
        if run.traced is not None:
            self.session.secrets.answered(run.traced.activations)
        names: set[str] = set()
        if run.use is not None:
            names = {*run.use.writes, *run.use.maybe, *(run.use.reads - self._seen)}
            self._seen |= names
        self.session.secrets.look(names)
        return ()
