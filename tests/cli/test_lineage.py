"""`jupyter provenance lineage`, `slice` and `restore` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from cli.conftest import Ask
from trials.slicing.test_slice import ASK, python, recomputed, record

CELLS = (
    "# stage: data reading\nbase = 3\nother = 1",
    "# metric: score\nscore = base * 2",
    "Path = __import__('pathlib').Path\nPath('in.txt').write_text('x')",
)


@pytest.fixture
def trial(lab: Path) -> None:
    record(lab, CELLS).close()


@pytest.mark.usefixtures("trial")
@pytest.mark.parametrize(
    ("form", "start"),
    [("tree", "score = 6\n"), ("mermaid", "flowchart TB\n"), ("dot", "digraph lineage {\n")],
)
def test_lineage_in_its_forms(form: str, start: str, ask: Ask) -> None:
    result = ask("lineage", "score", "--format", form)
    assert result.exit_code == 0
    assert result.output.startswith(start)


@pytest.mark.usefixtures("trial")
@pytest.mark.parametrize("option", [("--json",), ("--format", "json")])
def test_lineage_as_json(option: tuple[str, ...], ask: Ask) -> None:
    assert json.loads(ask("lineage", "score", *option).output)["name"] == "score"


@pytest.mark.usefixtures("trial")
@pytest.mark.parametrize("command", ["lineage", "slice"])
def test_what_is_not_there_is_told(command: str, ask: Ask) -> None:
    result = ask(command, "scor")
    assert result.exit_code == 2
    assert "did you mean score?" in result.stderr
    result = ask(command, "score", "--trial", "latest~9")
    assert result.exit_code == 2
    assert "there is only 1 trial" in result.stderr


@pytest.mark.usefixtures("trial")
def test_slice_is_a_script_that_runs(ask: Ask, lab: Path, tmp_path: Path) -> None:
    result = ask("slice", "score")
    digest = json.loads(ask("slice", "score", "--json").stdout)["digest"]
    assert recomputed(python(result.stdout + ASK.format(name="score"), tmp_path / "x")) == [digest]
    assert "other" not in result.stdout


@pytest.mark.usefixtures("trial")
def test_slice_writes_a_script_or_a_notebook_and_nothing_over_another(ask: Ask, lab: Path) -> None:
    assert ask("slice", "score", "--output", "s.py").output == "s.py: 2 of 5 lines of code\n"
    assert "score = base * 2" in (lab / "s.py").read_text()
    assert ask("slice", "score", "--output", "s.ipynb").exit_code == 0
    assert nbformat.read(lab / "s.ipynb", 4).cells[1].source == "base = 3"
    assert ask("slice", "score", "--output", "s.py").exit_code == 2
    assert ask("slice", "score", "--output", "s.py", "--force").exit_code == 0
    assert "should end in .py" in ask("slice", "score", "--output", "s.txt").stderr


@pytest.mark.usefixtures("trial")
def test_restore_writes_the_notebook_and_nothing_over_another(ask: Ask, lab: Path) -> None:
    assert "3 cells of trial" in ask("restore", "--output", "r.ipynb").output
    assert [cell.source for cell in nbformat.read(lab / "r.ipynb", 4).cells] == list(CELLS)
    assert ask("restore", "latest", "--output", "r.ipynb").exit_code == 2
    told = ask("restore", "latest", "--output", "r.ipynb", "--force", "--json").output
    assert json.loads(told)["cells"] == 3


@pytest.mark.usefixtures("trial")
def test_restore_checks_a_file(ask: Ask, lab: Path) -> None:
    refused = ask("restore", "latest", "in.txt", "--check")
    assert (refused.exit_code, "leave out FILE" in refused.output) == (2, True)
    same = ask("restore", "latest", "in.txt", "--json")
    assert json.loads(same.output)["path"] == "in.txt"
    (lab / "in.txt").write_text("changed")
    changed = ask("restore", "latest", "in.txt")
    assert changed.exit_code == 1
    assert "not the same" in changed.output
    assert ask("restore", "latest", "none.txt").exit_code == 2


@pytest.mark.usefixtures("trial")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "say where to write"),
        (("latest", "in.txt", "--output", "r.ipynb"), "FILE is only checked"),
        (("--output", "r.txt"), "should end in .ipynb"),
    ],
)
def test_restore_asked_for_what_makes_no_sense(
    arguments: tuple[str, ...], message: str, ask: Ask
) -> None:
    result = ask("restore", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.fixture
def unvouched(lab: Path) -> None:
    record(lab, ("x = 1\nx", "exec('y = x')", "z = y, Out")).close()


@pytest.mark.usefixtures("unvouched")
def test_slice_says_what_nobody_can_vouch_for(ask: Ask) -> None:
    result = ask("slice", "z", "--output", "s.py")
    assert result.stderr == (
        "run 2 is taken whole: `exec` may read and bind names that the source does not show\n"
        "run 3 reads Out, which cannot be computed again\n"
    )
