"""The global random generators that a run drew from or seeded."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

from provenance_kernel.capture.randomness import Randomness, RandomRun, row_of, seed_candidates
from provenance_kernel.recorder.probes.probe import Probe, Session
from provenance_kernel.recorder.run import OpenRun


class RandomStates(Probe):
    """Compares the generators' states before and after each run."""

    name = "randomness"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._randomness = Randomness()
        self._lock = threading.Lock()
        self._open: dict[str, RandomRun] = {}

    def begin(self, run: OpenRun) -> None:
        """Take the states."""
        with self._lock:
            self._open[run.run.id] = self._randomness.begin()

    def end(self, run: OpenRun) -> Iterable[object]:
        """Return a row for each generator that was used, and an event where it was unseeded."""
        before = self._open.pop(run.run.id, None)
        if before is None:
            return ()
        with self._lock:
            for activation in run.traced.activations if run.traced is not None else ():
                if activation.arguments is not None:
                    self._randomness.called(before, activation.name, activation.arguments)
            states, events = self._randomness.end(
                before, run.trial_id, run.run.id, self._candidates(run)
            )
        run.used += states
        # No later run goes on from what these began with.
        made = [row_of(run.run.id, run.made)] if run.made else []
        return [*states, *made, *events]

    def _candidates(self, run: OpenRun) -> Iterator[int]:
        """Yield integers that may have been seeds, looked for only if somebody asks."""
        yield from seed_candidates(run.source, self.session.namespace)
