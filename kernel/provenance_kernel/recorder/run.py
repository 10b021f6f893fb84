"""A cell run between its beginning and its end, and the rows that it becomes."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import islice
from types import CodeType, FunctionType, ModuleType
from typing import TypeAlias

from provenance_kernel.capture.outputs import Transcript
from provenance_kernel.capture.randomness import Made
from provenance_kernel.dataflow import Observed, RunUse, Snapshot, read_program
from provenance_kernel.dataflow.program import Program
from provenance_kernel.dataflow.statements import Ran
from provenance_kernel.fingerprint import json_value
from provenance_kernel.fingerprint.source import code_hash
from provenance_kernel.parsing import bound_names, parse_cell
from provenance_kernel.records import (
    Activation,
    CellRun,
    FileAccess,
    Fingerprint,
    StageTag,
    Statement,
    TrackedValue,
    Variable,
    new_id,
    utc_now,
)
from provenance_kernel.stages import Directives, Stage
from provenance_kernel.trace import CellTrace, Trace
from provenance_kernel.types import Access, Json, Role, RunStatus

ROOT = "<cell>"
_MOST_TAGS = 100
_LONGEST_TAG = 1000
_NAME = re.compile(r"[^\W\d]\w*")

# The ids of the parameters' rows that hold when a metric is told, with the parameters' names.
Settings: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What a frontend, or a shell, asks to be executed."""

    source: str
    metadata: object = None
    cell_id: str | None = None
    execution_count: int | None = None
    # Whether it goes into the history. A frontend's own requests do not.
    stored: bool = True
    # Whether it was answered without being run, as those queued after an error are.
    aborted: bool = False


def begun_run(request: Request, stored: str, trial_id: str, position: int) -> CellRun:
    """Return the row of a request that came in; `stored` is its source without secrets."""
    return CellRun(
        id=new_id(),
        trial_id=trial_id,
        position=position,
        execution_count=request.execution_count,
        cell_id=request.cell_id if isinstance(request.cell_id, str) else None,
        code_hash=code_hash(stored),
        status="aborted" if request.aborted else "running",
        started_at=utc_now(),
        cell_tags=_tags(request.metadata),
    )


def _tags(metadata: object) -> list[str] | None:
    """Return a cell's tags, where it is known which it has and there are some."""
    tags = metadata.get("tags") if isinstance(metadata, Mapping) else None
    if not isinstance(tags, list | tuple):
        return None
    found = (each for each in tags if isinstance(each, str) and len(each) <= _LONGEST_TAG)
    return list(islice(found, _MOST_TAGS)) or None


@dataclass(slots=True)
class OpenRun:
    """The state of a run; changed by the thread that runs it and by the threads it started.

    What probes find for each other is here, None or empty where it was not found: the `trace`
    that is under way and what was `traced`, the names' state `before` and their `use`, what was
    `observed` of the cell's code and what its statements `did`, the names that were `changed` in
    place, those that were `rebound` and all that changed `outside` of any run before it, with what
    they then were, the `paths` that calls named, the rows of files and generators that were `used`,
    what was `shown`, and what generators that were `made` without a seed began with.
    """

    run: CellRun
    root_id: str
    directives: Directives
    source: str
    # The source without secrets.
    stored: str
    tags: list[StageTag] = field(default_factory=list)
    values: list[TrackedValue] = field(default_factory=list)
    # The last value that the run's code handed over under each name.
    told: dict[str, TrackedValue] = field(default_factory=dict)
    # The parameters as they were tracked last, and each metric that was told, with its settings.
    settings: dict[str, TrackedValue] = field(default_factory=dict)
    results: dict[str, list[tuple[TrackedValue, Settings]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    trace: CellTrace | None = None
    traced: Trace | None = None
    before: Snapshot | None = None
    use: RunUse | None = None
    observed: Observed | None = None
    did: Ran | None = None
    statements: list[Statement] = field(default_factory=list)
    changed: frozenset[str] = frozenset()
    rebound: frozenset[str] = frozenset()
    outside: dict[str, tuple[Fingerprint | None, str | None]] = field(default_factory=dict)
    used: list[object] = field(default_factory=list)
    shown: Transcript | None = None
    paths: list[Mapping[str, object]] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    tree: ast.Module | None = None
    filename: str | None = None
    error: BaseException | None = None
    clock: float = 0.0
    stopped: float | None = None
    # What was imported when the run first asked what was recorded.
    modules: frozenset[str] | None = None
    _binds: frozenset[str] | None = None

    @property
    def trial_id(self) -> str:
        """The trial that the run is of."""
        return self.run.trial_id

    def prepare(self, tree: ast.Module, withdraw: Callable[[], None]) -> bool:
        """Keep the cell's tree, the first that comes, and let the tracer rewrite it.

        Return whether `code` is to be asked for the code of its statements.
        """
        if self.before is not None and self.tree is None:
            # IPython may add to the list of its statements.
            self.tree = ast.Module([*tree.body], [])
        return self.trace is not None and self.trace.prepare(tree, withdraw)

    @property
    def binds(self) -> frozenset[str]:
        """The names that the cell's own code binds, or changes an item or attribute of."""
        if self._binds is None:
            if self.tree is None:
                return frozenset()
            self._binds = frozenset(bound_names(self.tree))
        return self._binds

    def did_more_than_ask(self, namespace: Mapping[str, object]) -> bool:
        """Tell whether a run that asked has left anything but answers and ways to ask."""
        if self.told or self.tags or self.changed:
            return True
        if any(isinstance(each, FileAccess) and each.written for each in self.used):
            return True
        written = self.use.writes if self.use is not None else ()
        return any(not _is_ours(namespace.get(name)) for name in written)

    def read_program(self, lazy_annotations: bool) -> Program | None:
        """Return what the cell's code does with names; None where that cannot be read."""
        if self.tree is None:
            return None
        # A tree that is nested too deeply to be read may still have been compiled.
        with suppress(RecursionError):
            return read_program(self.tree, lazy_annotations=lazy_annotations, parse=parse_cell)
        self.tree = None
        return None

    def code(self, tree: ast.AST, compile: Callable[[ast.AST], CodeType]) -> CodeType:
        """Compile a part of the cell's tree, or another tree."""
        return compile(tree) if self.trace is None else self.trace.code(tree, compile)

    def root(self, status: RunStatus, duration: float | None = None) -> Activation:
        """Return the activation of the cell's body."""
        return Activation(
            id=self.root_id,
            trial_id=self.trial_id,
            cell_run_id=self.run.id,
            parent_id=None,
            name=ROOT,
            line=1,
            started_at=self.run.started_at,
            status=status,
            duration=duration,
        )

    def tag(self, stage: Stage, activation: str | None) -> StageTag:
        """Return the link of a stage to the run's code and an activation."""
        return StageTag(
            id=new_id(),
            trial_id=self.trial_id,
            cell_run_id=self.run.id,
            stage=stage.name,
            label=stage.label,
            origin=stage.origin,
            code_hash=self.run.code_hash,
            activation_id=activation,
        )

    def tracked(self, name: str, role: Role, value: object) -> TrackedValue:
        """Return the row of a value that the user marked."""
        json, number = json_value(value)
        return TrackedValue(
            id=new_id(),
            trial_id=self.trial_id,
            cell_run_id=self.run.id,
            activation_id=self.root_id,
            name=name,
            role=role,
            value=json,
            number=number,
        )

    def variable(
        self,
        name: str,
        access: Access,
        known: Fingerprint | None = None,
        text: str | None = None,
        profile: dict[str, Json] | None = None,
    ) -> Variable:
        """Return the row of what the run did with a name, and of the value it had."""
        if known is None:
            return Variable(new_id(), self.run.id, name, access)
        return Variable(
            id=new_id(),
            cell_run_id=self.run.id,
            name=name,
            access=access,
            type=known.type,
            repr=text,
            digest=known.digest,
            exactness=known.exactness,
            nbytes=known.nbytes,
            shape=known.shape,
            profile=profile,
        )

    def ended(self, error: BaseException | None = None) -> None:
        """Note that the code has ended, whatever is left to do for the request."""
        self.stopped = time.perf_counter()
        self.error = error

    def duration(self) -> float | None:
        """Return the seconds that the code ran, by now or until it ended."""
        return (self.stopped or time.perf_counter()) - self.clock if self.clock else None

    def stopped_at(self) -> int | None:
        """Return the cell's line at which it raised."""
        traceback = self.error.__traceback__ if self.error is not None else None
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == self.filename:
                return traceback.tb_lineno
            traceback = traceback.tb_next
        return None


def _is_ours(value: object) -> bool:
    """Tell whether a value is an answer, or a part of this package."""
    place = value.__name__ if isinstance(value, ModuleType) else type(value).__module__
    if isinstance(value, FunctionType | type):
        place = value.__module__
    return isinstance(place, str) and place.partition(".")[0] == __name__.partition(".")[0]


def root_of(expression: str) -> str:
    """Return the name that a place begins with: `cfg` of `cfg["lr"]`."""
    found = _NAME.match(expression)
    return found[0] if found else expression


CURRENT: ContextVar[OpenRun | None] = ContextVar("provenance_cell_run", default=None)
