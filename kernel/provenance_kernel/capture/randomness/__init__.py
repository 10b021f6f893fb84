"""Random generators: what a run drew, whether that was seeded, and their states."""

from provenance_kernel.capture.randomness.generators import restore
from provenance_kernel.capture.randomness.made import LIMIT, Made, began_with, begin_again, row_of
from provenance_kernel.capture.randomness.runs import NOT_LOADED, Randomness, RandomRun
from provenance_kernel.capture.randomness.seeding import seed_candidates

__all__ = [
    "LIMIT",
    "NOT_LOADED",
    "Made",
    "RandomRun",
    "Randomness",
    "began_with",
    "begin_again",
    "restore",
    "row_of",
    "seed_candidates",
]
