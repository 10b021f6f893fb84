"""`jupyter provenance restore`: the notebook as it ran, or whether a file is as it was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance_kernel.cli import database as databases
from provenance_kernel.cli import options
from provenance_kernel.cli.exits import leave, print_json
from provenance_kernel.errors import SettingError

if TYPE_CHECKING:
    from provenance_kernel.verify.report import Report


@click.command()
@options.TRIAL
@click.argument("file", required=False)
@options.output("Write the notebook there.", ".ipynb")
@click.option(
    "--files",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the files that TRIAL read below this folder, as they were kept.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Run its cells in a fresh kernel, on inputs as they were kept, and say what comes of it.",
)
@options.FORCE
@options.JSON
@databases.OPTION
@click.pass_context
def restore(
    context: click.Context,
    trial: str,
    file: str | None,
    output: Path | None,
    files: Path | None,
    check: bool,
    force: bool,
    as_json: bool,
    database: str | None,
) -> None:
    """Write the notebook that TRIAL ran, in run order and with its outputs, to --output.

    With FILE, only check that this file still has the content that TRIAL read or, if TRIAL only
    wrote it, left; exits with 1 where it has not, or where that cannot be told. With
    --check, exits as verify does.
    """
    from provenance_kernel.display.terminal import visible
    from provenance_kernel.headless import notebook
    from provenance_kernel.trials.answer import plain
    from provenance_kernel.trials.query import restore as restoring

    if files is not None:
        if files.exists() and any(files.iterdir()) and not force:
            raise SettingError(f"{files}: there are files in it; --force writes over them")
        done, missing = restoring.restore_files(databases.open_named(context), files, trial)
        if as_json:
            print_json({"written": done, "not_kept": missing})
        else:
            click.echo(f"{files}: {len(done)} files written")
            for each in missing:
                click.echo(f"not kept: {visible(each)}", err=True)
        if output is None and file is None:
            return
    if file is None and output is None:
        raise SettingError("say where to write the notebook: --output F.ipynb")
    if file is None and output is not None:
        made = restoring.restore(databases.open_named(context), trial)
        told = made.metadata["provenance"]
        report = _checked(told["trial"], databases.named(context)) if check else None
        if report is not None:
            told["checked"] = report.verdict
        notebook.write(made, output)
        told = {"trial": told["trial"], "output": str(output), "cells": len(made.cells)}
        if as_json:
            print_json(told if report is None else {**told, "checked": report.to_dict()})
        else:
            click.echo(f"{output}: {len(made.cells)} cells of trial {told['trial']}")
            if missing := made.metadata["provenance"].get("outputs_not_kept"):
                click.echo(f"{missing} outputs are left out, as they were not kept", err=True)
            if report is not None:
                leave(report)
        if report is not None:
            context.exit(report.exit_code)
        return
    if check:
        raise SettingError("--check is for the notebook: leave out FILE")
    if output is not None:
        raise SettingError("FILE is only checked: leave out --output, or leave out FILE")
    same = restoring.check_file(databases.open_named(context), str(file), trial)
    if as_json:
        print_json(plain(same))
    else:
        click.echo(visible(restoring.describe(same)))
    if not same.same:
        context.exit(1)


def _checked(trial: str, database: str | None) -> Report:
    """Run a trial in its recorded order, as the restored notebook has it."""
    from provenance_kernel.verify.whole import verify
    from provenance_kernel.verify.work import Options

    return verify(trial, database, Path.cwd(), Options(recorded_order=True, kept_inputs=True))
