"""Which code is the user's own: defined in cells, or in modules under the project folder."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Mapping
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FrameType

from provenance_kernel.identity import identity
from provenance_kernel.settings import Settings

_OWN_PACKAGE = __name__.partition(".")[0]
_INSTALLED = frozenset({"site-packages", "dist-packages", "node_modules"})
# Code that Python made of an expression or a body, not a function anybody calls.
_IMPLICIT = frozenset(
    {"<module>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<cell line: 1>"}
)


class Ownership:
    """Decides whose a frame's code is; the decision holds for the code, not for the frame."""

    def __init__(self, settings: Settings, project: Path | None) -> None:
        self._include = settings.include_modules
        self._exclude = settings.exclude_modules
        self._project = None if project is None else str(project.resolve()).rstrip("/\\")
        installed = {sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib")}
        self._elsewhere = tuple(installed | {sys.prefix})
        self._files: dict[str, bool] = {}
        self._namespaces: dict[int, Mapping[str, object]] = {}

    def add_file(self, filename: str) -> None:
        """Take a file name for one of cells."""
        self._files[filename] = True

    def add_namespace(self, namespace: Mapping[str, object]) -> None:
        """Take functions with these globals for the user's."""
        self._namespaces[identity(namespace)] = namespace

    def owns(self, frame: FrameType) -> bool:
        """Whether a frame runs a function of the user's."""
        code = frame.f_code
        if not code.co_flags & CO_OPTIMIZED or code.co_name in _IMPLICIT:
            return False
        return self.is_users(code, frame.f_globals)

    def is_users(self, code: CodeType, names: Mapping[str, object]) -> bool:
        """Whether code that runs with these globals is the user's, of whatever kind."""
        module = names.get("__name__")
        if type(module) is str:
            if _matches(module, (_OWN_PACKAGE,)) or _matches(module, self._exclude):
                return False
            if _matches(module, self._include):
                return True
        if identity(names) in self._namespaces:
            return True
        filename = code.co_filename
        known = self._files.get(filename)
        if known is None:
            known = self._files[filename] = self._in_project(filename)
        return known

    def _in_project(self, filename: str) -> bool:
        project = self._project
        if project is None or not filename.startswith(project):
            return False
        if filename[len(project) : len(project) + 1] not in ("/", "\\"):
            return False
        if any(
            filename.startswith(place) for place in self._elsewhere if len(place) > len(project)
        ):
            return False
        return _INSTALLED.isdisjoint(Path(filename).parts)


def _matches(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(name + ".") for name in names)
