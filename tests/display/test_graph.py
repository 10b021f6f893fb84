"""Lineages as trees, Mermaid, DOT and SVG; nothing from a notebook is obeyed in any of them."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from provenance_kernel.display import graph
from provenance_kernel.trials.lineage import Edge, Lineage, Node

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
    assert graph.text(LINEAGE) == (
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
    lines = graph.mermaid(LINEAGE).splitlines()
    assert lines[0] == "flowchart TB"
    assert '  n3("x<br/>#91;1#93;")' in lines
    assert "  n1 --> n0" in lines
    assert "  class n0,n1,n2 s0" in lines


def test_dot_is_quoted() -> None:
    text = graph.dot(LINEAGE)
    assert text.startswith("digraph lineage {")
    assert '  n1 -> n0 [label="made"];' in text


def test_svg_is_well_formed_and_each_node_is_inside_it() -> None:
    root = ElementTree.fromstring(graph.svg(LINEAGE))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for box in root.iter("{http://www.w3.org/2000/svg}rect"):
        assert float(box.get("x", 0)) + float(box.attrib["width"]) <= width
        assert float(box.get("y", 0)) + float(box.attrib["height"]) <= height
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "· score(x=[1])" in texts


def test_rows_put_each_below_what_it_came_from() -> None:
    boxes = re.findall(
        r'<text x="[\d.]+" y="([\d.]+)"[^>]*font-weight[^>]*>([^<]*)<', graph.svg(LINEAGE)
    )
    heights = {text: float(y) for y, text in boxes}
    order = ["data.csv", "run 1", "x", "run 2 (scoring)", "f1", "run 3"]
    assert [heights[each] for each in order] == sorted(heights[each] for each in order)


def test_a_cycle_is_drawn_all_the_same() -> None:
    cycle = replace(LINEAGE, edges=(*LINEAGE.edges, Edge("run:3", "file:data.csv", "wrote")))
    assert ElementTree.fromstring(graph.svg(cycle)) is not None
    assert "run 3" in graph.text(cycle)


@pytest.mark.parametrize("text", ATTACKS)
def test_nothing_from_a_notebook_is_obeyed(text: str) -> None:
    found = attacked(text)
    root = ElementTree.fromstring(graph.svg(found))
    assert {each.tag.rpartition("}")[2] for each in root.iter()} <= {
        "svg",
        "title",
        "rect",
        "text",
        "path",
    }
    assert not any(name.startswith("on") for each in root.iter() for name in each.attrib)
    plain = graph.svg(LINEAGE).count("<rect")
    assert graph.svg(found).count("<rect") <= plain + 2
    for line in graph.mermaid(found).splitlines()[1:]:
        assert re.fullmatch(
            r'  n\d+[\[(]+"(?:[\w .,=/+-]|#\d+;|<br/>)*"[\])]+|  n\d+ --> n\d+'
            r"|  classDef s\d+ [\w:#,]+|  class [\w,]+ s\d+|  style n\d+ stroke-width:3px",
            line,
        ), line
    for line in graph.dot(found).splitlines()[3:-1]:
        assert re.fullmatch(r'  n\d+(?: -> n\d+)? \[label="(?:[^"\\]|\\.)*"(?:, [^\]]*)?\];', line)
    for shown in (graph.text(found), graph.dot(found)):
        assert all(each.isprintable() or each == "\n" for each in shown)


def test_what_is_no_lineage_is_refused() -> None:
    from provenance_kernel.trials.answer import Answer

    assert not graph.handles(Answer())
    with pytest.raises(TypeError):
        graph.text(Answer())
