"""What a shell offers in place of a trial or of a tracked name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance_kernel.cli.database import named
from provenance_kernel.errors import ProvenanceError

if TYPE_CHECKING:
    from peewee import Database

_RECENT = 20


def trials(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Return the recent trials whose names begin so."""

    def known(database: Database) -> list[str]:
        from provenance_kernel.trials.query.listing import list_trials

        recent = [each.prefix for each in list_trials(database, _RECENT).trials]
        return ["latest", *(f"latest~{back}" for back in range(1, min(len(recent), 10))), *recent]

    return _offered(context, typed, known)


def names(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Return the tracked names that begin so."""

    def known(database: Database) -> list[str]:
        from provenance_kernel.store import tracked_values

        return tracked_values.names(database)

    return _offered(context, typed, known)


def _offered(
    context: click.Context, typed: str, known: Callable[[Database], list[str]]
) -> list[str]:
    """Return what is known and begins so; nothing where there is no database to ask."""
    from provenance_kernel.trials.query import naming

    try:
        database = naming.open_database(named(context), Path.cwd())
    except ProvenanceError:
        return []
    try:
        return [each for each in known(database) if each.startswith(typed)]
    finally:
        database.close()
