"""Blocks that answers are shown in, lines, tables and diffs, and their two ways out: text and HTML.

Blocks hold what came from notebooks as it came. Only the two functions here write it out, and both
escape all of it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, TypeAlias

from provenance_kernel.display.terminal import visible

Style = Literal["", "title", "head", "dim", "good", "bad", "warn"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text; a `title` and `head` begin a section."""

    text: str
    style: Style = ""
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; `right` are the numbers of columns that hold numbers.

    Column `flexible` gives way where the table is wider than the page.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()
    flexible: int = -1
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Diff:
    """Lines of code that begin with `-`, `+` or a space."""

    lines: tuple[str, ...]
    indent: int = 0


Block: TypeAlias = "Line | Table | Diff"

_ANSI = {"title": "1", "head": "1;36", "dim": "2", "good": "32", "bad": "31", "warn": "33"}
_WORDS: dict[str, Style] = {
    "ok": "good",
    "finished": "good",
    "running": "warn",
    "error": "bad",
    "died": "bad",
    "interrupted": "warn",
    "aborted": "warn",
}
_TAB = 4
# A name or value may be megabytes long; nobody reads more than this of it.
_LONGEST = 2000
_NARROWEST = 8


def shown_part(each: str) -> str:
    """Return a text in which nothing acts, in a length that can be looked at."""
    return visible(each if len(each) <= _LONGEST else each[: _LONGEST - 1] + "…")


def text(blocks: Sequence[Block], width: int = 100, colour: bool = False) -> str:
    """Return blocks for a terminal of so many columns, without a line's end at the end."""
    lines: list[str] = []
    for at, block in enumerate(blocks):
        if isinstance(block, Line) and block.style in ("title", "head") and at:
            lines.append("")
        if isinstance(block, Table):
            lines += _table(block, width, colour)
        elif isinstance(block, Diff):
            lines += _diff(block, width, colour)
        else:
            room = width - block.indent
            shown = (
                cut(shown_part(block.text), room)
                if block.style == "dim"
                else shown_part(block.text)
            )
            lines.append(" " * block.indent + _paint(shown, block.style, colour))
    return "\n".join(line.rstrip() for line in lines)


def _paint(shown: str, style: Style, colour: bool) -> str:
    return f"\x1b[{_ANSI[style]}m{shown}\x1b[0m" if colour and style and shown else shown


def _diff(block: Diff, width: int, colour: bool) -> list[str]:
    pad = " " * block.indent
    styles: dict[str, Style] = {"-": "bad", "+": "good"}
    return [
        pad
        + _paint(
            cut(shown_part(line.expandtabs(_TAB)), width - block.indent),
            styles.get(line[:1], "dim"),
            colour,
        )
        for line in block.lines
    ]


def _table(block: Table, width: int, colour: bool) -> list[str]:
    rows = [tuple(shown_part(cell) for cell in row) for row in block.rows]
    headings = tuple(shown_part(cell) for cell in block.headings)
    every = [headings, *rows] if any(headings) else rows
    columns = len(block.headings)
    sizes = [max(map(columns_of, column)) for column in zip(*every, strict=True)] or [0] * columns
    room = width - block.indent - 2 * (columns - 1)
    if (over := sum(sizes) - room) > 0:
        flexible = block.flexible % columns
        sizes[flexible] = max(sizes[flexible] - over, min(sizes[flexible], _NARROWEST))
    # Others give way too where that was not enough, the widest first.
    while (over := sum(sizes) - room) > 0 and max(sizes) > _NARROWEST:
        widest = sizes.index(max(sizes))
        second = max([size for at, size in enumerate(sizes) if at != widest], default=0)
        sizes[widest] = max(sizes[widest] - over, min(second, sizes[widest] - 1), _NARROWEST)
    lines = []
    pad = " " * block.indent
    for row in every:
        heading = row is headings
        cells = []
        for at, cell in enumerate(row):
            size = sizes[at]
            shown = cell if len(cell) <= size and cell.isascii() else cut(cell, size)
            blank = " " * (size - columns_of(shown))
            if colour:
                shown = _paint(shown, "title" if heading else _WORDS.get(cell, ""), colour)
            cells.append(blank + shown if at in block.right else shown + blank)
        lines.append(pad + "  ".join(cells))
    return lines


def columns_of(shown: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if shown.isascii():
        return len(shown)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in shown
    )


def cut(shown: str, width: int) -> str:
    """Return a text in at most so many columns, with an ellipsis where it was longer."""
    if columns_of(shown) <= width:
        return shown
    taken = 0
    for at, each in enumerate(shown):
        taken += columns_of(each)
        if taken > max(width - 1, 0):
            return shown[:at] + "…"
    return shown


# The colours are read on white and on black; the rest is the page's own, light or dark.
_STYLES: dict[str, str] = {
    "title": "font-weight:bold",
    "head": "font-weight:bold;margin-top:0.6em",
    "dim": "opacity:0.65",
    "good": "color:#2e9e4f",
    "bad": "color:#d9534f",
    "warn": "color:#c08a1e",
}
_MONO = "font-family:monospace;white-space:pre-wrap"


def html(blocks: Sequence[Block]) -> str:
    """Return blocks as HTML that needs no style sheet and no script."""
    return "<div>" + "".join(_html(block) for block in blocks) + "</div>"


def _html(block: Block) -> str:
    if isinstance(block, Table):
        return _html_table(block)
    if isinstance(block, Diff):
        styles = {"-": _STYLES["bad"], "+": _STYLES["good"]}
        lines = "\n".join(
            f'<span style="{styles.get(line[:1], _STYLES["dim"])}">{marked(line)}</span>'
            for line in block.lines
        )
        return f'<pre style="margin:0 0 0 {block.indent / 2}em">{lines}</pre>'
    style = _STYLES.get(block.style, "")
    margin = f"margin-left:{block.indent / 2}em" if block.indent else ""
    attribute = ";".join(filter(None, (style, margin)))
    return (
        f'<div style="{attribute}">{marked(block.text)}</div>'
        if attribute
        else (f"<div>{marked(block.text)}</div>")
    )


def _html_table(block: Table) -> str:
    def cell(tag: str, at: int, text: str) -> str:
        align = "right" if at in block.right else "left"
        colour = _STYLES.get(_WORDS.get(text, ""), "")
        style = f"text-align:{align}" + (f";{colour}" if colour and tag == "td" else "")
        return f'<{tag} style="{style}">{marked(text)}</{tag}>'

    head = "".join(cell("th", at, each) for at, each in enumerate(block.headings))
    rows = "".join(
        "<tr>" + "".join(cell("td", at, each) for at, each in enumerate(row)) + "</tr>"
        for row in block.rows
    )
    heading = f"<thead><tr>{head}</tr></thead>" if any(block.headings) else ""
    return f'<table style="margin-left:{block.indent / 2}em">{heading}<tbody>{rows}</tbody></table>'


def marked(each: str) -> str:
    """Return a text as HTML shows it: nothing in it is obeyed, not by a browser nor a renderer.

    Notebook renderers look for mathematics between dollars in HTML too; a character reference is
    read by the browser before they look, so the dollar is set apart in an element of its own.
    """
    return escape(shown_part(each), quote=True).replace("$", "<span>$</span>")
