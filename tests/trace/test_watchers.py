"""Functions that look at calls are not told of ours, and are set again as they were."""

from __future__ import annotations

import cProfile
import sys
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from provenance_kernel.recorder.guards import harmless
from provenance_kernel.trace import watchers


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    trace, profile = sys.gettrace(), sys.getprofile()
    yield
    sys.settrace(trace)
    sys.setprofile(profile)


class Looks:
    """A tracer and profiler, as a function and as a method."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def method(self, frame: FrameType, event: str, arg: object) -> Any:
        if event == "call":
            self.names.append(frame.f_code.co_name)
        return self.method


class Part:
    off = False

    def __init__(self) -> None:
        self.watched = False

    def inner(self) -> None:
        self.watched = watchers.watched("")

    @harmless
    def work(self) -> None:
        self.inner()

    def fault(self, where: str, error: BaseException) -> None:
        raise error


@pytest.mark.parametrize("sets", [[sys.settrace], [sys.setprofile], [sys.settrace, sys.setprofile]])
def test_our_work_is_not_seen_and_is_known_to_be_watched(sets: list[Any]) -> None:
    looks, part = Looks(), Part()
    sys.settrace(None)
    for each in sets:
        each(looks.method)
    part.work()
    found = sys.gettrace(), sys.getprofile()
    for each in sets:
        each(None)
    assert part.watched
    assert "guarded" in looks.names
    assert "inner" not in looks.names
    assert found == (
        looks.method if sys.settrace in sets else None,
        looks.method if sys.setprofile in sets else None,
    )
    part.work()
    assert not part.watched


def test_what_fails_sets_them_again() -> None:
    looks = Looks()
    sys.setprofile(looks.method)
    within: list[object] = []
    with suppress(ValueError), watchers.Unseen():
        within.append(sys.getprofile())
        raise ValueError
    assert within == [None]
    assert sys.getprofile() == looks.method


def test_profilers_that_are_no_functions_stay() -> None:
    profiler = cProfile.Profile()
    profiler.enable()
    before = sys.getprofile()
    with watchers.Unseen():
        within = sys.getprofile()
    profiler.disable()
    assert within is before


def test_debuggers_stay() -> None:
    names: dict[str, Any] = {"__name__": "pydevd"}
    exec("def trace(frame, event, arg): return None", names)
    sys.settrace(names["trace"])
    with watchers.Unseen():
        within = sys.gettrace()
    sys.settrace(None)
    assert within is names["trace"]
