"""The one renderer of answers: tables, graphs and pictures, as text and by MIME type."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING, TypeGuard

from provenance_kernel.display.terminal import visible
from provenance_kernel.trials.answer import Answer

if TYPE_CHECKING:
    from provenance_kernel.trials.slice import Slice


class KindRenderer:
    """Shows each answer by the part that knows its kind; that part is imported now."""

    def text(self, answer: Answer) -> str:
        """Return the answer as a table or tree, without colours."""
        from provenance_kernel.display import plot, tables

        if tables.handles(answer):
            return tables.text(answer)
        if plot.handles(answer):
            return plot.text(answer)
        if _is_slice(answer):
            return _script(answer)
        from provenance_kernel.display import graph

        return graph.text(answer)

    def html(self, answer: Answer) -> str:
        """Return the answer as HTML in which everything from a notebook is escaped."""
        from provenance_kernel.display import plot, tables

        if tables.handles(answer):
            return tables.html(answer)
        if plot.handles(answer) or _is_slice(answer):
            return f"<pre>{escape(self.text(answer))}</pre>"
        from provenance_kernel.display import graph

        return graph.html(answer)

    def bundle(self, answer: Answer) -> dict[str, str]:
        """Return the answer by MIME type."""
        from provenance_kernel.display import plot, tables

        bundle = {"text/plain": self.text(answer), "text/html": self.html(answer)}
        if plot.handles(answer):
            bundle["image/png"] = b64encode(plot.png(plot.draw(answer))).decode()
        elif not tables.handles(answer) and not _is_slice(answer):
            from provenance_kernel.display import graph

            bundle["text/vnd.mermaid"] = graph.mermaid(answer)
        return bundle


def _is_slice(answer: Answer) -> TypeGuard[Slice]:
    from provenance_kernel.trials.slice import Slice

    return isinstance(answer, Slice)


def _script(answer: Slice) -> str:
    lines = answer.script().splitlines()
    # A tab that indents is code, and does nothing else.
    return "\n".join(visible(line.replace("\t", "    ")) for line in lines)


def install() -> None:
    """Let answers show themselves."""
    Answer.renderer = KindRenderer()
