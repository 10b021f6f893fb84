"""The package noWorkflow: what is used of it, loaded only when asked for."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable
from importlib import metadata
from types import SimpleNamespace
from typing import Any

from provenance_kernel.errors import EngineUnavailable

VERSION = "2.1.3"
INSTALL = 'pip install "provenance-kernel[noworkflow]"'


def load() -> SimpleNamespace:
    """Import what is used of noWorkflow, or raise `EngineUnavailable` with what to do about it."""
    try:
        found = metadata.version("noworkflow")
    except metadata.PackageNotFoundError:
        raise EngineUnavailable(f"noworkflow is not installed: {INSTALL}") from None
    if found != VERSION:
        raise EngineUnavailable(f"noworkflow {found} is not {VERSION}: {INSTALL}")
    try:
        from noworkflow.now.collection.metadata import Metascript
        from noworkflow.now.persistence import relational
        from noworkflow.now.persistence.lightweight.base import ObjectStore
        from noworkflow.now.persistence.models import Trial
        from noworkflow.now.tagging import var_tagging
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise EngineUnavailable(f"noworkflow cannot be imported ({problem}): {INSTALL}") from error
    # Where they are imported in a cell, they are those that every cell has: noWorkflow's own put
    # the activation where the name of a variable goes, and so leave `activation_id` NULL.
    for name in ("now_tag_cell", "now_tag_variable"):
        setattr(var_tagging, name, _of_the_cell(name))
    return SimpleNamespace(
        Metascript=Metascript,
        ObjectStore=ObjectStore,
        Trial=Trial,
        relational=relational,
    )


def _of_the_cell(name: str) -> Callable[..., Any]:
    def forward(*args: Any) -> Any:
        return getattr(builtins, name)(*args)

    forward.__name__ = forward.__qualname__ = name
    return forward


def written_once(base: type[Any]) -> type[Any]:
    """Return a kind of store that writes each object once, made from one of noWorkflow's."""

    class WrittenOnce(base):  # type: ignore[misc]
        """A store of objects that stay at hand after they have been written."""

        last = 0

        def generator(self, partial: bool = False) -> Iterable[Any]:
            for each in [each for each in self.values() if each.id > self.last]:
                self.last = each.id
                yield each

        def has_items(self) -> bool:
            return bool(self.id > self.last)

    return WrittenOnce


def provide(collector: object) -> None:
    """Let code that runs outside of cells find noWorkflow's collector where it looks for it."""
    builtins.__noworkflow__ = collector  # type: ignore[attr-defined]
