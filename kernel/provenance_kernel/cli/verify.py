"""`jupyter provenance verify`: run a trial or a notebook again, and say whether it reproduces."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provenance_kernel.cli import completion, options
from provenance_kernel.cli import database as databases
from provenance_kernel.cli.exits import leave, print_json
from provenance_kernel.errors import NotebookError

if TYPE_CHECKING:
    from provenance_kernel.verify.report import Report
    from provenance_kernel.verify.reruns.plan import Step
    from provenance_kernel.verify.work import Options, Progress


_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument(
    "targets",
    metavar="[TRIAL | NOTEBOOK | FOLDER]…",
    nargs=-1,
    shell_complete=completion.trials,
)
@click.option(
    "--rtol",
    type=click.FloatRange(min=0),
    default=1e-9,
    show_default=True,
    help="Numbers that differ by this part of them are equal.",
)
@click.option(
    "--atol",
    type=click.FloatRange(min=0),
    default=1e-12,
    show_default=True,
    help="Numbers that differ by this much are equal.",
)
@click.option(
    "--runs",
    type=click.IntRange(min=0),
    default=4,
    show_default=True,
    help="How many runs may be made to find causes.",
)
@click.option("--network", is_flag=True, help="Allow the network.")
@click.option(
    "--recorded-order", is_flag=True, help="Do not run the notebook top to bottom as well."
)
@click.option(
    "--environment",
    type=click.Choice(["present", "recorded"]),
    default="present",
    show_default=True,
    help="Run on the versions of packages that are here, or on recorded ones that uv or pip fetch.",
)
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds for a cell.")
@click.option(
    "--write",
    type=_FILE,
    help="Write the notebook in the order that gave its saved outputs there, if it is another.",
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="How many at a time.")
@options.output("Write the report there as one page.", ".html")
@click.option("--junit", type=_FILE, help="Write the stages as JUnit's test cases there.")
@click.option("--lock", type=_FILE, help="Write the versions of packages as requirements there.")
@click.option("--whole", is_flag=True, hidden=True, help="Print all of the report as JSON.")
@options.FORCE
@options.JSON
@databases.OPTION
@click.pass_context
def verify(
    context: click.Context,
    /,
    targets: tuple[str, ...],
    jobs: int,
    write: Path | None,
    output: Path | None,
    junit: Path | None,
    lock: Path | None,
    whole: bool,
    as_json: bool,
    force: bool,
    database: str | None,
    **asked: Any,
) -> Report | None:
    """Run TRIAL (default: latest) or notebooks again in a copy of their folder, and compare.

    Exits with 0 where all reproduce, 1 where something does not, 2 where something could not be
    run.
    """
    from provenance_kernel.display import reports as files
    from provenance_kernel.verify.work import Options

    called = context.find_object(databases.Caller) is not None
    wanted = _spread(targets or ("latest",))
    named = databases.named(context)
    if len(wanted) == 1 or jobs == 1:
        from provenance_kernel.verify import whole as verifying

        with _progress() as tell:
            made = [
                verifying.verify(each, named, Path.cwd(), Options(**asked), tell, write)
                for each in wanted
            ]
    else:
        made = _side_by_side(wanted, named, Options(**asked), jobs)
    for path, text in ((output, files.page), (junit, files.junit), (lock, files.lock)):
        if path is not None:
            path.write_text(text(made), encoding="utf-8")
            click.echo(f"{path}: written", err=True)
    if whole:
        print_json(made[0].whole())
    elif as_json:
        told = [each.to_dict() for each in made]
        print_json(told[0] if len(told) == 1 and not _is_folder(targets) else told)
    elif called and len(made) == 1:
        return made[0]
    else:
        for each in made:
            leave(each)
    if not called:
        context.exit(max(each.exit_code for each in made))
    return None


def _is_folder(targets: Sequence[str]) -> bool:
    return any(Path(each).is_dir() for each in targets)


def _spread(targets: Sequence[str]) -> list[str]:
    """Return the notebooks in folders, and what else was named."""
    found = []
    for each in targets:
        if not Path(each).is_dir():
            found.append(each)
            continue
        inside = [
            str(path)
            for path in sorted(Path(each).rglob("*.ipynb"))
            if not any(part.startswith(".") for part in path.relative_to(each).parts)
        ]
        if not inside:
            raise NotebookError(f"{each}: there is no notebook in it")
        found += inside
    return found


def _side_by_side(
    wanted: Sequence[str], named: str | None, asked: Options, jobs: int
) -> list[Report]:
    """Verify several notebooks at a time, each in a process of its own."""
    from provenance_kernel.verify.report import Report

    words = [sys.executable, "-m", "provenance_kernel.cli", "verify", "--whole"]
    for name, value in asdict(asked).items():
        if value is True:
            words.append(f"--{name.replace('_', '-')}")
        elif value is not None and value is not False:
            words += [f"--{name.replace('_', '-')}", str(value)]
    words += ["--database", named] if named else []

    def one(target: str) -> Report:
        done = subprocess.run([*words, target], stdout=subprocess.PIPE, text=True)
        if not done.stdout.startswith("{"):
            raise NotebookError(f"{target}: it could not be verified")
        return Report.from_whole(json.loads(done.stdout))

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, wanted))


@contextmanager
def _progress() -> Iterator[Progress]:
    """Tell on standard error which cell of which run is under way."""
    from provenance_kernel.display.terminal import visible
    from provenance_kernel.trials.source import first_line

    began = time.monotonic()
    on_terminal = sys.stderr.isatty()

    def tell(what: str, number: int, total: int, step: Step) -> None:
        if not on_terminal:
            if number == 1:
                click.echo(f"running {total} cells {what}", err=True)
            return
        passed = time.monotonic() - began
        line = f"{what}, cell {number}/{total}, {passed:.0f} s: {first_line(step.source)}"
        click.echo(f"\r\x1b[2K{visible(line)[:100]}", nl=False, err=True)

    yield tell
    if on_terminal:
        click.echo("\r\x1b[2K", nl=False, err=True)
