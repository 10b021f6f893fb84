"""A slice written out: as a Python script, or as a notebook with a cell for each run."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance_kernel.errors import NotebookError
from provenance_kernel.parsing import parse, parse_cell

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from provenance_kernel.trials.slicing.slice import Part, Slice

_FUTURE = "from __future__ import "
_DEFINITION = ("def ", "class ", "async def ", "@")
# Names that the provenance kernel gives to cells, for an interpreter without it.
_GIVEN = {
    "now_tag_variable": "def now_tag_variable(name, value):\n    return value",
    "now_tag_cell": "def now_tag_cell(tag):\n    pass",
}
_SHELL = (
    "from IPython.core.interactiveshell import InteractiveShell\n\n"
    "get_ipython = InteractiveShell.instance(user_ns=globals()).get_ipython\n"
    # Some magics look at what ran last.
    'get_ipython().run_cell("")'
)
# As the shell did at the end of the cell.
_CLOSE = '__import__("matplotlib.pyplot").pyplot.close("all")'
_AWAIT = (
    "import ast as _ast, asyncio as _asyncio\n\n"
    "_runner = _asyncio.Runner()\n\n\n"
    "def _run_async(source):\n"
    '    code = compile(source, "<cell>", "exec", flags=_ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)\n'
    "    coroutine = eval(code, globals())\n"
    "    if coroutine is not None:\n"
    "        _runner.run(coroutine)"
)


def write(text: str, path: Path) -> None:
    """Write a script; raises `NotebookError` where that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise NotebookError(f"{path}: cannot be written: {error.strerror}") from error


def header(found: Slice) -> list[str]:
    """Return the lines of the comment that says what a slice computes."""
    known = f"digest {found.digest} ({found.exactness})" if found.digest else "no recorded digest"
    lines = [found.checked] if found.checked else []
    lines += [
        f"{found.name} as cell run {found.position} of trial {found.trial} left it: {known}",
        f"{found.lines} of {found.trial_lines} lines of code",
    ]
    if found.notebook:
        lines.append(f"from {found.notebook}")
    if not found.vouched:
        lines.append("the record cannot vouch that this computes the same value")
    lines += found.reasons
    return [one_line(line) for line in lines]


def one_line(text: str) -> str:
    """Return a text of the record for a comment: it ends no line, and tells a terminal nothing."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def script(found: Slice) -> str:
    """Return a slice as a script for a stock interpreter."""
    blocks = ["\n".join(f"# {line}" for line in header(found))]
    futures = [text for part in found.parts for text in part.statements if text.startswith(_FUTURE)]
    if futures:
        blocks.append("\n".join(dict.fromkeys(futures)))
    blocks += _given(found)
    if any(part.shell for part in found.parts):
        blocks.append(_SHELL)
    if any(part.awaits for part in found.parts):
        blocks.append(_AWAIT)
    for part in found.parts:
        said = [f"run {part.position}", *(f"stage: {one}" for one in part.stages)]
        title = "\n".join(f"# {one_line(line)}" for line in said)
        blocks.append(f"{title}\n{_block(part)}")
        if part.closes_figures and part is not found.parts[-1]:
            blocks.append(_CLOSE)
    return "\n\n".join(blocks) + "\n"


def notebook(found: Slice) -> NotebookNode:
    """Return a slice as a notebook; stages are in the cells' metadata."""
    import nbformat

    v4: Any = nbformat.v4

    text = "\n".join(f"    {line}" for line in header(found))
    cells = [v4.new_markdown_cell(text)]
    given = _given(found)
    if given:
        cells.append(v4.new_code_cell("\n\n".join(given)))
    for part in found.parts:
        metadata = {"provenance": {"stage": list(part.stages)}} if part.stages else {}
        cells.append(v4.new_code_cell(cell(part), metadata=metadata))
    made: NotebookNode = v4.new_notebook(cells=cells)
    made.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    made.metadata["language_info"] = {"name": "python"}
    return made


def cell(part: Part) -> str:
    """Return what a slice takes of a run as a cell of a notebook."""
    source = _joined(part.statements)
    return _guarded(source) if part.guarded else source


def _given(found: Slice) -> list[str]:
    text = "\n".join(each for part in found.parts for each in part.statements)
    return [code for name, code in _GIVEN.items() if name in text]


def _block(part: Part) -> str:
    source = _joined([text for text in part.statements if not text.startswith(_FUTURE)])
    if part.shell:
        source = _translated(source)
    if part.awaits:
        return (
            f"_run_async({source!r})" if not part.guarded else _guarded(f"_run_async({source!r})")
        )
    return _guarded(source) if part.guarded else source


def _joined(statements: Sequence[str]) -> str:
    """Return statements as one text, definitions set apart."""
    lines = []
    for before, text in zip(["", *statements], statements, strict=False):
        apart = before and (before.startswith(_DEFINITION) or text.startswith(_DEFINITION))
        lines.append(f"\n{text}" if apart else text)
    return "\n".join(lines)


def _translated(source: str) -> str:
    """Return code in IPython's syntax as Python that calls the shell."""
    try:
        parse(source)
    except SyntaxError:
        try:
            return ast.unparse(parse_cell(source))
        except SyntaxError:
            return f"get_ipython().run_cell({source!r})"
    return source


def _guarded(source: str) -> str:
    """Return code so that the exception it raises is passed over, as the notebook did."""
    try:
        kept = _inside_strings(source)
    except (tokenize.TokenError, SyntaxError):
        return source
    lines = [
        line if number in kept or not line else f"    {line}"
        for number, line in enumerate(source.split("\n"), 1)
    ]
    return "\n".join(["try:", *lines, "    pass", "except (Exception, SystemExit):", "    pass"])


def _inside_strings(source: str) -> set[int]:
    """Return the numbers of lines that begin inside a string."""
    found: set[int] = set()
    starts: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "STRING":
            found.update(range(token.start[0] + 1, token.end[0] + 1))
        elif kind in ("FSTRING_START", "TSTRING_START"):
            starts.append(token.start[0])
        elif kind in ("FSTRING_END", "TSTRING_END"):
            found.update(range(starts.pop() + 1, token.end[0] + 1))
    return found
