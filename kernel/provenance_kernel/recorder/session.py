"""The recorder: each request's beginning and end become rows, whatever happens between.

Nothing here raises into the caller: a fault becomes one warning and a row in `event`. The file is
long as it holds a session's order of events as a whole.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from provenance_kernel.capture.git import Commit, told
from provenance_kernel.errors import ProvenanceError
from provenance_kernel.fingerprint.source import ast_hash
from provenance_kernel.recorder.guards import harmless, off_in_forks
from provenance_kernel.recorder.ledger import Ledger
from provenance_kernel.recorder.location import Location, NotebookFile
from provenance_kernel.recorder.probes import Probes, Session
from provenance_kernel.recorder.probes.tracked import look_up
from provenance_kernel.recorder.run import CURRENT, OpenRun, Request, begun_run
from provenance_kernel.recorder.secrets import Secrets
from provenance_kernel.recorder.shell import Shell
from provenance_kernel.recorder.survey import Survey
from provenance_kernel.recorder.tracers import choose, listener_of
from provenance_kernel.recorder.trial import begun_trial
from provenance_kernel.records import (
    Code,
    Environment,
    Package,
    Trial,
    new_id,
    utc_now,
)
from provenance_kernel.settings import Settings
from provenance_kernel.stages import BadLabel, stage
from provenance_kernel.stages import read as read_directives
from provenance_kernel.trace import Place, Tracer
from provenance_kernel.types import Role

# Cells whose sources are kept, in this process alone, as they were before secrets were hidden.
_MOST_HIDDEN = 1000
# Values tracked in quick succession, as in a loop, are written together.
_BATCH_SECONDS = 0.5


class Recorder:
    """Records the requests of one session. Requests may overlap on several threads.

    Each request passes through `begin`, `replied` and `settle`; the session ends with `close`.
    `notebook` tells the notebook's path once it is known, `folder` is where the session
    started, `say` shows the user a line, and `shell` is the IPython shell that runs the cells.
    The session began at `began` (seconds since the epoch), or begins now.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        notebook: Callable[[], str | None],
        folder: Path,
        say: Callable[[str], None],
        shell: object,
        began: float | None = None,
    ) -> None:
        self.settings = settings
        self.trial_id = settings.trial_id or new_id()
        self.off = False
        self._started_at = utc_now() if began is None else datetime.fromtimestamp(began, UTC)
        self._location = Location(notebook, folder)
        self._say = say
        self._said: set[object] = set()
        self.secrets = Secrets(shell)
        self._lock = threading.Lock()
        self._position = 0
        # Runs that are not settled, and those of them that have ended.
        self._open: dict[str, OpenRun] = {}
        self._ended: deque[OpenRun] = deque()
        self._file: NotebookFile | None = None
        self._commit: Commit | None = None
        self._unhidden: dict[str, str] = {}
        self._ledger = Ledger(
            self.trial_id,
            self._location,
            self.secrets,
            target=self.target,
            begun=self._begun,
            open_runs=self._open_runs,
            trouble=self._trouble,
        )
        self._shell = Shell(shell, self.fault)
        self._looking: Probes | None = None
        self._survey: Survey | None = None
        self._put_at = 0.0
        off_in_forks(self)
        _active.append(weakref.ref(self))

    @property
    def current(self) -> OpenRun | None:
        """The cell run that the calling code belongs to."""
        return CURRENT.get()

    @property
    def unsettled(self) -> bool:
        """Whether runs that have ended are still to be settled."""
        return bool(self._ended)

    @harmless
    def begin(self, request: Request) -> None:
        """Commit a row for a request: `running`, as its code is about to run, or `aborted`.

        What ended before is settled first.
        """
        self.settle()
        request = self._filled(request)
        directives = read_directives(request.source, request.metadata)
        source = self.secrets.source(request.source)
        if source != request.source and len(self._unhidden) < _MOST_HIDDEN:
            self._unhidden[source] = request.source
        run = begun_run(request, source, self.trial_id, self._next_position())
        opened = OpenRun(run, new_id(), directives, request.source, source)
        root = None if request.aborted else opened.root_id
        opened.tags = [opened.tag(each, root) for each in directives.stages]
        records = [*self._ledger.code(source, run.code_hash), run, *opened.tags]
        if request.aborted:
            self._ledger.put(records)
            return
        with self._lock:
            self._open[run.id] = opened
        CURRENT.set(opened)
        records += self._problems(directives.problems, run.id)
        if opened.tags:
            # Without a tag nothing leads to the root yet, and it can wait for the run's end.
            records.append(opened.root("running"))
        self._ledger.put(records, first=request.stored)
        self._look(opened)
        opened.clock = time.perf_counter()

    def _filled(self, request: Request) -> Request:
        """Return a request with its cell's metadata from the notebook's file, if it has none."""
        if request.metadata:
            return request
        if self._file is None and not self._position:
            self._file = self._location.file(request.source)
        return request if self._file is None else self._file.filled(request)

    @harmless
    def _look(self, opened: OpenRun) -> None:
        self._probes.begin(opened)
        # What is not done that the settings ask for is told once.
        for problem in (*self.settings.problems, self._probes.session.tracer.problem):
            if problem is not None and self.say(problem):
                self._ledger.put([self._ledger.event("tracer", problem, None)])

    @harmless
    def replied(
        self,
        error_name: str | None = None,
        error_value: str | None = None,
        *,
        run: OpenRun | None = None,
    ) -> None:
        """Commit how a run ended, by the exception if there was one, and look at it no more.

        The run is the current one unless it is given; without one, nothing happens. What was seen
        of it is left for `settle`.
        """
        opened = run or CURRENT.get()
        if opened is None or opened.run.status != "running":
            return
        interrupted = error_name in ("KeyboardInterrupt", "CancelledError")
        opened.run = replace(
            opened.run,
            status="interrupted" if interrupted else "error" if error_name else "ok",
            duration=opened.duration(),
            error_name=error_name,
            error_value=error_value,
        )
        try:
            # The message waits until it is known what the run's names hold that is secret.
            self._ledger.put([replace(opened.run, error_value=None)])
        finally:
            self._probes.leave(opened)
            CURRENT.set(None)
            self._ended.append(opened)

    def unhidden(self, source: str) -> str:
        """Return a source of this session, as the record has it, with what is hidden there."""
        return self._unhidden.get(source, source)

    def settle(self) -> None:
        """Commit what was seen of the runs that have ended. Any thread may call it."""
        while self._ended:
            with suppress(IndexError):
                self._settle(self._ended.popleft())

    @harmless
    def _settle(self, opened: OpenRun) -> None:
        token = CURRENT.set(opened)
        try:
            before = opened.run
            found = self._probes.end(opened)
            if opened.modules is not None:
                self._asked(opened, opened.modules)
            opened.error = None
            run = opened.run
            records = self.secrets.clean(
                [
                    opened.root(run.status, run.duration),
                    *found,
                    *self._problems(opened.problems, run.id),
                    *([run] if run is not before or run.error_value else []),
                    *self._said_again(opened),
                ]
            )
            listener = listener_of(self._probes.session.tracer)
            if listener is not None:
                told = self.secrets.clean([*opened.tags, *opened.told.values()])
                records += listener.settled(run, opened.stored, [*records, *told])
            values, opened.values = opened.values, []
            self._ledger.put([*records, *self.secrets.clean(values)], clean=True)
        finally:
            CURRENT.reset(token)
            with self._lock:
                self._open.pop(opened.run.id, None)
        if self._survey is not None and opened.run.kind == "cell":
            self._survey.due([*found, *values])

    def _asked(self, opened: OpenRun, modules: frozenset[str]) -> None:
        """Take a run that asked for a cell if it did more than that; else forget its imports."""
        if opened.did_more_than_ask(self._shell.namespace):
            opened.run = replace(opened.run, kind="cell")
        else:
            self.leave_out(frozenset(sys.modules) - modules)

    def leave_out(self, modules: frozenset[str]) -> None:
        """Count no package for modules that we imported, and not the user's code."""
        if self._survey is not None:
            self._survey.leave_out(modules)

    @harmless
    def _counted(self, environment: Environment, packages: list[Package]) -> None:
        """Record the environment, and that the trial is in it."""
        self._ledger.place(environment, packages)
        if not self._open:
            self._ledger.keep_texts()

    @harmless
    def _committed(self, commit: Commit | None) -> None:
        """Record at which commit the trial is; an event tells that it was at another before."""
        before, self._commit = self._commit, told(commit, self._commit)
        if self._commit is None or self._commit == before:
            return
        text = None if before is None else before.followed_by(self._commit)
        self._ledger.change(
            *([self._ledger.event("commit", text, None)] if text else ()),
            git_commit=self._commit.id,
            git_dirty=self._commit.dirty,
            git_changes=list(self._commit.changes) if self._commit.dirty is not None else None,
        )

    @property
    def _probes(self) -> Probes:
        # Made at the first run: the notebook's folder is not known before.
        if self._looking is None:
            project = self._location.project
            self._looking = Probes(
                Session(
                    settings=self.settings,
                    shell=self._shell,
                    tracer=self._tracer(project),
                    project=project,
                    ignored=self._location.own_files(self.settings),
                    secrets=self.secrets,
                    fault=self.fault,
                    put=self._ledger.put,
                )
            )
            self._survey = Survey(project, lambda: not self._open, self._counted, self._committed)
        return self._looking

    def _tracer(self, project: Path) -> Tracer:
        place = Place(self._location.folder, self._location.name, self.trial_id)
        tracer = choose(self.settings, project, place)
        if tracer.names:
            self._shell.provide(tracer.names)
        return tracer

    @harmless
    def configure(self, settings: Settings) -> None:
        """Take settings that changed; what is collected follows from the next run on."""
        self.settings = settings
        if self._looking is None:
            return
        self._looking.session.tracer.close()
        project = self._location.project
        tracer = self._tracer(project)
        self._looking.configure(
            replace(self._looking.session, settings=settings, project=project, tracer=tracer)
        )
        self._ledger.change(tracer=tracer.name)

    @harmless
    def track(self, role: Role, values: Mapping[str, object], step: float | None = None) -> None:
        """Record values that the code of the current run hands over; `step` makes a series."""
        opened = CURRENT.get()
        if opened is None:
            self.say(f"{', '.join(values)}: tracked where no cell runs, so not recorded")
            return
        session = self._probes.session
        with session.tracking.lock:
            opened.values += session.tracking.told(
                opened, role, values, step, lambda name: look_up(name, session.namespace)
            )
        now = time.monotonic()
        if now - self._put_at > _BATCH_SECONDS:
            self._put_at = now
            collected, opened.values = opened.values, []
            self._ledger.put(list(collected))

    @harmless
    def asking(self) -> None:
        """Note that the current cell asks what was recorded, and is no part of the answer."""
        opened = CURRENT.get()
        if opened is not None and opened.modules is None:
            opened.modules = frozenset(sys.modules)
            opened.run = replace(opened.run, kind="question")
            self._ledger.put([opened.run])

    @harmless
    def told(self, text: str, prompt: object = None) -> None:
        """Take a text that somebody typed unseen, or as the answer to a prompt that asks for it."""
        if prompt is None:
            self.secrets.told(text)
        else:
            self.secrets.asked(prompt, text)

    @harmless
    def tag(self, label: object) -> None:
        """Tag the current cell run with a stage."""
        opened = CURRENT.get()
        if opened is None:
            self.say("now_tag_cell was called where no cell runs, so it tagged none")
            return
        try:
            if not isinstance(label, str):
                raise BadLabel("a stage is a string")
            found = stage(label, "call")
        except BadLabel as error:
            problem = f"{error}: now_tag_cell({_quoted(label)})"
            if self.say(problem):
                self._ledger.put([self._ledger.event("directive", problem, opened.run.id)])
            return
        if all((each.stage, each.origin) != (found.name, "call") for each in opened.tags):
            tag = opened.tag(found, opened.root_id)
            opened.tags.append(tag)
            self._ledger.put([opened.root("running"), tag])

    def say(self, message: str, about: object = None) -> bool:
        """Show the user a line, once, or once about something; return whether it was new."""
        about = about or message
        if about in self._said:
            return False
        self._said.add(about)
        self._say(message)
        return True

    def fault(self, where: str, error: BaseException) -> None:
        """Report a fault of ours: a row in `event` for each run, a warning for each kind."""
        try:
            kind = type(error).__name__
            message = f"{where}: {kind}: {error}"
            opened = CURRENT.get()
            new = self.say(f"a fault in recording ({message}); cells run as usual", (where, kind))
            if new or opened is not None:
                self._ledger.put(
                    [self._ledger.event("fault", message, opened.run.id if opened else None)]
                )
        except Exception:
            self.off = True

    def close(self) -> None:
        """End the trial, look at the environment a last time, and close the database.

        That the trial has ended comes first, as the process may be killed on the way. While a cell
        runs, nothing is done: its process must end first.
        """
        if self.off or not self._end():
            return
        try:
            self._ledger.keep_texts()
            if self._survey is not None:
                self._survey.close()
            self.off = True
            if self._looking is not None:
                self._looking.session.tracer.close()
                self._looking.close()
                self._shell.detach()
            self._ledger.close()
        except Exception as error:
            self._say(f"a fault while ending the record: {type(error).__name__}: {error}")

    @harmless
    def _end(self) -> bool:
        self.settle()
        with self._lock:
            if self._open:
                return False
        self._ledger.end()
        return True

    def _next_position(self) -> int:
        with self._lock:
            self._position += 1
            return self._position

    def _said_again(self, opened: OpenRun) -> list[Code]:
        """Return a run's code without what turned out to be secret when it had run."""
        source = self.secrets.source(opened.source)
        if source == opened.stored:
            return []
        opened.stored = source
        return [Code(opened.run.code_hash, ast_hash(source), source)]

    def _problems(self, problems: Iterable[str], run: str) -> list[object]:
        """Tell the user of directives that could not be followed; return an event for each."""
        return [self._ledger.event("directive", each, run) for each in problems if self.say(each)]

    def _begun(self) -> Trial:
        return begun_trial(
            self.settings,
            self.trial_id,
            self._started_at,
            self._location.notebook,
            self._location.notebook_from,
            self._probes.session.tracer.name,
        )

    def _open_runs(self) -> list[OpenRun]:
        with self._lock:
            return list(self._open.values())

    def target(self) -> str | Path:
        """Return the path or URL of the database that the session is recorded in."""
        return self._location.target(self.settings)

    def _trouble(self, message: str) -> None:
        self.say(message)
        try:
            opened = CURRENT.get()
            self._ledger.put(
                [self._ledger.event("database", message, opened.run.id if opened else None)]
            )
        except ProvenanceError:
            self.off = True


def _quoted(value: object) -> str:
    text = value if isinstance(value, str) else type(value).__name__
    return repr(text if len(text) <= 60 else text[:59] + "…")


_active: list[weakref.ref[Recorder]] = []


def active() -> Recorder | None:
    """Return the recorder of this process's session, if there is one that records."""
    for reference in reversed(_active):
        recorder = reference()
        if recorder is not None and not recorder.off:
            return recorder
    return None


@contextmanager
def imports_of_ours() -> Iterator[None]:
    """Import what a cell needs of this package as no import of the cell's."""
    before = frozenset(sys.modules)
    try:
        yield
    finally:
        recorder = active()
        if recorder is not None:
            recorder.leave_out(frozenset(sys.modules) - before)
