"""The tap sees what a real kernel sends, run by run, and changes none of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ipykernel.displayhook import ZMQShellDisplayHook
from jupyter_client.manager import start_new_kernel

import provenance_kernel.capture
from provenance_kernel.capture.outputs import OutputDigest

# Older versions of ipykernel have no hook for results: there only their text counts.
RESULTS_ARE_SEEN = hasattr(ZMQShellDisplayHook, "register_hook")
ROOT = Path(provenance_kernel.capture.__file__).parents[2]

# Cells before and after which a recorder's calls are made, as its shell's events allow.
INSTALL = """
def _install():
    import sys
    from provenance_kernel.capture.outputs import OutputTap
    shell = get_ipython()
    tap = OutputTap(shell)
    found = {}

    def before(info):
        tap.begin(shell.get_parent()["header"]["msg_id"])

    def after(result):
        name = shell.get_parent()["header"]["msg_id"]
        sys.stdout.flush()
        sys.stderr.flush()
        found[name] = tap.finish(name, result.execution_count).digest.hexdigest()

    shell.events.register("pre_run_cell", before)
    shell.events.register("post_run_cell", after)
    return tap, found
_tap, _found = _install()
del _install
"""


@pytest.fixture(scope="module")
def kernel() -> Iterator[Any]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    manager, client = start_new_kernel(kernel_name="python3", env=variables)
    try:
        reply = client.execute_interactive(INSTALL, timeout=60)
        assert reply["content"]["status"] == "ok", reply["content"]
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel()


def run(kernel: Any, code: str) -> tuple[str, list[dict[str, Any]]]:
    messages: list[dict[str, Any]] = []
    # Until ipykernel 6.29.3, what comes soon after an error is aborted or not by chance.
    reply = kernel.execute_interactive(
        code,
        timeout=60,
        output_hook=messages.append,
        store_history=True,
        stop_on_error=False,
    )
    name = reply["parent_header"]["msg_id"]
    return name, [m for m in messages if m["msg_type"] not in ("status", "execute_input")]


def found(kernel: Any, name: str) -> str:
    reply = kernel.execute_interactive(
        "", silent=True, timeout=60, user_expressions={"found": "__import__('json').dumps(_found)"}
    )
    text = reply["content"]["user_expressions"]["found"]["data"]["text/plain"]
    return str(json.loads(text[1:-1])[name])


def expected(messages: list[dict[str, Any]]) -> str:
    digest = OutputDigest()
    for message in messages:
        content = message["content"]
        match message["msg_type"]:
            case "stream":
                digest.add_stream(content["name"], content["text"])
            case "clear_output":
                digest.clear(content["wait"])
            case "display_data" | "execute_result" | "update_display_data" as kind:
                name = content.get("transient", {}).get("display_id")
                if kind == "execute_result" and not RESULTS_ARE_SEEN:
                    content = {
                        "data": {"text/plain": content["data"]["text/plain"]},
                        "metadata": {},
                    }
                digest.add_display(
                    content["data"], content["metadata"], name, kind == "update_display_data"
                )
    return digest.hexdigest()


CELLS = [
    "x = 1",
    "print('a')",
    "print('a'); print('b', end='')",
    "import sys; print('a'); print('b', file=sys.stderr)",
    "1 + 1",
    "print('a'); 'b'",
    "display(1); print('x'); display(2); 3",
    "from IPython.display import HTML; HTML('<b>x</b>')",
    "h = display(1, display_id='q'); display(2); h.update(3)",
    "from IPython.display import clear_output; print(1); clear_output(wait=True); print(2)",
    "for i in range(5000): print(i)",
    "import time\nfor i in range(3): print(i, flush=i == 1); time.sleep(0.15)",
    "!echo from a program",
    "import threading; t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()",
    "import asyncio\nawait asyncio.sleep(0.01)\nprint('async')\n4",
    "print('before'); 1 / 0",
    "%%capture\nprint('hidden')",
    "1;",
    "None",
]


@pytest.mark.parametrize("code", CELLS)
def test_the_digest_is_that_of_the_messages(code: str, kernel: Any) -> None:
    name, messages = run(kernel, code)
    assert found(kernel, name) == expected(messages)


def test_runs_do_not_mix(kernel: Any) -> None:
    names = [kernel.execute(f"print({number})") for number in range(20)]
    run(kernel, "x = 1")
    for number, name in enumerate(names):
        alone = OutputDigest()
        alone.add_stream("stdout", f"{number}\n")
        assert found(kernel, name) == alone.hexdigest()


def test_what_a_task_prints_after_its_run_is_not_its_outputs(kernel: Any) -> None:
    name, _ = run(kernel, "import asyncio\nt = asyncio.ensure_future(asyncio.sleep(0.05))\n"
                          "t.add_done_callback(lambda _: print('late'))")  # fmt: skip
    run(kernel, "await t")
    assert found(kernel, name) == OutputDigest().hexdigest()


def test_closed_it_sees_nothing_more(kernel: Any) -> None:
    run(kernel, "_tap.close()")
    name, messages = run(kernel, "_tap.begin = lambda name: None\nprint('x')")
    assert [m["content"]["text"] for m in messages] == ["x\n"]
    assert name
