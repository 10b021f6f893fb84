"""Files that runs met: those that were kept, and those that a re-run met otherwise."""

from __future__ import annotations

from typing import NamedTuple

from provenance_kernel.content import ContentStore
from provenance_kernel.trials.history import History, Run
from provenance_kernel.verify.differences import os_absolute


class OtherInput(NamedTuple):
    """A file that a run met otherwise than recorded: its digest then, None if it met none."""

    path: str
    was: str | None
    told: str


def other_inputs(run: Run | None, again: Run | None, written: set[str]) -> list[OtherInput]:
    """Return the files that a re-run met otherwise, those aside that were written before."""
    if run is None or again is None:
        return []
    now = {file.path: file for file in again.files}
    found = []
    for file in run.files:
        other = now.pop(file.path, None)
        if file.path in written or file.met is None or file.mode.startswith(("w", "x")):
            continue
        if other is None or "missing" in other.mode.split(","):
            told = f"{file.path} is not there as it was"
            found.append(OtherInput(file.path, file.met, told))
        elif other.met is not None and other.met != file.met:
            told = f"{file.path} has other content than it had"
            found.append(OtherInput(file.path, file.met, told))
    for file in now.values():
        if file.path not in written and not file.written and file.met is not None:
            found.append(OtherInput(file.path, None, f"{file.path} was not read, and now is"))
    return found


def kept_inputs(history: History, content: ContentStore) -> tuple[tuple[str, str], ...]:
    """Return, by path and digest, what was kept of the files that a trial met."""
    found: dict[str, str] = {}
    for run in history.runs:
        for file in run.files:
            if file.path not in found and file.met and not os_absolute(file.path):
                found[file.path] = "" if file.written else file.met
    return tuple(each for each in found.items() if each[1] and content.find(each[1]) is not None)
