"""Reading a value changes nothing of it, and what is not content is not digested."""

# ruff: noqa: E501  (a row of the table is a line)

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from provenance_kernel.fingerprint import Budget, fingerprint


def full(value: object) -> Any:
    return fingerprint(value, Budget("full"))


class Keeping:
    """Keeps addresses and hashes beside what it is about."""

    def __init__(self, words: str | None) -> None:
        self.words = words
        self._words_id = id(words)
        self._hash = hash(words)


NEIGHBOURS = """
import numpy as np
from sklearn.neighbors import KNeighborsClassifier
X = np.arange(150.).reshape(50, 3)
value = KNeighborsClassifier(algorithm={!r}).fit(X, X[:, 0] > 60)
"""
GROUPS = """
import pandas as pd
value = pd.DataFrame({'a': [1, 1, 2], 'b': [1, 2, 3]}).groupby('a')
"""
TEXTS = """
from sklearn.feature_extraction.text import TfidfVectorizer
value = TfidfVectorizer().fit(['a bc', 'bc d'])
"""
FROZEN = "import numpy as np, scipy.stats as st\nvalue = st.norm(0, 1)"
KEEPING = "from tests.fingerprint.test_reading import Keeping\nvalue = Keeping('a')"

READINGS = {
    "a k-d tree is asked": (NEIGHBOURS.format("kd_tree"), "value.predict(X[:5]); value.score(X, X[:, 0] > 60)"),
    "a ball tree is asked": (NEIGHBOURS.format("ball_tree"), "value.predict(X[:5])"),
    "groups are counted": (GROUPS, "value.size(); value.mean(); len(value); list(value)"),
    "texts are transformed": (TEXTS, "value.transform(['bc']); repr(value)"),
    "somebody else draws": (FROZEN, "np.random.rand(3); value.pdf(0)"),
    "a method of the process's generator": ("import random\nvalue = random.choice", "value([1, 2])"),
    "numpy's own generator": ("import numpy as np\nvalue = np.random.rand", "value(3)"),
    "an address and a hash": (KEEPING, "repr(value)"),
    "a symbol is asked": ("import sympy\nvalue = (sympy.Symbol('x') + 1) ** 2", "value.is_real; {value: 1}"),
}  # fmt: skip


@pytest.mark.parametrize("case", READINGS)
def test_reading_changes_nothing(case: str) -> None:
    made, read = READINGS[case]
    space: dict[str, Any] = {}
    for module in ("numpy", "pandas", "sklearn", "scipy", "sympy"):
        if module in made:
            pytest.importorskip(module)
    exec(made, space)
    before = full(space["value"])
    exec(read, space)
    assert full(space["value"]) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", ["texts are transformed", "an address and a hash", "a symbol is asked"]
)
def test_two_processes_with_other_hash_seeds_agree(case: str) -> None:
    for module in ("sklearn", "sympy"):
        if module in READINGS[case][0]:
            pytest.importorskip(module)
    program = (
        "from provenance_kernel.fingerprint import Budget, fingerprint\n"
        + READINGS[case][0]
        + "\nprint(fingerprint(value, Budget('full')))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def _flagged() -> tuple[object, object]:
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame({"a": [1]}), pandas.DataFrame({"a": [1]}).set_flags(
        allows_duplicate_labels=False
    )


def _seeded() -> tuple[object, object]:
    numpy = pytest.importorskip("numpy")
    return numpy.random.RandomState(1), numpy.random.RandomState(2)


@pytest.mark.parametrize("pair", [_flagged, _seeded])
def test_real_changes_are_seen(pair: Callable[[], tuple[object, object]]) -> None:
    one, other = pair()
    assert full(one).digest != full(other).digest


def test_a_wrapper_of_something_opaque_is_opaque() -> None:
    polars = pytest.importorskip("polars")
    for value in (polars.LazyFrame({"a": [1]}), polars.col("a") > 1):
        assert full(value).exactness == "opaque"
        assert full(value).digest is None
