"""A Jupyter kernel that remembers: stages, provenance and trials of notebook experiments."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from provenance_kernel.api import (
        compare,
        lineage,
        metric,
        refresh,
        results,
        slice,
        stale,
        track,
        trial,
        trials,
        values,
        verify,
    )

__all__ = [
    "compare",
    "lineage",
    "metric",
    "refresh",
    "results",
    "slice",
    "stale",
    "track",
    "trial",
    "trials",
    "values",
    "verify",
]


# The imports are the functions' own, so that starting the kernel pays for nothing twice.
def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    recording = sys.modules.get(f"{__name__}.recorder")
    with recording.imports_of_ours() if recording is not None else nullcontext():
        from provenance_kernel import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Importing the part `trials` must not hide the function of that name."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Record what this shell runs from the next cell on (`%load_ext provenance_kernel`)."""
    from provenance_kernel.magics import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Stop recording (`%unload_ext provenance_kernel`)."""
    from provenance_kernel.magics import unload

    unload(shell)
