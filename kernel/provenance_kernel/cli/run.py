"""`jupyter provenance run`: a notebook from top to bottom without a frontend."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provenance_kernel.cli.common import database_option
from provenance_kernel.errors import CellFailed, DatabaseError, ProvenanceError

if TYPE_CHECKING:
    from provenance_kernel.headless.runner import CellProgress


@click.command()
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the executed notebook there, also when a cell fails.",
)
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
@database_option
def run(
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

    options = {"trial_kind": "run"}
    if database:
        path = sqlite_path(database)
        options["database"] = database if path is None else str(path)
    document = files.read(notebook)
    values = files.read_parameters(parameters_file) if parameters_file else {}
    values |= {name: files.parse_value(text) for name, text in parameters}
    files.inject(document, values)
    trial = new_id()
    options["trial_id"] = trial
    failure: CellFailed | None = None
    recorded = True
    try:
        connect(options.get("database") or locate(notebook.absolute().parent)).close()
    except DatabaseError as error:
        # The kernel tells it in the notebook, where nobody looks now.
        click.echo(f"not recording: {error}", err=True)
        recorded = False
    try:
        with _progress(len(document.cells)) as report:
            runner.run(
                document,
                notebook,
                options=options,
                allow_errors=allow_errors,
                timeout=timeout,
                progress=report,
            )
    except CellFailed as error:
        failure = error
    if recorded:
        click.echo(f"trial {trial}")
    try:
        if output is not None:
            files.write(document, output)
    except ProvenanceError as error:
        if failure is None:
            raise
        failure = CellFailed(f"{error}\n{failure}")
    if failure is not None:
        raise failure


class _progress:
    """Shows which cell runs: a bar on a terminal, a line for each cell elsewhere."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._bar: Any = None

    def __enter__(self) -> Callable[[CellProgress], None]:
        if not sys.stderr.isatty():
            return self._line
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            TextColumn("cell {task.completed}/{task.total}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=Console(stderr=True),
        )
        self._bar.start()
        self._task = self._bar.add_task("starting the kernel", total=self._total)
        return self._step

    def __exit__(self, kind: object, *_: object) -> None:
        if self._bar is not None:
            if kind is None:
                # The last cells may be prose.
                self._bar.update(self._task, completed=self._total)
            self._bar.stop()

    def _step(self, step: CellProgress) -> None:
        done = step.number if step.status else step.number - 1
        self._bar.update(self._task, completed=done, description=_named(step))

    def _line(self, step: CellProgress) -> None:
        if step.status:
            line = f"cell {step.number}/{step.total} {step.status}: {_named(step)}"
            click.echo(line, err=True)


def _named(step: CellProgress) -> str:
    from provenance_kernel.display.terminal import visible
    from provenance_kernel.trials.source import first_line

    return visible(first_line(step.cell.source))[:60]
