"""Blocks as text and HTML: widths, colours, and that nothing from a notebook is obeyed."""

from __future__ import annotations

import csv
import io
import unicodedata
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance_kernel.display import blocks, tables
from provenance_kernel.display.blocks import Diff, Line, Table, columns_of, cut, marked
from provenance_kernel.trials.answer import Answer
from provenance_kernel.trials.values import ValueRow, Values

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
        Diff((f"-{text}", f"+{text}"), 4),
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
    assert len(shown.split("\n")) == 6


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
    assert all(columns_of(line) <= width for line in shown.split("\n"))


def test_a_table_aligns_wide_characters() -> None:
    table = Table(("name", "n"), (("日本", "1"), ("abcd", "22")), frozenset({1}))
    shown = blocks.text([table])
    assert shown == "name   n\n日本   1\nabcd  22"


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("ab", 0, "…"),
    ],
)
def test_cut(text: str, width: int, expected: str) -> None:
    assert cut(text, width) == expected


def test_colours_are_there_when_asked_for_and_change_no_width() -> None:
    found: list[blocks.Block] = [Line("head", "head"), Table(("s",), (("ok",), ("error",)))]
    plain, coloured = blocks.text(found), blocks.text(found, colour=True)
    assert "\x1b" not in plain
    assert "\x1b[32mok\x1b[0m" in coloured
    assert "\x1b[31merror\x1b[0m" in coloured


def test_dollars_are_kept_from_mathematics() -> None:
    assert marked("$a$ < b") == "<span>$</span>a<span>$</span> &lt; b"


ROW = ValueRow(
    trial_id="id",
    prefix="id",
    notebook="/x/<b>.ipynb",
    started_at=datetime(2026, 3, 1, tzinfo=UTC),
    position=3,
    role="metric",
    value=0.5,
    number=0.5,
    status="finished",
)
VALUES = Values("f<1>", (ROW,), 2)


def test_values_as_html() -> None:
    found = tables.html(VALUES)
    assert "&lt;b&gt;.ipynb" in found
    assert "f&lt;1&gt;" in found
    assert ">0.5<" in found
    assert "1 of 2 values" in found


def test_which_answers_are_tables() -> None:
    assert tables.handles(VALUES)
    assert not tables.handles(Answer())


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-x", "'-x"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        (" =1", "' =1"),
        ("\n=1", "'\n=1"),
        ("a,b", "a,b"),
        ('say "x"', 'say "x"'),
        (-1.5, "-1.5"),
        (True, "True"),
        (None, ""),
        (["=x"], '["=x"]'),
    ],
)
def test_csv_holds_no_formulas(value: object, written: str) -> None:
    text = tables.as_csv([{"a": value, "b": 1}])
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["a", "b"], [written, "1"]]


def test_csv_of_nothing_has_its_headings() -> None:
    assert tables.as_csv([], ("a", "b")) == "a,b\n"
