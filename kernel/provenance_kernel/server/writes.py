"""What the server does to a record: notes of a trial, trials deleted, and what to verify."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from provenance_kernel.errors import SettingError
from provenance_kernel.trials.answer import plain
from provenance_kernel.trials.query.naming import find_trial

if TYPE_CHECKING:
    from peewee import Database


def note(database: Database, /, trial: str, **noted: Any) -> object:
    """Note what is given, and return all that is noted of a trial."""
    from provenance_kernel.trials import keeping

    return plain(keeping.noted(database, find_trial(database, trial), **noted))


def delete(database: Database, /, trials: Sequence[str], yes: bool) -> object:
    """Delete trials if it is confirmed, and return how many went."""
    from provenance_kernel.trials import keeping

    ids = keeping.deletable(database, trials)
    if not yes:
        raise SettingError(f"{', '.join(ids)}: to delete for good, confirm with yes: true")
    return {"deleted": keeping.delete(database, ids)}


def verification(database: Database, /, targets: Sequence[str], **options: Any) -> object:
    """Return the trial that is to be verified, by its whole name, and how."""
    if len(targets) > 1:
        raise SettingError("targets: give one trial")
    trial = find_trial(database, targets[0] if targets else "latest")
    return {"trial": trial.id, "options": options}
