"""What users reach from a cell: noWorkflow's functions, and the extension for other kernels."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from asyncio import CancelledError
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from traitlets.config import Configurable

from provenance_kernel.capture.parent import notebook_of_parent
from provenance_kernel.line_magics import register_magics, unregister_magics
from provenance_kernel.recorder import OpenRun, Recorder, Request
from provenance_kernel.settings import SettingsTraits

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

T = TypeVar("T")
NAMES = ("now_tag_cell", "now_tag_variable", "__noworkflow__")
_ATTRIBUTE = "_provenance_extension"


def say(message: str) -> None:
    """Show the user a line, where warnings are shown."""
    print(f"provenance: {message}", file=sys.stderr)


def notebook_path(shell: InteractiveShell) -> str | None:
    """Return the path of the notebook, where the frontend or the program that runs it tells."""
    named = os.environ.get("JPY_SESSION_NAME") or shell.user_ns.get("__vsc_ipynb_file__")
    if isinstance(named, str) and named:
        return os.path.abspath(named)
    return notebook_of_parent()


def provide_names(shell: InteractiveShell, recorder: Recorder) -> None:
    """Give cells noWorkflow's names: two functions, and `__noworkflow__.trial_id`.

    They are with the builtins while a cell runs, as IPython's own are: the user's names come
    before them, and they show in no `dir()`, `%who` or completion.
    """

    def now_tag_cell(tag: str) -> None:
        """Tag this cell with a stage."""
        recorder.tag(tag)

    def now_tag_variable(name: str, value: T) -> T:
        """Record a value under a name, and return it."""
        recorder.track("value", {name: value})
        return value

    shell.builtin_trap.auto_builtins |= {
        "now_tag_cell": now_tag_cell,
        "now_tag_variable": now_tag_variable,
        "__noworkflow__": SimpleNamespace(trial_id=recorder.trial_id),
    }


class ProvenanceKernel(SettingsTraits, Configurable):
    """The recorder's settings in a kernel that is not ours, under the name they have in ours."""


class Extension:
    """A recorder wired to the events of a shell in another kernel."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._traits = ProvenanceKernel(parent=shell)
        # By thread, on each of which a shell runs one cell at a time.
        self._open: dict[int, tuple[ExecutionInfo, OpenRun]] = {}
        self.recorder = Recorder(
            self._traits.settings(),
            notebook=lambda: notebook_path(shell),
            folder=Path.cwd(),
            say=say,
            shell=shell,
        )
        shell.configurables.append(self._traits)
        shell.events.register("pre_run_cell", self._begin)
        shell.events.register("post_run_cell", self._finish)
        provide_names(shell, self.recorder)
        register_magics(shell)
        atexit.register(self.recorder.close)

    def unload(self) -> None:
        """End the trial and leave the shell as it was."""
        self._shell.events.unregister("pre_run_cell", self._begin)
        self._shell.events.unregister("post_run_cell", self._finish)
        for name in NAMES:
            self._shell.builtin_trap.auto_builtins.pop(name, None)
        unregister_magics(self._shell)
        self._shell.configurables.remove(self._traits)
        atexit.unregister(self.recorder.close)
        self._finish_as(None)
        self.recorder.close()

    def _begin(self, info: ExecutionInfo) -> None:
        if threading.get_ident() in self._open:
            # A cell that runs cells, by `%run` of a notebook for one, is one request.
            return
        message = _parent_message(self._shell)
        metadata = message.get("metadata") or getattr(info, "cell_meta", None) or {}
        cell_id = info.cell_id or metadata.get("cellId")
        self.recorder.begin(Request(info.raw_cell or "", metadata, cell_id))
        opened = self.recorder.current
        if opened is not None:
            self._open[threading.get_ident()] = info, opened

    def _finish(self, result: ExecutionResult | None) -> None:
        if result is None:
            # ipykernel has no result of an async cell that was interrupted.
            self._finish_as(CancelledError())
            return
        entry = self._open.get(threading.get_ident())
        if entry is None or entry[0] is not result.info:
            return
        info, opened = entry
        if info.store_history:
            # Versions of IPython differ in when they count, and agree on what the result says.
            opened.run = replace(opened.run, execution_count=result.execution_count)
        error = result.error_before_exec or result.error_in_exec
        self._finish_as(error)

    def _finish_as(self, error: BaseException | None) -> None:
        _, opened = self._open.pop(threading.get_ident(), (None, None))
        if opened is None:
            return
        opened.ended(error)
        # An async cell began in a context of its own, which ended with it.
        if error is None:
            self.recorder.replied(run=opened)
        else:
            self.recorder.replied(type(error).__name__, str(error), run=opened)
        for stream in (sys.stdout, sys.stderr):
            # What was printed is an output of the run; the kernel would flush it a moment later.
            with suppress(Exception):
                stream.flush()
        self.recorder.settle()


def _parent_message(shell: InteractiveShell) -> dict[str, Any]:
    """Return the request that a kernel's shell answers; a terminal's shell answers none."""
    get_parent = getattr(shell, "get_parent", None)
    try:
        message = get_parent() if get_parent else {}
    except LookupError:
        return {}
    return message if isinstance(message, dict) else {}


def load(shell: InteractiveShell) -> None:
    """Record what a shell runs from the next cell on."""
    if hasattr(getattr(shell, "kernel", None), "recorder"):
        return
    if getattr(shell, _ATTRIBUTE, None) is None:
        setattr(shell, _ATTRIBUTE, Extension(shell))


def unload(shell: InteractiveShell) -> None:
    """Stop recording what a shell runs."""
    extension = getattr(shell, _ATTRIBUTE, None)
    if extension is not None:
        extension.unload()
        setattr(shell, _ATTRIBUTE, None)
