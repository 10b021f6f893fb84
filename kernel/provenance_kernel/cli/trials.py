"""`jupyter provenance list` and `show`: which trials there are, and what one ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from provenance_kernel.cli.common import database_option, open_database
from provenance_kernel.cli.completion import trials
from provenance_kernel.cli.tables import (
    filter_options,
    limit_option,
    print_table,
    shown,
    table_options,
)

if TYPE_CHECKING:
    from provenance_kernel.trials.filters import Filters


@click.command("list")
@limit_option("trials")
@filter_options
@table_options
@database_option
def list_(
    limit: int | None, filters: Filters, as_json: bool, as_csv: bool, database: str | None
) -> None:
    """List trials, the latest first."""
    from provenance_kernel.trials.listing import list_trials

    answer = list_trials(open_database(database), shown(limit, as_json or as_csv), filters)
    print_table(answer, as_json, as_csv, rows=answer.rows)


@click.command()
@click.argument("trial", default="latest", shell_complete=trials)
@table_options
@database_option
def show(trial: str, as_json: bool, as_csv: bool, database: str | None) -> None:
    """Show the cell runs of TRIAL (default: latest) with stage, code hash, status, duration."""
    from provenance_kernel.trials import query
    from provenance_kernel.trials.answer import plain
    from provenance_kernel.trials.listing import show_trial

    archive = open_database(database)
    answer = show_trial(archive, query.find_trial(archive, trial))

    def data() -> object:
        return {**plain(answer.trial), "cell_runs": answer.rows()}

    print_table(answer, as_json, as_csv, rows=answer.rows, data=data)
