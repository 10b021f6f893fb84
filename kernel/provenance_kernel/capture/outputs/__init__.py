"""What a cell run shows: a digest that is equal for runs that showed the same."""

from provenance_kernel.capture.outputs.digest import OutputDigest
from provenance_kernel.capture.outputs.tap import OutputTap
from provenance_kernel.capture.outputs.transcript import Shown, Transcript

__all__ = ["OutputDigest", "OutputTap", "Shown", "Transcript"]
