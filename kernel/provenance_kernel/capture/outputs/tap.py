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
from collections.abc import Callable, Mapping
from typing import Any

from provenance_kernel.capture.outputs.transcript import Transcript
from provenance_kernel.types import OutputKind

Message = Mapping[str, Any]


class OutputTap:
    """Writes the transcripts of the cell runs that are open."""

    def __init__(self, shell: Any, streams: tuple[Any, ...] | None = None) -> None:
        """Take the shell, and the streams (`sys.stdout` and `sys.stderr` where not given)."""
        self._shell = shell
        given = (sys.stdout, sys.stderr) if streams is None else streams
        self._streams = [
            s for s in given if hasattr(s, "register_hook") and hasattr(s, "pub_thread")
        ]
        self._runs: dict[str, Transcript] = {}
        self._results: dict[str, object] = {}
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

    def begin(self, message_id: str, limit: int = 0) -> None:
        """Start to take what answers this request; call it on the thread that runs the cell.

        Texts of more than `limit` characters are not kept whole.
        """
        if not hasattr(self._here, "hooked"):
            self._here.hooked = True
            for publisher in self._publishers():
                publisher.register_hook(self._hook)
        self._runs[message_id] = Transcript(limit)
        if not self._sees_results:
            self._results[message_id] = self._written(self._shell.execution_count)

    def finish(self, message_id: str, execution_count: int | None = None) -> Transcript:
        """Return the run's outputs; the caller adds the error, if any.

        Text that is still in the streams is not in it: they are flushed first.
        """
        found = self._runs.pop(message_id, None) or Transcript(0)
        before = self._results.pop(message_id, None)
        if not self._sees_results and execution_count is not None:
            result = self._written(execution_count)
            if result is not None and result is not before:
                found.add_display("result", {"text/plain": result})
        return found

    def _publishers(self) -> list[Any]:
        found = (self._shell.display_pub, self._shell.displayhook)
        return [publisher for publisher in found if hasattr(publisher, "register_hook")]

    def _written(self, execution_count: int) -> object:
        manager = getattr(self._shell, "history_manager", None)
        return None if manager is None else manager.output_hist_reprs.get(execution_count)

    def _pass(self, message: Message) -> Message:
        try:
            self._take(message)
        except Exception:  # recording must not cost the user the message
            return message
        return message

    def _take(self, message: Message) -> None:
        kind = message["header"]["msg_type"]
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
            shown: OutputKind = "result" if kind == "execute_result" else "display"
            run.add_display(shown, content["data"], content.get("metadata"), name, update)


def _registration(stream: Any, hook: Callable[[Message], Message]) -> Callable[[], None]:
    return lambda: stream.register_hook(hook)


def _removal(stream: Any, hook: Callable[[Message], Message]) -> Callable[[], None]:
    def remove() -> None:
        stream.unregister_hook(hook)

    return remove
