"""Tracing: which calls a cell run made, of what, and which of its blocks ran."""

from provenance_kernel.trace.sink import Sink
from provenance_kernel.trace.tracer import (
    ActivationTracer,
    CellTrace,
    NoTracer,
    Place,
    Trace,
    Tracer,
)

__all__ = [
    "ActivationTracer",
    "CellTrace",
    "NoTracer",
    "Place",
    "Sink",
    "Trace",
    "Tracer",
]
