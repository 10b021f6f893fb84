"""Drives one kernel process over its sockets and keeps every message a frontend would get."""

import importlib.util
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import zmq
from jupyter_client import BlockingKernelClient

from differential.steps import (
    Case,
    Cell,
    Channel,
    During,
    Message,
    Predicate,
    Queued,
    Request,
    Signal,
    Step,
    Until,
)
from support.kernels import TURN

# Until an interrupt meets the cell in its wait, which no message tells of: stdout is flushed, the
# sleep is entered.
SETTLE = 0.15
START_TIMEOUT = 60.0
# A namespace, history and prompt number as after the start; silent, so that it leaves no trace.
# The reset collects garbage, which takes long once libraries are loaded, unless they are frozen.
RESET = "get_ipython().reset()\n__import__('gc').freeze()"


class KernelTimeout(Exception):
    """The kernel did not send what the case waits for."""


class KernelDied(Exception):
    """The kernel's process ended before the case did."""


class UnusableKernel(Exception):
    """The kernel cannot be reset: a case before this one should have been marked `fresh`."""


class UnexpectedInput(Exception):
    """The kernel asked for more input than the case has replies."""


def import_root(module: str) -> Path:
    """The folder that has to be on a kernel's path for `module`, without importing it."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    return Path(spec.origin).parent.parent


def _is_error(message: Message) -> bool:
    return message.msg_type == "execute_reply" and message.content["status"] == "error"


def environment(root: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Everything a kernel could write outside its working directory is kept below `root`."""
    names = ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    home = root / "home"
    return kept | {
        "HOME": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "TMPDIR": str(root / "tmp"),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        # What ipykernel's own launcher does: the kernel ends when its parent does.
        "JPY_PARENT_PID": str(os.getpid()),
        **extra,
    }


class Kernel:
    """A kernel process started from an argv, and a client of all its channels."""

    def __init__(self, argv: Sequence[str], root: Path, env: Mapping[str, str] = {}) -> None:
        self.root = root
        self.cwd = root / "work"
        for folder in (self.cwd, root / "home" / "runtime", root / "tmp"):
            folder.mkdir(parents=True)
        # A project folder above the working directory, so that no case sees a folder appear in it.
        (root / ".provenance").mkdir(mode=0o700)
        self.connection_file = root / "home" / "runtime" / "kernel.json"
        self.log = root / "kernel.log"
        self.argv = [part.format(connection_file=self.connection_file) for part in argv]
        self.env = environment(root, env)
        self.subshells: list[str] = []
        self._sockets: dict[Channel, zmq.Socket[bytes]] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Kernel":
        """Starts the process, which picks its own ports, and waits until it answers."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self.argv,
                cwd=self.cwd,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT
        client = BlockingKernelClient()
        client.load_connection_info(self._connection_info(deadline))
        self.session = client.session
        self._context = zmq.Context()
        client.context = self._context
        self._sockets = {
            "shell": client.connect_shell(identity=self.session.bsession),
            "iopub": client.connect_iopub(),
            "stdin": client.connect_stdin(identity=self.session.bsession),
            "control": client.connect_control(identity=self.session.bsession),
        }
        self._poller = zmq.Poller()
        for socket in self._sockets.values():
            socket.linger = 0
            self._poller.register(socket, zmq.POLLIN)
        self._begin(deadline)
        while not self._answers(self._send(Request("kernel_info_request"), "start")):
            self._check(deadline, "an answer to kernel_info_request")
        return self

    def _connection_info(self, deadline: float) -> dict[str, Any]:
        while True:
            self._check(deadline, "a connection file")
            try:
                info: dict[str, Any] = json.loads(self.connection_file.read_text())
                return info
            except (FileNotFoundError, json.JSONDecodeError):
                time.sleep(0.02)

    def _answers(self, sent: str) -> bool:
        """Whether reply and idle state come soon; iopub may not be subscribed yet."""
        soon = time.monotonic() + 1.0
        while time.monotonic() < soon:
            if not self._awaited[sent]:
                return True
            self._receive(0.1)
        return False

    def close(self) -> None:
        """Kills the whole process group; idempotent."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        for socket in self._sockets.values():
            socket.close()
        if self._sockets:
            self._sockets = {}
            self._context.term()

    def __enter__(self) -> "Kernel":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()

    # -- running a case -----------------------------------------------------------------------

    def run(self, case: Case) -> list[Message]:
        """Takes the case's steps in an emptied namespace and returns what came back."""
        deadline = time.monotonic() + case.timeout
        self._begin(deadline)
        self._take(Cell(RESET, silent=True, store_history=False), "reset")
        if not any(message.content.get("status") == "ok" for message in self.transcript):
            raise UnusableKernel(f"an earlier case left it so\n{self._log_tail()}")
        for name, text in case.files.items():
            path = self.cwd / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._begin(deadline)
        for number, step in enumerate(case.cells, 1):
            self._take(step, str(number))
        return self.transcript

    def _begin(self, deadline: float) -> None:
        self.transcript: list[Message] = []
        self._deadline = deadline
        self._labels: dict[str, str] = {}
        self._awaited: dict[str, set[str]] = {}
        self._replies: dict[str, list[str]] = {}
        self._looked_at = 0
        self.subshells = []

    def _take(self, step: Step, label: str) -> None:
        match step:
            case str():
                self._take(Cell(step), label)
            case Request(msg_type="shutdown_request"):
                self._send(step, label)
                self._await_end()
            case Cell() | Request():
                self._await_all([self._send(step, label)])
            case Signal():
                time.sleep(SETTLE)
                assert self._process is not None
                os.killpg(self._process.pid, signal.SIGINT)
            case Until(seen=seen):
                self._watch(seen)
            case During(first=first, seen=seen, steps=steps):
                sent = self._send(first, label)
                self._watch(seen)
                for number, inner in enumerate(steps, 1):
                    self._take(inner, f"{label}.{number}")
                self._await_all([sent])
            case Queued(steps=queue):
                each = [self._send(inner, f"{label}.{n}") for n, inner in enumerate(queue, 1)]
                self._await_all(each)

    def _send(self, step: Cell | Request, label: str) -> str:
        metadata: dict[str, Any] = {}
        channel: Channel = "shell"
        if isinstance(step, Cell):
            msg_type = "execute_request"
            content: dict[str, Any] = {
                "code": step.code,
                "silent": step.silent,
                "store_history": step.store_history,
                "user_expressions": dict(step.user_expressions),
                "allow_stdin": step.allow_stdin,
                "stop_on_error": step.stop_on_error,
            }
            metadata = dict(step.metadata)
            if step.cell_id is not None:
                metadata["cellId"] = step.cell_id
        else:
            msg_type, channel = step.msg_type, step.channel
            given = step.content(self.transcript) if callable(step.content) else step.content
            content = dict(given)
        message = self.session.msg(msg_type, content=content, metadata=metadata)
        if step.subshell is not None:
            message["header"]["subshell_id"] = self.subshells[step.subshell]
        sent: str = message["header"]["msg_id"]
        self._labels[sent] = f"{label} {msg_type}"
        self._awaited[sent] = {"idle"}
        if not msg_type.startswith("comm_") or msg_type == "comm_info_request":
            self._awaited[sent].add("reply")
        self._replies[sent] = list(step.replies) if isinstance(step, Cell) else []
        self.session.send(self._sockets[channel], message)
        return sent

    def _await(self, sent: str) -> None:
        while self._awaited[sent]:
            wanted = " and ".join(sorted(self._awaited[sent]))
            self._check(self._deadline, f"{wanted} of request {self._labels[sent]}")
            self._receive(0.2)

    def _await_all(self, sent: Sequence[str]) -> None:
        for each in sent:
            self._await(each)
        labels = {self._labels[each] for each in sent}
        if TURN and any(
            _is_error(message) for message in self.transcript if message.parent in labels
        ):
            time.sleep(TURN)

    def _await_end(self) -> None:
        """Waits for the process to end and takes in what it had sent, the idle state left out.

        Whether that still gets out depends on which of ipykernel's threads ends first.
        """
        assert self._process is not None
        while self._process.poll() is None:
            if time.monotonic() > self._deadline:
                raise KernelTimeout(f"still runs\n{self._log_tail()}")
            self._receive(0.2)
        while self._poller.poll(200):
            self._receive(0.0)
        self.transcript = [
            message
            for message in self.transcript
            if message.content.get("execution_state") != "idle"
            or "shutdown_request" not in message.parent
        ]

    def _watch(self, seen: Predicate) -> None:
        while True:
            while self._looked_at < len(self.transcript):
                self._looked_at += 1
                if seen(self.transcript[self._looked_at - 1]):
                    return
            self._check(self._deadline, "a message that the case watches for")
            self._receive(0.2)

    def _check(self, deadline: float, wanted: str) -> None:
        if self._process is not None and self._process.poll() is not None:
            code = self._process.returncode
            raise KernelDied(f"ended with {code} before {wanted}\n{self._log_tail()}")
        if time.monotonic() > deadline:
            raise KernelTimeout(f"no {wanted}\n{self._log_tail()}")

    def _log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])

    def _receive(self, seconds: float) -> None:
        """Takes in what has arrived, at most one message of each channel."""
        ready = dict(self._poller.poll(int(seconds * 1000)))
        for channel, socket in self._sockets.items():
            if socket in ready:
                self._take_in(channel, socket)

    def _take_in(self, channel: Channel, socket: zmq.Socket[bytes]) -> None:
        _, received = self.session.recv(socket, mode=0)
        if received is None:
            return
        msg_type: str = received["header"]["msg_type"]
        parent: str = (received["parent_header"] or {}).get("msg_id", "")
        content = received["content"]
        message = Message(
            channel,
            msg_type,
            self._labels.get(parent, ""),
            content,
            received["metadata"],
            tuple(bytes(part) for part in received["buffers"]),
        )
        # What comes late from an earlier case, or from the start, is no part of this one.
        if parent in self._labels or not parent:
            self.transcript.append(message)
        if msg_type == "create_subshell_reply":
            self.subshells.append(content["subshell_id"])
        awaited = self._awaited.get(parent, set())
        if channel == "stdin":
            self._reply(received, parent)
        elif channel != "iopub":
            awaited.discard("reply")
        elif msg_type == "status" and content["execution_state"] == "idle":
            awaited.discard("idle")

    def _reply(self, received: dict[str, Any], parent: str) -> None:
        replies = self._replies.get(parent, [])
        if not replies:
            raise UnexpectedInput(f"prompt {received['content']['prompt']!r}")
        answer = self.session.msg(
            "input_reply", content={"value": replies.pop(0)}, parent=received["header"]
        )
        self.session.send(self._sockets["stdin"], answer)
