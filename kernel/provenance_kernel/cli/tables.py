"""What commands that print tables share: filters, limits, CSV, and the width of the terminal."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provenance_kernel.cli.common import json_option, print_json

if TYPE_CHECKING:
    from provenance_kernel.trials.answer import Answer

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_LIMIT = 20
# Where output is no terminal, tables are as wide as they need to be, for `grep` and `awk`.
_ENDLESS = 10_000


def table_options(command: F) -> F:
    """Give a command the flags `--json` and `--csv`."""
    return json_option(click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")(command))


def limit_option(what: str) -> Callable[[F], F]:
    """Give a command the option `--limit`."""
    return click.option(
        "--limit",
        type=click.IntRange(min=0),
        help=f"How many {what}, the latest first; 0 for all. "
        f"[default: {DEFAULT_LIMIT} in tables, all in JSON and CSV]",
    )


def shown(limit: int | None, data: bool) -> int | None:
    """Return how many rows to show: of data for programs all, unless told otherwise."""
    return (None if data else DEFAULT_LIMIT) if limit is None else limit or None


def filter_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that choose trials, as its argument `filters`."""

    @wraps(command)
    def chosen(
        *,
        notebook: str | None,
        stage: str | None,
        since: str | None,
        where: str | None,
        **rest: Any,
    ) -> None:
        from provenance_kernel.trials.filters import Filters

        command(filters=Filters(notebook, stage, since, where), **rest)

    for option in reversed(
        (
            click.option("--notebook", metavar="NAME", help="Of this notebook: name or pattern."),
            click.option("--stage", help="With a cell of this stage."),
            click.option("--since", metavar="TIME", help="Since a date, or an age: 7d, 12h."),
            click.option(
                "--where",
                metavar="CONDITION",
                help='With such tracked values: "f1 > 0.8 and test_size = 0.2".',
            ),
        )
    ):
        chosen = option(chosen)
    return chosen


def print_table(
    answer: Answer,
    as_json: bool,
    as_csv: bool,
    *,
    rows: Callable[[], Sequence[Mapping[str, Any]]],
    columns: Sequence[str] = (),
    data: Callable[[], object] | None = None,
) -> None:
    """Print an answer as a table, its `data` (or else its rows) as JSON, or its rows as CSV."""
    if as_json:
        print_json((data or rows)())
    elif as_csv:
        from provenance_kernel.display import tables

        click.echo(tables.as_csv(rows(), columns), nl=False)
    else:
        _show(answer)


def _show(answer: Answer) -> None:
    """Print an answer as a table: by pages, in colour and of the terminal's width, or plainly."""
    from provenance_kernel.display import tables

    if not sys.stdout.isatty():
        click.echo(tables.text(answer, _ENDLESS))
        return
    width, height = shutil.get_terminal_size((tables.WIDTH, 40))
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    text = tables.text(answer, max(width, 40), colour)
    if text.count("\n") < height - 1:
        click.echo(text)
        return
    # `less` shows colours only where it is told to.
    os.environ.setdefault("LESS", "-FRX")
    click.echo_via_pager(text)
