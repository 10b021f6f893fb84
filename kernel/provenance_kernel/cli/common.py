"""What several commands share: options, opening the database, writing files, printing JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provenance_kernel.errors import SettingError

if TYPE_CHECKING:
    from peewee import Database

F = TypeVar("F", bound=Callable[..., Any])

_database = click.option(
    "--database",
    metavar="PATH_OR_URL",
    envvar="PROVENANCE_DATABASE",
    help="The database, where it is not .provenance/provenance.db in this folder "
    "or the nearest above.",
)


def database_option(command: F) -> F:
    """Give a command the option `--database`."""
    return _database(command)


def json_option(command: F) -> F:
    """Give a command the flag `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def output_options(what: str) -> Callable[[F], F]:
    """Give a command the options `--output` and `--force`."""

    def add(command: F) -> F:
        force = click.option("--force", is_flag=True, help="Write over a file that exists.")
        path = click.Path(dir_okay=False, path_type=Path)
        return click.option("--output", type=path, help=what)(force(command))

    return add


def check_output(output: Path, suffixes: Sequence[str], force: bool) -> None:
    """Raise `SettingError` where a file should not be written: by its name, or as it is there."""
    if output.suffix not in suffixes:
        raise SettingError(f"{output}: its name should end in {' or '.join(suffixes)}")
    if output.exists() and not force:
        raise SettingError(f"{output}: there is such a file; --force writes over it")


def open_database(target: str | None) -> Database:
    """Open the database that a person means, until the command ends."""
    from provenance_kernel.trials import query

    database = query.open_database(target, Path.cwd())
    click.get_current_context().call_on_close(database.close)
    return database


def print_json(value: object) -> None:
    """Print a value that is plain as JSON."""
    click.echo(json.dumps(value, indent=2))
