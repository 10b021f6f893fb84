"""A kernel that is sent one cell after another, without a notebook file."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import KernelManager

from provenance_kernel.errors import NotebookError
from provenance_kernel.headless.runner import KERNEL_NAME

_START_SECONDS = 120.0
_POLITE_SECONDS = 20.0
# How often to look whether the kernel's process is still there.
_LOOK_SECONDS = 1.0


@dataclass
class Executed:
    """What came of a cell: the reply's status, the error if there was one, and the outputs.

    `status` is `died` where the kernel went and `timeout` where the cell ran for too long. The
    outputs are as notebook files hold them.
    """

    status: str
    error_name: str | None = None
    error_value: str | None = None
    outputs: list[dict[str, Any]] = field(default_factory=list)


class Session:
    """A provenance kernel in a folder; `options` are traits. Leave it as a context to end it.

    Raises `NotebookError` where the kernel does not start.
    """

    def __init__(
        self,
        folder: Path,
        connection: Path,
        *,
        options: Mapping[str, str],
        environment: Mapping[str, str],
    ) -> None:
        self._manager = KernelManager(kernel_name=KERNEL_NAME, connection_file=str(connection))
        self._client: BlockingKernelClient | None = None
        # What no cell of a notebook does, its startup must not either: keep a history.
        arguments = ["--IPKernelApp.log_level=CRITICAL", "--HistoryManager.enabled=False"]
        arguments += [f"--ProvenanceKernel.{name}={value}" for name, value in options.items()]
        try:
            self._manager.start_kernel(
                cwd=str(folder), env=dict(environment), extra_arguments=arguments
            )
            self._client = self._manager.client()
            self._client.start_channels()
            self._client.wait_for_ready(timeout=_START_SECONDS)
        except NoSuchKernel as error:
            raise NotebookError(
                f"the kernel {KERNEL_NAME!r} is not registered with this Jupyter; "
                "install it with: pip install --force-reinstall provenance-kernel"
            ) from error
        except RuntimeError as error:
            self.close()
            raise NotebookError(f"the kernel {KERNEL_NAME!r} did not start: {error}") from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def group(self) -> int:
        """The group of processes that the kernel leads; 0 where systems have none."""
        return int(getattr(self._manager.provisioner, "pgid", None) or 0)

    def execute(
        self, source: str, metadata: Mapping[str, Any], timeout: float | None = None
    ) -> Executed:
        """Run a cell and wait for its end; `timeout` is in seconds."""
        return self._request({"code": source, "stop_on_error": False}, metadata, timeout)

    def ask(self, expression: str) -> object:
        """Return what an expression gives that is plain; nothing of it is recorded."""
        executed = self._request(
            {"code": "", "silent": True, "user_expressions": {"asked": expression}}, {}, None
        )
        found = next((each["asked"] for each in executed.outputs if "asked" in each), None)
        if found is None or found.get("status") != "ok":
            told = executed.error_value if found is None else found.get("evalue")
            raise NotebookError(f"the kernel could not be prepared: {told}")
        text: str = found["data"]["text/plain"]
        # The expression's value is JSON text, which Python shows as a literal of itself.
        import ast

        return json.loads(ast.literal_eval(text))

    def _request(
        self, content: Mapping[str, Any], metadata: Mapping[str, Any], timeout: float | None
    ) -> Executed:
        client = self._client
        if client is None:
            return Executed("died")
        whole = {
            "silent": False,
            "store_history": not content.get("silent", False),
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
            **content,
        }
        message = client.session.msg("execute_request", whole, metadata=dict(metadata))
        client.shell_channel.send(message)
        wanted = message["header"]["msg_id"]
        deadline = None if timeout is None else time.monotonic() + timeout
        outputs: list[dict[str, Any]] = []
        reply: dict[str, Any] | None = None
        idle = False
        while not idle or reply is None:
            if deadline is not None and time.monotonic() > deadline:
                return Executed(
                    "timeout", "Timeout", f"it ran for more than {timeout:g} s", outputs
                )
            channel = client.shell_channel if idle else client.iopub_channel
            try:
                heard = channel.get_msg(timeout=_LOOK_SECONDS)
            except Empty:
                if not self._manager.is_alive():
                    self._client = None
                    client.stop_channels()
                    return Executed("died", "DeadKernel", "the kernel died while it ran", outputs)
                continue
            if heard["parent_header"].get("msg_id") != wanted:
                continue
            if channel is client.shell_channel:
                reply = heard["content"]
            elif heard["msg_type"] == "status":
                idle = heard["content"]["execution_state"] == "idle"
            else:
                _take(heard["msg_type"], heard["content"], outputs)
        if asked := reply.get("user_expressions"):
            outputs.append(asked)
        return Executed(reply["status"], reply.get("ename"), reply.get("evalue"), outputs)

    def close(self) -> None:
        """End the kernel: politely, so that its record is whole, else at once."""
        with suppress(RuntimeError, OSError):
            if self._client is not None and self._manager.is_alive():
                self._client.shutdown()
                self._manager.shutdown_wait_time = _POLITE_SECONDS
                self._manager.finish_shutdown()
        if self._client is not None:
            self._client.stop_channels()
            self._client = None
        if self._manager.has_kernel:
            self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_connection_file()
        self._manager.context.destroy()


def _take(kind: str, content: Mapping[str, Any], outputs: list[dict[str, Any]]) -> None:
    """Add what a message shows, as notebook files hold it."""
    if kind == "stream":
        if outputs and outputs[-1].get("name") == content["name"]:
            outputs[-1]["text"] += content["text"]
        else:
            outputs.append({"output_type": "stream", **content})
    elif kind in ("display_data", "execute_result", "error"):
        outputs.append({"output_type": kind, **content})
    elif kind == "clear_output":
        outputs.clear()
