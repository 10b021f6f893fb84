"""Which names' values may share parts: a change through one of them is a change of the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Protocol

from provenance_kernel.dataflow.statements import harmless
from provenance_kernel.dataflow.statements.did import MOST
from provenance_kernel.inspection import qualified_name, static_dict


class KnownValues(Protocol):
    """What a recorder knows of values by looking at them, as the last run that had them left them.

    While a run is described these are the values before it; once its variables have been
    examined, those after it.
    """

    def type_of(self, name: str, /) -> str | None:
        """Return the type of a name's value."""

    def shape_of(self, name: str, /) -> str | None:
        """Return the shape of a name's value."""

    def sharing(self, name: str, /) -> Collection[str]:
        """Return the names whose values reach a mutable part that this one reaches, too."""

    def is_known(self, name: str, /) -> bool:
        """Tell whether all mutable parts of a name's value have been seen."""

    def is_exact(self, name: str, /) -> bool:
        """Tell whether a change of a name's value would have been seen."""


class Groups:
    """Names that statements of one run brought together: their values may share parts."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def join(self, names: Iterable[str]) -> None:
        """Note that values of these names may share parts."""
        first: str | None = None
        for name in names:
            root = self._root(name)
            if first is None:
                first = root
            elif root != first:
                self._above[root] = first

    def _root(self, name: str) -> str:
        above = self._above.setdefault(name, name)
        while above != name:
            name, above = above, self._above[above]
        return name

    def members(self) -> dict[str, set[str]]:
        """Return, for each name that was joined, all names of its group."""
        by_root: defaultdict[str, set[str]] = defaultdict(set)
        for name in self._above:
            by_root[self._root(name)].add(name)
        return {name: by_root[self._root(name)] for name in self._above}


class Sharing:
    """What the names of a session share, from run to run.

    Of values that were seen whole, their addresses tell. Others are linked to all that a
    statement brought them together with, be it a file (`%file:PATH`).
    """

    def __init__(self, values: KnownValues) -> None:
        self._values = values
        self._links: dict[str, set[str]] = {}

    def of(self, name: str) -> set[str]:
        """Return the names whose values may change with one's, itself among them."""
        found = {name}
        pending = [name]
        while pending and len(found) < MOST:
            each = pending.pop()
            found.update(self._values.sharing(each))
            for near in self._links.get(each, ()):
                if near not in found:
                    found.add(near)
                    if self._values.is_known(near):
                        found.update(self._values.sharing(near))
                    else:
                        pending.append(near)
        return found

    def forget(self, names: Iterable[str]) -> None:
        """Take the names' values as gone; what they held together stays linked."""
        for name in names:
            near = self._links.pop(name, None)
            for each in near or ():
                self._links[each].discard(name)
            if near:
                self._link(near)

    def keep(self, groups: Iterable[Collection[str]]) -> None:
        """Keep what a run brought together, where addresses do not tell of it."""
        for group in groups:
            self._link(group)

    def _link(self, names: Collection[str]) -> None:
        for name in names:
            if not self._values.is_known(name):
                others = set(names) - {name}
                self._links.setdefault(name, set()).update(others)
                for other in others:
                    self._links.setdefault(other, set()).add(name)


def leaves_data(value: object) -> bool:
    """Tell whether whatever is done through a value changes no data that it was given."""
    kind = qualified_name(type(value))
    if kind.partition(".")[0] in harmless.PLOTTERS:
        return True
    return harmless.LEARNERS.match(kind) is not None and not _writes_over(value)


def _writes_over(value: object, depth: int = 4) -> bool:
    """Tell whether a model was told to write over what it is given, or has parts that may."""
    kind = qualified_name(type(value))
    if harmless.is_scalar(kind) or harmless.FRAMES.match(kind) or harmless.HOLDS.match(kind):
        return False
    if depth and type(value) in (list, tuple):
        return any(_writes_over(each, depth - 1) for each in value)  # type: ignore[attr-defined]
    if not depth or not harmless.LEARNERS.match(kind):
        return True
    state = static_dict(value) or {}
    told = {name: each for name, each in state.items() if harmless.WRITES_OVER.match(name)}
    if any(each is not name.startswith("copy") for name, each in told.items()):
        return True
    # What a fit made, under names that end in an underscore, was told what its parameters say.
    parts = [each for name, each in state.items() if not name.endswith("_")]
    return any(_writes_over(each, depth - 1) for each in parts if type(each) is not dict)
