"""Peewee fields for what SQLite has no type of its own for: instants and JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from peewee import TextField


def iso(moment: datetime) -> str:
    """Return an aware UTC datetime as ISO 8601 text whose order is the order of time."""
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


class UtcField(TextField):
    """An instant, as ISO 8601 text in UTC that SQLite's date functions read."""

    def db_value(self, value: datetime | None) -> str | None:
        """Return the text that is stored."""
        return None if value is None else iso(value)

    def python_value(self, value: str | None) -> datetime | None:
        """Return the aware datetime that was stored."""
        return None if value is None else datetime.fromisoformat(value).astimezone(UTC)


class JsonField(TextField):
    """A JSON value, as text that SQLite's `->` and `json_extract` read."""

    def db_value(self, value: object) -> str | None:
        """Return the text that is stored; None is NULL where there may be none, else `null`."""
        if value is None and self.null:
            return None
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    def python_value(self, value: str | None) -> object:
        """Return the value that was stored."""
        return None if value is None else json.loads(value)
