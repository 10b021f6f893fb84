"""Each table, view, command and trait stands in the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from provenance_kernel.cli.group import COMMANDS
from provenance_kernel.settings import SettingsTraits
from provenance_kernel.store.database import connect

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_each_table_and_view_is_documented(tmp_path: Path) -> None:
    database = connect(tmp_path / "x.db")
    names = [name for (name,) in database.execute_sql("SELECT name FROM sqlite_master "
             "WHERE type IN ('table', 'view') AND name NOT LIKE 'schema_%'")]  # fmt: skip
    database.close()
    rows = "\n".join(line for line in README.splitlines() if line.startswith("| `"))
    assert [name for name in names if f"`{name}`" not in rows] == []
    assert len(names) > 10


@pytest.mark.parametrize("name", SettingsTraits.class_trait_names(config=True))
def test_each_trait_is_documented(name: str) -> None:
    settings = README[README.index("## Settings") :]
    assert f"`{name}`" in settings


@pytest.mark.parametrize("word", COMMANDS)
def test_each_command_is_documented(word: str) -> None:
    assert re.search(rf"jupyter provenance {word}\b|`{word}`", README)
