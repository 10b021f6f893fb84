"""A cell's source in a few words: its first line of code, and how many there are."""

from __future__ import annotations


def first_line(source: str) -> str:
    """Return the first line of a source that is no comment, or else the first."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith("#")), (lines or [""])[0])


def code_lines(source: str) -> int:
    """Return how many lines hold code."""
    lines = (line.strip() for line in source.splitlines())
    return sum(bool(line) and not line.startswith("#") for line in lines)
