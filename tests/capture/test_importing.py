"""Draws that imports make, told from those of a cell's own code."""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance_kernel import audit
from provenance_kernel.capture.files import FileWatch
from provenance_kernel.capture.randomness import Randomness
from provenance_kernel.capture.traffic import Traffic

UNSEEDED = "python: drew from a generator that was not seeded in this trial"
DRAWS = "import random\nrandom.random()\n"


@pytest.fixture(autouse=True)
def _traceable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let coverage see into the hook: the interpreter suspends tracing in hooks otherwise."""
    monkeypatch.setattr(audit.hook, "__cantrace__", True, raising=False)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Path]]:
    """A library's folder and a project's, from which modules can be imported."""
    library, project = tmp_path / "site-packages", tmp_path / "project"
    before = set(sys.modules)
    state = random.getstate()
    random.seed()
    for folder in (library, project):
        folder.mkdir()
        monkeypatch.syspath_prepend(str(folder))
        for number in range(3):
            (folder / f"leaf_{folder.name[0]}{number}.py").write_text("")
    (library / "drawing_library.py").write_text(f"{DRAWS}import leaf_s0\n")
    (library / "library_of_libraries.py").write_text("import drawing_library, leaf_s1\n")
    (library / "drawing_last.py").write_text(f"import leaf_s2\n{DRAWS}")
    (project / "drawing_project.py").write_text(f"import leaf_p0\n{DRAWS}import leaf_p1\n")
    yield library, project
    random.setstate(state)
    for name in set(sys.modules) - before:
        del sys.modules[name]


def run(source: str, project: Path) -> tuple[int, list[str]]:
    """Return how many rows and which events a cell leaves."""
    watch = FileWatch(Traffic(project))
    watch.install()
    try:
        randomness = Randomness()
        begun = randomness.begin()
        opened = watch.begin("trial", "run")
        exec(source, {"random": random, "importlib": importlib})
        _, faults = watch.end(opened)
        assert [event for event in faults if event.kind == "fault"] == []
        rows, events = randomness.end(begun, "trial", "run")
    finally:
        watch.uninstall()
    return len(rows), [event.message for event in events]


@pytest.mark.parametrize(
    ("source", "events"),
    [
        ("import leaf_s1", []),
        ("import drawing_library", []),
        ("import library_of_libraries\nimport leaf_p2", []),
        ("from drawing_library import leaf_s0", []),
        ("__import__('library_of_libraries')", []),
        ("import drawing_project", [f"{UNSEEDED}, while importing drawing_project"]),
        ("import drawing_library\nrandom.random()", [UNSEEDED]),
        ("random.random()\nimport drawing_library", [UNSEEDED]),
        ("import leaf_s1\nrandom.random()\nimport leaf_s2", [UNSEEDED]),
        ("random.random()\nimportlib.import_module('library_of_libraries')", [UNSEEDED]),
        # Nothing is announced after it, so it cannot be told from what the cell does.
        ("import drawing_last", [UNSEEDED]),
        ("import leaf_s1\nrandom.seed(1)\nimport drawing_library", []),
    ],
)
def test_what_a_library_draws_while_it_is_imported_is_no_event(
    source: str, events: list[str], folders: tuple[Path, Path]
) -> None:
    rows, found = run(source, folders[1])
    assert found == events
    assert rows == (source[7:] != "leaf_s1")


def test_a_module_that_is_loaded_already_draws_nothing(folders: tuple[Path, Path]) -> None:
    assert run("import drawing_library", folders[1]) == (1, [])
    assert run("import drawing_library", folders[1]) == (0, [])
