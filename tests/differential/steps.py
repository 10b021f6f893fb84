"""What a case of the differential test is made of: cells, requests, and how they are sent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Channel = Literal["shell", "iopub", "stdin", "control"]


@dataclass(frozen=True)
class Message:
    """One message a frontend received; `parent` says which of the case's requests it answers."""

    channel: Channel
    msg_type: str
    parent: str
    content: Any
    metadata: Mapping[str, Any]
    buffers: tuple[bytes, ...] = ()


Transcript = Sequence[Message]
Predicate = Callable[[Message], bool]


@dataclass(frozen=True)
class Cell:
    """An execute_request; `replies` answer its input_requests in order."""

    code: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    cell_id: str | None = None
    silent: bool = False
    store_history: bool = True
    user_expressions: Mapping[str, str] = field(default_factory=dict)
    allow_stdin: bool = True
    stop_on_error: bool = True
    replies: tuple[str, ...] = ()
    subshell: int | None = None


@dataclass(frozen=True)
class Request:
    """Any other request; content that depends on what was received is given as a function."""

    msg_type: str
    content: Mapping[str, Any] | Callable[[Transcript], Mapping[str, Any]] = field(
        default_factory=dict
    )
    channel: Channel = "shell"
    subshell: int | None = None


@dataclass(frozen=True)
class Signal:
    """SIGINT to the kernel's process group, as a kernel manager sends it."""


@dataclass(frozen=True)
class Until:
    """Waits for a message that was not waited for before."""

    seen: Predicate


@dataclass(frozen=True)
class During:
    """Sends `first`, waits for a message, takes the other steps one by one, then awaits `first`."""

    first: "Cell | Request"
    seen: Predicate
    steps: "tuple[Step, ...]"


@dataclass(frozen=True)
class Queued:
    """Sends all of them at once and only then awaits the replies."""

    steps: "tuple[Cell | Request, ...]"


Step = str | Cell | Request | Signal | Until | During | Queued


@dataclass(frozen=True)
class Case:
    """A row of the table: steps taken one after another in a kernel with an empty namespace.

    `concurrent` says that messages of different requests may overtake each other, so that order
    is compared within each request's own; `fresh` that the kernel is not used again afterwards;
    `adds` which of the kernel's own additions show in its messages.
    """

    name: str
    cells: tuple[Step, ...]
    needs: tuple[str, ...] = ()
    python: tuple[int, int] = (3, 11)
    ipykernel: int = 6
    files: Mapping[str, str] = field(default_factory=dict)
    concurrent: bool = False
    fresh: bool = False
    debugging: bool = False
    timeout: float = 20.0
    adds: tuple[str, ...] = ()
    reason_skipped: str | None = None


def printed(text: str) -> Predicate:
    """A stream message that contains `text`."""
    return lambda message: message.msg_type == "stream" and text in message.content["text"]


def count_cells(case: Case) -> int:
    """How many execute_requests the case sends."""

    def of(step: Step) -> int:
        match step:
            case str() | Cell():
                return 1
            case During(first=first, steps=steps):
                return of(first) + sum(map(of, steps))
            case Queued(steps=steps):
                return sum(map(of, steps))
        return 0

    return sum(map(of, case.cells))
