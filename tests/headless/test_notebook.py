"""Notebook files: read, written all or nothing, and given parameters."""

from __future__ import annotations

import ast
import datetime
import json
import math
import os
import resource
import stat
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from provenance_kernel.errors import NotebookError
from provenance_kernel.headless.notebook import inject, parse_value, read, read_parameters, write


def notebook(*cells: str | tuple[str, str]) -> NotebookNode:
    """A notebook of code cells, each its source or its source and a tag."""
    made = []
    for cell in cells:
        source, tags = (cell, []) if isinstance(cell, str) else (cell[0], [cell[1]])
        made.append(new_code_cell(source, metadata={"tags": tags} if tags else {}))
    return new_notebook(cells=made)


def sources(document: NotebookNode) -> list[str]:
    return [cell.source for cell in document.cells]


# -- reading --------------------------------------------------------------------------------------


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    document = notebook("x = 'é😀'", ("y = 1", "parameters"))
    write(document, tmp_path / "a.ipynb")
    assert read(tmp_path / "a.ipynb") == document


def test_a_notebook_of_format_3_is_read_in_format_4(tmp_path: Path) -> None:
    old = nbformat.convert(notebook("x = 1"), 3)
    (tmp_path / "a.ipynb").write_text(nbformat.v3.writes_json(old))
    assert sources(read(tmp_path / "a.ipynb")) == ["x = 1"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a Jupyter notebook"),
        (b"x = 1", "not a Jupyter notebook"),
        (b"[]", "not a Jupyter notebook"),
        (b"{}", "not a Jupyter notebook"),
        (b'{"nbformat": 4}', "not a Jupyter notebook"),
        (b'{"nbformat": 99, "nbformat_minor": 0}', "not a Jupyter notebook"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [7]}', "not a Jupyter"),
        (b"[" * 100_000, "not a Jupyter notebook"),
        (b"\xff\xfe", "can't decode byte 0xff"),
    ],
)
def test_what_is_no_notebook_is_told(
    content: bytes, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.ipynb").write_bytes(content)
    with pytest.raises(NotebookError, match=rf"a\.ipynb: .*{why}"):
        read(tmp_path / "a.ipynb")


def test_a_notebook_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match=r"a\.ipynb: No such file or directory"):
        read(tmp_path / "a.ipynb")


# -- writing --------------------------------------------------------------------------------------


def test_a_file_keeps_its_mode_and_a_new_one_gets_that_of_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    before = os.umask(0o027)
    try:
        write(notebook("1"), path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        write(notebook("2"), path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o604
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert sources(read(path)) == ["2"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    write(notebook("1"), tmp_path / "a" / "b" / "c.ipynb")
    assert sources(read(tmp_path / "a" / "b" / "c.ipynb")) == ["1"]


def test_a_link_stays_a_link_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    real, link = tmp_path / "real.ipynb", tmp_path / "link.ipynb"
    write(notebook("1"), real)
    link.symlink_to(real)
    write(notebook("2"), link)
    assert link.is_symlink()
    assert sources(read(real)) == ["2"]


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    write(notebook("1"), path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(NotebookError, match=r"a\.ipynb: cannot be written: File too large"):
            write(notebook("x" * 100_000), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sources(read(path)) == ["1"]
    assert list(tmp_path.iterdir()) == [path]


def test_half_a_surrogate_pair_in_a_cell_or_output_is_no_reason_to_lose_a_notebook(
    tmp_path: Path,
) -> None:
    write(notebook("x = '\ud83d'"), tmp_path / "a.ipynb")
    assert "x = " in sources(read(tmp_path / "a.ipynb"))[0]


def test_a_place_that_takes_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotebookError, match=r"a\.ipynb: cannot be written: (Not a dir|File ex)"):
        write(notebook("1"), tmp_path / "file" / "a.ipynb")
    (tmp_path / "folder").mkdir()
    with pytest.raises(NotebookError, match="folder: cannot be written: Is a directory"):
        write(notebook("1"), tmp_path / "folder")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]


# -- injecting ------------------------------------------------------------------------------------

INJECTED = "# Parameters\nlr = 0.1"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([], [INJECTED]),
        (["a"], [INJECTED, "a"]),
        (["a", ("b", "parameters"), "c"], ["a", "b", INJECTED, "c"]),
        ([("b", "parameters")], ["b", INJECTED]),
        (["a", ("b", "parameters"), ("c", "parameters")], ["a", "b", INJECTED, "c"]),
        (["a", ("old", "injected-parameters"), "c"], ["a", INJECTED, "c"]),
        ([("b", "parameters"), "c", ("old", "injected-parameters")], ["b", "c", INJECTED]),
    ],
)
def test_where_the_parameters_go(cells: list[Any], expected: list[str]) -> None:
    document = notebook(*cells)
    inject(document, {"lr": 0.1})
    assert sources(document) == expected
    (cell,) = [each for each in document.cells if each.source == INJECTED]
    assert cell.metadata.tags == ["injected-parameters"]
    nbformat.validate(document)


def test_injecting_again_replaces_what_was_injected_and_its_outputs() -> None:
    document = notebook(("lr = 1", "parameters"))
    inject(document, {"lr": 2})
    document.cells[1].outputs = [nbformat.v4.new_output("stream", text="2")]
    inject(document, {"lr": 3})
    assert sources(document) == ["lr = 1", "# Parameters\nlr = 3"]
    assert document.cells[1].outputs == []


def test_prose_tagged_parameters_is_no_cell_of_them() -> None:
    document = notebook("a")
    document.cells.insert(0, new_markdown_cell("p", metadata={"tags": ["parameters"]}))
    inject(document, {"lr": 0.1})
    assert sources(document) == [INJECTED, "p", "a"]


def test_without_parameters_the_notebook_is_as_it_was() -> None:
    document = notebook(("lr = 1", "parameters"), ("lr = 2", "injected-parameters"))
    before = document.copy()
    inject(document, {})
    assert document == before


def test_a_notebook_from_before_cells_had_ids_gets_none() -> None:
    document = notebook("a")
    document.nbformat_minor = 4
    del document.cells[0]["id"]
    inject(document, {"lr": 0.1})
    nbformat.validate(document)
    assert "id" not in document.cells[0]


VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    2**100,
    0.1,
    -0.0,
    1e300,
    math.inf,
    -math.inf,
    "",
    "it's",
    'say "hi"',
    "both ' and \"",
    "a\nb\tc\\d\0",
    "é 😀 \u202e",
    "\ud83d",
    "'''",
    "{x} %s",
    [],
    {},
    [1, [2, [3, None]]],
    {"a": {"b": [True, math.inf]}, "": "'"},
    {"a b": 1, "class": 2},
    {1: "a", None: "b", 0.5: "c"},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_is_the_same_in_the_notebook(value: object) -> None:
    document = notebook()
    inject(document, {"été": value, "last": 1})
    names: dict[str, object] = {}
    exec(document.cells[0].source, {}, names)
    assert names == {"été": value, "last": 1}
    assert math.copysign(1, value) == math.copysign(1, names["été"]) if value == 0.0 else True  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value", [math.nan, [math.nan], {"a": math.nan}, {math.nan: 1}, {math.inf: 1}], ids=repr
)
def test_a_value_that_is_no_number_is_written_as_one_can(value: object) -> None:
    document = notebook()
    inject(document, {"x": value})
    names: dict[str, object] = {}
    exec(document.cells[0].source, {}, names)
    assert repr(names["x"]) == repr(value)


@pytest.mark.parametrize("name", ["", "1a", "a b", "a.b", "a-b", "a=1;b", "class", "None", "a\n"])
def test_a_name_that_python_cannot_have_is_refused(name: str) -> None:
    document = notebook("a")
    with pytest.raises(NotebookError, match="is no Python name") as error:
        inject(document, {name: 1})
    assert repr(name) in str(error.value)
    assert sources(document) == ["a"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (datetime.date(2026, 1, 1), "date"),
        ([datetime.date(2026, 1, 1)], "date"),
        ({"a": {1}}, "set"),
        ([{1}], "set"),
        ({datetime.date(2026, 1, 1): 1}, "date"),
    ],
    ids=repr,
)
def test_a_value_without_a_literal_is_refused_by_its_kind(value: object, kind: str) -> None:
    with pytest.raises(NotebookError, match=f"parameter 'x': a {kind} cannot be written"):
        inject(notebook(), {"x": value})


# -- what is typed --------------------------------------------------------------------------------

TYPED = [
    ("1", 1),
    ("-1", -1),
    ("0.5", 0.5),
    ("1e-3", 0.001),
    ("1_000", 1000),
    ("0x10", 16),
    ("true", True),
    ("True", True),
    ("FALSE", False),
    ("null", None),
    ("None", None),
    ("inf", math.inf),
    ("-Inf", -math.inf),
    ("'1'", "1"),
    ('"a b"', "a b"),
    ("[1, 'a', None]", [1, "a", None]),
    ("(1, 2)", [1, 2]),
    ("1,", [1]),
    ("{'a': [1]}", {"a": [1]}),
    ('{"a": 1.5}', {"a": 1.5}),
    ('{"a": true, "b": [null, false]}', {"a": True, "b": [None, False]}),
    ("[[1, 2], [3]]", [[1, 2], [3]]),
    # What is no literal is text.
    ("", ""),
    (" ", " "),
    ("ada", "ada"),
    ("a b", "a b"),
    ("007", "007"),
    ("1.2.3", "1.2.3"),
    ("2026-01-01", "2026-01-01"),
    ("data/x.csv", "data/x.csv"),
    ("C:\\data", "C:\\data"),
    ("--flag", "--flag"),
    ("[1, x]", "[1, x]"),
    ("f(1)", "f(1)"),
    ("1 + 1", "1 + 1"),
    ("1+2j", "1+2j"),
    ("b'a'", "b'a'"),
    ("...", "..."),
    ("{1, 2}", "{1, 2}"),
    ("'a", "'a"),
    ("é", "é"),
    ("(" * 500, "(" * 500),
    ("[" * 100_000, "[" * 100_000),
    ("9" * 5000, "9" * 5000),
]


@pytest.mark.parametrize(("text", "value"), TYPED, ids=[each[:40] for each, _ in TYPED])
def test_what_a_typed_value_means(text: str, value: object) -> None:
    found = parse_value(text)
    assert (type(found), found) == (type(value), value)


def test_what_is_no_number_is_one_nan() -> None:
    assert math.isnan(parse_value("NaN"))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["[(1, 2), (3, 4)]", "{'a': (1, 2)}", "{(1, 2): 3}"])
def test_whatever_may_be_typed_may_be_injected(text: str) -> None:
    document = notebook()
    inject(document, {"x": parse_value(text)})
    ast.parse(document.cells[0].source)


# -- files of parameters --------------------------------------------------------------------------

FILES = [
    ("p.json", '{"lr": 0.1, "name": "é", "grid": [1, {"a": null}]}'),
    ("p.JSON", '{"lr": 0.1}'),
    ("p.txt", '{"lr": 0.1}'),
    ("p.toml", 'lr = 0.1\nname = "é"\n[grid]\na = [1, 2]'),
    ("p.yaml", "lr: 0.1\nname: é\ngrid:\n  a: [1, 2]"),
    ("p.yml", "lr: 0.1"),
]


@pytest.mark.parametrize(("name", "text"), FILES)
def test_a_file_of_parameters(name: str, text: str, tmp_path: Path) -> None:
    if name.startswith("p.y"):
        pytest.importorskip("yaml", reason="PyYAML is optional")
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = read_parameters(tmp_path / name)
    assert found["lr"] == 0.1
    assert found.get("name", "é") == "é"
    inject(notebook(), found)


BAD_FILES = [
    ("p.json", b"", "Expecting value"),
    ("p.json", b"lr = 1", "Expecting value"),
    ("p.json", b"\xff", "can't decode"),
    ("p.json", b"[1]", "it should hold names and their values"),
    ("p.json", b"null", "it should hold names and their values"),
    ("p.json", b"[" * 100_000, ""),
    ("p.toml", b"lr: 1", ""),
    ("p.toml", b'lr = "', ""),
    ("p.yaml", b"a: [", ""),
    ("p.yaml", b"- 1", "it should hold names and their values"),
    ("p.yaml", b"", "it should hold names and their values"),
    ("p.yaml", b"1: a", "it should hold names and their values"),
    ("p.yaml", b"a: !!python/object:os.system x", ""),
]


@pytest.mark.parametrize(("name", "content", "why"), BAD_FILES)
def test_a_bad_file_of_parameters_is_told(
    name: str, content: bytes, why: str, tmp_path: Path
) -> None:
    if name == "p.yaml":
        pytest.importorskip("yaml", reason="PyYAML is optional")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(NotebookError, match=rf"{name}: .*{why}"):
        read_parameters(tmp_path / name)


def test_a_file_of_parameters_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match=r"p\.json: No such file"):
        read_parameters(tmp_path / "p.json")


def test_yaml_without_pyyaml_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "p.yaml").write_text("lr: 1")
    with pytest.raises(NotebookError, match="pip install pyyaml"):
        read_parameters(tmp_path / "p.yaml")


def test_json_of_a_notebook_is_of_a_notebook(tmp_path: Path) -> None:
    write(notebook("x"), tmp_path / "a.ipynb")
    assert json.loads((tmp_path / "a.ipynb").read_text())["nbformat"] == 4
