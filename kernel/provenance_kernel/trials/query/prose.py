"""The cells of a notebook that are not code, and between which runs they stand."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance_kernel.fingerprint.source import code_hash
from provenance_kernel.trials.history import Run

if TYPE_CHECKING:
    from nbformat import NotebookNode

# Beyond it a notebook is full of pictures, and reading it takes long.
_LARGEST = 50_000_000


class Prose:
    """A file's texts, by the run of the code that follows them.

    A run is that of a cell by its id or, in the order of the file, by its source.
    """

    def __init__(self, path: str | None, runs: Sequence[Run], recorded: str | None) -> None:
        self._before: dict[str, list[NotebookNode]] = defaultdict(list)
        self.at_end: list[NotebookNode] = []
        ids = {run.cell_id: run for run in reversed(runs) if run.cell_id}
        sources: dict[str, list[Run]] = defaultdict(list)
        for run in runs:
            sources[code_hash(run.source.strip())].append(run)
        for cell in _cells(path, recorded):
            source = _joined(cell.get("source"))
            if cell.get("cell_type") == "code":
                same = sources.get(str(cell.get("code") or code_hash(source.strip())), ())
                found = ids.get(str(cell.get("id"))) or next(iter(same), None)
                if found is not None and self.at_end:
                    self._before[found.id] += self.at_end
                    self.at_end = []
            elif cell.get("cell_type") in ("markdown", "raw"):
                self.at_end.append(_text(cell, source))

    def before(self, run: Run) -> list[NotebookNode]:
        """Return the texts before a run's cell, the first time that they are asked for."""
        return self._before.pop(run.id, [])


def _cells(path: str | None, text: str | None) -> list[dict[str, Any]]:
    """Return the cells of a notebook's text, or else of its file."""
    try:
        if text is None:
            file = Path(path or "")
            if not path or file.stat().st_size > _LARGEST:
                return []
            text = file.read_text(encoding="utf-8")
        cells = json.loads(text)["cells"]
        return [each for each in cells if isinstance(each, dict)]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        # It is the user's file, and need not be what it was when it was run.
        return []


def _joined(source: object) -> str:
    return "".join(map(str, source)) if isinstance(source, list) else str(source or "")


def _text(cell: dict[str, Any], source: str) -> NotebookNode:
    import nbformat

    v4: Any = nbformat.v4
    make = v4.new_markdown_cell if cell["cell_type"] == "markdown" else v4.new_raw_cell
    made: NotebookNode = make(source)
    if isinstance(cell.get("attachments"), dict):
        made["attachments"] = cell["attachments"]
    return made
