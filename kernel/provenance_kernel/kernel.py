"""The kernel: ipykernel's, with each execute_request's beginning and end told to a recorder.

No frame of ours lies under a cell's code. `do_execute` is no coroutine but returns ipykernel's,
so that `inspect.stack()` and warnings' stack levels are what they are in ipykernel, and the end
of a request is seen by hooks that ipykernel calls after it.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import atexit
import sys
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

import zmq
from ipykernel._version import version_info
from ipykernel.ipkernel import IPythonKernel
from traitlets import observe

from provenance_kernel.line_magics import register_magics
from provenance_kernel.settings import SettingsTraits

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionResult

    from provenance_kernel.recorder import Recorder

# The recorder's modules are loaded when the kernel has been idle for so long after its start, or
# at the first cell if that is sooner: starting does not wait for them.
_WARM_UP_SECONDS = 0.5
# The reply passes from a socket to a queue and from there to the frontend's socket, each in a turn
# of the forwarding thread's loop; the first may have begun.
_REPLY_TURNS = 4
_REPLY_SECONDS = 0.05
_LONGEST_READING_SECONDS = 0.005
# Until this version, ipykernel aborts what comes between the reply to a failed request and the
# next turn of its loop, even what a frontend sends because it has that reply.
_ABORTS_NO_LONGER = (6, 29, 3)


class ProvenanceKernel(SettingsTraits, IPythonKernel):
    """A Python kernel that remembers what it ran."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._recorder: Recorder | None = None
        self._making = threading.Lock()
        self._broken = False
        self._began = time.time()
        self._folder = Path.cwd()
        shell: Any = self.shell
        shell.configurables.append(self)
        shell.events.register("post_run_cell", self._cell_ended)
        register_magics(shell)

    def start(self) -> None:
        """Start to answer requests."""
        super().start()
        self.io_loop.call_later(_WARM_UP_SECONDS, self._make_recorder)

    @property
    def recorder(self) -> Recorder:
        """The session's recorder."""
        return self._recorder or self._make_recorder()

    def _make_recorder(self) -> Recorder:
        from provenance_kernel.magics import notebook_path, provide_names, say
        from provenance_kernel.recorder import Recorder

        with self._making:
            if self._recorder is None:
                shell: Any = self.shell
                self._recorder = Recorder(
                    self.settings(),
                    notebook=lambda: notebook_path(shell),
                    folder=self._folder,
                    say=say,
                    shell=shell,
                    began=self._began,
                )
                provide_names(shell, self._recorder)
                atexit.register(self._recorder.close)
        return self._recorder

    @observe(*SettingsTraits.class_trait_names(config=True))
    def _settings_changed(self, change: object) -> None:
        if getattr(self, "_recorder", None) is not None:
            self.recorder.configure(self.settings())

    def do_execute(
        self,
        code: str,
        silent: bool,
        store_history: bool = True,
        user_expressions: dict[str, str] | None = None,
        allow_stdin: bool = False,
        *,
        cell_meta: dict[str, Any] | None = None,
        cell_id: str | None = None,
    ) -> Coroutine[Any, Any, Any]:
        """Tell the recorder of the request and let ipykernel execute it."""
        if not silent or self.record_silent:
            counted = store_history and not silent and code and not code.isspace()
            count = self.execution_count if counted else None
            self._tell("begin", code, cell_meta, cell_id, count, store_history)
        return super().do_execute(
            code,
            silent,
            store_history,
            user_expressions,
            allow_stdin,
            cell_meta=cell_meta,
            cell_id=cell_id,
        )

    def _tell(self, what: str, *request: Any) -> None:
        """Tell the recorder of a request; if there can be none, say so once, and no more."""
        if self._broken:
            return
        try:
            from provenance_kernel.recorder import Request

            getattr(self.recorder, what)(Request(*request))
        except Exception as error:
            # Part of the installation is missing or damaged: cells must run all the same.
            self._broken = True
            print(f"provenance: not recording: {type(error).__name__}: {error}", file=sys.stderr)

    def _cell_ended(self, result: ExecutionResult | None) -> None:
        if self._recorder is not None:
            failed = result is not None and (result.error_before_exec or result.error_in_exec)
            self._recorder.stop(failed or None)

    def finish_metadata(
        self, parent: dict[str, Any], metadata: dict[str, Any], reply_content: dict[str, Any]
    ) -> dict[str, Any]:
        """Tell the recorder how the request ended; ipykernel calls this just before it replies."""
        # Nothing catches an interrupt from the reply on: it would end the kernel.
        self._restore_handler()
        if self._recorder is not None:
            failed = reply_content.get("status") == "error"
            # What is settled after the reply would make the time longer in which it aborts.
            first = failed and version_info < _ABORTS_NO_LONGER
            self._recorder.reply(reply_content, settle=first)
        return super().finish_metadata(parent, metadata, reply_content)  # type: ignore[no-any-return]

    def post_handler_hook(self) -> None:
        """Tell the recorder that the request is done, by a reply or, if interrupted early, none."""
        # A request interrupted early has no reply, and has left the handler as it was.
        self._restore_handler()
        settling = self._recorder is not None and self._recorder.current is not None
        if settling:
            self._forward_reply()
        try:
            # On a subshell's thread, it raises.
            super().post_handler_hook()
        finally:
            if settling and self._recorder is not None:
                self._recorder.finish("interrupted")
                self._recorder.settle()

    def _restore_handler(self) -> None:
        """Set SIGINT's handler as it was before the request: no code is left to be interrupted."""
        with suppress(AttributeError, TypeError, ValueError):
            # On a subshell's thread, which no interrupt reaches, there is nothing to set.
            handler: Any = self.saved_sigint_handler
            while True:
                try:
                    # `signal` would turn each handler into a member of an enumeration and back.
                    _signal.signal(_signal.SIGINT, handler if callable(handler) else int(handler))
                    return
                except KeyboardInterrupt:
                    # One that came before is raised here, with nothing set.
                    continue

    def _forward_reply(self) -> None:
        """Let the reply out before what is left to do, ipykernel's part of that too."""
        thread = getattr(self, "shell_channel_thread", None)
        with suppress(Exception):
            if thread is not None:
                # ipykernel's thread that forwards the reply waits for the interpreter's lock, and
                # on a busy machine for a processor.
                gone = threading.Event()
                before = perf_counter()
                _turn(thread.io_loop, _REPLY_TURNS, gone)
                gone.wait(_REPLY_SECONDS)
                # Where threads of libraries spin after their work, a frontend on this machine
                # has our processor to wait for: it gets it for as long as the reply took.
                sleep(min(perf_counter() - before, _LONGEST_READING_SECONDS))
            elif self.shell_stream is not None:
                # ipykernel 6 has it in a queue, which it empties after this hook.
                self.shell_stream.flush(zmq.POLLOUT)

    def _send_abort_reply(self, stream: object, msg: dict[str, Any], idents: object) -> None:
        content = msg.get("content", {})
        if not content.get("silent") or self.record_silent:
            metadata = msg.get("metadata") or {}
            self._tell("abort", str(content.get("code", "")), metadata, metadata.get("cellId"))
        super()._send_abort_reply(stream, msg, idents)

    def do_shutdown(self, restart: bool) -> dict[str, Any]:  # type: ignore[override]
        """End the trial: a restarted kernel begins another."""
        if self._recorder is not None:
            self._recorder.end()
        return super().do_shutdown(restart)  # type: ignore[no-any-return]


def _turn(loop: Any, left: int, gone: threading.Event) -> None:
    """Set an event when a loop has turned so often."""
    if left:
        loop.add_callback(_turn, loop, left - 1, gone)
    else:
        gone.set()
