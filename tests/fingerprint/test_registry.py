"""The registry: other libraries say what their values consist of."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from provenance_kernel.fingerprint import Budget, fingerprint, register, registry


class Model:
    """Keeps what it is where attributes do not show."""

    def __init__(self, state: object) -> None:
        self.lock = threading.Lock()
        STATES[id(self)] = state


class Better(Model):
    pass


STATES: dict[int, object] = {}


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    by_type = dict(registry._by_type)
    by_name = {name: dict(targets) for name, targets in registry._by_name.items()}
    yield
    registry._by_type.clear()
    registry._by_type.update(by_type)
    registry._by_name.clear()
    registry._by_name.update(by_name)
    registry.known.clear()


def test_a_library_registers_its_type_or_its_name() -> None:
    assert fingerprint(Model(1)).exactness == "opaque"
    register(Model, lambda model: STATES[id(model)])
    assert fingerprint(Model([1])).exactness == "exact"
    assert fingerprint(Model([1])).digest == fingerprint(Model([1])).digest
    assert fingerprint(Model([1])).digest != fingerprint(Model([2])).digest
    assert fingerprint(Model([1])).digest != fingerprint([1]).digest


def test_a_name_reaches_subclasses_and_need_not_be_imported() -> None:
    register(f"{Model.__module__}.Model", lambda model: STATES[id(model)])
    register("not_imported.at.all.Thing", repr)
    assert fingerprint(Better({"a": 1})).exactness == "exact"
    assert fingerprint(Better(1)).digest != fingerprint(Model(1)).digest
    assert "not_imported" not in sys.modules


def test_a_function_that_raises_makes_the_value_opaque() -> None:
    def fail(model: object) -> object:
        raise RuntimeError("no")

    register(Model, fail)
    found = fingerprint(Model(1))
    assert (found.digest, found.exactness) == (None, "opaque")
    assert fingerprint([Model(1), 2]).exactness == "sampled"


def test_a_function_that_never_ends_is_ended() -> None:
    register(Model, lambda model: Model(1))
    assert fingerprint(Model(1), Budget("full")).exactness == "sampled"


def test_types_made_again_and_again_are_not_kept() -> None:
    import gc
    import weakref

    def make() -> Any:
        class Local:
            __slots__ = ("a",)

        value = Local()
        value.a = 1
        fingerprint(value)
        return weakref.ref(Local)

    gone = [make() for _ in range(3)]
    gc.collect()
    assert [reference() for reference in gone] == [None, None, None]
