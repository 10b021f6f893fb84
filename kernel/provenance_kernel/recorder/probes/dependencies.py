"""The runs that a run depends on: those that wrote or changed last what it read."""

from __future__ import annotations

from collections.abc import Iterable

from provenance_kernel.dataflow import Ledger
from provenance_kernel.recorder.probes.probe import Probe, Session
from provenance_kernel.recorder.run import OpenRun
from provenance_kernel.records import Dependency, new_id


class Dependencies(Probe):
    """Keeps the ledger of who wrote each name last."""

    name = "dependencies"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._ledger = Ledger()

    def end(self, run: OpenRun) -> Iterable[object]:
        """Enter the run, and return the links to those it depends on."""
        if run.use is None:
            return ()
        count = run.run.execution_count
        found = self._ledger.observe(
            run.run.id,
            reads=run.use.reads,
            writes=run.use.writes,
            deletes=run.use.deletes,
            mutates=run.changed,
            rebound=run.rebound,
            execution_count=count,
            has_output=count in self.session.shell.outputs,
        )
        return [Dependency(new_id(), run.run.id, source, name) for source, name in found]
