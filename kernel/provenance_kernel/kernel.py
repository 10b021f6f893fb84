"""The kernel: ipykernel's, with each execute_request's beginning and end told to a recorder.

No frame of ours lies under a cell's code. `do_execute` is no coroutine but returns ipykernel's,
so that `inspect.stack()` and warnings' stack levels are what they are in ipykernel, and the end
of a request is seen by hooks that ipykernel calls after it.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import asyncio
import atexit
import sys
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipykernel.ipkernel import IPythonKernel
from traitlets import observe

from provenance_kernel.interrupts import Deferred, interrupt_soon
from provenance_kernel.line_magics import register_magics
from provenance_kernel.settings import SettingsTraits

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionResult

    from provenance_kernel.recorder import Recorder

# The recorder's modules are loaded when the kernel has been idle for so long after its start, or
# at the first cell if that is sooner: starting does not wait for them.
_WARM_UP_SECONDS = 0.5
# What was seen of a run is settled so long after it and when all is sent that it showed, or at the
# next message if that is sooner: until then ipykernel's threads have the interpreter to themselves.
_SETTLE_SECONDS = 0.002


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
        self.io_loop.call_later(_WARM_UP_SECONDS, self._warm_up)

    def _warm_up(self) -> None:
        with suppress(AttributeError):  # a cell may have deleted ours
            self._make_recorder()

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
            self._begin(code, cell_meta, cell_id, execution_count=count, stored=store_history)
        return super().do_execute(
            code,
            silent,
            store_history,
            user_expressions,
            allow_stdin,
            cell_meta=cell_meta,
            cell_id=cell_id,
        )

    def _begin(self, *request: Any, **options: Any) -> None:
        """Tell the recorder of a request; if there can be none, say so once, and no more."""
        if self._broken:
            return
        try:
            from provenance_kernel.recorder import Request

            with Deferred(kept=True) as interrupt:
                self.recorder.begin(Request(*request, **options))
        except Exception as error:
            # Part of the installation is missing or damaged: cells must run all the same.
            self._broken = True
            print(f"provenance: not recording: {type(error).__name__}: {error}", file=sys.stderr)
        else:
            if interrupt.came:
                # It is the cell's: raised here it would cost the request its reply.
                interrupt_soon()

    def _tell(self, verb: str, *words: object) -> None:
        """Tell the recorder of a step of a request, whatever a cell has done to it."""
        try:
            if self._recorder is not None:
                getattr(self._recorder, verb)(*words)
        except Exception as error:
            if not self._broken:
                self._broken = True
                kind = type(error).__name__
                print(f"provenance: not recording: {kind}: {error}", file=sys.stderr)

    def _cell_ended(self, result: ExecutionResult | None) -> None:
        recorder = getattr(self, "_recorder", None)
        run = getattr(recorder, "current", None)
        if run is not None:
            run.ended(result.error_before_exec or result.error_in_exec if result else None)

    def pre_handler_hook(self) -> None:
        """Settle what ended before, while no interrupt can reach it."""
        self._tell("settle")
        super().pre_handler_hook()

    def finish_metadata(
        self, parent: dict[str, Any], metadata: dict[str, Any], reply_content: dict[str, Any]
    ) -> dict[str, Any]:
        """Tell the recorder how the request ended; ipykernel calls this just before it replies."""
        # Nothing catches an interrupt from the reply on: it would end the kernel.
        self._restore_handler()
        if reply_content.get("status") == "ok":
            self._tell("replied")
        else:
            self._tell("replied", str(reply_content.get("ename")), str(reply_content.get("evalue")))
        return super().finish_metadata(parent, metadata, reply_content)  # type: ignore[no-any-return]

    def post_handler_hook(self) -> None:
        """Have the recorder settle a request that is done, behind the state that says idle."""
        # A request interrupted early has no reply, and has left the handler as it was.
        self._restore_handler()
        try:
            # On a subshell's thread, it raises.
            super().post_handler_hook()
        finally:
            self._tell("replied", "KeyboardInterrupt")
            with suppress(AttributeError):
                if self._recorder is not None and self._recorder.unsettled:
                    asyncio.get_running_loop().call_later(_SETTLE_SECONDS, self._settle_when_sent)

    def _settle_when_sent(self) -> None:
        """Have the recorder settle when the thread that sends outputs has come so far."""
        loop = asyncio.get_running_loop()

        def sent() -> None:
            with suppress(RuntimeError):  # the loop has been closed meanwhile
                loop.call_soon_threadsafe(self._tell, "settle")

        if self.iopub_thread is None:
            self._tell("settle")
        else:
            self.iopub_thread.schedule(sent)

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

    def _send_abort_reply(self, stream: object, msg: dict[str, Any], idents: object) -> None:
        content = msg.get("content", {})
        if not content.get("silent") or self.record_silent:
            metadata = msg.get("metadata") or {}
            source = str(content.get("code", ""))
            self._begin(source, metadata, metadata.get("cellId"), aborted=True)
        super()._send_abort_reply(stream, msg, idents)

    def getpass(self, *args: Any, **kwargs: Any) -> Any:
        """Ask for a text unseen; it is known to be secret from then on."""
        try:
            text = super().getpass(*args, **kwargs)  # type: ignore[no-untyped-call,unused-ignore]
        except BaseException as error:
            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
            raise
        if self._recorder is not None:
            self._recorder.told(text)
        return text

    def raw_input(self, prompt: object = "") -> Any:
        """Ask for a text, which is secret if the prompt says so."""
        try:
            text = super().raw_input(prompt)  # type: ignore[no-untyped-call,unused-ignore]
        except BaseException as error:
            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
            raise
        if self._recorder is not None:
            self._recorder.told(text, prompt)
        return text

    def do_shutdown(self, restart: bool) -> dict[str, Any]:  # type: ignore[override]
        """End the trial: a restarted kernel begins another."""
        self._tell("close")
        return super().do_shutdown(restart)  # type: ignore[no-any-return]
