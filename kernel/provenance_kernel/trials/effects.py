"""What a statement may do beyond binding names, read from its source: the cautious half of a slice.

What is not known to be harmless is taken to change whatever it can reach.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from provenance_kernel.trials import libraries
from provenance_kernel.trials.syntax import (
    BUILTINS,
    FUNCTIONS,
    dotted_name,
    last_name,
    names_in,
    root_of,
)

TypeOf = Callable[[str], str | None]


@dataclass(slots=True)
class Does:
    """What code may do when it runs.

    touches: names whose values it may change; `all_read` says that any value in reach may be.
    process: it changes the process itself. unseen: why its names cannot be told from the source.
    outward: it may draw random numbers or use files. lists: it looks which files there are.
    seeds: generators that it puts into a known state.
    """

    touches: set[str] = field(default_factory=set)
    loads: set[str] = field(default_factory=set)
    all_read: bool = False
    process: bool = False
    unseen: str | None = None
    outward: bool = False
    draws: set[str] = field(default_factory=set)
    seeds: set[str] = field(default_factory=set)
    binds_fresh: bool = False
    lists: bool = False


def does(node: ast.stmt, imports: Mapping[str, str], type_of: TypeOf, result: str | None) -> Does:
    """Return what a statement may do when it runs; `result` is what its call is known to return."""
    found = Does()
    known = {**imports}
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        for each in node.decorator_list:
            if last_name(each) not in libraries.PLAIN_DECORATORS:
                found.all_read = found.outward = True
        if isinstance(node, ast.ClassDef):
            found.all_read |= bool(node.keywords)
            for statement in node.body:
                if not isinstance(statement, FUNCTIONS):
                    look(statement, known, type_of, set(), found)
            found.all_read |= any(
                type_of(name) is None or not _is_type(type_of(name))
                for base in node.bases
                if (name := root_of(base)) and name not in imports and name not in BUILTINS
            )
        return found
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        names = [each.name for each in node.names]
        module = node.module or "" if isinstance(node, ast.ImportFrom) else names[0]
        found.outward = not libraries.is_known_library(module)
        found.process = "experimental" in module or names == ["annotations"]
        if names == ["*"]:
            found.unseen = f"`from {module} import *` binds names that the source does not show"
        return found
    look(node, known, type_of, _locals(node), found)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        name = last_name(call)
        users = isinstance(call.func, ast.Name) and not (name in imports or name in BUILTINS)
        stateful = any(each.startswith("%module:") for each in found.touches)
        if (
            (stateful or not found.touches)
            and not (users or found.all_read or found.seeds or name in libraries.SHOWING)
            and result in (None, "None")
            and not _is_harmless_display(call, type_of)
        ):
            # A call for its effect, on nothing that the namespace shows.
            found.process = True
    if isinstance(node, ast.Assign) and isinstance(
        node.value, (ast.BinOp, ast.Compare, ast.UnaryOp)
    ):
        found.binds_fresh = _is_fresh(node.value, type_of)
    return found


def _is_type(kind: str | None) -> bool:
    return kind in {"builtins.type", "abc.ABCMeta", "type"}


def _is_harmless_display(call: ast.Call, type_of: TypeOf) -> bool:
    root = root_of(call)
    kind = type_of(root) if root else None
    return bool(
        kind
        and isinstance(call.func, ast.Attribute)
        and libraries.FRAMES.match(kind)
        and call.func.attr in {"info", "head", "describe", "tail", "plot", "hist"}
    )


def handed_names(node: ast.AST, type_of: TypeOf) -> Iterator[str]:
    """Yield the names whose values may be part of what an expression gives, or be kept by a call.

    `len(rows)` tells of the rows and holds none, and `table + 1` is another table.
    """
    pending = [node]
    while pending:
        each = pending.pop()
        if isinstance(each, ast.Name):
            yield each.id
        elif not (_is_measure(each, type_of) or _is_fresh(each, type_of)):
            pending += ast.iter_child_nodes(each)


def _is_measure(node: ast.AST, type_of: TypeOf) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in libraries.MEASURES
        and type_of(node.func.id) is None
    )


def _is_fresh(node: ast.AST, type_of: TypeOf) -> bool:
    """Tell whether an expression gives a value that shares no part with those in it."""
    return isinstance(node, (ast.BinOp, ast.Compare, ast.UnaryOp)) and all(
        (kind := type_of(each)) and (libraries.SCALARS.match(kind) or libraries.FRAMES.match(kind))
        for each in names_in(node)
    )


def _locals(node: ast.AST) -> set[str]:
    """Return the names that comprehensions and lambdas of a statement bind."""
    found: set[str] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.comprehension):
            found.update(names_in(each.target))
        elif isinstance(each, ast.Lambda):
            found.update(one.arg for one in ast.walk(each.args) if isinstance(one, ast.arg))
    return found


def _walk(node: ast.AST, deep: bool) -> Iterator[ast.AST]:
    """Yield what runs with a node; bodies of functions run later, unless `deep`."""
    pending = [node]
    while pending:
        each = pending.pop()
        yield each
        if isinstance(each, FUNCTIONS) and not deep:
            pending += each.decorator_list
            continue
        pending += ast.iter_child_nodes(each)


def look(
    node: ast.AST,
    imports: Mapping[str, str],
    type_of: TypeOf,
    local: set[str],
    found: Does,
    deep: bool = False,
) -> None:
    plain = isinstance(node, (ast.Assign, ast.Return)) and isinstance(
        node.value, (ast.Name, ast.Constant)
    )
    called = {id(each.func) for each in _walk(node, deep) if isinstance(each, ast.Call)}
    for each in _walk(node, deep):
        if isinstance(each, ast.Call):
            _call(each, imports, type_of, local, found)
        elif isinstance(each, (ast.Attribute, ast.Subscript)) and not isinstance(
            each.ctx, ast.Load
        ):
            _store(each, imports, local, found)
        elif isinstance(each, ast.AugAssign):
            root = root_of(each.target)
            if root and root not in local:
                kind = type_of(root)
                if kind is None or not libraries.SCALARS.match(kind):
                    found.touches.add(root)
        elif isinstance(each, (ast.With, ast.AsyncWith)):
            found.outward = True
        elif isinstance(each, (ast.Import, ast.ImportFrom)):
            found.outward = True
            if any(one.name == "*" for one in each.names):
                found.unseen = "a star import binds names that the source does not show"
        elif isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
            name = each.id
            found.loads.add(name)
            if plain or name in local or name in imports or name in BUILTINS:
                continue
            kind = type_of(name)
            # Operators and loops run methods of a value's class; of these kinds they are harmless.
            # A function's parameters are judged where it is called.
            if (
                deep
                or (kind and (libraries.SCALARS.match(kind) or libraries.DATA.match(kind)))
                or id(each) in called
            ):
                continue
            found.touches.add(name)


def _store(
    node: ast.Attribute | ast.Subscript, imports: Mapping[str, str], local: set[str], found: Does
) -> None:
    root = root_of(node)
    if root is None:
        found.all_read = found.process = True
    elif root in imports:
        # An attribute of a module, as `plt.rcParams["x"] = 1` or `os.environ["X"] = "1"`.
        found.process = True
        if imports[root].partition(".")[0] not in libraries.OUTSIDE | libraries.PLOTTERS:
            found.touches.add(root)
    elif root in local:
        found.all_read = True
    else:
        found.touches.add(root)


def _call(
    node: ast.Call, imports: Mapping[str, str], type_of: TypeOf, local: set[str], found: Does
) -> None:
    func = node.func
    keywords = {each.arg for each in node.keywords}
    arguments = {
        name
        for each in (*node.args, *[one.value for one in node.keywords])
        for name in handed_names(each, type_of)
        if name not in local
    }
    if last_name(func) in libraries.LISTING:
        found.lists = found.outward = True
    dotted = dotted_name(func, imports)
    if dotted is not None:
        return _library(dotted, node, arguments, keywords, found)
    if isinstance(func, ast.Name):
        return _named(func.id, arguments, type_of, local, found)
    if not isinstance(func, ast.Attribute):
        found.all_read = found.outward = True
        return None
    return _method(func, arguments, keywords, imports, type_of, local, found)


def _library(
    dotted: str, node: ast.Call, arguments: set[str], keywords: set[str | None], found: Does
) -> None:
    top, _, rest = dotted.partition(".")
    last = dotted.rpartition(".")[2]
    if dotted in libraries.SEEDS:
        found.outward = True
        given = [*node.args, *[each.value for each in node.keywords]]
        if len(given) == 1 and not (isinstance(given[0], ast.Constant) and given[0].value is None):
            found.seeds.add(libraries.SEEDS[dotted])
        found.draws.add(libraries.SEEDS[dotted])
        return
    if libraries.OWN_GENERATOR.match(dotted):
        return
    if libraries.DRAWING.match(dotted) and top != "torch":
        found.draws.add(libraries.GENERATOR_OF[top])
    if not (
        top == "math"
        or (
            top == "numpy"
            and not rest.startswith(
                (
                    "random",
                    "load",
                    "save",
                    "fromfile",
                    "genfromtxt",
                    "memmap",
                    "loadtxt",
                    "savetxt",
                    "savez",
                )
            )
        )
    ):
        found.outward = True
    if libraries.OUTWARD_PURE.match(dotted):
        return
    if top in libraries.PLOTTERS:
        found.touches.add(libraries.PICTURES)
        if (
            libraries.SETTER.match(last)
            or "rcParams" in dotted
            or (top == "matplotlib" and rest == "use")
        ):
            found.process = True
        return
    if libraries.SETTER.match(last) and top != "provenance_kernel":
        found.process = True
        found.touches |= arguments
        return
    if top in libraries.OUTSIDE:
        found.process = True
        found.touches |= arguments
        return
    if top == "provenance_kernel":
        return
    if top in libraries.PURE_LIBRARIES:
        if last in libraries.MUTATORS or _is_inplace(node, keywords):
            found.touches |= arguments
        return
    found.touches |= arguments
    if not libraries.is_known_library(dotted):
        found.touches.add(f"%module:{top}")


def _is_inplace(node: ast.Call, keywords: set[str | None]) -> bool:
    for each in node.keywords:
        if each.arg in libraries.INPLACE:
            harmless = (True,) if each.arg == "copy" else (False, None)
            if not (isinstance(each.value, ast.Constant) and each.value.value in harmless):
                return True
    return None in keywords  # **options may say so


def _named(name: str, arguments: set[str], type_of: TypeOf, local: set[str], found: Does) -> None:
    if name in local:
        found.all_read = found.outward = True
        return
    if name in BUILTINS or name in libraries.PURE_BUILTINS:
        if name in libraries.UNSEEN:
            found.unseen = f"`{name}` may read and bind names that the source does not show"
            found.all_read = found.outward = True
        elif name not in libraries.PURE_BUILTINS:
            # open, next, setattr, delattr, breakpoint
            found.outward = True
            found.touches |= arguments
        return
    # A function of the user's: what it does follows from what the name carries.
    found.outward = True
    kind = type_of(name)
    if kind is None or not (kind.endswith("function") or _is_type(kind)):
        found.touches |= arguments | {name}


def _method(
    func: ast.Attribute,
    arguments: set[str],
    keywords: set[str | None],
    imports: Mapping[str, str],
    type_of: TypeOf,
    local: set[str],
    found: Does,
) -> None:
    method = func.attr
    root = root_of(func.value)
    if method in libraries.DRAWS_PICTURES:
        found.touches.add(libraries.PICTURES)
    if root is None:
        if (
            not isinstance(func.value, (ast.Constant, ast.JoinedStr))
            and method not in libraries.LOOKS
        ):
            found.all_read = found.outward = True
        return
    if root in imports:
        # A method of what a library's function or constant gave.
        top = imports[root].partition(".")[0]
        found.outward |= method not in libraries.LOOKS or top == "pathlib"
        if top in libraries.OUTSIDE:
            found.process |= method not in libraries.LOOKS
        elif top == "pathlib" and method in libraries.PATH_EFFECTS:
            found.process = True
        elif method not in libraries.LOOKS:
            found.touches |= arguments
            if top not in libraries.PURE_LIBRARIES:
                found.all_read = True
        return
    if root in local or root in BUILTINS:
        if method not in libraries.LOOKS:
            found.all_read = found.outward = True
        return
    kind = type_of(root)
    if kind is None:
        found.touches |= {root} | arguments
        found.outward = True
        return
    short = kind.rpartition(".")[2]
    if libraries.SCALARS.match(kind):
        if method in libraries.PATH_EFFECTS and short.endswith("Path"):
            found.outward = True
            found.process |= method in {"mkdir", "rmdir", "chmod"}
        elif short.endswith("Path"):
            found.outward = True
        return
    inplace = bool(keywords & (libraries.INPLACE - {"copy"})) or None in keywords
    if libraries.FRAMES.match(kind):
        mutator = method in libraries.FRAME_MUTATORS or method.startswith("__")
        found.outward |= method.startswith(("to_", "save", "dump", "tofile", "sample"))
        if mutator or inplace:
            found.touches |= {root} | (arguments if method in {"put", "update"} else set())
        return
    if libraries.LEARNERS.match(kind):
        found.outward = True
        found.touches.add(root)
        if inplace or "copy" in keywords:
            found.touches |= arguments
        return
    if short in libraries.PURE_OF and method in libraries.PURE_OF[short]:
        return
    found.outward = found.outward or short not in {"list", "dict", "set", "deque", "Counter"}
    found.touches |= {root} | arguments
