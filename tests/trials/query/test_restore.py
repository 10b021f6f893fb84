"""Notebooks come back as they ran, and input files are compared with what the trial read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
import xxhash
from peewee import Database

from provenance_kernel.errors import NotebookError, SettingError
from provenance_kernel.recorder.location import Location
from provenance_kernel.records import TEXTS, CellRun, Event, FileAccess, new_id
from provenance_kernel.store.store import Store
from provenance_kernel.trials.query import naming as query
from provenance_kernel.trials.query.restore import check_file, describe, restore
from store.samples import a_code, a_run, a_session, a_tag, a_trial
from support.databases import DEFAULT


def opened(folder: Path, records: Sequence[object]) -> Database:
    with closing(Store(folder / DEFAULT)) as store:
        store.put(records)
    return query.open_database(None, folder)


def test_a_parameters_cell_stays_one(tmp_path: Path) -> None:
    trial = a_trial()
    run = a_run(trial, cell_tags=["parameters", "other"])
    with closing(opened(tmp_path, [trial, a_code(), run])) as database:
        assert restore(database).cells[0].metadata.tags == ["parameters", "other"]


def test_cells_come_in_the_order_in_which_they_ran(tmp_path: Path) -> None:
    trial = a_trial()
    first = a_run(trial, "b = 1", position=1, execution_count=4, cell_id="same")
    second = a_run(trial, "a = 1", position=2, execution_count=5, cell_id="alone")
    third = a_run(trial, "b = 2", position=3, execution_count=6, cell_id="same", status="error")
    never = a_run(trial, "c = 1", position=4, status="aborted")
    codes = [a_code(each) for each in ("b = 1", "a = 1", "b = 2", "c = 1")]
    tag = a_tag(second, "data_reading")
    with closing(opened(tmp_path, [trial, *codes, first, second, third, never, tag])) as database:
        found = restore(database, "latest")
    nbformat.validate(found)
    assert [(cell.source, cell.execution_count) for cell in found.cells] == [
        ("b = 1", 4),
        ("a = 1", 5),
        ("b = 2", 6),
    ]
    assert found.cells[1].id == "alone"
    assert len({cell.id for cell in found.cells}) == 3
    assert found.cells[1].metadata == {"provenance": {"stage": ["data_reading"]}}
    assert found.metadata.kernelspec.name == "provenance"
    assert found.metadata.provenance == {"trial": trial.id, "notebook": trial.notebook}


def test_texts_stand_before_the_runs_of_the_cells_that_they_stood_before(tmp_path: Path) -> None:
    v4: Any = nbformat.v4
    cells = [
        v4.new_markdown_cell("# Title"),
        v4.new_markdown_cell("Reading"),
        v4.new_code_cell("a = 1", id="first"),
        v4.new_markdown_cell("Never run"),
        v4.new_code_cell("never = 1"),
        v4.new_raw_cell("raw"),
        v4.new_code_cell("b = 1\n"),
        v4.new_markdown_cell("The end"),
    ]
    path = tmp_path / "fraud.ipynb"
    nbformat.write(v4.new_notebook(cells=cells), path)
    trial = a_trial(notebook=str(path))
    runs = [
        a_run(trial, "a = 2", position=1, cell_id="first"),
        a_run(trial, "b = 1", position=2),
        a_run(trial, "b = 1", position=3),
    ]
    codes = [a_code("a = 2"), a_code("b = 1")]
    texts = Location(lambda: str(path), tmp_path).texts()
    assert texts is not None
    with closing(opened(tmp_path, [trial, *codes, *runs])) as database:
        found = restore(database)
        path.write_text("{", encoding="utf-8")
        without = restore(database)
        ended = replace(trial, status="finished", notebook=None)
        event = Event(new_id(), trial.id, None, TEXTS, texts, trial.started_at)
    with closing(opened(tmp_path, [ended, event])) as database:
        recorded = restore(database)
    nbformat.validate(found)
    nbformat.validate(recorded)
    assert [cell.source for cell in recorded.cells] == [cell.source for cell in found.cells]
    assert [cell.source for cell in found.cells] == [
        *("# Title", "Reading", "a = 2", "Never run", "raw", "b = 1", "b = 1", "The end")
    ]
    assert [cell.source for cell in without.cells] == ["a = 2", "b = 1", "b = 1"]


def test_ids_that_a_notebook_cannot_hold_are_left_out(tmp_path: Path) -> None:
    trial = a_trial()
    run = a_run(trial, "x = 1", cell_id="vscode-notebook-cell:/a.ipynb#W0")
    with closing(opened(tmp_path, [trial, a_code("x = 1"), run])) as database:
        found = restore(database, trial)
    nbformat.validate(found)


def test_a_trial_without_cells_has_no_notebook(tmp_path: Path) -> None:
    with (
        closing(opened(tmp_path, [a_trial()])) as database,
        pytest.raises(NotebookError, match="ran no cells"),
    ):
        restore(database, "latest")


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Database]:
    session = a_session(("", "read()", "ok"), ("", "read()", "ok"))
    runs = [each for each in session if type(each).__name__ == "CellRun"]
    digest = xxhash.xxh3_128_hexdigest(b"12345")
    accesses = [
        FileAccess(new_id(), run.id, path, "r", known, known, 5, "opened")  # type: ignore[attr-defined]
        for run, path, known in (
            (runs[0], "data/a.csv", digest),
            (runs[1], "data/a.csv", "0" * 32),
            (runs[1], "data/big.csv", None),
        )
    ]
    accesses.append(
        FileAccess(new_id(), runs[0].id, "log.csv", "r+,unread", None, digest, 5, "opened")  # type: ignore[attr-defined]
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_bytes(b"12345")
    with closing(opened(tmp_path, [*session, *accesses])) as database:
        yield database


def test_a_file_that_is_the_same(files: Database, tmp_path: Path) -> None:
    found = check_file(files, "data/a.csv")
    assert (found.same, found.position, found.found_nbytes) == (True, 1, 5)
    assert check_file(files, str(tmp_path / "data" / "a.csv")).same
    assert "the same content, 5 bytes; first used by run 1" in describe(found)


def test_a_file_that_was_changed(files: Database, tmp_path: Path) -> None:
    (tmp_path / "data" / "a.csv").write_bytes(b"12346!")
    found = check_file(files, "data/a.csv")
    assert found.same is False
    assert "(5 bytes), is " in describe(found)
    assert "(6 bytes); first used by run 1" in describe(found)


def test_a_file_that_is_gone(files: Database, tmp_path: Path) -> None:
    (tmp_path / "data" / "a.csv").unlink()
    found = check_file(files, "data/a.csv")
    assert (found.same, found.note) == (False, "missing")


def test_a_file_whose_content_was_not_recorded(files: Database, tmp_path: Path) -> None:
    (tmp_path / "data" / "big.csv").write_bytes(b"x")
    (tmp_path / "log.csv").write_bytes(b"12345")
    # What the run left in a file that it read is not what it met there.
    assert check_file(files, "log.csv").same is None
    found = check_file(files, "data/big.csv")
    assert found.same is None
    assert "the record has no digest of it" in describe(found)


@pytest.mark.parametrize(
    ("uses", "same"),
    [
        pytest.param([("w", "0", "1")], True, id="only written"),
        pytest.param([("w", "0", "2"), ("a", "2", "1")], True, id="written and appended to"),
        pytest.param([("w", None, "1"), ("r", "1", "1")], True, id="made and read again"),
        pytest.param([("w", None, "2"), ("r", "2", "2")], False, id="changed since it was made"),
        pytest.param([("r", "1", "1"), ("w", "1", "2")], True, id="read, then written over"),
        pytest.param([("r", "0", "0"), ("w", "0", "1")], False, id="read as it was before"),
    ],
)
def test_a_file_that_was_written(
    tmp_path: Path, uses: list[tuple[str, str | None, str]], same: bool
) -> None:
    session = a_session(*[("", "x", "ok")] * len(uses))
    runs = [each for each in session if isinstance(each, CellRun)]
    texts = {each: xxhash.xxh3_128_hexdigest(each.encode()) for each in "012"} | {None: None}
    for run, (mode, before, after) in zip(runs, uses, strict=True):
        of = mode, texts[before], texts[after]
        session.append(FileAccess(new_id(), run.id, "out.csv", *of, 1, "opened"))
    (tmp_path / "out.csv").write_text("1")
    with closing(opened(tmp_path, session)) as database:
        assert check_file(database, "out.csv").same is same


def test_a_file_that_was_not_used_is_answered_with_the_closest(files: Database) -> None:
    with pytest.raises(SettingError, match=r"did you mean data/a\.csv"):
        check_file(files, "a.cvs")


def test_a_file_like_none_that_was_used_is_answered_with_those(files: Database) -> None:
    with pytest.raises(SettingError, match=r"; it used data/a\.csv, data/big\.csv, log\.csv$"):
        check_file(files, "z")


def test_a_file_of_a_trial_that_used_none(tmp_path: Path) -> None:
    with (
        closing(opened(tmp_path, a_session(("", "1", "ok")))) as database,
        pytest.raises(SettingError, match=r"; it used no files$"),
    ):
        check_file(database, "z")


def test_a_folder_where_a_file_was(files: Database, tmp_path: Path) -> None:
    (tmp_path / "data" / "a.csv").unlink()
    (tmp_path / "data" / "a.csv").mkdir()
    found = check_file(files, "data/a.csv")
    assert (found.same, found.note) == (False, "directory")
    assert "is directory; first used" in describe(found)
