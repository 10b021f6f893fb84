"""What can be told from the syntax tree of a statement alone."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
IMPORTS = (ast.Import, ast.ImportFrom)
COMPOUND = (
    *FUNCTIONS,
    ast.ClassDef,
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
)
BUILTINS = frozenset(dir(builtins))
_HARMLESS_MAGICS = {
    "matplotlib", "config", "autoreload", "load_ext", "pinfo", "pinfo2", "who", "whos", "who_ls",
    "pwd", "lsmagic", "history", "precision", "pprint", "pylab", "xmode", "colors",
}  # fmt: skip


def imported_names(node: ast.AST) -> dict[str, str]:
    """Return, for names that imports bind anywhere in the code, the dotted paths they stand for."""
    found = {}
    for each in ast.walk(node):
        if isinstance(each, ast.Import):
            for alias in each.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(each, ast.ImportFrom) and each.module:
            for alias in each.names:
                found[alias.asname or alias.name] = f"{each.module}.{alias.name}"
    return found


def names_in(node: ast.AST) -> Iterator[str]:
    """Yield every name in some code."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id


def last_name(node: ast.expr) -> str:
    """Return the last name of what is called, or of a name or attribute."""
    while isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def root_of(node: ast.AST) -> str | None:
    """Return the name that a chain of attributes, items and calls begins with."""
    while True:
        if isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred, ast.Await)):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return node.id if isinstance(node, ast.Name) else None


def dotted_name(node: ast.AST, imports: Mapping[str, str]) -> str | None:
    """Return the dotted path that a chain of attributes of an imported name stands for."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in imports:
        return None
    return ".".join([imports[node.id], *reversed(parts)])


def is_builtin(name: str) -> bool:
    """Tell whether a name means something where nobody bound it."""
    return name in BUILTINS or name == "get_ipython"


def only_defines(node: ast.stmt) -> bool:
    """Tell whether a statement makes functions and cannot call them."""
    value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
    return isinstance(node, (*FUNCTIONS, ast.ClassDef)) or isinstance(value, ast.Lambda)


def called_names(node: ast.stmt) -> set[str]:
    """Return the last names of what a statement itself calls."""
    found, pending = set(), list[ast.AST]([node])
    while pending:
        each = pending.pop()
        if isinstance(each, ast.Call):
            found.add(getattr(each.func, "attr", getattr(each.func, "id", "")))
        if not isinstance(each, (ast.Lambda, ast.GeneratorExp)):
            pending += ast.iter_child_nodes(each)
    return found


def text_of(source: str, node: ast.stmt) -> str:
    """Return a statement as the cell has it, decorators included."""
    lines = source.split("\n")
    first: int = min([node.lineno, *[each.lineno for each in getattr(node, "decorator_list", [])]])
    last = node.end_lineno or node.lineno
    if first != node.lineno:
        return "\n".join(lines[first - 1 : last])
    if uses_shell(node):
        return "\n".join(lines[first - 1 : last])
    if first == last:
        line = lines[first - 1].encode()
        return line[node.col_offset : node.end_col_offset].decode()
    head = lines[first - 1].encode()[node.col_offset :].decode()
    tail = lines[last - 1].encode()[: node.end_col_offset].decode()
    return "\n".join([head, *lines[first : last - 1], tail])


def lines_agree(source: str, tree: ast.Module) -> bool:
    """Tell whether IPython's transformations left each statement on its lines."""
    if source.lstrip().startswith("%%"):
        return False
    last = 0
    for node in tree.body:
        if node.lineno <= last:
            return False
        last = node.end_lineno or node.lineno
    lines = source.split("\n")
    return last <= len(lines) and all(
        "get_ipython()" not in ast.unparse(node) or node.lineno == node.end_lineno
        for node in tree.body
    )


def uses_shell(node: ast.AST) -> bool:
    """Tell whether a statement was written in IPython's own syntax."""
    return any(
        isinstance(each, ast.Call)
        and isinstance(each.func, ast.Attribute)
        and isinstance(each.func.value, ast.Call)
        and isinstance(each.func.value.func, ast.Name)
        and each.func.value.func.id == "get_ipython"
        for each in ast.walk(node)
    )


def is_harmless_magic(node: ast.stmt) -> bool:
    """Tell whether a statement is a magic that changes no value; `%time f()` runs code."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    call = node.value
    texts = [each.value for each in call.args if isinstance(each, ast.Constant)]
    if not (isinstance(call.func, ast.Attribute) and call.func.attr == "run_line_magic" and texts):
        return False
    return texts[0] in _HARMLESS_MAGICS


def has_await(node: ast.AST) -> bool:
    """Tell whether a statement awaits at the cell's own level."""
    pending = [node]
    while pending:
        each = pending.pop()
        if isinstance(each, (ast.Await, ast.AsyncFor, ast.AsyncWith)) or (
            isinstance(each, ast.comprehension) and each.is_async
        ):
            return True
        if not isinstance(each, (*FUNCTIONS, ast.Lambda)):
            pending += ast.iter_child_nodes(each)
    return False
