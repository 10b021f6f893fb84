"""A lineage as a tree, as Mermaid and DOT text, and as an SVG picture that needs no script.

What came from a notebook is shown as text in each of these languages and never as their syntax.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from html import escape
from itertools import count

from provenance_kernel.display.terminal import visible
from provenance_kernel.trials.answer import Answer
from provenance_kernel.trials.lineage import Lineage, Node

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
_CALLS = 3
_DEPTH = 40
_LINES = 400


def handles(answer: Answer) -> bool:
    """Tell whether this part shows an answer of that kind."""
    return isinstance(answer, Lineage)


def text(answer: Answer) -> str:
    """Return a lineage as a tree: what the value came from, then what was made from it."""
    return tree(_lineage(answer))


def html(answer: Answer) -> str:
    """Return a lineage as HTML: an SVG picture, with the tree for who cannot see it."""
    found = _lineage(answer)
    return f'<div style="overflow-x:auto;max-width:100%">{svg(found)}</div>'


def _lineage(answer: Answer) -> Lineage:
    if not isinstance(answer, Lineage):
        raise TypeError(f"{type(answer).__name__} is no lineage")
    return answer


# -- tree -----------------------------------------------------------------------------------------


def tree(found: Lineage) -> str:
    """Return a tree for a terminal."""
    nodes = {node.id: node for node in found.nodes}
    sources: dict[str, list[str]] = defaultdict(list)
    targets: dict[str, list[str]] = defaultdict(list)
    for edge in found.edges:
        sources[edge.target].append(edge.source)
        targets[edge.source].append(edge.target)
    lines = [_line(nodes[found.root])]
    seen = {found.root}
    past = [each for each in sources[found.root] if nodes[each].side != "result"]
    _branches(past, nodes, lambda each: sources[each], "", seen, lines)
    results = [each for each in targets[found.root] if nodes[each].side == "result"]
    if results:
        lines.append("made from it")
        _branches(
            results,
            nodes,
            lambda each: [one for one in targets[each] if nodes[one].side == "result"],
            "",
            seen,
            lines,
        )
    if found.folded:
        lines.append(f"({found.folded} nodes, folded by stage)")
    return "\n".join(lines)


def _branches(
    ids: Sequence[str],
    nodes: dict[str, Node],
    following: Callable[[str], Iterable[str]],
    indent: str,
    seen: set[str],
    lines: list[str],
) -> None:
    for place, each in enumerate(ids):
        last = place + 1 == len(ids)
        known = each in seen
        seen.add(each)
        if len(lines) > _LINES:
            lines.append(f"{indent}└─ …")
            return
        more = list(following(each))
        mark = "  (see above)" if known and more else ""
        lines.append(f"{indent}{'└' if last else '├'}─ {_line(nodes[each])}{mark}")
        if not known and len(indent) < 3 * _DEPTH:
            _branches(more, nodes, following, indent + ("   " if last else "│  "), seen, lines)


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


# -- Mermaid and DOT ------------------------------------------------------------------------------


def mermaid(answer: Answer) -> str:
    """Return a lineage as Mermaid text."""
    found = _lineage(answer)
    names = {node.id: f"n{number}" for number, node in enumerate(found.nodes)}
    lines = ["flowchart TB"]
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
    return "\n".join(lines) + "\n"


def _mermaid_text(value: str) -> str:
    """Return text in which every character that Mermaid or HTML may obey is an entity code."""
    return "".join(
        each if each.isalnum() or each in " _.,=/+-" else f"#{ord(each)};"
        for each in visible(value).replace("--", "-\u200b-")
    ).replace("#8203;", "")


def dot(answer: Answer) -> str:
    """Return a lineage as Graphviz reads it."""
    found = _lineage(answer)
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


# -- SVG ------------------------------------------------------------------------------------------

_CHARACTER = 6.7
_ROW = 15
_PAD = 8
_GAP_X = 16
_GAP_Y = 34
_TOP = 44


def svg(answer: Answer) -> str:
    """Return a lineage as an SVG picture: rows from what came first to what came last."""
    found = _lineage(answer)
    calls: dict[str, list[Node]] = defaultdict(list)
    nodes = {node.id: node for node in found.nodes}
    for edge in found.edges:
        if edge.label == "call":
            calls[edge.target].append(nodes[edge.source])
    drawn = [node for node in found.nodes if node.kind != "call"]
    edges = [
        (edge.source, edge.target)
        for edge in found.edges
        if edge.label != "call" and edge.source != edge.target
    ]
    texts = {node.id: _texts(node, calls[node.id]) for node in drawn}
    rows = _rows([node.id for node in drawn], edges)
    boxes: dict[str, tuple[float, float, float, float]] = {}
    spread = [sum(_width(texts[each]) + _GAP_X for each in row) - _GAP_X for row in rows]
    widest = max(spread, default=0.0)
    top = float(_TOP)
    for row, wide in zip(rows, spread, strict=True):
        left = 12 + (widest - wide) / 2
        tall = max(_height(texts[each]) for each in row)
        for each in row:
            high = _height(texts[each])
            boxes[each] = (left, top + (tall - high) / 2, _width(texts[each]), high)
            left += _width(texts[each]) + _GAP_X
        top += tall + _GAP_Y
    height = top - _GAP_Y + 12
    legend, legend_width = _legend(found)
    total = max(widest + 24, legend_width)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {total:.0f} {height:.0f}" role="img" '
        "font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" "
        'font-size="10.5">',
        f"<title>Lineage of {escape(visible(found.name))}</title>",
        f'<rect width="{total:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        *legend,
    ]
    parts += [_edge(boxes[one], boxes[other]) for one, other in edges]
    parts += [_box(found, node, boxes[node.id], texts[node.id]) for node in drawn]
    return "\n".join([*parts, "</svg>"])


def _texts(node: Node, calls: Sequence[Node]) -> list[str]:
    if node.kind in ("variable", "value", "tracked") or node.kind == "file":
        lines = [node.label, node.detail or ""]
    else:
        lines = [node.label, node.detail or ""]
        lines += [f"· {_line(each)}" for each in calls[:_CALLS]]
        if len(calls) > _CALLS:
            lines.append(f"· and {len(calls) - _CALLS} more")
    return [_cut(visible(line)) for line in lines if line]


def _width(lines: Sequence[str]) -> float:
    return max(map(len, lines)) * _CHARACTER + 2 * _PAD


def _height(lines: Sequence[str]) -> float:
    return len(lines) * _ROW + 2 * _PAD - 3


def _rows(ids: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Return the nodes in rows, each below all that it came from where no cycle forbids."""
    sources: dict[str, list[str]] = defaultdict(list)
    targets: dict[str, list[str]] = defaultdict(list)
    for one, other in edges:
        sources[other].append(one)
        targets[one].append(other)
    depth: dict[str, int] = {}
    for start in ids:
        # Depth first without recursion; what is being visited is left out, which breaks cycles.
        stack: list[tuple[str, bool]] = [(start, False)]
        visiting: set[str] = set()
        while stack:
            node, leaving = stack.pop()
            if leaving:
                visiting.discard(node)
                depth[node] = 1 + max((depth[s] for s in sources[node] if s in depth), default=-1)
            elif node not in depth and node not in visiting:
                visiting.add(node)
                stack.append((node, True))
                stack += [(s, False) for s in sources[node] if s not in depth and s not in visiting]
    for node in sorted(ids, key=lambda each: -depth[each]):
        # Each stands near what it is used by.
        later = [depth[each] for each in targets[node] if depth[each] > depth[node]]
        if later:
            depth[node] = min(later) - 1
    rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in ids:
        rows[depth[node]].append(node)
    rows = [row for row in rows if row]
    place: dict[str, float] = {}
    for neighbours, order in ((sources, rows), (targets, rows[::-1]), (sources, rows)):
        for row in order:
            numbers = count()
            old = {node: next(numbers) for node in row}

            def middle(
                node: str,
                near: dict[str, list[str]] = neighbours,
                kept: dict[str, int] = old,
                size: int = len(row),
            ) -> float:
                known = [place[each] for each in near[node] if each in place]
                return sum(known) / len(known) if known else (kept[node] + 0.5) / size

            row.sort(key=middle)
            for at, node in enumerate(row):
                place[node] = (at + 0.5) / len(row)
    return rows


def _legend(found: Lineage) -> tuple[list[str], float]:
    parts, left = [], 12.0
    present = {node.stage for node in found.nodes}
    for stage in _stages(found):
        if stage not in present:
            continue
        fill, line = _colour(found, stage)
        label = _cut(visible(stage or "no stage"))
        parts.append(
            f'<rect x="{left:.0f}" y="12" width="12" height="12" rx="2" fill="{fill}" '
            f'stroke="{line}"/><text x="{left + 18:.0f}" y="22" fill="#333333">'
            f"{escape(label)}</text>"
        )
        left += len(label) * _CHARACTER + 40
    return parts, left


def _edge(one: tuple[float, ...], other: tuple[float, ...]) -> str:
    x1, y1 = one[0] + one[2] / 2, one[1] + one[3]
    x2, y2 = other[0] + other[2] / 2, other[1]
    bend = max((y2 - y1) / 2, 16)
    return (
        f'<path d="M{x1:.1f} {y1:.1f}C{x1:.1f} {y1 + bend:.1f} {x2:.1f} {y2 - bend:.1f} '
        f'{x2:.1f} {y2 - 5:.1f}" fill="none" stroke="#9aa0a6" stroke-width="1.1"/>'
        f'<path d="M{x2 - 3:.1f} {y2 - 6:.1f}l3 6l3 -6z" fill="#9aa0a6"/>'
    )


def _box(found: Lineage, node: Node, box: tuple[float, ...], lines: Sequence[str]) -> str:
    left, top, width, height = box
    fill, line = _colour(found, node.stage)
    radius = {"run": 3, "stage": 3, "file": 0}.get(node.kind, 12)
    stroke = 3 if node.id == found.root else 1.2
    dashes = ' stroke-dasharray="4 2"' if node.kind == "file" else ""
    if node.kind in ("variable", "tracked"):
        fill = "#ffffff"
    parts = [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'rx="{radius}" fill="{fill}" stroke="{line}" stroke-width="{stroke}"{dashes}/>'
    ]
    for number, each in enumerate(lines):
        weight = ' font-weight="bold"' if number == 0 else ""
        colour = "#1a1a1a" if number == 0 else "#444444"
        y = top + _PAD + 9 + number * _ROW
        parts.append(
            f'<text x="{left + _PAD:.1f}" y="{y:.1f}" fill="{colour}"{weight}>{escape(each)}</text>'
        )
    return "".join(parts)
