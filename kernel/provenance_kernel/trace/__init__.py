"""Tracing: which calls a cell run made, of what, and which of its blocks ran."""

from provenance_kernel.trace.sink import Sink
from provenance_kernel.trace.tracer import CellTrace, Place, Trace, Tracer, choose, current

__all__ = ["CellTrace", "Place", "Sink", "Trace", "Tracer", "choose", "current"]
