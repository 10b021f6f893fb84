"""Records cells in processes of their own, forked from one that has loaded what they need."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import provenance_kernel

PACKAGE = str(Path(provenance_kernel.__file__).parents[1])
# Runs cells in a shell that records them, as `%load_ext provenance_kernel` makes it.
_SERVER = """
import contextlib, io, json, os, sys, traceback
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
from provenance_kernel import magics, recorder

def record(cells):
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config)
    magics.load(shell)
    for cell in cells:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            shell.run_cell(cell, store_history=True)
    magics.unload(shell)

for line in sys.stdin:
    folder, cells = json.loads(line)
    child = os.fork()
    if not child:
        # What cells print past the shell is no answer.
        os.dup2(2, 1)
        try:
            os.chdir(folder)
            record(cells)
        except BaseException:
            with open("failed.txt", "w") as file:
                traceback.print_exc(file=file)
            os._exit(1)
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""


@cache
def _server() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": PACKAGE, "MPLBACKEND": "agg"},
    )
    # It ends when its input does.
    atexit.register(process.communicate)
    return process


def record_cells(folder: Path, cells: Sequence[str]) -> None:
    """Run cells in a folder, which is made, and record them there."""
    folder.mkdir(exist_ok=True)
    process = _server()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([str(folder), cells]) + "\n")
    process.stdin.flush()
    status = process.stdout.readline()
    if status != "0\n":
        raise AssertionError(f"status {status}{(folder / 'failed.txt').read_text()}")
