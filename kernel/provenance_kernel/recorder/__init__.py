"""One trial's session, from its first request to its last."""

from provenance_kernel.recorder.run import OpenRun, Request
from provenance_kernel.recorder.session import Recorder, active

__all__ = ["OpenRun", "Recorder", "Request", "active"]
