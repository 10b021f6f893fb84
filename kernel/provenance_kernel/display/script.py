"""A slice as lines of code, and as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provenance_kernel.display.blocks import Block, CodeBlock

if TYPE_CHECKING:
    from provenance_kernel.trials.slicing.slice import Slice


def code(answer: Slice) -> list[Block]:
    """Return the slice's script."""
    return [CodeBlock(tuple(answer.script().splitlines()))]


def write(answer: Slice, path: Path) -> str:
    """Write a script or a notebook, as the file's name says; return how much it took."""
    if path.suffix == ".ipynb":
        from provenance_kernel.headless import notebook

        notebook.write(answer.notebook_node(), path)
    else:
        from provenance_kernel.trials.slicing import script

        script.write(answer.script(), path)
    return f"{path}: {answer.lines} of {answer.trial_lines} lines of code"
