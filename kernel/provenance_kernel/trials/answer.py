"""What a question to the record is answered with: a frozen record that shows itself."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Protocol


class Renderer(Protocol):
    """Shows answers; the display layer provides it when it is loaded."""

    def text(self, answer: Answer) -> str:
        """Return the answer as a table or tree for a terminal, without colours."""
        ...

    def bundle(self, answer: Answer) -> dict[str, str]:
        """Return the answer by MIME type, `text/plain` at least."""
        ...


class Answer:
    """A base of frozen dataclasses: rich in notebooks, a table in terminals, plain in JSON."""

    renderer: ClassVar[Renderer | None] = None

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        if Answer.renderer is None:
            return {"text/plain": repr(self)}
        return Answer.renderer.bundle(self)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # Set here, so that a dataclass makes no other.
        cls.__repr__ = Answer.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        if Answer.renderer is not None:
            return Answer.renderer.text(self)
        values = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({values})"

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON has it: times as ISO text, records as dicts."""
        if not dataclasses.is_dataclass(self):
            raise TypeError(f"{type(self).__name__} is no record")
        found: dict[str, Any] = plain(self)
        return found


class Tabular:
    """A mix-in of answers that are rows, for what takes tables."""

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows as JSON and CSV have them."""
        raise NotImplementedError

    def to_frame(self) -> Any:
        """Return the rows as a pandas DataFrame; pandas is imported now, as it is asked for."""
        import pandas

        return pandas.DataFrame(self.rows())


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # What is only for a page is read when one is made.
        told = (f.name for f in dataclasses.fields(value) if f.metadata.get("plain", True))
        return {name: plain(getattr(value, name)) for name in told}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, Sequence | frozenset | set) and not isinstance(value, str | bytes):
        return [plain(each) for each in value]
    return value


def finite(value: Any) -> Any:
    """Return what is plain with texts in place of numbers that JSON has not."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(key): finite(each) for key, each in value.items()}
    return [finite(each) for each in value] if isinstance(value, list | tuple) else value
