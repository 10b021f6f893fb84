"""The files that a run read and wrote, and what it did to network and processes."""

from __future__ import annotations

from collections.abc import Iterable

from provenance_kernel.capture.files import FileRun, FileWatch
from provenance_kernel.capture.traffic import Traffic
from provenance_kernel.recorder.probes.probe import Probe, Session
from provenance_kernel.recorder.run import OpenRun


class Files(Probe):
    """Watches the process's audit events for each run."""

    name = "files"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._watch = FileWatch(Traffic(session.project, ignore=session.ignored))
        self._watch.install()
        self._open: dict[str, FileRun] = {}

    def begin(self, run: OpenRun) -> None:
        """Attribute what this context does to the run."""
        self._open[run.run.id] = self._watch.begin(run.trial_id, run.run.id)

    def leave(self, run: OpenRun) -> None:
        """Attribute nothing more to it."""
        if run.run.id in self._open:
            self._watch.leave(self._open[run.run.id])

    def end(self, run: OpenRun) -> Iterable[object]:
        """Return the accesses to files, and an event for each use of the network or a program."""
        files = self._open.pop(run.run.id, None)
        if files is None:
            return ()
        for paths in run.paths:
            self._watch.inferred(files, paths)
        accesses, events = self._watch.end(files)
        run.used += accesses
        return [*accesses, *events]

    def close(self) -> None:
        """Let audit events pass."""
        self._watch.uninstall()
