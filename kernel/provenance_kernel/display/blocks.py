"""Blocks that answers are shown in, and their two ways out: text, laid out by rich, and HTML.

Blocks hold what came from notebooks as it came. Only the two functions here write it out, and both
escape all of it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Literal, TypeAlias

from provenance_kernel.display.terminal import visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text
    from rich.tree import Tree as Branches

Style = Literal["", "title", "head", "dim", "good", "bad", "warn"]
WIDTH = 100
# Where output is no terminal, tables are as wide as they need to be, for `grep` and `awk`.
ENDLESS = 10_000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text; a `title` and `head` begin a section."""

    text: str
    style: Style = ""
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; `right` are the numbers of columns that hold numbers.

    Where the table is wider than the page column `flexible` gives way and the others are whole;
    without one the widest do.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()
    flexible: int | None = None
    indent: int = 0


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Lines of code, in full; those of a `diff` begin with `-`, `+` or a space and are cut."""

    lines: tuple[str, ...]
    indent: int = 0
    diff: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """A text with what hangs from it; `stage` is that of what the text tells of."""

    text: str
    children: Sequence[Tree] = ()
    stage: str | None = None


Block: TypeAlias = "Line | Table | CodeBlock | Tree"

_STYLES = {
    "title": "bold",
    "head": "bold cyan",
    "dim": "dim",
    "good": "green",
    "bad": "red",
    "warn": "yellow",
}
_WORDS: dict[str, Style] = {
    "ok": "good",
    "finished": "good",
    "running": "warn",
    "error": "bad",
    "died": "bad",
    "interrupted": "warn",
    "aborted": "warn",
}
_DIFF: dict[str, Style] = {"-": "bad", "+": "good"}
_TAB = 4
# A name or value may be megabytes long; nobody reads more than this of it.
_LONGEST = 2000


def shown_part(each: str) -> str:
    """Return a text in which nothing acts, in a length that can be looked at."""
    return visible(each if len(each) <= _LONGEST else each[: _LONGEST - 1] + "…")


def text(blocks: Sequence[Block], width: int = WIDTH, colour: bool = False) -> str:
    """Return blocks for a terminal of so many columns, without a line's end at the end."""
    out = io.StringIO()

    @cache
    def console() -> Console:
        from rich.console import Console

        return Console(
            file=out,
            width=ENDLESS,
            color_system="standard" if colour else None,
            force_terminal=colour,
            force_jupyter=False,
            legacy_windows=False,
        )

    def put(shown: RenderableType, cut: bool, width: int = width) -> None:
        overflow: Literal["ellipsis", "ignore"] = "ellipsis" if cut else "ignore"
        console().print(shown, no_wrap=True, overflow=overflow, crop=cut, width=width)

    for at, block in enumerate(blocks):
        if isinstance(block, Line) and block.style in ("title", "head") and at:
            out.write("\n")
        if not colour and (plain := _plain(block, width)) is not None:
            out.write(plain)
        elif isinstance(block, Line):
            shown = _styled(" " * block.indent + shown_part(block.text), block.style)
            put(shown, block.style == "dim")
        elif isinstance(block, CodeBlock):
            for line in block.lines:
                put(_code(line, block), block.diff)
        elif isinstance(block, Tree):
            put(_branches(block), False, ENDLESS)
        else:
            put(_grid(block), True)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n"))


def _plain(block: Block, width: int) -> str | None:
    """Return a line or table as rich lays it out, which takes long; None where it is to be cut.

    And None where blanks stand for something: rich drops some.
    """
    margin = " " * block.indent if isinstance(block, Line | Table) else ""
    if isinstance(block, Line):
        line = margin + shown_part(block.text)
        return f"{line}\n" if block.style != "dim" or _cells(line) <= width else None
    if not isinstance(block, Table):
        return None
    rows = [block.headings, *block.rows] if any(block.headings) else block.rows
    columns = []
    left = width - block.indent
    for at, column in enumerate(zip(*rows, strict=True)):
        shown = [shown_part(each) for each in column]
        lengths = [_cells(each) for each in shown]
        widest = max(lengths)
        left -= widest + 2 * bool(at)
        pads = (" " * (widest - length) for length in lengths)
        right = at in block.right
        if not widest or (right and any(each.endswith(" ") for each in shown)):
            return None
        columns.append(
            [pad + each if right else each + pad for each, pad in zip(shown, pads, strict=True)]
        )
    if left < 0:
        return None
    return "".join(f"{margin}{'  '.join(row)}\n" for row in zip(*columns, strict=True))


def _cells(shown: str) -> int:
    """Return how many places of a terminal's line a text takes."""
    if shown.isascii():
        return len(shown)
    from rich.cells import cell_len

    return cell_len(shown)


def _styled(shown: str, style: Style = "") -> Text:
    from rich.text import Text

    return Text(shown, _STYLES.get(style, ""), no_wrap=True)


def _code(line: str, block: CodeBlock) -> Text:
    # A tab that indents is code, and does nothing else.
    expanded = line.expandtabs(_TAB)
    if not block.diff:
        return _styled(visible(expanded))
    return _styled(" " * block.indent + shown_part(expanded), _DIFF.get(line[:1], "dim"))


def _branches(block: Tree) -> Branches:
    from rich.tree import Tree as Branches

    class Narrow(Branches):
        TREE_GUIDES = [("   ", "│  ", "├─ ", "└─ ")] * 3

    def add(node: Branches, children: Sequence[Tree]) -> None:
        for each in children:
            add(node.add(_styled(shown_part(each.text))), each.children)

    root = Narrow(_styled(shown_part(block.text)))
    add(root, block.children)
    return root


def _grid(block: Table) -> RenderableType:
    """Return a table whose every column is one cell of many lines: rich lays cells out slowly."""
    from rich.cells import cell_len
    from rich.padding import Padding
    from rich.table import Table as Grid

    grid = Grid(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        show_header=any(block.headings),
        header_style="",
    )
    cells = [_column(each) for each in zip(*block.rows, strict=True)]
    for at, heading in enumerate(block.headings):
        title = _styled(shown_part(heading), "title")
        fixed = block.flexible not in (None, at)
        whole = [title.cell_len, *(map(cell_len, cells[at].plain.split("\n")) if cells else ())]
        grid.add_column(
            title,
            justify="right" if at in block.right else "left",
            no_wrap=fixed,
            min_width=max(whole) if fixed else None,
        )
    if cells:
        grid.add_row(*cells)
    return Padding.indent(grid, block.indent)


def _column(cells: Sequence[str]) -> Text:
    column = _styled("")
    for at, cell in enumerate(cells):
        column.append("\n" * bool(at) + shown_part(cell), _STYLES.get(_WORDS.get(cell, "")))
    return column


# The colours are read on white and on black; the rest is the page's own, light or dark.
_CSS: dict[str, str] = {
    "title": "font-weight:bold",
    "head": "font-weight:bold;margin-top:0.6em",
    "dim": "opacity:0.65",
    "good": "color:#2e9e4f",
    "bad": "color:#d9534f",
    "warn": "color:#c08a1e",
}


def html(blocks: Sequence[Block]) -> str:
    """Return blocks as HTML that needs no style sheet and no script."""
    return "<div>" + "".join(_html(block) for block in blocks) + "</div>"


def _html(block: Block) -> str:
    if isinstance(block, Table):
        return _html_table(block)
    if isinstance(block, Tree):
        return f"<pre>{_marked(text([block]))}</pre>"
    if isinstance(block, CodeBlock):
        return f'<pre style="margin:0 0 0 {block.indent / 2}em">{_html_code(block)}</pre>'
    margin = f"margin-left:{block.indent / 2}em" if block.indent else ""
    style = ";".join(filter(None, (_CSS.get(block.style, ""), margin)))
    return f'<div style="{style}">{marked(block.text)}</div>'


def _html_code(block: CodeBlock) -> str:
    if not block.diff:
        return "\n".join(_marked(visible(line.expandtabs(_TAB))) for line in block.lines)
    return "\n".join(
        f'<span style="{_CSS[_DIFF.get(line[:1], "dim")]}">{marked(line)}</span>'
        for line in block.lines
    )


def _html_table(block: Table) -> str:
    def cell(tag: str, at: int, text: str) -> str:
        align = "right" if at in block.right else "left"
        colour = _CSS.get(_WORDS.get(text, ""), "")
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
    """Return a text as HTML shows it: nothing in it is obeyed, not by a browser nor a renderer."""
    return _marked(shown_part(each))


def _marked(shown: str) -> str:
    # Notebook renderers look for mathematics between dollars in HTML too; a character reference is
    # read by the browser before they look, so the dollar is set apart in an element of its own.
    return escape(shown, quote=True).replace("$", "<span>$</span>")
