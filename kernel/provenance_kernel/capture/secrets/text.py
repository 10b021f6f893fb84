"""Takes out of a text what has a secret's form, stands by a secret's name or is known to be one.

Each of these is looked for by what is fixed about it, and a text is read a bounded number of times,
so the time grows with its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from provenance_kernel.capture.secrets.forms import Place, cut_short, holds
from provenance_kernel.capture.secrets.forms import places as places_of_forms
from provenance_kernel.capture.secrets.known import Known
from provenance_kernel.capture.secrets.names import looks_secret

REDACTED = "redacted"
NOTHING = Known()

# What need not be hidden even under a secret name: there is nothing in it.
EMPTY = frozenset({"", "None", "True", "False", "''", '""', "b''", 'b""', "()", "[]", "{}", "..."})
NOT_A_VALUE = (
    "<function ", "<class ", "<module ", "<built-in ", "<bound method ", "<method ",
    "function ", "class ", "module ", "method ",
)  # fmt: skip

# Of these one is in every name that counts as secret, in lower case. What comes before "key"
# belongs to the name, or else it would be found in all of JSON.
_IN_NAMES = (
    "pass", "pw", "secret", "token", "cred", "auth", "bearer", "jwt", "cookie", "key", "connect",
    "conn_", "conns", "dsn", "webhook", "sas",
)  # fmt: skip
# Behind that: the rest of the name, what closes it, and the link to a value, as in `name = `,
# `"name": ` and `["name"] = `, with an annotation or without.
_LINKED = r"""[\w.-]{0,30}+\\{0,3}+["']?\s{0,8}+\]?\s{0,8}+
    (?::=|:(?:\s{0,8}+[a-z_][\w.\[\]|\ ]{0,80}+=)?|=(?!=))
    (?:\s{0,8}+(?:[rbuf]{0,2}\\{0,3}(?P<quote>["'])|(?P<bare>[^\s'",;)&({\[$%<?*=])))"""
_NARROWER = {"key": r"key(?<=[a-z_.-]key)", "auth": r"auth(?!ors?\b)"}
_BY_NAME = {
    part: re.compile(_NARROWER.get(part, part) + _LINKED, re.VERBOSE | re.ASCII)
    for part in _IN_NAMES
}
_NAME_BEFORE = re.compile(r"[\w.-]*+")
_LONGEST_NAME = 100
_LITERAL = re.compile(
    r"""[rRbBuUfF]{0,2}(?:
        '''(?P<a>.*?)(?:'''|\Z) | \"\"\"(?P<b>.*?)(?:\"\"\"|\Z)
      | '(?P<c>(?:[^'\\\n]++|\\.)*+) | "(?P<d>(?:[^"\\\n]++|\\.)*+)
      | \\{1,3}+["'](?P<e>(?:[^'"\\]++|\\++(?!["'\\]))*+) )""",
    re.VERBOSE | re.DOTALL,
)
_BARE = re.compile(r"[^\s'\",;)&]++")
_DIGIT = re.compile(r"[^\s'\"0-9,;)&]{0,64}+[0-9]")
_NUMBER = re.compile(r"[\d.,eE+-]+%?\]?")
# `--name text` of a command.
_OPTION = re.compile(
    r"--(?P<name>[A-Za-z][\w-]{2,60}+)(?:[ \t]{1,4}+|['\"],\s{0,4}+['\"])"
    r"(?P<secret>[^\s'\";&|{$-][^\s'\";&|]*+)"
)
# `NAME=text`, `%env NAME text` on the line of a command.
_SHELL = re.compile(
    r"""(?:(?P<env>%env\s{1,8}+|%set_env\s{1,8}+)|(?<![\w$])(?=[A-Za-z_]))
        (?P<name>[A-Za-z_]\w{1,60}+)(?:=|(?(env)(?:\s{0,8}+=)?[ \t]{1,8}+|(?!)))
        (?P<secret>[^\s'"=;&|${][^\s'";&|]*+|"[^"\n]*+"?|'[^'\n]*+'?)""",
    re.VERBOSE,
)
_SHORT = 1000
# Of every key that has no `:` about it.
_KEY = re.compile(r"[\w.~+/-]{14}|(?i:bearer|basic)\s")
# Of a text in which more places have to be looked at, or hidden, nothing is kept.
_MOST = 40_000


def lower(text: str) -> str:
    """Return a text in lower case, of the same length."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text.replace("\u0130", "I").lower()


def redact_text(text: str, known: Known = NOTHING) -> str:
    """Return text (a repr, a message) without what has a secret's form or stands by its name.

    What is `known` to be secret goes too.
    """
    if _plain(text):
        return hide(text, known.places(text)) if known else text
    return hide(text, places(text, known))


def _plain(text: str) -> bool:
    """Tell of a short text, as most are, that it has neither a form nor a name with its value."""
    return (
        formless(text)
        and "=" not in text
        and ":" not in text
        and "--" not in text
        and "…" not in text
    )


def formless(text: str) -> bool:
    """Tell of a short text that nothing in it can be a key."""
    return len(text) < _SHORT and "://" not in text and _KEY.search(text) is None


def redact_value(name: str, text: str | None, known: Known = NOTHING) -> str | None:
    """Return the text to store for a value of this name: as it is, or with secrets redacted."""
    if text is None:
        return None
    if holds_secret(name, text):
        return REDACTED
    return redact_text(text, known)


def holds_secret(name: str, text: str) -> bool:
    """Tell whether a value that is shown as text is secret for its name."""
    return looks_secret(name) and text.strip() not in EMPTY and not text.startswith(NOT_A_VALUE)


def places(text: str, known: Known = NOTHING) -> Iterator[Place]:
    """Yield where a text holds what has to be hidden, in no order; places may overlap."""
    lowered = lower(text)
    yield from places_of_forms(text, lowered)
    yield from places_by_name(text, lowered)
    yield from known.places(text)
    if text.endswith(("…", "…'", '…"')):
        cut = cut_short(text.rstrip("…'\""))
        if cut is not None:
            yield cut, len(text)


def hide(text: str, found: Iterable[Place]) -> str:
    """Return a text with `redacted` in the place of what was found in it, on as many lines."""
    at = []
    for place in found:
        at.append(place)
        if len(at) > _MOST:
            return REDACTED + "\n" * text.count("\n")
    if not at:
        return text
    at.sort()
    pieces: list[str] = []
    done, edge, start = 0, -1, 0
    for begin, end in [*at, (len(text) + 1, 0)]:
        if begin <= edge and begin <= len(text):
            edge = max(edge, end)
            continue
        if edge >= 0:
            pieces += (text[done:start], REDACTED, "\n" * text.count("\n", start, edge))
            done = edge
        start, edge = begin, end
    return "".join(pieces) + text[done:]


def said_by_name(lowered: str) -> bool:
    """Tell whether a text in lower case may have a secret name."""
    return any(part in lowered for part in _IN_NAMES) or "--" in lowered


def places_by_name(text: str, lowered: str) -> Iterator[Place]:
    """Yield where a text holds what is given to a secret name."""
    for part, pattern in _BY_NAME.items() if "=" in text or ":" in text else ():
        if holds(lowered, part):
            yield from _given(text, lowered, pattern)
    if "--" in text:
        for found in _OPTION.finditer(text):
            if looks_secret(found["name"].replace("-", "_")):
                yield found.span("secret")


def _given(text: str, lowered: str, pattern: re.Pattern[str]) -> Iterator[Place]:
    at = looked_at = 0
    while (found := pattern.search(lowered, at)) is not None:
        looked_at += 1
        if looked_at > _MOST:
            yield 0, len(text)
            return
        at = found.end() - 1
        if found["quote"] is None:
            if _bare_is_secret(text, found, at):
                start, at = at, _BARE.match(text, at).end()  # type: ignore[union-attr]
                yield start, at
        elif looks_secret(name_around(text, found)):
            start = at
            while start > 0 and text[start - 1] == "\\":
                start -= 1
            literal = _LITERAL.match(text, start)
            kind = literal.lastgroup if literal is not None else None
            if literal is not None and kind is not None:
                at = max(literal.end(), at + 1)
                if literal[kind] not in EMPTY:
                    yield literal.span(kind)


def places_in_command(text: str) -> Iterator[Place]:
    """Yield where the line of a command gives a text to a secret name."""
    for found in _SHELL.finditer(text):
        if looks_secret(found["name"]) and found["secret"].strip("'\""):
            start, end = found.span("secret")
            quote = found["secret"][0]
            if quote in "'\"":
                yield start + 1, end - (end - start > 1 and text[end - 1] == quote)
            else:
                yield start, end


def name_around(text: str, found: re.Match[str]) -> str:
    """Return the name that a part of a name is in, which was found in a text."""
    start = found.start()
    near = text[max(0, start - _LONGEST_NAME) : start][::-1]
    before = _NAME_BEFORE.match(near).group()[::-1]  # type: ignore[union-attr]
    after = _NAME_BEFORE.match(text, start).group()  # type: ignore[union-attr]
    return (before + after).lstrip("0123456789.-")


def _bare_is_secret(text: str, found: re.Match[str], start: int) -> bool:
    """Tell whether what stands by a name without quotes is a secret, and not a word of a sentence.

    It is one if it has a digit, or is given to a name as URLs and command lines do it.
    """
    name = name_around(text, found)
    if not looks_secret(name):
        return False
    value = _BARE.match(text, start, start + 200).group()  # type: ignore[union-attr]
    if value in EMPTY or looks_secret(value):
        return False
    if name[-5:].lower() == "token" and _NUMBER.fullmatch(value):
        return False  # as many
    if _DIGIT.match(text, start):
        return True
    return text[start - 1] == "=" and name[-5:].lower() != "token" and len(value) >= 4
