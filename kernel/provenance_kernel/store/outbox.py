"""Records on their way to a database that may be away for a while.

What cannot be written is kept in memory, up to a bound, and a thread of its own goes on trying
until it is written, and ends. So a caller waits for a fault once, for as long as a lock is waited
for, and never again while the fault lasts.
"""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from provenance_kernel.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseError,
    DatabaseUnavailable,
    RecordRefused,
    SettingError,
)
from provenance_kernel.interrupts import Deferred
from provenance_kernel.store.database import set_aside
from provenance_kernel.store.owners import mark_died
from provenance_kernel.store.store import Store

KEPT = 20_000
# The first try of the thread comes soon, and the others at growing distances up to this.
RETRY_SECONDS = 2.0
_SOON_SECONDS = 0.02
# What others hold for no longer than this is nobody's concern.
GRACE_SECONDS = 1.0
# How long one call waits for a lock, and for one statement: on a cell's way, and off it.
_PATIENCE = 0.045
_THREADS_PATIENCE = 0.5


class Outbox:
    """Puts records in a store that it opens at the first of them. Any thread may call it.

    `report` is called with a sentence when records cannot be written, and again when they can.
    `basis` returns what has to be in any database for new records to have something to refer to;
    it is asked for when the file that was written is gone and another is begun.
    """

    def __init__(
        self,
        target: Callable[[], str | Path],
        report: Callable[[str], None],
        basis: Callable[[], Iterable[object]] = tuple,
    ) -> None:
        self._target = target
        self._report = report
        self._basis = basis
        # Held while the database is used; the other guards what waits, and is never held for long.
        self._using = threading.RLock()
        self._guard = threading.RLock()
        self._store: Store | None = None
        self._file: tuple[int, int] | None = None
        self._waiting: list[object] = []
        self._lost = 0
        self._trouble: str | None = None
        self._since = 0.0
        self._told = False
        self._refused = False
        # Held while the thread is to wait for its next try.
        self._pause: _thread.LockType | None = None

    @property
    def store(self) -> Store | None:
        """The store, where it is open."""
        return self._store

    def put(self, records: Sequence[object]) -> None:
        """Write records, or have them written later; never raises a database's error.

        Raises what a record that no table takes raises, when the others are written.
        """
        with self._guard:
            if self._refused:
                return
            if self._trouble is not None:
                self._waiting.extend(records)
                self._trim()
                return
        with Deferred(), self._using:
            # Another thread may have met with trouble meanwhile.
            if self._trouble is None and not self._refused:
                self._write(list(records), _PATIENCE)
            else:
                self.put(records)

    def close(self) -> None:
        """Try once more to write what waits, and close the database."""
        with self._guard:
            closed, self._refused = self._refused, True
            pause, self._pause = self._pause, None
        if pause is not None:
            pause.release()
        with self._using:
            if self._waiting and not closed:
                self._flush()
            self._give_up()

    def _trim(self) -> None:
        beyond = len(self._waiting) - KEPT
        if beyond > 0:
            self._lost += beyond
            del self._waiting[:beyond]

    def _write(self, records: list[object], patience: float) -> bool:
        """Write records; return whether they, or those of them that a table takes, are written."""
        try:
            self._put_somehow(records, patience)
        except DatabaseUnavailable as error:
            self._give_up()
            self._failed(records, error)
            return False
        except RecordRefused:
            self._write_singly(records, patience)
        except (DatabaseError, SettingError) as error:
            with self._guard:
                self._refused = True
                self._waiting = []
            self._report(f"this session is not recorded: {error}")
            return False
        return True

    def _write_singly(self, records: list[object], patience: float) -> None:
        """Write those records of a batch that a table takes, and raise the error of the first."""
        refused: RecordRefused | None = None
        for at, record in enumerate(records):
            try:
                self._put([record], patience)
            except RecordRefused as error:
                refused = refused or error
            except DatabaseUnavailable as error:
                self._failed(records[at:], error)
                return
        if refused is not None:
            raise refused

    def _put_somehow(self, records: list[object], patience: float) -> None:
        try:
            self._put(records, patience)
            return
        except DatabaseBusy:
            raise
        except DatabaseUnavailable:
            # A new connection may do what a damaged one could not.
            self._give_up()
        try:
            self._put(records, patience)
        except DatabaseDamaged:
            if self._file is None:
                raise
            # It was whole when this session began to write it.
            self._give_up()
            set_aside(self._target())
            self._put(records, patience)

    def _put(self, records: list[object], patience: float) -> None:
        store = self._store
        if store is None or not store.is_in_place():
            self._give_up()
            store = self._opened(patience)
        store.put(records, patience)

    def _opened(self, patience: float) -> Store:
        store = Store(self._target(), patience)
        try:
            mark_died(store.database)
            if self._file is not None:
                # What the session wrote may be gone, with the file or within it.
                store.mend()
                store.put([*self._basis()], _THREADS_PATIENCE)
        except BaseException:
            store.close()
            raise
        self._store = store
        before, self._file = self._file, store.file
        if before not in (None, store.file):
            self._told = True
            self._report(f"{store.target} is a new file: what was recorded before is not in it")
        return store

    def _give_up(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def _failed(self, records: list[object], error: DatabaseUnavailable) -> None:
        """Keep what could not be written, and see that somebody tries again."""
        with self._guard:
            self._waiting[:0] = records
            self._trim()
            first = self._trouble is None
            self._trouble = str(error)
            if first:
                self._since, self._told = time.monotonic(), False
            if first and not self._refused:
                pause = self._pause = _thread.allocate_lock()
                pause.acquire()
                _thread.start_new_thread(self._retry, (pause,))
        passing = isinstance(error, DatabaseBusy)
        if not self._told and not (passing and time.monotonic() < self._since + GRACE_SECONDS):
            self._told = True
            self._report(
                f"not recording: {error} (cells run as usual; what they leave to record is kept "
                "in memory and written as soon as this is mended)"
            )

    def _retry(self, pause: _thread.LockType) -> None:
        """Try to write what waits until it is written or the session ends."""
        distance = _SOON_SECONDS
        while not pause.acquire(timeout=distance):
            distance = min(distance * 2, RETRY_SECONDS)
            with self._using:
                if self._refused or self._flush():
                    return

    def _flush(self) -> bool:
        """Write what waits; return whether nothing is left to try again."""
        while True:
            with self._guard:
                records, self._waiting = self._waiting, []
                if not records:
                    self._trouble = self._pause = None
                    break
            try:
                if not self._write(records, _THREADS_PATIENCE):
                    return self._refused
            except RecordRefused as error:
                self._report(f"a record was refused: {error}")
        lost, self._lost = self._lost, 0
        if self._told or lost:
            self._report(f"recording again{f'; {lost} records were lost' if lost else ''}")
        return True
