"""Lineages as trees, Mermaid, DOT and pictures; nothing from a notebook is obeyed in any."""

from __future__ import annotations

import re
import sys
from base64 import b64decode
from dataclasses import replace

import pytest
from matplotlib.colors import to_hex

from provenance_kernel.display import lineage, plot, registry
from provenance_kernel.trials.lineage.lineage import Edge, Lineage, Node

LINEAGE = Lineage(
    trial="t",
    name="f1",
    position=2,
    root="name:f1@2",
    nodes=(
        Node("name:f1@2", "value", "f1", "target", "scoring", 2, "0.5", "d1"),
        Node("run:2", "run", "run 2 (scoring)", "source", "scoring", 2, "f1 = score(x)"),
        Node("call:1", "call", "score", "source", "scoring", 2, "x=[1]"),
        Node("name:x@1", "variable", "x", "source", None, 1, "[1]"),
        Node("run:1", "run", "run 1", "source", None, 1, "x = read()"),
        Node("file:data.csv", "file", "data.csv", "source", None, None, "r", "ab" * 16),
        Node("run:3", "run", "run 3", "result", None, 3, "y = f1"),
    ),
    edges=(
        Edge("run:2", "name:f1@2", "made"),
        Edge("call:1", "run:2", "call"),
        Edge("name:x@1", "run:2", "read"),
        Edge("run:1", "name:x@1", "made"),
        Edge("file:data.csv", "run:1", "read"),
        Edge("name:f1@2", "run:3", "read"),
    ),
    stages=("scoring",),
)
ATTACKS = (
    "<script>alert(1)</script>",
    '"]; click n0 "javascript:alert(1)"',
    "x\n  click n0 call alert()",
    "%%{init: {}}%%",
    '"; } digraph evil {',
    "\\",
    "\\N\\G",
    "\x1b[31mred\x1b[0m",
    "\u202egnp.exe",
    "&lt;b&gt;&#x3c;",
    "]]></svg><svg onload=alert(1)>",
    "end",
    "`**bold**`",
    "A-->B",
    "\x00\x07",
    "\ud800",
)


def attacked(text: str) -> Lineage:
    nodes = tuple(replace(node, label=text, detail=text, stage=text) for node in LINEAGE.nodes)
    edges = tuple(replace(edge, label=text) for edge in LINEAGE.edges if edge.label != "call")
    return replace(LINEAGE, name=text, nodes=nodes, edges=edges, stages=(text,))


def test_a_tree_of_what_it_came_from_and_what_was_made_from_it() -> None:
    assert registry.text(LINEAGE) == (
        "f1 = 0.5\n"
        "└─ run 2 (scoring): f1 = score(x)\n"
        "   ├─ score(x=[1])\n"
        "   └─ x = [1]\n"
        "      └─ run 1: x = read()\n"
        "         └─ data.csv [r] abababababab\n"
        "made from it\n"
        "└─ run 3: y = f1"
    )


def test_mermaid_names_nodes_by_number_and_colours_stages() -> None:
    lines = lineage.mermaid(LINEAGE).splitlines()
    assert lines[0] == "flowchart TB"
    assert '  n3("x<br/>#91;1#93;")' in lines
    assert "  n1 --> n0" in lines
    assert "  class n0,n1,n2 s0" in lines
    assert "  linkStyle default stroke:#888888" in lines


@pytest.mark.parametrize(("inputs", "direction"), [(6, "TB"), (7, "LR")])
def test_many_inputs_stand_below_each_other(inputs: int, direction: str) -> None:
    nodes = [Node(f"name:{at}", "value", f"x{at}", "source", None, 1) for at in range(inputs)]
    edges = [Edge(each.id, "name:f1@2", "read") for each in nodes]
    found = replace(LINEAGE, nodes=(LINEAGE.nodes[0], *nodes), edges=tuple(edges))
    assert lineage.mermaid(found).startswith(f"flowchart {direction}\n")


def test_dot_is_quoted() -> None:
    text = lineage.dot(LINEAGE)
    assert text.startswith("digraph lineage {")
    assert '  n1 -> n0 [label="made"];' in text


def _texts(found: Lineage) -> dict[str, tuple[float, float, str]]:
    """Return each text of the picture with its place and its fill."""
    (axes,) = lineage.draw(found).axes
    return {
        text.get_text(): (*text.get_position(), to_hex(text.get_bbox_patch().get_facecolor()))  # type: ignore[union-attr]
        for text in axes.texts
    }


def test_a_picture_shows_the_tree_coloured_by_stage() -> None:
    found = _texts(LINEAGE)
    assert [*found][:2] == ["scoring", "no stage"]
    assert found["f1 = 0.5"] == (0, 0, found["scoring"][2])
    assert found["x = [1]"] == (6, 3, found["no stage"][2])
    assert found["scoring"][2] != found["no stage"][2]
    assert found["run 3: y = f1"][:2] == (3, 7)


def test_each_text_of_a_picture_is_inside_it() -> None:
    figure = lineage.draw(attacked("x" * 100))
    figure.draw_without_rendering()  # type: ignore[no-untyped-call]
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.width
        assert 0 <= box.y0 < box.y1 <= figure.bbox.height


def test_of_many_lines_the_first_are_drawn() -> None:
    more = tuple(Node(f"call:{n}", "call", f"f{n}", "source", None, 2) for n in range(300))
    edges = tuple(Edge(node.id, "run:2", "call") for node in more)
    many = replace(LINEAGE, nodes=LINEAGE.nodes + more, edges=LINEAGE.edges + edges)
    assert "… and 208 lines more" in _texts(many)


def test_a_notebook_is_given_mermaid_and_a_picture_and_no_html() -> None:
    shown = lineage.bundle(LINEAGE)
    assert shown["text/vnd.mermaid"] == lineage.mermaid(LINEAGE)
    assert b64decode(shown["image/png"]).startswith(b"\x89PNG")
    assert shown["text/plain"] == registry.text(LINEAGE)
    assert len(shown) == 3


def test_without_matplotlib_there_is_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert set(lineage.bundle(LINEAGE)) == {"text/plain", "text/vnd.mermaid"}


def test_a_cycle_is_drawn_all_the_same() -> None:
    cycle = replace(LINEAGE, edges=(*LINEAGE.edges, Edge("run:3", "file:data.csv", "wrote")))
    assert any("(see above)" in text for text in _texts(cycle))
    assert "run 3" in registry.text(cycle)


@pytest.mark.parametrize("text", ATTACKS)
def test_nothing_from_a_notebook_is_obeyed(text: str) -> None:
    found = attacked(text)
    plot.png(lineage.draw(found))
    texts = _texts(found)
    for line in lineage.mermaid(found).splitlines()[1:]:
        assert re.fullmatch(
            r'  n\d+[\[(]+"(?:[\w .,=/+-]|#\d+;|<br/>)*"[\])]+|  n\d+ --> n\d+'
            r"|  classDef s\d+ [\w:#,]+|  class [\w,]+ s\d+|  style n\d+ stroke-width:3px"
            r"|  linkStyle default stroke:#888888",
            line,
        ), line
    for line in lineage.dot(found).splitlines()[3:-1]:
        assert re.fullmatch(r'  n\d+(?: -> n\d+)? \[label="(?:[^"\\]|\\.)*"(?:, [^\]]*)?\];', line)
    for shown in (registry.text(found), lineage.dot(found), *texts):
        assert all(each.isprintable() or each == "\n" for each in shown)
