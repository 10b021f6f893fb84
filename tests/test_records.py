"""Records: their ids, and that nothing can change them on their way."""

from __future__ import annotations

import dataclasses
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from provenance_kernel import records, types
from provenance_kernel.records import Event, new_id, utc_now

RECORDS = [each for each in vars(records).values() if dataclasses.is_dataclass(each)]


def test_an_id_is_a_version_7_uuid_of_this_moment() -> None:
    before = datetime.now(UTC)
    made = uuid.UUID(new_id())
    after = datetime.now(UTC)
    moment = datetime.fromtimestamp((made.int >> 80) / 1000, UTC)
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert before - timedelta(milliseconds=1) <= moment <= after


def test_an_id_is_written_as_uuids_are() -> None:
    made = new_id()
    assert made == str(uuid.UUID(made))


def test_ids_sort_in_the_order_they_were_made() -> None:
    made = [new_id() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_ids_of_many_threads_are_all_different_and_each_threads_are_in_order() -> None:
    def some(_: int) -> list[str]:
        return [new_id() for _ in range(2_000)]

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(some, range(8)))
    assert all(each == sorted(each) for each in made)
    assert len({one for each in made for one in each}) == 16_000


def test_an_id_sorts_after_those_before_it_when_the_clock_is_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = new_id()
    monkeypatch.setattr(records.time, "time_ns", lambda: 1)
    assert before < new_id() < new_id()


def test_making_ids_draws_nothing_from_the_users_generator() -> None:
    import random

    state = random.getstate()
    new_id()
    assert random.getstate() == state


def test_now_is_in_utc() -> None:
    assert utc_now().utcoffset() == timedelta(0)


@pytest.mark.parametrize("record", RECORDS, ids=lambda each: each.__name__)
def test_a_record_is_frozen_slotted_and_described(record: type) -> None:
    assert record.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__dict__" not in dir(record)
    assert record.__doc__
    assert not record.__doc__.startswith(f"{record.__name__}(")


def test_a_record_cannot_be_changed() -> None:
    event = Event(new_id(), new_id(), None, "fault", "why", utc_now())
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.kind = "other"  # type: ignore[misc]


def test_the_words_of_the_contract() -> None:
    assert get_args(types.TrialKind) == ("interactive", "run", "verify", "intervention")
    assert get_args(types.TrialStatus) == ("running", "finished", "died")
    assert get_args(types.RunStatus) == (
        "running",
        "ok",
        "error",
        "interrupted",
        "aborted",
        "died",
    )
    assert get_args(types.StageOrigin) == ("metadata", "comment", "call")
