"""Environment, commit and notebook of a trial, whatever becomes of them while it runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.databases import DEFAULT, Archive
from support.kernels import Kernel
from support.repositories import git

SECONDS = 60.0


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a notebook and a tracked file."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "data.txt").write_text("1")
    (folder / "Untitled.ipynb").write_text("{}")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_a_short_session_has_its_environment_and_commit(project: Path, tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, work=project)
    kernel.execute("import xxhash")
    kernel.stop()
    archive = Archive(project / DEFAULT)
    (trial,) = archive.trials()
    assert trial["status"] == "finished"
    assert trial["git_commit"] == git(project, "rev-parse", "HEAD")
    assert (trial["git_dirty"], trial["git_changes"]) == (0, "[]")
    packages = "SELECT name FROM package WHERE environment_id = ?"
    assert "xxhash" in archive.values(packages, trial["environment_id"])


def test_the_commit_is_looked_at_again(project: Path, tmp_path: Path) -> None:
    """It was clean, what a cell reads is changed, the result is made, and all is committed."""
    archive = Archive(project / DEFAULT)

    def told(column: str) -> object:
        return archive.trials()[0][column]

    first = git(project, "rev-parse", "HEAD")
    kernel = Kernel(tmp_path, work=project)
    kernel.execute("x = 1")
    wait_for(lambda: told("git_dirty") == 0)
    (project / "data.txt").write_text("2")
    kernel.execute("# metric: x\nx = int(open('data.txt').read())")
    wait_for(lambda: told("git_dirty") == 1)
    assert json.loads(str(told("git_changes"))) == ["data.txt"]
    assert told("git_commit") == first
    git(project, "commit", "-qam", "second")
    kernel.stop()
    assert (told("git_commit"), told("git_dirty")) == (git(project, "rev-parse", "HEAD"), 0)
    assert [each["message"] for each in archive.events("commit")] == [
        f"before, the commit was {first}, nothing changed",
        f"before, the commit was {first}, not committed: data.txt",
    ]


def test_a_notebook_that_is_renamed(project: Path, tmp_path: Path) -> None:
    """Once before the first cell, as in JupyterLab, and once while cells run."""
    archive = Archive(project / DEFAULT)
    kernel = Kernel(
        tmp_path, work=project, env={"JPY_SESSION_NAME": str(project / "Untitled.ipynb")}
    )
    # The session's modules are loaded soon after its start; a person is not that quick.
    kernel.execute("import provenance_kernel; get_ipython().kernel.recorder", silent=True)
    (project / "Untitled.ipynb").rename(project / "model.ipynb")
    kernel.execute("x = 1")
    (trial,) = archive.trials()
    expected = (str(project / "model.ipynb"), "renamed")
    assert (trial["notebook"], trial["notebook_from"]) == expected
    (project / "model.ipynb").rename(project / "final.ipynb")
    kernel.stop()
    (trial,) = archive.trials()
    assert (trial["notebook"], trial["notebook_from"]) == (str(project / "final.ipynb"), "renamed")
