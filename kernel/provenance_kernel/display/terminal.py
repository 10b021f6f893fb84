"""Texts, names and times for people; what came from a notebook is shown, never obeyed."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from pathlib import PurePath

# Characters that reorder what is read; they would show a command other than the one that is there.
_CONTROLS = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def visible(text: str) -> str:
    """Return text of one line in which control characters are seen and do nothing."""
    if text.isprintable():
        return text
    return "".join(
        repr(each)[1:-1] if unicodedata.category(each) in _CONTROLS else each for each in text
    )


def file_name(path: str | None) -> str:
    """Return a path's last part."""
    return PurePath(path).name if path else ""


def local_time(moment: datetime | None) -> str:
    """Return a moment in this machine's time zone, to the second."""
    return "" if moment is None else moment.astimezone().isoformat(" ", "seconds")[:19]


def size(nbytes: int) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if nbytes >= factor:
            return f"{nbytes / factor:.3g} {unit}"
    return f"{nbytes} B"


def duration(seconds: float | None) -> str:
    """Return a duration in the unit that suits it."""
    if seconds is None:
        return ""
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 120:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
