"""`jupyter provenance values`: a tracked value over trials."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from provenance_kernel.cli.common import database_option, open_database
from provenance_kernel.cli.completion import names
from provenance_kernel.cli.tables import (
    filter_options,
    limit_option,
    print_table,
    shown,
    table_options,
)

if TYPE_CHECKING:
    from provenance_kernel.trials.filters import Filters


@click.command()
@click.argument("name", shell_complete=names)
@limit_option("values")
@filter_options
@table_options
@database_option
def values(
    name: str,
    limit: int | None,
    filters: Filters,
    as_json: bool,
    as_csv: bool,
    database: str | None,
) -> None:
    """Show the tracked value NAME over trials, the latest first."""
    from provenance_kernel.trials.answer import plain
    from provenance_kernel.trials.values import ValueRow, values

    answer = values(open_database(database), name, filters, shown(limit, as_json or as_csv))
    columns = [field.name for field in dataclasses.fields(ValueRow)]

    def rows() -> list[dict[str, object]]:
        return [plain(row) for row in answer.rows]

    print_table(answer, as_json, as_csv, rows=rows, columns=columns)
