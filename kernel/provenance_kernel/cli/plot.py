"""`jupyter provenance plot`: a picture of a tracked value, or of the time that stages took."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance_kernel.cli.common import database_option, json_option, open_database, print_json
from provenance_kernel.cli.completion import names, trials

if TYPE_CHECKING:
    from peewee import Database

    from provenance_kernel.trials.series import Contrast, Course, StageTimes


@click.command()
@click.argument("name", required=False, shell_complete=names)
@click.option(
    "--against",
    metavar="PARAM",
    shell_complete=names,
    help="Draw NAME against the values of this one.",
)
@click.option(
    "--stages",
    metavar="TRIAL",
    shell_complete=trials,
    is_flag=False,
    flag_value="latest",
    help="Draw the time per stage of a trial (default: latest) in place of a value.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the picture there (.png, .svg, .pdf); without it, a window opens.",
)
@json_option
@database_option
def plot(
    name: str | None,
    against: str | None,
    stages: str | None,
    output: Path | None,
    as_json: bool,
    database: str | None,
) -> None:
    """Draw the values of NAME over trials. Needs matplotlib."""
    answer = asked(open_database(database), name, against, stages)
    if as_json:
        print_json(answer.to_dict())
        return
    from provenance_kernel.display import plot as drawing

    figure = drawing.draw(answer)
    if output is None:
        drawing.show(figure)
    else:
        drawing.save(figure, output)
        click.echo(f"wrote {output}")


def asked(
    database: Database, name: str | None, against: str | None, stages: str | None
) -> Course | Contrast | StageTimes:
    """Return what the arguments ask to be drawn."""
    from provenance_kernel.trials import query, series

    if name is not None and stages is None:
        if against is not None:
            return series.against(database, against, name)
        return series.over_trials(database, name)
    if name is not None or stages is None:
        raise click.UsageError("give NAME, the name of a tracked value, or --stages")
    if against is not None:
        raise click.UsageError("--against goes with NAME, not with --stages")
    return series.stage_times(database, query.find_trial(database, stages))
