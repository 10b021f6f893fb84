"""Tables of answers, and rows as CSV that no spreadsheet obeys."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest

from provenance_kernel.display import registry, tables
from provenance_kernel.trials.query.values import ValueRow, Values

ROW = ValueRow(
    trial_id="id",
    prefix="id",
    notebook="/x/<b>.ipynb",
    started_at=datetime(2026, 3, 1, tzinfo=UTC),
    position=3,
    role="metric",
    value=0.5,
    number=0.5,
    status="finished",
)
VALUES = Values("f<1>", (ROW,), 2)


def test_values_as_html() -> None:
    found = registry.bundle(VALUES)["text/html"]
    assert "&lt;b&gt;.ipynb" in found
    assert "f&lt;1&gt;" in found
    assert ">0.5<" in found
    assert "1 of 2 values" in found


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-x", "'-x"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        (" =1", "' =1"),
        ("\n=1", "'\n=1"),
        ("a,b", "a,b"),
        ('say "x"', 'say "x"'),
        (-1.5, "-1.5"),
        (True, "True"),
        (None, ""),
        (["=x"], '["=x"]'),
    ],
)
def test_csv_holds_no_formulas(value: object, written: str) -> None:
    text = tables.as_csv([{"a": value, "b": 1}])
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["a", "b"], [written, "1"]]


def test_csv_of_nothing_has_its_headings() -> None:
    assert tables.as_csv([], ("a", "b")) == "a,b\n"
