"""What is recorded of short runs of notebooks, most by programs that send no metadata."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from support.databases import DEFAULT, Archive
from support.kernels import environment
from support.repositories import git

RUNNERS = {
    "jupyter-provenance": ["run", "nb/a.ipynb"],
    "jupyter-execute": ["nb/a.ipynb"],
    "jupyter-nbconvert": ["--to", "notebook", "--execute", "nb/a.ipynb", "--output", "b.ipynb"],
    "papermill": ["nb/a.ipynb", "out.ipynb", "-p", "lr", "0.7"],
}
TIMES = 5


@pytest.mark.slow
@pytest.mark.parametrize("program", RUNNERS)
def test_notebook_environment_commit_parameters_and_stages(program: str, tmp_path: Path) -> None:
    command = Path(sys.executable).with_name(program)
    if not command.exists():
        pytest.skip(f"{program} is not installed")
    (tmp_path / "nb").mkdir()
    cells = [
        new_code_cell("import xxhash\nlr = 0.1", metadata={"tags": ["parameters"]}),
        new_code_cell("# metric: m\nm = lr * 2", metadata={"tags": ["stage:fit"]}),
    ]
    kernel = {"name": "provenance", "display_name": "p", "language": "python"}
    written = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(written, tmp_path / "nb" / "a.ipynb")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "nb")
    git(tmp_path, "commit", "-qm", "first")
    for _ in range(TIMES):
        subprocess.run(
            [command, *RUNNERS[program]],
            cwd=tmp_path,
            env=environment(tmp_path),
            check=True,
            capture_output=True,
        )
    archive = Archive(tmp_path / "nb" / DEFAULT)
    trials = archive.trials()
    assert len(trials) == TIMES
    teller = "frontend" if program == "jupyter-provenance" else "parent"
    for trial in trials:
        assert trial["notebook"] == str(tmp_path / "nb" / "a.ipynb")
        assert trial["notebook_from"] == teller
        assert trial["git_commit"] == git(tmp_path, "rev-parse", "HEAD")
        assert (trial["git_dirty"], trial["git_changes"]) == (0, "[]")
        packages = "SELECT name FROM package WHERE environment_id = ?"
        assert "xxhash" in archive.values(packages, trial["environment_id"])
    lr = 0.7 if program == "papermill" else 0.1
    for result in archive.rows("SELECT number, parameters, stage FROM results"):
        assert result == {"number": lr * 2, "parameters": f'{{"lr":{lr}}}', "stage": "fit"}
    last = "SELECT cell_id FROM cell_run WHERE trial_id = ? ORDER BY position"
    assert all(archive.values(last, each["id"])[-1] == cells[1].id for each in trials)


@pytest.mark.slow
def test_several_notebooks_are_told_apart_by_their_first_cells(tmp_path: Path) -> None:
    """Two that begin alike are not, and a third is."""
    kernel = {"name": "provenance", "display_name": "p", "language": "python"}
    for name, source in (("a", "x = 1"), ("b", "x = 1"), ("c", "y = 2")):
        cell = new_code_cell(source, metadata={"tags": ["stage:fit"]})
        written = new_notebook(cells=[cell], metadata={"kernelspec": kernel})
        nbformat.write(written, tmp_path / f"{name}.ipynb")
    subprocess.run(
        [Path(sys.executable).with_name("jupyter-execute"), "a.ipynb", "c.ipynb", "b.ipynb"],
        cwd=tmp_path,
        env=environment(tmp_path),
        check=True,
        capture_output=True,
    )
    archive = Archive(tmp_path / DEFAULT)
    found = archive.values("SELECT notebook FROM trial ORDER BY id")
    assert found == [None, str(tmp_path / "c.ipynb"), None]
    assert archive.values("SELECT stage FROM stage_tag") == ["fit"]
