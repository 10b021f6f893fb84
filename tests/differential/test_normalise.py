"""The normaliser takes out what is random, keeps the rest, and the differ shows what is left."""

from typing import Any

import pytest

from differential.cases import CASES, read_table
from differential.normalise import Scrubber, difference, normalise
from differential.steps import Case, Cell, During, Message, Queued, count_cells, printed

UUID = "5ab9cd2f-1d5f-4b7f-9b1e-0123456789ab"
OTHER = "6ab9cd2f-1d5f-4b7f-9b1e-0123456789ab"
HEX = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        (f"{UUID} {OTHER} {UUID}", "<identity 1> <identity 2> <identity 1>"),
        (f"IPY_MODEL_{HEX}", "IPY_MODEL_<identity 1>"),
        ("3c1b9d3e-4749f4efc6751c0577540ac0_12428_284", "<identity 1>"),
        ("<C object at 0x7f12deadbeef>", "<C object at <address>>"),
        ("<ExecutionInfo object at 7f69c0435250, x>", "<ExecutionInfo object at <address>, x>"),
        ("/tmp/ipykernel_123/456.py:7", "/tmp/ipykernel_<number>/456.py:7"),
        ("(pid=4242) waits", "(pid=<number>) waits"),
        ("/a/place/own/x.py", "<root>/own/x.py"),
        ("took 3.5 ms, 12 µs ± 1.2e-05 s", "took <duration>, <duration> ± <duration>"),
        ("CPU times: user 1 us, sys: 2 us\nWall time: 3 us", None),
        ("9 function calls in 0.001 seconds", "9 function calls in <seconds>"),
        ("at 2024-05-06T07:08:09.123456Z sharp", "at <time> sharp"),
        ("Tip: press tab", "Tip: <random>"),
        ("name='Task-31'", "name='Task-<number>'"),
    ],
)
def test_random_parts_are_scrubbed(text: str, scrubbed: str | None) -> None:
    expected = scrubbed or "CPU times: <durations>\nWall time: <duration>"
    assert Scrubber({"/a/place": "<root>"}).text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "0x1f 0xdead 0xc0ffee",
        "a  b",
        "line 12, in f",
        "\x1b[31mred\x1b[39m",
        "\x1b[38;5;129;01min\x1b[1ms",
        "3.141592653589793 12345678901234567890",
        "5 apples, 7 minutes, 3 msg, x5 ms",
        "/another/place",
        "Cell In[4], line 1",
        "deadbeef",
        "pids 12 and 13",
        "trailing ",
    ],
)
def test_meaningful_parts_are_kept(text: str) -> None:
    assert Scrubber({"/a/place": "<root>"}).text(text) == text


def stream(text: str, name: str = "stdout", parent: str = "1") -> Message:
    return Message("iopub", "stream", parent, {"name": name, "text": text}, {})


def display(text: str, parent: str = "1") -> Message:
    return Message("iopub", "display_data", parent, {"data": {"text/plain": text}}, {})


def compare(one: list[Message], other: list[Message], **how: Any) -> str:
    return difference(normalise(one, {}, **how), normalise(other, {}, **how))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([stream("ab")], [stream("a"), stream("b")]),
        (
            [stream("a"), stream("e", "stderr"), stream("b")],
            [stream("ab"), stream("e", "stderr")],
        ),
        (
            [Message("shell", "x", "1", {"started": 1}, {"started": 1}), stream("a")],
            [stream("a"), Message("shell", "x", "1", {"started": 2}, {"started": 2})],
        ),
    ],
    ids=["chunks", "chunks of two streams", "order between channels, times"],
)
def test_same_although_timing_differs(one: list[Message], other: list[Message]) -> None:
    assert compare(one, other) == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([stream("a")], [stream("a ")]),
        ([stream("a")], [stream("a", "stderr")]),
        ([stream("a")], [stream("a", parent="2")]),
        ([stream("a"), display("d")], [display("d"), stream("a")]),
        ([stream("a"), display("d"), stream("b")], [stream("ab"), display("d")]),
        ([display("a"), display("b")], [display("b"), display("a")]),
        ([display("a")], [display("a"), display("a")]),
        ([display("a")], []),
        ([display("a")], [Message("shell", "display_data", "1", display("a").content, {})]),
        ([display("a")], [Message("iopub", "display_data", "1", display("a").content, {"m": 1})]),
        (
            [Message("iopub", "x", "1", {}, {}, (b"1",))],
            [Message("iopub", "x", "1", {}, {}, (b"2",))],
        ),
        ([Message("iopub", "x", "1", {"a": 1}, {})], [Message("iopub", "x", "1", {"a": "1"}, {})]),
        (
            [Message("iopub", "x", "1", {"a": "b\n"}, {})],
            [Message("iopub", "x", "1", {"a": ["b\n"]}, {})],
        ),
        (
            [Message("iopub", "x", "1", {"data": {"image/png": "aa"}}, {})],
            [Message("iopub", "x", "1", {"data": {"image/png": "ab"}}, {})],
        ),
        ([display(f"{UUID} {UUID}")], [display(f"{UUID} {OTHER}")]),
    ],
)
def test_differences_are_found(one: list[Message], other: list[Message]) -> None:
    assert compare(one, other)
    assert compare(one, one) == ""


def test_concurrent_requests_are_compared_each_in_its_own_order() -> None:
    one = [display("a", "1"), display("x", "2"), display("b", "1")]
    other = [display("x", "2"), display("a", "1"), display("b", "1")]
    assert compare(one, other)
    assert compare(one, other, concurrent=True) == ""
    swapped = [display("b", "1"), display("a", "1"), display("x", "2")]
    assert compare(one, swapped, concurrent=True)


def test_the_diff_names_both_sides_and_the_place() -> None:
    text = compare([stream("same\nold\n")], [stream("same\nnew\n")])
    assert text.startswith("--- stock\n+++ ours\n")
    assert '-     "old\\n"' in text
    assert '+     "new\\n"' in text
    assert "iopub · stream · 1" in text


TABLE = """\
==== one
a = 1

b = 2
----
a
==== two [needs=numpy,pandas; python=3.12; fresh; skipped=because of this]
import helper
---- file helper.py
x = 1
"""


def test_text_tables_are_read() -> None:
    one, two = read_table(TABLE)
    assert one == Case("one", ("a = 1\n\nb = 2", "a"))
    assert two == Case(
        "two",
        ("import helper",),
        needs=("numpy", "pandas"),
        python=(3, 12),
        fresh=True,
        files={"helper.py": "x = 1\n"},
        reason_skipped="because of this",
    )


@pytest.mark.parametrize("table", ["==== no name\n", "==== a [unknown=1]\nx\n", "==== a [x\n"])
def test_mistakes_in_text_tables_are_refused(table: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        list(read_table(table))


def test_cells_are_counted() -> None:
    assert count_cells(Case("c", ("1", Queued((Cell("2"), Cell("3")))))) == 3
    assert count_cells(Case("c", (During(Cell("1"), printed("x"), ("2",)),))) == 2
    assert all(count_cells(case) or case.cells for case in CASES.values())
