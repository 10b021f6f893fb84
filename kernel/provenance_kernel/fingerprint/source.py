"""Hashes of a cell's source: as written, and of what it means to the parser."""

from __future__ import annotations

import ast
import re

from xxhash import xxh3_128_hexdigest

from provenance_kernel.parsing import parse_cell

# The comments that open the body of a cell magic.
_DIRECTIVES = re.compile(r"\A((?:[^\S\n]*\n)*%%[^\n]*\n)(?:[^\S\n]*(?:#[^\n]*)?(?:\n|\Z))+")
_UNMEANT = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


def code_hash(source: str) -> str:
    """Return the xxh3_128 of the source's UTF-8, in hex."""
    return xxh3_128_hexdigest(source.encode("utf-8", "surrogatepass"))


def ast_hash(source: str) -> str:
    """Return a hash that sources share which differ only in comments, directives and layout.

    IPython's syntax is read as IPython reads it; a source that is no Python even then has its
    `code_hash`.
    """
    try:
        # IPython hands a cell magic its body as text, which would keep the comments in it.
        tree = parse_cell(_DIRECTIVES.sub(r"\1", source))
        tokens: list[str] = []
        _collect(tree, tokens)
        return xxh3_128_hexdigest("\0".join(tokens).encode("utf-8", "surrogatepass"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code_hash(source)


def _is_empty(node: object) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""


def _collect(node: object, out: list[str]) -> None:
    """Append a tree's node types and leaves in order, skipping what is empty.

    Versions of Python differ in the empty fields that they have, and not in the others.
    """
    if isinstance(node, ast.AST):
        out.append(type(node).__name__)
        constant = isinstance(node, ast.Constant)
        for field in node._fields:
            value = getattr(node, field, None)
            if (value is None and not constant) or field in _UNMEANT:
                continue
            if isinstance(value, list):
                if value:
                    out.append(field)
                    for each in value:
                        if type(node) is ast.JoinedStr and _is_empty(each):
                            # Python 3.12.0 to 3.12.3 put one after a nested replacement field.
                            continue
                        _collect(each, out)
                    out.append("]")
            else:
                out.append(field)
                _collect(value, out)
        out.append(")")
    else:
        out.append(f"{type(node).__name__}:{node!r}")
