"""What changes from run to run is taken out of texts in time in proportion to their size."""

from __future__ import annotations

import pytest

from provenance_kernel.capture.outputs.volatile import normal, normal_markup
from support.growth import is_linear

MARKUP = [
    ('<a id="x" for=\'y\' name="z">', "<a <id> <id> <id>>"),
    ('<a class="x" data-key="1" aria-label="2">', "<a <id> <id> <id>>"),
    ('<a grid="x" xid="y">', '<a grid="x" xid="y">'),
    ("<a href=\"#x\" xlink:href='#y'>", "<a <link> xlink:<link>>"),
    ('<a href="x">', '<a href="x">'),
    ("fill: url(#a1)", "fill: <url>"),
    ("#T_ab1 td, #sk-x, #fff", "<rule> td, <rule>, #fff"),
    ("sk-container-id-12", "<rule>"),
    ("a<!-- made -->b<!-- c --> <!-- open", "a<comment>b<comment> <!-- open"),
    ("<dc:date>2026</dc:date><dc:title>x</dc:title>", "<made><made>"),
]


@pytest.mark.parametrize(("text", "expected"), MARKUP)
def test_markup(text: str, expected: str) -> None:
    assert normal_markup(text) == expected


NUMBERS = [
    ("1s", "<duration>"),
    ("1.5e-3 s", "<duration>"),
    ("-1 s", "-<duration>"),
    ("x=1.5s", "x=<duration>"),
    ("a1s", "a1s"),
    ("_1 s", "_1 s"),
    ("e-5 s", "e-<duration>"),
    ("1e5 s, 2 s", "<duration>, <duration>"),
    ("1 h 2 min 3 s", "<duration>"),
    ("2min", "<duration>"),
    ("5 minutes", "5 minutes"),
    ("5.5 minutes", "<duration>"),
    ("1.2s/it", "<rate>"),
    ("3 kB/s", "<rate>"),
    ("1 s/2", "1 s/2"),
    ("1234567-e89b-12d3-a456-426614174000", "1234567-e89b-12d3-a456-426614174000"),
    ("x123e4567-e89b-12d3-a456-426614174000", "x123e4567-e89b-12d3-a456-426614174000"),
    ("(123e4567-e89b-12d3-a456-426614174000)", "(<uuid>)"),
]


@pytest.mark.parametrize(("text", "expected"), NUMBERS)
def test_numbers(text: str, expected: str) -> None:
    assert normal(text) == expected


PIECES = [
    *("9", "9 ", "1.", "1e-", "1e5", "e-1", "1 s ", "1 min ", "1 h 1", "1kMGit/", "1/s", "1:"),
    *("0x", "0x1234", "12:34:56.7", "1:11<1:11", "2020-01-01 ", "Mon, 1 1 ", "pid", "pid="),
    *("<!--", "-->", "<dc:date>", "url(#", "url(#a)", "#T_", "data-", "data-a=", "aria-x"),
    *(
        "sk-container-id-",
        '="',
        "='",
        'id="',
        "href='",
        "\x1b]",
        "\x1b[1",
        "\x1b",
        "/tmp/",
        "\\Temp\\",
    ),
    *("C:\\Users\\a", "-aaaa", "ffffffff-", "ffffffff-ffff-ffff-ffff-", "ipykernel_1", " ", "\n"),
]
# There is something to look for, of each kind.
HINTS = "1:23:45 /tmp/a \\Temp\\ \x1b[0m ?it/s 1/s 1 min pid 0x1234 <!-- "


@pytest.mark.slow
@pytest.mark.parametrize("piece", PIECES)
def test_time_grows_as_the_text_does(piece: str) -> None:
    def text(size: int) -> str:
        return HINTS + (piece * (size // len(piece) + 1))[:size]

    assert is_linear(normal_markup, text, 200_000)
