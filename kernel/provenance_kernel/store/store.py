"""The one way records get into a database: all of a call's, or none."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import Any

from peewee import EXCLUDED, Database, PeeweeException, SqliteDatabase

from provenance_kernel.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseUnavailable,
    RecordRefused,
)
from provenance_kernel.store.database import (
    BUSY_SECONDS,
    connect,
    reason,
    sqlite_path,
    without_password,
)
from provenance_kernel.store.fields import JsonField, UtcField
from provenance_kernel.store.footing import Footing
from provenance_kernel.store.models import MODELS, Row, table

# So many steps of SQLite's machine come between two looks at the clock, tens of times what a
# statement of ours takes: only one that a trigger makes long is looked at.
_STEPS = 20_000
_KINDS: dict[type[DatabaseUnavailable], tuple[str, ...]] = {
    DatabaseBusy: ("is locked", "locking protocol", "interrupted"),
    DatabaseDamaged: ("not a database", "malformed"),
}


class Store:
    """A database to put records in. Any thread may call it; calls take turns.

    `patience` bounds the wait for other writers of a file, in seconds, from the opening on.
    """

    def __init__(self, target: str | Path, patience: float | None = None) -> None:
        self.target = without_password(target)
        self._lock = threading.RLock()
        self._statements: dict[type, _Upsert] = {}
        self._deadline = float("inf")
        self._patience = patience
        path = sqlite_path(target)
        self._footing: Footing | None = None
        try:
            if path is not None:
                self._footing = Footing(path)
            self._database: Database = connect(target, patience=patience)
        except DatabaseUnavailable as error:
            raise self._translated(error) from error
        if self._footing is not None:
            self._footing.opened()
        self._connection: sqlite3.Connection | None = None
        if isinstance(self._database, SqliteDatabase):
            connection = self._connection = self._database.connection()
            connection.set_progress_handler(self._is_overdue, _STEPS)

    def put(self, records: Sequence[object], patience: float | None = None) -> None:
        """Insert records, or replace those with the same key, in one transaction.

        Raises `DatabaseUnavailable` or `RecordRefused`, and then nothing was written. `patience`
        bounds the wait for other writers, and the time of each statement, in seconds.
        """
        with self._lock:
            if self._footing is not None:
                self._footing.check()
            if patience is not None and patience != self._patience:
                self.wait_at_most(patience)
            try:
                try:
                    self._put(records, _as_is)
                except UnicodeEncodeError:
                    # A frontend may send half of a surrogate pair, which no database takes.
                    self._put(records, _encodable)
            except (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.DataError) as error:
                raise RecordRefused(f"{self.target}: {reason(error)}") from error
            except (PeeweeException, sqlite3.Error) as error:
                raise self._translated(error) from error
            except (OverflowError, TypeError, ValueError) as error:
                raise RecordRefused(f"{self.target}: {reason(error)}") from error

    def _translated(self, error: BaseException) -> DatabaseUnavailable:
        why = reason(error)
        told = why if why.startswith(self.target) else f"{self.target}: {why}"
        if "interrupted" in why:
            told = f"{self.target}: writing a row takes longer than {self._patience:g} s"
        for kind, words in _KINDS.items():
            if any(each in why for each in words):
                return kind(told)
        return DatabaseUnavailable(told)

    def _put(self, records: Sequence[object], clean: Callable[[list[Any]], list[Any]]) -> None:
        connection = self._connection
        if connection is None:
            with self._database.atomic():
                self._insert(self._database.cursor(), records, clean)
            return
        if connection.in_transaction:
            raise sqlite3.OperationalError("a transaction was left open")
        # A lone statement is a transaction by itself, and one that starts sooner.
        if len(records) < 2:
            self._insert(connection.cursor(), records, clean)
            return
        self._deadline = time.monotonic() + (self._patience or BUSY_SECONDS)
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._insert(connection.cursor(), records, clean)
            connection.execute("COMMIT")
        except BaseException:
            # SQLite has ended it by itself where the disk is full.
            if connection.in_transaction:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise

    def _insert(
        self, cursor: Any, records: Sequence[object], clean: Callable[[list[Any]], list[Any]]
    ) -> None:
        for record in records:
            kind = type(record)
            upsert = self._statements.get(kind)
            if upsert is None:
                upsert = self._statements[kind] = _Upsert(self._database, MODELS[kind])
            self._deadline = time.monotonic() + (self._patience or BUSY_SECONDS)
            cursor.execute(upsert.sql, clean(upsert.row(record)))

    def _is_overdue(self) -> bool:
        return time.monotonic() > self._deadline

    def mend(self) -> None:
        """Make tables that somebody dropped."""
        there = set(self._database.get_tables())
        for model in MODELS.values():
            if model._meta.table_name not in there:
                with self._database.bind_ctx([model], bind_refs=False, bind_backrefs=False):
                    model.create_table(safe=True)

    def wait_at_most(self, seconds: float) -> None:
        """Bound the wait for other writers of the file."""
        self._patience = seconds
        if isinstance(self._database, SqliteDatabase):
            with self._lock:
                self._database.pragma("busy_timeout", int(seconds * 1000))

    def holds(self, record: object) -> bool:
        """Tell whether there is a row with a record's key."""
        model = table(type(record))
        key = model._meta.primary_key
        query = model.select(key).where(key == getattr(record, key.name))
        try:
            return bool(query.tuples().execute(self._database))
        except (PeeweeException, sqlite3.Error) as error:
            raise self._translated(error) from error

    @property
    def database(self) -> Database:
        """The connection, for queries."""
        return self._database

    def close(self) -> None:
        """Close the connection; the last one out folds the write-ahead log into the file."""
        with self._lock, suppress(PeeweeException, sqlite3.Error):
            if self._connection is not None and self._connection.in_transaction:
                # A database does not close within its own transaction, but for this.
                self._connection.execute("ROLLBACK")
        with self._lock, suppress(PeeweeException, sqlite3.Error):
            self._database.close()


def put(database: Database, records: Sequence[object]) -> None:
    """Insert records into a database that was opened for questions, or replace them.

    Raises `DatabaseUnavailable` where it cannot be written.
    """
    try:
        with database.atomic():
            for record in records:
                upsert = _Upsert(database, MODELS[type(record)])
                database.execute_sql(upsert.sql, _encodable(upsert.row(record)))
    except PeeweeException as error:
        raise DatabaseUnavailable(f"it cannot be written: {reason(error)}") from error


class _Upsert:
    """The statement that puts one kind of record, written by Peewee once and reused."""

    def __init__(self, database: Database, model: type[Row]) -> None:
        fields = list(model._meta.sorted_fields)
        keys = model._meta.get_primary_keys()
        update = {name: getattr(EXCLUDED, name) for name in model.changing}
        query = model.insert(dict.fromkeys(fields))
        query = (
            query.on_conflict(conflict_target=keys, update=update)
            if update
            else query.on_conflict_ignore()
        )
        self.sql, _ = database.get_sql_context().sql(query).query()
        names = [field.name for field in fields]
        self._values: Callable[[object], tuple[Any, ...]] = attrgetter(*names)
        self._converted: list[tuple[int, Callable[[Any], Any]]] = [
            (place, field.db_value)
            for place, field in enumerate(fields)
            if isinstance(field, UtcField | JsonField)
        ]

    def row(self, record: object) -> list[Any]:
        """Return a record's values as they are stored."""
        values = list(self._values(record))
        for place, convert in self._converted:
            values[place] = convert(values[place])
        return values


def _as_is(values: list[Any]) -> list[Any]:
    return values


def _encodable(values: list[Any]) -> list[Any]:
    return [
        value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for value in values
    ]
