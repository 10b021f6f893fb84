"""Each table, view, command and trait stands in the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from peewee import BooleanField, Field

from provenance_kernel.cli.group import COMMANDS
from provenance_kernel.settings import SettingsTraits
from provenance_kernel.store.database import connect
from provenance_kernel.store.fields import CountField, JsonField, NumberField, UtcField, WordField
from provenance_kernel.store.models import MODELS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
KINDS = (
    (JsonField, "JSON"),
    (UtcField, "time"),
    (CountField, "integer"),
    (NumberField, "real"),
    (BooleanField, "0 or 1"),
)


def test_each_table_and_view_is_documented(tmp_path: Path) -> None:
    database = connect(tmp_path / "x.db")
    names = [name for (name,) in database.execute_sql("SELECT name FROM sqlite_master "
             "WHERE type IN ('table', 'view') AND name NOT LIKE 'schema_%'")]  # fmt: skip
    database.close()
    rows = "\n".join(line for line in README.splitlines() if line.startswith("| `"))
    assert [name for name in names if f"`{name}`" not in rows] == []
    assert len(names) > 10


def _column(name: str, field: Field) -> str:
    """Return a column as the README has it."""
    if isinstance(field, WordField):
        kind = f" ({', '.join(sorted(field.words))})"
    else:
        kind = next((f" {word}" for made, word in KINDS if isinstance(field, made)), "")
    return f"`{name}`{'?' if field.null else ''}{kind}"


def test_the_columns_of_each_table_are_those_of_the_models() -> None:
    """The lines to put there are those that this shows when it fails."""
    lines = [
        f"| `{model._meta.table_name}` | "
        + ", ".join(_column(*each) for each in model._meta.fields.items())
        + " |"
        for model in MODELS.values()
    ]
    assert [line for line in lines if line not in README.splitlines()] == []


def test_the_columns_of_each_view_are_those_that_it_has(tmp_path: Path) -> None:
    database = connect(tmp_path / "x.db")
    views = [name for (name,) in database.execute_sql("SELECT name FROM sqlite_master "
             "WHERE type = 'view' ORDER BY name")]  # fmt: skip
    lines = [
        f"| `{view}` (view) | "
        + ", ".join(f"`{row[1]}`" for row in database.execute_sql(f"PRAGMA table_info({view})"))
        + " |"
        for view in views
    ]
    database.close()
    assert [line for line in lines if line not in README.splitlines()] == []


@pytest.mark.parametrize("name", SettingsTraits.class_trait_names(config=True))
def test_each_trait_is_documented(name: str) -> None:
    settings = README[README.index("## Settings") :]
    assert f"`{name}`" in settings


@pytest.mark.parametrize("word", COMMANDS)
def test_each_command_is_documented(word: str) -> None:
    assert re.search(rf"jupyter provenance {word}\b|`{word}`", README)
