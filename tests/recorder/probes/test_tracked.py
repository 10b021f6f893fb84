"""The values of tracked places, as a directive names them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from provenance_kernel.recorder.probes.tracked import NotThere, look_up


class Raising:
    @property
    def depth(self) -> int:
        raise ZeroDivisionError("mine")


NAMES: dict[str, Any] = {
    "lr": 0.1,
    "model": SimpleNamespace(depth=3, parts=[SimpleNamespace(n=5)]),
    "cfg": {"lr": 1, ("a", 1): 2},
    "raising": Raising(),
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("lr", 0.1),
        ("model.depth", 3),
        ("model.parts[0].n", 5),
        ("model.parts[-1].n", 5),
        ("cfg['lr']", 1),
        ("cfg['a', 1]", 2),
    ],
)
def test_the_value_of_a_place(expression: str, value: object) -> None:
    assert look_up(expression, NAMES) == value


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("rate", "KeyError: 'rate'"),
        ("model.width", "AttributeError: .* no attribute 'width'"),
        ("cfg['none']", "KeyError: 'none'"),
        ("raising.depth", "ZeroDivisionError: mine"),
        ("cfg[lr]", "ValueError: malformed node"),
        ("make().depth", r"ValueError: make\(\)"),
        ("lr =", "SyntaxError"),
    ],
)
def test_a_place_without_a_value(expression: str, why: str) -> None:
    with pytest.raises(NotThere, match=f"^{why}"):
        look_up(expression, NAMES)
