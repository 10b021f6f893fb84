"""A process that verifies a trial for the server: `python -m provenance_kernel.server.verifying`.

It takes the database, the trial and the options as JSON, and writes lines of JSON: `progress` for
each cell, then a `report`, or a `message` where there is none. When its standard input ends, as it
does too when the server is gone, it is interrupted, and reports what is known by then.
"""

from __future__ import annotations

import _thread
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, TextIO

from provenance_kernel.errors import ProvenanceError
from provenance_kernel.store.database import FOLDER
from provenance_kernel.trials.answer import finite
from provenance_kernel.trials.source import first_line
from provenance_kernel.verify.reruns.plan import Step
from provenance_kernel.verify.whole import verify
from provenance_kernel.verify.work import Options


def main(path: str, trial: str, options: str) -> None:
    """Verify, and write what comes of it."""
    # What else prints, prints elsewhere.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # A server that a script has put into the background ignores it, and so would this process.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_interrupt_at_end, daemon=True).start()
    folder = Path(path).parent

    def tell(what: str, number: int, total: int, step: Step) -> None:
        code = first_line(step.source)
        _write(out, {"progress": {"what": what, "cell": number, "cells": total, "code": code}})

    try:
        report = verify(
            trial,
            path,
            folder.parent if folder.name == FOLDER else folder,
            Options(**json.loads(options)),
            tell,
        )
    except ProvenanceError as error:
        _write(out, {"message": " ".join(str(error).split())})
    except KeyboardInterrupt:
        _write(out, {"message": "interrupted before anything was known"})
    else:
        _write(out, {"report": finite(report.to_dict())})


def _write(out: TextIO, told: dict[str, Any]) -> None:
    out.write(json.dumps(told, allow_nan=False) + "\n")
    out.flush()


def _interrupt_at_end() -> None:
    while os.read(0, 1024):
        pass
    if hasattr(signal, "pthread_kill"):
        # Unlike the other it ends a wait of the main thread.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()


if __name__ == "__main__":
    main(*sys.argv[1:])
