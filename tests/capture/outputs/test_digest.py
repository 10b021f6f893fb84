"""Outputs that show the same have the same digest, and others another."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from base64 import b64encode
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance_kernel.capture.outputs import OutputDigest
from provenance_kernel.capture.outputs import digest as outputs


def printed(*pieces: str, name: str = "stdout") -> str:
    digest = OutputDigest()
    for piece in pieces:
        digest.add_stream(name, piece)
    return digest.hexdigest()


def shown(data: Mapping[str, object], metadata: Mapping[str, object] | None = None) -> str:
    digest = OutputDigest()
    digest.add_display(data, metadata)
    return digest.hexdigest()


SAME = [
    ("<object object at 0x7f3a2b1c0d90>", "<object object at 0x7fffffc0d911>"),
    ("<function f at 0x104a3b2c0>", "<function f at 0x10f9d1ee0>"),
    ("address 0x00007f3a2b1c0d90", "address 0x00007f3a2b1c0d91"),
    ("2026-11-22 14:45:57", "2027-01-02 03:04:05"),
    ("2026-11-22T14:45:57.123456+00:00 start", "2026-11-23T14:45:58.1+02:00 start"),
    ("2026-11-22T14:45:57Z", "2026-11-22T14:45:58Z"),
    ("2026-11-22 14:45:57,123 - INFO - hello", "2026-11-22 14:45:58,456 - INFO - hello"),
    ("14:45:57 done", "14:45:58 done"),
    ("14:45:57.123 done", "1:02:03 done"),
    ("Sun Nov 22 14:45:57 2026", "Mon Jan  5 01:05:07 2027"),
    ("took 1.23 s", "took 45.6 s"),
    ("took 1.23s", "took 12s"),
    ("Wall time: 12.3 ms", "Wall time: 1.02 s"),
    (
        "CPU times: user 1.2 s, sys: 3 ms, total: 1.3 s",
        "CPU times: user 2 s, sys: 41 µs, total: 2.1 s",
    ),
    ("Wall time: 1min 3s", "Wall time: 58.1 s"),
    ("1.1 µs ± 12 ns per loop", "1.2 µs ± 9.81 ns per loop"),
    ("elapsed 0.0123 seconds", "elapsed 3 seconds"),
    ("elapsed 1.5 minutes", "elapsed 2.25 minutes"),
    ("took 3e-05 s", "took 1.2e-4 s"),
    ("100%|##| 10/10 [00:01<00:00, 7.31it/s]", "100%|##| 10/10 [00:12<00:00, 81.02it/s]"),
    ("5/10 [00:05<00:05, 1.02s/it]", "5/10 [00:07<00:07, 1.52s/it]"),
    ("0/10 [00:00<?, ?it/s]", "0/10 [00:01<?, ?it/s]"),
    ("12.3 MB/s", "9.1 MB/s"),
    ("53ms/step", "1s/step"),
    ("saved to /tmp/tmpab12/x.csv", "saved to /tmp/tmpzz99/y.csv"),
    ("saved to '/var/folders/a/b/T/x'", "saved to '/var/folders/c/d/T/y'"),
    ("/tmp/ipykernel_12/345.py:1: UserWarning", "/tmp/ipykernel_99/1.py:1: UserWarning"),
    ("id 123e4567-e89b-12d3-a456-426614174000", "id 00000000-e89b-12d3-a456-42661417ffff"),
    ("\x1b[31mred\x1b[0m", "red"),
    ("\x1b]8;;http://a\x07link\x1b]8;;\x07", "link"),
    ("pid=123", "pid=4567"),
    ("10%\r50%\r100%\n", "100%\n"),
    ("a\r\n", "a\n"),
    ("aaa\rb", "b"),
]

DIFFERENT = [
    ("a", "b"),
    ("a", "a\n"),
    ("", "a"),
    ("a\nb", "b\na"),
    ("accuracy 0.91", "accuracy 0.92"),
    ("3 rows", "4 rows"),
    ("auc: 0.5", "auc: 0.51"),
    ("shape (3, 4)", "shape (3, 5)"),
    ("0xff", "0xfe"),
    ("hex 0xdeadbeef", "hex 0xdeadbeee"),
    ("2026-11-22", "2026-11-23"),
    ("version 1.2.3", "version 1.2.4"),
    ("1.5 GB", "1.6 GB"),
    ("10 it", "11 it"),
    ("/data/a.csv", "/data/b.csv"),
    ("m 5", "m 6"),
    ("score=12 sigma", "score=13 sigma"),
    ("1e-5", "1e-6"),
    ("process 3 files", "process 4 files"),
    ("x1s", "x2s"),
    ("a:b:c 1.2.3", "a:b:c 1.2.4"),
    ("/data/tmp/a", "/data/tmp/b"),
    ("0x1234", "0x1235"),
    ("a\rb\n", "a\rc\n"),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_the_same(first: str, second: str) -> None:
    assert printed(first) == printed(second)
    if "\r" not in first:
        assert shown({"text/plain": first}) == shown({"text/plain": second})


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_different(first: str, second: str) -> None:
    assert printed(first) != printed(second)
    if "\r" not in first:
        assert shown({"text/plain": first}) != shown({"text/plain": second})


PIECES = st.lists(
    st.one_of(
        st.text(alphabet="ab\r\n0 1.s:", max_size=20),
        st.sampled_from(
            ["at 0x7f3a2b1c0d90", "2026-11-22 14:45:57", "\x1b[31m", "1.2 s", "\r\n", "x" * 40]
        ),
    ),
    max_size=12,
)


@given(PIECES, st.lists(st.integers(0, 200), max_size=6))
def test_pieces_do_not_matter(parts: list[str], cuts: list[int]) -> None:
    text = "".join(parts)
    kept = outputs.LINE, outputs.NORMALISED
    outputs.LINE, outputs.NORMALISED = 16, 64  # type: ignore[misc]
    try:
        edges = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
        pieces = [text[a:b] for a, b in itertools.pairwise(edges)]
        assert printed(*pieces) == printed(text) == printed(*text)
    finally:
        outputs.LINE, outputs.NORMALISED = kept  # type: ignore[misc]


def test_memory_is_bounded_for_a_line_without_end() -> None:
    digest = OutputDigest()
    for _ in range(100):
        digest.add_stream("stdout", "x" * 50_000)
    assert len(digest._streams["stdout"]._line) < outputs.LINE
    assert digest.hexdigest() == printed("x" * 5_000_000)


def test_order_of_streams_is_chance_and_their_names_are_not() -> None:
    a, b = OutputDigest(), OutputDigest()
    a.add_stream("stdout", "x\n")
    a.add_stream("stderr", "y\n")
    b.add_stream("stderr", "y\n")
    b.add_stream("stdout", "x\n")
    assert a.hexdigest() == b.hexdigest()
    assert printed("x", name="stderr") != printed("x")


def test_asking_does_not_end_it() -> None:
    digest = OutputDigest()
    digest.add_stream("stdout", "took 1")
    assert digest.hexdigest() == printed("took 1")
    digest.add_stream("stdout", ".5 s\n")
    assert digest.hexdigest() == printed("took 2.5 s\n")


def test_empty() -> None:
    digest = OutputDigest()
    assert digest.empty
    digest.add_stream("stdout", "")
    assert digest.empty
    digest.add_error("ValueError", "x")
    assert not digest.empty


def test_errors() -> None:
    def failed(name: str, value: str) -> str:
        digest = OutputDigest()
        digest.add_error(name, value)
        return digest.hexdigest()

    assert failed("E", "no <a at 0x7f3a2b1c0d90>") == failed("E", "no <a at 0x7f3a2b1c0d91>")
    assert failed("E", "a") != failed("E", "b")
    assert failed("E", "a") != failed("F", "a")
    assert failed("E", "a") != OutputDigest().hexdigest()


def test_clear_output() -> None:
    digest = OutputDigest()
    digest.add_stream("stdout", "1\n")
    digest.add_display({"text/plain": "1"})
    digest.clear(wait=True)
    assert digest.hexdigest() != printed("2\n")
    digest.add_stream("stdout", "2\n")
    assert digest.hexdigest() == printed("2\n")
    digest.clear()
    assert digest.hexdigest() == OutputDigest().hexdigest()


def test_an_update_takes_the_place_of_what_it_updates() -> None:
    digest = OutputDigest()
    digest.add_display({"text/plain": "1"}, display_id="a")
    digest.add_display({"text/plain": "x"})
    digest.add_display({"text/plain": "2"}, display_id="a", update=True)
    expected = OutputDigest()
    expected.add_display({"text/plain": "2"})
    expected.add_display({"text/plain": "x"})
    assert digest.hexdigest() == expected.hexdigest()


def test_more_displays_than_are_kept_still_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "DISPLAYS", 2)

    def many(last: str) -> str:
        digest = OutputDigest()
        for text in ("a", "b", "c", last):
            digest.add_display({"text/plain": text})
        return digest.hexdigest()

    assert many("d") == many("d")
    assert many("d") != many("e")


def png(pixels: bytes, text: bytes = b"", level: int = 6, split: int = 1) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    data = zlib.compress(pixels, level)
    pieces = [
        data[i::1][: len(data) // split + 1] for i in range(0, len(data), len(data) // split + 1)
    ]
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0))
        + (chunk(b"tEXt", text) if text else b"")
        + b"".join(chunk(b"IDAT", piece) for piece in pieces)
        + chunk(b"IEND", b"")
    )


def jpeg(data: bytes, comment: bytes) -> bytes:
    return (
        b"\xff\xd8\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment
        + b"\xff\xdb\x00\x04ab\xff\xda\x00\x02" + data + b"\xff\xd9"
    )  # fmt: skip


PIXELS = bytes(range(20))
SAME_DATA: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"image/png": png(PIXELS)}, {"image/png": png(PIXELS, b"Software\0x")}),
    ({"image/png": png(PIXELS)}, {"image/png": b64encode(png(PIXELS, b"Date\0y")).decode()}),
    ({"image/png": png(PIXELS, level=1)}, {"image/png": png(PIXELS, level=9, split=3)}),
    ({"image/jpeg": jpeg(b"d", b"one")}, {"image/jpeg": jpeg(b"d", b"another")}),
    (
        {"application/pdf": b"%PDF-1.4 /CreationDate (D:2026) x"},
        {"application/pdf": b"%PDF-1.4 /CreationDate (D:2027) x"},
    ),
    (
        {"text/html": "<style>#T_ab12f td {}</style><table id='T_ab12f'><td>1"},
        {"text/html": "<style>#T_00c99 td {}</style><table id='T_00c99'><td>1"},
    ),
    (
        {"text/html": '<div id="sk-container-id-1" class="sk-x">RF</div>'},
        {"text/html": '<div id="sk-container-id-7" class="sk-x">RF</div>'},
    ),
    (
        {"application/vnd.jupyter.widget-view+json": {"model_id": "ab", "version_major": 2}},
        {"application/vnd.jupyter.widget-view+json": {"model_id": "cd", "version_major": 2}},
    ),
    ({"application/json": {"a": 1, "b": 2}}, {"application/json": {"b": 2, "a": 1}}),
    ({"a/b": "1", "c/d": "2"}, {"c/d": "2", "a/b": "1"}),
]
DIFFERENT_DATA: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"image/png": png(PIXELS)}, {"image/png": png(PIXELS[::-1])}),
    ({"image/png": b"\x89PNG\r\n\x1a\nrubbish"}, {"image/png": png(PIXELS)}),
    ({"image/jpeg": jpeg(b"d", b"x")}, {"image/jpeg": jpeg(b"e", b"x")}),
    ({"text/html": "<td>1</td>"}, {"text/html": "<td>2</td>"}),
    ({"text/plain": "a"}, {"text/html": "a"}),
    ({"application/json": {"a": 1}}, {"application/json": {"a": 2}}),
    ({"image/gif": b"GIF89a1"}, {"image/gif": b"GIF89a2"}),
    ({}, {"text/plain": ""}),
]


@pytest.mark.parametrize(("first", "second"), SAME_DATA)
def test_the_same_data(first: dict[str, object], second: dict[str, object]) -> None:
    assert shown(first) == shown(second)


@pytest.mark.parametrize(("first", "second"), DIFFERENT_DATA)
def test_different_data(first: dict[str, object], second: dict[str, object]) -> None:
    assert shown(first) != shown(second)


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_figures_of_matplotlib(form: str) -> None:
    from matplotlib.figure import Figure

    def draw(height: float, number: int) -> bytes:
        figure = Figure()
        axes = figure.subplots()
        axes.plot([0, 1], [0, height])
        axes.set_xlabel("x")
        stream = io.BytesIO()
        made = {"png": "Creation Time", "svg": "Date", "pdf": "Title"}[form]
        figure.savefig(stream, format=form, metadata={made: f"2026-11-22T14:45:0{number}"})
        return stream.getvalue()

    mime = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}[form]
    data = [draw(1, 1), draw(1, 1) if form == "pdf" else draw(1, 2), draw(2, 1)]
    first, second, other = (shown({mime: d.decode() if form == "svg" else d}) for d in data)
    assert first == second
    assert first != other


@given(
    st.dictionaries(st.text(), st.one_of(st.text(), st.binary(), st.integers(), st.none())),
    st.text(),
)
def test_nothing_makes_it_raise(data: dict[str, object], text: str) -> None:
    for mime in ("image/png", "image/jpeg", "image/svg+xml", "text/html", "application/pdf"):
        data = {**data, mime: text}
    shown(data, {"x": object()})
    printed(text)


def test_what_cannot_be_decoded_counts_as_it_is() -> None:
    broken = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 4) + b"IDAT" + b"none" + bytes(4)
    assert shown({"image/png": broken}) == shown({"image/png": broken})
    assert shown({"image/png": broken}) != shown({"image/png": broken + b"x"})
    # Keys that cannot be put into order: only the type is known.
    assert shown({"application/json": {1: 2, "a": 3}}) == shown(
        {"application/json": {2: 2, "b": 3}}
    )
    assert shown({"application/json": {"a": 3}}) != shown({"application/json": {"b": 3}})


ADDRESS = "<object at 0x7f3a2b1c0d9{}>"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (ADDRESS + "x" * outputs.NORMALISED, True),
        ("x" * outputs.NORMALISED + ADDRESS, True),
        ("x" * outputs.NORMALISED + ADDRESS + "x" * outputs.NORMALISED, False),
    ],
)
@pytest.mark.parametrize("mime", ["text/plain", "text/html"])
def test_of_a_long_text_only_beginning_and_end_are_looked_at(
    text: str, same: bool, mime: str
) -> None:
    first, second = (shown({mime: text.format(last)}) for last in "01")
    assert (first == second) is same
    assert first != shown({mime: text.format(0) + "y"})


def test_a_long_stream_is_looked_at_to_a_line_at_the_bound() -> None:
    line = "x" * 99 + "\n"
    head = line * (outputs.NORMALISED // 100)
    assert printed(head + "took 1.5 s\n") == printed(head + "took 2.5 s\n")
    assert printed(head + line + "took 1.5 s\n") != printed(head + line + "took 2.5 s\n")


def test_what_is_shown_may_be_changed_afterwards() -> None:
    digest = OutputDigest()
    rows = [1, 2]
    data: dict[str, object] = {"application/json": {"rows": rows}}
    metadata = {"application/json": {"expanded": True}}
    picture = bytearray(png(PIXELS))
    digest.add_display(data, metadata)
    digest.add_display({"image/png": picture})
    rows.append(3)
    metadata["application/json"]["expanded"] = False
    data["text/plain"] = "more"
    picture[-30] ^= 1
    expected = OutputDigest()
    expected.add_display(
        {"application/json": {"rows": [1, 2]}}, {"application/json": {"expanded": True}}
    )
    expected.add_display({"image/png": png(PIXELS)})
    assert digest.hexdigest() == expected.hexdigest()


def test_what_is_kept_of_displays_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "KEPT", 1000)

    def many(last: str, number: int = 50) -> OutputDigest:
        digest = OutputDigest()
        for _ in range(number):
            digest.add_display({"text/html": "x" * 100, "a/b": {"x": "y" * 100}})
        digest.add_display({"text/plain": f"{last:200}"})
        return digest

    assert many("a")._kept <= 1000
    assert many("a").hexdigest() == many("a").hexdigest() != many("b").hexdigest()
    # What was kept is looked at, and what came beyond counts as it is.
    took = [(many(f"took {n}.5 s", 1).hexdigest(), many(f"took {n}.5 s").hexdigest()) for n in "12"]
    assert (took[0][0] == took[1][0], took[0][1] == took[1][1]) == (True, False)


def test_updates_give_back_what_they_replace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "KEPT", 1000)
    digest = OutputDigest()
    for number in range(100):
        digest.add_display({"text/plain": f"{number:100}"}, display_id="bar", update=number > 0)
    digest.add_display({"text/plain": "took 1.5 s"})
    expected = OutputDigest()
    expected.add_display({"text/plain": f"{99:100}"})
    expected.add_display({"text/plain": "took 2.5 s"})
    assert digest.hexdigest() == expected.hexdigest()


def test_pictures_beyond_what_is_unpacked_count_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outputs, "UNPACKED", 10)
    assert shown({"image/png": png(PIXELS)}) == shown({"image/png": png(PIXELS, b"Date\0y")})
    assert shown({"image/png": png(PIXELS)}) != shown({"image/png": png(PIXELS[::-1])})
    packed = [shown({"image/png": png(PIXELS * 50, level=level)}) for level in (0, 9)]
    assert packed[0] != packed[1]
