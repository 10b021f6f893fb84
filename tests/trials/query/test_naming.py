"""Finding trials by the names people give them, and what a trial ran."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from peewee import Database

from provenance_kernel.errors import DatabaseUnavailable, SettingError, TrialNotFound
from provenance_kernel.store import database as database_module
from provenance_kernel.store.store import Store
from provenance_kernel.trials.query import listing
from provenance_kernel.trials.query import naming as query
from store.samples import a_run, a_session, a_trial, minutes
from support.databases import DEFAULT, Archive

Ask = Callable[[Sequence[object]], Database]


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """Open a database of these records for questions."""
    opened = []

    def ask(records: Sequence[object]) -> Database:
        with closing(Store(tmp_path / DEFAULT)) as store:
            store.put(records)
        opened.append(query.open_database(None, tmp_path))
        return opened[-1]

    yield ask
    for each in opened:
        each.close()


# -- opening --------------------------------------------------------------------------------------


def test_the_database_is_that_of_the_folder_or_the_nearest_above(tmp_path: Path, ask: Ask) -> None:
    ask([a_trial()])
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    with closing(query.open_database(None, inner)) as found:
        assert listing.list_trials(found).total == 1


def test_without_a_database_the_folder_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable) as error:
        query.open_database(None, tmp_path)
    assert str(error.value) == (
        f"no provenance database in {tmp_path} or above it (looked for .provenance/provenance.db);"
        " run a notebook on the provenance kernel there, or name one with --database"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_made_without_a_database_is_told_as_none(tmp_path: Path) -> None:
    (tmp_path / ".provenance").mkdir()
    with pytest.raises(DatabaseUnavailable, match="no provenance database in"):
        query.open_database(None, tmp_path)


@pytest.mark.parametrize("url", [False, True])
def test_a_database_is_named_by_path_or_url(url: bool, tmp_path: Path, ask: Ask) -> None:
    ask([a_trial()])
    path = tmp_path / DEFAULT
    target = f"sqlite:///{path}" if url else str(path)
    with closing(query.open_database(target, tmp_path / "elsewhere")) as found:
        assert listing.list_trials(found).total == 1


def test_a_named_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"x\.db: no such database"):
        query.open_database(str(tmp_path / "x.db"), tmp_path)
    with pytest.raises(SettingError, match="unknown scheme 'bogus'"):
        query.open_database("bogus://x", tmp_path)


def test_opening_marks_what_died(tmp_path: Path, ask: Ask) -> None:
    trial = a_trial(process_started_at=1.0)
    database = ask([trial, a_run(trial, status="running")])
    (found,) = listing.list_trials(database).trials
    assert (found.trial.status, found.cell_runs) == ("died", {"died": 1})


def test_what_is_locked_can_be_read_still(
    tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask([a_trial()])
    ask([a_trial(process_started_at=1.0)]).execute_sql("UPDATE trial SET status = 'running'")
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.02)
    with closing(sqlite3.connect(tmp_path / DEFAULT, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with closing(query.open_database(None, tmp_path)) as found:
            assert listing.list_trials(found).total == 2


# -- listing --------------------------------------------------------------------------------------


def test_trials_are_listed_the_latest_first_with_how_their_cells_went(ask: Ask) -> None:
    old = a_session(("", "a", "ok"), ("", "b", "error"), ("", "a", "ok"), started_at=minutes(1))
    new = a_session(started_at=minutes(2))
    database = ask([*old, *new])
    found = listing.list_trials(database).trials
    assert [each.trial for each in found] == [new[0], old[0]]
    assert [each.cell_runs for each in found] == [{}, {"ok": 2, "error": 1}]
    assert [each.trial for each in listing.list_trials(database, 1).trials] == [new[0]]
    assert listing.list_trials(database).total == 2


@pytest.mark.parametrize(
    ("ids", "prefixes"),
    [
        (["01a203cefbbc"], ["01a203ce"]),
        (["01a203ce0", "02a203ce0"], ["01a203ce", "02a203ce"]),
        (["01a203ce-aa", "01a203ce-ab"], ["01a203ce-aa", "01a203ce-ab"]),
        (["01a203ce-aa0", "01a203ce-bb0"], ["01a203ce-a", "01a203ce-b"]),
        (
            ["01a203ce-a000", "01a203ce-a100", "01a203cf-0000"],
            ["01a203ce-a0", "01a203ce-a1", "01a203cf"],
        ),
    ],
)
def test_the_shortest_name_that_a_trial_has_alone(
    ids: list[str], prefixes: list[str], ask: Ask
) -> None:
    database = ask([a_trial(id=each) for each in ids])
    named = {each.trial.id: each.prefix for each in listing.list_trials(database).trials}
    assert [named[each] for each in ids] == prefixes
    assert [query.find_trial(database, each).id for each in prefixes] == ids


# -- finding --------------------------------------------------------------------------------------

IDS = ["019a0000-0000-7000-8000-000000000001", "019a0000-0000-7000-8000-00000000000f", "019bcccc-0"]


@pytest.fixture
def three(ask: Ask) -> Database:
    return ask([a_trial(id=each, started_at=minutes(at)) for at, each in enumerate(IDS)])


@pytest.mark.parametrize(
    ("name", "place"),
    [
        (IDS[0], 0),
        (IDS[0].upper(), 0),
        (f" {IDS[1]} ", 1),
        (IDS[1][:-1] + "f", 1),
        ("019b", 2),
        ("019B", 2),
        ("latest", 2),
        ("Latest", 2),
        ("latest~0", 2),
        ("latest~1", 1),
        ("latest~2", 0),
        ("latest~02", 0),
    ],
)
def test_the_names_of_a_trial(name: str, place: int, three: Database) -> None:
    assert query.find_trial(three, name).id == IDS[place]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("019a", f"019a: several trials start so: {IDS[0]}, {IDS[1]}"),
        ("latest~3", "latest~3: there are only 3 trials"),
        ("latest~" + "9" * 40, "latest~" + "9" * 40 + ": there are only 3 trials"),
        ("019d", f"019d: no such trial; the latest is {IDS[2]}"),
        ("019bcccd", "019bcccd: no such trial; did you mean 019bcccc"),
        ("latest~-1", "latest~-1: no such trial"),
        ("latest~", "latest~: no such trial"),
        ("%", "%: no such trial"),
        ("", "'': no such trial"),
    ],
)
def test_a_name_of_none_or_several_is_answered_with_what_comes_closest(
    name: str, message: str, three: Database
) -> None:
    with pytest.raises(TrialNotFound) as error:
        query.find_trial(three, name)
    assert str(error.value).startswith(message)


def test_those_that_come_closest_are_named_so_that_they_can_be_told_apart(ask: Ask) -> None:
    database = ask([a_trial(id=f"01a20484-{each}704-7389") for each in "0a"])
    with pytest.raises(TrialNotFound) as error:
        query.find_trial(database, "01a204840")
    suggested = str(error.value).partition("did you mean ")[2].rstrip("?").split(", ")
    assert sorted(suggested) == ["01a20484-0", "01a20484-a"]
    assert [query.find_trial(database, each).id[:10] for each in suggested] == suggested


def test_of_many_that_start_so_a_few_are_named(ask: Ask) -> None:
    database = ask([a_trial(id=f"aa{number}") for number in range(9)])
    with pytest.raises(TrialNotFound, match=r"aa: several trials start so: aa0, .*, aa4, …$"):
        query.find_trial(database, "aa")


@pytest.mark.parametrize("name", ["latest", "latest~1", "019a"])
def test_where_there_are_no_trials_that_is_said(name: str, ask: Ask) -> None:
    with pytest.raises(TrialNotFound, match="there are no trials yet"):
        query.find_trial(ask([]), name)


def test_one_trial_is_told_in_the_singular(ask: Ask) -> None:
    with pytest.raises(TrialNotFound, match=r"there is only 1 trial$"):
        query.find_trial(ask([a_trial()]), "latest~1")


# -- showing --------------------------------------------------------------------------------------


def test_a_trials_cell_runs_with_their_stages_and_sources(ask: Ask) -> None:
    session = a_session(("data, data", "read()", "ok"), ("b, a", "fit()", "error"), ("", "x", "ok"))
    trial = session[0]
    database = ask([*session, *a_session(("other", "y", "ok"))])
    found = listing.list_cell_runs(database, trial)  # type: ignore[arg-type]
    assert [(each.stages, each.source, each.run.status) for each in found] == [
        (("data",), "read()", "ok"),
        (("b", "a"), "fit()", "error"),
        ((), "x", "ok"),
    ]


def test_asking_changes_nothing(tmp_path: Path, three: Database) -> None:
    archive = Archive(tmp_path / DEFAULT)
    before = archive.trials()
    listing.list_trials(three)
    listing.list_cell_runs(three, query.find_trial(three, "latest"))
    assert archive.trials() == before
