"""What a record holds besides code is data in a script made of it, whoever wrote the record."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from provenance_kernel.trials.slicing.script import notebook, script
from provenance_kernel.trials.slicing.slice import Part, Slice

HOSTILE = [
    "load\nimport os; os.abort()",
    "load\r\nraise SystemExit",
    "load\rraise SystemExit",
    "load\x0craise SystemExit",
    "load\x0braise SystemExit",
    "load\x1craise SystemExit",
    "load\x85raise SystemExit",
    "load\u2028raise SystemExit",
    "load\\\nraise SystemExit",
    '"""\nraise SystemExit\n"""',
    "load\x1b[2Jgone",
    "load\x9b2Jgone",
    "load\u202egnol",
    "load\x00gone",
    "load\ud800gone",
]


def made(hostile: str) -> Slice:
    # A column of a database without types holds what somebody put there.
    position: Any = hostile
    part = Part(position, "1", 1, None, (hostile, "fit"), ("x = 1",), 1, whole=True)
    return Slice(
        hostile, hostile, hostile, position, hostile, hostile, None, (part,), 1, 1,
        vouched=False, reasons=(hostile,), checked=hostile,
    )  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_script_has_the_code_of_cells_alone(hostile: str) -> None:
    text = script(made(hostile))
    assert ast.unparse(ast.parse(text)) == "x = 1"
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_notebook_has_the_code_of_cells_alone(hostile: str) -> None:
    said, code = notebook(made(hostile)).cells
    assert code.source == "x = 1"
    assert all(line.startswith("    ") for line in said.source.splitlines())
