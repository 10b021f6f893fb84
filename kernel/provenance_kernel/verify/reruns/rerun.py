"""One re-run: a fresh kernel in a copy of the project, from which its record is taken."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from provenance_kernel.content import ContentStore
from provenance_kernel.content.store import FOLDER as CONTENT
from provenance_kernel.headless.session import Executed, Session
from provenance_kernel.records import FileAccess, Output, Trial, new_id
from provenance_kernel.store import reader, reruns
from provenance_kernel.store.database import FILE, FOLDER, connect
from provenance_kernel.trials.history import History, read_history
from provenance_kernel.types import TrialKind
from provenance_kernel.verify.differences import os_absolute
from provenance_kernel.verify.reruns.folder import Scratch, remove
from provenance_kernel.verify.reruns.plan import Step

_INSIDE = "__import__('provenance_kernel.verify.reruns.inside', fromlist=['inside'])"
# What a cell that asks the record, or one before it, has in its code.
_ASKING = re.compile(r"provenance|\bprov\b")
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS", "LOKY_MAX_CPU_COUNT",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setup:
    """What is held fixed in a re-run, so that it can be changed alone.

    `entropy` is what all randomness that is not replayed follows from, `inputs` are files, by path
    in the project and digest, that are put back as they were kept, or away if that is empty, and
    `packages` is a folder with versions that come before those here.
    """

    hash_seed: str = "0"
    entropy: int = 1
    replay: bool = True
    one_thread: bool = False
    clock: bool = False
    folder: str = "project"
    turn: int = 0
    variables: Mapping[str, str | None] = field(default_factory=dict)
    inputs: tuple[tuple[str, str], ...] = ()
    packages: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A project, the notebook in it or thought of in it, whose trial it is, and what is kept.

    `made` are the files that the trial made: what it left of them is none of what it began with.
    `record` is the file of the record, which cells ask as it was before the time `asked_at`.
    """

    project: Path
    notebook: Path
    parent: str | None
    content: ContentStore
    network: bool = False
    timeout: float | None = None
    made: tuple[str, ...] = ()
    record: Path | None = None
    asked_at: datetime | None = None


def made_by(history: History) -> tuple[str, ...]:
    """Return what in the project was not there before a trial's runs made it."""
    first: dict[str, FileAccess] = {}
    for run in history.runs:
        for file in run.files:
            first.setdefault(file.path, file)
    met = {path for path, file in first.items() if not file.made}
    return tuple(
        path
        for path, file in first.items()
        # A folder stays for what was put into it from elsewhere.
        if file.made and not os_absolute(path) and not any(m.startswith(f"{path}/") for m in met)
    )


def beside(project: Path) -> ContentStore:
    """Return the contents that are kept beside a project's record."""
    return ContentStore(project / FOLDER / CONTENT)


@dataclass
class Rerun:
    """What a re-run left: its record, and for each step what came of it.

    `records` are all rows of its trial, with the names of the user's own places in them.
    """

    setup: Setup
    history: History
    steps: Sequence[Step]
    executed: list[Executed]
    records: list[object]
    denial: Mapping[str, str]
    denied: list[str]
    seconds: float
    unrestored: list[str]
    project: Path
    content: ContentStore

    @property
    def failed(self) -> int | None:
        """The number, from 0, of the step at which it ended though the recorded run did not."""
        at = len(self.executed) - 1
        return at if at >= 0 and is_failure(self.steps[at], self.executed[at]) else None


def is_failure(step: Step, executed: Executed) -> bool:
    """Tell whether a step failed that did not when it was recorded."""
    if executed.status == "ok":
        return False
    return step.base is None or step.base.status == "ok" or executed.status in ("died", "timeout")


def rerun(
    steps: Sequence[Step],
    place: Place,
    scratch: Scratch,
    setup: Setup,
    *,
    kind: TrialKind = "verify",
    keep_outputs: bool = False,
    progress: Callable[[int, Step], None] = lambda _number, _step: None,
) -> Rerun:
    """Run steps one after another until one fails that did not before."""
    project = scratch.copy(place.project, setup.folder)
    notebook = project / os.path.relpath(place.notebook, place.project)
    notebook.parent.mkdir(parents=True, exist_ok=True)
    trial = new_id()
    for path in place.made:
        remove(project / path)
    for path, digest in setup.inputs:
        if digest:
            place.content.write(digest, project / path)
        else:
            (project / path).unlink(missing_ok=True)
    options = {
        "trial_id": trial,
        "database": str(project / FOLDER / FILE),
        "keep_inputs": "0",
        **({} if keep_outputs else {"keep_outputs": "0"}),
    }
    if any(_ASKING.search(step.source) for step in steps):
        _give_record(place, scratch, project / FOLDER / FILE)
    began = time.monotonic()
    executed: list[Executed] = []
    unrestored: list[str] = []
    with Session(
        notebook.parent,
        scratch.path / "connection.json",
        options=options,
        environment=_environment(setup, notebook, scratch.temporary(setup.folder)),
    ) as session:
        scratch.guard(session.group)
        asked = {
            "entropy": setup.entropy,
            "clock": setup.clock,
            "writable": [str(scratch.path)],
            "network": place.network,
        }
        denial: Any = _ask(session, "prepare", asked)
        for number, step in enumerate(steps, 1):
            progress(number, step)
            if setup.replay and step.states:
                failed: Any = _ask(session, "restore", step.states)
                unrestored += failed
            executed.append(session.execute(step.source, step.request(), place.timeout))
            if is_failure(step, executed[-1]):
                break
        denied: Any = []
        if not executed or executed[-1].status not in ("died", "timeout"):
            denied = _ask(session, "denied", None)
    scratch.guard(0)
    seconds = time.monotonic() - began
    history, records = _record(project / FOLDER / FILE, trial, kind, place)
    content = ContentStore(scratch.path / trial)
    if beside(project).folder.exists():
        os.rename(beside(project).folder, content.folder)
    shutil.rmtree(project / FOLDER, ignore_errors=True)
    return Rerun(
        setup, history, steps, executed, records, denial, denied, seconds, unrestored, project,
        content,
    )  # fmt: skip


def _ask(session: Session, what: str, value: object) -> object:
    return session.ask(f"{_INSIDE}.{what}({json.dumps(value)!r})")


def _environment(setup: Setup, notebook: Path, temporary: Path) -> dict[str, str]:
    found = {
        **_caches(temporary.parent),
        **os.environ,
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "JPY_SESSION_NAME": str(notebook),
        "PYTHONHASHSEED": setup.hash_seed,
        "TMPDIR": str(temporary),
    }
    found.pop("PROVENANCE_DATABASE", None)
    if setup.packages:
        paths = (setup.packages, found.get("PYTHONPATH", ""))
        found["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    if setup.one_thread:
        found |= dict.fromkeys(_THREADS, "1")
    for name, value in setup.variables.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = value
    return found


def _caches(scratch: Path) -> dict[str, str]:
    """Return where libraries keep what they would make in the user's home for the first time.

    Each re-run would make it again, as it may not write there. What is there is used from there.
    """
    home = Path.home()
    there = (home / part for part in (".config/matplotlib", ".cache/matplotlib", ".matplotlib"))
    return {} if any(each.exists() for each in there) else {"MPLCONFIGDIR": str(scratch / "mpl")}


def _give_record(place: Place, scratch: Scratch, target: Path) -> None:
    """Let cells ask the record as they did: of what was there before them, in a copy."""
    kept = scratch.path / FILE
    if not kept.exists() and place.record is not None and place.record.exists():
        reruns.copy_as_of(place.record, kept, place.asked_at)
    if kept.exists():
        shutil.copyfile(kept, target)


def _record(path: Path, trial: str, kind: TrialKind, place: Place) -> tuple[History, list[object]]:
    """Return what was recorded, as of the user's own notebook."""
    database = connect(path)
    try:
        row, *_ = [*reader.trials_by_id(database, [trial]), None]
        if row is None:
            raise RuntimeError("the re-run was not recorded")
        # To the cells it was a trial as theirs was.
        row = replace(row, notebook=str(place.notebook), kind=kind, parent_id=place.parent)
        if row.status == "running":
            # Its process is gone, or it would not have been left.
            row = replace(row, status="died")
        # What it showed goes with the copy.
        records = [
            row
            if isinstance(each, Trial)
            else replace(each, kept=False)
            if isinstance(each, Output)
            else each
            for each in reruns.everything(database, trial)
        ]
        return read_history(database, row, calls=True, questions=True), records
    finally:
        database.close()
