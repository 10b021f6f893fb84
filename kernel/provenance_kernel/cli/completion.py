"""What a shell offers in place of a trial or of a tracked name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provenance_kernel.errors import ProvenanceError

if TYPE_CHECKING:
    from peewee import Database

F = TypeVar("F", bound=Callable[..., Any])
_RECENT = 20


def trials(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Return the recent trials whose names begin so."""

    def known(database: Database) -> list[str]:
        from provenance_kernel.trials import query

        recent = [each.prefix for each in query.list_trials(database, _RECENT)]
        return ["latest", *(f"latest~{back}" for back in range(1, min(len(recent), 10))), *recent]

    return _offered(context, typed, known)


def names(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Return the tracked names that begin so."""

    def known(database: Database) -> list[str]:
        from provenance_kernel.store import details

        return details.tracked_names(database)

    return _offered(context, typed, known)


def trial_option(command: F) -> F:
    """Give a command the option `--trial`."""
    option = click.option(
        "--trial",
        default="latest",
        show_default=True,
        help="The trial.",
        shell_complete=trials,
    )
    return option(command)


def _offered(
    context: click.Context, typed: str, known: Callable[[Database], list[str]]
) -> list[str]:
    """Return what is known and begins so; nothing where there is no database to ask."""
    from provenance_kernel.trials import query

    try:
        database = query.open_database(context.params.get("database") or context.obj, Path.cwd())
    except ProvenanceError:
        return []
    try:
        return [each for each in known(database) if each.startswith(typed)]
    finally:
        database.close()
