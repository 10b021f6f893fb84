"""A copy of a project's folder in a temporary one, which goes whatever happens to this process."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from provenance_kernel.store.database import FOLDER

# What no cell computes from: the record, history, environments and what tools keep.
LEFT_OUT = frozenset(
    {
        FOLDER, ".git", ".hg", ".svn", "__pycache__", ".ipynb_checkpoints", "node_modules",
        ".mypy_cache", ".ruff_cache", ".pytest_cache", ".tox", ".nox", ".virtual_documents",
    }
)  # fmt: skip
_CLONE = 0x40049409  # FICLONE of linux/fs.h: the copy shares blocks until one side is written
# Waits for the end of its input, which is this process's end, ends the kernel that was named last,
# with what its cells started, and removes the folder. Something may still write meanwhile.
_GUARDIAN = (
    "import contextlib, os, shutil, signal, sys, time\n"
    "last = [int(line) for line in sys.stdin][-1:]\n"
    "if any(last) and hasattr(os, 'killpg'):\n"
    "    with contextlib.suppress(OSError): os.killpg(last[0], signal.SIGKILL)\n"
    "for _ in range(100):\n"
    "    for folder, names, _ in os.walk(sys.argv[1]):\n"
    "        for name in names:\n"
    "            path = os.path.join(folder, name)\n"
    "            with contextlib.suppress(OSError):\n"
    "                if not os.path.islink(path): os.chmod(path, 0o700)\n"
    "    shutil.rmtree(sys.argv[1], ignore_errors=True)\n"
    "    if not os.path.exists(sys.argv[1]): break\n"
    "    time.sleep(0.1)\n"
)


class Scratch:
    """A temporary folder that is removed when it is left, and when this process dies."""

    def __init__(self) -> None:
        base = os.path.realpath(tempfile.gettempdir())
        self.path = Path(base, f"provenance-verify-{secrets.token_hex(8)}")
        # Before the folder is made, so that there is no moment at which nobody would remove it.
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _GUARDIAN, str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/" if os.name == "posix" else None,
        )
        self.path.mkdir(mode=0o700)

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *error: object) -> None:
        self.guard(0)
        remove(self.path)
        pipe: Any = self._guardian.stdin
        pipe.close()
        self._guardian.wait()

    def guard(self, group: int) -> None:
        """Have a group of processes end when this process dies; 0 for none any more."""
        pipe: Any = self._guardian.stdin
        with suppress(OSError):
            pipe.write(b"%d\n" % group)
            pipe.flush()

    def copy(self, project: Path, name: str = "project") -> Path:
        """Return a new copy of a folder; one of this name from before is removed."""
        target = self.path / name
        remove(target)
        _copy(project, target, self.path)
        # The record of what runs in the copy lies where the project's own does.
        (target / FOLDER).mkdir(mode=0o700)
        self.temporary(name).mkdir(exist_ok=True)
        return target

    def temporary(self, name: str) -> Path:
        """Return the folder for temporary files of what runs in the copy of this name."""
        return self.path / f"tmp-{name}"


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, if it is there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    if not path.exists():
        return

    def allow(function: Any, path: str, error: object) -> None:
        # What cells made may be read-only.
        with suppress(OSError):
            os.chmod(os.path.dirname(path), stat.S_IRWXU)
            if not os.path.islink(path):
                os.chmod(path, stat.S_IRWXU)
        with suppress(OSError):
            function(path)

    if sys.version_info >= (3, 12):
        shutil.rmtree(path, onexc=allow)
    else:
        shutil.rmtree(path, onerror=allow)


def _copy(source: Path, target: Path, scratch: Path) -> None:
    target.mkdir()
    for entry in os.scandir(source):
        if entry.name in LEFT_OUT or Path(entry.path) == scratch:
            continue
        there = target / entry.name
        try:
            if entry.is_symlink():
                _copy_link(entry.path, there, source)
            elif entry.is_dir():
                if not os.path.exists(os.path.join(entry.path, "pyvenv.cfg")) and not os.path.isdir(
                    os.path.join(entry.path, "conda-meta")
                ):
                    _copy(Path(entry.path), there, scratch)
            elif entry.is_file():
                _copy_file(entry.path, there)
        except PermissionError:
            # What may not be read was not read.
            continue
    shutil.copystat(source, target)
    os.chmod(target, stat.S_IMODE(target.stat().st_mode) | stat.S_IRWXU)


def _copy_link(path: str, there: Path, folder: Path) -> None:
    leads = os.readlink(path)
    # A relative link would lead elsewhere if it leads out of the project.
    os.symlink(leads if not leads.startswith("..") else os.path.abspath(folder / leads), there)


def _copy_file(path: str, there: Path) -> None:
    if sys.platform.startswith("linux"):
        import fcntl

        with open(path, "rb") as source, open(there, "wb") as target:
            try:
                fcntl.ioctl(target.fileno(), _CLONE, source.fileno())
            except OSError:
                shutil.copyfileobj(source, target, 1 << 20)
        shutil.copystat(path, there)
    else:
        shutil.copy2(path, there)
