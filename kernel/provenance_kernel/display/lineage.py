"""A lineage as a tree, as Mermaid and DOT text, and as a picture.

What came from a notebook is shown as text in each of these languages and never as their syntax.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import TYPE_CHECKING

from provenance_kernel.display import blocks, plot
from provenance_kernel.display.blocks import Block, Line, Tree
from provenance_kernel.display.terminal import visible
from provenance_kernel.errors import ProvenanceError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from provenance_kernel.trials.lineage.lineage import Lineage, Node

# Fill and line of each stage, in the order in which stages appear; legible in print and apart
# for people who see few colours (after Okabe and Ito).
_COLOURS = (
    ("#d9ecf9", "#0072b2"),
    ("#fdebd0", "#b86a00"),
    ("#d8f0e5", "#00805c"),
    ("#f7e1ee", "#a8487e"),
    ("#fbf6cf", "#8a7d00"),
    ("#e2e0f5", "#554fa3"),
)
_PLAIN = ("#f2f2f2", "#6b6b6b")
_LONGEST = 44
_LONGEST_LINE = 72
_DEPTH = 40
_LINES = 400
# A picture with more lines than this is not looked at.
_DRAWN = 100
_INDENT = 3
# So many nodes have room side by side.
_SIDE_BY_SIDE = 6


def tree(found: Lineage) -> list[Block]:
    """Return what the value came from as a tree, then what was made from it."""
    nodes = {node.id: node for node in found.nodes}
    sources: dict[str, list[str]] = defaultdict(list)
    results: dict[str, list[str]] = defaultdict(list)
    for edge in found.edges:
        sources[edge.target].append(edge.source)
        if nodes[edge.target].side == "result":
            results[edge.source].append(edge.target)
    seen = {found.root}
    left = _LINES

    def grow(
        ids: Sequence[str], further: Mapping[str, Sequence[str]], depth: int = 1
    ) -> list[Tree]:
        nonlocal left
        grown: list[Tree] = []
        for each in ids:
            if not left:
                return [*grown, Tree("…")]
            left -= 1
            more = further.get(each, ())
            mark = "  (see above)" if each in seen and more else ""
            deeper = more if each not in seen and depth < _DEPTH else ()
            seen.add(each)
            node = nodes[each]
            grown.append(Tree(_line(node) + mark, grow(deeper, further, depth + 1), node.stage))
        return grown

    root = nodes[found.root]
    past = [each for each in sources[root.id] if nodes[each].side != "result"]
    shown: list[Block] = [Tree(_line(root), grow(past, sources), root.stage)]
    if results[root.id]:
        shown.append(Tree("made from it", grow(results[root.id], results)))
    if found.folded:
        shown.append(Line(f"({found.folded} nodes, folded by stage)"))
    return shown


def _line(node: Node) -> str:
    detail = visible(_cut(node.detail, _LONGEST_LINE)) if node.detail else ""
    label = visible(_cut(_named(node), _LONGEST_LINE))
    if node.kind in ("variable", "value", "tracked"):
        return f"{label} = {detail}" if detail else label
    if node.kind == "call":
        return f"{label}({detail})" if not node.id.startswith("calls:") else label
    if node.kind == "file":
        return f"{label} [{detail}]" + (f" {node.digest[:12]}" if node.digest else "")
    return f"{label}: {detail}" if detail else label


def _named(node: Node) -> str:
    """Return a node's label; of a function's dotted name the last part, with its class if any."""
    if node.kind != "call":
        return node.label
    name, blank, times = node.label.partition(" ")
    *_, before, last = ["", *name.split(".")]
    # What is no class is a module, and hides the arguments where room is short.
    return f"{before}.{last}{blank}{times}" if before[:1].isupper() else f"{last}{blank}{times}"


def mermaid(found: Lineage) -> str:
    """Return a lineage as Mermaid text: from left to right where many nodes stand side by side.

    Notebooks fit a graph to their width, in which many have no room.
    """
    names = {node.id: f"n{number}" for number, node in enumerate(found.nodes)}
    ends = (each for edge in found.edges for each in ((edge.source, 0), (edge.target, 1)))
    wide = max(Counter(ends).values(), default=0) > _SIDE_BY_SIDE
    lines = [f"flowchart {'LR' if wide else 'TB'}"]
    shapes = {"file": ("[(", ")]"), "run": ("[", "]"), "call": ("[[", "]]"), "stage": ("[", "]")}
    for node in found.nodes:
        start, end = shapes.get(node.kind, ("(", ")"))
        label = "<br/>".join(_mermaid_text(each) for each in _label(node))
        lines.append(f'  {names[node.id]}{start}"{label}"{end}')
    for edge in found.edges:
        lines.append(f"  {names[edge.source]} --> {names[edge.target]}")
    for place, stage in enumerate(_stages(found)):
        fill, line = _colour(found, stage)
        members = [names[node.id] for node in found.nodes if node.stage == stage]
        if members:
            lines.append(f"  classDef s{place} fill:{fill},stroke:{line},color:#1a1a1a")
            lines.append(f"  class {','.join(members)} s{place}")
    lines.append(f"  style {names[found.root]} stroke-width:3px")
    if found.edges:
        # A grey that is seen on light and on dark ground.
        lines.append("  linkStyle default stroke:#888888")
    return "\n".join(lines) + "\n"


def _mermaid_text(value: str) -> str:
    """Return text in which every character that Mermaid or HTML may obey is an entity code."""
    return "".join(
        each if each.isalnum() or each in " _.,=/+-" else f"#{ord(each)};"
        for each in visible(value)
    )


def dot(found: Lineage) -> str:
    """Return a lineage as Graphviz reads it."""
    names = {node.id: f"n{number}" for number, node in enumerate(found.nodes)}
    lines = ["digraph lineage {", '  node [style=filled, fontname="sans-serif"];']
    shapes = {"file": "cylinder", "run": "box", "call": "component", "stage": "box"}
    for node in found.nodes:
        fill, line = _colour(found, node.stage)
        label = "\\n".join(_dot_text(each) for each in _label(node))
        width = ", penwidth=3" if node.id == found.root else ""
        lines.append(
            f'  {names[node.id]} [label="{label}", shape={shapes.get(node.kind, "ellipse")}, '
            f'fillcolor="{fill}", color="{line}"{width}];'
        )
    for edge in found.edges:
        lines.append(
            f'  {names[edge.source]} -> {names[edge.target]} [label="{_dot_text(edge.label)}"];'
        )
    return "\n".join([*lines, "}"]) + "\n"


def _dot_text(value: str) -> str:
    # Graphviz reads HTML entities in labels, too.
    shown = visible(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return shown.replace("\\", "\\\\").replace('"', '\\"')


def _label(node: Node) -> list[str]:
    lines = [_cut(_named(node))]
    if node.detail:
        lines.append(_cut(node.detail))
    return lines


def _stages(found: Lineage) -> list[str | None]:
    return list(dict.fromkeys([*found.stages, *(node.stage for node in found.nodes)]))


def _colour(found: Lineage, stage: str | None) -> tuple[str, str]:
    known = [each for each in _stages(found) if each is not None]
    return _PLAIN if stage is None else _COLOURS[known.index(stage) % len(_COLOURS)]


def _cut(value: str, longest: int = _LONGEST) -> str:
    return value if len(value) <= longest else value[: longest - 1] + "…"


def bundle(found: Lineage) -> dict[str, str]:
    """Return a lineage by MIME type: Mermaid for who draws it, and a picture where one can be made.

    No HTML, which notebooks would show in place of either.
    """
    shown = {"text/plain": blocks.text(tree(found)), "text/vnd.mermaid": mermaid(found)}
    with suppress(ProvenanceError):
        shown["image/png"] = b64encode(plot.png(draw(found))).decode()
    return shown


def draw(found: Lineage) -> Figure:
    """Return a picture of the tree, coloured by stage; raise `ProvenanceError` without matplotlib.

    Its units are a character and a line.
    """
    lines = [line for each in tree(found) if isinstance(each, Tree) for line in _lines(each)]
    if len(lines) > _DRAWN:
        lines = [*lines[:_DRAWN], (0, Tree(f"… and {len(lines) - _DRAWN} lines more"))]
    present = {node.stage for node in found.nodes}
    legend = [
        Tree(visible(_cut(stage or "no stage")), stage=stage)
        for stage in _stages(found)
        if stage in present
    ]
    starts = [*accumulate((len(each.text) + _INDENT for each in legend), initial=0)]
    columns = max(*(_INDENT * depth + len(each.text) for depth, each in lines), starts[-1]) + 3
    figure = plot.blank(0.07 * columns, 0.25 * (len(lines) + 2))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-1, columns - 1), ylim=(len(lines) + 0.5, -1.5))
    axes.set_axis_off()

    def write(column: int, row: int, each: Tree, width: float = 1.0) -> None:
        fill, line = _colour(found, each.stage)
        axes.text(
            column,
            row,
            each.text,
            family="monospace",
            fontsize=8,
            color="#1a1a1a",
            verticalalignment="center",
            bbox={"boxstyle": "round,pad=0.3", "fc": fill, "ec": line, "lw": width},
            parse_math=False,
        )

    for column, each in zip(starts, legend, strict=False):
        write(column, -1, each)
    above: dict[int, int] = {}
    for row, (depth, each) in enumerate(lines):
        above[depth] = row
        if depth:
            bend = _INDENT * depth - 2
            corner = (bend, bend, bend + 2), (above[depth - 1], row, row)
            axes.plot(*corner, color=plot.GREY, linewidth=0.8, zorder=0)
        write(_INDENT * depth, row, each, 2.0 if row == 0 else 1.0)
    return figure


def _lines(tree: Tree, depth: int = 0) -> Iterator[tuple[int, Tree]]:
    yield depth, tree
    for each in tree.children:
        yield from _lines(each, depth + 1)
