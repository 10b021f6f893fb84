"""What a tracer hands its observations to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Sink(Protocol):
    """Describes values and looks at calls; called on the user's threads, during their calls.

    A sink must not keep the objects it is shown: the lifetimes of a user's objects are part of
    what their program does.
    """

    def describe(self, value: object, /) -> str:
        """Return a short text for a value; never raises."""
        ...

    def called(self, function: object, arguments: Mapping[str, object], /) -> None:
        """A call was recorded and is about to be made (or, if nested, has just begun).

        `function` is the callee, or the code object where a nested call shows no more.
        """
        ...

    def returned(
        self, function: str, arguments: Mapping[str, str] | None, result: object, /
    ) -> None:
        """A recorded call, by its qualified name and described arguments, gave a result."""
        ...

    def fault(self, error: BaseException, /) -> None:
        """Tracing failed in itself; the user's cell goes on without this observation."""
        ...
