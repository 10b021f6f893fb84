"""What a person says of trials, and which of them are kept: `note`, `delete`, `prune`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from provenance_kernel.cli import completion, options
from provenance_kernel.cli import database as databases
from provenance_kernel.cli.exits import print_json

if TYPE_CHECKING:
    from peewee import Database

_YES = click.option("--yes", is_flag=True, help="Do not ask before deleting.")


@click.command()
@options.TRIAL
@click.option("--name", help="A name for the trial.")
@click.option("--text", help="A text about it.")
@click.option("--tag", "tags", multiple=True, help="A tag to add. May be repeated.")
@click.option("--untag", "untags", multiple=True, help="A tag to take away.")
@click.option("--star/--no-star", "starred", default=None, help="Keep it when others are pruned.")
@options.JSON
@databases.OPTION
@click.pass_context
def note(
    context: click.Context,
    trial: str,
    name: str | None,
    text: str | None,
    tags: tuple[str, ...],
    untags: tuple[str, ...],
    starred: bool | None,
    as_json: bool,
    database: str | None,
) -> None:
    """Name TRIAL, note a text, tag it or star it; without options, show what is noted."""
    from provenance_kernel.display.terminal import visible
    from provenance_kernel.trials.answer import plain
    from provenance_kernel.trials.keeping import noted
    from provenance_kernel.trials.query.naming import find_trial

    opened = databases.open_named(context)
    found = noted(
        opened,
        find_trial(opened, trial),
        name=name,
        text=text,
        tags=tags,
        untags=untags,
        starred=starred,
    )
    if as_json:
        print_json(plain(found))
        return
    star = ["starred"] if found.starred else []
    said = [*filter(None, (found.name, found.text)), *(f"#{each}" for each in found.tags), *star]
    click.echo(visible(f"{found.trial_id}: {'; '.join(said) or 'nothing is noted'}"))


@click.command()
@click.argument(
    "trials", metavar="TRIAL…", nargs=-1, required=True, shell_complete=completion.trials
)
@_YES
@databases.OPTION
@click.pass_context
def delete(
    context: click.Context, trials: tuple[str, ...], yes: bool, database: str | None
) -> None:
    """Delete trials with all that is recorded of them, and what ran them again."""
    from provenance_kernel.trials.keeping import deletable

    opened = databases.open_named(context)
    _delete(opened, deletable(opened, trials), yes)


@click.command()
@click.option("--keep-last", type=click.IntRange(min=0), help="Keep so many of each notebook.")
@click.option("--older-than", metavar="AGE", help="Only those before an age or date: 90d.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@_YES
@databases.OPTION
@click.pass_context
def prune(
    context: click.Context,
    keep_last: int | None,
    older_than: str | None,
    dry_run: bool,
    yes: bool,
    database: str | None,
) -> None:
    """Delete old trials; those that are starred or still run are kept."""
    from provenance_kernel.trials.keeping import prunable

    if keep_last is None and older_than is None:
        raise click.UsageError("say which to keep: --keep-last N, --older-than 90d, or both")
    opened = databases.open_named(context)
    ids = prunable(opened, keep_last, older_than)
    if dry_run or not ids:
        from provenance_kernel.store.removal import sizes

        nbytes = sum(sizes(opened, ids).values())
        click.echo(f"{_counted(len(ids))}, about {nbytes / 1e6:.1f} MB, would be deleted")
        return
    _delete(opened, ids, yes)


def _delete(database: Database, ids: list[str], yes: bool) -> None:
    from provenance_kernel.trials import keeping

    if not yes:
        click.confirm(f"Delete {_counted(len(ids))} for good?", abort=True)
    click.echo(f"deleted {_counted(keeping.delete(database, ids))}")


def _counted(number: int) -> str:
    return f"{number} trial{'' if number == 1 else 's'}"
