"""`jupyter provenance run`: a notebook from top to bottom without a frontend."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance_kernel.cli import database as databases
from provenance_kernel.cli import options
from provenance_kernel.errors import CellFailed, DatabaseError, ProvenanceError

if TYPE_CHECKING:
    from provenance_kernel.headless.runner import CellProgress

# As a shell has it for what SIGINT ended.
_INTERRUPTED = 130


@click.command()
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.output("Write the executed notebook there, also when a cell fails.")
@click.option(
    "-p",
    "--parameter",
    "parameters",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Set a parameter, in a cell after the one tagged `parameters`. May be repeated.",
)
@click.option(
    "--parameters-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Set the parameters in a JSON, TOML or YAML file; -p comes before it.",
)
@click.option("--allow-errors", is_flag=True, help="Go on after a cell that fails.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds for a cell.")
@databases.OPTION
@click.pass_context
def run(
    context: click.Context,
    notebook: Path,
    output: Path | None,
    parameters: tuple[tuple[str, str], ...],
    parameters_file: Path | None,
    allow_errors: bool,
    timeout: float | None,
    database: str | None,
) -> None:
    """Run NOTEBOOK from top to bottom without a frontend, and record it as a trial.

    Exits with 1 at the first cell that fails.
    """
    from provenance_kernel.headless import notebook as files
    from provenance_kernel.headless import runner
    from provenance_kernel.records import new_id
    from provenance_kernel.store.database import connect, locate, sqlite_path

    traits = {"trial_kind": "run"}
    if target := databases.named(context):
        path = sqlite_path(target)
        traits["database"] = target if path is None else str(path)
    document = files.read(notebook)
    values = files.read_parameters(parameters_file) if parameters_file else {}
    values |= {name: files.parse_value(text) for name, text in parameters}
    files.inject(document, values)
    files.check_parameters(files.read(notebook), values)
    trial = new_id()
    traits["trial_id"] = trial
    failure: CellFailed | None = None
    interrupted = False
    recorded = True
    try:
        connect(traits.get("database") or locate(notebook.absolute().parent)).close()
    except DatabaseError as error:
        # The kernel tells it in the notebook, where nobody looks now.
        click.echo(f"not recording: {error}", err=True)
        recorded = False
    try:
        with _progress(len(document.cells)) as report:
            runner.run(
                document,
                notebook,
                options=traits,
                allow_errors=allow_errors,
                timeout=timeout,
                progress=report,
            )
    except CellFailed as error:
        failure = error
    except KeyboardInterrupt:
        interrupted = True
    if recorded:
        click.echo(f"trial {trial}")
        _tell_metrics(traits.get("database") or str(locate(notebook.absolute().parent)), trial)
    try:
        if output is not None:
            files.write(document, output)
    except ProvenanceError as error:
        if failure is None:
            raise
        failure = CellFailed(f"{error}\n{failure}")
    if interrupted:
        click.echo("interrupted", err=True)
        context.exit(_INTERRUPTED)
    if failure is not None:
        raise failure


def _tell_metrics(target: str, trial: str) -> None:
    """Print the metrics of a trial, as each was tracked last."""
    from provenance_kernel.display.changes import value
    from provenance_kernel.display.terminal import visible
    from provenance_kernel.store import tracked_values
    from provenance_kernel.store.database import connect
    from provenance_kernel.trials.query.condition import stored

    try:
        database = connect(target, create=False)
    except DatabaseError:
        # The kernel has told that it could not write it.
        return
    try:
        for name, each in tracked_values.last_metrics(database, [trial])[trial].items():
            click.echo(visible(f"{name} = {value(stored(*each))}"))
    finally:
        database.close()


@contextmanager
def _progress(total: int) -> Iterator[Callable[[CellProgress], None]]:
    """Show which cell runs: a bar on a terminal, a line for each cell elsewhere."""
    if not sys.stderr.isatty():
        yield _tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("cell {task.completed}/{task.total}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("starting the kernel", total=total)

        def move(step: CellProgress) -> None:
            done = step.number if step.status else step.number - 1
            bar.update(task, completed=done, description=_named(step))

        yield move
        # The last cells may be prose.
        bar.update(task, completed=total)


def _tell(step: CellProgress) -> None:
    if step.status:
        click.echo(f"cell {step.number}/{step.total} {step.status}: {_named(step)}", err=True)


def _named(step: CellProgress) -> str:
    from provenance_kernel.display.terminal import visible
    from provenance_kernel.trials.source import first_line

    return visible(first_line(step.cell.source))[:60]
