"""What a cell run showed, in the order in which it was shown, to be kept beside its digest.

To add is as cheap as adding to the digest: what that keeps of displays is kept once, for both. Of a
stream's text in one place up to `limit` characters are kept, of a longer one the beginning, and up
to OUTPUTS outputs in all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from provenance_kernel.capture.outputs.digest import KEPT, Display, Kept, OutputDigest
from provenance_kernel.types import OutputKind

OUTPUTS: Final = 1000
_BEGINNING: Final = 1000


@dataclass(slots=True)
class _Text:
    pieces: list[str] = field(default_factory=list)
    size: int = 0
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """An output: its data by type, with metadata; `size` where that is more than the data."""

    kind: OutputKind
    data: tuple[tuple[str, Kept], ...]
    metadata: Kept | None = None
    size: int | None = None


class Transcript:
    """Takes the outputs of one cell run as they come, and has them digested."""

    def __init__(self, limit: int) -> None:
        self.digest = OutputDigest()
        # How many there were beyond those that are in the transcript.
        self.beyond = 0
        self._limit = limit
        self._outputs: list[tuple[OutputKind, _Text | Display]] = []
        self._places: dict[str, int] = {}
        self._clear_next = False
        self._room = KEPT

    @property
    def empty(self) -> bool:
        """Whether nothing was shown."""
        return not self._outputs

    def add_stream(self, name: str, text: str) -> None:
        """Add text printed to `stdout` or `stderr`, in whatever pieces it comes."""
        self.digest.add_stream(name, text)
        self._clear_if_due()
        kind: OutputKind = "stderr" if name == "stderr" else "stdout"
        last = self._outputs[-1] if self._outputs else None
        if last is not None and last[0] == kind and isinstance(last[1], _Text):
            found = last[1]
        else:
            found = _Text()
            if not self._put(kind, found):
                return
        found.size += len(text)
        if found.cut:
            return
        if found.size > self._limit or len(text) > self._room:
            found.cut = True
            found.pieces = [("".join(found.pieces) + text[:_BEGINNING])[:_BEGINNING]]
        else:
            self._room -= len(text)
            found.pieces.append(text)

    def add_display(
        self,
        kind: OutputKind,
        data: Mapping[str, object],
        metadata: Mapping[str, object] | None = None,
        display_id: str | None = None,
        update: bool = False,
    ) -> None:
        """Add a display or a result; an update takes the place of what it updates."""
        display = self.digest.add_display(data, metadata, display_id, update)
        self._clear_if_due()
        place = self._places.get(display_id) if display_id else None
        if update and place is not None:
            self._outputs[place] = self._outputs[place][0], display
        elif self._put(kind, display) and display_id:
            self._places[display_id] = len(self._outputs) - 1

    def clear(self, wait: bool = False) -> None:
        """Forget what was shown, now or when the next output comes."""
        self.digest.clear(wait)
        self._clear_next = True
        if not wait:
            self._clear_if_due()

    def shown(self) -> Iterator[Shown]:
        """Give the outputs in order."""
        for kind, output in self._outputs:
            if isinstance(output, Display):
                yield Shown(kind, tuple(output.data), output.metadata)
            else:
                text = _left("".join(output.pieces))
                size = output.size if output.cut else None
                yield Shown(kind, (("text/plain", text),), None, size)

    def _clear_if_due(self) -> None:
        if self._clear_next:
            self._clear_next = False
            self._outputs, self._places, self._room = [], {}, KEPT
            self.beyond = 0

    def _put(self, kind: OutputKind, output: _Text | Display) -> bool:
        if len(self._outputs) >= OUTPUTS:
            self.beyond += 1
            return False
        self._outputs.append((kind, output))
        return True


def _left(text: str) -> str:
    """Return a text as it was left where carriage returns had its lines written over."""
    if "\r" not in text:
        return text
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return "\n".join(lines)
