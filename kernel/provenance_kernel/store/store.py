"""The one way records get into a database: all of a call's, or none."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from operator import attrgetter
from pathlib import Path
from typing import Any

from peewee import EXCLUDED, Database, PeeweeException, SqliteDatabase

from provenance_kernel.errors import DatabaseUnavailable
from provenance_kernel.store.database import connect, reason, sqlite_path, without_password
from provenance_kernel.store.models import MODELS, Row


class Store:
    """A database to put records in. Any thread may call it; calls take turns.

    `patience` bounds the wait for other writers of a file, in seconds, from the opening on.
    """

    def __init__(self, target: str | Path, patience: float | None = None) -> None:
        self.target = without_password(target)
        self._database: Database = connect(target, patience=patience)
        self._file: tuple[Path, int, int] | None = None
        path = sqlite_path(target)
        if path is not None:
            found = os.stat(path)
            self._file = path, found.st_dev, found.st_ino
        self._lock = threading.RLock()
        self._immediate = ("IMMEDIATE",) if isinstance(self._database, SqliteDatabase) else ()
        self._statements: dict[type, _Upsert] = {}

    def put(self, records: Sequence[object]) -> None:
        """Insert records, or replace those with the same key, in one transaction.

        Raises `DatabaseUnavailable` when nothing could be written, and then nothing was.
        """
        try:
            try:
                self._put(records, _as_is)
            except UnicodeEncodeError:
                # A frontend may send half of a surrogate pair, which no database takes.
                self._put(records, _encodable)
        except (PeeweeException, sqlite3.Error) as error:
            raise DatabaseUnavailable(f"{self.target}: {reason(error)}") from error

    def _put(self, records: Sequence[object], clean: Callable[[list[Any]], list[Any]]) -> None:
        # A lone statement is a transaction by itself, and one that starts sooner.
        whole = self._database.atomic(*self._immediate) if len(records) > 1 else nullcontext()
        with self._lock, whole:
            cursor = self._database.cursor()
            for record in records:
                kind = type(record)
                upsert = self._statements.get(kind)
                if upsert is None:
                    upsert = self._statements[kind] = _Upsert(self._database, MODELS[kind])
                cursor.execute(upsert.sql, clean(upsert.row(record)))

    def wait_at_most(self, seconds: float) -> None:
        """Bound the wait for other writers of the file."""
        if isinstance(self._database, SqliteDatabase):
            with self._lock:
                self._database.pragma("busy_timeout", int(seconds * 1000))

    def is_in_place(self) -> bool:
        """Tell whether the file that is written is still the one that bears the name."""
        if self._file is None:
            return True
        path, device, inode = self._file
        try:
            now = os.stat(path)
        except OSError:
            return False
        return (now.st_dev, now.st_ino) == (device, inode)

    @property
    def database(self) -> Database:
        """The connection, for queries."""
        return self._database

    def close(self) -> None:
        """Close the connection; the last one out folds the write-ahead log into the file."""
        with self._lock:
            self._database.close()


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
            if type(field).__module__ == "provenance_kernel.store.fields"
        ]

    def row(self, record: object) -> list[Any]:
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
