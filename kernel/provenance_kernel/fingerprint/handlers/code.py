"""Code by its source, where that is known, else by what it does in terms all versions share."""

from __future__ import annotations

import ast
import dis
import inspect
import linecache
import re
import textwrap
import types
import weakref

from provenance_kernel.fingerprint import encoding
from provenance_kernel.identity import identity

_LARGEST_FILE = 5_000  # lines; a lambda in a longer one is known by its code
_FLAVOURS = (
    inspect.CO_VARARGS | inspect.CO_VARKEYWORDS | inspect.CO_GENERATOR | inspect.CO_COROUTINE
)
_NAMED = frozenset(
    {
        "DELETE_ATTR", "DELETE_GLOBAL", "DELETE_NAME", "IMPORT_FROM", "IMPORT_NAME", "LOAD_ATTR",
        "LOAD_GLOBAL", "LOAD_METHOD", "LOAD_NAME", "STORE_ATTR", "STORE_GLOBAL", "STORE_NAME",
    }
)  # fmt: skip
_CONSTANTS = frozenset({"LOAD_CONST", "RETURN_CONST", "LOAD_SMALL_INT", "KW_NAMES"})

_sources: dict[int, tuple[weakref.ref[types.CodeType], bytes]] = {}


def code_token(code: types.CodeType) -> bytes:
    """Return the token of a code object, by its source where that is known."""
    known = _sources.get(identity(code))
    if known is not None and known[0]() is code:
        return known[1]
    try:
        source = _source(code)
    except Exception:  # a file that has changed since, or is no Python: the code itself remains
        source = None
    if source is None:
        token = encoding.node(b"C", _code_content(code))
    else:
        token = encoding.node(b"F", encoding.utf8(source))
    if len(_sources) > 10_000:
        _sources.clear()
    _sources[identity(code)] = (weakref.ref(code), token)
    return token


def _source(code: types.CodeType) -> str | None:
    lines = linecache.getlines(code.co_filename)
    first = code.co_firstlineno - 1
    if not 0 <= first < len(lines):
        return None
    if code.co_name == "<lambda>":
        return _lambda_source(code, lines) if len(lines) <= _LARGEST_FILE else None
    if code.co_name.startswith("<"):
        return None
    block = inspect.getblock(lines[first:])
    text = textwrap.dedent("".join(block))
    if not re.match(r"\s*(@|def\b|async\b)", text):
        return None  # the file has changed since
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


def _lambda_source(code: types.CodeType, lines: list[str]) -> str | None:
    """Return the text of the one lambda, among those of a file, that the code was made from."""
    text = "".join(lines)
    places = {place for place in code.co_positions() if None not in place}
    inside = [p for p in places if p[0] is not None and p[3]]  # the first has no width
    best: ast.Lambda | None = None
    several = False
    for found in ast.walk(ast.parse(text)):
        if not isinstance(found, ast.Lambda) or found.lineno != code.co_firstlineno:
            continue
        if not inside and several:
            return None  # Python 3.12 does not say where a constant's code was made from
        several = True
        body = found.body
        start = (body.lineno, body.col_offset)
        end = (body.end_lineno or 0, body.end_col_offset or 0)
        if all(
            start <= (p[0] or 0, p[2] or 0) and (p[1] or 0, p[3] or 0) <= end for p in inside
        ) and (best is None or _width(found) < _width(best)):
            best = found
    return None if best is None else ast.get_source_segment(text, best)


def _width(found: ast.Lambda) -> tuple[int, int]:
    return ((found.end_lineno or 0) - found.lineno, found.end_col_offset or 0)


def _code_content(code: types.CodeType) -> bytes:
    """Return what code without source consists of, in terms all supported versions share."""
    arguments = code.co_argcount + code.co_kwonlyargcount
    arguments += bool(code.co_flags & inspect.CO_VARARGS)
    arguments += bool(code.co_flags & inspect.CO_VARKEYWORDS)
    parts = [
        encoding.name(code.co_name),
        encoding.name(repr((code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount))),
        encoding.size(code.co_flags & _FLAVOURS),
        encoding.name(" ".join(code.co_varnames[:arguments])),
        encoding.name(" ".join(sorted(code.co_freevars))),
    ]
    for step in dis.get_instructions(code):
        operation = step.opname
        value = step.argval
        if isinstance(value, types.CodeType):
            parts.append(encoding.node(b"C", _code_content(value)))
        elif operation in ("BINARY_OP", "BINARY_SUBSCR"):
            parts.append(encoding.name(step.argrepr or "[]"))
        elif operation == "COMPARE_OP":
            parts.append(encoding.name(str(value).removeprefix("bool(").removesuffix(")")))
        elif operation in ("CONTAINS_OP", "IS_OP"):
            parts.append(encoding.name(f"{operation} {step.arg}"))
        elif operation.startswith("UNARY_") and operation != "UNARY_POSITIVE":
            parts.append(encoding.name(operation))
        elif operation in _NAMED:
            parts.append(encoding.name(str(value)))
        elif operation in _CONSTANTS and value is not None:
            parts.append(_constant(value))
    return b"".join(parts)


def _constant(value: object) -> bytes:
    encoder = encoding.SCALARS.get(identity(type(value)))
    token = encoder(value) if encoder is not None else None
    if token is not None:
        return token
    if isinstance(value, (tuple, frozenset)):
        tokens = [_constant(item) for item in value]
        if isinstance(value, frozenset):
            tokens.sort()
        return encoding.node(b"T", b"".join(tokens))
    return encoding.name(str(value))
