"""`jupyter provenance run`: a notebook from top to bottom, its record, its messages."""

from __future__ import annotations

import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import nbformat
import pytest
from click.testing import Result
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from support.databases import DEFAULT, Archive

Ask = Callable[..., Result]
Jupyter = Callable[..., CompletedProcess[str]]


def notebook(path: Path, *cells: str, **metadata: Any) -> Path:
    """Write a notebook; a cell that starts with `%%md` is prose, the first has the metadata."""
    made = [
        new_markdown_cell(each[4:]) if each.startswith("%%md") else new_code_cell(each)
        for each in cells
    ]
    made[0].metadata = metadata
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=made), path)
    return path


def text(path: Path, cell: int) -> str:
    outputs = nbformat.read(path, 4).cells[cell].outputs
    return "".join(each.get("text", "") for each in outputs)


def test_a_run_is_a_trial_and_each_cell_is_a_line(jupyter: Jupyter, lab: Path) -> None:
    notebook(
        lab / "nb" / "a.ipynb",
        "lr, name = 1, 'x'",
        "%%md prose",
        "# stage: scoring\nprint(lr, name, grid)",
        tags=["parameters"],
    )
    (lab / "p.json").write_text('{"lr": 2, "name": "file", "grid": [1]}')
    result = jupyter(
        *["run", "nb/a.ipynb", "--output", "out/b.ipynb", "--parameters-file", "p.json"],
        *["-p", "lr", "0.5", "-p", "name", "it's"],
    )
    assert result.returncode == 0, result.stderr
    assert text(lab / "out" / "b.ipynb", 3) == "0.5 it's [1]\n"
    assert text(lab / "nb" / "a.ipynb", 2) == ""
    archive = Archive(lab / "nb" / DEFAULT)
    (trial,) = archive.trials()
    assert (trial["kind"], trial["status"]) == ("run", "finished")
    assert trial["notebook"] == str(lab / "nb" / "a.ipynb")
    assert archive.values("SELECT stage FROM stages") == ["scoring"]
    assert result.stdout == f"trial {trial['id']}\n"
    assert result.stderr.splitlines() == [
        "cell 1/4 ok: lr, name = 1, 'x'",
        "cell 2/4 ok: lr = 0.5",
        "cell 4/4 ok: print(lr, name, grid)",
    ]


def test_a_cell_that_fails_ends_the_run_with_1_and_its_output_is_written(
    ask: Ask, lab: Path
) -> None:
    path = notebook(lab / "a.ipynb", "print('before')", "x = 1\nx / 0", "print('after')")
    result = ask("run", str(path), "--output", "b.ipynb", "--database", "here.db")
    assert result.exit_code == 1
    assert "jupyter provenance: cell 2 of 3 failed:\n\n    x = 1\n    x / 0\n" in result.stderr
    assert "ZeroDivisionError: division by zero" in result.stderr
    assert "cli.py" not in result.stderr
    assert text(lab / "b.ipynb", 0) == "before\n"
    assert nbformat.read(lab / "b.ipynb", 4).cells[1].outputs[0].ename == "ZeroDivisionError"
    (trial,) = Archive(lab / "here.db").trials()
    assert result.stdout == f"trial {trial['id']}\n"
    assert ask("show", "--database", "here.db").exit_code == 0
    assert not (lab / DEFAULT).exists()


@pytest.mark.slow
def test_errors_may_be_allowed(ask: Ask, lab: Path) -> None:
    path = notebook(lab / "a.ipynb", "1 / 0", "print('after')")
    result = ask("run", str(path), "--output", str(path), "--allow-errors")
    assert result.exit_code == 0
    assert text(path, 1) == "after\n"
    assert result.stderr.splitlines() == ["cell 1/2 error: 1 / 0", "cell 2/2 ok: print('after')"]


@pytest.mark.slow
def test_a_cell_that_takes_too_long_is_told_and_nothing_else(jupyter: Jupyter, lab: Path) -> None:
    path = notebook(lab / "a.ipynb", "while True: pass")
    result = jupyter("run", str(path), "--timeout", "1")
    assert result.returncode == 1
    assert "it ran for more than 1 s" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_what_a_failing_cell_says_is_shown_and_not_obeyed(ask: Ask, lab: Path) -> None:
    path = notebook(lab / "a.ipynb", "raise ValueError('\x1b]0;title\x07' '\u202eevil')")
    result = ask("run", str(path))
    assert result.exit_code == 1
    assert all(each.isprintable() for each in result.stderr.splitlines())


@pytest.mark.slow
def test_half_a_surrogate_pair_is_no_reason_to_lose_the_output(ask: Ask, lab: Path) -> None:
    path = notebook(lab / "a.ipynb", "print('before')", "'\\ud83d'")
    result = ask("run", str(path), "--output", "b.ipynb")
    assert "Traceback" not in result.stderr
    assert text(lab / "b.ipynb", 0) == "before\n"


@pytest.mark.slow
def test_a_database_is_the_same_for_a_run_and_for_a_question(ask: Ask, lab: Path) -> None:
    notebook(lab / "nb" / "a.ipynb", "1")
    assert ask("run", "nb/a.ipynb", "--database", "sqlite:///url.db").exit_code == 0
    assert ask("list", "--database", "sqlite:///url.db").exit_code == 0
    home = str(lab / "home")
    assert ask("run", "nb/a.ipynb", "--database=~/a.db", HOME=home).exit_code == 0
    assert ask("list", "--database=~/a.db", HOME=home).exit_code == 0


@pytest.mark.slow
def test_the_environment_names_the_database_of_a_run(ask: Ask, lab: Path) -> None:
    notebook(lab / "nb" / "a.ipynb", "1")
    assert ask("run", "nb/a.ipynb", PROVENANCE_DATABASE="env.db").exit_code == 0
    assert len(Archive(lab / "env.db").trials()) == 1


def test_a_run_that_is_not_recorded_says_so(ask: Ask, lab: Path) -> None:
    path = notebook(lab / "a.ipynb", "1")
    (lab / "file").write_text("")
    result = ask("run", str(path), "--database", "file/x.db")
    assert "not recording: " in result.stderr
    assert result.stdout == ""


MISTAKES: list[tuple[list[str], str]] = [
    (["none.ipynb"], "'none.ipynb' does not exist"),
    (["."], "is a directory"),
    (["letter.ipynb"], "letter.ipynb: not a Jupyter notebook"),
    (["a.ipynb", "-p", "1x", "2"], "parameter '1x' is no Python name"),
    (["a.ipynb", "-p", "x"], "requires 2 arguments"),
    (["a.ipynb", "--parameters-file", "p.json"], "p.json: it should hold names and their values"),
    (["a.ipynb", "--parameters-file", "q.json"], "'q.json' does not exist"),
    (["a.ipynb", "-p", "x", "1"], "parameter 'x': no cell uses such a name"),
    (["set.ipynb", "-p", "lr", "1"], "parameter 'lr': cell 1 would set it anew"),
    (
        ["tagged.ipynb", "-p", "rate", "1"],
        "such a name; the cell tagged `parameters` has lr",
    ),
    (["julia.ipynb"], "julia.ipynb: its language is julia, and only Python is run"),
    (["a.ipynb", "--timeout", "0"], "--timeout"),
    (["a.ipynb", "--database", "bogus://x"], "unknown scheme 'bogus'"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_a_mistake_is_told_before_anything_runs(
    arguments: list[str], message: str, ask: Ask, lab: Path
) -> None:
    notebook(lab / "a.ipynb", "1")
    notebook(lab / "set.ipynb", "lr = 0.1")
    notebook(lab / "tagged.ipynb", "lr = 0.1", tags=["parameters"])
    julia = {"kernelspec": {"name": "julia-1.9", "language": "julia", "display_name": "Julia"}}
    nbformat.write(new_notebook(metadata=julia), lab / "julia.ipynb")
    (lab / "letter.ipynb").write_text("dear aunt")
    (lab / "p.json").write_text("[1]")
    result = ask("run", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
    assert not (lab / DEFAULT).exists()


@pytest.mark.slow
def test_an_output_that_cannot_be_written_is_told_with_the_cell_that_failed(
    ask: Ask, lab: Path
) -> None:
    path = notebook(lab / "a.ipynb", "unknown_name")
    (lab / "file").write_text("")
    result = ask("run", str(path), "--output", "file/b.ipynb")
    assert result.exit_code == 1
    assert "b.ipynb: cannot be written" in result.stderr
    assert "unknown_name" in result.stderr


def test_a_terminal_shows_a_bar_that_moves(lab: Path) -> None:
    path = notebook(
        lab / "a.ipynb", "import time; '[red]'; time.sleep(0.6)", "%%md prose", "y = 2", "%%md end"
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [Path(sys.executable).with_name("jupyter-provenance"), "run", path],
        stderr=theirs,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            some = os.read(ours, 65536)
        except OSError:
            break
        if not some:
            break
        shown += some
    os.close(ours)
    assert process.stdout is not None
    assert process.stdout.read().startswith("trial ")
    process.stdout.close()
    assert process.wait() == 0
    said = shown.decode()
    assert "starting the kernel" in said
    assert "import time; '[red]'" in said
    assert "y = 2" in said
    assert said.rstrip().rpartition("cell ")[2].startswith("4/4")


@pytest.mark.slow
def test_ctrl_c_ends_the_cell_and_the_record_and_is_one_line(lab: Path) -> None:
    path = notebook(lab / "a.ipynb", "print('begun', flush=True)\nimport time\ntime.sleep(60)", "2")
    command = [Path(sys.executable).with_name("jupyter-provenance"), "run", path]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        archive = Archive(lab / DEFAULT)
        deadline = time.monotonic() + 60
        while not (archive.path.exists() and _running(archive)) and time.monotonic() < deadline:
            time.sleep(0.1)
        run.send_signal(signal.SIGINT)
        _, stderr = run.communicate(timeout=60)
    assert run.returncode == 130
    assert stderr.splitlines()[-1] == "interrupted"
    assert "Traceback" not in stderr
    assert archive.values("SELECT status FROM cell_run") == ["interrupted"]
    assert archive.values("SELECT status FROM trial") == ["finished"]


def _running(archive: Archive) -> bool:
    with suppress(sqlite3.OperationalError):
        return archive.values("SELECT status FROM cell_run") == ["running"]
    return False
