"""What a report shows side by side: runs and their repetitions, with values and outputs."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provenance_kernel.content import ContentStore
from provenance_kernel.trials.history import Run
from provenance_kernel.trials.query.outputs import as_cells_have
from provenance_kernel.verify.report import Found, Sides

# By the bytes that a page can hold of each, and the cells that somebody looks at.
_LONGEST, _LARGEST, _MOST = 20_000, 2_000_000, 50
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/svg+xml")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs of a cell, what `of` says that they are, and where what they showed is kept.

    Of a notebook that was never recorded the first is what is `saved` in it.
    """

    of: tuple[str, str]
    runs: tuple[Run | None, Run | None]
    kept: tuple[ContentStore, ContentStore]
    saved: Sequence[Mapping[str, Any]] | None = None


def sides(found: Sequence[Found], pairs: Mapping[str, Pair]) -> tuple[Sides, ...]:
    """Return both sides of each cell in which something was found."""
    names: dict[str, list[str]] = {}
    for each in found:
        if each.cell_run_id is not None and each.cell_run_id in pairs:
            names.setdefault(each.cell_run_id, []).append(each.name)
    cells = {each.cell_run_id: each.cell for each in found}
    return tuple(_sides(cells[key], pairs[key], named) for key, named in [*names.items()][:_MOST])


def _sides(cell: int, pair: Pair, names: Iterable[str]) -> Sides:
    values = ((name, *(_value(run, name) for run in pair.runs)) for name in dict.fromkeys(names))
    shown = [
        () if run is None else _shown(as_cells_have(run, kept)[0])
        for run, kept in zip(pair.runs, pair.kept, strict=True)
    ]
    if pair.saved is not None:
        shown[0] = _shown(pair.saved)
    return Sides(cell, pair.of, tuple(each for each in values if any(each[1:])), tuple(shown))


def _value(run: Run | None, name: str) -> str:
    if run is None:
        return ""
    tracked = next((each for each in reversed(run.values) if each.name == name), None)
    value = run.left.get(name)
    return json.dumps(tracked.value) if tracked is not None else (value and value.repr) or ""


def _shown(outputs: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
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
