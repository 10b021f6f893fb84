"""Peewee fields for what SQLite has no type of its own for: instants and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from peewee import Field, FloatField, IntegerField, TextField

# How deep JSON is that is shown; each level takes a few frames.
_DEEPEST = 100
_NUMERIC = {int, float, type(None)}
# Numbers as JSON has them, one a line.
_NUMBERS = re.compile(r"(?:-?(?:0|[1-9]\d{0,300})(?:\.\d{1,300})?(?:[eE][-+]?\d{1,9})?\n)*+")


def iso(moment: datetime) -> str:
    """Return an aware UTC datetime as ISO 8601 text whose order is the order of time."""
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


class Checked(Field):
    """A column whose values are looked at before they are used."""

    def all_sound(self, values: Sequence[Any]) -> bool:
        """Tell whether all of these stored values can be read, at once where that is quick."""
        try:
            for each in values:
                self.python_value(each)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, OverflowError, RecursionError):
            return False
        return True


class UtcField(Checked, TextField):
    """An instant, as ISO 8601 text in UTC that SQLite's date functions read."""

    def db_value(self, value: datetime | None) -> str | None:
        """Return the text that is stored."""
        return None if value is None else iso(value)

    def python_value(self, value: str | None) -> datetime | None:
        """Return the aware datetime that was stored."""
        if value is None:
            return None
        found = datetime.fromisoformat(value)
        # Nearer to the ends of time the same instant is none in another time zone.
        if not 1000 <= found.year <= 9000:
            raise ValueError(f"the year {found.year} is none that we recorded in")
        return found.astimezone(UTC)


class NumberField(Checked, FloatField):
    """A number."""

    def python_value(self, value: object) -> object:
        """Return the number that was stored."""
        if value is not None and not isinstance(value, int | float):
            raise ValueError(f"{value!r:.40} is no number")
        # A metric may be infinite; times and durations are not.
        if value is not None and self.name not in ("number", "step") and not abs(value) < 1e12:
            raise ValueError(f"{value!r} is too large")
        return value

    def all_sound(self, values: Sequence[Any]) -> bool:
        """Tell whether all of these stored values can be read."""
        unbounded = self.name in ("number", "step")
        return (unbounded and {*map(type, values)} <= _NUMERIC) or super().all_sound(values)


class CountField(Checked, IntegerField):
    """A whole number."""

    def python_value(self, value: object) -> object:
        """Return the number that was stored."""
        if value is not None and not isinstance(value, int):
            raise ValueError(f"{value!r:.40} is no whole number")
        return value


class WordField(TextField):
    """One of a few words."""

    def __init__(self, words: frozenset[str], **options: Any) -> None:
        super().__init__(**options)
        self.words = words

    def python_value(self, value: object) -> object:
        """Return the word that was stored."""
        if value is not None and value not in self.words:
            raise ValueError(f"{value!r:.40} is none of {', '.join(sorted(self.words))}")
        return value


class JsonField(Checked, TextField):
    """A JSON value, as text that SQLite's `->` and `json_extract` read."""

    def db_value(self, value: object) -> str | None:
        """Return the text that is stored; None is NULL where there may be none, else `null`."""
        if value is None and self.null:
            return None
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    def python_value(self, value: str | None) -> object:
        """Return the value that was stored."""
        found = None if value is None else _decode(value)
        if value is not None and value.count("[") + value.count("{") > _DEEPEST:
            _check_depth(found)
        return found

    def all_sound(self, values: Sequence[Any]) -> bool:
        """Tell whether all of these stored values can be read."""
        try:
            different = {*values} - {None}
            lines = "\n".join(different) + "\n"
        except TypeError:
            return False
        numbers = _NUMBERS.fullmatch(lines) and lines.count("\n") == len(different)
        return bool(numbers) or super().all_sound([*different])


class TextsField(JsonField):
    """A JSON list of texts."""

    def python_value(self, value: str | None) -> object:
        """Return the list that was stored."""
        found = super().python_value(value)
        if found is not None and not (isinstance(found, list) and _are_texts(found)):
            raise ValueError("it is no list of texts")
        return found


class NamedTextsField(JsonField):
    """A JSON object whose values are texts."""

    def python_value(self, value: str | None) -> object:
        """Return the dictionary that was stored."""
        found = super().python_value(value)
        if found is not None and not (isinstance(found, dict) and _are_texts(found.values())):
            raise ValueError("it is no object of texts")
        return found


def _are_texts(values: Iterable[object]) -> bool:
    return all(isinstance(each, str) for each in values)


def _refused(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


# Made once: to make one costs more than to read a number.
_decode = json.JSONDecoder(parse_constant=_refused).decode


def _check_depth(value: object) -> None:
    """Raise `ValueError` where lists and objects lie too deep in each other to be walked."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise ValueError("it is nested too deeply")
