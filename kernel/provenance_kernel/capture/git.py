"""Which commit a folder is at and whether its tree is dirty, running nothing it asks for.

A repository's configuration can name programs (hooks, fsmonitor, filters, pagers). It is another
person's, perhaps, and reading a notebook's provenance must not run it. `dirty` means that a tracked
file differs from the commit; files that are not tracked and changes inside submodules do not count.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TIMEOUT: Final = 5.0
CHANGES: Final = 100

_NOTHING_RUNS = (
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.devnull, "-c", "core.pager=cat"),
    *("-c", "core.sshCommand=false", "-c", "protocol.allow=never", "-c", "diff.external="),
    *("-c", "core.untrackedCache=false", "-c", "core.alternateRefsCommand=", "-c", "gc.auto=0"),
)
_PATH_LENGTH = 500
_FILTER = re.compile(r"filter\.(.+)\.(clean|process|smudge|required)", re.DOTALL)
# Variables that are about credentials and networks do no harm; all of git's own are left out.
_NEEDED = ("PATH", "HOME", "USERPROFILE", "SYSTEMROOT", "TMPDIR", "TEMP", "XDG_CONFIG_HOME")


@dataclass(frozen=True, slots=True)
class Commit:
    """A repository's commit: `id` is None before the first one, `dirty` None if not known.

    `changes` are the tracked files that differ, by their paths in the repository: the first
    `CHANGES`, and then how many more there are.
    """

    id: str | None
    dirty: bool | None
    changes: tuple[str, ...] = ()

    def followed_by(self, later: Commit) -> str | None:
        """Return in words what was there before a later look found another; None if nothing was."""
        if self.dirty is None or (self.id, self.changes) == (later.id, later.changes):
            return None
        changed = f"not committed: {', '.join(self.changes)}" if self.dirty else "nothing changed"
        return f"before, the commit was {self.id or 'none'}, {changed}"


def told(found: Commit | None, before: Commit | None) -> Commit | None:
    """Return what is known after a look that may have found less than the one before."""
    if found is None or (found.dirty is None and before is not None and before.id == found.id):
        return before
    return found


def commit_of(folder: Path, timeout: float = TIMEOUT) -> Commit | None:
    """Return the commit of the repository a folder is in; None without git, repository or time."""
    filters = _git(folder, timeout, "config", "--null", "--name-only", "--get-regexp", r"^filter\.")
    if filters is None:
        return None
    # A filter with an empty program passes content through.
    names = {match[1] for key in filters.split("\0") if (match := _FILTER.fullmatch(key))}
    if any("=" in name or "\n" in name for name in names):
        # A name that `-c` cannot set: no status, so that nothing runs.
        return head_of(folder, timeout)
    off = [
        part
        for name in sorted(names)
        for value in ("clean=", "process=", "smudge=", "required=false")
        for part in ("-c", f"filter.{name}.{value}")
    ]
    status = _git(
        folder,
        timeout,
        *off,
        *("status", "-z", "--porcelain=v2", "--branch", "--untracked-files=no", "--no-renames"),
        *("--ignore-submodules=dirty", "--no-ahead-behind"),
    )
    if status is None:
        return head_of(folder, timeout)
    oid, changed = None, []
    for line in filter(None, status.split("\0")):
        if line.startswith("# branch.oid "):
            oid = line.rpartition(" ")[2]
        elif not line.startswith("#"):
            # Eight words come before the path, and ten where a merge left it in conflict.
            changed.append(line.split(" ", 10 if line.startswith("u") else 8)[-1][:_PATH_LENGTH])
    changes = changed[:CHANGES]
    if len(changed) > CHANGES:
        changes.append(f"… and {len(changed) - CHANGES} more")
    return Commit(None if oid == "(initial)" else oid, bool(changed), tuple(changes))


def head_of(folder: Path, timeout: float = TIMEOUT) -> Commit | None:
    """Return the commit alone, which takes little time however large the tree is."""
    oid = _git(folder, timeout, "rev-parse", "--verify", "--quiet", "HEAD")
    return Commit(oid.strip(), None) if oid else None


def _git(folder: Path, timeout: float, *arguments: str) -> str | None:
    """Return what git prints, or None where it fails; a key that is not set is no failure."""
    variables = {name: os.environ[name] for name in _NEEDED if name in os.environ}
    variables |= {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "LC_ALL": "C",
    }
    # By its path: to look for a name in PATH Python sets the warnings' filters and puts them back,
    # after which a warning that a cell has shown once is shown again.
    program = shutil.which("git")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "--no-optional-locks", "--no-pager", *_NOTHING_RUNS, *arguments],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    if done.returncode and not (arguments[0] == "config" and done.returncode == 1):
        return None
    return done.stdout.decode("utf-8", "replace")
