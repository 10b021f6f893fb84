"""The rows that cells leave of their statements, recorded in a shell."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.cells import record_cells


@dataclass(frozen=True)
class Row:
    text: str
    status: str
    reads: str
    writes: str
    changes: str
    calls: str
    opaque: str | None


def rows_of(folder: Path, *cells: str) -> list[Row]:
    record_cells(folder, cells)
    query = (
        "SELECT source, line, end_line, s.status, reads, writes, changes, calls, opaque"
        " FROM statement s JOIN cell_run c ON c.id = s.cell_run_id JOIN code ON hash = code_hash"
        " ORDER BY c.position, s.position"
    )
    with closing(sqlite3.connect(folder / ".provenance" / "provenance.db")) as database:
        assert database.execute("SELECT message FROM event WHERE kind = 'fault'").fetchall() == []
        return [
            Row(
                "\n".join(source.split("\n")[line - 1 : end]),
                status,
                *(" ".join(json.loads(names)) for names in lists),
                opaque,
            )
            for source, line, end, status, *lists, opaque in database.execute(query)
        ]


@dataclass(frozen=True)
class Case:
    """Cells, and the rows of the last one; of the rows before it nothing is said."""

    id: str
    cells: tuple[str, ...]
    rows: tuple[Row, ...]


def case(id: str, *cells: str, rows: list[tuple[str, ...]]) -> Case:
    made = [
        Row(text, "ran", *(names + ("",) * 4)[:4], None)
        for text, *rest in rows
        for names in [tuple(rest)]
    ]
    return Case(id, cells, tuple(made))


CASES = [
    case("plain", "x = 1", rows=[("x = 1", "", "x")]),
    case(
        "each its own",
        "a = 1\nb = a + len('x')\n",
        rows=[("a = 1", "", "a"), ("b = a + len('x')", "a", "b", "", "len")],
    ),
    case("may have been bound", "x = 1", "if x > 1:\n    y = 2\nelse:\n    x = 3",
         rows=[("if x > 1:\n    y = 2\nelse:\n    x = 3", "x", "x", "x")]),
    case("in place", "a = []", "a.append(1)", rows=[("a.append(1)", "a", "", "a", "a.append")]),
    case("through an alias", "a = [1]\nb = a", "b.append(2)",
         rows=[("b.append(2)", "b", "", "a b", "b.append")]),
    case("through an alias that is gone", "a = [1]", "b = a\nb.append(2)\nb = 0",
         rows=[("b = a", "a", "b"), ("b.append(2)", "b", "", "a b", "b.append"),
               ("b = 0", "", "b")]),
    case("a view", "import numpy as np\na = np.zeros(4)\nv = a[1:]\nw = a + 1", "v[0] = 5",
         rows=[("v[0] = 5", "v", "", "a v")]),
    case("no view", "import numpy as np\na = np.zeros(4)\nv = a[1:]\nw = a + 1", "w[0] = 5",
         rows=[("w[0] = 5", "w", "", "w")]),
    case("an estimator has no part of its data",
         "import numpy as np\nfrom sklearn.preprocessing import StandardScaler\n"
         "X = np.arange(6.).reshape(3, 2)\nm = StandardScaler()",
         "m.fit(X)", "X[0, 0] = 1",
         rows=[("X[0, 0] = 1", "X", "", "X")]),
    case("what functions read", "k = 2\ndef f(): return k", "y = f()",
         rows=[("y = f()", "f k", "y", "", "f")]),
    case("what functions bind", "n = 1\ndef f():\n    global n\n    n = 2", "f()",
         rows=[("f()", "f", "n", "", "f")]),
    case("what functions change", "a = []\ndef f(): a.append(1)", "f()",
         rows=[("f()", "a f", "", "a", "f")]),
    case("what a function keeps", "def f(x, seen=[]):\n    seen.append(x)", "f(1)",
         rows=[("f(1)", "f", "", "f", "f")]),
    case("a library's names", "import numpy as np\nr = [3, 1]", "x = np.sort(r)",
         rows=[("x = np.sort(r)", "np r", "x", "", "numpy.sort")]),
    case("a builtin of the user's", "def min(a): return a", "x = min(3)",
         rows=[("x = min(3)", "min", "x", "", "min")]),
    case("drawn", "import random", "x = random.random()",
         rows=[("x = random.random()", "%random:python random", "x", "%random:python",
                "random.random")]),
    case("seeded", "import random", "random.seed(3)",
         rows=[("random.seed(3)", "random", "%random:python", "", "random.seed")]),
    case("written and read", "open('a', 'w').write('1')", "x = open('a').read()",
         rows=[("x = open('a').read()", "%file:a", "x", "%file:a", "open")]),
    case("only read", "x = open('/etc/hostname').read()",
         rows=[("x = open('/etc/hostname').read()", "", "x", "", "open")]),
    case("the process", "import os", "os.environ['A'] = '1'",
         rows=[("os.environ['A'] = '1'", "%process os", "", "%process")]),
    case("annotations that nobody evaluates",
         "from __future__ import annotations\nT = int", "x: T = 1",
         rows=[("x: T = 1", "", "x")]),
    case("a blank line first", "\n\nx = 1", rows=[("x = 1", "", "x")]),
    case("under a magic", "%%time\nx = 1\ny = x", rows=[("x = 1", "", "x"), ("y = x", "x", "y")]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_statements_of_the_last_cell(case: Case, tmp_path: Path) -> None:
    found = rows_of(tmp_path / "trial", *case.cells)
    assert tuple(found[-len(case.rows) :]) == case.rows


STOPPED = [
    ("a = 1\nb = 1 / 0\nc = 2", ["ran", "raised", "not_reached"]),
    ("a = 1\nfor x in 'ab':\n    int(x)\nc = 2", ["ran", "raised", "not_reached"]),
    ("def f(): 1 / 0\nf()\nc = 2", ["ran", "raised", "not_reached"]),
    ("a = 1\nraise SystemExit", ["ran", "raised"]),
]


@pytest.mark.parametrize(("source", "statuses"), STOPPED)
def test_which_statement_raised(source: str, statuses: list[str], tmp_path: Path) -> None:
    assert [row.status for row in rows_of(tmp_path / "trial", source)] == statuses


OPAQUE = [
    ("a = 1\nexec('b = 2')", "`exec` may read and bind names that the source does not show"),
    ("from os import *", "`from os import *` binds names that the source does not show"),
    ("a = 1\n!true", "it runs commands of IPython or of the system"),
    ("a = 1; b = 1 / 0", "it raised, and which of its statements had run is not recorded"),
    (
        "import sys\nsys._getframe().f_globals['c'] = 1",
        "it may use names that the source does not show",
    ),
    ("raise KeyboardInterrupt", "it was interrupted at a moment that cannot be found again"),
]


@pytest.mark.parametrize(("source", "reason"), OPAQUE)
def test_what_was_not_seen_is_said(source: str, reason: str, tmp_path: Path) -> None:
    assert [row.opaque for row in rows_of(tmp_path / "trial", source)][-1] == reason
