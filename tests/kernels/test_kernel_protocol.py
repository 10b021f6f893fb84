"""The kernel answers Jupyter's message protocol as a Python kernel should."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, ClassVar

import jupyter_kernel_test
import pytest
import zmq
from ipykernel._version import version_info
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from support.kernels import REPLY_SECONDS, START_SECONDS, NoAnswer


@pytest.fixture(scope="module", autouse=True)
def _working_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The framework starts kernels where the tests run: that must not be the project's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("protocol"))
        yield


def _wait_until_idle(manager: KernelManager) -> None:
    """Wait until a kernel has started: what it says meanwhile may come before a welcome.

    This listens to statuses alone, as only the first who subscribes to a topic is welcomed.
    """
    client = manager.client()
    client.start_channels(iopub=False, stdin=False, hb=False, control=False)
    with zmq.Context() as context, context.socket(zmq.SUB) as statuses:
        statuses.linger = 0
        statuses.subscribe(b"kernel")
        statuses.connect(f"tcp://{client.ip}:{client.iopub_port}")
        deadline = time.monotonic() + START_SECONDS
        try:
            while time.monotonic() < deadline:
                sent = client.kernel_info(reply=True, timeout=REPLY_SECONDS)["parent_header"]
                while statuses.poll(500):
                    _, frames = client.session.feed_identities(statuses.recv_multipart())
                    status = client.session.deserialize(frames)
                    if (
                        status["parent_header"].get("msg_id") == sent["msg_id"]
                        and status["content"]["execution_state"] == "idle"
                    ):
                        return
            raise NoAnswer("the kernel is not idle")
        finally:
            client.stop_channels()


class TestProvenanceKernel(jupyter_kernel_test.KernelTests):
    kernel_name = "provenance"
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('trouble', file=sys.stderr)"
    completion_samples: ClassVar[list[dict[str, Any]]] = [{"text": "zi", "matches": {"zip"}}]
    complete_code_samples: ClassVar[list[str]] = [
        "1",
        "print('hello, world')",
        "def double(x):\n  return x*2\n\n\n",
    ]
    incomplete_code_samples: ClassVar[list[str]] = ["print('''hello", "def double(x):\n  x*2"]
    invalid_code_samples: ClassVar[list[str]] = ["import = 7q"]
    code_page_something = "zip?"
    code_generate_error = "raise"
    code_execute_result: ClassVar[list[dict[str, str]]] = [
        {"code": "1+2+3", "result": "6"},
        {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"},
    ]
    code_display_data: ClassVar[list[dict[str, str]]] = [
        {
            "code": "from IPython.display import HTML, display; display(HTML('<b>bold</b>'))",
            "mime": "text/html",
        },
        {
            "code": "from IPython.display import Math, display; display(Math('\\\\frac{1}{2}'))",
            "mime": "text/latex",
        },
    ]
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "search")
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"


class TestIopubWelcome(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "provenance"
    # ipykernel welcomes from version 7 on.
    support_iopub_welcome = version_info >= (7,)

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        try:
            _wait_until_idle(cls.km)
        except BaseException:
            cls.tearDownClass()
            raise

    def tearDown(self) -> None:
        # The client's heartbeat goes on for ever if it is stopped before its thread has begun.
        if not self.support_iopub_welcome:
            return
        deadline = time.monotonic() + START_SECONDS
        while not self.kc.hb_channel.is_beating() and time.monotonic() < deadline:
            time.sleep(0.01)


def test_spec_names_the_kernel() -> None:
    spec = KernelSpecManager().get_kernel_spec("provenance")
    assert spec.display_name == "Python 3 (provenance)"
    assert spec.language == "python"
    assert spec.argv[1:] == ["-m", "provenance_kernel", "-f", "{connection_file}"]
    assert spec.metadata["debugger"] is True
