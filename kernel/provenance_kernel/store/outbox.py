"""Records on their way to a database that may be away for a while.

What cannot be written at the first try is kept in memory, up to a bound, and a thread of its own
mends what it can, goes on trying until all is written, and ends. So a caller waits for a fault
once, for as long as a lock is waited for, and never again while the fault lasts.
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
from provenance_kernel.store.database import set_aside, translated
from provenance_kernel.store.owners import mark_died
from provenance_kernel.store.store import Store

KEPT = 20_000
# The first try of the thread comes soon, and the others at growing distances up to this.
RETRY_SECONDS = 2.0
_SOON_SECONDS = 0.02
# What others hold for no longer than this is nobody's concern.
GRACE_SECONDS = 1.0
# How long one call waits for a lock, and for one statement: on a cell's way, and off it.
_PATIENCE = 0.04
_THREADS_PATIENCE = 0.5
# So many trials are looked at whether they died when a database is opened; a question looks at all.
_MARKED = 100


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
        self._opened_once = False
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
        with Deferred():
            if not self._using.acquire(timeout=_PATIENCE):
                self._failed(list(records), DatabaseBusy("another thread is still writing"))
                return
            try:
                # Another thread may have met with trouble meanwhile.
                if self._trouble is None and not self._refused:
                    self._write(list(records), self._put, _PATIENCE)
                else:
                    self.put(records)
            finally:
                self._using.release()

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

    def _write(
        self, records: list[object], put: Callable[[list[object], float], None], patience: float
    ) -> bool:
        """Write records; return whether they, or those of them that a table takes, are written."""
        try:
            put(records, patience)
        except DatabaseUnavailable as error:
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
            if not self._opened_once:
                raise
            # It was whole when this session began to write it.
            self._give_up()
            set_aside(self._target())
            self._put(records, patience)

    def _put(self, records: list[object], patience: float) -> None:
        store = self._store or self._opened(patience)
        store.put(records, patience)

    def _opened(self, patience: float) -> Store:
        with translated("the database's place"):
            target = self._target()
        store = Store(target, patience)
        try:
            with translated(store.target):
                mark_died(store.database, at_most=_MARKED)
                if self._opened_once:
                    self._found_again(store, patience)
        except BaseException:
            store.close()
            raise
        self._store, self._opened_once = store, True
        return store

    def _found_again(self, store: Store, patience: float) -> None:
        """See what there is of what the session wrote: it may be gone, file and all."""
        store.mend()
        basis = [*self._basis()]
        gone = bool(basis) and not store.holds(basis[0])
        store.put(basis, patience)
        if gone:
            self._report(f"what was recorded before is no longer in {store.target}")

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
        if isinstance(error, DatabaseBusy):
            passing = time.monotonic() < self._since + GRACE_SECONDS
        else:
            # Another connection may do what this one could not.
            passing = first and self._store is not None
        if not self._told and not passing:
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
            try:
                with self._using:
                    if self._refused or self._flush():
                        return
            except Exception as error:
                # Whatever it was: nobody else writes until this thread has.
                self._report(f"writing what waits: {type(error).__name__}: {error}")

    def _flush(self) -> bool:
        """Write what waits; return whether nothing is left to try again."""
        while True:
            with self._guard:
                records, self._waiting = self._waiting, []
                if not records:
                    self._trouble = self._pause = None
                    break
            try:
                if not self._write(records, self._put_somehow, _THREADS_PATIENCE):
                    return self._refused
            except RecordRefused as error:
                self._report(f"a record was refused: {error}")
        lost, self._lost = self._lost, 0
        if self._told or lost:
            self._report(f"recording again{f'; {lost} records were lost' if lost else ''}")
        return True
