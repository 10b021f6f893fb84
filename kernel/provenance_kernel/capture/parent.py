"""The notebooks that the program which started this process runs, by its arguments.

nbconvert, papermill and `jupyter execute` tell their kernels nothing of the notebook.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePath

import psutil

_RUNNERS = ("nbconvert", "papermill", "execute")
# As in `python -m papermill` and `python /bin/jupyter-execute`: the word is among these.
_WORDS = 4


@functools.cache
def notebooks_of_parent() -> tuple[str, ...]:
    """Return the paths of the notebooks that the parent process runs, where it tells."""
    try:
        parent = psutil.Process(os.getppid())
        return notebooks_in(parent.cmdline(), parent.cwd())
    except (psutil.Error, OSError):
        return ()


def notebook_of_parent() -> str | None:
    """Return the path of the notebook that the parent process runs, where it is a single one."""
    found = notebooks_of_parent()
    return found[0] if len(found) == 1 else None


def notebooks_in(arguments: Sequence[str], folder: str) -> tuple[str, ...]:
    """Return the notebooks that a program's arguments name and that are there.

    papermill's first notebook is what it runs, and its second what it writes.
    """
    words = [PurePath(each).stem.rpartition("-")[2] for each in arguments[:_WORDS]]
    runner = next((word for word in words if word in _RUNNERS), None)
    if runner is None:
        return ()
    named = [
        each
        for before, each in pairwise(arguments)
        if each.endswith(".ipynb") and each[:1] != "-" and before != "--output"
    ]
    paths = [os.path.abspath(os.path.join(folder, each)) for each in named]
    if runner == "papermill":
        del paths[1:]
    return tuple(path for path in dict.fromkeys(paths) if os.path.isfile(path))
