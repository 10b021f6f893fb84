"""`jupyter provenance lineage`: what a value came from, and what was made from it."""

from __future__ import annotations

import click

from provenance_kernel.cli.common import database_option, json_option, open_database, print_json
from provenance_kernel.cli.completion import names, trial_option


@click.command()
@click.argument("name", shell_complete=names)
@trial_option
@click.option(
    "--format",
    "format",
    type=click.Choice(["tree", "mermaid", "dot", "json"]),
    default="tree",
    show_default=True,
    help="How to print it.",
)
@json_option
@database_option
def lineage(name: str, trial: str, format: str, as_json: bool, database: str | None) -> None:
    """Print what NAME, a variable, tracked value or metric, came from."""
    from provenance_kernel.trials.lineage import lineage_of

    found = lineage_of(open_database(database), name, trial)
    if as_json or format == "json":
        print_json(found.to_dict())
        return
    from provenance_kernel.display import graph

    shown = {"tree": graph.tree, "mermaid": graph.mermaid, "dot": graph.dot}[format](found)
    click.echo(shown.rstrip("\n"))
