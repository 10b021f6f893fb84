"""A case: cells, and what each is expected to read, write, delete and depend on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """Names separated by blanks; `after` as `1:x`: the first cell made the `x` this one read.

    `mutates` is given to the ledger, as digests would find it; `raises` names the error;
    `unseen` are reads, or their sources, that cannot be told unless the run is observed.
    """

    source: str
    reads: str = ""
    writes: str = ""
    deletes: str = ""
    after: str = ""
    mutates: str = ""
    raises: str = ""
    unseen: str = ""


@dataclass(frozen=True)
class Case:
    """Cells of one session, in the order in which they run."""

    name: str
    cells: tuple[Cell, ...]
    python: tuple[int, int] = (3, 11)


def case(name: str, *cells: Cell, python: tuple[int, int] = (3, 11)) -> Case:
    return Case(name, cells, python)


# First cells that many cases share.
X = Cell("x = 1000", writes="x")
XY = Cell("x = 1000; y = 2000", writes="x y")
XS = Cell("xs = [1, 2, 3]", writes="xs")
