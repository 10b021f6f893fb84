"""Takes out of a transcript what differs between two runs of one kernel, and nothing else."""

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from differential.steps import Message, Transcript

# A number and a unit of time; %timeit, %time and %prun print them in several forms.
DURATION = re.compile(
    r"(?<![\w.;])(?<!\x1b\[)\d+(?:\.\d+)?(?:e[+-]\d+)? ?(?:ns|µs|μs|us|ms|s|min)\b"
)
PROFILE_SECONDS = re.compile(r"\d+\.\d{3} seconds|(?<=\s)\d+\.\d{3}(?=\s)")
PROCESS = re.compile(r"(ipykernel_|\bpid(?:=|: ?)|\bprocess |thread id: )\d+")
ADDRESS = re.compile(r"(?:0x|(?<=object at ))[0-9a-fA-F]{8,16}\b")
# UUIDs with and without dashes, and ids of messages (which count the session's messages).
IDENTITY = re.compile(
    r"(?<![0-9a-f])(?:"
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|[0-9a-f]{8}-[0-9a-f]{24}(?:_\d+_\d+)?"
    r"|[0-9a-f]{32}"
    r")(?![0-9a-f])"
)
DISPLAY_ID = re.compile(r"[0-9a-f]{16}")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?")
# IPython's banner ends in a tip drawn at random.
TIP = re.compile(r"Tip: .*")
CPU_TIMES = re.compile(r"CPU times: .*")
# %timeit says so when the machine was busy during one of its runs.
SLOWEST_RUN = re.compile(r"The slowest run took .*\n")
TASK = re.compile(r"\bTask-\d+\b")

# Keys whose value says when, where or how fast, never what.
VARIABLE_KEYS = frozenset(
    {
        "started",
        "threadId",
        "stoppedThreads",
        "systemProcessId",
        "shell_port",
        "iopub_port",
        "stdin_port",
        "hb_port",
        "control_port",
        "pid",
        "kernel_cpu",
        "kernel_memory",
        "cpu_count",
        "host_virtual_memory",
    }
)
# Left out by ipykernel where it is 0.0, as it is when little time has gone by since it was asked.
PASSING_KEYS = frozenset({"host_cpu_percent"})
# debugpy's sequence numbers count also the events that come when they will.
DEBUG_KEYS = frozenset(
    {"seq", "request_seq", "sequence_seq", "id", "frameId", "variablesReference"}
)
# debugpy reports these whenever it notices them; what a step led to shows in the next stop.
DEBUG_EVENTS = frozenset(
    {
        "thread",
        "module",
        "output",
        "process",
        "continued",
        "debugpyWaitingForServer",
        "debugpySockets",
    }
)


class Scrubber:
    """Replaces what is random in one transcript; identities keep their order of appearance."""

    def __init__(self, places: Mapping[str, str], *, debugging: bool = False) -> None:
        self._places = sorted(places.items(), key=lambda item: -len(item[0]))
        self._identities: dict[str, str] = {}
        self._hidden_keys = VARIABLE_KEYS | DEBUG_KEYS if debugging else VARIABLE_KEYS

    def text(self, text: str) -> str:
        for place, name in self._places:
            text = text.replace(place, name)
        text = IDENTITY.sub(self._identity, text)
        text = ADDRESS.sub("<address>", text)
        text = PROCESS.sub(r"\g<1><number>", text)
        text = TIMESTAMP.sub("<time>", text)
        text = CPU_TIMES.sub("CPU times: <durations>", text)
        text = DURATION.sub("<duration>", SLOWEST_RUN.sub("", text))
        text = PROFILE_SECONDS.sub("<seconds>", text)
        text = TASK.sub("Task-<number>", text)
        return TIP.sub("Tip: <random>", text)

    def _identity(self, match: re.Match[str]) -> str:
        found = match.group()
        return self._identities.setdefault(found, f"<identity {len(self._identities) + 1}>")

    def _item(self, key: str, value: Any) -> Any:
        if key in self._hidden_keys:
            return value if key == "variablesReference" and not value else "<varies>"
        if key == "display_id" and (random := DISPLAY_ID.fullmatch(str(value))):
            return self._identity(random)
        return self.value(value)

    def value(self, value: Any) -> Any:
        """The value with every text in it scrubbed, keys of mappings too."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {
                    self.text(key): self._item(key, inner)
                    for key, inner in value.items()
                    if key not in PASSING_KEYS
                }
            case list() | tuple():
                return [self.value(inner) for inner in value]
        return value


def places(root: Path) -> dict[str, str]:
    """The folders of one kernel and what stands for them in a comparison."""
    real = root.resolve()
    return {str(folder): "<root>" for folder in (root, real)}


def normalise(
    transcript: Transcript,
    where: Mapping[str, str],
    *,
    concurrent: bool = False,
    debugging: bool = False,
) -> dict[str, list[dict[str, Any]]]:
    """The messages of each channel in order, comparable between two kernels."""
    scrub = Scrubber(where, debugging=debugging)
    channels: dict[str, list[dict[str, Any]]] = {}
    for channel in ("shell", "control", "stdin", "iopub"):
        messages = [message for message in transcript if message.channel == channel]
        if debugging:
            messages = [message for message in messages if not _is_debugger_noise(message)]
        if concurrent:
            messages.sort(key=lambda message: message.parent)
        channels[channel] = [_plain(message, scrub) for message in _join_streams(messages)]
    return channels


def _is_debugger_noise(message: Message) -> bool:
    return message.msg_type == "debug_event" and message.content["event"] in DEBUG_EVENTS


def _join_streams(messages: Iterable[Message]) -> list[Message]:
    """One message for each stream between two others: their chunks depend on a flush timer."""
    joined: list[Message] = []
    texts: dict[str, str] = {}
    parent = ""

    def close() -> None:
        for name, text in sorted(texts.items(), reverse=True):
            joined.append(Message("iopub", "stream", parent, {"name": name, "text": text}, {}))
        texts.clear()

    for message in messages:
        if message.msg_type != "stream" or message.parent != parent:
            close()
        if message.msg_type == "stream":
            parent, name = message.parent, message.content["name"]
            texts[name] = texts.get(name, "") + message.content["text"]
        else:
            joined.append(message)
    close()
    return joined


def _plain(message: Message, scrub: Scrubber) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "type": message.msg_type,
        "parent": message.parent,
        "content": scrub.value(_without_pictures(message.content)),
        "metadata": scrub.value(message.metadata),
    }
    if message.buffers:
        plain["buffers"] = [_digest(part) for part in message.buffers]
    return plain


def _without_pictures(content: Any) -> Any:
    """Pictures and sounds by digest: a difference in them would fill a screen."""
    if not isinstance(content, dict) or not isinstance(content.get("data"), dict):
        return content
    data = {
        kind: _digest(body.encode()) if _is_binary(kind) and isinstance(body, str) else body
        for kind, body in content["data"].items()
    }
    return content | {"data": data}


def _is_binary(kind: str) -> bool:
    return kind == "application/pdf" or (kind.startswith("image/") and kind != "image/svg+xml")


def _digest(body: bytes) -> str:
    return f"<{len(body)} bytes, sha256 {hashlib.sha256(body).hexdigest()[:16]}>"


def difference(
    stock: Mapping[str, list[dict[str, Any]]],
    ours: Mapping[str, list[dict[str, Any]]],
    names: tuple[str, str] = ("stock", "ours"),
) -> str:
    """A unified diff of two normalised transcripts, empty where they are the same."""
    if stock == ours:
        return ""
    diff = difflib.unified_diff(_lines(stock), _lines(ours), *names, lineterm="", n=6)
    return "\n".join(diff) or f"{stock}\nis not\n{ours}"


def _lines(channels: Mapping[str, list[dict[str, Any]]]) -> list[str]:
    lines: list[str] = []
    for channel, messages in channels.items():
        for message in messages:
            lines.append(f"{channel} · {message['type']} · {message['parent']}")
            shown = {key: message[key] for key in message if key not in {"type", "parent"}}
            text = json.dumps(_split_texts(shown), indent=1, ensure_ascii=True)
            lines.extend(f"  {line}" for line in text.splitlines())
    return lines


def _split_texts(value: Any) -> Any:
    match value:
        case str() if "\n" in value:
            return value.splitlines(keepends=True)
        case dict():
            return {key: _split_texts(inner) for key, inner in value.items()}
        case list():
            return [_split_texts(inner) for inner in value]
    return value
