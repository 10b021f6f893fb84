"""Which trials pass a filter, and what is said to filters that cannot be understood."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import Database

from provenance_kernel.errors import SettingError
from provenance_kernel.records import TrackedValue, new_id
from provenance_kernel.store.store import Store
from provenance_kernel.trials.query import condition
from provenance_kernel.trials.query import naming as query
from provenance_kernel.trials.query.detail import show_trial
from provenance_kernel.trials.query.filters import (
    Filters,
    is_notebook,
    matching,
    moment,
    normalised,
)
from provenance_kernel.trials.query.listing import list_trials
from provenance_kernel.trials.query.values import values
from store.samples import NOON, a_code, a_run, a_tag, a_trial, minutes
from support.databases import DEFAULT

NAMES = ("first", "second", "third")
VALUES: dict[str, Any] = {
    "f1": 0.9,
    "n": 3,
    "kind": "forest",
    "on": True,
    "none": None,
    'cfg["lr"]': 0.1,
    "m.depth": 4,
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Three trials a minute apart with f1 0.5, 0.7, 0.9; only the second is of stage `scoring`."""
    with closing(Store(tmp_path / DEFAULT)) as store:
        for number, name in enumerate(NAMES):
            trial = a_trial(
                notebook=f"/home/ada/{name}.ipynb", started_at=minutes(number), status="finished"
            )
            run = a_run(trial, position=number + 1)
            tags = [a_tag(run, "scoring")] if number == 1 else []
            tracked = [
                TrackedValue(new_id(), trial.id, run.id, None, name_, "metric", value, value)
                for name_, value in (("f1", 0.1), ("f1", 0.5 + number / 5))
            ]
            store.put([trial, a_code(), run, *tags, *tracked])
    with closing(query.open_database(None, tmp_path)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["third", "second", "first"]),
        ({"notebook": "second"}, ["second"]),
        ({"notebook": "second.ipynb"}, ["second"]),
        ({"notebook": "ada/second.ipynb"}, ["second"]),
        ({"notebook": "*d.ipynb"}, ["third", "second"]),
        ({"stage": "Scoring"}, ["second"]),
        ({"since": minutes(1).isoformat()}, ["third", "second"]),
        ({"since": "1d"}, []),
        ({"where": "f1 > 0.6"}, ["third", "second"]),
        ({"where": "f1 > 0.6", "stage": "scoring"}, ["second"]),
        ({"where": "f1 < 0.2"}, []),
    ],
)
def test_filters(filters: dict[str, str], expected: list[str], database: Database) -> None:
    found = list_trials(database, filters=Filters(**filters))
    assert [Path(str(each.trial.notebook)).stem for each in found.trials] == expected
    assert found.total == len(expected)


def test_a_limit_shows_fewer_and_counts_all(database: Database) -> None:
    found = list_trials(database, 1, Filters(where="f1 > 0.6"))
    assert (len(found.trials), found.total) == (1, 2)
    assert found.trials[0].cell_runs == {"ok": 1}
    assert len(found.trials[0].prefix) >= 8


def test_no_filter_asks_nothing(database: Database) -> None:
    assert matching(database, Filters()) is None


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"notebook": "secnd.ipynb"}, r"no trial ran 'secnd.ipynb'; did you mean second.ipynb"),
        ({"stage": "scorin"}, r"no trial has a cell of stage 'scorin'; did you mean scoring\?"),
        ({"stage": "zzz"}, r"stage 'zzz'; there is scoring"),
        ({"since": "yesteryear"}, r"'yesteryear' is no time; give a date \(2026-03-01\)"),
        (
            {"where": "f2 > 1"},
            r"no value named 'f2' was tracked; did you mean f1\?\n  f2 > 1\n  \^",
        ),
        ({"where": "f1 >"}, r"expected a value after '>'\n  f1 >\n      \^"),
    ],
)
def test_filters_that_cannot_be(filters: dict[str, str], message: str, database: Database) -> None:
    with pytest.raises(SettingError, match=message):
        list_trials(database, filters=Filters(**filters))


def test_values_have_every_value_of_a_name_the_latest_trial_first(database: Database) -> None:
    found = values(database, "f1")
    assert [row.value for row in found.rows] == [0.1, 0.9, 0.1, 0.7, 0.1, 0.5]
    assert [row.position for row in found.rows] == [3, 3, 2, 2, 1, 1]
    assert {row.role for row in found.rows} == {"metric"}
    assert found.rows[0].started_at == minutes(2)
    assert list(found.to_frame().columns)[-1] == "status"
    assert found.to_dict()["rows"][0]["started_at"] == "2026-03-01T12:02:00Z"


def test_values_of_some_trials(database: Database) -> None:
    found = values(database, "f1", Filters(where="f1 > 0.6"), limit=1)
    assert ([row.value for row in found.rows], found.total) == ([0.1], 4)


@pytest.mark.parametrize(
    ("name", "message"),
    [("F1", "F1: no value of that name was tracked; did you mean f1?"), ("%", "there is f1")],
)
def test_values_of_an_unknown_name(name: str, message: str, database: Database) -> None:
    with pytest.raises(SettingError) as error:
        values(database, name)
    assert message in str(error.value)


def test_a_trial_shows_its_runs_and_values(database: Database) -> None:
    found = show_trial(database, query.find_trial(database, "latest~1"))
    assert [(each.stages, each.source) for each in found.runs] == [(("scoring",), "x = 1")]
    assert [each.value for each in found.values] == [0.1, 0.7]
    assert found.to_frame().shape[0] == 1


# -- conditions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f1 > 0.8", True),
        ("f1 > 0.9", False),
        ("f1 >= .9 and n = 3", True),
        ("n == 3", True),
        ("n != 3 or f1 < 1", True),
        ("n <> 3", False),
        ("not n = 4", True),
        ("NOT (n = 3 AND f1 = 0.9)", False),
        ("n = 4 or n = 3 and f1 = 0.9", True),
        ("(n = 4 or n = 3) and f1 = 0", False),
        ("0.5 < f1 < 1", True),
        ("0.5 < f1 < 0.6", False),
        ("kind = 'forest'", True),
        ('kind != "boost"', True),
        ("kind = 'it\\'s'", False),
        ("on = true", True),
        ("on = 1", False),
        ("on != 1", True),
        ("n = true", False),
        ("none = none", True),
        ("none = null", True),
        ("kind = none", False),
        ('cfg["lr"] = 0.1', True),
        ("m.depth = 4", True),
        ("`m.depth` = 4", True),
        ("n = 3.0", True),
        ("n > -1e3", True),
        ("n=3and f1=0.9", None),
        ("n = 1_0", False),
        ("n < 1_0", True),
        ("n < 1_0.5 and n < 1_0e2", True),
        ("n = 007", False),
        ("missing > 1", False),
        ("not missing > 1", False),
        ("missing > 1 or n = 3", True),
        ("kind > 3", False),
        ("not kind > 3", False),
    ],
)
def test_conditions(text: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(SettingError):
            condition.parse(text)
        return
    assert condition.parse(text).holds(VALUES) is expected


@pytest.mark.parametrize(
    ("text", "problem", "place"),
    [
        ("f1 0.8", "expected a comparison (= != < <= > >=) after 'f1'", 3),
        ("f1", "expected a comparison (= != < <= > >=) after 'f1'", 2),
        ("f1 > 0.8 and", "expected a name, a number or a text", 12),
        ("f1 > 0.8 n = 1", "expected `and` or `or` before 'n'", 9),
        ("(f1 > 0.8", "this bracket is not closed", 0),
        ("f1 > 0.8)", "this bracket was never opened", 8),
        ("f1 > and", "expected a value after '>'", 5),
        ("kind = 'forest", "this quote is not closed", 7),
        ("f1 > 0.8; drop", "';' means nothing here", 8),
        ("__import__('os')", "expected a comparison (= != < <= > >=) after '__import__'", 10),
        ("f1 > 0.8x", "'0' means nothing here", 5),
        ("0_", "'0' means nothing here", 0),
        ("n = 1__0", "'1' means nothing here", 4),
        ("n = 1_.5", "'1' means nothing here", 4),
        ("n = 1\N{ARABIC-INDIC DIGIT THREE}", "'1' means nothing here", 4),
    ],
)
def test_errors_point_at_the_place(text: str, problem: str, place: int) -> None:
    with pytest.raises(SettingError) as error:
        condition.parse(text)
    first, shown, caret = str(error.value).split("\n")
    assert (first, shown) == (f"--where: {problem}", f"  {text}")
    assert caret.index("^") - 2 == place


def test_an_empty_condition_is_told() -> None:
    with pytest.raises(SettingError, match="the condition is empty"):
        condition.parse("  ")


def test_deep_conditions_are_refused_not_crashed() -> None:
    with pytest.raises(SettingError, match="levels are too many"):
        condition.parse("(" * 100_000 + "f1 = 1" + ")" * 100_000)
    with pytest.raises(SettingError, match="levels are too many"):
        condition.parse("not " * 100_000 + "f1 = 1")


def test_long_conditions_are_refused() -> None:
    assert condition.parse(" and ".join(["f1 = 1"] * 1000)).names == {"f1": 0}
    with pytest.raises(SettingError, match="more than 20000 characters are too many"):
        condition.parse(" and ".join(["f1 = 1"] * 2000))


@given(st.text(alphabet=st.sampled_from("f1 n=<>!()'\"`.and or not[]0.8_-;\\e\n\t")))
def test_any_text_is_understood_or_told(text: str) -> None:
    said = "--where: "
    try:
        found = condition.parse(text).holds(VALUES)
    except SettingError as error:
        found, said = False, str(error)
    assert found in (True, False)
    assert said.startswith("--where: ")


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(-5, 5))
def test_conditions_mean_what_python_means(a: int, b: int, c: int) -> None:
    names: dict[str, Any] = {"a": a, "b": b, "c": c}
    for text in ("a < b and b <= c", "a = b or not c > a", "not (a < b or b = c) and a != c"):
        python = text.replace(" = ", " == ")
        truth = {"a < b and b <= c": a < b and b <= c, "a = b or not c > a": a == b or not c > a}
        expected = truth.get(text, not (a < b or b == c) and a != c)
        assert condition.parse(python).holds(names) is expected
        assert condition.parse(text).holds(names) is expected


@pytest.mark.parametrize(
    ("text", "number", "expected"),
    [("0.5", 0.5, 0.5), ('"a"', None, "a"), ('"array(1)"', 1.0, 1.0), ("null", None, None)],
)
def test_what_is_compared_of_a_stored_value(text: str, number: float, expected: Any) -> None:
    assert condition.stored(text, number) == expected


def test_a_name_may_be_written_with_other_quotes() -> None:
    assert condition.canonical("cfg['lr']", ["x", 'cfg["lr"]']) == 'cfg["lr"]'
    assert condition.canonical("cfg[", ["x"]) is None


# -- names and times ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7d", NOON - timedelta(days=7)),
        ("12h", NOON - timedelta(hours=12)),
        ("30min", NOON - timedelta(minutes=30)),
        ("1.5 W", NOON - timedelta(weeks=1.5)),
        ("999999999w", datetime.min.replace(tzinfo=UTC)),
        ("2026-02-03T04:05+00:00", datetime(2026, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-02-03T04:05:00Z", datetime(2026, 2, 3, 4, 5, tzinfo=UTC)),
    ],
)
def test_times(text: str, expected: datetime) -> None:
    assert moment(text, NOON) == expected


def test_a_date_is_midnight_here() -> None:
    assert moment("2026-02-03", NOON) == datetime(2026, 2, 3).astimezone(UTC)


@pytest.mark.parametrize("text", ["", "7", "d", "7y", "2026-13-01", "-7d", "now()"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(SettingError, match="is no time"):
        moment(text, NOON)


@pytest.mark.parametrize("text", ["Model scoring", " model-scoring ", "MODEL_SCORING"])
def test_stages_as_written(text: str) -> None:
    assert normalised(text) == "model_scoring"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("x.ipynb", True), ("x", True), ("b/x.ipynb", True), ("/a/b/x.ipynb", True), ("x*", True),
     ("/a/*", True), ("a", False), ("y", False), ("c/x.ipynb", False), ("", False)],
)  # fmt: skip
def test_notebooks(wanted: str, expected: bool) -> None:
    assert is_notebook("/a/b/x.ipynb", wanted) is expected
