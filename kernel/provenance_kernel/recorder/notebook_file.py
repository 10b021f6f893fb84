"""The cells of the notebook's file, for clients that send no metadata with a request."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from provenance_kernel.recorder.run import Request

# Beyond it a notebook is full of pictures, and reading it takes long.
_LARGEST = 50_000_000


class NotebookFile:
    """A notebook that is run from top to bottom; read once, when the first cell comes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cells: list[tuple[str, dict[str, Any], str | None]] | None = None
        self._next = 0

    def begins(self, source: str) -> bool:
        """Tell whether the first cell that a client would send has this source."""
        self._cells = self._read() if self._cells is None else self._cells
        sent = (each for each, *_ in self._cells if each.strip())
        return next(sent, None) == source

    def filled(self, request: Request) -> Request:
        """Return a request with the metadata and id of the next cell that has its source."""
        self._cells = self._read() if self._cells is None else self._cells
        for at in range(self._next, len(self._cells)):
            source, metadata, cell_id = self._cells[at]
            if source == request.source:
                self._next = at + 1
                return replace(request, metadata=metadata, cell_id=request.cell_id or cell_id)
        return request

    def _read(self) -> list[tuple[str, dict[str, Any], str | None]]:
        try:
            if self._path.stat().st_size > _LARGEST:
                return []
            cells = json.loads(self._path.read_text(encoding="utf-8"))["cells"]
            return [
                ("".join(each["source"]), each.get("metadata", {}), each.get("id"))
                for each in cells
                if each["cell_type"] == "code"
            ]
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            # It is another's file, and need not be what it was when it was started.
            return []
