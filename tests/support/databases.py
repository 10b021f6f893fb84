"""Reading a provenance database as a person does: with SQLite and nothing of ours."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

DEFAULT = Path(".provenance") / "provenance.db"


class Archive:
    """A database file; every question opens it anew."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Return what a query finds, as mappings of column names to values."""
        with closing(sqlite3.connect(self.path, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, values)]

    def row(self, sql: str, *values: Any) -> dict[str, Any]:
        """Return the one row that a query finds."""
        (found,) = self.rows(sql, *values)
        return found

    def values(self, sql: str, *values: Any) -> list[Any]:
        """Return the first column of what a query finds."""
        return [next(iter(row.values())) for row in self.rows(sql, *values)]

    def trials(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM trial ORDER BY id")

    def runs(self, after: int = 0) -> list[dict[str, Any]]:
        """Return all cell runs with their sources; `after` a position of the only trial."""
        return self.rows(
            "SELECT cell_run.*, code.source, code.ast_hash FROM cell_run "
            "JOIN code ON code.hash = cell_run.code_hash "
            "WHERE position > ? ORDER BY cell_run.trial_id, position",
            after,
        )

    def tags(self, run: str) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM stage_tag WHERE cell_run_id = ? ORDER BY id", run)

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        return self.rows(
            "SELECT * FROM event WHERE kind = coalesce(?, kind) ORDER BY created_at, id", kind
        )

    def last_position(self) -> int:
        if not self.path.exists():
            return 0
        (last,) = self.values("SELECT max(position) FROM cell_run")
        return last or 0

    def is_sound(self) -> bool:
        return self.values("PRAGMA integrity_check") == ["ok"]


def enlarge(path: Path, number: int) -> None:
    """Copy the trials' first result so many times, each in a trial of its own, by SQL alone."""
    ids = "printf('00000000-0000-7000-8000-%012x', i)"
    # Not the copies: their ids are smaller.
    first = "SELECT max(id) FROM trial"
    changed = {
        "trial": {"id": ids},
        "cell_run": {"id": f"'r' || id || {ids}", "trial_id": ids},
        "tracked_value": {
            "id": f"'v' || id || {ids}",
            "trial_id": ids,
            "cell_run_id": f"'r' || cell_run_id || {ids}",
            "number": "CASE WHEN role = 'metric' THEN i + 100 ELSE number END",
            "value": "CASE WHEN role = 'metric' THEN CAST(i + 100 AS TEXT) ELSE value END",
        },
    }
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS "
            f"(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number}) SELECT i FROM n"
        )
        for table, other in changed.items():
            names = [each[1] for each in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(other.get(each, each) for each in names)
            key = "id" if table == "trial" else "trial_id"
            connection.execute(
                f"INSERT INTO {table} SELECT {values} FROM {table}, n WHERE {key} = ({first})"
            )
        connection.commit()
