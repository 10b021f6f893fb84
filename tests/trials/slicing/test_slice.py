"""Slices are sound: each, run on its own by a stock interpreter, gives the recorded digest."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from peewee import Database

from provenance_kernel.errors import NotebookError, SettingError
from provenance_kernel.trials.query import naming as query
from provenance_kernel.trials.slicing.script import write
from provenance_kernel.trials.slicing.slice import Slice, slice_of
from support.cells import PACKAGE, record_cells, run_script
from trials.slicing.slice_cases import CASES, Case

ASK = """
from provenance_kernel.fingerprint import digest as _digest
print("digest", _digest({name}))
"""
RUN_NOTEBOOK = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell(config=config)
for cell in json.load(sys.stdin):
    shell.run_cell(cell, store_history=True)
"""


def python(code: str, folder: Path, given: str = "") -> str:
    """Run code in a process of its own, in a folder, and return what it printed."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        input=given,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": PACKAGE, "MPLBACKEND": "agg"},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def record(folder: Path, cells: tuple[str, ...]) -> Database:
    record_cells(folder, cells)
    return query.open_database(None, folder)


def recomputed(output: str) -> list[str]:
    return [line.split()[1] for line in output.splitlines() if line.startswith("digest ")]


def code_of(found: Slice) -> str:
    return "".join(f"{text}\n" for part in found.parts for text in part.statements)


@cache
def sliced(case: Case) -> Slice:
    """Return the slice of a case, recorded once for all tests."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(record(Path(folder) / "trial", case.cells)) as database,
    ):
        return slice_of(database, case.name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_slice_computes_the_value_that_was_recorded(case: Case, tmp_path: Path) -> None:
    found = sliced(case)
    assert found.digest is not None
    assert run_script(tmp_path, found.script(), found.name) == found.digest, found.script()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_slice_holds_what_matters_and_no_more(case: Case) -> None:
    found = sliced(case)
    lines = [line.strip() for line in found.script().splitlines()]
    assert [text for text in case.kept if text not in lines] == []
    assert [text for text in case.left if text in lines] == []
    assert case.unused.isdisjoint(part.position for part in found.parts)
    assert found.vouched


NOTEBOOKS = ["augmented", "failed_then_fixed", "output_last", "magic_time", "async", "class"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_slice_as_a_notebook_computes_it_too(name: str, tmp_path: Path) -> None:
    found = sliced(next(each for each in CASES if each.id == name))
    cells = [each.source for each in found.notebook_node().cells if each.cell_type == "code"]
    cells.append(ASK.format(name=found.name))
    output = python(RUN_NOTEBOOK, tmp_path, json.dumps(cells))
    assert recomputed(output) == [found.digest]


@pytest.mark.slow
def test_slices_leave_out_what_cannot_matter() -> None:
    cases = [case for case in CASES if case.left or case.unused]
    assert len(cases) >= 40
    shares = [found.lines / found.trial_lines for found in map(sliced, cases)]
    assert statistics.median(shares) <= 0.6


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Database]:
    cells = ("# stage: data reading\ntotal = 1\nother = 2", "# metric: score\nscore = total * 2")
    with closing(record(tmp_path / "trial", cells)) as database:
        yield database


def test_the_header_says_what_it_is(small: Database) -> None:
    found = slice_of(small, "score")
    text = found.script()
    assert found.trial in text
    assert str(found.digest) in text
    assert "# stage: data_reading\ntotal = 1" in text
    assert (found.lines, found.trial_lines) == (2, 3)
    assert found.vouched
    assert found.reasons == ()


def test_stages_stay_in_the_notebooks_metadata(small: Database) -> None:
    cells = slice_of(small, "score").notebook_node().cells
    assert cells[1].metadata["provenance"] == {"stage": ["data_reading"]}
    assert cells[1].source == "total = 1"


def test_an_unknown_name_is_answered_with_the_closest(small: Database) -> None:
    with pytest.raises(SettingError, match=r"totl: trial .* has no such .*; did you mean total\?"):
        slice_of(small, "totl")


def test_what_cannot_be_vouched_for_is_said(tmp_path: Path) -> None:
    cells = ("code = 'x = 5'\ny = 1", "exec(code)\nz = 3", "w = x")
    with closing(record(tmp_path / "trial", cells)) as database:
        found = slice_of(database, "w")
    assert any("run 2 is taken whole: `exec`" in each for each in found.reasons)
    assert "z = 3" in code_of(found)


def test_without_digests_nothing_is_vouched_for(tmp_path: Path) -> None:
    with closing(record(tmp_path / "trial", ("x = iter([1])", "y = next(x)"))) as database:
        known = slice_of(database, "y")
        for run in database.execute_sql("SELECT id FROM cell_run").fetchall():
            database.execute_sql("UPDATE variable SET digest = NULL WHERE cell_run_id = ?", run)
        unknown = slice_of(database, "y")
    assert known.vouched
    assert not unknown.vouched
    assert any("no value was examined" in each for each in unknown.reasons)


def test_unseeded_draws_are_said(tmp_path: Path) -> None:
    cells = ("import random", "x = random.random()", "y = x + 1")
    with closing(record(tmp_path / "trial", cells)) as database:
        found = slice_of(database, "y")
    assert any("run 2 may give another value each time" in each for each in found.reasons)


def test_a_failed_run_with_strings_of_several_lines_keeps_them(tmp_path: Path) -> None:
    cells = ('text = f"""a\n b\n{1}\n""" + """\n c"""\nraise ValueError', "y = text * 2")
    with closing(record(tmp_path / "trial", cells)) as database:
        found = slice_of(database, "y")
    output = python(found.script() + ASK.format(name="y"), tmp_path / "again")
    assert recomputed(output) == [found.digest]


# Name asked for → the statements that its slice has of each run.
MARKED = {
    "best": ["rate = 2", "now_tag_variable('best', rate * 3)"],
    # What was once tracked is tracked wherever it is written.
    "cfg['depth']": ["cfg = {'depth': 1}", "cfg['depth'] = rate", "cfg['depth'] += 1", "rate = 2"],
    "cfg": ["cfg = {'depth': 1}", "cfg['depth'] = rate", "cfg['depth'] += 1", "rate = 2"],
}


def test_what_was_marked_is_meant_as_it_was_then(tmp_path: Path) -> None:
    cells = (
        "rate = 2\nother = 3",
        "# track: cfg['depth']\ncfg = {'depth': 1}\ncfg['depth'] = rate",
        "now_tag_variable('best', rate * 3)",
        "cfg['depth'] += 1",
    )
    with closing(record(tmp_path / "trial", cells)) as database:
        found = {name: slice_of(database, name) for name in MARKED}
    for name, statements in MARKED.items():
        assert sorted(code_of(found[name]).splitlines()) == sorted(statements)
    # An interpreter without the kernel has no such function.
    given = "def now_tag_variable(name, value):"
    assert given in found["best"].script()
    assert found["best"].notebook_node().cells[1].source.startswith(given)
    assert given not in found["cfg"].script()


def test_a_trial_that_bound_nothing_has_no_slices(tmp_path: Path) -> None:
    with (
        closing(record(tmp_path / "trial", ("print(1)",))) as database,
        pytest.raises(SettingError, match="; the trial recorded no names"),
    ):
        slice_of(database, "x")


def test_a_script_says_where_it_is_from_and_what_nobody_can_vouch_for(tmp_path: Path) -> None:
    cells = ("from __future__ import annotations\nx = 1\nx", "y = Out[1]", "z = Out")
    with closing(record(tmp_path / "trial", cells)) as database:
        found = replace(slice_of(database, "z"), notebook="a.ipynb")
    head, _, code = found.script().partition("\n\n")
    assert "# from a.ipynb\n# the record cannot vouch that this computes the same value\n" in head
    assert head.endswith("# run 3 reads Out, which cannot be computed again")
    assert code.startswith("from __future__ import annotations\n\n# run 1\nx = 1\n")


def test_a_script_that_cannot_be_written(tmp_path: Path) -> None:
    write("x = 1\n", tmp_path / "new" / "slice.py")
    assert (tmp_path / "new" / "slice.py").read_text() == "x = 1\n"
    with pytest.raises(NotebookError, match=r"new: cannot be written: Is a directory"):
        write("x = 1\n", tmp_path / "new")


@pytest.mark.slow
@pytest.mark.parametrize("number", ["1", "2", "4"])
def test_slices_of_the_fraud_notebooks_compute_their_metrics(number: str, tmp_path: Path) -> None:
    notebooks = Path(__file__).parents[3] / "notebooks"
    shutil.copy(notebooks / "make_data.py", tmp_path)
    notebook = shutil.copy(next(notebooks.glob(f"{number}_*.ipynb")), tmp_path)
    command = f"from provenance_kernel.cli import main; main(['run', {notebook!r}, *{ROWS!r}])"
    python(command, tmp_path)
    with closing(query.open_database(None, tmp_path)) as database:
        slices = [slice_of(database, name) for name in ("f1", "roc_auc")]
    for found in slices:
        output = python(found.script() + ASK.format(name=found.name), tmp_path)
        assert recomputed(output) == [found.digest]
        assert found.lines < found.trial_lines


ROWS = ("-p", "rows", "4000")
