"""`%provenance` and `%prov` in a shell: answers, errors in one line, completion."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from provenance_kernel.line_magics import NAMES, provenance, register_magics, unregister_magics
from provenance_kernel.trials.answer import Answer
from provenance_kernel.trials.query import listing
from support.recorded import SCORES, record


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiment")
    record(folder, 3)
    record(folder, 5)
    return folder / "work"


@pytest.fixture
def shell(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.chdir(recorded)
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config)
    register_magics(shell)
    yield shell
    atexit.unregister(shell.atexit_operations)
    shell.atexit_operations()


def _completed(shell: InteractiveShell, line: str) -> list[str]:
    with provisionalcompleter():
        return [each.text for each in shell.Completer.completions(line, len(line))]


# Frontends show HTML in place of a picture or of Mermaid, so there is none beside those.
TABLE = {"text/html"}
PICTURE = {"image/png"}
GRAPH = {"text/vnd.mermaid", "image/png"}


@pytest.mark.parametrize(
    ("words", "kind", "shown"),
    [
        ("list", "TrialList", TABLE),
        ("list --limit 1", "TrialList", TABLE),
        ("show latest~1", "TrialDetail", TABLE),
        ("compare latest~1 latest", "Comparison", TABLE),
        ("compare latest~1 latest latest", "Comparisons", TABLE),
        ("values score", "Values", TABLE),
        ("stale", "Stale", TABLE),
        ("refresh", "Plan", TABLE),
        ("lineage score", "Lineage", GRAPH),
        ("slice score --trial latest~1", "Slice", TABLE),
        ("plot score", "Course", PICTURE),
        ("plot score --against factor", "Contrast", PICTURE),
        ("plot --stages", "StageTimes", PICTURE),
    ],
)
@pytest.mark.parametrize("name", [NAMES[0], pytest.param(NAMES[1], marks=pytest.mark.slow)])
def test_a_word_is_answered(
    shell: InteractiveShell, name: str, words: str, kind: str, shown: set[str]
) -> None:
    answer = shell.run_line_magic(name, words)
    assert isinstance(answer, Answer)
    assert type(answer).__name__ == kind
    assert set(answer._repr_mimebundle_()) == {"text/plain", *shown}


def test_options_are_the_commands(shell: InteractiveShell) -> None:
    assert len(shell.run_line_magic("prov", "list --limit 1").trials) == 1
    answer = shell.run_line_magic("prov", "values score --where 'factor = 3'")
    assert [row.value for row in answer.rows] == [SCORES[3]]


def test_a_lineage_is_printed_in_the_format_that_is_asked_for(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell.run_line_magic("prov", "lineage score --format dot") is None
    assert capsys.readouterr().out.startswith("digraph")


def test_what_shall_be_printed_is_printed(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert shell.run_line_magic("prov", "values score --csv") is None
    assert capsys.readouterr().out.splitlines()[0].startswith("trial_id,")
    picture = tmp_path / "score.png"
    assert shell.run_line_magic("prov", f"plot score --output '{picture}'") is None
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("words", ["", "-h", "show -h", "show --help"])
def test_help_is_printed(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    assert shell.run_line_magic("prov", words) is None
    assert "Usage: %prov" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("lst", "no such word 'lst'; did you mean list?"),
        ("xyzzy", "no such word 'xyzzy'; there are run, list"),
        ("show ffffffff", "ffffffff: no such trial"),
        ("values scor", "did you mean score"),
        ("values", "Missing argument"),
        ("show 'latest", "No closing quotation"),
        ("list --since yesterdayish", "yesterdayish"),
        ("show \x1b[31mred", "\\x1b[31mred"),
    ],
)
def test_an_error_is_one_line(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    assert shell.run_line_magic("prov", words) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("provenance: ")
    assert message in line


@pytest.mark.parametrize("words", ["", "--help", "list --help"])
def test_help(shell: InteractiveShell, capsys: pytest.CaptureFixture[str], words: str) -> None:
    assert shell.run_line_magic("prov", words) is None
    assert "Usage: %prov" in capsys.readouterr().out


def test_an_interrupt_ends_the_cell(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(listing, "list_trials", interrupted)
    with pytest.raises(KeyboardInterrupt):
        provenance("list")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%prov com", ["compare"]),
        ("%provenance sh", ["show"]),
        ("%prov values ", ["factor", "score"]),
        ("%prov lineage sc", ["score"]),
        ("%prov plot --against f", ["factor"]),
        ("%prov compare latest~", ["latest~1"]),
        ("%prov list --li", ["--limit"]),
        ("%prov xyzzy l", []),
    ],
)
def test_completion(shell: InteractiveShell, line: str, expected: list[str]) -> None:
    # IPython adds names and magics of its own.
    found = _completed(shell, line)
    ours = {"factor", "score", "latest", "latest~1", "--limit", "--json", "compare", "show"}
    assert [each for each in found if each in ours] == expected


def test_no_name_of_python_is_offered_among_options(shell: InteractiveShell) -> None:
    found = _completed(shell, "%provenance list --")
    assert found
    assert all(each.startswith("--") for each in found)


def test_prefixes_of_trials_are_completed(shell: InteractiveShell) -> None:
    prefixes = [each.prefix for each in shell.run_line_magic("prov", "list").trials]
    assert set(prefixes) <= set(_completed(shell, "%prov show "))


def test_the_magics_can_be_taken_away(shell: InteractiveShell) -> None:
    unregister_magics(shell)
    assert [shell.find_line_magic(name) for name in NAMES] == [None, None]
    assert "show" not in _completed(shell, "%prov sh")


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("# stage: ", ["data reading", "metrics evaluation", "model scoring"]),
        ("# Stage: M", ["metrics evaluation", "model scoring"]),
        ("# stage: data reading, mod", ["model scoring"]),
        ("# track: fac", ["factor", "factory_count"]),
        ("# metric: auc, fac", ["factor", "factory_count"]),
    ],
)
def test_directives_are_completed(shell: InteractiveShell, line: str, completed: list[str]) -> None:
    shell.user_ns |= {"factor": 3, "factory_count": 4, "facade": len}
    assert _completed(shell, line) == completed


def test_an_unregistered_shell_completes_no_directives(shell: InteractiveShell) -> None:
    unregister_magics(shell)
    assert "model scoring" not in _completed(shell, "# stage: mod")
