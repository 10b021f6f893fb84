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
# Runs cells in a shell that records them, as `%load_ext provenance_kernel` makes it, and scripts as
# an interpreter does. Reading what is installed is most of what a short session costs.
_SERVER = """
import contextlib, functools, importlib.metadata, io, json, linecache, os, sys, traceback, types
import numpy, pandas
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
from provenance_kernel import magics, recorder
from provenance_kernel.fingerprint import digest

_find = functools.cache(importlib.metadata.packages_distributions)
_find()
importlib.metadata.packages_distributions = _find

def record(cells):
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config)
    magics.load(shell)
    for cell in cells:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            shell.run_cell(cell, store_history=True)
    magics.unload(shell)

def run(script, name):
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    # Functions have their source, as those of a file do.
    linecache.cache["<slice>"] = len(script), None, script.splitlines(True), "<slice>"
    exec(compile(script, "<slice>", "exec"), vars(main))
    print("digest", digest(vars(main)[name]), flush=True)

for line in sys.stdin:
    folder, what, given = json.loads(line)
    child = os.fork()
    if not child:
        # What cells print past the shell is no answer.
        try:
            os.chdir(folder)
            os.dup2(os.open("printed.txt", os.O_CREAT | os.O_TRUNC | os.O_WRONLY), 1)
            {"record": record, "run": run}[what](*given)
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


def _ask(folder: Path, what: str, *given: object) -> None:
    folder.mkdir(exist_ok=True)
    process = _server()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([str(folder), what, given]) + "\n")
    process.stdin.flush()
    status = process.stdout.readline()
    if status != "0\n":
        failed = folder / "failed.txt"
        raise AssertionError(f"status {status}{failed.read_text() if failed.exists() else ''}")


def record_cells(folder: Path, cells: Sequence[str]) -> None:
    """Run cells in a folder, which is made, and record them there."""
    _ask(folder, "record", cells)


def run_script(folder: Path, script: str, name: str) -> str:
    """Run a script in a folder, which is made; return the digest of what a name then stands for.

    Raises `AssertionError` with the traceback of one that fails.
    """
    _ask(folder, "run", script, name)
    printed = (folder / "printed.txt").read_text().splitlines()
    return printed[-1].removeprefix("digest ")
