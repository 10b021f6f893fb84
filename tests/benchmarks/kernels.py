"""Kernels to be timed: started side by side, one at work at a time."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

STOCK = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
OURS = [sys.executable, "-m", "provenance_kernel", "-f", "{connection_file}"]
NOWORKFLOW = [*OURS, "--ProvenanceKernel.tracer=noworkflow"]
NOWORKFLOW_FINE = [*NOWORKFLOW, "--ProvenanceKernel.noworkflow_collection=fine"]
PATIENCE = 600.0


@dataclass(frozen=True)
class Times:
    """Seconds from the sending of cells until the last reply, and until the kernel is idle."""

    reply: float
    idle: float


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

    def run(self, *sources: str) -> Times:
        """Execute cells that are sent at once, and raise if one did.

        Both sockets are read as messages come, as a frontend reads them.
        """
        begun = time.perf_counter()
        requests = [self._client.execute(source) for source in sources]
        replied, idle = self._answered(requests)
        # What it does when it has said that it is idle must not fall into another kernel's turn.
        self._answered([self._client.kernel_info()])
        return Times(replied - begun, idle - begun)

    def _answered(self, requests: list[str]) -> tuple[float, float]:
        """Return when the last of the requests had its reply, and when its idle status came."""
        last, replied, idle = requests[-1], 0.0, 0.0
        sockets = [self._client.shell_channel.socket, self._client.iopub_channel.socket]
        poller = zmq.Poller()
        for socket in sockets:
            poller.register(socket, zmq.POLLIN)
        while not (replied and idle):
            ready = poller.poll(PATIENCE * 1e3)
            if not ready:
                raise TimeoutError(f"{self.name} says nothing for {PATIENCE:.0f} s")
            now = time.perf_counter()
            for socket, _ in ready:
                _, message = self._client.session.recv(socket)
                request = message["parent_header"].get("msg_id")
                content = message["content"]
                if message["msg_type"] == "status":
                    if request == last and content["execution_state"] == "idle":
                        idle = now
                elif socket is sockets[0] and request in requests:
                    if content["status"] != "ok":
                        raise RuntimeError(f"{self.name}: {content}")
                    if request == last:
                        replied = now
        return replied, idle

    def stop(self) -> None:
        """End the process."""
        self._client.stop_channels()
        self._manager.shutdown_kernel()
