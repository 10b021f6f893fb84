"""Cells run in a shell read, write, delete and depend on exactly what the tables of cases say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import cases_binding, cases_flow, cases_functions, cases_scopes, cases_shell
from .case import Case, Cell
from .session import Knowledge, Session

CASES = (
    *cases_binding.CASES,
    *cases_scopes.CASES,
    *cases_flow.CASES,
    *cases_functions.CASES,
    *cases_shell.CASES,
)
CALLING = (*cases_functions.CASES, *cases_scopes.CASES)


def names(text: str) -> set[str]:
    return set(text.split())


def sources(cell: Cell) -> set[tuple[int, str]]:
    pairs = (word.split(":") for word in cell.after.split())
    return {(int(run), name) for run, name in pairs}


def skip_unless_it_parses(case: Case) -> None:
    if sys.version_info < case.python:
        pytest.skip(f"its syntax is that of Python {case.python[0]}.{case.python[1]}")


@pytest.fixture(scope="module", params=["traced", "nothing"])
def session(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    knowledge: Knowledge = request.param
    made = Session(tmp_path_factory.mktemp("ipython"), knowledge)
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, session: Session, tmp_path: Path) -> None:
    skip_unless_it_parses(case)
    script = tmp_path / "script.py"
    script.write_text("from_script = [1]\n")
    session.restart()
    # Where calls are not observed, what could be called counts.
    calls = sys.version_info >= (3, 12) or case not in CALLING
    exact = session.knowledge == "traced" and calls
    for number, cell in enumerate(case.cells, start=1):
        source = cell.source.replace("{script}", str(script))
        ran = session.run(source, frozenset(names(cell.mutates)))
        assert (type(ran.error).__name__ if ran.error else "") == cell.raises, number
        reads, found = ran.use.reads, ran.sources
        if not exact:
            # What was not observed may have been read; nothing that was read is missed.
            unseen = names(cell.unseen)
            assert reads >= names(cell.reads) - unseen, number
            assert found >= {pair for pair in sources(cell) if pair[1] not in unseen}, number
            assert (number, ran.use.writes - names(cell.writes)) == (number, set())
            assert names(cell.writes) - ran.use.writes <= ran.use.maybe, number
        else:
            assert (number, reads) == (number, names(cell.reads))
            assert (number, found) == (number, sources(cell))
            assert (number, ran.use.writes) == (number, names(cell.writes))
        assert (number, ran.use.deletes) == (number, names(cell.deletes))


def test_there_are_many_cases_and_each_has_a_name() -> None:
    assert len(CASES) >= 200
    assert len({case.name for case in CASES}) == len(CASES)
