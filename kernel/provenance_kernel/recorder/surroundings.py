"""What surrounds the code of a session's runs: files, randomness, outputs and the environment."""

from __future__ import annotations

import _thread
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from provenance_kernel.capture.environment import Census
from provenance_kernel.capture.files import FileRun, FileWatch
from provenance_kernel.capture.git import Commit, commit_of
from provenance_kernel.capture.outputs_tap import OutputTap
from provenance_kernel.capture.randomness import Randomness, RandomRun, seed_candidates
from provenance_kernel.capture.traffic import Traffic
from provenance_kernel.records import Activation, CellRun, Environment, Package

# The environment is looked at when no cell has run for so long, or at the latest after the other.
_IDLE_SECONDS = 1.0
_LATEST_SECONDS = 20.0
_PATHS = 200


@dataclass(slots=True)
class Around:
    """The state of one run: what it did to its surroundings so far."""

    files: FileRun
    random: RandomRun
    message: str | None
    paths: list[Mapping[str, object]] = field(default_factory=list)


class Surroundings:
    """Watches the surroundings of one session's runs; they may overlap on several threads."""

    def __init__(self, project: Path, ignored: list[Path], shell: Any) -> None:
        self._files = FileWatch(Traffic(project, ignore=ignored))
        self._files.install()
        self._randomness = Randomness()
        self._random_lock = threading.Lock()
        # Outputs are seen where they become messages; a terminal's shell sends none.
        self._tap = OutputTap(shell) if hasattr(shell, "get_parent") else None
        self._shell = shell

    def begin(self, trial_id: str, cell_run_id: str) -> Around:
        """Begin to watch for a run in the current context."""
        message = self._message()
        if self._tap is not None and message is not None:
            self._tap.begin(message)
        with self._random_lock:
            random = self._randomness.begin()
        return Around(self._files.begin(trial_id, cell_run_id), random, message)

    def called(self, around: Around, arguments: Mapping[str, object]) -> None:
        """Keep the paths that a call names, for native code may open them unseen."""
        paths = {
            name: tuple(value) if type(value) is list else value
            for name, value in arguments.items()
            if _may_be_paths(value)
        }
        if paths and len(around.paths) < _PATHS:
            around.paths.append(paths)

    def end(
        self,
        around: Around,
        activations: tuple[Activation, ...],
        run: tuple[str, str],
        source: str,
        namespace: Mapping[str, Any],
    ) -> list[object]:
        """Return the rows of what a run, given by its trial's id and its own, did."""
        for paths in around.paths:
            self._files.inferred(around.files, paths)
        accesses, events = self._files.end(around.files)
        with self._random_lock:
            for activation in activations:
                if activation.arguments is not None:
                    self._randomness.called(around.random, activation.name, activation.arguments)
            states, notes = self._randomness.end(
                around.random, *run, _Candidates(source, namespace)
            )
        return [*accesses, *events, *states, *notes]

    def outputs(self, around: Around, run: CellRun) -> str | None:
        """Return the digest of what a run displayed and printed; None if that was nothing."""
        if self._tap is None or around.message is None:
            return None
        # ipykernel has flushed the streams by now: it does before it replies.
        digest = self._tap.finish(around.message, None, run.execution_count)
        if run.error_name is not None:
            digest.add_error(run.error_name, run.error_value or "")
        return None if digest.empty else digest.hexdigest()

    def close(self) -> None:
        """Watch no more."""
        self._files.uninstall()
        if self._tap is not None:
            self._tap.close()

    def _message(self) -> str | None:
        if self._tap is None:
            return None
        try:
            message = self._shell.get_parent()["header"]["msg_id"]
        except (LookupError, TypeError):
            return None
        return str(message)


class _Candidates:
    """Integers that may have been seeds, looked for only if somebody asks."""

    def __init__(self, source: str, namespace: Mapping[str, Any]) -> None:
        self._source = source
        self._namespace = namespace

    def __iter__(self) -> Any:
        return iter(seed_candidates(self._source, self._namespace))


def _may_be_paths(value: object) -> bool:
    kind = type(value)
    # By the type: `isinstance` asks an object of the user's for its `__class__`.
    if kind is str or kind is bytes or issubclass(kind, PurePath):
        return True
    return (kind is list or kind is tuple) and all(
        type(each) is str or issubclass(type(each), PurePath)
        for each in value[:4]  # type: ignore[index]
    )


class Survey:
    """Looks at environment and commit when the session is idle, away from the path of a cell."""

    def __init__(
        self,
        project: Path,
        idle: Callable[[], bool],
        found: Callable[[Environment, list[Package], Commit | None], None],
    ) -> None:
        self._project = project
        self._idle = idle
        self._found = found
        self._census = Census()
        self._commit: Commit | None = None
        self._asked_git = False
        self._ending = threading.Event()
        self._ended = threading.Event()
        self._ended.set()
        self._taking = threading.Lock()

    def due(self) -> None:
        """Take the census soon, if modules were imported since the last one."""
        if self._census.grew() and self._ended.is_set() and not self._ending.is_set():
            self._ended.clear()
            # Not by `threading`, which would list it among the user's threads.
            _thread.start_new_thread(self._wait, ())

    def close(self) -> None:
        """Take the census now, if one is due."""
        self._ending.set()
        self._ended.wait(5.0)
        if self._census.grew() and not sys.is_finalizing():
            self._take()

    def _wait(self) -> None:
        try:
            began = idle_since = time.monotonic()
            while not self._ending.wait(0.1):
                now = time.monotonic()
                if not self._idle():
                    idle_since = now
                if now - idle_since >= _IDLE_SECONDS or now - began >= _LATEST_SECONDS:
                    self._take()
                    return
        finally:
            self._ended.set()

    def _take(self) -> None:
        with self._taking:
            if not self._asked_git:
                self._asked_git = True
                self._commit = commit_of(self._project)
            self._found(*self._census.take(), self._commit)
