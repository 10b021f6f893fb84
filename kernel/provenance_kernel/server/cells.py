"""What the record knows of an open notebook, for the extension that marks its cells."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance_kernel.errors import SettingError
from provenance_kernel.store import reader
from provenance_kernel.trials.answer import plain
from provenance_kernel.trials.stale import stale_cells

if TYPE_CHECKING:
    from peewee import Database


# What is known where nothing was recorded.
NOTHING: dict[str, Any] = {"trial": None, "stages": [], "stale": []}


def sources_of(body: object) -> dict[str, str]:
    """Return the cells' sources by id, of `{"sources": {ID: SOURCE}}`; raise `SettingError`."""
    sources = body.get("sources") if isinstance(body, dict) else None
    if not isinstance(sources, dict) or not all(isinstance(each, str) for each in sources.values()):
        raise SettingError('sources: give the text of each code cell by its id, {"ID": "TEXT"}')
    return sources


def cells(database: Database, /, notebook: Path, sources: dict[str, str]) -> dict[str, Any]:
    """Return the project's stages, and which cells of a notebook's last session are stale.

    Those that ran in it and are in the notebook no more are left out.
    """
    # As the kernel was told it, and with links followed.
    paths = {os.path.abspath(notebook), os.path.realpath(notebook)}
    trial = reader.last_session(database, paths)
    stale = stale_cells(database, trial, sources).stale if trial is not None else ()
    return NOTHING | {
        "trial": trial and trial.id,
        "stages": reader.stages(database),
        "stale": [plain(each) for each in stale if each.cell_id in sources],
    }
