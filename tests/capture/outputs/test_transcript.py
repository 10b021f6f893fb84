"""Outputs stand in the order in which they were shown, as they were left, within limits."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from provenance_kernel.capture.outputs import Transcript, forms
from provenance_kernel.capture.outputs.transcript import OUTPUTS

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (3).to_bytes(4) + (2).to_bytes(4)


def shown(transcript: Transcript) -> list[tuple[str, Any]]:
    return [(each.kind, dict(each.data)) for each in transcript.shown()]


def text(value: str) -> dict[str, str]:
    return {"text/plain": value}


def prints(transcript: Transcript) -> None:
    transcript.add_stream("stdout", "a")
    transcript.add_stream("stdout", "b\n")
    transcript.add_stream("stderr", "c")
    transcript.add_display("display", text("d"))
    transcript.add_stream("stdout", "e")
    transcript.add_display("result", text("f"))


def progress(transcript: Transcript) -> None:
    transcript.add_stream("stdout", "1%\r2%")
    transcript.add_stream("stdout", "\r3%\r\nok\r\n")


def update(transcript: Transcript) -> None:
    transcript.add_display("display", text("first"), display_id="h")
    transcript.add_display("display", text("other"))
    transcript.add_display("display", text("second"), display_id="h", update=True)


def cleared(transcript: Transcript) -> None:
    transcript.add_stream("stdout", "gone")
    transcript.clear(wait=True)
    transcript.add_stream("stdout", "left")


def cleared_at_once(transcript: Transcript) -> None:
    transcript.add_stream("stdout", "gone")
    transcript.clear()


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (
            prints,
            [
                ("stdout", text("ab\n")),
                ("stderr", text("c")),
                ("display", text("d")),
                ("stdout", text("e")),
                ("result", text("f")),
            ],
        ),
        (progress, [("stdout", text("3%\nok\n"))]),
        (update, [("display", text("second")), ("display", text("other"))]),
        (cleared, [("stdout", text("left"))]),
        (cleared_at_once, []),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_outputs_are_as_they_were_left(
    write: Callable[[Transcript], None], expected: list[tuple[str, Any]]
) -> None:
    transcript = Transcript(1000)
    write(transcript)
    assert shown(transcript) == expected


def test_of_a_long_text_the_beginning_is_left_and_its_length() -> None:
    transcript = Transcript(5000)
    for _ in range(1000):
        transcript.add_stream("stdout", "0123456789")
    (found,) = transcript.shown()
    assert found.size == 10_000
    assert dict(found.data) == text("0123456789" * 100)


def test_there_are_so_many_outputs_and_no_more() -> None:
    transcript = Transcript(1000)
    for at in range(OUTPUTS + 5):
        transcript.add_display("display", text(str(at)))
    assert (len(shown(transcript)), transcript.beyond) == (OUTPUTS, 5)


@pytest.mark.parametrize(
    ("mime", "value", "data", "summary"),
    [
        ("text/plain", "a  b\nc", b"a  b\nc", "a b c"),
        ("text/plain", "x" * 500, b"x" * 500, "x" * 119 + "…"),
        ("text/html", "<b>x</b>", b"<b>x</b>", ""),
        ("image/png", base64.b64encode(PNG).decode(), PNG, "3 by 2 pixels"),
        ("image/svg+xml", "<svg/>", b"<svg/>", ""),
        ("application/json", {"a": [1, 2.5, None]}, b'{"a":[1,2.5,null]}', ""),
        ("application/vnd.plotly.v1+json", ["a"], b'["a"]', ""),
    ],
)
def test_data_are_kept_in_bytes_and_come_back(
    mime: str, value: Any, data: bytes, summary: str
) -> None:
    transcript = Transcript(1000)
    transcript.add_display("display", {mime: value})
    (found,) = transcript.shown()
    ((_, kept),) = found.data
    packed = forms.packed(mime, kept)
    assert packed == data
    assert forms.unpacked(mime, data) == value
    assert forms.summary(mime, data) == summary


@pytest.mark.parametrize("value", [object(), {1, 2}, "no base64!"])
def test_what_no_notebook_could_hold_is_not_kept(value: object) -> None:
    transcript = Transcript(1000)
    transcript.add_display("display", {"image/png": value})
    (found,) = transcript.shown()
    ((_, kept),) = found.data
    assert forms.packed("image/png", kept) is None
