"""Differences of a namespace show what was bound and unbound, and keep nothing alive."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest

from provenance_kernel.dataflow import Snapshot
from provenance_kernel.dataflow import namespace as module
from provenance_kernel.dataflow.namespace import Difference, is_history, is_shells_own


def difference(
    before: dict[str, Any], after: dict[str, Any], hidden: dict[str, object] | None = None
) -> Difference:
    return Snapshot(before).difference(Snapshot(after), hidden or {})


ONE, TWO, THREE = object(), object(), object()


def test_nothing_changed() -> None:
    found = difference({"x": ONE}, {"x": ONE})
    assert (found.added, found.changed, found.removed) == (set(), set(), set())


def test_added_changed_and_removed() -> None:
    found = difference({"x": ONE, "y": ONE, "z": ONE}, {"y": TWO, "z": ONE, "w": THREE})
    assert (found.added, found.changed, found.removed) == ({"w"}, {"y"}, {"x"})


def test_added_and_changed_with_the_order_kept() -> None:
    found = difference({"x": ONE, "y": ONE}, {"x": ONE, "y": TWO, "w": THREE})
    assert (found.added, found.changed, found.removed) == ({"w"}, {"y"}, set())


def test_unbound_and_bound_again() -> None:
    found = difference({"x": ONE, "y": ONE}, {"y": ONE, "x": ONE})
    assert (found.added, found.changed, found.removed) == (set(), set(), set())


def test_the_shells_doings_are_left_out() -> None:
    before = {"_": ONE, "__": ONE, "_3": ONE}
    after = {"_": TWO, "_i4": TWO, "_exit_code": TWO, "hidden": TWO, "taken": TWO}
    found = difference(before, after, {"hidden": TWO, "taken": ONE})
    assert (found.added, found.changed, found.removed) == ({"taken"}, set(), set())
    assert found.lost == {"__", "_3"}


def test_names_that_are_no_text_are_left_out() -> None:
    before: dict[Any, Any] = {2: ONE}
    after: dict[Any, Any] = {1: ONE, "x": ONE}
    found = difference(before, after)
    assert (found.added, found.changed, found.removed) == ({"x"}, set(), set())


# With no more than three names looked at; what was added, changed and removed.
MANY = [
    ("abc", "abcd", "", "", ""),
    ("abcd", "abcde", "", "", ""),
    ("ab", "abcd", "c", "", ""),
    ("ab", "aBcd", "c", "b", ""),
    ("abcd", "aBcde", "", "b", ""),
    ("abcde", "acde", "", "", "b"),
    ("abcd", "bc", "", "", "a"),
    ("abcd", "ab", "", "", "c"),
]


@pytest.mark.parametrize(("before", "after", "added", "changed", "removed"), MANY)
def test_of_many_names_the_first_are_looked_at(
    before: str,
    after: str,
    added: str,
    changed: str,
    removed: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_NAMES", 3)

    def named(names: str) -> dict[str, Any]:
        return {each.lower(): TWO if each.isupper() else ONE for each in names}

    found = difference(named(before), named(after))
    assert (found.added, found.changed, found.removed) == (set(added), set(changed), set(removed))
    assert Snapshot(named(after)).left_out == max(0, len(after) - 3)


def test_nothing_is_kept_alive() -> None:
    class Kept:
        pass

    namespace: dict[str, Any] = {"x": Kept(), "C": Kept}
    gone = [weakref.ref(namespace["x"]), weakref.ref(Kept)]
    del Kept
    before = Snapshot(namespace)
    namespace.clear()
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
    assert before.difference(Snapshot(namespace), {}).removed == {"x", "C"}


def test_values_are_not_asked_anything() -> None:
    class Silent:
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(name)

        def __eq__(self, other: object) -> bool:
            raise AssertionError

        __hash__ = None  # type: ignore[assignment]

    assert difference({}, {"x": Silent()}).added == {"x"}


def test_other_threads_may_bind_names_meanwhile() -> None:
    namespace: dict[str, Any] = {}
    stop = threading.Event()

    def bind() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            namespace[f"n{turn % 300}"] = turn
            namespace.pop(f"n{(turn * 7) % 300}", None)

    thread = threading.Thread(target=bind)
    thread.start()
    try:
        for _ in range(300):
            Snapshot(namespace).difference(Snapshot(namespace), {})
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("name", ["_", "___", "_12", "Out", "Out[3]", "_oh[3]", "In", "_i", "_i7"])
def test_history(name: str) -> None:
    assert is_history(name)


@pytest.mark.parametrize("name", ["x", "____", "_x", "_1x", "Output", "Inner", "_dh", "", "_ii_"])
def test_no_history(name: str) -> None:
    assert not is_history(name)


@pytest.mark.parametrize("name", ["x", "_x", "__version__", "____", "In2", "o", "exits", "_i_"])
def test_users_names(name: str) -> None:
    assert not is_shells_own(name)
