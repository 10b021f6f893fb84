"""The recorder: each request's beginning and end become rows, whatever happens between.

Nothing here raises into the caller: a fault becomes one warning and a row in `event`.
"""

from __future__ import annotations

import getpass
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from provenance_kernel.capture.git import Commit
from provenance_kernel.capture.secrets import redact_source, redact_text
from provenance_kernel.errors import ProvenanceError, SettingError
from provenance_kernel.fingerprint.source import ast_hash, code_hash
from provenance_kernel.recorder.guards import harmless, off_in_forks
from provenance_kernel.recorder.observer import Observer, Seen
from provenance_kernel.recorder.run import CURRENT, OpenRun, Request
from provenance_kernel.recorder.shell import Shell
from provenance_kernel.recorder.surroundings import Survey
from provenance_kernel.records import (
    CellRun,
    Code,
    Environment,
    Event,
    Package,
    Trial,
    new_id,
    utc_now,
)
from provenance_kernel.settings import Settings
from provenance_kernel.stages import BadLabel, stage
from provenance_kernel.stages import read as read_directives
from provenance_kernel.store.database import FOLDER, locate, sqlite_path
from provenance_kernel.store.outbox import Outbox
from provenance_kernel.store.owners import host, process_started_at
from provenance_kernel.trace import Place
from provenance_kernel.types import Role, RunStatus

# Values tracked in quick succession, as in a loop, are written together.
_BATCH_SECONDS = 0.5


class Recorder:
    """Records the requests of one session. Requests may overlap on several threads.

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
        self._notebook = notebook
        self._folder = folder
        self._say = say
        self._said: set[str] = set()
        self._outbox = Outbox(self.target, self._trouble)
        self._trial: Trial | None = None
        self._lock = threading.Lock()
        self._position = 0
        self._open: dict[str, OpenRun] = {}
        self._held: list[object] = []
        self._codes: set[str] = set()
        self._shell = Shell(shell, self.fault)
        self._observer: Observer | None = None
        self._survey: Survey | None = None
        self._put_at = 0.0
        off_in_forks(self)
        _active.append(weakref.ref(self))

    @property
    def current(self) -> OpenRun | None:
        """The cell run that the calling code belongs to."""
        return CURRENT.get()

    @harmless
    def begin(self, request: Request) -> None:
        """Commit a `running` row for a request whose code is about to run."""
        directives = read_directives(request.source, request.metadata)
        run = self._new_run(request, "running")
        opened = OpenRun(run, new_id(), directives, request.source)
        opened.tags = [opened.tag(each, opened.root_id) for each in directives.stages]
        problems = [
            self._event("directive", problem, run.id)
            for problem in directives.problems
            if self.say(problem)
        ]
        with self._lock:
            self._open[run.id] = opened
        CURRENT.set(opened)
        records = [*self._code(request.source, run.code_hash), run, *opened.tags, *problems]
        if opened.tags:
            # Without a tag nothing leads to the root yet, and it can wait for the run's end.
            records.append(opened.root("running"))
        self._put(records, first=request.stored)
        self._begin_to_observe(opened, request)
        self._tell_problems()
        opened.clock = time.perf_counter()

    def _tell_problems(self) -> None:
        """Tell the user, once, what is not done that the settings ask for."""
        for problem in (*self.settings.problems, self._seeing.problem):
            if problem is not None and self.say(problem):
                self._put([self._event("tracer", problem, None)])

    def resume(self, opened: OpenRun) -> None:
        """Make a run the current one of the calling context too."""
        CURRENT.set(opened)

    def stop(self, error: BaseException | None = None) -> None:
        """Note that the current run's code has ended, whatever is left to do for the request."""
        opened = CURRENT.get()
        if opened is not None:
            opened.stopped = time.perf_counter()
            opened.error = error

    @harmless
    def finish(
        self, status: RunStatus, error_name: str | None = None, error_value: str | None = None
    ) -> None:
        """Commit how the current run ended; without one, do nothing.

        What was seen of it is left for `settle`, which is called after the reply has gone out.
        """
        opened = CURRENT.get()
        if opened is None or opened.run.status != "running":
            return
        opened.run = replace(
            opened.run,
            status=status,
            duration=opened.duration(),
            error_name=error_name,
            error_value=error_value and redact_text(error_value),
        )
        self._put([opened.run])

    @harmless
    def settle(self) -> None:
        """Commit what was seen of the current run; without one, do nothing."""
        opened = CURRENT.get()
        if opened is None:
            return
        CURRENT.set(None)
        with self._lock:
            self._open.pop(opened.run.id, None)
        seen = self._observed(opened) or Seen()
        opened.error = None
        problems = [
            self._event("directive", problem, opened.run.id)
            for problem in seen.problems
            if self.say(problem)
        ]
        run = opened.run
        if seen.truncated or seen.output_digest is not None:
            run = replace(run, truncated=seen.truncated, output_digest=seen.output_digest)
            seen.records.append(run)
        values, opened.values = opened.values, []
        self._put([opened.root(run.status, run.duration), *seen.records, *values, *problems])
        if self._survey is not None:
            self._survey.due()

    @harmless
    def _surveyed(
        self, environment: Environment, packages: list[Package], commit: Commit | None
    ) -> None:
        """Record the environment, and that the trial is in it."""
        if self._trial is None:
            return
        self._trial = replace(
            self._trial,
            environment_id=environment.id,
            git_commit=commit.id if commit else None,
            git_dirty=commit.dirty if commit else None,
        )
        self._put([environment, *packages, self._trial])

    @harmless
    def _begin_to_observe(self, opened: OpenRun, request: Request) -> None:
        self._seeing.begin(opened, request)

    @harmless
    def _observed(self, opened: OpenRun) -> Seen:
        return self._seeing.end(opened)

    @property
    def _seeing(self) -> Observer:
        # Made at the first run: the notebook's folder is not known before.
        if self._observer is None:
            project = self._project()
            name = Path(self._notebook() or "notebook").name
            self._observer = Observer(
                self.settings,
                self._shell,
                project,
                Place(self._notebook_folder(), name, self.trial_id),
                self._own_files(),
                self.fault,
            )
            self._survey = Survey(project, lambda: not self._open, self._surveyed)
        return self._observer

    @harmless
    def track(self, role: Role, values: Mapping[str, object]) -> None:
        """Record values that the code of the current run hands over."""
        opened = CURRENT.get()
        if opened is None:
            self.say(f"{', '.join(values)}: tracked where no cell runs, so not recorded")
            return
        rows = [opened.tracked(name, role, value) for name, value in values.items()]
        opened.values += rows
        opened.told.update((row.name, row) for row in rows)
        now = time.monotonic()
        if now - self._put_at > _BATCH_SECONDS:
            self._put_at = now
            collected, opened.values = opened.values, []
            self._put(list(collected))

    def reply(self, content: Mapping[str, Any], *, settle: bool = False) -> None:
        """Commit how the current run ended, by the content of the reply to its request.

        `settle` says that nothing may be left for after the reply.
        """
        if content.get("status") == "ok":
            self.finish("ok")
        else:
            self.finish_error(str(content.get("ename")), str(content.get("evalue")))
        if settle:
            self.settle()

    def finish_error(self, name: str, value: str) -> None:
        """Commit that the current run ended by an exception of that name."""
        interrupted = name in ("KeyboardInterrupt", "CancelledError")
        self.finish("interrupted" if interrupted else "error", name, value)

    @harmless
    def abort(self, request: Request) -> None:
        """Record a request that was answered without being run, as those queued after an error."""
        directives = read_directives(request.source, request.metadata)
        run = self._new_run(request, "aborted")
        opened = OpenRun(run, new_id(), directives, request.source)
        tags = [opened.tag(each, None) for each in directives.stages]
        self._put([*self._code(request.source, run.code_hash), run, *tags])

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
                self._put([self._event("directive", problem, opened.run.id)])
            return
        if all((each.stage, each.origin) != (found.name, "call") for each in opened.tags):
            tag = opened.tag(found, opened.root_id)
            opened.tags.append(tag)
            self._put([opened.root("running"), tag])

    def say(self, message: str) -> bool:
        """Show the user a line, once; return whether it was new."""
        if message in self._said:
            return False
        self._said.add(message)
        self._say(message)
        return True

    def fault(self, where: str, error: BaseException) -> None:
        """Report a fault of ours: one warning, one row in `event`."""
        try:
            message = f"{where}: {type(error).__name__}: {error}"
            if self.say(f"a fault in recording ({message}); cells run as usual"):
                opened = CURRENT.get()
                self._put([self._event("fault", message, opened.run.id if opened else None)])
        except Exception:
            self.off = True

    @harmless
    def end(self) -> None:
        """Record that the trial has ended; the process may be killed before it comes to `close`.

        A trial of which a cell still runs goes on: its process must end first.
        """
        with self._lock:
            if self._open:
                return
        if self._held:
            self._put([], first=True)
        if self._trial is not None and self._trial.status == "running":
            self._trial = replace(self._trial, status="finished", finished_at=utc_now())
            self._put([self._trial])

    def close(self) -> None:
        """End the trial, look at the environment a last time, and close the database."""
        self.end()
        with self._lock:
            if self.off or self._open:
                return
        try:
            if self._survey is not None:
                self._survey.close()
            self.off = True
            if self._observer is not None:
                self._observer.close()
            self._outbox.close()
        except Exception as error:
            self._say(f"a fault while ending the record: {type(error).__name__}: {error}")

    def _own_files(self) -> list[Path]:
        """Return what the record itself is made of, which is no file of the user's."""
        try:
            path = sqlite_path(self.target())
        except SettingError:
            return []
        if path is None:
            return []
        return [path.parent if path.parent.name == FOLDER else path]

    @harmless
    def configure(self, settings: Settings) -> None:
        """Take settings that changed; what is collected follows from the next run on."""
        self.settings = settings
        if self._observer is not None:
            self._observer.configure(settings, self._project())
            if self._trial is not None and self._trial.tracer != self._observer.tracer:
                self._trial = replace(self._trial, tracer=self._observer.tracer)
                self._put([self._trial])

    def _new_run(self, request: Request, status: RunStatus) -> CellRun:
        with self._lock:
            self._position += 1
            position = self._position
        return CellRun(
            id=new_id(),
            trial_id=self.trial_id,
            position=position,
            execution_count=request.execution_count,
            cell_id=request.cell_id if isinstance(request.cell_id, str) else None,
            code_hash=code_hash(request.source),
            status=status,
            started_at=utc_now(),
        )

    def _code(self, source: str, digest: str) -> list[Code]:
        if digest in self._codes:
            return []
        self._codes.add(digest)
        return [Code(digest, ast_hash(source), redact_source(source))]

    def _event(self, kind: str, message: str, run: str | None) -> Event:
        return Event(new_id(), self.trial_id, run, kind, message, utc_now())

    def _put(self, records: list[object], *, first: bool = False) -> None:
        if self._trial is None:
            with self._lock:
                self._held += records
                if self._trial is None and not first and self._notebook() is None:
                    # VS Code tells the notebook's path in requests of its own, before the
                    # first cell: what it asks for waits until the database can be located.
                    return
                if self._trial is None:
                    self._trial = self._new_trial()
                    self._held.insert(0, self._trial)
                records, self._held = self._held, []
        self._outbox.put(records)

    def _new_trial(self) -> Trial:
        pid = os.getpid()
        return Trial(
            id=self.trial_id,
            notebook=self._notebook(),
            kind=self.settings.trial_kind,
            parent_id=self.settings.parent_trial,
            status="running",
            started_at=self._started_at,
            user=_user(),
            host=host(),
            tracer=self._seeing.tracer,
            pid=pid,
            process_started_at=process_started_at(pid),
        )

    def target(self) -> str | Path:
        """Return the path or URL of the database that the session is recorded in."""
        return self.settings.database or locate(self._notebook_folder())

    def _notebook_folder(self) -> Path:
        notebook = self._notebook()
        folder = Path(notebook).parent if notebook else self._folder
        return folder if folder.is_dir() else self._folder

    def _project(self) -> Path:
        """Return the folder whose modules are the user's own."""
        return locate(self._notebook_folder()).parent.parent

    def _trouble(self, message: str) -> None:
        self.say(message)
        try:
            opened = CURRENT.get()
            event = self._event("database", message, opened.run.id if opened else None)
            self._outbox.put([event])
        except ProvenanceError:
            self.off = True


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run us as a user that has no name.
        return None


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
