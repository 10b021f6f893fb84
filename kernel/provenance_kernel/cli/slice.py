"""`jupyter provenance slice`: the code that suffices to compute a value again."""

from __future__ import annotations

import sys
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
from provenance_kernel.cli.completion import names, trial_option


@click.command("slice")
@click.argument("name", shell_complete=names)
@trial_option
@output_options("Write a script (.py) or a notebook (.ipynb) there, not to standard output.")
@json_option
@database_option
def slice_(
    name: str, trial: str, output: Path | None, force: bool, as_json: bool, database: str | None
) -> None:
    """Print the code that suffices to compute NAME again, as a script."""
    from provenance_kernel.trials.slice import slice_of

    if output is not None:
        check_output(output, (".py", ".ipynb"), force)
    found = slice_of(open_database(database), name, trial)
    for reason in found.reasons:
        from provenance_kernel.display.terminal import visible

        click.echo(visible(reason), err=True)
    if output is None:
        if as_json:
            print_json(found.to_dict())
        else:
            click.echo(_shown(found.script()), nl=False)
        return
    if output.suffix == ".ipynb":
        from provenance_kernel.headless import notebook

        notebook.write(found.notebook_node(), output)
    else:
        from provenance_kernel.trials.script import write

        write(found.script(), output)
    click.echo(f"{output}: {found.lines} of {found.trial_lines} lines of code")
    if as_json:
        print_json(found.to_dict())


def _shown(script: str) -> str:
    """Return a script as it is for a pipe; for a terminal so that its strings are not obeyed."""
    if not sys.stdout.isatty():
        return script
    from provenance_kernel.display.terminal import visible

    return "".join(f"{visible(line.expandtabs())}\n" for line in script.splitlines())
