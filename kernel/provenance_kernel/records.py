"""Frozen records, one for each table, that cross the borders between parts.

Ids are time-ordered UUIDs (version 7, RFC 9562) as text; times are aware datetimes in UTC;
durations are seconds; digests are 32 hexadecimal digits of xxh3_128. The file is long as it holds
all that crosses the border of the store.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from provenance_kernel.types import (
    Access,
    Cause,
    Evidence,
    Exactness,
    Generator,
    Ground,
    Json,
    OutputKind,
    Proof,
    Role,
    RunKind,
    RunStatus,
    StageOrigin,
    StatementStatus,
    TrialKind,
    TrialStatus,
    ValueVerdict,
    Verdict,
)

# A generator of our own: drawing from the user's `random` would change their results.
_entropy = random.SystemRandom().getrandbits
_random = random.Random(_entropy(128))
_clock = threading.Lock()
_last = 0


def new_id() -> str:
    """Return a UUID (version 7) that sorts after every one this process made before.

    The twelve bits after the millisecond hold its fraction (RFC 9562, section 6.2, method 3).
    """
    global _last
    now = time.time_ns()
    ticks = now // 1_000_000 << 12 | now % 1_000_000 * 4096 // 1_000_000
    with _clock:
        _last = ticks = max(ticks, _last + 1)
        tail = _random.getrandbits(62)
    value = (ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64 | 0b10 << 62 | tail
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Trial:
    """One kernel session, or one headless run of a notebook.

    `notebook_from` says who told the notebook's path: `frontend`, `parent` (the arguments of the
    program that started the kernel), or `renamed` (its file was found under another name than was
    told). `git_changes` are tracked files that differ from the commit, as last looked at.
    """

    id: str
    notebook: str | None
    kind: TrialKind
    status: TrialStatus
    started_at: datetime
    parent_id: str | None = None
    finished_at: datetime | None = None
    environment_id: str | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None
    user: str | None = None
    host: str | None = None
    tracer: str | None = None
    pid: int | None = None
    process_started_at: float | None = None
    notebook_from: str | None = None
    git_changes: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """A cell's source, by its digest; `ast_hash` ignores comments, directives and layout."""

    hash: str
    ast_hash: str
    source: str


@dataclass(frozen=True, slots=True)
class CellRun:
    """One `execute_request` within a trial.

    `kind` is `question` where the cell only asked what was recorded. `cell_tags` are those of
    the notebook's cell, where the frontend or the notebook's file tells them.
    """

    id: str
    trial_id: str
    position: int
    execution_count: int | None
    cell_id: str | None
    code_hash: str
    status: RunStatus
    started_at: datetime
    duration: float | None = None
    error_name: str | None = None
    error_value: str | None = None
    output_digest: str | None = None
    truncated: bool = False
    kind: RunKind = "cell"
    cell_tags: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Activation:
    """The execution of a cell's body (the root, named `<cell>`) or of a call made by it.

    `calls` counts the calls this row stands for: more than 1 where a site fired more often
    than it is recorded, None where nobody counted how much more often. `arguments` maps
    parameter names to short reprs.
    """

    id: str
    trial_id: str
    cell_run_id: str
    parent_id: str | None
    name: str
    line: int | None
    started_at: datetime
    status: RunStatus
    calls: int | None = 1
    duration: float | None = None
    arguments: dict[str, str] | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class StageTag:
    """The link stage - code hash - activation."""

    id: str
    trial_id: str
    cell_run_id: str
    stage: str
    label: str
    origin: StageOrigin
    code_hash: str
    activation_id: str | None


class Fingerprint(NamedTuple):
    """What is known of a value by its content; made for each, it is a tuple, which costs less."""

    type: str
    digest: str | None
    exactness: Exactness
    nbytes: int | None = None
    shape: str | None = None


@dataclass(frozen=True, slots=True)
class Variable:
    """What a cell run did with a name, and the value that the name had afterwards.

    `profile` tells of an array, series or frame that a run left what its numbers are like.
    """

    id: str
    cell_run_id: str
    name: str
    access: Access
    type: str | None = None
    repr: str | None = None
    digest: str | None = None
    exactness: Exactness | None = None
    nbytes: int | None = None
    shape: str | None = None
    profile: dict[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Dependency:
    """`cell_run_id` read the `variable` that `source_cell_run_id` wrote or mutated last.

    It is `inferred` where the value is opaque, and the run may have changed it since.
    """

    id: str
    cell_run_id: str
    source_cell_run_id: str
    variable: str
    evidence: Ground = "observed"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a top-level statement of a cell did in one run.

    `reads`, `writes` and `changes` (of values, in place) are names, or stand for what is none:
    `%process`, `%pictures`, `%random:GENERATOR`, `%file:PATH`, `%module:NAME`; `%key:NAME:KEY`
    beside a name says that of its value only such items were read, or set. What it need not have
    bound is among `writes` and `reads`. `calls` are what it called, by the names it used.
    `opaque` says why it may have done what was not seen.
    """

    id: str
    cell_run_id: str
    position: int
    line: int
    end_line: int
    status: StatementStatus
    reads: list[str]
    writes: list[str]
    changes: list[str]
    calls: list[str]
    opaque: str | None = None


@dataclass(frozen=True, slots=True)
class TrackedValue:
    """A parameter or metric that the user marked.

    Values that were given a `step` and were tracked with the same settings are one `series`.
    """

    id: str
    trial_id: str
    cell_run_id: str
    activation_id: str | None
    name: str
    role: Role
    value: Json
    number: float | None = None
    step: float | None = None
    series: str | None = None


@dataclass(frozen=True, slots=True)
class ResultParameter:
    """A metric, as it was tracked once, was computed from a parameter as it was tracked once.

    Both are ids of tracked values. Of a series the last metric has them.
    """

    metric_id: str
    parameter_id: str


@dataclass(frozen=True, slots=True)
class Note:
    """What a person wrote of a trial: a name, a text, tags, a star."""

    trial_id: str
    name: str | None
    text: str | None
    tags: list[str]
    starred: bool
    changed_at: datetime


_WRITING = frozenset(
    {"w", "a", "x", "r+", "truncate", "connect", "remove", "rename", "link", "mkdir"}
)
_READING = frozenset({"r", "rb", "rt", "r+", "connect"})
# What a file held before the run is then not known, though it held something.
_UNKNOWN = frozenset({"changed", "unread"})


@dataclass(frozen=True, slots=True)
class FileAccess:
    """A file that a cell run opened, or that it named in a call that opens files natively.

    `mode` lists modes and notes, with commas between.
    """

    id: str
    cell_run_id: str
    path: str
    mode: str
    digest_before: str | None
    digest_after: str | None
    nbytes: int | None
    evidence: Evidence

    @property
    def met(self) -> str | None:
        """The digest of what the run found in the file or made it from nothing, if it is known."""
        if self.digest_before is None and not _UNKNOWN.isdisjoint(self.mode.split(",")):
            return None
        return self.digest_before or self.digest_after

    @property
    def made(self) -> bool:
        """Whether there was no such file or folder before the run, and the run left one."""
        modes = self.mode.split(",")
        new = self.digest_before is None and self.digest_after is not None and self.written
        return not {"new", "mkdir"}.isdisjoint(modes) or (new and _UNKNOWN.isdisjoint(modes))

    @property
    def read(self) -> bool:
        """Whether the run may have read the file, which was there."""
        modes = self.mode.split(",")
        return not _READING.isdisjoint(modes) and "missing" not in modes

    @property
    def written(self) -> bool:
        """Whether the run may have changed the file."""
        modes = self.mode.split(",")
        return not _WRITING.isdisjoint(modes) or self.digest_before != self.digest_after


@dataclass(frozen=True, slots=True)
class Output:
    """What a cell run showed in one place, as data of one type; a place may have several.

    `nbytes` is the size of the data as they are kept, under their digest; `kept` tells whether they
    were. There is no digest where there was more than is kept; of a text with a secret in it
    neither that nor the size is recorded.
    """

    id: str
    cell_run_id: str
    position: int
    kind: OutputKind
    mime: str
    digest: str | None
    nbytes: int | None
    kept: bool
    summary: str


@dataclass(frozen=True, slots=True)
class Environment:
    """Interpreter and platform; `id` is the digest of all of it, packages included."""

    id: str
    python: str
    implementation: str
    platform: str
    details: Json


@dataclass(frozen=True, slots=True)
class Package:
    """A distribution whose modules a trial imported."""

    environment_id: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class RandomState:
    """A generator's state around a cell run; `state_before` is JSON text, kept for replay."""

    id: str
    cell_run_id: str
    generator: Generator
    digest_before: str
    digest_after: str
    state_before: str | None


@dataclass(frozen=True, slots=True)
class NoworkflowLink:
    """The ids of the trial and the activation that a cell run is in noWorkflow's own store."""

    id: str
    cell_run_id: str
    noworkflow_trial_id: str
    noworkflow_activation_id: int


# The kind of the event with a notebook's cells that are no code, as JSON, among those that are.
TEXTS = "texts"


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth knowing that is not a value: a fault in recording, a bad directive.

    That of kind `TEXTS` has a notebook's texts.
    """

    id: str
    trial_id: str
    cell_run_id: str | None
    kind: str
    message: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Verification:
    """That a trial was run again, with these options, and what came of it."""

    id: str
    trial_id: str
    verdict: Verdict
    options: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """A value, metric, output, file or cell that was another when a trial was run again.

    `cell_run_id` is the run of the verified trial. Where another finding led to it there is no
    cause, and `detail` names the other.
    """

    id: str
    verification_id: str
    cell_run_id: str | None
    stage: str | None
    name: str
    verdict: ValueVerdict
    cause: Cause | None
    evidence: Proof | None
    detail: str
