"""One trial's session, from its first request to its last."""

from provenance_kernel.recorder.again import run_again
from provenance_kernel.recorder.run import OpenRun, Request
from provenance_kernel.recorder.session import Recorder, active, imports_of_ours

__all__ = ["OpenRun", "Recorder", "Request", "active", "imports_of_ours", "run_again"]
