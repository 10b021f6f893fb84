"""A commit is found without running anything that the repository names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provenance_kernel.capture.git import CHANGES, Commit, commit_of, told
from support.repositories import git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a").write_text("a\n")
    git(folder, "add", "a")
    git(folder, "commit", "-qm", "first")
    return folder


def test_clean_then_dirty(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    found = commit_of(repository)
    assert found is not None
    assert (found.id, found.dirty) == (head, False)
    (repository / "not_tracked").write_text("b")
    assert commit_of(repository) == found
    (repository / "a").write_text("changed\n")
    found = commit_of(repository)
    assert found is not None
    assert found == Commit(head, True, ("a",))


def test_what_was_not_committed_is_bounded(repository: Path) -> None:
    names = [f"b {at:03} é" for at in range(CHANGES + 2)]
    for name in names:
        (repository / name).write_text("b")
    git(repository, "add", ".")
    found = commit_of(repository)
    assert found is not None
    assert found.changes == (*names[:CHANGES], "… and 2 more")


def test_a_conflict_is_not_committed(repository: Path) -> None:
    for branch, text in (("one", "1\n"), ("two", "2\n")):
        git(repository, "checkout", "-qb", branch, "HEAD" if branch == "one" else "HEAD~1")
        (repository / "a").write_text(text)
        git(repository, "commit", "-qam", branch)
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "merge", "-q", "one")
    found = commit_of(repository)
    assert found is not None
    assert found.changes == ("a",)


C, D = Commit("c", True, ("a", "b")), Commit("d", False)


@pytest.mark.parametrize(
    ("before", "found", "known", "words"),
    [
        (None, None, None, None),
        (None, C, C, None),
        (C, None, C, None),
        (C, Commit("c", None), C, None),
        (C, C, C, None),
        (Commit("c", None), C, C, None),
        (C, D, D, "before, the commit was c, not committed: a, b"),
        (D, C, C, "before, the commit was d, nothing changed"),
        (Commit(None, False), D, D, "before, the commit was none, nothing changed"),
    ],
)
def test_two_looks(
    before: Commit | None, found: Commit | None, known: Commit | None, words: str | None
) -> None:
    assert told(found, before) == known
    if before is not None and known is not None:
        assert before.followed_by(known) == words


@pytest.mark.parametrize("change", ["staged", "removed", "added"])
def test_dirty(change: str, repository: Path) -> None:
    if change == "staged":
        (repository / "a").write_text("b\n")
        git(repository, "add", "a")
    elif change == "removed":
        (repository / "a").unlink()
    else:
        (repository / "b").write_text("b\n")
        git(repository, "add", "b")
    found = commit_of(repository)
    assert found is not None
    assert found.dirty


def test_from_a_folder_inside(repository: Path) -> None:
    (repository / "sub").mkdir()
    assert commit_of(repository / "sub") == commit_of(repository)


def test_before_the_first_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    found = commit_of(tmp_path)
    assert found is not None
    assert (found.id, found.dirty) == (None, False)


def test_bare(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repository), "bare")
    found = commit_of(tmp_path / "bare")
    assert found is not None
    assert (found.id, found.dirty) == (git(repository, "rev-parse", "HEAD"), None)


def test_worktree(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", str(tmp_path / "tree"))
    assert commit_of(tmp_path / "tree") == commit_of(repository)


def test_submodule(repository: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "submodule", "--quiet", "add", str(repository), "inner")
    git(outer, "commit", "-qm", "outer")
    inner = commit_of(outer / "inner")
    assert inner == commit_of(repository)
    (outer / "inner" / "a").write_text("changed\n")
    found = commit_of(outer)
    assert found is not None
    assert (found.id, found.dirty) == (git(outer, "rev-parse", "HEAD"), False)


def test_nothing_of_the_repository_is_run(repository: Path, tmp_path: Path) -> None:
    """Hooks, monitor, filters, diff drivers and pagers would each leave a file."""
    ran = tmp_path / "ran"
    ran.mkdir()
    (repository / ".gitattributes").write_text("* filter=evil diff=evil text=auto\n")
    git(repository, "add", ".gitattributes")
    git(repository, "commit", "-qm", "attributes")

    def program(name: str) -> str:
        script = tmp_path / f"{name}.sh"
        script.write_text(f"#!/bin/sh\ntouch {ran / name}\ncat\n")
        script.chmod(0o755)
        return str(script)

    for key in (
        *("core.fsmonitor", "filter.evil.clean", "filter.evil.process", "filter.evil.smudge"),
        *("diff.external", "diff.evil.textconv", "diff.evil.command", "core.pager", "pager.status"),
        *("core.sshCommand", "core.editor", "alias.st"),
    ):
        git(repository, "config", key, program(key))
    git(repository, "config", "filter.evil.required", "true")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "fsmonitor-watchman", "reference-transaction"):
        script = Path(program(name))
        script.rename(hooks / name)
    git(repository, "config", "core.hooksPath", str(hooks))
    for path in ran.iterdir():
        path.unlink()
    (repository / "a").write_text("b\n")  # the same size: git has to look at the content
    found = commit_of(repository)
    assert found is not None
    assert found.dirty
    assert list(ran.iterdir()) == []


def test_no_lock_and_no_write(repository: Path) -> None:
    os.utime(repository / "a", (1, 1))  # the index could be refreshed
    before = (repository / ".git" / "index").read_bytes()
    commit_of(repository)
    assert (repository / ".git" / "index").read_bytes() == before


def test_variables_of_git_do_not_lead_astray(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = commit_of(repository)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    assert commit_of(repository) == expected


def test_no_repository_no_folder_no_git_no_time(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert commit_of(tmp_path) is None
    assert commit_of(tmp_path / "absent") is None
    assert commit_of(repository, timeout=1e-6) is None
    (repository / ".git" / "HEAD").write_text("rubbish")
    assert commit_of(repository) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_of(repository) is None
