"""What the provenance kernel adds of its own, as documented, and how it is taken from its messages.

A case names the additions that show in it; nothing is taken from the messages of the stock kernel.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Channels = Mapping[str, list[dict[str, Any]]]

MAGICS = {"prov", "provenance"}
PERCENT_MAGICS = {f"%{name}" for name in MAGICS}
# As `%lsmagic` prints them, one after another, and `%quickref`, each with what it is for.
LISTED = re.compile(r"%prov(?:enance)?  (?=%)")
EXPLAINED = re.compile(r"%prov(?:enance)?:\n    \S[^\n]*\n")
# A file is opened once more, by its full path, when it is digested after the cell.
DIGESTED = re.compile(r"\('open', '<root>/\w+/(?P<name>[^'/]+)'\)\n")
OURS = "provenance_kernel.kernel.ProvenanceKernel object"
THEIRS = "ipykernel.ipkernel.IPythonKernel object"


def _names(value: Any) -> Any:
    """The value without the names of the magics, wherever in it they are listed."""
    match value:
        case str():
            return EXPLAINED.sub("", LISTED.sub("", value))
        case list():
            return [_names(inner) for inner in value if not _is_magic(inner)]
        case dict():
            kept = {key: _names(inner) for key, inner in value.items() if key not in MAGICS}
            if value.get("matches") and not kept["matches"]:
                # Nothing else was found, so stock does not say where it begins.
                kept["cursor_start"] = kept["cursor_end"]
            return kept
    return value


def _is_magic(value: Any) -> bool:
    name = value.get("text") if isinstance(value, dict) else value
    return isinstance(name, str) and name in PERCENT_MAGICS


def _texts(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case str():
            return change(value)
        case list():
            return [_texts(inner, change) for inner in value]
        case dict():
            return {key: _texts(inner, change) for key, inner in value.items()}
    return value


def _digesting(text: str) -> str:
    def opened_by_user(match: re.Match[str]) -> bool:
        return f"('open', '{match['name']}')\n" in text

    return DIGESTED.sub(lambda match: "" if opened_by_user(match) else match[0], text)


TAKE_AWAY: Mapping[str, Callable[[Any], Any]] = {
    "magics": _names,
    "digesting": lambda value: _texts(value, _digesting),
    "class": lambda value: _texts(value, lambda text: text.replace(OURS, THEIRS)),
}


def without(additions: Iterable[str], channels: Channels) -> Channels:
    """The messages without those additions."""
    for addition in additions:
        take_away = TAKE_AWAY[addition]
        channels = {name: take_away(messages) for name, messages in channels.items()}
    return channels
