"""Texts that are known to be secret, found again wherever they stand.

They are kept in memory alone, in a bounded number. One pattern looks for all of them, in each of
the ways in which they may be written. It is anchored on characters that are rare in ordinary text,
so that most text is passed over at the speed of a search for a letter.
"""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from provenance_kernel.capture.secrets.names import looks_secret, words

_MOST = 200
_SHORTEST = 4
_LONGEST = 4000
# A text of more is known by its beginning, for it may have been cut where it is shown.
_HEAD = 24
# What many people's secrets begin as, and many other things are.
_ORDINARY = words(
    "admin administrator anonymous auto basic bearer changeme default demo disabled empty "
    "enabled example false github gitlab google guest hidden input local localhost minio "
    "missing mongo mysql none null oauth oauth2 openid optional oracle passwd password "
    "postgres postgresql private prompt public redacted redis required root secret sqlite "
    "string superuser test tester testing text token true undefined unknown user username "
    "value"
)
_PLACE = re.compile(
    r"[\w./\\~:-]+\.(?:json|txt|pem|ini|cfg|conf|ya?ml|env|toml|p12|pfx|key|pub|crt|csv)"
)
_PLACEHOLDER = re.compile(r"[*x•.…_?-]+|<[\w -]*>|\$?\{[^}]*\}|\$\w+|%\(?\w+\)?s?")
_SCHEME = re.compile(r"(?i)(?:bearer|basic|token|digest)\s+(?P<rest>\S{6,})")
# A token under another name than such may as well be a word of a text.
_WORD = re.compile(
    r"(?i)(?!.*(?:access|api|auth|bearer|refresh|id|git|slack|hf|bot|session|secret|user)).*token\d*_?"
)
# From rare to frequent, as in English text and in source; what is not here is rarer still.
_FREQUENT = (
    "QZJXKVYW@#$%&*!?~^+;<>|\\7689435HGBUOFPDLMRNCISTAEjqzxk2vbywg10pfumhdclsinroat/=:'\".-_e, "
)
_RANK = {character: rank for rank, character in enumerate(_FREQUENT)}


class Known:
    """The secrets of a session. Any thread may learn one, and look for them."""

    def __init__(self) -> None:
        self._texts: dict[str, bool] = {}
        self._compiled: tuple[re.Pattern[str], list[int]] | None = None
        self._lock = threading.Lock()
        # Counts what was learned, so that it is seen whether something was.
        self.count = 0

    def __bool__(self) -> bool:
        return bool(self._texts)

    def learn(self, text: str, name: str = "") -> None:
        """Take a text for secret from now on, if it is not too short or ordinary for that.

        Where it was given to a name that may mean a word of a text as well, as `token` does, it has
        to look like a secret: of digits and letters, or long.
        """
        certain = _WORD.fullmatch(name[-100:]) is None
        given = text.strip()
        if len(given) <= _LONGEST and "\n" not in given:
            self._add(given, certain=certain)
            scheme = _SCHEME.fullmatch(given)
            if scheme is not None:
                self._add(scheme["rest"], certain=certain)
            return
        for line in given[: 10 * _LONGEST].splitlines()[:100]:
            if len(line.strip()) >= 16:
                self._add(line.strip()[:_LONGEST], certain=False)

    def _add(self, text: str, *, certain: bool) -> None:
        if text in self._texts or len(text) < _SHORTEST or text.lower() in _ORDINARY:
            return
        if _PLACE.fullmatch(text) or _PLACEHOLDER.fullmatch(text):
            return
        if text.isidentifier() and looks_secret(text):
            return  # the name of one, as of a variable of the environment
        if not certain and not _random(text):
            return
        with self._lock:
            while len(self._texts) >= _MOST:
                del self._texts[next(iter(self._texts))]
            self._texts[text] = _mixed(text)
            self._compiled = None
            self.count += 1

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where a text holds a secret."""
        if not self._texts:
            return
        pattern, back = self._compiled or self._compile()
        for found in pattern.finditer(text):
            yield found.start() - back[found.lastindex - 1], found.end()  # type: ignore[operator]
        if text.endswith(("…", "…'", '…"')):
            yield from self._cut(text)

    def _cut(self, text: str) -> Iterator[tuple[int, int]]:
        end = text.rindex("…")
        near = text[max(0, end - _LONGEST) : end]
        for secret in list(self._texts):
            at = near.rfind(secret[:_SHORTEST])
            if at >= 0 and secret.startswith(near[at:]):
                yield end - len(near) + at, end

    def _compile(self) -> tuple[re.Pattern[str], list[int]]:
        with self._lock:
            found = self._compiled = _compile(self._texts)
            return found


def _compile(texts: dict[str, bool]) -> tuple[re.Pattern[str], list[int]]:
    """Return a pattern for all texts, and how far before its match that of each group begins."""
    written: dict[str, bool] = {}
    for text, mixed in texts.items():
        for form in _written(text):
            written[form] = mixed or form != text
    anchors: list[str] = []
    by_anchor: dict[str, list[str]] = {}
    # Each text by a character that others have too, if it is rare, so that there are few.
    common = Counter(character for form in written for character in set(form[:_HEAD]))
    for form in sorted(written, key=lambda form: (-len(form), form)):
        anchor = min(form[:_HEAD], key=lambda c: (_RANK.get(c, -1) // 12, -common[c], c))
        if anchor not in by_anchor:
            anchors.append(anchor)
        by_anchor.setdefault(anchor, []).append(form)
    parts, back = [], []
    for anchor in anchors:
        either = []
        for form in by_anchor[anchor]:
            at = form.index(anchor)
            either.append(f"({_around(form, at, alone=not written[form])})")
            back.append(at)
        parts.append(f"{re.escape(anchor)}(?:{'|'.join(either)})")
    return re.compile("|".join(parts)), back


def _around(form: str, at: int, *, alone: bool) -> str:
    before, after = re.escape(form[: at + 1]), form[at + 1 :]
    if len(form) > _HEAD:
        head, rest = form[at + 1 : _HEAD], form[_HEAD:]
        return rf"(?<={before}){re.escape(head)}(?:{re.escape(rest)}|[^\s'\"\\…]*+)"
    if alone:
        border = r"\w." if form.isdigit() else r"\w"
        return rf"(?<={before})(?<![{border}]{before}){re.escape(after)}(?!\w)"
    return f"(?<={before}){re.escape(after)}"


def _written(text: str) -> Iterator[str]:
    """Yield a text as it stands, and as it is written in reprs, JSON, URLs, pages and headers."""
    yield text
    data = text.encode("utf-8", "surrogatepass")
    forms: Iterable[str] = (
        repr(text)[1:-1],
        repr(f"{text}'")[1:-2],
        repr(text + "'\"")[1:-1].removesuffix("\\'\""),
        repr(data)[2:-1],
        json.dumps(text)[1:-1],
        quote(data, safe=""),
        quote(data),
        quote_plus(data),
        html.escape(text),
        data.hex(),
    )
    yield from {form for form in forms if form != text}
    if len(data) >= 6:
        # As a part of what is encoded, at each of the three places in a group of bytes.
        for offset in range(3):
            whole = base64.b64encode(b"\0" * offset + data).decode("ascii")
            first = -(-offset * 8 // 6)
            last = (offset + len(data)) * 8 // 6
            yield whole[first:last]


def _mixed(text: str) -> bool:
    """Tell whether a text is hardly a word, or a part of one."""
    if text.isdigit():
        return len(text) >= 12
    kinds = (str.islower, str.isupper, str.isdigit)
    found = sum(any(map(kind, text)) for kind in kinds) + (not text.isalnum())
    return len(text) >= 6 and (found > 1 or len(text) >= 16)


def _random(text: str) -> bool:
    if " " in text or text.isdigit():
        return False
    kinds = (str.islower, str.isupper, str.isdigit)
    found = sum(any(map(kind, text)) for kind in kinds)
    return len(text) >= 24 or (any(map(str.isdigit, text)) and len(text) >= 13 - 2 * found)
