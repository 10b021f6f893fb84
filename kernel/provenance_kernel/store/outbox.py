"""Records on their way to a database that may be away for a while.

What cannot be written is kept in memory, up to a bound, and goes first when writing works again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from provenance_kernel.errors import DatabaseError, DatabaseUnavailable, SettingError
from provenance_kernel.store.owners import mark_died
from provenance_kernel.store.store import Store

KEPT = 20_000
RETRY_SECONDS = 2.0
# How often it is looked whether the file is still there.
LOOK_SECONDS = 1.0
_PATIENCE = 5.0
_IMPATIENCE = 0.05


class Outbox:
    """Puts records in a store that it opens at the first of them. Any thread may call it.

    `report` is called with a sentence when records cannot be written, and again when they can.
    """

    def __init__(self, target: Callable[[], str | Path], report: Callable[[str], None]) -> None:
        self._target = target
        self._report = report
        self._lock = threading.RLock()
        self._store: Store | None = None
        self._waiting: list[object] = []
        self._lost = 0
        self._retry_at = 0.0
        self._look_at = 0.0
        self._trouble: str | None = None
        self._refused = False

    @property
    def store(self) -> Store | None:
        """The store, where it is open."""
        return self._store

    def put(self, records: Sequence[object]) -> None:
        """Write records, with those that wait before them; never raises a database's error."""
        with self._lock:
            if self._refused:
                return
            self._waiting.extend(records)
            if self._trouble is None or time.monotonic() >= self._retry_at:
                self._flush()
            if len(self._waiting) > KEPT:
                self._lost += len(self._waiting) - KEPT
                del self._waiting[: len(self._waiting) - KEPT]

    def close(self) -> None:
        """Try once more to write what waits, and close the database."""
        with self._lock:
            if self._waiting and not self._refused:
                self._flush()
            if self._store is not None:
                self._store.close()
                self._store = None
            self._refused = True

    def _flush(self) -> None:
        try:
            if self._store is None:
                self._store = self._opened()
            if time.monotonic() >= self._look_at:
                self._look_at = time.monotonic() + LOOK_SECONDS
                if not self._store.is_in_place():
                    self._refuse(f"{self._store.target} was moved or deleted; restart the kernel")
                    return
            self._store.put(self._waiting)
        except DatabaseUnavailable as error:
            self._failed(str(error))
        except (DatabaseError, SettingError) as error:
            self._refuse(str(error))
        except Exception:
            # What no table takes must not keep back all that comes after it.
            self._waiting.clear()
            raise
        else:
            self._waiting.clear()
            if self._trouble is not None:
                self._recovered()

    def _refuse(self, why: str) -> None:
        self._refused = True
        self._waiting.clear()
        self._report(f"this session is not recorded: {why}")

    def _opened(self) -> Store:
        store = Store(self._target(), _PATIENCE if self._trouble is None else _IMPATIENCE)
        mark_died(store.database)
        return store

    def _failed(self, why: str) -> None:
        first = self._trouble is None
        self._trouble = why
        self._retry_at = time.monotonic() + RETRY_SECONDS
        if self._store is not None:
            # Cells must not wait again and again for a lock that somebody holds for long.
            self._store.wait_at_most(_IMPATIENCE)
        if first:
            self._report(
                f"not recording: {why} (cells run as usual; what they leave to record is kept "
                "in memory and written as soon as this is mended)"
            )

    def _recovered(self) -> None:
        self._trouble = None
        if self._store is not None:
            self._store.wait_at_most(_PATIENCE)
        lost = f"; {self._lost} records were lost" if self._lost else ""
        self._lost = 0
        self._report(f"recording again{lost}")
