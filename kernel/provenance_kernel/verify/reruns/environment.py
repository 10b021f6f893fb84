"""The versions of packages that a trial ran on, installed into a folder that comes before others.

What is here as it was recorded is used from here, so only what differs is fetched, by uv where
there is one and else by pip, as they are configured.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from provenance_kernel.errors import NotebookError
from provenance_kernel.records import Environment

# What runs the cells again is what records them now.
_OWN = "provenance-kernel"


def others(packages: Mapping[str, str]) -> dict[str, str]:
    """Return the recorded versions that are not those here."""
    return {
        name: version
        for name, version in sorted(packages.items())
        if name != _OWN and _here(name) != version
    }


def _here(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def build(recorded: Environment | None, versions: Mapping[str, str], folder: Path) -> None:
    """Install versions of packages, by their names, into a new folder.

    Raises `NotebookError` where that cannot be done, with the installer's reason.
    """
    if recorded is None:
        raise NotebookError("the trial has no record of its environment")
    python = platform.python_version()
    if recorded.python.split(".")[:2] != python.split(".")[:2]:
        raise NotebookError(
            f"the trial ran on Python {recorded.python}, and this is {python}: "
            f"verify it from an environment with Python {'.'.join(recorded.python.split('.')[:2])}"
        )
    wanted = [f"{name}=={version}" for name, version in versions.items()]
    folder.mkdir()
    into = ["--no-deps", "--target", str(folder), *wanted]
    uv = shutil.which("uv")
    if uv is not None:
        command = [uv, "pip", "install", "--python", sys.executable, *into]
    elif importlib.util.find_spec("pip") is not None:
        quiet = ["--disable-pip-version-check", "--no-input", "--quiet"]
        command = [sys.executable, "-m", "pip", "install", *quiet, *into]
    else:
        raise NotebookError(
            "the recorded environment cannot be built, as there is neither uv nor pip here; "
            f"it has {', '.join(wanted)}"
        )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        why = next((line for line in reversed(said) if "rror" in line), "".join(said[-1:]))
        raise NotebookError(f"the recorded environment cannot be built: {why.strip()[:300]}")
