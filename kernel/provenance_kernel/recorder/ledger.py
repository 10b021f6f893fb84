"""What a session has written down: the row of its trial, and the one way records are put."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from provenance_kernel.fingerprint.source import ast_hash
from provenance_kernel.recorder.location import Location
from provenance_kernel.recorder.run import OpenRun
from provenance_kernel.recorder.secrets import Secrets
from provenance_kernel.records import (
    TEXTS,
    Code,
    Environment,
    Event,
    Package,
    Trial,
    new_id,
    utc_now,
)
from provenance_kernel.store.outbox import Outbox


class Ledger:
    """Puts the records of a trial, without secrets, as soon as the database can be located.

    `target` says where that is, `begun` makes the trial's row, `open_runs` are those that are not
    settled, and `trouble` is told what could not be written. Any thread may call it.
    """

    def __init__(
        self,
        trial_id: str,
        location: Location,
        secrets: Secrets,
        *,
        target: Callable[[], str | Path],
        begun: Callable[[], Trial],
        open_runs: Callable[[], Sequence[OpenRun]],
        trouble: Callable[[str], None],
    ) -> None:
        self._trial_id = trial_id
        self._location = location
        self._secrets = secrets
        self._begun = begun
        self._open_runs = open_runs
        self._outbox = Outbox(target, trouble, self._basis)
        self._trial: Trial | None = None
        self._surroundings: list[object] = []
        self._codes: set[str] = set()
        self._texts: str | None = None
        # What came before the database could be located.
        self._held: list[object] = []
        self._lock = threading.Lock()
        # Held while the trial's row is written, where `_lock` is not: the outbox asks for the
        # basis from a thread of its own.
        self._changing = threading.RLock()

    def put(self, records: Sequence[object], *, first: bool = False, clean: bool = False) -> None:
        """Store records: `first` if they may locate the database, `clean` if without secrets."""
        if not clean:
            records = self._secrets.clean(records)
        if self._trial is None:
            with self._lock:
                self._held += records
                if self._trial is None and not first and self._location.notebook is None:
                    # VS Code tells the notebook's path in requests of its own, before the
                    # first cell: what it asks for waits until the database can be located.
                    return
                if self._trial is None:
                    self._location.follow()
                    self._trial = self._begun()
                    self._held.insert(0, self._trial)
                records, self._held = self._held, []
        self._outbox.put(records)

    def change(self, *records: object, **columns: Any) -> None:
        """Store what the trial's row says from now on, and the notebook's name as it is now."""
        with self._changing:
            # The thread that surveys and the one that ends the trial must not undo each other's.
            if self._trial is None:
                return
            self._location.follow()
            self._trial = replace(
                self._trial,
                **columns,
                notebook=self._location.notebook,
                notebook_from=self._location.notebook_from,
            )
            self.put([*records, self._trial])

    def place(self, environment: Environment, packages: Sequence[Package]) -> None:
        """Store the environment that the trial is in."""
        self._surroundings = [environment, *packages]
        self.change(*self._surroundings, environment_id=environment.id)

    def end(self) -> None:
        """Store what still waits for a place, and that the trial has ended."""
        if self._held:
            self.put([], first=True)
        if self._trial is not None and self._trial.status == "running":
            self.change(status="finished", finished_at=utc_now())

    def code(self, source: str, digest: str) -> list[Code]:
        """Return the record of a source, the first time that it is asked for."""
        if digest in self._codes:
            return []
        self._codes.add(digest)
        return [Code(digest, ast_hash(source), source)]

    def event(self, kind: str, message: str, run: str | None = None) -> Event:
        """Return the record of something worth knowing, of a run or of the whole trial."""
        return Event(new_id(), self._trial_id, run, kind, message, utc_now())

    def keep_texts(self) -> None:
        """Record the notebook's texts as its file has them now."""
        found = self._location.texts() if self._trial is not None else None
        if found is not None:
            event = self.event(TEXTS, found)
            self._texts = self._texts or event.id
            self.put([replace(event, id=self._texts)])

    def close(self) -> None:
        """Close the database, when what waits has been written."""
        self._outbox.close()

    def _basis(self) -> list[object]:
        """Return what a database that has nothing of the session needs to take what comes."""
        runs = self._open_runs()
        with self._lock:
            self._codes.clear()
            records = [self._trial, *self._surroundings] if self._trial is not None else []
            for opened in runs:
                records += self.code(opened.source, opened.run.code_hash)
                records += [opened.run, opened.root(opened.run.status), *opened.tags]
        return self._secrets.clean(records)
