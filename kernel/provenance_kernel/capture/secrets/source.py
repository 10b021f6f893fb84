"""Takes secrets out of a cell's source, which stays on the same lines and parseable if it was."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Iterator

from provenance_kernel.capture.secrets.forms import places as places_of_forms
from provenance_kernel.capture.secrets.given import (
    Given,
    Signatures,
    flowing,
    given_to_secrets,
    literals,
    positional,
)
from provenance_kernel.capture.secrets.known import Known
from provenance_kernel.capture.secrets.names import looks_secret
from provenance_kernel.capture.secrets.text import (
    NOTHING,
    REDACTED,
    formless,
    hide,
    lower,
    places,
    places_by_name,
    places_in_command,
    redact_text,
    said_by_name,
)
from provenance_kernel.capture.secrets.values import secret_texts
from provenance_kernel.parsing import parse

# A longer source is not parsed, which takes 2 s a megabyte: what it gives to secret names is then
# found as in other text.
_LONGEST_PARSED = 200_000
_CALLEE = re.compile(r"(?P<name>[A-Za-z_][\w.]*+)\(")

_MAGIC_LINE = re.compile(
    r"^(?P<indent>[ \t]*+)(?:[%!?]|[\w.,\[\]\"' ]++=[ \t]*[!%](?!=)).*$", re.MULTILINE
)
_PYTHON_CELL_MAGIC = re.compile(r"\s*%%(?:time|timeit|capture|prun|memit|provenance|prov)\b")
_COMMENT = re.compile(r"#[^\n]*")


def redact_source(source: str, known: Known = NOTHING, signatures: Signatures | None = None) -> str:
    """Return a cell's source with secrets in it replaced, on the same lines, parseable if it was.

    String literals are found by parsing; where a cell does not parse, and on the lines of magics
    and shell commands, by pattern. What is `known` goes as well, and what the source gives to
    secret names is known from then on.
    """
    if len(source) > _LONGEST_PARSED:
        return redact_text(source, known)
    if not _suspicious(source, known, signatures):
        return source
    masked = _masked(source)
    tree = _parsed(masked) if masked is not None else None
    if tree is None:
        return _redact_command(source, known)
    given = list(given_to_secrets(tree, signatures))
    given += flowing(tree, given)
    if known is not NOTHING:
        _learn(given, known)
    spans = list(_spans(tree, source, given))
    result = _replaced(source, spans)
    if "%" in result or "!" in result or "?" in result:
        result = _MAGIC_LINE.sub(lambda line: _redact_command(line.group(), known), result)
    if "#" in result:
        result = _COMMENT.sub(_redact_comment, result)
    found = list(_forms(result, known))
    safe = hide(result, found)
    if safe != result and _parsed(_masked(safe) or "") is None:
        # A form that runs over the border of a literal: take the literals out whole.
        offset, data = _offsets(source), source.encode("utf-8", "surrogatepass")
        whole = [_span(node, offset, data) for node in _texts(tree) if _has_form(node, known)]
        result = _replaced(source, spans + whole)
        safe = hide(result, _forms(result, known))
    return safe


def _suspicious(source: str, known: Known, signatures: Signatures | None) -> bool:
    if said_by_name(lower(source)):
        return True
    if not formless(source) and next(places_of_forms(source, lower(source)), None) is not None:
        return True
    if known and next(known.places(source), None) is not None:
        return True
    called = {found["name"] for found in _CALLEE.finditer(source)}
    return any(
        map(
            looks_secret,
            itertools.chain.from_iterable(positional(name, signatures) for name in called),
        )
    )


def _forms(text: str, known: Known) -> Iterator[tuple[int, int]]:
    yield from places_of_forms(text, lower(text))
    yield from known.places(text)


def _redact_command(line: str, known: Known) -> str:
    return hide(line, itertools.chain(places(line, known), places_in_command(line)))


def _redact_comment(match: re.Match[str]) -> str:
    # What opens with # may as well stand inside a literal: nothing is done that would end it.
    return hide(match.group(), places_by_name(match.group(), lower(match.group())))


def _learn(given: list[Given], known: Known) -> None:
    for name, node in given:
        try:
            value = ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            for part in literals(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    known.learn(part.value, name)
        else:
            for inner, text in secret_texts(name, value):
                known.learn(text, inner)


def _literal(text: str) -> str:
    """Return a literal that says redacted, with the prefix, quotes and newlines of another."""
    prefix = "b" if "b" in re.match(r"[A-Za-z]*", text).group().lower() else ""  # type: ignore[union-attr]
    body = text.lstrip("rRbBuUfF")
    breaks = text.count("\n")
    quote = body[:3] if body[:3] in ('"""', "'''") else body[:1]
    if quote not in ('"', "'", '"""', "'''"):
        quote = '"'
    if breaks and len(quote) == 1:
        quote *= 3
    return f"{prefix}{quote}{REDACTED}{chr(10) * breaks}{quote}"


def _masked(source: str) -> str | None:
    """Return the source with the lines that only IPython understands blanked, or None."""
    if source.lstrip().startswith("%%") and not _PYTHON_CELL_MAGIC.match(source):
        return None
    return _MAGIC_LINE.sub(lambda line: line["indent"] + "pass", source)


def _parsed(source: str) -> ast.Module | None:
    try:
        tree: ast.Module = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree


Span = tuple[int, int, str]


def _spans(tree: ast.Module, source: str, given: list[Given]) -> Iterator[Span]:
    """Yield the byte spans of literals that are secret names' values, and their new text."""
    offset = _offsets(source)
    data = source.encode("utf-8", "surrogatepass")
    for _, value in given:
        for node in literals(value):
            yield _span(node, offset, data)
    for node in _texts(tree):
        # `token=…` in a text, as in a query or a message.
        start, end, _ = _span(node, offset, data)
        text = data[start:end].decode("utf-8", "replace")
        if "=" in text or ":" in text or "--" in text:
            safe = hide(text, places_by_name(text, lower(text)))
            if safe != text:
                yield start, end, safe


def _has_form(node: ast.expr, known: Known) -> bool:
    text = node.value if isinstance(node, ast.Constant) else ast.unparse(node)
    return isinstance(text, str) and next(_forms(text, known), None) is not None


def _span(node: ast.expr, offset: Callable[[int, int], int], data: bytes) -> Span:
    end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
    start, end = offset(node.lineno, node.col_offset), offset(end_line, end_column)
    return start, end, _literal(data[start:end].decode("utf-8", "replace"))


def _offsets(source: str) -> Callable[[int, int], int]:
    starts = [0]
    for line in re.split(r"(?<=\n)|(?<=\r)(?!\n)", source):
        starts.append(starts[-1] + len(line.encode("utf-8", "surrogatepass")))
    return lambda line, column: starts[line - 1] + column


def _replaced(source: str, spans: list[Span]) -> str:
    data = source.encode("utf-8", "surrogatepass")
    pieces: list[bytes] = []
    edge = len(data)
    for start, end, text in sorted(set(spans), reverse=True):
        if end <= edge:  # of two spans that overlap, the later and inner one stands
            pieces += (data[end:edge], text.encode())
            edge = start
    pieces.append(data[:edge])
    return b"".join(reversed(pieces)).decode("utf-8", "surrogatepass")


def _texts(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield text literals; an f-string as a whole, for in 3.11 its parts have no places."""
    inside: set[int] = set()
    for node in ast.walk(tree):  # an f-string comes before its parts
        if isinstance(node, ast.JoinedStr):
            inside.update(id(part) for part in ast.walk(node) if part is not node)
        elif not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            continue
        if id(node) not in inside:
            yield node
