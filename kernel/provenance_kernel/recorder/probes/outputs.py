"""What a run displayed and printed, and one digest of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from provenance_kernel.capture.outputs import OutputTap
from provenance_kernel.recorder.probes.probe import Probe, Session
from provenance_kernel.recorder.run import OpenRun


class Outputs(Probe):
    """Reads the messages that answer each run's request; a terminal's shell sends none."""

    name = "outputs"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        shell = session.shell.inner
        self._tap = OutputTap(shell) if hasattr(shell, "get_parent") else None
        self._messages: dict[str, str] = {}

    def begin(self, run: OpenRun) -> None:
        """Collect what answers the request that is being handled."""
        if self._tap is None:
            return
        try:
            message = str(self.session.shell.inner.get_parent()["header"]["msg_id"])
        except (LookupError, TypeError):
            return
        self._tap.begin(message, self.session.settings.keep_outputs)
        self._messages[run.run.id] = message

    def end(self, run: OpenRun) -> Iterable[object]:
        """Give the run the digest of its outputs, if there were any."""
        message = self._messages.pop(run.run.id, None)
        if self._tap is None or message is None:
            return ()
        # The streams have been flushed: ipykernel does that before it replies.
        run.shown = self._tap.finish(message, run.run.execution_count)
        digest = run.shown.digest
        if run.run.error_name is not None:
            digest.add_error(run.run.error_name, run.run.error_value or "")
        if not digest.empty:
            run.run = replace(run.run, output_digest=digest.hexdigest())
        return ()

    def close(self) -> None:
        """Read no more messages."""
        if self._tap is not None:
            self._tap.close()
