"""The options that commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import click

from provenance_kernel.cli import completion
from provenance_kernel.errors import SettingError

Option: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]

DEFAULT_LIMIT = 20
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
CSV = click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
# Read before the output that it is about.
FORCE = click.option("--force", is_flag=True, is_eager=True, help="Write over a file that exists.")
NAME = click.argument("name", shell_complete=completion.names)
TRIAL = click.argument("trial", default="latest", shell_complete=completion.trials)
OF_TRIAL = click.option(
    "--trial",
    default="latest",
    show_default=True,
    help="The trial.",
    shell_complete=completion.trials,
)
FILTERS = (
    click.option("--notebook", metavar="NAME", help="Of this notebook: name or pattern."),
    click.option("--stage", help="With a cell of this stage."),
    click.option("--since", metavar="TIME", help="Since a date, or an age: 7d, 12h."),
    click.option(
        "--where",
        metavar="CONDITION",
        help='With such tracked values: "f1 > 0.8 and test_size = 0.2".',
    ),
)


def limit(what: str) -> Option:
    """Return the option `--limit`."""
    return click.option(
        "--limit",
        type=click.IntRange(min=0),
        help=f"How many {what}, the latest first; 0 for all. "
        f"By default {DEFAULT_LIMIT} in tables, all in JSON and CSV.",
    )


def output(what: str, *suffixes: str) -> Option:
    """Return the option `--output`; with suffixes, its file must have one and not be there yet."""

    def checked(
        context: click.Context, parameter: click.Parameter, path: Path | None
    ) -> Path | None:
        if path is None or not suffixes:
            return path
        if path.suffix not in suffixes:
            raise SettingError(f"{path}: its name should end in {' or '.join(suffixes)}")
        if path.exists() and not context.params.get("force"):
            raise SettingError(f"{path}: there is such a file; --force writes over it")
        return path

    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option("--output", type=kind, help=what, callback=checked)
