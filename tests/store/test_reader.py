"""Questions to the store: what comes out, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance_kernel.records import CellRun, StageTag
from provenance_kernel.store import reader
from provenance_kernel.store.store import Store
from store.samples import a_code, a_run, a_tag, a_trial, minutes


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "x.db")
    yield store
    store.close()


def test_trials_come_the_latest_first(store: Store) -> None:
    trials = [a_trial(started_at=minutes(each)) for each in (2, 0, 1, 1)]
    store.put(trials)
    latest, first, one, other = trials
    assert reader.trials(store.database) == [latest, other, one, first]
    assert reader.trials(store.database, 2) == [latest, other]
    assert reader.trials(store.database, 2, 3) == [first]
    assert reader.trials(store.database, 1, 2**62) == []


@pytest.mark.parametrize("count", [3, 600])
def test_the_trials_beside_one_by_id(store: Store, count: int) -> None:
    ids = [f"{each:04}" for each in range(count)]
    store.put([a_trial(id=each) for each in ids])
    found = reader.neighbours(store.database, [*ids, "none"])
    assert [found[each] for each in ids] == list(zip(["", *ids[:-1]], [*ids[1:], ""], strict=True))


def test_trials_by_the_beginning_of_their_id(store: Store) -> None:
    names = ["0a", "0a-1", "0a-2", "0b", "0f", "0fff"]
    store.put([a_trial(id=each) for each in names])

    def found(prefix: str, limit: int = 9) -> list[str]:
        return [each.id for each in reader.trials_by_prefix(store.database, prefix, limit)]

    assert found("0a") == ["0a", "0a-1", "0a-2"]
    assert found("0a", 2) == ["0a", "0a-1"]
    assert found("0a-2") == ["0a-2"]
    assert found("0f") == ["0f", "0fff"]
    assert found("1") == []


def test_how_many_cell_runs_of_each_status(store: Store) -> None:
    one, other, empty = a_trial(), a_trial(), a_trial()
    store.put([one, other, empty])
    store.put([a_run(one, status=each) for each in ("ok", "ok", "error", "died")])
    store.put([a_run(other)])
    assert reader.cell_run_counts(store.database, [one.id, empty.id]) == {
        one.id: {"ok": 2, "error": 1, "died": 1},
        empty.id: {},
    }
    assert reader.cell_run_counts(store.database, []) == {}


def test_cell_runs_come_by_position_and_tags_as_they_were_made(store: Store) -> None:
    trial, other = a_trial(), a_trial()
    runs = [a_run(trial, position=each) for each in (3, 1, 2)]
    tags = [a_tag(runs[0], "b"), a_tag(runs[0], "a"), a_tag(runs[1], "c")]
    store.put([trial, *runs, *reversed(tags), a_run(other), a_tag(a_run(other), "d")])
    assert [each.position for each in reader.of_trial(store.database, CellRun, trial.id)] == [
        1,
        2,
        3,
    ]
    assert reader.of_trial(store.database, StageTag, trial.id) == tags


def test_codes_are_found_however_many_are_asked_for(store: Store) -> None:
    codes = {each.hash: each for each in (a_code(f"x = {number}") for number in range(1203))}
    store.put(list(codes.values()))
    assert reader.codes(store.database, list(codes)) == codes
    assert reader.codes(store.database, []) == {}
