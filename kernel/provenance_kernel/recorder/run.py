"""A cell run between its beginning and its end, and the rows that it becomes."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import CodeType

from provenance_kernel.capture.secrets import REDACTED, looks_secret, redact_text, redact_value
from provenance_kernel.fingerprint import json_value
from provenance_kernel.lineage import Snapshot, read_program
from provenance_kernel.lineage.program import Program
from provenance_kernel.parsing import parse_cell
from provenance_kernel.recorder.surroundings import Around
from provenance_kernel.records import (
    Activation,
    CellRun,
    Fingerprint,
    StageTag,
    TrackedValue,
    Variable,
    new_id,
)
from provenance_kernel.stages import Directives, Stage
from provenance_kernel.trace import CellTrace
from provenance_kernel.types import Access, Role, RunStatus

ROOT = "<cell>"


@dataclass(frozen=True, slots=True)
class Request:
    """What a frontend, or a shell, asks to be executed."""

    source: str
    metadata: object = None
    cell_id: str | None = None
    execution_count: int | None = None
    # Whether it goes into the history. A frontend's own requests do not.
    stored: bool = True


@dataclass(slots=True)
class OpenRun:
    """The state of a run; changed by the thread that runs it and by the threads it started."""

    run: CellRun
    root_id: str
    directives: Directives
    source: str
    tags: list[StageTag] = field(default_factory=list)
    values: list[TrackedValue] = field(default_factory=list)
    # The last value that the run's code handed over under each name.
    told: dict[str, TrackedValue] = field(default_factory=dict)
    trace: CellTrace | None = None
    before: Snapshot | None = None
    around: Around | None = None
    tree: ast.Module | None = None
    filename: str | None = None
    error: BaseException | None = None
    clock: float = 0.0
    stopped: float | None = None

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

    def read_program(self) -> Program | None:
        """Return what the cell's code does with names, once; None where that cannot be read."""
        tree, self.tree = self.tree, None
        if tree is None:
            return None
        # A tree that is nested too deeply to be read may still have been compiled.
        with suppress(RecursionError):
            return read_program(tree, parse=parse_cell)
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
        if looks_secret(name):
            json, number = REDACTED, None
        elif isinstance(json, str):
            json = redact_text(json)
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
        self, name: str, access: Access, known: Fingerprint | None = None, text: str | None = None
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
            repr=redact_value(name, text),
            digest=known.digest,
            exactness=known.exactness,
            nbytes=known.nbytes,
            shape=known.shape,
        )

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


CURRENT: ContextVar[OpenRun | None] = ContextVar("provenance_cell_run", default=None)
