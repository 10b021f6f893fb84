"""Asking a notebook's database: where it lies, read-only, and for so long at most."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peewee import InterfaceError, OperationalError, PeeweeException

from provenance_kernel.display import registry
from provenance_kernel.errors import DatabaseBusy, DatabaseUnavailable, SettingError
from provenance_kernel.store.database import locate, reason, sqlite_path
from provenance_kernel.trials.answer import Answer, finite
from provenance_kernel.trials.query import naming, outputs

if TYPE_CHECKING:
    from peewee import Database

    from provenance_kernel.records import Output

SECONDS = 30.0
_INSTRUCTIONS = 10_000


def find_database(root: Path, notebook: str) -> Path:
    """Return the database of a notebook, or folder, at a path below the server's root.

    Raises `SettingError` for what leads out of the root, through links too.
    """
    root = root.resolve()
    named = os.environ.get("PROVENANCE_DATABASE")
    asked = (root / notebook.lstrip("/")).resolve()
    if not asked.is_relative_to(root):
        raise SettingError(f"{notebook}: not below the server's folder")
    if named:
        path = sqlite_path(named)
        if path is None:
            raise SettingError("PROVENANCE_DATABASE: the server reads database files only")
        return path
    try:
        found = locate(asked if asked.is_dir() else asked.parent)
    except OSError as error:
        raise SettingError(f"{notebook[:100]}: {error.strerror}") from error
    if not found.resolve().is_relative_to(root):
        raise SettingError(f"{notebook or '.'}: its database is not below the server's folder")
    if not found.exists():
        raise DatabaseUnavailable("no provenance database here; run a notebook on the kernel first")
    return found


def ask(path: Path, answer: Callable[..., Any], given: Mapping[str, Any], write: bool) -> str:
    """Return a question's answer as JSON, without numbers that JSON has not: these are texts.

    Unless it is to `write`, the file is opened so that nothing can be written. Raises
    `DatabaseBusy` where it takes longer than `SECONDS`.
    """
    with _open(path, write) as database:
        found = answer(database, **given)
        data = registry.view(found).data(found) if isinstance(found, Answer) else found
        return json.dumps(finite(data), allow_nan=False)


def data(path: Path, output_id: str) -> tuple[Output, bytes]:
    """Return an output by its id, with its data; raise `OutputNotFound` where there are none."""
    with _open(path, write=False) as database:
        return outputs.data_of(database, output_id)


@contextmanager
def _open(path: Path, write: bool) -> Iterator[Database]:
    deadline = time.monotonic() + SECONDS
    database = naming.open_database(str(path), path.parent) if write else naming.open_to_read(path)
    try:
        connection: sqlite3.Connection = database.connection()
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _INSTRUCTIONS)
        yield database
    except (OperationalError, InterfaceError) as error:
        raise DatabaseBusy(f"{path.name}: {reason(error)}") from error
    except PeeweeException as error:
        raise DatabaseUnavailable(f"{path.name}: {reason(error)}") from error
    finally:
        database.close()
