"""Which cells are stale: each case is a few cells, some run again, in a kernel that all share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import nbformat
import pytest
from peewee import Database

from provenance_kernel.display import registry
from provenance_kernel.trials.query import naming
from provenance_kernel.trials.stale import Stale, stale_cells
from support.databases import DEFAULT
from support.kernels import Kernel

Cells = Sequence[tuple[str, str]]
Expected = Mapping[str, tuple[str, Sequence[str]]]

# By name: cells as (id, source) in the order they run, then the stale ones with reason and names.
CASES: dict[str, tuple[Cells, Expected]] = {
    "nothing ran again": ([("a", "x = 1"), ("b", "y = x")], {}),
    "a cell above ran again with another value": (
        [("a", "x = 1"), ("b", "y = x"), ("c", "z = y"), ("a", "x = 2")],
        {"b": ("input", ["x"]), "c": ("upstream", ["y"])},
    ),
    "it ran again with the same value": (
        [("a", "x = 1"), ("b", "y = x"), ("c", "z = y"), ("a", "x = 2 - 1")],
        {},
    ),
    "all below ran again": (
        [("a", "x = 1"), ("b", "y = x"), ("a", "x = 2"), ("b", "y = x")],
        {},
    ),
    "what is between came out the same": (
        [
            ("a", "x = 1"),
            ("b", "y = x > 0"),
            ("c", "z = y"),
            ("a", "x = 2"),
            ("b", "y = x > 0"),
        ],
        {},
    ),
    "a value that the cell no longer makes": (
        [("a", "x = 1"), ("b", "y = x"), ("a", "w = 1")],
        {"b": ("input", ["x"])},
    ),
    "another cell binds the name below": (
        [("a", "x = 1"), ("b", "y = x"), ("c", "x = 5")],
        {},
    ),
    "a value changed in place by a cell that ran again": (
        [
            ("a", "x = [1]"),
            ("b", "x.append(2)"),
            ("c", "y = sum(x)"),
            ("b", "x.append(2)"),
        ],
        {"c": ("input", ["x"])},
    ),
    "a function that was changed": (
        [("a", "def x(v): return v"), ("b", "y = x(1)"), ("a", "def x(v): return -v")],
        {"b": ("input", ["x"])},
    ),
    "a value that has no digest, made again": (
        [("a", "x = (n for n in [1])"), ("b", "y = x"), ("a", "x = (n for n in [1])")],
        {"b": ("input", ["x"])},
    ),
    "a file that a later cell wrote over": (
        [
            ("a", "_ = open('NAME.txt', 'w').write('1')"),
            ("b", "y = open('NAME.txt').read()"),
            ("c", "z = y"),
            ("a", "_ = open('NAME.txt', 'w').write('22')"),
        ],
        {"b": ("file", ["NAME.txt"]), "c": ("upstream", ["y"])},
    ),
    "two cells that read from each other": (
        [("a", "x = 1"), ("b", "y = x"), ("a", "x = y + 1"), ("b", "y = x")],
        {"a": ("input", ["y"]), "b": ("upstream", ["x"])},
    ),
}


def named(text: str, number: int) -> str:
    """Return a text with names of its own for a case: of its cells, variables and files."""
    text = text.replace("NAME", f"file{number}")
    return re.sub(r"(?<!')\b([wxyz])\b", rf"\g<1>{number}", text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kernel = Kernel(tmp_path_factory.mktemp("session"))
    try:
        for number, (cells, _) in enumerate(CASES.values()):
            for cell, source in cells:
                cell_id = f"{cell}{number}"
                answer = kernel.execute(named(source, number), metadata={"cellId": cell_id})
                assert answer.status == "ok", answer.reply
    finally:
        kernel.stop()
    return kernel.work


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    with closing(naming.open_database(str(folder / DEFAULT), folder)) as found:
        yield found


def told(answer: Stale) -> dict[str | None, tuple[str, list[str]]]:
    return {each.cell_id: (each.reason, list(each.names)) for each in answer.stale}


@pytest.mark.parametrize("name", CASES)
def test_stale_cells_and_reasons(name: str, database: Database) -> None:
    number = list(CASES).index(name)
    found = told(stale_cells(database))
    mine = {cell: why for cell, why in found.items() if cell in {f"{c}{number}" for c in "abc"}}
    assert mine == {
        f"{cell}{number}": (reason, [named(each, number) for each in names])
        for cell, (reason, names) in CASES[name][1].items()
    }


@pytest.mark.parametrize(
    ("present", "stale"),
    [("x0 = 1", {}), ("x0  =  1  # one", {}), ("x0 = 3", {"a0": "edited", "b0": "upstream"})],
)
def test_edits_that_a_frontend_tells_of(
    present: str, stale: dict[str, str], database: Database
) -> None:
    answer = stale_cells(database, sources={"a0": present})
    assert answer.edits
    assert {
        each.cell_id: each.reason for each in answer.stale if str(each.cell_id)[1:] == "0"
    } == stale


@pytest.mark.slow
def test_edits_are_read_from_the_notebooks_file(tmp_path: Path) -> None:
    path = tmp_path / "study.ipynb"
    kernel = Kernel(tmp_path, env={"JPY_SESSION_NAME": str(path)})
    try:
        for cell, source in (("a", "x = 1"), ("b", "y = x")):
            kernel.execute(source, metadata={"cellId": cell})
    finally:
        kernel.stop()
    cells = [nbformat.v4.new_code_cell(each) for each in ("x = 4", "y = x")]
    for cell, name in zip(cells, "ab", strict=True):
        cell["id"] = name
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    with closing(naming.open_database(str(tmp_path / DEFAULT), tmp_path)) as database:
        answer = stale_cells(database)
    assert told(answer) == {"a": ("edited", []), "b": ("upstream", ["x"])}
    assert json.dumps(answer.rows())
    assert "2 of 2 cells are stale" in registry.text(answer)
