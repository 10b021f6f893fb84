"""Running a notebook from top to bottom on the provenance kernel, through nbclient."""

from __future__ import annotations

import asyncio
import atexit
import os
import re
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, ClassVar

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from provenance_kernel.errors import CellFailed, NotebookError

KERNEL_NAME = "provenance"
# A kernel that takes long to end writes its record.
_POLITE_SECONDS = 20.0
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class CellProgress:
    """A code cell that is about to run or has run: `number` of `total` cells, from 1."""

    number: int
    total: int
    cell: NotebookNode
    status: str | None = None


class _Client(AsyncKernelClient):
    """A client that sends the cell's metadata and id along, as JupyterLab does."""

    cell_metadata: Mapping[str, Any] = {}

    def execute(
        self,
        code: str,
        silent: bool = False,
        store_history: bool = True,
        user_expressions: dict[str, str] | None = None,
        allow_stdin: bool | None = None,
        stop_on_error: bool = True,
    ) -> str:
        content = {
            "code": code,
            "silent": silent,
            "store_history": store_history,
            "user_expressions": user_expressions or {},
            "allow_stdin": self.allow_stdin if allow_stdin is None else allow_stdin,
            "stop_on_error": stop_on_error,
        }
        message = self.session.msg("execute_request", content, metadata=dict(self.cell_metadata))
        self.shell_channel.send(message)
        return str(message["header"]["msg_id"])


class _Interrupted(Exception):
    """The user wants no more cells to run."""


class _Notebook(NotebookClient):
    interrupted = False
    # A task that nothing refers to may be collected before it is done.
    _deeds: ClassVar[set[asyncio.Future[Any]]] = set()

    async def async_start_new_kernel_client(self) -> Any:
        """Take Ctrl-C from nbclient, which would kill the kernel under its cell."""
        started = await super().async_start_new_kernel_client()
        with suppress(RuntimeError, NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._interrupt)
        return started

    def _interrupt(self) -> None:
        """Interrupt the cell that runs, as its record then ends as it should; or else, end all."""
        again, self.interrupted = self.interrupted, True
        manager: Any = self.km
        deed = self._async_cleanup_kernel() if again else manager.interrupt_kernel()
        self._deeds.add(asyncio.ensure_future(deed))

    async def async_execute_cell(self, cell: NotebookNode, *args: Any, **kwargs: Any) -> Any:
        if self.interrupted:
            raise _Interrupted
        metadata = dict(cell.metadata)
        if "id" in cell:
            metadata["cellId"] = cell.id
        if isinstance(self.kc, _Client):
            self.kc.cell_metadata = metadata
        return await super().async_execute_cell(cell, *args, **kwargs)


def run(
    notebook: NotebookNode,
    path: Path,
    *,
    options: Mapping[str, str],
    allow_errors: bool = False,
    timeout: float | None = None,
    progress: Callable[[CellProgress], None] = lambda _: None,
) -> None:
    """Execute a notebook in place, in its own folder, on a new provenance kernel.

    `options` are traits of `ProvenanceKernel`; `timeout` is in seconds and for each cell.
    Raises `CellFailed` at the first cell that fails; its outputs are in the notebook then. Ctrl-C
    interrupts the cell that runs, and when the kernel has ended, `KeyboardInterrupt` is raised.
    """
    total = len(notebook.cells)
    at = 0

    def starting(cell: NotebookNode, cell_index: int) -> None:
        nonlocal at
        at = cell_index
        progress(CellProgress(cell_index + 1, total, cell))

    def ended(cell: NotebookNode, cell_index: int, execute_reply: dict[str, Any]) -> None:
        status = execute_reply["content"]["status"]
        progress(CellProgress(cell_index + 1, total, cell, status))

    manager = AsyncKernelManager(
        kernel_name=KERNEL_NAME, client_factory=_Client, shutdown_wait_time=_POLITE_SECONDS
    )
    client = _Notebook(
        notebook,
        km=manager,
        # nbclient takes whole seconds.
        timeout=None if timeout is None else ceil(timeout),
        allow_errors=allow_errors,
        resources={"metadata": {"path": str(path.absolute().parent)}},
        extra_arguments=[
            # The kernel's own log is for who runs a server, not for who runs a notebook.
            "--IPKernelApp.log_level=CRITICAL",
            *(f"--ProvenanceKernel.{name}={value}" for name, value in options.items()),
        ],
        on_cell_execute=starting,
        on_cell_executed=ended,
    )
    client.owns_km = True
    # Debugpy, which nobody asks for here, would warn of frozen modules.
    quiet = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    environment = {**quiet, **os.environ, "JPY_SESSION_NAME": str(path.absolute())}
    try:
        _execute(client, environment)
    except NoSuchKernel as error:
        raise NotebookError(
            f"the kernel {KERNEL_NAME!r} is not registered with this Jupyter; "
            "install it with: pip install --force-reinstall provenance-kernel"
        ) from error
    except CellExecutionError as error:
        # What comes before the line of dashes repeats the source.
        raise CellFailed(
            _failure(notebook, at, error.traceback.split("-" * 18 + "\n\n")[-1])
        ) from error
    except CellTimeoutError as error:
        raise CellFailed(_failure(notebook, at, f"it ran for more than {timeout:g} s")) from error
    except DeadKernelError as error:
        raise CellFailed(_failure(notebook, at, "the kernel died while it ran")) from error
    except RuntimeError as error:
        # nbclient has ended the kernel already, and would fail to do so again at exit.
        atexit.unregister(client._cleanup_kernel)
        raise NotebookError(f"the kernel {KERNEL_NAME!r} did not start: {error}") from error


def _execute(client: _Notebook, environment: Mapping[str, str]) -> None:
    try:
        client.execute(env=environment)
    except KeyboardInterrupt:
        raise
    except Exception:
        if client.interrupted:
            raise KeyboardInterrupt from None
        raise
    if client.interrupted:
        raise KeyboardInterrupt


def _failure(notebook: NotebookNode, index: int, what: str) -> str:
    cell = notebook.cells[index]
    source = "\n".join(f"    {line}" for line in cell.source.splitlines())
    return (
        f"cell {index + 1} of {len(notebook.cells)} failed:\n\n{source}\n\n"
        f"{_ANSI.sub('', what).strip()}"
    )
