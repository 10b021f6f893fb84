"""Distinguishes the files of an experiment from those of interpreter, libraries and kernel."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Places that are never part of an experiment: what they hold is the machine's own.
_SYSTEM = _words(
    "/proc /sys /dev/pts /dev/shm /dev/fd /run /var/run /etc/ssl /etc/pki /etc/ca-certificates "
    "/etc/localtime /etc/timezone /etc/mime.types /etc/hosts /etc/host.conf /etc/resolv.conf "
    "/etc/nsswitch.conf /etc/gai.conf /etc/ld.so.cache /etc/os-release /etc/passwd /etc/group "
    "/etc/services /etc/protocols /etc/fonts /etc/apache2/mime.types /etc/httpd/mime.types "
    "/usr/lib/os-release /usr/lib/locale /usr/lib/ssl /usr/share/zoneinfo /usr/share/locale "
    "/usr/share/fonts /usr/share/fontconfig /usr/local/share/fonts /usr/share/terminfo "
    "/usr/share/ca-certificates /usr/share/mime /var/cache/fontconfig /System/Library "
    "/Library/Fonts /dev/null /dev/tty /dev/ptmx /dev/zero"
)
_HOME = _words(
    ".ipython .jupyter .local/share/jupyter .matplotlib .config/matplotlib .cache/matplotlib "
    ".cache/fontconfig .fonts .local/share/fonts .cache/pip .config/pip .netrc .terminfo .inputrc "
    ".python_history Library/Jupyter Library/Fonts .gitconfig .config/git"
)
_VARIABLES = _words(
    "IPYTHONDIR JUPYTER_CONFIG_DIR JUPYTER_DATA_DIR JUPYTER_RUNTIME_DIR MPLCONFIGDIR "
    "NUMBA_CACHE_DIR SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE PYTHONPYCACHEPREFIX"
)
_FOLDERS = frozenset({".provenance", ".noworkflow", ".git", "__pycache__", "site-packages"})
_BINARIES = (".pyc", ".pyo", ".so", ".pyd", ".dylib", ".dll", ".pth")
# A prefix that much else than Python lives under.
_SHARED_PREFIXES = frozenset({"/", "/usr", "/usr/local", "/opt", "/opt/local", "/opt/homebrew"})


class Traffic:
    """Which paths are recorded, and under what name."""

    def __init__(self, project: Path | None = None, ignore: Iterable[Path] = ()) -> None:
        """Take the project's folder and further files and folders that are the kernel's own."""
        self._project = _folder(str(project)) if project else None
        self._project_real = _folder(os.path.realpath(project)) if project else None
        self._roots = self._collect(ignore)
        self._is_ignored_folder = lru_cache(maxsize=4096)(self._ignored_folder)

    def ignores(self, path: str) -> bool:
        """Tell whether an absolute path is interpreter's, library's or kernel's own traffic."""
        if path.endswith(_BINARIES):
            return True
        return path in self._roots or self._is_ignored_folder(path.rpartition(os.sep)[0])

    def name(self, path: str) -> str:
        """Return the path to store: relative to the project where inside it, with `/`."""
        for project in (self._project, self._project_real):
            if project and path.startswith(project):
                path = path[len(project) :] or "."
                break
        return path.replace(os.sep, "/") if os.sep != "/" else path

    def module_source(self, compiled: str) -> str | None:
        """Return the source behind a compiled module of the project's own, else None."""
        folder, _, name = compiled.rpartition(os.sep)
        parent, _, cache = folder.rpartition(os.sep)
        if cache != "__pycache__" or not self.in_project(compiled):
            return None
        return os.path.join(parent, name.partition(".")[0] + ".py")

    def in_project(self, path: str) -> bool:
        """Tell whether an absolute path is inside the project."""
        return any(root and path.startswith(root) for root in (self._project, self._project_real))

    def is_scratch(self, path: str) -> bool:
        """Tell whether a path is in the folder for temporary files, outside the project."""
        return not self.in_project(path) and path.startswith(_folder(tempfile.gettempdir()))

    def _collect(self, ignore: Iterable[Path]) -> frozenset[str]:
        home = os.path.expanduser("~")
        paths = sysconfig.get_paths()
        roots = {*_SYSTEM, *(os.path.join(home, part) for part in _HOME)}
        roots.update(
            paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")
        )
        roots.update(
            p for p in (sys.prefix, sys.base_prefix, sys.exec_prefix) if p not in _SHARED_PREFIXES
        )
        roots.update(site.getsitepackages())
        roots.add(site.getusersitepackages())
        roots.add(os.path.dirname(os.path.dirname(__file__)))
        roots.update(value for key in _VARIABLES if (value := os.environ.get(key)))
        roots.update(str(path) for path in ignore)
        absolute = {os.path.abspath(root) for root in roots if root}
        absolute |= {os.path.realpath(root) for root in absolute}
        return frozenset(absolute - {os.sep, home})

    def _ignored_folder(self, folder: str) -> bool:
        # From the folder upward; what is met first decides, so that a project inside a prefix is
        # recorded and an environment inside a project is not.
        while True:
            name = folder.rpartition(os.sep)[2]
            # ipykernel names a cell /tmp/ipykernel_PID/N.py, and tracebacks look for that file.
            if folder in self._roots or name in _FOLDERS or name.startswith("ipykernel_"):
                return True
            with_end = folder + os.sep
            if with_end in (self._project, self._project_real):
                return False
            parent = folder.rpartition(os.sep)[0]
            if not parent or parent == folder:
                return False
            folder = parent


def _folder(path: str) -> str:
    return os.path.abspath(path).rstrip(os.sep) + os.sep
