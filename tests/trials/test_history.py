"""A trial read whole, or, of one with very many runs, some of them: what is said, what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from peewee import Database

from benchmarks.many_trials import Shape, make
from provenance_kernel.display import registry
from provenance_kernel.trials.compare.compare import compare, compare_many
from provenance_kernel.trials.history import MOST_RUNS, bounded, read_history
from provenance_kernel.trials.lineage.lineage import lineage_of
from provenance_kernel.trials.query import naming
from provenance_kernel.trials.query.detail import show_trial
from provenance_kernel.trials.slicing.slice import slice_of
from provenance_kernel.trials.stale import stale_cells

LENGTH = 2 * MOST_RUNS
TOLD = f"only runs {MOST_RUNS + 1} to {LENGTH} are looked at"


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path = tmp_path_factory.mktemp("long") / "long.db"
    make(path, 1, Shape(runs=LENGTH, calls=1, results=LENGTH // 10))
    with closing(naming.open_database(str(path), path.parent)) as opened:
        yield opened


def steps(database: Any, name: str) -> int:
    """Return how many times a thousand steps SQLite takes to read what is meant by a name."""
    taken: list[None] = []
    trial = naming.find_trial(database, name)
    database.connection().set_progress_handler(lambda: taken.append(None), 1000)
    read_history(database, bounded(database, trial, "f1"))
    return len(taken)


def test_reading_costs_no_more_than_what_is_looked_at(long: Database) -> None:
    assert steps(long, "latest") < 2 * steps(long, f"latest@{MOST_RUNS}")


@pytest.mark.parametrize(
    ("ask", "others"),
    [
        (show_trial, 0),
        (compare, 1),
        (lambda database, *trials: compare_many(database, trials[0], trials[1:]), 2),
        (lambda database, trial: lineage_of(database, "f1", trial), 0),
        (lambda database, trial: stale_cells(database, trial), 0),
    ],
    ids=["show", "compare", "compare many", "lineage", "stale"],
)
def test_what_is_left_out_is_said(long: Database, ask: Callable[..., Any], others: int) -> None:
    trials = [naming.find_trial(long, each) for each in ("latest@9", "latest@19")[:others]]
    answer = ask(long, *trials, naming.find_trial(long, "latest"))
    assert TOLD in answer.left_out
    assert TOLD in registry.text(answer).splitlines()[-1]
    assert ask(long, *trials, naming.find_trial(long, "latest@29")).left_out is None


def test_a_slice_does_not_vouch_for_what_was_not_looked_at(long: Database) -> None:
    answer = slice_of(long, "f1", "latest")
    assert not answer.vouched
    assert any(TOLD in each for each in answer.reasons)
    assert slice_of(long, "f1", "latest@29").vouched


def test_a_name_is_found_where_it_was_made_last(long: Database) -> None:
    run = naming.find_trial(long, "latest@1009")
    long.execute_sql(
        "UPDATE variable SET name = 'early' WHERE name = 'x9' AND cell_run_id = "
        "(SELECT id FROM cell_run WHERE position = 1009)"
    )
    assert lineage_of(long, "early", "latest").position == 1009
    assert bounded(long, run) is run
