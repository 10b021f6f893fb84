"""Two runs of a cell side by side: their code, values and what they showed."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provenance_kernel.content import ContentStore
from provenance_kernel.trials.history import Run
from provenance_kernel.trials.query.outputs import as_cells_have

# By the bytes that a page can hold of each.
_LONGEST, _LARGEST = 20_000, 2_000_000
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/svg+xml")

Outputs = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Sides:
    """Two runs, or one that has no other: names with both values, and the outputs of both.

    `cell` names them, and `of` says what the two are. An output is its MIME type and its text, or a
    picture in base64. The two sources are in `code` if they differ.
    """

    cell: str
    of: Sequence[str]
    values: Sequence[Sequence[str]]
    outputs: Sequence[Sequence[Sequence[str]]]
    code: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs, what `of` says that they are, and where what they showed is kept.

    Of a notebook that was never recorded the first is what is `saved` in it.
    """

    of: tuple[str, str]
    runs: tuple[Run | None, Run | None]
    kept: tuple[ContentStore, ContentStore]
    saved: Outputs | None = None

    def sides(self, cell: str, names: Iterable[str], *, code: bool = False) -> Sides:
        """Return both sides, with the values of these names; with the code if it differs."""
        values = [(name, *(_value(run, name) for run in self.runs)) for name in names]
        shown = [
            () if run is None else _shown(as_cells_have(run, kept)[0])
            for run, kept in zip(self.runs, self.kept, strict=True)
        ]
        if self.saved is not None:
            shown[0] = _shown(self.saved)
        sources = [run.source if run is not None else "" for run in self.runs]
        return Sides(
            cell,
            self.of,
            tuple(each for each in values if any(each[1:])),
            tuple(shown),
            tuple(sources) if code and sources[0] != sources[1] else (),
        )


def _value(run: Run | None, name: str) -> str:
    if run is None:
        return ""
    tracked = next((each for each in reversed(run.values) if each.name == name), None)
    value = run.left.get(name)
    return json.dumps(tracked.value) if tracked is not None else (value and value.repr) or ""


def _shown(outputs: Outputs) -> tuple[tuple[str, str], ...]:
    """Return outputs, each by a picture of it, as base64, or else by its text."""
    found = []
    for each in outputs:
        data = {mime: _joined(value) for mime, value in each.get("data", {}).items()}
        picture = next((mime for mime in _PICTURES if 0 < len(data.get(mime, "")) < _LARGEST), None)
        if picture == "image/svg+xml":
            found.append((picture, b64encode(data[picture].encode()).decode()))
        elif picture is not None:
            found.append((picture, data[picture]))
        elif each.get("output_type") == "error":
            found.append(("text/plain", f"{each.get('ename')}: {each.get('evalue')}"))
        else:
            text = _joined(each.get("text", "")) or data.get("text/plain") or ", ".join(data)
            found.append(("text/plain", text[:_LONGEST]))
    return tuple(found)


def _joined(value: object) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value)
