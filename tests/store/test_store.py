"""Putting records in a database: all of a call's, or none."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from provenance_kernel.errors import DatabaseUnavailable, RecordRefused
from provenance_kernel.records import CellRun, StageTag, Trial
from provenance_kernel.store import reader
from provenance_kernel.store.models import MODELS
from provenance_kernel.store.store import Store
from store.samples import NOON, a_code, a_run, a_session, a_tag, a_trial, an_activation, an_event
from support.databases import Archive


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "x.db")
    yield store
    store.close()


@pytest.fixture
def archive(store: Store) -> Archive:
    return Archive(Path(store.target))


# -- what crosses the border ----------------------------------------------------------------------


@pytest.mark.parametrize("record", MODELS, ids=lambda each: each.__name__)
def test_a_records_fields_are_its_tables_columns(
    record: type, store: Store, archive: Archive
) -> None:
    meta = MODELS[record]._meta
    columns = archive.rows(f"PRAGMA table_info({meta.table_name})")
    names = [each.name for each in fields(record)]
    assert sorted(meta.columns) == sorted(names)
    assert sorted(each["name"] for each in columns) == sorted(names)
    assert {each["name"] for each in columns if each["pk"]} == {
        each.column_name for each in meta.get_primary_keys()
    }
    hints = get_type_hints(record)
    # A JSON value that is null is the text `null`, and not missing.
    optional = {
        each.name
        for each in fields(record)
        if each.type != "Json" and _takes_none(hints[each.name])
    }
    assert {each["name"] for each in columns if not each["notnull"]} == optional
    assert {name for name, field in meta.columns.items() if field.null} == optional


def _is_json(record: type, name: str) -> bool:
    return record.__annotations__[name] == "Json"


def _takes_none(hint: Any) -> bool:
    return type(None) in getattr(hint, "__args__", ())


def test_every_table_has_a_record(store: Store, archive: Archive) -> None:
    tables = archive.values("SELECT name FROM sqlite_master WHERE type = 'table'")
    assert set(tables) - {"schema_migration"} == {each._meta.table_name for each in MODELS.values()}


def test_what_is_put_in_comes_out_again(store: Store) -> None:
    trial = a_trial(finished_at=NOON, git_dirty=True, tracer="none")
    run = a_run(trial, error_name="E", error_value="why", truncated=True, cell_id="a")
    root = an_activation(run, arguments={"x": "1", "é": '"'}, result="2", duration=0.5)
    tag, code = a_tag(run, "data", root), a_code()
    store.put([trial, code, run, root, tag])
    assert reader.trials(store.database) == [trial]
    assert reader.of_trial(store.database, CellRun, trial.id) == [run]
    assert reader.of_trial(store.database, StageTag, trial.id) == [tag]
    assert reader.codes(store.database, [code.hash, "unknown"]) == {code.hash: code}
    (found,) = MODELS[type(root)].select().dicts().execute(store.database)
    assert found["arguments"] == root.arguments
    assert found["started_at"] == root.started_at


def test_a_person_can_read_it(store: Store, archive: Archive) -> None:
    moment = datetime(2026, 3, 1, 13, 0, 0, 5, tzinfo=timezone(timedelta(hours=1))).astimezone(UTC)
    run = a_run(a_trial(), truncated=True, started_at=moment)
    store.put([run, an_activation(run, arguments={"größe": "0.2"})])
    assert archive.row("SELECT started_at, truncated FROM cell_run") == {
        "started_at": "2026-03-01T12:00:00.000005Z",
        "truncated": 1,
    }
    assert archive.values("SELECT arguments FROM activation") == ['{"größe": "0.2"}']
    assert archive.values("SELECT json_extract(arguments, '$.größe') FROM activation") == ["0.2"]
    assert archive.values("SELECT strftime('%Y', started_at) FROM cell_run") == ["2026"]


# -- putting --------------------------------------------------------------------------------------


def test_a_record_with_the_same_key_is_replaced(store: Store, archive: Archive) -> None:
    run = a_run(a_trial(), status="running", duration=None)
    store.put([run])
    store.put([replace(run, status="ok", duration=1.5)])
    assert archive.rows("SELECT id, status, duration FROM cell_run") == [
        {"id": run.id, "status": "ok", "duration": 1.5}
    ]


def test_a_code_is_stored_once(store: Store, archive: Archive) -> None:
    store.put([a_code(), a_code("y"), a_code()])
    assert archive.values("SELECT source FROM code ORDER BY source") == ["x = 1", "y"]


def test_nothing_is_put_where_nothing_is_given(store: Store, archive: Archive) -> None:
    store.put([])
    assert archive.trials() == []


@dataclass(frozen=True)
class Stranger:
    id: str = "a"


def test_a_record_of_no_table_leaves_nothing_behind(store: Store, archive: Archive) -> None:
    with pytest.raises(KeyError):
        store.put([a_trial(), Stranger()])
    assert archive.trials() == []
    store.put([a_trial()])
    assert len(archive.trials()) == 1


def test_all_of_a_call_is_put_or_none(store: Store, archive: Archive) -> None:
    trial = a_trial()
    with pytest.raises(RecordRefused, match=r"x\.db: NOT NULL constraint failed"):
        store.put([trial, a_run(trial), replace(trial, status=None)])  # type: ignore[arg-type]
    assert (archive.trials(), archive.runs()) == ([], [])


@pytest.mark.parametrize("half", ["\ud83d", "a\udc00b"])
def test_half_a_surrogate_pair_is_stored_as_its_escape(
    half: str, store: Store, archive: Archive
) -> None:
    run = a_run(a_trial())
    store.put([a_code(half), run])
    store.put([an_activation(run, arguments={half: half})])
    escape = half.encode("utf-8", "backslashreplace").decode()
    assert archive.values("SELECT source FROM code") == [escape]
    (arguments,) = archive.values("SELECT arguments FROM activation")
    assert arguments.count(escape) == 2


@pytest.mark.parametrize("text", ["", "\0", "a\0b", "'; DROP TABLE trial; --", "😀", "x" * 10**6])
def test_any_text_is_stored_as_it_is(text: str, store: Store, archive: Archive) -> None:
    store.put([an_event(a_trial(), text)])
    assert archive.values("SELECT message FROM event") == [text]


def test_a_lock_is_waited_for_no_longer_than_told(store: Store, archive: Archive) -> None:
    store.wait_at_most(0.01)
    holder = sqlite3.connect(archive.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="database is locked"):
        store.put([a_trial()])
    with pytest.raises(DatabaseUnavailable, match="database is locked"):
        store.put([a_trial(), a_trial()])
    holder.close()
    store.put([a_trial()])
    assert len(archive.trials()) == 1


def test_a_full_disk_is_told(store: Store, archive: Archive) -> None:
    store.database.pragma("max_page_count", store.database.pragma("page_count"))
    with pytest.raises(DatabaseUnavailable, match="database or disk is full"):
        store.put([an_event(a_trial(), "x" * 100_000)])
    store.database.pragma("max_page_count", 2**30)
    store.put([a_trial()])
    assert len(archive.trials()) == 1


def test_threads_take_turns(store: Store, archive: Archive) -> None:
    def some() -> None:
        for _ in range(50):
            trial = a_trial()
            store.put([trial, a_run(trial)])

    threads = [threading.Thread(target=some) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(archive.trials()) == 200
    assert archive.is_sound()


def test_the_last_to_close_leaves_one_file(tmp_path: Path) -> None:
    one, other = Store(tmp_path / "x.db"), Store(tmp_path / "x.db")
    one.put([a_trial()])
    one.close()
    other.put([a_trial()])
    other.close()
    assert [each.name for each in tmp_path.iterdir()] == ["x.db"]
    assert len(Archive(tmp_path / "x.db").trials()) == 2


# -- views for people -----------------------------------------------------------------------------


def test_the_view_of_stages_leads_from_stage_to_code_to_activation(
    store: Store, archive: Archive
) -> None:
    session = a_session(
        ("data_reading", "read()", "ok"),
        ("", "x = 1", "ok"),
        ("scoring, metrics", "fit()", "error"),
    )
    trial = session[0]
    assert isinstance(trial, Trial)
    waiting = a_run(trial, "wait()", position=4, status="aborted", duration=None)
    store.put([*session, a_code("wait()"), waiting, a_tag(waiting, "late")])
    read, fit = a_code("read()").hash, a_code("fit()").hash
    assert [
        (each["position"], each["stage"], each["code_hash"], each["activation"], each["status"])
        for each in archive.rows("SELECT * FROM stages")
    ] == [
        (1, "data_reading", read, "<cell>", "ok"),
        (3, "scoring", fit, "<cell>", "error"),
        (3, "metrics", fit, "<cell>", "error"),
        (4, "late", a_code("wait()").hash, None, "aborted"),
    ]
    assert archive.values(
        "SELECT count(*) FROM stages JOIN activation ON activation.id = activation_id "
        "JOIN code ON code.hash = code_hash WHERE stages.trial_id = ?",
        trial.id,
    ) == [3]
    assert list(archive.rows("SELECT * FROM stages")[0]) == [
        "trial_id",
        "position",
        "stage",
        "code_hash",
        "activation_id",
        "activation",
        "status",
        "duration",
    ]


def test_the_view_of_the_latest_trial(store: Store, archive: Archive) -> None:
    assert archive.rows("SELECT * FROM latest_trial") == []
    first, second = a_trial(), a_trial(started_at=NOON + timedelta(seconds=1))
    store.put([second, first])
    assert archive.rows("SELECT * FROM latest_trial") == archive.rows(
        "SELECT * FROM trial WHERE id = ?", second.id
    )
