"""`jupyter provenance restore`: the notebook as it ran, or whether an input file is as it was."""

from __future__ import annotations

from pathlib import Path

import click

from provenance_kernel.cli.common import (
    check_output,
    database_option,
    json_option,
    open_database,
    output_options,
    print_json,
)
from provenance_kernel.cli.completion import trials
from provenance_kernel.errors import SettingError


@click.command()
@click.argument("trial", default="latest", shell_complete=trials)
@click.argument("file", required=False)
@output_options("Write the notebook there.")
@json_option
@database_option
def restore(
    trial: str,
    file: str | None,
    output: Path | None,
    force: bool,
    as_json: bool,
    database: str | None,
) -> None:
    """Write the notebook that TRIAL ran, in run order, to --output.

    With FILE, only check that this input file still has the digest that TRIAL recorded; exits
    with 1 where it has not, or where that cannot be told.
    """
    from provenance_kernel.trials import restore as restoring

    if file is not None and output is not None:
        raise SettingError("FILE is only checked: leave out --output, or leave out FILE")
    if file is None and output is None:
        raise SettingError("say where to write the notebook: --output F.ipynb")
    if output is not None:
        check_output(output, (".ipynb",), force)
        from provenance_kernel.headless import notebook

        made = restoring.restore(open_database(database), trial)
        notebook.write(made, output)
        found = made.metadata["provenance"]["trial"]
        if as_json:
            print_json({"trial": found, "output": str(output), "cells": len(made.cells)})
        else:
            click.echo(f"{output}: {len(made.cells)} cells of trial {found}")
        return
    check = restoring.check_file(open_database(database), str(file), trial)
    if as_json:
        from provenance_kernel.trials.answer import plain

        print_json(plain(check))
    else:
        from provenance_kernel.display.terminal import visible

        click.echo(visible(restoring.describe(check)))
    if not check.same:
        click.get_current_context().exit(1)
