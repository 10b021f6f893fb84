"""Notebooks to slice, from `notebooks/*.txt`: their cells as they ran, and the value asked for.

In a table a line `==== name -> value` opens a case and `----` its next cell; a cell that stands
there twice ran twice, one that differs from an earlier was edited. Of an `---- unused` cell the
slice must hold nothing. Lines `>> text` and `<< text` name lines that it must and must not hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEADER = re.compile(r"==== (?P<id>\w+) -> (?P<name>\w+)")


@dataclass(frozen=True)
class Case:
    """`kept` and `left` are lines, `unused` the positions of cells."""

    id: str
    name: str
    cells: tuple[str, ...]
    unused: frozenset[int]
    kept: tuple[str, ...]
    left: tuple[str, ...]


def read_table(text: str) -> Iterator[Case]:
    """Yield the cases of one text table."""
    for block in re.split(r"^(?=={4} )", text, flags=re.MULTILINE)[1:]:
        head, _, body = block.partition("\n")
        header = HEADER.fullmatch(head)
        if header is None:
            raise ValueError(f"not a case's header: {head!r}")
        lines = {">>": list[str](), "<<": list[str](), "": list[str]()}
        for line in body.splitlines():
            mark = line[:2] if line[:3] in (">> ", "<< ") else ""
            lines[mark].append(line[3:] if mark else line)
        cells = re.split(r"^----((?: unused)?)\n", "\n".join([*lines[""], ""]), flags=re.M)
        yield Case(
            header["id"],
            header["name"],
            cells=tuple(cell.strip("\n") for cell in cells[::2]),
            unused=frozenset(at for at, mark in enumerate(cells[1::2], 2) if mark),
            kept=tuple(lines[">>"]),
            left=tuple(lines["<<"]),
        )


CASES = [
    case
    for path in sorted(Path(__file__).with_name("notebooks").glob("*.txt"))
    for case in read_table(path.read_text(encoding="utf-8"))
]
