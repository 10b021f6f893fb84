"""Takes out of a text what changes between runs that show the same.

Each pattern takes time in proportion to the text, whatever that is: it begins with a character or a
word, and what it goes on over is bounded or cannot begin anew. So a number is found by its last
digit and what stands behind it, and where it begins is looked for backward.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Replace = Callable[[str], str]

_CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
_IN_NUMBER = frozenset("0123456789.")
_HEX_DIGITS = r"[0-9A-Fa-f]"


def normal(text: str) -> str:
    """Return a text with addresses, times, durations, rates, temporary paths and such replaced."""
    for hints, replace in _VOLATILE:
        for hint in hints:
            if hint in text:
                text = replace(text)
                break
    return text


def normal_markup(text: str) -> str:
    """Return HTML or SVG without what differs each time: its names of things, comments, dates."""
    for opening, closing, kind in _BETWEEN:
        text = _between(text, opening, closing, kind)
    if "=" in text:
        text = _ATTRIBUTE.sub(_attribute, text)
    for hint, pattern, kind in _NAMED:
        if hint in text:
            text = pattern.sub(kind, text)
    return normal(text)


def _sub(pattern: str, kind: str, alone: str = "") -> Replace:
    """Return a replacement; a match that follows one of the characters `alone` is left.

    What comes before is looked at after the match: a pattern that opens with a look behind, rather
    than with what it looks for, takes ten times as long.
    """
    compiled = re.compile(pattern)
    if not alone:
        return lambda text: compiled.sub(kind, text)
    before = re.compile(alone)

    def replace(match: re.Match[str]) -> str:
        start = match.start()
        follows = start and before.match(match.string[start - 1])
        return match.group() if follows else kind

    return lambda text: compiled.sub(replace, text)


def _sub_number(first: str, pattern: str, kind: str) -> Replace:
    """Return a replacement for numbers by what follows them: `pattern`, one of its `first` letters.

    What is in its group `fraction` follows only numbers that have one.
    """
    likely, compiled = re.compile(f"[0-9] ?[{first}]"), re.compile(pattern)

    def replace(text: str) -> str:
        pieces: list[str] = []
        done = 0
        for begun in likely.finditer(text):
            end = begun.start() + 1
            match = compiled.match(text, begun.end() - 1)
            if match is None:
                continue
            start = _number_start(text, end, done)
            before = text[start - 1 : start]
            if before == "." or before == "_" or before.isalnum():
                continue
            if match.lastgroup == "fraction" and "." not in text[start:end]:
                continue
            pieces += (text[done:start], kind)
            done = match.end()
        return "".join((*pieces, text[done:])) if done else text

    return replace


def _number_start(text: str, end: int, least: int) -> int:
    """Return where the number begins that ends before `end`; what is before `least` is used up."""
    start = _digits_start(text, end, least)
    exponent = start - 2 if text[start - 1 : start] in ("+", "-") else start - 1
    if exponent > least and text[exponent] == "e" and text[exponent - 1] in _IN_NUMBER:
        start = _digits_start(text, exponent, least)
    while start < end and text[start] == ".":
        start += 1
    return start


def _digits_start(text: str, end: int, least: int) -> int:
    while end > least and text[end - 1] in _IN_NUMBER:
        end -= 1
    return end


def _replace_addresses(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        found, start = match.group(), match.start()
        named = match.string[max(start - 4, 0) : start].endswith(" at ")
        return "<address>" if named or _LIKELY_ADDRESS.fullmatch(found) else found

    return _HEX.sub(replace, text)


_HEX = re.compile(rf"0x{_HEX_DIGITS}{{4,16}}\b")
_LIKELY_ADDRESS = re.compile(rf"0x(?:0000{_HEX_DIGITS}{{12}}|[57]{_HEX_DIGITS}{{11}})")


def _replace_uuids(text: str) -> str:
    pieces: list[str] = []
    done = 0
    for match in _BEHIND_UUID.finditer(text):
        start = match.start() - 8
        if start >= done and _UUID_START.fullmatch(text[max(start - 1, 0) : match.start()]):
            pieces += (text[done:start], "<uuid>")
            done = match.end()
    return "".join((*pieces, text[done:])) if done else text


_BEHIND_UUID = re.compile(f"-{_HEX_DIGITS}{{4}}" * 3 + rf"-{_HEX_DIGITS}{{12}}\b")
_UUID_START = re.compile(rf"\W?{_HEX_DIGITS}{{8}}")


def _replace_times(text: str) -> str:
    return _TIMES(text) if _TIME.search(text) else text


_TIME = re.compile("[0-9]:[0-9]")
_TIMES = _sub(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ,]\s?{_CLOCK}"
    r"(?:\s?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?"
    r"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? [A-Za-z0-9]{1,3} +[A-Za-z0-9]{1,3} [0-9: ]{8,13}"
    rf"|{_CLOCK}<(?:{_CLOCK}|\?)"
    r"|[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?![0-9:])",
    "<time>",
    r"[\w:.]",
)

# Texts of which there is one where a replacement has something to do, and the replacement.
_VOLATILE: tuple[tuple[tuple[str, ...], Replace], ...] = (
    (
        ("\x1b",),
        _sub(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])", ""),
    ),
    (
        ("/tmp/", "/var/", "/shm/"),
        _sub(
            r"/(?:private/)?(?:var/folders|var/tmp|tmp|dev/shm)/[^\s'\"`:,;)\]}<>]+",
            "<path>",
            r"[\w.]",
        ),
    ),
    (
        ("\\Temp\\",),
        _sub(r"[A-Za-z]:\\Users\\[^\\\s]{1,99}\\AppData\\Local\\Temp\\[^\s'\"`:,;]+", "<path>"),
    ),
    (("ipykernel_",), _sub(r"ipykernel_[0-9]+[/\\][0-9]+\.py", "<path>")),
    (("<ipython-input-",), _sub(r"<ipython-input-[0-9]+-[0-9a-f]+>", "<path>")),
    ((":",), _replace_times),
    (("<?, ?it/s", "<?, ?s/it"), _sub(r"\?(?:it/s|s/it)", "<rate>")),
    (
        ("/s", "s/"),
        _sub_number(
            "A-Za-zµμ",
            r"(?:[kKMGT]i?)?(?:[A-Za-z]{1,10}/s(?:ec|tep|ample)?\b|[mnuµμ]?s/[a-z]{2,8}\b)",
            "<rate>",
        ),
    ),
    (
        ("s", "min", "h"),
        _sub_number(
            "numshµμ",
            r"(?:ns|[µμu]s|ms|s|secs?|seconds?)(?![\w/])"
            r"|(?:h [0-9]+ ?)?min(?: [0-9]+ ?s)?(?![\w/])|(?P<fraction>(?:minutes?|hours?)\b)",
            "<duration>",
        ),
    ),
    (("0x",), _replace_addresses),
    (("pid", "PID", "process id"), _sub(r"(?:pid|PID|process id) ?[=:]? ?[0-9]+\b", "<process>")),
    (("-",), _replace_uuids),
)


def _between(text: str, opening: str, closing: str, kind: str) -> str:
    """Replace what stands between two texts, with them."""
    pieces: list[str] = []
    done = 0
    while (start := text.find(opening, done)) >= 0:
        end = text.find(closing, start + len(opening))
        if end < 0:
            break
        pieces += (text[done:start], kind)
        done = end + len(closing)
    return "".join((*pieces, text[done:])) if done else text


_BETWEEN = (
    ("<!--", "-->", "<comment>"),
    ("<dc:date>", "</dc:date>", "<made>"),
    ("<dc:title>", "</dc:title>", "<made>"),
)
_ATTRIBUTE = re.compile(
    r"""(?:id|for|name|class|(?P<link>href)|(?:data|aria)-[\w-]{1,60})"""
    r"""=(?:"([^"]*)"|'([^']*)')"""
)
_NAMED = (
    ("url(#", re.compile(r"url\(#[^)]{0,200}\)"), "<url>"),
    ("#", re.compile(r"#(?:T_|sk-)[\w-]+"), "<rule>"),
    ("sk-container-id-", re.compile(r"sk-container-id-[0-9]+"), "<rule>"),
)


def _attribute(match: re.Match[str]) -> str:
    start = match.start()
    before = match.string[start - 1 : start]
    if before == "_" or before.isalnum():
        return match.group()
    if match["link"] is None:
        return "<id>"
    return "<link>" if (match[2] or match[3] or "").startswith("#") else match.group()
