"""In what words two values' profiles differ."""

from __future__ import annotations

import pytest

from provenance_kernel.trials.compare.profiles import told
from provenance_kernel.types import Json


def column(mean: float, count: int = 9, std: float = 1.0, **more: Json) -> dict[str, Json]:
    return {"count": count, "missing": 0, "mean": mean, "std": std, **more}


def frame(**columns: Json) -> Json:
    return {"rows": 9, "columns": columns}


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (None, column(1), None),
        ("x", {"columns": [1]}, None),
        (column(1), column(1), None),
        (column(88.3), column(91.2), "mean 88.3 → 91.2"),
        (column(1), column(1, std=2.0), "std 1 → 2"),
        (column(1, 10), column(1, 9), "1 value fewer"),
        (column(1, 10), column(2, 14), "4 values more, mean 1 → 2"),
        (column(1, sampled=1024), column(2), "mean 1 → 2 in 1024 rows"),
        (
            column(1, elements=[1, 2, 3]),
            column(1, elements=[2, 1, 3]),
            "2 of 3 elements differ",
        ),
        (
            frame(Amount=column(88.3, 20), V1=column(1, 20)),
            frame(Amount=column(91.2, 8), V1=column(1, 8)),
            "mean of Amount 88.3 → 91.2; 12 rows fewer",
        ),
        (
            frame(a=column(1), b=column(1, std=0.1), c=column(1), d=column(1), e=column(1)),
            frame(a=column(2), b=column(2), c=column(1.5), d=column(1.1), e=column(1)),
            "mean of b 1 → 2, mean of a 1 → 2, mean of c 1 → 1.5, 1 more column",
        ),
        (frame(a=column(1), b=column(1)), frame(a=column(1), c=column(1)), "without b; with c"),
        ({"rows": 3, "columns": {}}, {"rows": 5, "columns": {}}, "2 rows more"),
        (frame(a=3), frame(a=column(1)), None),
        ({"columns": {"a": {"mean": "x", "std": []}}}, frame(a=column(1)), None),
    ],
)
def test_differences_in_words(a: Json, b: Json, expected: str | None) -> None:
    assert told(a, b) == expected
