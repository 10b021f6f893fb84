"""The log of one cell run: the activations seen so far, within the limits of the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import timedelta
from time import perf_counter
from types import CodeType

from provenance_kernel.identity import identity
from provenance_kernel.records import Activation, new_id, utc_now
from provenance_kernel.settings import Settings
from provenance_kernel.trace.sink import Sink
from provenance_kernel.types import RunStatus

# Nested calls of one code object are counted up to here; then its events are switched off. Well
# below the recursion limit, so that a runaway recursion meets its end undisturbed.
COUNTED = 400


class Open:
    """An activation that has begun; it becomes a record when the log is closed."""

    __slots__ = (
        "arguments",
        "calls",
        "depth",
        "duration",
        "expect",
        "id",
        "line",
        "log",
        "name",
        "parent",
        "previous",
        "result",
        "start",
        "status",
    )

    def __init__(self, log: Log, parent: Open | None, name: str, line: int | None) -> None:
        self.log = log
        self.parent = parent
        self.name = name
        self.line = line
        # Given when the log is closed, as the call waits for all that is done here.
        self.id = ""
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.calls: int | None = 1
        self.arguments: dict[str, str] | None = None
        self.result: str | None = None
        self.status: RunStatus = "running"
        self.duration: float | None = None
        # The code that this call runs at once: its start is this activation, not a nested one.
        self.expect: CodeType | None = None
        self.previous: Open | None = None
        self.start = perf_counter()

    def enter(self, here: Open) -> None:
        """Be where the user's code is, called from `here`."""
        self.previous = here
        HERE.set(self)
        self.start = perf_counter()

    def leave(self) -> None:
        """Be no longer where the user's code is."""
        if HERE.get() is self:
            HERE.set(self.previous)

    def close(self, status: RunStatus, end: float) -> None:
        """Note how and when the call ended."""
        self.status = status
        self.duration = end - self.start
        self.leave()

    def returned(self, result: object) -> None:
        """Note the result of the call."""
        if not self.log.closed:
            try:
                self.result = self.log.sink.describe(result)
                self.log.sink.returned(self.name, self.arguments, result)
            except Exception as error:
                self.log.fault(error)

    def record(self) -> Activation:
        """Return what is known as a record."""
        log = self.log
        return Activation(
            id=self.id,
            trial_id=log.trial_id,
            cell_run_id=log.cell_run_id,
            parent_id=self.parent.id if self.parent else None,
            name=self.name,
            line=self.line,
            started_at=log.began + timedelta(seconds=self.start - log.clock),
            status=self.status,
            calls=self.calls,
            duration=self.duration,
            arguments=self.arguments,
            result=self.result,
        )


class Callee:
    """What one run saw of a user's function, by its code."""

    __slots__ = ("code", "direct", "exits", "last", "open", "recorded", "resumed", "starts")

    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.starts = 0
        # Calls that module-level code made itself, which its own sites count.
        self.direct = 0
        self.exits = 0
        # How often a generator or coroutine went on.
        self.resumed = 0
        self.recorded = 0
        self.open = 0
        self.last: Open | None = None


class Log:
    """Collects activations; used from any thread, closed once."""

    def __init__(
        self, settings: Settings, sink: Sink, trial_id: str, cell_run_id: str, root_id: str
    ) -> None:
        self.sink = sink
        self.trial_id = trial_id
        self.cell_run_id = cell_run_id
        self.per_site = settings.calls_per_site
        self.limit = settings.activations_per_run
        self.deepest = settings.depth
        self.rows: list[Open] = []
        self.reasons: set[str] = set()
        self.seen: dict[int, Callee] = {}
        # Identities of the codes that module-level code calls by themselves.
        self.direct: set[int] = set()
        # For a tracer of nested calls that is switched on and off around recorded calls.
        # It is told the callee, the arguments that are no constants, and how many there are in all.
        self.begun: Callable[[Log, object, Sequence[object], int], None] | None = None
        self.ended: Callable[[], None] | None = None
        self.budget = 0
        self.closed = False
        self.root = Open(self, None, "<cell>", None)
        self.root.id = root_id
        # One moment on both clocks: of the calls, only `perf_counter` is read.
        self.began, self.clock = utc_now(), perf_counter()

    def admits(self, depth: int) -> bool:
        """Whether another activation may be recorded; if not, the reason is noted."""
        if len(self.rows) >= self.limit:
            self.reasons.add("activations")
            return False
        if depth > self.deepest:
            self.reasons.add("depth")
            return False
        return True

    def open(
        self,
        parent: Open,
        name: str,
        line: int | None,
        function: object,
        arguments: Mapping[str, object],
    ) -> Open:
        """Add an activation and show it to the sink."""
        found = Open(self, parent, name, line)
        describe = self.sink.describe
        found.arguments = {k: describe(v) for k, v in arguments.items()}
        self.rows.append(found)
        self.sink.called(function, arguments)
        return found

    def fault(self, error: BaseException) -> None:
        """Tell a fault of ours; a sink that cannot take it must not cost the user the cell."""
        try:
            self.sink.fault(error)
        except Exception:
            self.reasons.add("fault")

    def callee(self, code: CodeType) -> Callee:
        """Return what the run saw of a function."""
        found = self.seen.get(identity(code))
        if found is None:
            found = self.seen[identity(code)] = Callee(code)
        return found

    def close(self) -> tuple[Activation, ...]:
        """End the log and return its records, in the order in which the calls began."""
        self.closed = True
        for seen in self.seen.values():
            uncounted = seen.starts >= COUNTED
            if seen.last is not None:
                # The last one recorded stands for those that were not.
                seen.last.calls = None if uncounted else seen.starts - seen.recorded + 1
            if uncounted or seen.direct >= COUNTED:
                self.reasons.add("calls")
        # Another thread may be about to add one, which comes too late.
        rows = list(self.rows)
        for row in rows:
            row.id = new_id()
            if row.status == "running":
                # An exception is always seen: a call whose end was not, ended well. When it
                # did, and with what, is not known.
                row.status = "ok"
        return tuple(row.record() for row in rows)


HERE: ContextVar[Open | None] = ContextVar("provenance_activation", default=None)
