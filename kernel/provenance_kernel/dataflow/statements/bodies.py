"""What the functions of a session do when somebody calls them, read where cells define them."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from types import CodeType

from provenance_kernel.dataflow.statements.deeds import Deeds
from provenance_kernel.dataflow.statements.does import look
from provenance_kernel.dataflow.statements.parts import FUNCTIONS, IMPORTS, Parts, imported_names

# Of so many functions of cells the deeds are kept; those of older ones are unknown.
_MOST = 10_000
_OPTIMIZED = 0x1
_GENERATOR = "<genexpr>"
# Code of these runs where it stands, within the function that it is in.
_INLINE = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>"})
_KINDS = (*FUNCTIONS, ast.Lambda, ast.GeneratorExp)

Key = tuple[str, int, str]


class Bodies:
    """The deeds of functions by file, first line and name, as their code has them."""

    def __init__(self) -> None:
        self._deeds: dict[Key, Deeds] = {}

    def define(self, file: str, parts: Parts, imports: Mapping[str, str]) -> Deeds | None:
        """Read the functions that a statement defines; return what all of them together do."""
        outer = parts.of(*_KINDS)
        if not outer:
            return None
        whole = Parts([each for each in outer if type(each) in FUNCTIONS], deep=True)
        local = {each.arg for each in whole.get(ast.arg, ())} | parts.local
        local |= {each.id for each in whole.get(ast.Name, ()) if type(each.ctx) is not ast.Load}
        local -= {name for each in whole.get(ast.Global, ()) for name in each.names}
        imports = {**imports, **imported_names(whole.of(*IMPORTS))}
        together = Deeds()
        for function in {*outer, *whole.of(*_KINDS)}:
            body = function.body if hasattr(function, "body") else function
            inner = Parts(body if type(body) is list else [body], deep=True)
            deeds = look(inner, imports, _unknown, Deeds(), local)
            deeds.all_read |= bool(inner.of(ast.Yield, ast.YieldFrom, ast.Nonlocal))
            decorators = getattr(function, "decorator_list", ())
            line = min(each.lineno for each in (function, *decorators))
            unnamed = "<lambda>" if type(function) is ast.Lambda else _GENERATOR
            key = file, line, getattr(function, "name", unnamed)
            if key in self._deeds:
                deeds.add(self._deeds.pop(key))
            self._deeds[key] = deeds
            together.add(deeds)
        while len(self._deeds) > _MOST:
            del self._deeds[next(iter(self._deeds))]
        return together

    def of(self, codes: Collection[CodeType]) -> Deeds:
        """Return what functions do, by their code."""
        found = Deeds()
        for code in codes:
            if not code.co_flags & _OPTIMIZED or code.co_name in _INLINE:
                continue
            deeds = self._deeds.get((code.co_filename, code.co_firstlineno, code.co_name))
            if deeds is None:
                found.all_read = found.outward = True
            else:
                found.add(deeds)
        return found


def _unknown(name: str) -> str | None:
    return None
