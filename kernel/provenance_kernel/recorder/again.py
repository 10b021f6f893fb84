"""Running a cell of the session again from within another, as a run of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provenance_kernel.recorder.run import CURRENT, Request
from provenance_kernel.recorder.session import Recorder


def run_again(
    recorder: Recorder, shell: Any, source: str, metadata: Mapping[str, Any], cell_id: str | None
) -> str | None:
    """Run a cell now; return why it did not end well, or None where it did.

    The run that the calling code belongs to, which only asked, ends before. The cell does not go
    into the shell's history, whose numbers are the frontend's.
    """
    asking = CURRENT.get()
    if asking is not None:
        recorder.replied(run=asking)
        recorder.settle()
    source = recorder.unhidden(source)
    if shell.should_run_async(source, transformed_cell=shell.transform_cell(source)):
        return "it awaits, which only a cell that is run by itself can do"
    recorder.begin(Request(source, dict(metadata), cell_id))
    opened = recorder.current
    error = KeyboardInterrupt()
    try:
        result = shell.run_cell(source, store_history=False, cell_id=cell_id)
        error = result.error_before_exec or result.error_in_exec
    finally:
        if opened is not None:
            opened.ended(error)
            how = () if error is None else (type(error).__name__, str(error))
            recorder.replied(*how, run=opened)
            recorder.settle()
    return None if error is None else type(error).__name__
