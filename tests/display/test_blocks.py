"""Blocks as text and HTML: widths, colours, and that nothing from a notebook is obeyed."""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from provenance_kernel.display import blocks
from provenance_kernel.display.blocks import CodeBlock, Line, Table, Tree, marked

ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "\x1b[2J\x1b]0;title\x07",
    "abc\u202ecba",
    "a\r\nb",
    "$\\href{javascript:alert(1)}{x}$",
    "<!-- -->",
    "&lt;b&gt;",
    "\u2066x\u2069",
]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_comment(self, data: str) -> None:
        self.tags.add("comment")

    def handle_data(self, data: str) -> None:
        self.text += data


def page(found: list[blocks.Block]) -> Tags:
    tags = Tags()
    tags.feed(blocks.html(found))
    tags.close()
    return tags


def is_harmless(shown: str) -> bool:
    """Nothing that moves a cursor, ends a line or turns the direction of reading."""
    categories = {unicodedata.category(each) for each in shown.replace("\n", "")}
    return not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def everything(text: str) -> list[blocks.Block]:
    return [
        Line(text, "title"),
        Table((text, "b"), ((text, text), ("1", text)), frozenset({1}), 0, 2),
        CodeBlock((f"-{text}", f"+{text}"), 4, diff=True),
        CodeBlock((text,)),
        Tree(text, [Tree(text)]),
    ]


@pytest.mark.parametrize("attack", ATTACKS)
def test_html_has_no_tags_but_ours(attack: str) -> None:
    found = page(everything(attack))
    assert found.tags <= {"div", "span", "table", "thead", "tbody", "tr", "th", "td", "pre"}
    assert found.attributes <= {"style"}
    assert "$\\" not in blocks.html(everything(attack))


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_terminal_shows_and_does_not_obey(attack: str) -> None:
    shown = blocks.text(everything(attack))
    assert is_harmless(shown)
    assert len(shown.split("\n")) == 9


@given(st.text(max_size=30))
def test_any_text_is_shown_in_both_ways(text: str) -> None:
    assert is_harmless(blocks.text(everything(text)))
    assert page(everything(text)).tags <= {
        *("div", "span", "table", "thead", "tbody", "tr", "th", "td", "pre")
    }


@given(
    st.lists(st.tuples(st.text(max_size=80), st.text(max_size=80)), max_size=5),
    st.integers(40, 120),
)
def test_a_table_is_no_wider_than_the_page(rows: list[tuple[str, str]], width: int) -> None:
    shown = blocks.text([Table(("one", "two"), tuple(rows), flexible=1, indent=4)], width)
    assert all(cell_len(line) <= width for line in shown.split("\n"))


def test_what_is_no_table_is_not_cut_nor_broken() -> None:
    long = "x = " + " + y" * 30
    for block in (Line(long), CodeBlock((long,)), Tree(long)):
        assert blocks.text([block], 40) == long


def test_a_table_aligns_wide_characters() -> None:
    table = Table(("name", "n"), (("日本", "1"), ("abcd", "22")), frozenset({1}))
    shown = blocks.text([table])
    assert shown == "name   n\n日本   1\nabcd  22"


def test_colours_are_there_when_asked_for_and_change_no_width() -> None:
    found: list[blocks.Block] = [Line("head", "head"), Table(("s",), (("ok",), ("error",)))]
    plain, coloured = blocks.text(found), blocks.text(found, colour=True)
    assert "\x1b" not in plain
    assert "\x1b[32mok\x1b[0m" in coloured
    assert "\x1b[31merror\x1b[0m" in coloured


def test_dollars_are_kept_from_mathematics() -> None:
    assert marked("$a$ < b") == "<span>$</span>a<span>$</span> &lt; b"


_WORDS = st.sampled_from(["a", "0.5", "", "  x", "x  ", "日本", "→", "e\u0301", "ok", "y" * 30])
_ROWS = st.lists(st.tuples(_WORDS, _WORDS, _WORDS), max_size=4)


@given(_ROWS, st.sets(st.integers(0, 2)), st.sampled_from([0, 3]), st.sampled_from([20, 60, 9999]))
def test_without_colours_the_layout_is_that_with_colours(
    rows: list[tuple[str, str, str]], right: set[int], indent: int, width: int
) -> None:
    shown = [
        Line("a head", "head", indent),
        Table(("one", "", "two"), tuple(rows), frozenset(right), indent=indent),
        Line(f"and {rows}", "dim"),
    ]
    coloured = re.sub(r"\x1b\[[\d;]*m", "", blocks.text(shown, width, colour=True))
    lines = [line.rstrip() for line in coloured.split("\n")]
    assert lines == blocks.text(shown, width).split("\n")
