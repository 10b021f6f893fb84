"""What is captured of a cell run: a list of probes, run by one loop that guards each by itself."""

from provenance_kernel.recorder.probes.probe import Probe, Session
from provenance_kernel.recorder.probes.probes import Probes

__all__ = ["Probe", "Probes", "Session"]
