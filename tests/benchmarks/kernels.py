"""Kernels to be timed: started side by side, one request at a time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

STOCK = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
OURS = [sys.executable, "-m", "provenance_kernel", "-f", "{connection_file}"]
NOWORKFLOW = [*OURS, "--ProvenanceKernel.tracer=noworkflow"]
NOWORKFLOW_FINE = [*NOWORKFLOW, "--ProvenanceKernel.noworkflow_collection=fine"]
PATIENCE = 600.0


class TimedKernel:
    """A kernel process in a folder of its own; times are in seconds, as a client sees them."""

    def __init__(self, name: str, argv: list[str], folder: Path) -> None:
        self.name = name
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._manager: Any = KernelManager()
        self._manager._kernel_spec = KernelSpec(argv=argv, display_name=name, language="python")
        begun = time.perf_counter()
        self._manager.start_kernel(cwd=str(folder), stderr=subprocess.DEVNULL)
        self._client: Any = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE)
        self.start_seconds = time.perf_counter() - begun

    def run(self, *sources: str) -> float:
        """Execute cells, sent at once, and return the time until the last reply; raise if one did.

        What a kernel does after a reply counts where another cell waits for it.
        """
        begun = time.perf_counter()
        requests = [self._client.execute(source) for source in sources]
        replies = [self._matching(self._client.get_shell_msg, request) for request in requests]
        seconds = time.perf_counter() - begun
        for reply in replies:
            if reply["content"]["status"] != "ok":
                raise RuntimeError(f"{self.name}: {reply['content']}")
        for request in requests:
            while not self._idle(self._matching(self._client.get_iopub_msg, request)):
                pass
        return seconds

    def _matching(self, receive: Any, request: str) -> Any:
        while True:
            message = receive(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") == request:
                return message

    @staticmethod
    def _idle(message: Any) -> bool:
        return message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"

    def stop(self) -> None:
        """End the process."""
        self._client.stop_channels()
        self._manager.shutdown_kernel()
