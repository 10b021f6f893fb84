"""The answers that the README shows are those that the commands print."""

from __future__ import annotations

import re
import shlex
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from provenance_kernel.cli import main
from provenance_kernel.cli.group import COMMANDS
from provenance_kernel.records import ResultParameter, TrackedValue, new_id
from provenance_kernel.store.store import Store
from store.samples import a_code, a_run, a_trial, minutes
from support.databases import DEFAULT
from support.recorded import CELLS, record

README = Path(__file__).resolve().parent.parent / "README.md"
ANSWERS = re.findall(
    r"^```console\n\$ jupyter provenance (\S+ ?.*)\n((?:(?!```|\$).*\n)+)```$",
    README.read_text(encoding="utf-8"),
    re.MULTILINE,
)
QUESTIONS = re.findall(
    r"^\|[^|\n]*\| `jupyter provenance ([^`|\n]+)` \|$",
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


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trials of a forest and a tree, with curves, as the table of questions has them."""
    folder = tmp_path_factory.mktemp("results")
    with closing(Store(folder / DEFAULT)) as store:
        for at in range(4):
            trial = a_trial(started_at=minutes(at), status="finished")
            store.put([trial, a_code()])
            for position in range(1, 10):
                run = a_run(trial, position=position)
                of = trial.id, run.id, None
                values = [
                    TrackedValue(new_id(), *of, name, "parameter", value, number)
                    for name, value, number in (
                        ("depth", position, position),
                        ("kind", "forest" if at % 2 else "tree", None),
                        ("seed", 42, 42),
                    )
                ]
                f1 = at / 100 + position / 10
                metrics = [TrackedValue(new_id(), *of, "f1", "metric", f1, f1)]
                metrics += [
                    TrackedValue(new_id(), *of, "loss", "metric", 1 / step, 1 / step, step, run.id)
                    for step in (1, 2, 3)
                ]
                links = [
                    ResultParameter(each.id, one.id) for each in metrics[::3] for one in values
                ]
                store.put([run, *values, *metrics, *links])
    return folder


# What the answers must say, by the beginning of the command.
SAID = {
    "results --sort f1 --per kind": r"TRIAL@9 .* 0\.93 .*forest\n.*TRIAL@9 .* 0\.92 .*tree\n",
    "results --sort f1": r"\A.*\n.*TRIAL@9 .* 0\.93 ",
    "results --all": r"\A.* seed\n(.* 42\n){20}",
    "results --where": r"\A(?!.*tree)(.*\n){13}",
    "results --limit": r"\A.*\n(.*@.*\n){10}",
    "note latest --name": r"baseline",
    "note latest~1": r"★|star",
    "delete": r"[Dd]eleted 1 trial|1 trial",
    "prune": r"trial|nothing",
    "compare": r"f1 .* \+0\.5",
    "plot f1": r"depth\.png",
    "plot loss": r"loss\.png",
}


def test_the_questions_of_a_table_of_runs_are_each_one_command(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of the table, for some take away what others would show."""
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(results)
    assert len(QUESTIONS) == len(SAID)
    for command in QUESTIONS:
        result = CliRunner().invoke(main, shlex.split(command))
        assert result.exit_code == 0, (command, result.output)
        said = next(said for begins, said in SAID.items() if command.startswith(begins))
        shown = re.sub(r"\b01[0-9a-f]{6}(-[0-9a-f]{1,4})*@", "TRIAL@", result.output)
        assert re.search(said, shown), (command, shown)
    assert {each.suffix for each in results.glob("*.png")} == {".png"}


def test_every_question_is_shown_with_its_answer() -> None:
    questions = {command.split()[0] for command, _ in ANSWERS}
    assert questions >= {"list", "show", "compare", "values", "lineage", "slice"}


def test_every_command_is_told_of() -> None:
    text = README.read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"jupyter provenance {name}" not in text] == []


def test_the_cells_of_the_example_are_those_that_ran() -> None:
    text = README.read_text(encoding="utf-8")
    assert [cell for cell in CELLS if cell.replace("{factor}", "3") not in text] == []
