"""`jupyter provenance values`, and the filters and CSV that it shares with `list`."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from click.testing import Result

from cli.conftest import NEW, OLD, Record
from provenance_kernel.cli import main
from provenance_kernel.records import TrackedValue, new_id
from store.samples import a_code, a_run, a_tag, a_trial, minutes
from support.cells import record_cells

Ask = Callable[..., Result]


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


@pytest.fixture
def tracked(record: Record) -> None:
    for number, id_ in enumerate((OLD, NEW)):
        trial = a_trial(
            id=id_,
            notebook=f"/n/{'ab'[number]}.ipynb",
            status="finished",
            started_at=minutes(number),
        )
        run = a_run(trial)
        value = TrackedValue(new_id(), id_, run.id, None, "f1", "metric", number / 4, number / 4)
        text = TrackedValue(new_id(), id_, run.id, None, "kind", "parameter", "=cmd()", None)
        tags = [a_tag(run, "scoring")] if number else []
        record([trial, a_code(), run, *tags, value, text])


@pytest.mark.usefixtures("tracked")
def test_values_over_trials(ask: Ask) -> None:
    result = ask("values", "f1")
    assert lines(result.output) == [
        "trial     started              notebook  run    f1",
        "019b0000  2026-03-01 12:01:00  b.ipynb     1  0.25",
        "019a0000  2026-03-01 12:00:00  a.ipynb     1   0.0",
    ]
    assert result.exit_code == 0


@pytest.mark.usefixtures("tracked")
def test_fewer_values_say_how_many_there_are(ask: Ask) -> None:
    shown = lines(ask("values", "f1", "--limit", "1").output)
    assert shown[1:] == [
        "019b0000  2026-03-01 12:01:00  b.ipynb     1  0.25",
        "1 of 2 values; --limit 0 lists all",
    ]
    assert len(lines(ask("values", "f1", "--limit", "0").output)) == 3


@pytest.mark.usefixtures("tracked")
def test_values_as_data(ask: Ask) -> None:
    new, old = json.loads(ask("values", "f1", "--json").stdout)
    assert (new["trial_id"], new["value"], new["number"], new["role"]) == (
        NEW,
        0.25,
        0.25,
        "metric",
    )
    assert (old["notebook"], old["position"], old["status"]) == ("/n/a.ipynb", 1, "finished")
    rows = list(csv.DictReader(io.StringIO(ask("values", "f1", "--csv").stdout)))
    assert [row["value"] for row in rows] == ["0.25", "0.0"]


@pytest.mark.usefixtures("tracked")
def test_no_spreadsheet_takes_a_value_for_a_formula(ask: Ask) -> None:
    rows = list(csv.DictReader(io.StringIO(ask("values", "kind", "--csv").stdout)))
    assert [row["value"] for row in rows] == ["'=cmd()", "'=cmd()"]


@pytest.mark.parametrize("command", [("list",), ("values", "f1")])
@pytest.mark.parametrize(
    "filters",
    [
        ("--notebook", "b"),
        ("--stage", "scoring"),
        ("--since", "2026-03-01T12:00:30"),
        ("--where", "f1 > 0.1 and kind = '=cmd()'"),
    ],
)
@pytest.mark.usefixtures("tracked")
def test_filters(command: tuple[str, ...], filters: tuple[str, ...], ask: Ask) -> None:
    rows = json.loads(ask(*command, *filters, "--json").stdout)
    assert [row.get("trial_id") or row["id"] for row in rows] == [NEW]


@pytest.mark.usefixtures("tracked")
def test_list_and_show_as_csv(ask: Ask) -> None:
    rows = list(csv.DictReader(io.StringIO(ask("list", "--csv").stdout)))
    assert [row["id"] for row in rows] == [NEW, OLD]
    assert rows[0]["cell_runs"] == '{"ok": 1}'
    (run,) = csv.DictReader(io.StringIO(ask("show", "--csv").stdout))
    assert (run["trial_id"], run["source"], run["stages"]) == (NEW, "x = 1", '["scoring"]')


@pytest.mark.usefixtures("tracked")
def test_show_tells_what_was_tracked(ask: Ask) -> None:
    shown = lines(ask("show").output)
    at = shown.index("metrics")
    assert shown[at : at + 5] == ["metrics", "  f1  0.25", "", "parameters", "  kind  =cmd()"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("values", "f2"), "f2: no value of that name was tracked; did you mean f1?"),
        (("list", "--where", "f1 ="), "--where: expected a value after '='\n  f1 =\n      ^"),
        (("list", "--since", "soon"), "--since: 'soon' is no time"),
        (("list", "--stage", "scorng"), "did you mean scoring?"),
        (("list", "--notebook", "c"), "--notebook: no trial ran 'c'"),
    ],
)
@pytest.mark.usefixtures("tracked")
def test_mistakes(arguments: tuple[str, ...], message: str, ask: Ask) -> None:
    result = ask(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.usefixtures("tracked")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give NAME, the name of a tracked value, or --stages"),
        (("f1", "--stages"), "give NAME, the name of a tracked value, or --stages"),
        (("--stages", "--against", "f1"), "--against goes with NAME, not with --stages"),
        (("kind",), "kind: its values are no numbers, so there is nothing to draw"),
        (("f1", "--against", "rate"), "rate"),
    ],
)
def test_plot_asked_for_what_cannot_be_drawn(
    arguments: tuple[str, ...], message: str, ask: Ask
) -> None:
    result = ask("plot", *arguments, "--output", "p.png")
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.usefixtures("tracked")
def test_plot_as_json_draws_nothing(ask: Ask) -> None:
    found = json.loads(ask("plot", "f1", "--against", "kind", "--json").stdout)
    assert [(pair["value"], pair["number"]) for pair in found["pairs"]] == [
        ("=cmd()", 0.0),
        ("=cmd()", 0.25),
    ]


def on_a_terminal(*arguments: str) -> str:
    """Call the command in this process, with a terminal for standard output."""
    ours, theirs = os.openpty()
    with open(theirs, "w") as terminal, redirect_stdout(terminal):
        main(arguments, standalone_mode=False)
        terminal.flush()
        # A table is shorter than what a terminal holds.
        shown = os.read(ours, 65536).decode()
    os.close(ours)
    return shown.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("height", "environment", "coloured"),
    [
        ("40", {}, True),
        ("40", {"NO_COLOR": "1"}, False),
        ("40", {"TERM": "dumb"}, False),
        ("3", {}, False),  # a pager, which shows no colours where nobody can turn its pages
    ],
    ids=["colours", "no colours", "dumb", "pager"],
)
@pytest.mark.usefixtures("tracked")
def test_a_terminal_gets_a_table_of_its_width(
    height: str, environment: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("LESS", "-R")
    given = {"COLUMNS": "44", "LINES": height, "TERM": "xterm", **environment}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    shown = on_a_terminal("values", "f1")
    assert ("\x1b[" in shown) is coloured
    plain = lines(re.sub(r"\x1b\[[0-9;]*m", "", shown))
    assert max(map(len, plain)) <= 44
    assert [line.split()[0] for line in plain if line.startswith("019")] == ["019b0000", "019a0000"]


def test_a_terminal_is_told_to_do_nothing_by_a_slice(lab: Path) -> None:
    record_cells(lab, ("x = '\x1b]0;title\x07'",))
    shown = on_a_terminal("slice", "x")
    assert "\x1b" not in shown
    assert "title" in shown
