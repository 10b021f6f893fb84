"""Whether a function's time grows with its text, or with the square of it."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

# Eight times the text takes a linear function eight times the time and a quadratic one 64 times.
# The bound leaves both a factor of three: so much faster or slower a busy machine may be meanwhile.
TIMES = 8
BOUND = 24
# What takes less than this is no measure.
FLOOR = 0.005


def is_linear(function: Callable[[str], object], text: Callable[[int], str], size: int) -> bool:
    """Tell whether a text of `size` characters takes as long as an eighth of it, eight times.

    Both take turns, and the least of each counts.
    """
    texts = text(size // TIMES), text(size)
    least = [float("inf"), float("inf")]
    for _ in range(3):
        for at, each in enumerate(texts):
            began = process_time()
            function(each)
            least[at] = min(least[at], process_time() - began)
    return least[1] < BOUND * max(least[0], FLOOR)
