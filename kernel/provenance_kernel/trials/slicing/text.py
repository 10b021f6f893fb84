"""The texts of a cell's statements, cut from its source."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from provenance_kernel.dataflow.statements.parts import Parts, uses_shell
from provenance_kernel.parsing import parse, parse_cell

# With a word of its own `%%capture` binds a name.
_TIMING = re.compile(r"\s*%%(?:time\b[^\n]*|capture(?:[ \t]+--?\w+)*[ \t]*)\n")


@dataclass(frozen=True, slots=True)
class Text:
    """A statement as the cell has it; `shows` if its value was the cell's output.

    `awaits` and `shell` say what it takes to run it: a loop of events, IPython.
    """

    code: str
    shows: bool = False
    awaits: bool = False
    shell: bool = False

    @property
    def imports(self) -> bool:
        """Whether it is an import."""
        return self.code.startswith(("import ", "from "))


def texts_of(source: str) -> tuple[Text, list[Text] | None]:
    """Return a cell's whole text and those of its statements; None where they cannot be cut."""
    # Python ends lines at these, too.
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if timing := _TIMING.match(source):
        source = source[timing.end() :]
    try:
        nodes = parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        try:
            nodes = parse_cell(source).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return Text(source, shell=True), None
        if not _lines_agree(source, nodes):
            return _text(source, nodes), None
    return _text(source, nodes), [_text(_cut(source, node), [node]) for node in nodes]


def _text(code: str, nodes: list[ast.stmt]) -> Text:
    shows = len(nodes) == 1 and isinstance(nodes[0], ast.Expr)
    parts = Parts(nodes)
    awaits = bool(parts.of(ast.Await, ast.AsyncFor, ast.AsyncWith))
    awaits |= any(each.is_async for each in parts.of(ast.comprehension))
    shell = uses_shell(parts.of(ast.Call))
    shell |= any(each.id == "get_ipython" for each in parts.of(ast.Name))
    return Text(code, shows, awaits, shell)


def _cut(source: str, node: ast.stmt) -> str:
    """Return a statement as the cell has it, decorators included."""
    lines = source.split("\n")
    first: int = min([node.lineno, *[each.lineno for each in getattr(node, "decorator_list", [])]])
    last = node.end_lineno or node.lineno
    if first != node.lineno or _in_shell(node):
        return "\n".join(lines[first - 1 : last])
    if first == last:
        line = lines[first - 1].encode()
        return line[node.col_offset : node.end_col_offset].decode()
    head = lines[first - 1].encode()[node.col_offset :].decode()
    tail = lines[last - 1].encode()[: node.end_col_offset].decode()
    return "\n".join([head, *lines[first : last - 1], tail])


def _lines_agree(source: str, nodes: list[ast.stmt]) -> bool:
    """Tell whether IPython's transformations left each statement on its lines."""
    if source.lstrip().startswith("%%"):
        return False
    last = 0
    for node in nodes:
        if node.lineno <= last or (_in_shell(node) and node.lineno != node.end_lineno):
            return False
        last = node.end_lineno or node.lineno
    return last <= source.count("\n") + 1


def _in_shell(node: ast.stmt) -> bool:
    """Tell whether a statement was written in IPython's own syntax."""
    return uses_shell(Parts([node], deep=True).of(ast.Call))
