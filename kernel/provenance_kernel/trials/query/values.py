"""What a tracked value was, over all trials."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import Database

from provenance_kernel.errors import SettingError
from provenance_kernel.store import tracked_values
from provenance_kernel.trials.answer import Answer, plain
from provenance_kernel.trials.query import condition
from provenance_kernel.trials.query.filters import Filters, closest, matching
from provenance_kernel.trials.query.naming import prefixes
from provenance_kernel.types import Json, Role, TrialStatus


@dataclass(frozen=True, slots=True)
class ValueRow:
    """A value of a name in a trial, and the position of the cell run that left it so."""

    trial_id: str
    prefix: str
    notebook: str | None
    started_at: datetime
    position: int
    role: Role
    value: Json
    number: float | None
    status: TrialStatus


@dataclass(frozen=True)
class Values(Answer):
    """A tracked name's values, the latest trial's first; `total` counts them without a limit."""

    name: str
    rows: tuple[ValueRow, ...]
    total: int

    def to_frame(self) -> Any:
        """Return the values as a pandas DataFrame."""
        import pandas

        return pandas.DataFrame([plain(each) for each in self.rows])


def values(
    database: Database, name: str, filters: Filters | None = None, limit: int | None = None
) -> Values:
    """Return the values of a tracked name, in whatever role; within a trial in order.

    Raises `SettingError` for a name that was never tracked; it tells those that come closest.
    """
    found = tracked_values.values_of(database, name)
    if not found:
        known = tracked_values.names(database)
        stored = condition.canonical(name, known)
        if stored is None:
            raise SettingError(f"{name}: no value of that name was tracked{closest(name, known)}")
        name, found = stored, tracked_values.values_of(database, stored)
    ids = matching(database, filters or Filters())
    if ids is not None:
        wanted = set(ids)
        found = [row for row in found if row[0] in wanted]
    total = len(found)
    found = found[:limit]
    named = prefixes(database, {row[0] for row in found})
    return Values(
        name,
        tuple(
            ValueRow(
                trial,
                named[trial],
                notebook,
                datetime.fromisoformat(start),
                position,
                role,
                json.loads(value),
                number,
                status,
            )
            for trial, notebook, start, position, role, value, number, status in found
        ),
        total,
    )
