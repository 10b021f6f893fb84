"""How statements are cut from a cell's source."""

from __future__ import annotations

import pytest

from provenance_kernel.trials.slicing.text import texts_of


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a = 1; b = (\n  2)", ["a = 1", "b = (\n  2)"]),
        ("@f\ndef g(): pass\na = 1", ["@f\ndef g(): pass", "a = 1"]),
        ("a = 1\r\nb = 2", ["a = 1", "b = 2"]),
        ("# a comment\ra = 1", ["a = 1"]),
    ],
)
def test_statements_as_the_cell_has_them(source: str, expected: list[str]) -> None:
    _, texts = texts_of(source)
    assert [each.code for each in texts or []] == expected
