"""What code may do beyond binding names, judged by what it calls and stores into.

What is not known to be harmless is taken to change whatever it can reach.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from provenance_kernel.dataflow.statements import harmless
from provenance_kernel.dataflow.statements.parts import (
    BUILTINS,
    children,
    dotted_name,
    last_name,
    names_in,
    root_of,
)
from provenance_kernel.dataflow.statements.signatures import may_write, resolved

# Operators, which give values of their own.
OPERATORS = (ast.BinOp, ast.Compare, ast.UnaryOp)
TypeOf = Callable[[str], str | None]


@dataclass(slots=True)
class Deeds:
    """What code may do when it runs.

    touches: names whose values it may change; `all_read` says that any value in reach may be.
    process: it changes the process itself. unseen: why its names cannot be told from the source.
    outward: it may draw random numbers or use files. lists: it looks which files there are.
    draws, seeds: generators that it draws from, and that it puts into a known state.
    loads: names that a function's body looks up, and does not bind.
    used: names whose values it makes use of: what keeps its state to itself may be changed by it.
    stores: names into whose values it surely puts something, though it may look the same after.
    texts: whether what it calls may look up names that strings hold; `strings` are its own.
    names: whether it may read any name of the session. prints: it may write values as text.
    """

    touches: set[str] = field(default_factory=set)
    all_read: bool = False
    process: bool = False
    unseen: str | None = None
    outward: bool = False
    draws: set[str] = field(default_factory=set)
    seeds: set[str] = field(default_factory=set)
    binds_fresh: bool = False
    lists: bool = False
    loads: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    stores: set[str] = field(default_factory=set)
    texts: bool = False
    strings: set[str] = field(default_factory=set)
    names: bool = False
    prints: bool = False

    @property
    def is_vague(self) -> bool:
        """Whether it may do more to the session's values than its source shows."""
        return self.all_read or self.process or self.names or self.texts or bool(self.unseen)

    @property
    def may_print(self) -> bool:
        """Whether it may write values as text, by what it does or what is not known of it."""
        known = not (self.all_read or self.process or self.unseen)
        return self.prints or not known or any(each.startswith("%module:") for each in self.touches)

    def add(self, other: Deeds) -> None:
        """Do also what a function does that is called."""
        self.touches |= other.touches
        self.draws |= other.draws
        self.loads |= other.loads
        self.strings |= other.strings
        self.texts |= other.texts
        self.names |= other.names
        self.prints |= other.prints
        self.all_read |= other.all_read
        self.process |= other.process
        self.outward |= other.outward
        self.lists |= other.lists
        self.unseen = self.unseen or other.unseen


def handed_names(nodes: Iterable[ast.AST], type_of: TypeOf) -> set[str]:
    """Return the names whose values may be part of what an expression gives, or be kept by a call.

    `len(rows)` tells of the rows and holds none, and `table + 1` is another table.
    """
    found = set()
    pending: list[Any] = [*nodes]
    while pending:
        each = pending.pop()
        kind = type(each)
        if kind is ast.Name:
            found.add(each.id)
        elif not (
            (kind is ast.Call and is_measure(each, type_of))
            or (kind in OPERATORS and is_fresh(each, type_of))
        ):
            pending += children(each)
    return found


def is_measure(call: Any, type_of: TypeOf) -> bool:
    func = call.func
    return type(func) is ast.Name and func.id in harmless.MEASURES and type_of(func.id) is None


def is_fresh(node: ast.AST, type_of: TypeOf) -> bool:
    """Tell whether an operator gives a value that shares no part with those that it is given."""
    return all(
        (kind := type_of(each)) and (harmless.SCALARS.match(kind) or harmless.FRAMES.match(kind))
        for each in names_in(node)
    )


def is_class(kind: str | None) -> bool:
    return kind in {"type", "abc.ABCMeta"}


def _is_of(pattern: Any, kind: str | None) -> bool:
    return kind is not None and pattern.match(kind) is not None


def _may_write_over(node: ast.Call) -> bool:
    """Tell whether a model that is made and called may write over what it is given."""
    words = {each.arg for each in ast.walk(node) if type(each) is ast.keyword}
    return not words.isdisjoint({*harmless.INPLACE, None})


def _sets_printing(dotted: str, given: list[ast.expr]) -> bool:
    if dotted in ("pandas.set_option", "pandas.reset_option"):
        names = [getattr(each, "value", None) for each in given[::2]]
        options = harmless.OPTIONS_OF_PRINTING
        return all(type(name) is str and options.match(name) for name in names)
    return harmless.SETS_PRINTING.match(dotted) is not None


class Judge:
    """Judges calls and stores in the light of what names stand for."""

    def __init__(
        self, imports: Mapping[str, str], type_of: TypeOf, local: set[str], found: Deeds
    ) -> None:
        self.imports = imports
        self.type_of = type_of
        self.local = local
        self.found = found
        # The call that the statement is there for, where nothing is done with what it gives.
        self.effect: ast.Call | None = None

    def loads(self, names: Iterable[Any]) -> None:
        """Operators and loops run methods of a value's class: harmless of some kinds."""
        for node in names:
            name = node.id
            if type(node.ctx) is not ast.Load or name in self.local or name in self.imports:
                continue
            kind = self.type_of(name)
            if kind is None and name in BUILTINS:
                continue
            self.found.used.add(name)
            known = harmless.SCALARS, harmless.DATA, harmless.LEARNERS
            if not any(_is_of(each, kind) for each in known):
                self.found.touches.add(name)

    def attribute(self, node: Any) -> None:
        """A method may be handed on, to be called by whom it is given to."""
        root = node.value
        if type(root) is not ast.Name or root.id in self.local or root.id in self.imports:
            return
        kind = self.type_of(root.id) or ""
        short = kind.rpartition(".")[2]
        if short in harmless.PURE_OF and node.attr not in harmless.PURE_OF[short]:
            self.found.touches.add(root.id)

    def store(self, node: ast.AST) -> None:
        """An attribute or item is bound or unbound."""
        root = root_of(node)
        found = self.found
        if root is None:
            found.all_read = found.process = True
        elif root in self.imports:
            # An attribute of a module, as `plt.rcParams["x"] = 1` or `os.environ["X"] = "1"`.
            top = self.imports[root].partition(".")[0]
            if top in harmless.PLOTTERS:
                found.touches.add(harmless.STYLES)
                return
            if harmless.SETS_PRINTING.match(dotted_name(node, self.imports) or ""):
                found.touches.add(harmless.PRINTING)
                return
            found.process = True
            if top not in harmless.OUTSIDE:
                found.touches.add(root)
        elif root in self.local or (root in BUILTINS and self.type_of(root) is None):
            found.all_read = True
        else:
            found.touches.add(root)
            found.stores.add(root)

    def call(self, node: Any) -> None:
        """A call is made."""
        func = node.func
        given = [*node.args, *[each.value for each in node.keywords]]
        arguments = {name for name in handed_names(given, self.type_of) if name not in self.local}
        keywords = {each.arg for each in node.keywords}
        if last_name(func) in harmless.LISTING:
            self.found.lists = self.found.outward = True
        root = func
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name) and root.id in self.imports:
            dotted = dotted_name(func, self.imports)
            self._library(dotted or "", node, arguments, given)
        elif isinstance(func, ast.Name):
            self._named(func.id, arguments, given)
        elif isinstance(func, ast.Attribute):
            self._method(func, node, arguments, keywords)
        else:
            self.found.all_read = self.found.outward = True

    def _library(
        self,
        dotted: str,
        node: ast.Call,
        arguments: set[str],
        given: list[ast.expr],
    ) -> None:
        found = self.found
        top, _, rest = dotted.partition(".")
        last = dotted.rpartition(".")[2]
        seeded = harmless.SEEDS.get(dotted)
        if seeded is not None:
            found.outward = True
            found.draws.add(seeded)
            if len(given) == 1 and getattr(given[0], "value", "") is not None:
                found.seeds.add(seeded)
            return
        if harmless.OWN_GENERATOR.match(dotted):
            return
        if harmless.DRAWING.match(dotted) and top != "torch":
            found.draws.add(harmless.GENERATOR_OF[top])
        found.outward |= top != "math" and (
            top != "numpy" or rest.startswith(harmless.OUTWARD_OF_NUMPY)
        )
        if harmless.OUTWARD_PURE.match(dotted):
            return
        if top in harmless.PLOTTERS:
            # How pictures look is theirs alone.
            sets = harmless.SETTER.match(last) or last == "set" or ".rcParams." in dotted
            found.touches.add(harmless.STYLES if sets else harmless.PICTURES)
        elif top == "provenance_kernel":
            return
        elif _sets_printing(dotted, given):
            found.touches.add(harmless.PRINTING)
        elif harmless.SETTER.match(last) or top in harmless.OUTSIDE:
            found.process = True
            found.touches |= arguments
        elif top in harmless.PURE_LIBRARIES:
            if node is self.effect or last in harmless.MUTATORS or self._writes(dotted, node):
                found.touches |= arguments
            found.texts |= bool(harmless.READS_NAMES.match(last))
        else:
            found.touches |= arguments
            found.prints |= top in ("csv", "pickle", "io", "joblib", "tqdm")
            if not harmless.is_known_library(dotted):
                found.touches.add(f"%module:{top}")
                found.texts = True

    def _writes(self, dotted: str, node: ast.Call, bound: bool = False) -> bool:
        return may_write(resolved(dotted), node, bound)

    def _named(self, name: str, arguments: set[str], given: list[ast.expr]) -> None:
        found = self.found
        kind = self.type_of(name)
        if name in self.local:
            found.all_read = found.outward = True
        elif kind is None and (name in BUILTINS or name in harmless.PURE_BUILTINS):
            if name in harmless.UNSEEN:
                found.unseen = f"`{name}` may read and bind names that the source does not show"
                found.all_read = found.outward = found.texts = True
            elif name not in harmless.PURE_BUILTINS:
                # open, next, setattr, delattr, breakpoint
                found.outward = True
                found.touches |= arguments
                found.all_read |= (
                    name.endswith("attr") and bool(given) and root_of(given[0]) in self.local
                )
        else:
            # A function of the user's: what it does follows from its own deeds.
            found.outward = True
            if kind is None or not (kind.endswith("function") or is_class(kind)):
                found.touches |= arguments | {name}

    def _method(
        self, func: ast.Attribute, node: ast.Call, arguments: set[str], keywords: set[str | None]
    ) -> None:
        found = self.found
        method = func.attr
        found.texts |= bool(harmless.READS_NAMES.match(method))
        root = root_of(func.value)
        if method in harmless.DRAWS_PICTURES:
            found.touches.add(harmless.PICTURES)
        kind = self.type_of(root) if root else None
        if root is not None and root in self.imports:
            if harmless.LEARNERS.match(self.imports[root]) and not _may_write_over(node):
                arguments = {name for name in arguments if not self._is_data(name)}
            self._of_library(self.imports[root].partition(".")[0], method, arguments)
        elif root is None or root in self.local or (kind is None and root in BUILTINS):
            constant = isinstance(func.value, (ast.Constant, ast.JoinedStr))
            if not constant and method not in harmless.LOOKS:
                found.all_read = found.outward = True
        elif kind is None:
            found.touches |= {root} | arguments
            found.outward = found.prints = True
        elif harmless.SCALARS.match(kind):
            if kind.endswith("Path"):
                found.outward = True
                found.process |= method in {"mkdir", "rmdir", "chmod"}
        else:
            self._of_value(kind, root, func, node, arguments, keywords)

    def _is_data(self, name: str) -> bool:
        return _is_of(harmless.FRAMES, self.type_of(name))

    def _of_library(self, top: str, method: str, arguments: set[str]) -> None:
        """A method of what a library's function or constant gave is called."""
        found = self.found
        looks = method in harmless.LOOKS
        found.outward |= not looks or top == "pathlib"
        if top in harmless.OUTSIDE:
            found.process |= not looks
        elif top == "pathlib" and method in harmless.PATH_EFFECTS:
            found.process = True
        elif not looks:
            found.touches |= arguments
            found.all_read |= top not in harmless.PURE_LIBRARIES

    def _of_value(
        self,
        kind: str,
        root: str,
        func: ast.Attribute,
        node: ast.Call,
        arguments: set[str],
        keywords: set[str | None],
    ) -> None:
        found = self.found
        method = func.attr
        short = kind.rpartition(".")[2]
        direct = type(func.value) is ast.Name
        if harmless.FRAMES.match(kind):
            asks = method in harmless.QUESTIONS
            found.outward |= method.startswith(("to_", "save", "dump", "tofile", "sample"))
            writes = direct and self._writes(f"{kind}.{method}", node, bound=True)
            writes |= not direct and bool(keywords & (harmless.INPLACE - {"copy"}))
            if writes or method in harmless.FRAME_MUTATORS or method.startswith("__"):
                found.touches |= {root} | arguments
            elif node is self.effect and not (asks or method.startswith(("to_", "save"))):
                found.touches.add(root)
        elif harmless.LEARNERS.match(kind):
            found.outward = True
            if method not in harmless.ASKS_MODELS or harmless.COMPOSED.match(kind):
                found.touches.add(root)
            if keywords & harmless.INPLACE or None in keywords:
                found.touches |= arguments
        elif kind.partition(".")[0] in harmless.PLOTTERS:
            found.touches |= {root, harmless.PICTURES}
        elif method not in harmless.PURE_OF.get(short, ()):
            found.prints |= not harmless.DATA.match(kind)
            found.outward |= short not in {"list", "dict", "set", "deque", "Counter"}
            found.touches |= {root} | arguments
        if is_class(kind) or (node is self.effect and root in found.touches and direct):
            # What nothing shows that it has done may have been done to what no digest holds.
            found.stores.add(root)
