"""Texts, times and durations for people: what came from a notebook is shown, never obeyed."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from provenance_kernel.display.terminal import duration, local_time, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain é 特徴 😀", "plain é 特徴 😀"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\tb\nc\r", "a\\tb\\nc\\r"),
        ("\0\x7f", "\\x00\\x7f"),
        ("user\u202enimda", "user\\u202enimda"),
        ("\u2066a\u2069", "\\u2066a\\u2069"),
        ("\u200b\ufeff", "\\u200b\\ufeff"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\ud83d", "\\ud83d"),
        ("\U000e0041", "\\U000e0041"),
        ("\ue000", "\\ue000"),
        ("\u00a0", "\u00a0"),
        ("[bold]x[/bold] :smile:", "[bold]x[/bold] :smile:"),
        ("back\\slash", "back\\slash"),
    ],
)
def test_control_characters_are_seen_and_do_nothing(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0.0, "0 ms"),
        (0.000012, "0.012 ms"),
        (0.00589, "5.89 ms"),
        (0.0187, "18.7 ms"),
        (0.134, "134 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (1.5, "1.50 s"),
        (119.99, "119.99 s"),
        (120.0, "2 min 00 s"),
        (150.4, "2 min 30 s"),
        (3599.7, "1 h 00 min"),
        (7325.0, "2 h 02 min"),
        (100 * 3600.0, "100 h 00 min"),
    ],
)
def test_a_duration_is_in_the_unit_that_suits_it(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_moment_is_in_the_time_of_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 3, 1, 23, 30, 59, 999_999, tzinfo=UTC)
    monkeypatch.setenv("TZ", "XYZ-2")
    time.tzset()
    try:
        assert local_time(moment) == "2026-03-02 01:30:59"
    finally:
        monkeypatch.undo()
        time.tzset()
    assert local_time(None) == ""
