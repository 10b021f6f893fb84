"""The items of plain dicts and the columns of frames, told apart by constant keys."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from provenance_kernel.dataflow.statements.deeds import Deeds
from provenance_kernel.dataflow.statements.did import Did
from provenance_kernel.dataflow.statements.does import look
from provenance_kernel.dataflow.statements.parts import Parts, root_of

# In a list of names what is one key of a name: `%key:NAME:KEY`.
KEY = "%key:"
# A value, its type, and its shape before the run.
Holder = tuple[Any, str | None, str | None]


def note_keys(
    did: Did,
    parts: Parts,
    holder: Callable[[str], Holder],
    imports: Mapping[str, str],
) -> None:
    """Note of frames and dicts which keys a statement uses, where it uses no others."""
    others = [name for name in did.changes if not name.startswith("%")]
    for name, (loads, stores) in _keys_of(did.node, parts).items():
        value, kind, before = holder(name)
        if not _has_keys(value, kind, before):
            continue
        if name in did.changes:
            if not stores or len(others) > 1 or not _sets_keys(did.node, name, holder, imports):
                continue
            did.changes |= {f"{KEY}{name}:{key}" for key in stores}
        did.reads |= {f"{KEY}{name}:{key}" for key in loads | stores}


def root_of_key(name: str) -> str:
    """Return the name whose key an entry is, or the name itself."""
    return name.removeprefix(KEY).partition(":")[0] if name.startswith(KEY) else name


def _keys_of(node: ast.stmt, parts: Parts) -> dict[str, tuple[set[str], set[str]]]:
    """Return the keys that a statement reads and sets, of names used by constant keys alone."""
    plain = isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr))
    if not plain or parts.of(ast.Lambda, ast.NamedExpr):
        return {}
    found: dict[str, tuple[set[str], set[str]]] = {}
    uses = Counter(each.id for each in parts.get(ast.Name, ()))
    # Of what is stored below a name, all has to be an item of its own.
    for each in parts.of(ast.Attribute, ast.Subscript):
        if type(each.ctx) is not ast.Load and type(each.value) is not ast.Name:
            uses[root_of(each) or ""] += 1
    for each in parts.get(ast.Subscript, ()):
        key = each.slice
        if type(each.value) is ast.Name and type(key) is ast.Constant and type(key.value) is str:
            loads, stores = found.setdefault(each.value.id, (set(), set()))
            (loads if type(each.ctx) is ast.Load else stores).add(key.value)
            uses[each.value.id] -= 1
    return {
        name: keys for name, keys in found.items() if not uses[name] and name not in parts.local
    }


def _has_keys(value: Any, kind: str | None, before: str | None) -> bool:
    """Tell whether a value's items have nothing to do with one another.

    The first column that a frame gets makes its rows: one that had them `before` the run, and as
    many after it, has columns that do not matter to each other.
    """
    if kind == "dict":
        return True
    if kind is None or not (kind.startswith("pandas.") and kind.endswith(".DataFrame")):
        return False
    rows = len(value.index)
    return rows > 0 and (before or "").startswith(f"({rows}, ")


def _sets_keys(
    node: Any, name: str, holder: Callable[[str], Holder], imports: Mapping[str, str]
) -> bool:
    """Tell whether all that a statement does to a name's value is that it sets items."""
    if isinstance(node, ast.AugAssign) and holder(name)[1] == "dict":
        # The items of a dict may be one list.
        return False
    deeds = look(Parts([node.value]), imports, lambda other: holder(other)[1], Deeds())
    return name not in deeds.touches and not deeds.is_vague
