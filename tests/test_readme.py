"""The answers that the README shows are those that the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from provenance_kernel.cli import main
from provenance_kernel.cli.group import COMMANDS
from support.recorded import CELLS, record

README = Path(__file__).resolve().parent.parent / "README.md"
ANSWERS = re.findall(
    r"^```console\n\$ jupyter provenance (\S+ ?.*)\n((?:(?!```|\$).*\n)+)```$",
    README.read_text(encoding="utf-8"),
    re.MULTILINE,
)
SCRUBBED = (
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "ID"),
    (r"\b01[0-9a-f]{6}(-[0-9a-f]{1,4})*\b", "PREFIX"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
    (r"\b[\d.]+(e-?\d+)? (ms|s)\b", "DURATION"),
    (r"(?<![\w.])/\S+", "PATH"),
    (r" +", " "),
    (r" *$", ""),
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiment")
    record(folder, 3)
    record(folder, 5)
    return folder / "work"


def _scrubbed(text: str) -> list[str]:
    for pattern, word in SCRUBBED:
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return text.strip().splitlines()


@pytest.mark.parametrize(("command", "shown"), ANSWERS, ids=[each for each, _ in ANSWERS])
def test_an_answer_is_as_it_prints(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, command: str, shown: str
) -> None:
    monkeypatch.chdir(recorded)
    result = CliRunner().invoke(main, shlex.split(command))
    assert result.exit_code == 0, result.output
    assert _scrubbed(result.output) == _scrubbed(shown)


def test_every_question_is_shown_with_its_answer() -> None:
    questions = {command.split()[0] for command, _ in ANSWERS}
    assert questions >= {"list", "show", "compare", "values", "lineage", "slice"}


def test_every_command_is_told_of() -> None:
    text = README.read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"jupyter provenance {name}" not in text] == []


def test_the_cells_of_the_example_are_those_that_ran() -> None:
    text = README.read_text(encoding="utf-8")
    assert [cell for cell in CELLS if cell.replace("{factor}", "3") not in text] == []
