"""How an answer leaves a command: as a file, JSON, CSV or another text, or for the terminal."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from provenance_kernel.trials.answer import Answer

# The parameters of a command that choose an exit.
EXITS = ("as_json", "as_csv", "format", "output", "force")


def leave(
    answer: Answer,
    *,
    as_json: bool = False,
    as_csv: bool = False,
    format: str | None = None,
    output: Path | None = None,
    force: bool = False,
) -> None:
    """Write or print an answer in the way that was asked for."""
    from provenance_kernel.display import registry
    from provenance_kernel.display.tables import as_csv as written
    from provenance_kernel.display.terminal import visible

    view = registry.view(answer)
    for note in view.notes(answer) if view.notes else ():
        click.echo(visible(note), err=True)
    told = registry.left_out(answer)
    if told is not None and (as_json or as_csv or format or output):
        click.echo(f"provenance: {told}", err=True)
    if output is not None and view.write is not None:
        click.echo(view.write(answer, output))
    if as_json or format == "json":
        print_json(view.data(answer))
    elif as_csv and view.rows is not None:
        click.echo(written(view.rows(answer), view.columns), nl=False)
    elif format is not None and format in view.formats:
        click.echo(view.formats[format](answer).rstrip("\n"))
    elif output is None:
        _show(answer)


def print_json(value: object) -> None:
    """Print a value that is plain as JSON."""
    from provenance_kernel.trials.answer import finite

    click.echo(json.dumps(finite(value), indent=2))


def _show(answer: Answer) -> None:
    """Show a person an answer, by pages and of the terminal's width; or print it for a pipe."""
    from provenance_kernel.display import blocks, registry

    view = registry.view(answer)
    if view.window is not None:
        view.window(answer)
    elif not sys.stdout.isatty():
        if view.piped is not None:
            click.echo(view.piped(answer), nl=False)
        else:
            click.echo(registry.text(answer, blocks.ENDLESS))
    else:
        width, height = shutil.get_terminal_size((blocks.WIDTH, 40))
        colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        text = registry.text(answer, max(width, 40), colour)
        if text.count("\n") < height - 1:
            click.echo(text)
            return
        # `less` shows colours only where it is told to.
        os.environ.setdefault("LESS", "-FRX")
        click.echo_via_pager(text)
