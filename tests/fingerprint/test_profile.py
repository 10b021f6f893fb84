"""Profiles tell what numbers are like, of large values in evenly spaced rows, without a warning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from provenance_kernel.fingerprint import Budget, Profiles

RANDOM = np.random.default_rng(0)
LARGE = RANDOM.normal(5, 2, size=(200_000, 40))


def of(value: object, mode: Any = "budget") -> Any:
    return Profiles(Budget(mode)).of(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            np.arange(4),
            {"count": 4, "missing": 0, "min": 0, "max": 3, "mean": 1.5, "std": 1.11803,
             "elements": [0, 1, 2, 3]},
        ),
        (
            np.array([1.0, np.nan, 3.0]),
            {"count": 3, "missing": 1, "min": 1.0, "max": 3.0, "mean": 2.0, "std": 1.0,
             "elements": [1.0, "nan", 3.0]},
        ),
        (np.array([np.nan]), {"count": 1, "missing": 1, "elements": ["nan"]}),
        (
            np.array([[True, False], [True, True]]),
            {"count": 4, "missing": 0, "min": 0, "max": 1, "mean": 0.75, "std": 0.433013,
             "elements": [1, 0, 1, 1]},
        ),
        (np.array([]), None),
        (np.array(["a"]), None),
        ([1, 2, 3], None),
        (pd.Series(["a", None, "a", "b"]), {"count": 4, "missing": 1, "distinct": 2}),
        (pd.Series([1, "a"]), None),
        (
            pd.Series(pd.array([1, None, 3], dtype="Int64")),
            {"count": 3, "missing": 1, "min": 1, "max": 3, "mean": 2.0, "std": 1.0},
        ),
        (
            pd.Series(pd.array(["x", None], dtype="string")),
            {"count": 2, "missing": 1, "distinct": 1},
        ),
        (pd.DataFrame({"a": []}), {"rows": 0, "columns": {}}),
    ],
)  # fmt: skip
def test_profiles(value: object, expected: object) -> None:
    assert of(value) == expected


def test_a_frame_has_those_of_its_columns() -> None:
    frame = pd.DataFrame(
        {"n": [1, 2], "x": [0.5, np.nan], "m": [3, 5], "t": ["a", "b"], "d": [pd.Timestamp(0)] * 2}
    )
    found = of(frame)
    assert found["rows"] == 2
    assert set(found["columns"]) == {"n", "x", "m", "t"}
    for name in ("n", "x", "m"):
        assert found["columns"][name] == of(frame[name])


@pytest.mark.parametrize("dtype", ["i1", "u8", "i8", "f2", "f4"])
def test_narrow_numbers_do_not_overflow(dtype: str) -> None:
    largest = np.finfo(dtype).max if dtype.startswith("f") else np.iinfo(dtype).max
    found = of(np.full(3000, largest, dtype=dtype))
    assert found["mean"] == pytest.approx(float(largest), rel=1e-5)
    frame = of(pd.DataFrame({"a": np.full(3000, largest, dtype=dtype)}))
    assert frame["columns"]["a"] == found


def test_of_what_is_large_so_many_rows_are_looked_at_unless_all_are_asked_for() -> None:
    frame = pd.DataFrame(LARGE, columns=[f"V{at}" for at in range(40)])
    some, all_ = of(frame)["columns"]["V7"], of(frame, "full")["columns"]["V7"]
    assert some["sampled"] == 1024
    assert some["mean"] == pytest.approx(5, abs=0.4)
    assert "sampled" not in all_
    assert all_["mean"] == pytest.approx(LARGE[:, 7].mean(), rel=1e-5)
    assert some["elements"] == all_["elements"]
    assert of(frame, "none") is None


def test_a_hundred_columns_and_no_more() -> None:
    assert len(of(pd.DataFrame(np.ones((3, 130))))["columns"]) == 100


def test_of_a_runs_values_only_so_much_is_looked_at() -> None:
    profiles = Profiles(Budget())
    found = [profiles.of(LARGE[:1000, :1].copy()) for _ in range(500)]
    assert found[0] is not None
    assert found[-1] is None
