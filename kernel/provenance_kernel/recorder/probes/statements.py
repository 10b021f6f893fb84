"""What each statement of a run's cell did, before and after values are examined, and its needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from provenance_kernel.dataflow import Ledger, Snapshot, describe_run, read_program
from provenance_kernel.dataflow.embedded import timed
from provenance_kernel.dataflow.statements import Statements
from provenance_kernel.parsing import leading_blanks, parse_cell
from provenance_kernel.recorder.probes.probe import Probe, Session
from provenance_kernel.recorder.run import OpenRun
from provenance_kernel.records import Dependency, new_id


class StatementsBefore(Probe):
    """Reads what statements may have done, while the watch knows what was before the run."""

    name = "statements"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._described = Statements(session.watch)

    def end(self, run: OpenRun) -> Iterable[object]:
        """Leave it in `run.did`, for those who examine the values that may have changed."""
        tree, run.tree = run.tree, None
        use, observed = run.use, run.observed
        if tree is None or use is None or observed is None:
            return ()
        hidden = self.session.shell.hidden
        namespace = self.session.namespace
        calls = run.traced.activations if run.traced is not None else ()
        results = {
            each.line: each.result
            for each in calls
            if each.parent_id == run.root_id and each.line is not None
        }
        inner = timed(tree, parse_cell)
        if inner is not None:
            # What a magic runs has lines and blocks of its own.
            tree, results = inner, {}
            observed = replace(observed, executed=None, stopped_at=None)
            lazy = self.session.shell.lazy_annotations
            program = read_program(inner, lazy_annotations=lazy, parse=parse_cell)
            now = Snapshot(namespace)
            within = describe_run(program, namespace, now, now, observed=observed, hidden=hidden)
            use = replace(use, statements=within.statements)
        with self.session.watch.lock:
            run.did = self._described.describe(
                tree,
                use,
                observed,
                namespace,
                hidden=hidden,
                status=run.run.status,
                results=results,
                skipped=leading_blanks(run.source),
            )
        if self.session.shell.closes_figures:
            run.did.keep_pictures(str(run.run.position))
        return ()


class StatementsAfter(Probe):
    """Makes the rows, once it is known which values the run has changed."""

    name = "statements"

    def end(self, run: OpenRun) -> Iterable[object]:
        """Return a row for each statement of the cell."""
        if run.did is None:
            return ()
        with self.session.watch.lock:
            run.statements = list(run.did.rows(run.run.id, run.changed, run.used))
        return run.statements


class Dependencies(Probe):
    """Keeps the ledger of who wrote each name last: on those a run depends that reads it."""

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
        supposed = self._ledger.suppose(
            run.run.id,
            reads=run.use.reads,
            ends={*run.use.writes, *run.use.deletes, *run.changed, *run.rebound},
            changes=self._unseen(run),
        )
        return [
            *(Dependency(new_id(), run.run.id, source, name) for source, name in found),
            *(Dependency(new_id(), run.run.id, *each, "inferred") for each in supposed),
        ]

    def _unseen(self, run: OpenRun) -> set[str]:
        """Return the names of opaque values that the run may have changed in place."""
        watch = self.session.watch
        changes = {name for each in run.statements for name in each.changes}
        with watch.lock:
            kinds = {name: watch.fingerprint(name) for name in changes}
        return {name for name, found in kinds.items() if found is not None and not found.digest}
