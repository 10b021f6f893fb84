"""`jupyter provenance compare`: what differs between trials."""

from __future__ import annotations

import click

from provenance_kernel.cli.common import database_option, open_database
from provenance_kernel.cli.completion import trials as complete
from provenance_kernel.cli.tables import print_table, table_options


@click.command()
@click.argument(
    "trials", metavar="TRIAL TRIAL [TRIAL]…", nargs=-1, required=True, shell_complete=complete
)
@click.option("--all", "everything", is_flag=True, help="Show what is equal, too.")
@table_options
@database_option
def compare(
    trials: tuple[str, ...], everything: bool, as_json: bool, as_csv: bool, database: str | None
) -> None:
    """Show what differs between two trials, or between the first and each of the others."""
    from provenance_kernel.trials import compare, query

    if len(trials) < 2:
        raise click.UsageError("compare takes two trials or more, such as: compare latest~1 latest")
    archive = open_database(database)
    base, *others = (query.find_trial(archive, name) for name in trials)
    answer: compare.Comparison | compare.Comparisons = (
        compare.compare(archive, base, others[0], everything)
        if len(others) == 1
        else compare.compare_many(archive, base, others, everything)
    )
    columns = ("trial", "what", "where", "name", "a", "b")
    print_table(
        answer,
        as_json,
        as_csv,
        rows=answer.rows,
        columns=columns if len(others) > 1 else columns[1:],
        data=answer.to_dict,
    )
