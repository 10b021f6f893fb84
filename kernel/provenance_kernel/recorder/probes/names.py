"""What a run did with the names of the namespace."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice

from provenance_kernel.dataflow import Observed, Snapshot, describe_run
from provenance_kernel.dataflow.namespace import MOST_NAMES, is_shells_own
from provenance_kernel.recorder.probes.probe import Probe, Session
from provenance_kernel.recorder.run import OpenRun
from provenance_kernel.records import Event, new_id, utc_now
from provenance_kernel.trace import Trace

# What the tracer of 3.11 sees of nested calls is not all of them, and neither is what a tracer saw
# that gave up: then it is not known which functions ran.
_SEES_ALL_CALLS = sys.version_info >= (3, 12)
_GAVE_UP = frozenset({"budget", "fault"})


class Names(Probe):
    """Compares the namespace before and after, in the light of the cell's code."""

    name = "names"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._cell_files: set[str] = set()
        # The namespace as the last run left it, and the runs that are under way.
        self._left: Snapshot | None = None
        self._open: set[str] = set()

    def begin(self, run: OpenRun) -> None:
        """Take the addresses of the namespace's values; find what was bound since the last run."""
        if self.session.tracer.name == "none":
            return
        run.before = Snapshot(self.session.namespace)
        if self._left is not None and not self._open:
            since = self._left.difference(run.before, self.session.shell.hidden)
            run.rebound = since.added | since.changed | since.removed
        self._open.add(run.run.id)

    def leave(self, run: OpenRun) -> None:
        """Let the next run be compared with this one."""
        self._open.discard(run.run.id)

    def end(self, run: OpenRun) -> Iterable[object]:
        """Leave what was read, bound and unbound in `run.use`, for others to build on."""
        if run.before is None:
            return ()
        if run.filename is not None:
            self._cell_files.add(run.filename)
        try:
            program = run.read_program(self.session.shell.lazy_annotations)
        except Exception as error:
            self.session.fault("reading the cell", error)
            program = None
        run.observed = self._observed(run, run.traced)
        after = Snapshot(self.session.namespace)
        self._left = None if self._open else after
        run.use = describe_run(
            program,
            self.session.namespace,
            run.before,
            after,
            observed=run.observed,
            hidden=self.session.shell.hidden,
        )
        return self._left_out(run, run.use.writes, after.left_out - run.before.left_out)

    def _left_out(self, run: OpenRun, known: frozenset[str], count: int) -> list[object]:
        """Tell of the names that came last and that no snapshot has, where the code shows none."""
        if count <= 0:
            return []
        made = count
        # Another thread may bind some meanwhile, and a copy would take as much memory again.
        with suppress(RuntimeError):
            latest = islice(reversed(self.session.namespace), count)
            made = sum(not is_shells_own(each) and each not in known for each in latest)
        if not made:
            return []
        message = f"{made:,} variables were left out: {MOST_NAMES:,} names are looked at"
        return [Event(new_id(), run.trial_id, run.run.id, "truncated", message, utc_now())]

    def _observed(self, run: OpenRun, traced: Trace | None) -> Observed:
        executed = called = None
        if traced is not None:
            executed = traced.executed
            if _SEES_ALL_CALLS and not traced.reasons & _GAVE_UP and traced.called is not None:
                called = dict.fromkeys(traced.called)
        return Observed(executed, called, run.stopped_at(), run.filename, self._cell_files)
