"""The frames of nested calls that are recorded, from their first start to their end."""

from __future__ import annotations

from types import FrameType

from provenance_kernel.identity import identity
from provenance_kernel.trace.arguments import of_frame
from provenance_kernel.trace.log import HERE, Callee, Log, Open
from provenance_kernel.types import RunStatus


class Frames:
    """Finds the activation of a frame; the current one is where the user's code is."""

    def __init__(self) -> None:
        # By identity of the frame, which lives as long as the call or generator.
        self._open: dict[int, tuple[Open, Callee]] = {}

    def begin(self, frame: FrameType, here: Open, callee: Callee) -> None:
        """Record the call of a frame that has just begun."""
        code = frame.f_code
        module = frame.f_globals.get("__name__")
        name = f"{module}.{code.co_qualname}" if type(module) is str else code.co_qualname
        found = here.log.open(here, name, code.co_firstlineno, code, of_frame(frame))
        callee.recorded += 1
        callee.open += 1
        callee.last = found
        self._open[identity(frame)] = found, callee
        found.enter(here)

    def activation(self, frame: FrameType) -> Open | None:
        """Return the activation of a frame; None if it is not recorded."""
        known = self._open.get(identity(frame))
        return known[0] if known is not None and known[1].code is frame.f_code else None

    def pause(self, frame: FrameType) -> None:
        """Note that a generator or coroutine waits."""
        found = self.activation(frame)
        if found is not None:
            found.leave()

    def resume(self, frame: FrameType) -> None:
        """Note that a generator or coroutine goes on."""
        found, here = self.activation(frame), HERE.get()
        if found is not None and here is not None:
            found.previous = here
            HERE.set(found)

    def end(self, frame: FrameType, status: RunStatus, end: float, *result: object) -> None:
        """Note how and when a frame's call ended, and with what result, if it has one."""
        found = self.activation(frame)
        if found is None:
            return
        self._open.pop(identity(frame))[1].open -= 1
        found.close(status, end)
        if result:
            found.returned(result[0])

    def forget(self, log: Log) -> None:
        """Forget the calls of a run that are still open."""
        for key, (found, _) in list(self._open.items()):
            if found.log is log:
                self._open.pop(key, None)
