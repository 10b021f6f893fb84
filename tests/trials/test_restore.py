"""Notebooks come back as they ran, and input files are compared with what the trial read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import nbformat
import pytest
import xxhash
from peewee import Database

from provenance_kernel.errors import NotebookError, SettingError
from provenance_kernel.records import FileAccess, new_id
from provenance_kernel.store.store import Store
from provenance_kernel.trials import query
from provenance_kernel.trials.restore import check_file, describe, restore
from store.samples import a_code, a_run, a_session, a_tag, a_trial
from support.databases import DEFAULT


def opened(folder: Path, records: Sequence[object]) -> Database:
    with closing(Store(folder / DEFAULT)) as store:
        store.put(records)
    return query.open_database(None, folder)


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
    found = check_file(files, "data/big.csv")
    assert found.same is None
    assert "the record has no digest of it" in describe(found)


def test_a_file_that_was_not_used_is_answered_with_the_closest(files: Database) -> None:
    with pytest.raises(SettingError, match=r"did you mean data/a\.csv"):
        check_file(files, "a.cvs")


def test_a_file_like_none_that_was_used_is_answered_with_those(files: Database) -> None:
    with pytest.raises(SettingError, match=r"; it used data/a\.csv, data/big\.csv$"):
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
