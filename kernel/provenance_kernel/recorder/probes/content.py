"""What a run read and showed, kept beside the record: files by their digests, and outputs."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from provenance_kernel.capture.outputs import Shown, Transcript, forms
from provenance_kernel.content import ContentStore, Keeper
from provenance_kernel.content.store import FOLDER as CONTENT
from provenance_kernel.recorder.probes.probe import Probe, Session
from provenance_kernel.recorder.run import OpenRun
from provenance_kernel.records import Event, FileAccess, Output, new_id, utc_now
from provenance_kernel.store.database import FILE, FOLDER, connect
from provenance_kernel.store.reruns import starred_digests

# What is still to be kept when the session ends is given so long.
_LAST_SECONDS = 5.0


class Content(Probe):
    """Hands what runs read and showed to a thread that keeps it, and records what was shown.

    Nothing is kept where the record has no folder of its own.
    """

    name = "content"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        record = next((each for each in session.ignored if each.name == FOLDER), None)
        self._keeper = Keeper(
            None if record is None else ContentStore(record / CONTENT),
            session.settings.keep_total,
            session.secrets.text,
            set if record is None else partial(_starred, record / FILE),
        )

    def end(self, run: OpenRun) -> Iterable[object]:
        """Have what the run met and showed kept; return what there is to say."""
        limit = self.session.settings.keep_inputs
        for each in run.used if limit > 0 else ():
            if isinstance(each, FileAccess) and _is_input(each, limit):
                self._keeper.keep(os.path.join(self.session.project, each.path), str(each.met))
        notes = self._keeper.notes()
        if run.shown is not None and not run.shown.empty and run.run.kind == "cell":
            if run.shown.beyond:
                notes.append(f"{run.shown.beyond} more outputs are not recorded")
            if not self._keeper.do(partial(self._record, run.run.id, run.shown)):
                notes.append("the outputs are not recorded, as too much waits to be kept")
        run.shown = None
        return [
            Event(new_id(), run.trial_id, run.run.id, "content", note, utc_now()) for note in notes
        ]

    def _record(self, run: str, transcript: Transcript) -> None:
        self.session.put(
            [
                output
                for position, shown in enumerate(transcript.shown(), 1)
                for output in self._outputs(run, position, shown)
            ]
        )

    def _outputs(self, run: str, position: int, shown: Shown) -> Iterable[Output]:
        data = [*shown.data, *([(forms.METADATA, shown.metadata)] if shown.metadata else ())]
        for mime, value in data:
            found = forms.packed(mime, value)
            told = "" if found is None else forms.summary(mime, found)
            digest, nbytes = self._kept(mime, found, shown.size or forms.size(value))
            kept = digest is not None
            yield Output(new_id(), run, position, shown.kind, mime, digest, nbytes, kept, told)

    def _kept(self, mime: str, data: bytes | None, size: int) -> tuple[str | None, int | None]:
        """Keep data, where those are the whole and not too many; return their digest and size."""
        if data is None or max(size, len(data)) > self.session.settings.keep_outputs:
            return None, size
        if not forms.is_binary(mime) and self._keeper.holds_secrets(io.BytesIO(data)):
            return None, None
        return self._keeper.keep_data(data), len(data)

    def close(self) -> None:
        """Wait a while for what is being kept."""
        self._keeper.close(_LAST_SECONDS)


def _starred(record: Path) -> set[str]:
    database = connect(record, create=False)
    try:
        return starred_digests(database)
    finally:
        database.close()


def _is_input(file: FileAccess, limit: int) -> bool:
    modes = file.mode.split(",")
    return (
        file.met is not None
        and file.met == file.digest_after
        and file.nbytes is not None
        and file.nbytes <= limit
        and "sampled" not in modes
        and not file.written
    )
