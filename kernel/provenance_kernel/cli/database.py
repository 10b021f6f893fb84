"""The database that a command is about: one that is named, a session's own, or one found here."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from peewee import Database

OPTION = click.option(
    "--database",
    metavar="PATH_OR_URL",
    envvar="PROVENANCE_DATABASE",
    help="The database, where it is not .provenance/provenance.db in this folder "
    "or the nearest above.",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A cell that calls a command: answers are shown to it, of its session's record if it has one.

    It is the context's object; a command that is called from a shell has none.
    """

    record: str | None


def named(context: click.Context) -> str | None:
    """Return the path or URL that a command was given; a session's record where it was not."""
    given: str | None = context.params.get("database")
    caller = context.find_object(Caller)
    if caller is None or context.get_parameter_source("database") is ParameterSource.COMMANDLINE:
        return given
    return caller.record or given


def open_named(context: click.Context) -> Database:
    """Open the database that a person means, until the command ends."""
    from provenance_kernel.display.terminal import visible
    from provenance_kernel.trials.query import naming

    database = naming.open_database(named(context), Path.cwd())

    def close() -> None:
        unsound = naming.unsound(database)
        if unsound is not None and sys.exc_info()[0] is None:
            click.echo(f"provenance: {visible(unsound)}", err=True)
        database.close()

    context.call_on_close(close)
    return database
