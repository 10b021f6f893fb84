"""Digests: equal for equal content, different for different content, changed by a change."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fingerprint import cases
from fingerprint.cases import Case
from provenance_kernel.fingerprint import Budget, fingerprint
from provenance_kernel.records import Fingerprint

OTHER_PYTHON = "PROVENANCE_OTHER_PYTHON"
FULL = Budget("full")


@cache
def space(setup: str) -> dict[str, Any]:
    try:
        return cases.namespace(setup)
    except ImportError as missing:
        pytest.skip(f"{missing.name} is not installed")


def available(setup: str) -> bool:
    try:
        space(setup)
    except pytest.skip.Exception:
        return False
    return True


def full(value: object) -> Fingerprint:
    return fingerprint(value, FULL)


def content(found: Fingerprint) -> tuple[str | None, str]:
    return found.digest, found.exactness


def identify(case: Case) -> str:
    return f"{case.first} | {case.second}"


@pytest.mark.parametrize("case", cases.EQUAL, ids=identify)
def test_equal_content_has_one_digest(case: Case) -> None:
    names = space(case.setup)
    first, second = full(eval(case.first, names)), full(eval(case.second, names))
    assert first.digest is not None
    assert content(first) == content(second)


@pytest.mark.parametrize("case", cases.DIFFERENT, ids=identify)
def test_different_content_has_two_digests(case: Case) -> None:
    names = space(case.setup)
    first, second = full(eval(case.first, names)), full(eval(case.second, names))
    assert first.digest is not None
    assert second.digest is not None
    assert first.digest != second.digest


@pytest.mark.parametrize("case", cases.CHANGED, ids=identify)
def test_a_change_shows_and_a_look_does_not(case: Case) -> None:
    names = {**space(case.setup)}
    names["x"] = eval(case.first, names)
    before = full(names["x"])
    assert full(names["x"]) == before
    cases.cell(case.second, names)
    after = full(names["x"])
    assert before.digest is not None
    assert after.digest is not None
    assert before.digest != after.digest


@pytest.mark.parametrize(
    ("text", "setup"),
    sorted({(case.first, case.setup) for case in [*cases.EQUAL, *cases.DIFFERENT]}),
)
def test_a_deep_copy_has_the_digest_of_its_original(text: str, setup: str) -> None:
    value = eval(text, space(setup))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            copied = copy.deepcopy(value)
    except (TypeError, RecursionError):
        # Memory views, modules and what is nested deeply cannot be copied.
        copied = value
    if "__eq__" in text or ".append" in text:
        copied = value  # methods are copied with an object that is not
    assert full(copied) == full(value)


def test_the_order_of_a_dict_shows_beside_its_content() -> None:
    one, other = full([{"a": 1, "b": 2}]), full([{"b": 2, "a": 1}])
    assert one.digest == other.digest
    assert one.shape != other.shape
    assert one.shape is not None
    assert one.shape.startswith("1 order=")
    assert full({"a": 1}).shape == "1"


def test_a_table_of_at_least_a_hundred_and_fifty_pairs() -> None:
    assert len(cases.EQUAL) + len(cases.DIFFERENT) + len(cases.CHANGED) >= 300


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "4242"])
def test_other_processes_find_the_same_digests(seed: str) -> None:
    import provenance_kernel.records

    root = Path(provenance_kernel.records.__file__).parents[1]
    python = os.environ.get(OTHER_PYTHON, sys.executable)
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [python, str(Path(cases.__file__))],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    theirs: dict[str, list[str | None]] = json.loads(done.stdout)
    compared = 0
    differing = []
    for case in [*cases.EQUAL, *cases.DIFFERENT]:
        for text in (case.first, case.second):
            if text not in theirs or not available(case.setup):
                continue
            mine = full(eval(text, space(case.setup)))
            compared += 1
            if [mine.digest, mine.exactness] != theirs[text]:
                differing.append(text)
    assert differing == []
    assert compared >= 300
