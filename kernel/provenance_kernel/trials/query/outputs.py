"""What cells showed: each output as a line, as a notebook's file has it, and its kept data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peewee import Database

from provenance_kernel.capture.outputs import forms
from provenance_kernel.content import ContentStore
from provenance_kernel.content.store import FOLDER as CONTENT
from provenance_kernel.errors import OutputNotFound
from provenance_kernel.records import Output
from provenance_kernel.store import reader
from provenance_kernel.store.database import FOLDER as RECORD
from provenance_kernel.trials.history import Run
from provenance_kernel.trials.query.naming import project_folder

if TYPE_CHECKING:
    from nbformat import NotebookNode

# Of several types, that which tells most of an output, and what comes last.
_TELLING = ("image/", "text/html", "text/markdown", "text/latex", "application/")
_LAST = ("text/plain", forms.METADATA)


@dataclass(frozen=True, slots=True)
class Told:
    """An output in a line: its most telling type, and what is known of it in words."""

    position: int
    what: str
    nbytes: int | None
    kept: bool
    summary: str
    digest: str | None


def told(outputs: Iterable[Output]) -> list[Told]:
    """Return a run's outputs in order, each by the type that tells most of it."""
    found = []
    for position, group in groupby(outputs, key=lambda each: each.position):
        parts = sorted(group, key=_rank)
        best = parts[0]
        text = next((each.summary for each in parts if each.summary), "")
        what = best.kind if best.kind in ("stdout", "stderr") else best.mime
        found.append(Told(position, what, best.nbytes, best.kept, text, best.digest))
    return found


def _rank(output: Output) -> int:
    if output.mime in _LAST:
        return len(_TELLING) + 1 + _LAST.index(output.mime)
    return next(
        (at for at, start in enumerate(_TELLING) if output.mime.startswith(start)), len(_TELLING)
    )


def contents(database: Database) -> ContentStore:
    """Return what is kept beside a database."""
    return ContentStore((project_folder(database) or Path.cwd()) / RECORD / CONTENT)


def data_of(database: Database, output_id: str) -> tuple[Output, bytes]:
    """Return an output by its id, with its data.

    Raises `OutputNotFound` where there is none, or it was not kept.
    """
    output = reader.by_id(database, Output, output_id)
    if output is None:
        raise OutputNotFound(f"no output has the id {output_id[:60]!r}")
    data = contents(database).read(output.digest) if output.digest is not None else None
    if data is None:
        raise OutputNotFound(f"output {output.id}: its data are not kept")
    return output, data


def as_cells_have(run: Run, kept: ContentStore) -> tuple[list[NotebookNode], int]:
    """Return a run's outputs as a notebook's file has them, and how many are not kept."""
    import nbformat

    v4: Any = nbformat.v4
    found: list[NotebookNode] = []
    missing = 0
    for _, group in groupby(run.outputs, key=lambda each: each.position):
        parts = list(group)
        data = _data(parts, kept)
        metadata = data.pop(forms.METADATA, {})
        if not data:
            missing += 1
        elif parts[0].kind in ("stdout", "stderr"):
            found.append(v4.new_output("stream", name=parts[0].kind, text=data["text/plain"]))
        else:
            more = {"data": data, "metadata": metadata}
            if parts[0].kind == "result":
                more["execution_count"] = run.execution_count
            kind = "execute_result" if parts[0].kind == "result" else "display_data"
            found.append(v4.new_output(kind, **more))
    if run.error_name:
        text = f"{run.error_name}: {run.error_value or ''}"
        found.append(
            v4.new_output(
                "error", ename=run.error_name, evalue=run.error_value or "", traceback=[text]
            )
        )
    return found, missing


def _data(parts: Iterable[Output], kept: ContentStore) -> dict[str, Any]:
    found = {}
    for each in parts:
        raw = kept.read(each.digest) if each.digest is not None else None
        if raw is not None:
            try:
                found[each.mime] = forms.unpacked(each.mime, raw)
            except (ValueError, RecursionError):
                continue
    return found
