"""A kernel in a process of its own, isolated below a folder, and a client that talks to it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

import zmq
from ipykernel import version_info
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

START_SECONDS = 60.0
REPLY_SECONDS = 40.0
POLITE_SECONDS = 3.0

# What a user's own environment says must not reach the kernels, nor what theirs write reach it.
_LEFT_OUT = ("PROVENANCE_DATABASE", "JPY_SESSION_NAME", "JPY_PARENT_PID", "PYTHONSTARTUP")

# Until ipykernel 6.29.3, a request that comes soon after an error's reply is aborted or not by
# chance, even one that is sent when the kernel says it is idle: this is for its loop to turn.
TURN = 0.05 if version_info < (6, 29, 3) else 0.0


class NoAnswer(Exception):
    """The kernel did not send in time what the test waits for, or is gone."""


@dataclass
class Answer:
    """What came back for one execute_request."""

    reply: dict[str, Any]
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> str:
        return str(self.reply["status"])

    @property
    def stdout(self) -> str:
        return self._stream("stdout")

    @property
    def stderr(self) -> str:
        return self._stream("stderr")

    @property
    def result(self) -> str | None:
        """The text of the cell's value, as after `Out[n]:`."""
        for message in self.messages:
            if message["msg_type"] == "execute_result":
                return str(message["content"]["data"]["text/plain"])
        return None

    @property
    def warnings(self) -> list[str]:
        """The lines in which the recorder speaks to the user."""
        return _warnings(self.stderr)

    def _stream(self, name: str) -> str:
        return "".join(
            message["content"]["text"]
            for message in self.messages
            if message["msg_type"] == "stream" and message["content"]["name"] == name
        )


def _warnings(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("provenance: ")]


def environment(root: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a process that shall write nowhere but below `root`."""
    home = root / "home"
    folders = {
        "HOME": home,
        "IPYTHONDIR": home / "ipython",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "XDG_CACHE_HOME": home / "cache",
        "TMPDIR": root / "tmp",
    }
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    return {
        **kept,
        **{name: str(folder) for name, folder in folders.items()},
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        **(extra or {}),
    }


class Kernel:
    """A running kernel, working in `folder`/work. End it with `stop` (politely) or `kill`."""

    def __init__(
        self,
        folder: Path,
        name: str = "provenance",
        *,
        arguments: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        work: Path | None = None,
    ) -> None:
        self.work = work or folder / "work"
        self.work.mkdir(parents=True, exist_ok=True)
        self.log = folder / "kernel.log"
        self._log = None
        self._stderr = ""
        self._latest = ""
        self._context = zmq.Context()
        environ = environment(folder, env)
        self.manager = KernelManager(
            kernel_name=name,
            connection_file=str(Path(environ["JUPYTER_RUNTIME_DIR"]) / "kernel.json"),
            context=self._context,
        )
        self._log = self.log.open("ab")
        try:
            self.manager.start_kernel(
                cwd=str(self.work),
                env=environ,
                extra_arguments=["--HistoryManager.enabled=False", *arguments],
                stdout=self._log,
                stderr=self._log,
            )
            self._connect()
        except BaseException:
            self.kill()
            raise

    def _connect(self) -> None:
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        try:
            self.client.wait_for_ready(timeout=START_SECONDS)
        except RuntimeError as error:
            raise NoAnswer(f"{error}\n{self._log_tail()}") from error

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def warnings(self) -> list[str]:
        """All lines of the recorder's that came with what was gathered, below whichever cell."""
        return _warnings(self._stderr)

    @property
    def _process(self) -> Any:
        provisioner: Any = self.manager.provisioner
        return provisioner.process

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the kernel's process alone."""
        os.kill(self.pid, number)

    # -- asking -------------------------------------------------------------------------------

    def send(
        self,
        code: str,
        *,
        metadata: Mapping[str, Any] | None = None,
        subshell: str | None = None,
        **content: Any,
    ) -> str:
        """Send an execute_request, as a notebook frontend does, and return its message id."""
        message = self.client.session.msg(
            "execute_request",
            {
                "code": code,
                "silent": False,
                "store_history": True,
                "user_expressions": {},
                "allow_stdin": True,
                "stop_on_error": True,
                **content,
            },
            metadata=dict(metadata or {}),
        )
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)
        self._latest = str(message["header"]["msg_id"])
        return self._latest

    def execute(
        self,
        code: str,
        *,
        answers: Sequence[str] = (),
        seconds: float = REPLY_SECONDS,
        **options: Any,
    ) -> Answer:
        """Run a cell to its end and return what came back; `answers` go to what it asks."""
        sent = self.send(code, **options)
        return self.gather([sent], answers, seconds)[0]

    def gather(
        self, sent: Sequence[str], answers: Sequence[str] = (), seconds: float = REPLY_SECONDS
    ) -> list[Answer]:
        """Return the answers to requests that were sent, in the order they were sent in."""
        deadline = time.monotonic() + seconds
        found: dict[str, Answer] = {each: Answer({}) for each in sent}
        open_replies, open_states = set(sent), set(sent)
        left = list(answers)
        while open_replies or open_states:
            self._check(deadline, "a reply")
            for message in self._receive(self.client.shell_channel):
                parent = message["parent_header"].get("msg_id")
                if parent in open_replies:
                    found[parent].reply = message["content"]
                    open_replies.discard(parent)
            for message in self._receive(self.client.stdin_channel):
                reply = self.client.session.msg("input_reply", {"value": left.pop(0)})
                reply["parent_header"] = message["header"]
                self.client.stdin_channel.send(reply)
            for message in self._receive(self.client.iopub_channel, 0.02):
                parent = message["parent_header"].get("msg_id")
                content = message["content"]
                if message["msg_type"] == "stream" and content["name"] == "stderr":
                    self._stderr += content["text"]
                if parent not in found:
                    continue
                found[parent].messages.append(message)
                if message["msg_type"] == "status" and content["execution_state"] == "idle":
                    open_states.discard(parent)
        if TURN and any(each.status == "error" for each in found.values()):
            time.sleep(TURN)
        if self._latest in sent:
            self.settle()
        return [found[each] for each in sent]

    def settle(self) -> None:
        """Wait until what was seen of the cells is in the database: it is before the next message.

        A kernel that is ending answers no more.
        """
        with suppress(NoAnswer):
            self.request("comm_info_request", {})

    def replies(self) -> dict[str, str]:
        """Return the statuses of the replies that came, by message id; a dead kernel's too."""
        return {
            reply["parent_header"]["msg_id"]: reply["content"]["status"]
            for reply in self._receive(self.client.shell_channel, 0.2)
        }

    def request(self, kind: str, content: Mapping[str, Any], channel: str = "shell") -> Any:
        """Send any other request and return its reply's content."""
        message = self.client.session.msg(kind, dict(content))
        port = self.client.control_channel if channel == "control" else self.client.shell_channel
        port.send(message)
        deadline = time.monotonic() + REPLY_SECONDS
        while True:
            self._check(deadline, f"a reply to {kind}")
            for reply in self._receive(port, 0.02):
                if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                    return reply["content"]

    def wait_for(self, text: str) -> None:
        """Wait until the kernel prints a text; what else comes on iopub is dropped."""
        deadline = time.monotonic() + REPLY_SECONDS
        seen = ""
        while text not in seen:
            self._check(deadline, repr(text))
            for message in self._receive(self.client.iopub_channel, 0.02):
                if message["msg_type"] == "stream":
                    seen += message["content"]["text"]

    def wait_until_idle(self, sent: str) -> None:
        """Wait until the kernel is done with a request; what else comes on iopub is dropped."""
        deadline = time.monotonic() + REPLY_SECONDS
        while True:
            self._check(deadline, "the state that says idle")
            for message in self._receive(self.client.iopub_channel, 0.02):
                idle = message["content"].get("execution_state") == "idle"
                if idle and message["parent_header"].get("msg_id") == sent:
                    return

    def interrupt(self) -> None:
        """Send SIGINT to the kernel's process group, as a terminal or a server does."""
        os.killpg(os.getpgid(self.pid), signal.SIGINT)

    # -- ending -------------------------------------------------------------------------------

    def restart(self) -> None:
        """Ask the kernel to end for a restart and start its successor on the same ports."""
        self.manager.restart_kernel()
        self.client.stop_channels()
        self._connect()

    def wait_until_gone(self) -> None:
        """Wait for the process to end by itself."""
        if not self._gone_within(REPLY_SECONDS):
            raise NoAnswer("the kernel still runs")

    def stop(self) -> None:
        """Ask the kernel to end, wait until it has, and kill it if it does not."""
        if self.manager.has_kernel and self.manager.is_alive():
            self.client.shutdown()
            # ipykernel's own end now and then waits for ever; the request is dealt with by then.
            if not self._gone_within(POLITE_SECONDS):
                self.send_signal(signal.SIGTERM)
                self._gone_within(POLITE_SECONDS)
        self.kill()

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.manager.is_alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def kill(self) -> None:
        """End the kernel by SIGKILL and close every channel; it may be gone already."""
        if hasattr(self, "client"):
            self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()
        if self._log is not None:
            self._log.close()
        self._context.destroy(linger=0)

    # -- receiving ----------------------------------------------------------------------------

    def _receive(self, channel: Any, seconds: float = 0.0) -> Iterator[dict[str, Any]]:
        """Yield what has come on a channel, waiting for the first a little."""
        while True:
            try:
                yield channel.get_msg(timeout=seconds)
            except Empty:
                return
            seconds = 0.0

    def _check(self, deadline: float, wanted: str) -> None:
        if not self.manager.is_alive():
            raise NoAnswer(f"the kernel ended before {wanted}\n{self._log_tail()}")
        if time.monotonic() > deadline:
            raise NoAnswer(f"no {wanted}\n{self._log_tail()}")

    def _log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])


def send_escaped(kernel: Kernel) -> None:
    """Let the client send half a surrogate pair, as JavaScript frontends can, as an escape."""
    kernel.client.session.pack = lambda value: json.dumps(value, default=str).encode("ascii")


@contextmanager
def running(folder: Path, name: str = "provenance", **options: Any) -> Iterator[Kernel]:
    """Run a kernel for the length of a block, and end it politely after it."""
    kernel = Kernel(folder, name, **options)
    try:
        yield kernel
    finally:
        kernel.stop()


Starter = Callable[..., Kernel]
