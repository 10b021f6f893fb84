"""Where what a database holds is looked at before it becomes records: its types, lengths and time.

A record is read by whoever it was sent to, so nothing in it need be as we wrote it. What is sound
is returned; of a row that is not, a note says which it is and why, and it is left out.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from itertools import chain
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from peewee import Database, PeeweeException, SqliteDatabase

from provenance_kernel.errors import DatabaseBusy, DatabaseDamaged
from provenance_kernel.store.database import reason
from provenance_kernel.store.fields import Checked, JsonField
from provenance_kernel.store.models import table

T = TypeVar("T")

# The longest text that is read, in bytes; our own are shorter.
LONGEST = 8_000_000
# What one statement may take, in seconds of the processor: a view without an end takes them all,
# while a busy machine or a slow disk makes any statement long by the clock.
SECONDS = 4.0
_STEPS = 50_000
_NOTES = 1000
_UNBOUNDED = 2**31 - 1
# What values that were never ours raise as they are made Python's, and SQLite as it reads them.
_UNREADABLE = (
    ValueError,
    TypeError,
    OverflowError,
    RecursionError,
    PeeweeException,
    sqlite3.Error,
)

_guards: WeakKeyDictionary[Database, _Guard] = WeakKeyDictionary()


class _Guard:
    def __init__(self) -> None:
        self.deadline = time.thread_time() + SECONDS
        self.notes: dict[str, None] = {}

    def is_overdue(self) -> bool:
        return time.thread_time() > self.deadline


def guard(database: Database) -> None:
    """Bound what reading a database may cost, from now on, and keep notes of what is unsound."""
    found = _guards[database] = _Guard()
    if isinstance(database, SqliteDatabase):
        connection: sqlite3.Connection = database.connection()
        connection.set_progress_handler(found.is_overdue, _STEPS)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)


def notes(database: Database) -> tuple[str, ...]:
    """Return which rows of which tables could not be read, and why."""
    return tuple(_guards[database].notes) if database in _guards else ()


def note(database: Database, text: str) -> None:
    """Keep a note of something unsound."""
    if database in _guards and len(_guards[database].notes) < _NOTES:
        _guards[database].notes[text] = None


def records(database: Database, record: type[T], query: Any) -> list[T]:
    """Return the records of a query for a kind's columns: those whose rows are sound.

    Raises `DatabaseDamaged` where none can be read, as a table or a column is missing, and
    `DatabaseBusy` where that takes too long, as for a view without an end.
    """
    required = _required(record)
    with _bounded(database, record):
        try:
            found = []
            for row in query.tuples().execute(database):
                if None in row and any(row[at] is None for at in required):
                    raise ValueError
                found.append(record(*row))
            return found
        except _UNREADABLE as error:
            if not isinstance(database, SqliteDatabase) or _took_too_long(error):
                raise
    with _bounded(database, record), _unbounded_length(database):
        return list(_sound(database, record, query))


def as_stored(database: Database, query: Any) -> list[tuple[Any, ...]]:
    """Return rows of texts and numbers as they are: to look at each doubles the time."""
    kind = getattr(getattr(query, "model", None), "_meta", None)
    with _bounded(database, kind and kind.table_name):
        try:
            rows: list[tuple[Any, ...]] = database.execute(query).fetchall()
        except (PeeweeException, sqlite3.Error) as error:
            if not isinstance(database, SqliteDatabase) or _took_too_long(error):
                raise
            with _unbounded_length(database):
                rows = database.execute(query).fetchall()
            note(database, f"{kind and kind.table_name}: {reason(error)}")
    if bytes in {*map(type, chain.from_iterable(rows))}:
        rows = [tuple(_text(each) for each in row) for row in rows]
    checked = [
        (at, column)
        for at, column in enumerate(getattr(query, "_returning", ()))
        if isinstance(column, Checked)
    ]
    # Row by row is slow, and nearly every column is sound as a whole.
    checked = [(at, x) for at, x in checked if not x.all_sound([row[at] for row in rows])]
    return [row for row in rows if _is_sound(database, row, checked)] if checked else rows


def _is_sound(database: Database, row: tuple[Any, ...], checked: list[tuple[int, Any]]) -> bool:
    for at, column in checked:
        try:
            column.python_value(row[at])
        except _UNREADABLE as error:
            why = str(error)[:80]
            note(database, f"{column.model._meta.table_name} {row[0]!s:.40}: {column.name}: {why}")
            return False
    return True


def _took_too_long(error: BaseException) -> bool:
    return isinstance(error, PeeweeException | sqlite3.Error) and "interrupted" in str(error)


def _text(value: Any) -> Any:
    return value[:LONGEST].decode("utf-8", "replace") if isinstance(value, bytes) else value


def _required(record: Any) -> tuple[int, ...]:
    """Return the places of a record's fields that are never None; JSON's `null` is a value."""
    columns = [getattr(table(record), each.name) for each in fields(record)]
    return tuple(
        at for at, column in enumerate(columns) if not column.null and type(column) is not JsonField
    )


@contextmanager
def _bounded(database: Database, of: type | str | None) -> Iterator[None]:
    name = of if isinstance(of, str) or of is None else table(of)._meta.table_name
    if database in _guards:
        _guards[database].deadline = time.thread_time() + SECONDS
    try:
        yield
    except (PeeweeException, sqlite3.Error) as error:
        what = name or "the database"
        if _took_too_long(error):
            raise DatabaseBusy(f"{what}: reading it takes more than {SECONDS:g} s") from error
        raise DatabaseDamaged(f"{what} cannot be read: {reason(error)}") from error


@contextmanager
def _unbounded_length(database: SqliteDatabase) -> Iterator[None]:
    """Read texts as bytes, of any length."""
    connection: sqlite3.Connection = database.connection()
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _UNBOUNDED)
    connection.text_factory = bytes
    try:
        yield
    finally:
        connection.text_factory = str
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)


def _sound(database: Database, record: type[T], query: Any) -> Iterator[T]:
    """Yield the records of those rows that are sound, and note what the others are not."""
    columns = [getattr(table(record), each.name) for each in fields(record)]  # type: ignore[arg-type]
    name = table(record)._meta.table_name
    sql, values = database.get_sql_context().sql(query).query()
    names = [f"c{at}" for at in range(len(columns))]
    bounded = (
        f"CASE WHEN typeof({each}) IN ('text', 'blob') "
        f"AND length(CAST({each} AS BLOB)) > {LONGEST} THEN NULL ELSE {each} END"
        for each in names
    )
    whole = f"WITH q({', '.join(names)}) AS ({sql}) SELECT {', '.join(bounded)} FROM q"
    for row in database.execute_sql(whole, values):
        at = "?"
        try:
            made = []
            for column, value in zip(columns, row, strict=True):
                at = column.name
                text = value.decode("utf-8") if isinstance(value, bytes) else value
                made.append(column.python_value(text))
                if value is None and not column.null:
                    raise ValueError("it is missing, or too long")
            yield record(*made)
        except _UNREADABLE as error:
            with suppress(Exception):
                why = str(error).partition("\n")[0][:80] or type(error).__name__
                note(database, f"{name} {str(_text(row[0]))[:40]}: {at}: {why}")
