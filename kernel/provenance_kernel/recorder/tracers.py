"""The tracers there are, and the choice between them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from provenance_kernel.records import CellRun
from provenance_kernel.settings import Settings
from provenance_kernel.trace import ActivationTracer, NoTracer, Place, Tracer

# Tracers that stand on the activation tracer and have a store of their own: `module:class` by the
# setting that asks for them, loaded for nobody else.
_WITH_A_STORE = {"noworkflow": "provenance_kernel.noworkflow.tracer:NoworkflowTracer"}


class Listener(Protocol):
    """A tracer that keeps a store of its own of what runs became."""

    def settled(self, run: CellRun, source: str, records: Iterable[object], /) -> Iterable[object]:
        """Take the records of a run that was settled, without secrets; return more of it."""
        ...


def choose(settings: Settings, project: Path | None = None, place: Place | None = None) -> Tracer:
    """Return the tracer that the settings ask for; its `reason` says why it is that one.

    `project` is the folder whose modules are the user's own.
    """
    if settings.tracer == "none":
        return NoTracer("the setting `tracer` is none")
    if sys.implementation.name != "cpython":
        return NoTracer(f"tracing needs CPython, this is {sys.implementation.name}")
    tracer = ActivationTracer(settings, project)
    entry = _WITH_A_STORE.get(settings.tracer)
    if entry is not None and place is not None:
        module, _, name = entry.partition(":")
        try:
            chosen: Tracer = getattr(import_module(module), name)(tracer, settings, place)
            return chosen
        except Exception as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            tracer.problem = f"cells are traced by `activation`, not `{settings.tracer}`: {reason}"
    return tracer


def listener_of(tracer: Tracer) -> Listener | None:
    """Return a tracer if it keeps a store of its own."""
    return cast("Listener", tracer) if hasattr(tracer, "settled") else None
