"""Reads a kernel's outputs from the messages it sends, through hooks that ipykernel publishes.

`OutStream.register_hook` (6.29 and 7) sees `stream` messages on the thread that sends them, as they
are flushed; `ZMQDisplayPublisher.register_hook` (6.29 and 7) sees `display_data`, its updates and
`clear_output` on the thread that displays; `ZMQShellDisplayHook.register_hook` (late versions of 7)
sees `execute_result`. Before that one, a result is read as text from the shell's history. Hooks
belong to the thread that registers them. Each message names the request it answers, so that runs at
the same time, and what a task prints after its run, are told apart. Messages pass on unchanged.

Not seen: displays made on threads that a cell started.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from provenance_kernel.capture.outputs import OutputDigest

# Within this time of a write ipykernel flushes by itself, on its own thread.
FLUSH_INTERVAL: Final = 0.2
TIMEOUT: Final = 2.0

Message = Mapping[str, Any]


class OutputTap:
    """Feeds the outputs of the cell runs that are open to their digests."""

    def __init__(self, shell: Any, streams: tuple[Any, ...] | None = None) -> None:
        """Take the shell, and the streams (`sys.stdout` and `sys.stderr` where not given)."""
        self._shell = shell
        given = (sys.stdout, sys.stderr) if streams is None else streams
        self._streams = [
            s for s in given if hasattr(s, "register_hook") and hasattr(s, "pub_thread")
        ]
        self._runs: dict[str, OutputDigest] = {}
        self._began: dict[str, float] = {}
        self._results: dict[str, object] = {}
        self._last_stream = 0.0
        self._here = threading.local()
        self._hook: Callable[[Message], Message] = self._pass
        self._sees_results = hasattr(shell.displayhook, "register_hook")
        for stream in self._streams:
            stream.pub_thread.schedule(_registration(stream, self._hook))

    def close(self) -> None:
        """Take the hooks of the streams and of this thread away."""
        for stream in self._streams:
            stream.pub_thread.schedule(_removal(stream, self._hook))
        for publisher in self._publishers():
            publisher.unregister_hook(self._hook)
        self._here = threading.local()
        self._runs.clear()

    def begin(self, message_id: str) -> None:
        """Start to digest what answers this request; call it on the thread that runs the cell."""
        if not hasattr(self._here, "hooked"):
            self._here.hooked = True
            for publisher in self._publishers():
                publisher.register_hook(self._hook)
        self._runs[message_id] = OutputDigest()
        self._began[message_id] = time.monotonic()
        if not self._sees_results:
            self._results[message_id] = self._written(self._shell.execution_count)

    def flush(self, message_id: str) -> threading.Event | None:
        """Have text that is still in the streams sent; None where there can be none.

        Returns at once; other work can be done before `finish` waits for it.
        """
        if not self._may_hold_text(message_id):
            return None
        done = threading.Event()
        for stream in self._streams:
            stream.pub_thread.schedule(stream.flush)  # on that thread it does not wait
        self._streams[-1].pub_thread.schedule(done.set)
        return done

    def finish(
        self,
        message_id: str,
        flushed: threading.Event | None = None,
        execution_count: int | None = None,
    ) -> OutputDigest:
        """Return the digest of the run's outputs; the caller adds the error, if any."""
        if flushed is not None:
            flushed.wait(TIMEOUT)
        self._began.pop(message_id, None)
        digest = self._runs.pop(message_id, None) or OutputDigest()
        before = self._results.pop(message_id, None)
        if not self._sees_results and execution_count is not None:
            result = self._written(execution_count)
            if result is not None and result is not before:
                digest.add_display({"text/plain": result})
        return digest

    def _publishers(self) -> list[Any]:
        found = (self._shell.display_pub, self._shell.displayhook)
        return [publisher for publisher in found if hasattr(publisher, "register_hook")]

    def _written(self, execution_count: int) -> object:
        manager = getattr(self._shell, "history_manager", None)
        return None if manager is None else manager.output_hist_reprs.get(execution_count)

    def _may_hold_text(self, message_id: str) -> bool:
        if not self._streams:
            return False
        run = self._runs.get(message_id)
        if (
            run is None
            or run.printed
            or any(getattr(s, "_flush_pending", True) for s in self._streams)
        ):
            return True
        # A flush by timer that goes on right now does not say so. It can be there only if this run
        # lasted until its own timer, or began before that of an earlier write.
        began = self._began[message_id]
        lasted = time.monotonic() - began
        return lasted > FLUSH_INTERVAL / 2 or began - self._last_stream < 2 * FLUSH_INTERVAL

    def _pass(self, message: Message) -> Message:
        try:
            self._take(message)
        except Exception:  # recording must not cost the user the message
            return message
        return message

    def _take(self, message: Message) -> None:
        kind = message["header"]["msg_type"]
        if kind == "stream":
            self._last_stream = time.monotonic()
        run = self._runs.get(message["parent_header"].get("msg_id"))
        if run is None:
            return
        content = message["content"]
        if kind == "stream":
            run.add_stream(content["name"], content["text"])
        elif kind == "clear_output":
            run.clear(content.get("wait", False))
        else:
            name = (content.get("transient") or {}).get("display_id")
            update = kind == "update_display_data"
            run.add_display(content["data"], content.get("metadata"), name, update)


def _registration(stream: Any, hook: Callable[[Message], Message]) -> Callable[[], None]:
    return lambda: stream.register_hook(hook)


def _removal(stream: Any, hook: Callable[[Message], Message]) -> Callable[[], None]:
    def remove() -> None:
        stream.unregister_hook(hook)

    return remove
