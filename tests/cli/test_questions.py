"""`jupyter provenance list` and `show`: what they print, and what they say to mistakes."""

from __future__ import annotations

import dataclasses
import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from click.testing import Result

from provenance_kernel.records import CellRun, Trial
from provenance_kernel.store import database
from store.samples import FUTURE, a_code, a_session, write
from support.databases import DEFAULT

OLD = "019a0000-0000-7000-8000-00000000000a"
NEW = "019b0000-0000-7000-8000-00000000000b"

Ask = Callable[..., Result]
Record = Callable[..., None]


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


# -- list -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("two")
def test_list_shows_trials_the_latest_first(ask: Ask) -> None:
    result = ask("list")
    assert lines(result.output) == [
        "trial     started              notebook     kind         status    cell runs  not ok",
        "019b0000  2026-03-01 12:01:00               interactive  died              3       2",
        "019a0000  2026-03-01 12:00:00  fraud.ipynb  run          finished          2       0",
    ]
    assert result.exit_code == 0


@pytest.mark.usefixtures("two")
def test_list_of_fewer_says_how_many_there_are(ask: Ask) -> None:
    result = ask("list", "--limit", "1")
    assert lines(result.output)[1:] == [
        "019b0000  2026-03-01 12:01:00            interactive  died            3       2",
        "1 of 2 trials; --limit 0 lists all",
    ]
    assert len(lines(ask("list", "--limit", "0").output)) == 3


@pytest.mark.usefixtures("two")
def test_list_as_json_has_every_field_of_a_trial(ask: Ask) -> None:
    new, old = json.loads(ask("list", "--json").stdout)
    fields = {each.name for each in dataclasses.fields(Trial)}
    assert (
        new.keys()
        == old.keys()
        == fields
        | {
            "prefix",
            "cell_runs",
            "metrics",
            "note",
            "nbytes",
            "verdict",
        }
    )
    assert (new["id"], new["prefix"], new["notebook"]) == (NEW, "019b0000", None)
    assert new["cell_runs"] == {"ok": 1, "error": 1, "died": 1}
    assert old["started_at"] == "2026-03-01T12:00:00Z"
    assert len(json.loads(ask("list", "--json", "--limit", "1").stdout)) == 1


def test_list_of_nothing(ask: Ask, record: Record) -> None:
    record([])
    result = ask("list")
    assert result.exit_code == 0
    assert json.loads(ask("list", "--json").stdout) == []


# -- show -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("two")
def test_show_shows_the_latest_trial_by_itself(ask: Ask) -> None:
    read, fit, wait = (
        a_code(each).hash[:12] for each in ("# stage: data reading\nread()", "fit()", "wait()")
    )
    assert lines(ask("show").output) == [
        f"trial {NEW}",
        "interactive, died, started 2026-03-01 12:01:00",
        "",
        "   stage             code hash     status  duration  code",
        f"1  data_reading      {read}  ok        250 ms  read()",
        f"2  scoring, metrics  {fit}  error     250 ms  fit()",
        f"3                    {wait}  died      250 ms  wait()",
    ]


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("name", [OLD, OLD[:8], "019A", "latest~1"])
def test_show_finds_a_trial_by_each_of_its_names(name: str, ask: Ask) -> None:
    found = lines(ask("show", name).output)
    assert found[0] == f"trial {OLD}"
    assert found[1] == "run, finished, started 2026-03-01 12:00:00, /home/ada/fraud.ipynb"


@pytest.mark.usefixtures("two")
def test_show_as_json_has_every_field_of_the_trial_and_its_cell_runs(ask: Ask) -> None:
    trial = json.loads(ask("show", "latest", "--json").stdout)
    fields = {each.name for each in dataclasses.fields(Trial)}
    found = {"draws", "events", "inputs", "metrics", "parameters", "since"}
    assert trial.keys() == fields | {"cell_runs", "verdict"} | found
    fields = {each.name for each in dataclasses.fields(CellRun)}
    fields |= {"stages", "source", "outputs"}
    assert all(each.keys() == fields for each in trial["cell_runs"])
    assert [each["stages"] for each in trial["cell_runs"]] == [
        ["data_reading"],
        ["scoring", "metrics"],
        [],
    ]
    assert trial["cell_runs"][0]["source"] == "# stage: data reading\nread()"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("", ""),
        ("# only a comment", "# only a comment"),
        ("\n\n   x = 1", "x = 1"),
        ("# stage: a\n\n# b\nx = 1\ny = 2", "x = 1"),
        ("x" * 200, "x" * 60),
    ],
)
def test_show_shows_the_first_line_of_code(
    source: str, shown: str, ask: Ask, record: Record
) -> None:
    record(a_session(("", source, "ok")))
    assert lines(ask("show").output)[-1].partition(" ms")[2].strip() == shown


def test_show_of_a_trial_in_which_nothing_ran(ask: Ask, record: Record) -> None:
    record(a_session())
    assert ask("show").exit_code == 0


HOSTILE = [
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07",
    "\x9b2J",
    "user\u202enimda",
    "\u2066a\u2069",
    "[red]x[/red][link=http://x]y[/link]",
    "\r\x08\x7f",
    ":smile:",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_came_from_a_notebook_is_shown_and_not_obeyed(
    text: str, ask: Ask, record: Record
) -> None:
    record(a_session((text, f"x = '{text}'", "ok"), notebook=f"/a/{text}"))
    for result in (ask("list"), ask("show")):
        assert result.exit_code == 0
        assert all(each.isprintable() for each in result.output.splitlines())
    seen = ask("show").output
    assert all(each in seen for each in re.findall(r"[ -~]+", text))
    shown = json.loads(ask("show", "--json").stdout)
    assert ask("show", "--json").stdout.isascii()
    assert shown["cell_runs"][0]["source"] == f"x = '{text}'"


# -- where the database is ------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["list", "show"])
def test_the_database_may_be_named_in_four_ways(
    command: str, ask: Ask, record: Record, lab: Path
) -> None:
    record(a_session(("", "elsewhere()", "ok")), lab / "other.db")
    path = lab / "other.db"
    plain = ask(command, "--database", "other.db").output
    assert "other.db" not in plain
    assert len(lines(plain)) >= 2
    assert ask(command, "--database", str(path)).output == plain
    assert ask(command, "--database", f"sqlite:///{path}").output == plain
    assert ask(command, "--database", "sqlite:///other.db").output == plain
    assert ask(command, PROVENANCE_DATABASE="other.db").output == plain
    assert ask(command, "--database", "~/other.db", HOME=str(lab)).output == plain


@pytest.mark.usefixtures("two")
def test_the_option_comes_before_the_environment_and_an_empty_one_is_none(ask: Ask) -> None:
    plain = ask("list").output
    named = ask("list", "--database", str(DEFAULT), PROVENANCE_DATABASE="nowhere.db")
    assert named.output == plain
    assert ask("list", PROVENANCE_DATABASE="").output == plain


MISTAKES: list[tuple[list[str], str]] = [
    (["show", "019"], f"019: several trials start so: {OLD}, {NEW}"),
    (["show", "019c"], f"019c: no such trial; the latest is {NEW}"),
    (["show", "019a0001"], "019a0001: no such trial; did you mean 019a0000"),
    (["show", "latest~2"], "latest~2: there are only 2 trials"),
    (["list", "--database", "x.db"], "x.db: no such database"),
    (["list", "--database", "a/x.db"], "x.db: no such database"),
    (["list", "--database", "bogus://x"], "unknown scheme 'bogus'; give a path, sqlite:///PATH"),
    (["list", "--database", "."], "unable to open database file"),
    (["show", "--database", "letter.txt"], "letter.txt: file is not a database"),
    (["list", "--database", "future.db"], "9999_future"),
]


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_a_mistake_is_told_in_one_line(
    arguments: list[str], message: str, ask: Ask, record: Record, lab: Path
) -> None:
    (lab / "letter.txt").write_text("dear aunt\n" * 100)
    record([], lab / "future.db")
    write(lab / "future.db", FUTURE)
    before = sorted(lab.iterdir())
    result = ask(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("jupyter provenance: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(lab.iterdir()) == before


@pytest.mark.parametrize("command", ["list", "show"])
def test_where_there_is_no_database_that_is_said(command: str, ask: Ask, lab: Path) -> None:
    result = ask(command)
    assert result.exit_code == 2
    assert f"no provenance database in {lab} or above it" in result.stderr
    assert list(lab.iterdir()) == []


@pytest.mark.usefixtures("two")
def test_a_database_that_is_damaged_is_told_in_one_line(ask: Ask, lab: Path) -> None:
    with (lab / DEFAULT).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 200_000)
    result = ask("list")
    assert result.exit_code == 2
    assert "provenance.db: database disk image is malformed" in result.stderr


@pytest.mark.usefixtures("two")
def test_a_database_that_somebody_holds_is_read_still(
    ask: Ask, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.02)
    with closing(sqlite3.connect(DEFAULT, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert ask("list").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["bogus"],
        ["list", "--limit", "-1"],
        ["list", "--limit", "x"],
        ["show", "a", "b"],
        ["run"],
    ],
)
def test_what_is_no_command_is_answered_with_the_usage(arguments: list[str], ask: Ask) -> None:
    result = ask(*arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.output


@pytest.mark.parametrize(
    ("word", "hint"), [("shw", "did you mean show?"), ("xyzzy", "there are run, list, show")]
)
def test_a_word_that_is_none_is_answered_with_what_comes_near(
    word: str, hint: str, ask: Ask
) -> None:
    assert f"no such word '{word}'; {hint}" in ask(word).stderr


# -- as a person calls it -------------------------------------------------------------------------


@pytest.mark.usefixtures("two")
def test_jupyter_finds_the_command(jupyter: Callable[..., CompletedProcess[str]]) -> None:
    found = jupyter("list")
    assert (found.returncode, found.stderr) == (0, "")
    assert len(lines(found.stdout)) == 3
    assert found.stdout.isascii()
    missing = jupyter("show", "beef")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr.startswith("jupyter provenance: beef: no such trial")


def commands() -> list[Any]:
    from provenance_kernel.cli import main

    return [main, *main.commands.values()]


@pytest.mark.parametrize("command", commands(), ids=lambda each: each.name)
def test_every_command_and_option_has_help(command: Any) -> None:
    assert command.help
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert parameter.help, parameter.name
            assert parameter.help.endswith(".")


def test_help_names_every_command(ask: Ask) -> None:
    for arguments in (["--help"], ["-h"]):
        output = ask(*arguments).output
        assert all(f"\n  {each} " in output for each in ("list", "run", "show"))
        assert "latest~N" in output
    assert "--database PATH_OR_URL" in ask("show", "-h").output


def test_the_version_is_that_of_the_distribution(ask: Ask) -> None:
    from importlib.metadata import version

    assert version("provenance-kernel") in ask("--version").output
