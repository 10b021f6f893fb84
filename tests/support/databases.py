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
