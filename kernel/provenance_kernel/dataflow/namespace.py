"""The difference of a namespace before and after a run, from the addresses of its values.

Nothing of the user's is kept alive: a snapshot holds numbers, not values. An address can be used
again for a new value once the old one is gone, so a name may be bound anew without a difference;
what is known from the code to be bound is added by whoever asks. (Types would catch some of
these; they cost half as much again and catch none that has the same type.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import compress, islice
from operator import ne
from typing import Any

from provenance_kernel.identity import identity

# What IPython binds as cells come and go, and what Python keeps in a module's namespace.
_OWN = re.compile(
    r"_{1,3}|_\d+|_i{0,3}|_i\d+|_[iod]h|In|Out|_exit_code|get_ipython|exit|quit"
    r"|__(?:annotations|annotate|conditional_annotations|builtin|builtins|doc|file|loader|name|nonzero"
    r"|package|session|spec|debuggerskip|tracebackhide|warningregistry)__"
)
_OUTPUT = re.compile(r"_{1,3}|_\d+|_oh|Out|(?:Out|_oh)\[-?\d+\]")
_INPUT = re.compile(r"_i{1,3}|_i\d+|_ih|In|(?:In|_ih)\[-?\d+\]")


def is_shells_own(name: str) -> bool:
    """Tell whether IPython or Python binds this name of itself."""
    return name[:1] in "_IOgeq" and _OWN.fullmatch(name) is not None


def is_history(name: str) -> bool:
    """Tell whether a name stands for the input or output of an earlier run: `_`, `Out[3]`."""
    if name[:1] not in "_IO":
        return False
    return _OUTPUT.fullmatch(name) is not None or _INPUT.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Difference:
    """Names bound anew (`changed` had another value before) and names unbound.

    `lost` holds those of the shell among the unbound, too.
    """

    added: frozenset[str]
    changed: frozenset[str]
    removed: frozenset[str]
    lost: frozenset[str]


_NONE: frozenset[str] = frozenset()
_SAME = Difference(_NONE, _NONE, _NONE, _NONE)


# Of a namespace so many names are looked at, those that were bound first.
MOST_NAMES = 10_000


class Snapshot:
    """Which names a namespace has, and the addresses of their values.

    `left_out` is the number of names that are not in it, as there are more than `MOST_NAMES`.
    """

    __slots__ = ("_names", "_places", "left_out")

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        part = copied(namespace)
        self.left_out = max(0, len(namespace) - len(part))
        self._names: list[str] = list(part)
        self._places: list[int] = list(map(identity, part.values()))

    def difference(self, after: Snapshot, hidden: Mapping[str, object]) -> Difference:
        """Return what became of the namespace, without the shell's own doings.

        `hidden` is the shell's `user_ns_hidden`: names with the values it bound them to.
        """
        names, places = after._names, after._places
        count = len(self._names)
        added: list[tuple[str, int]] = []
        lost: list[str] = []
        if names[:count] == self._names:
            # Names keep their order, so mostly there is nothing to look up.
            if places == self._places:
                return _SAME
            unlike = compress(range(count), map(ne, places, self._places))
            changed = [(names[i], places[i]) for i in unlike]
            if not self.left_out:
                added = list(zip(names[count:], places[count:], strict=True))
        else:
            before = dict(zip(self._names, self._places, strict=True))
            now = dict(zip(names, places, strict=True))
            changed = [(name, new) for name, new in now.items() if before.get(name, new) != new]
            if not self.left_out:
                # Else they may be some that were left out, and have moved up.
                added = [(name, new) for name, new in now.items() if name not in before]
            lost = [name for name in self._names if name not in now]
        return Difference(
            _users(added, hidden),
            _users(changed, hidden),
            frozenset(name for name in lost if type(name) is str and not is_shells_own(name)),
            frozenset(lost),
        )


def copied(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return an atomic copy of what is looked at: other threads may bind names meanwhile."""
    if len(namespace) > MOST_NAMES:
        # A finalizer may bind one, too, as pairs are made.
        with suppress(RuntimeError):
            return dict(islice(namespace.items(), MOST_NAMES))
    return dict(namespace)


def _users(bound: list[tuple[str, int]], hidden: Mapping[str, object]) -> frozenset[str]:
    return frozenset(
        name
        for name, place in bound
        if type(name) is str
        and not is_shells_own(name)
        and (name not in hidden or identity(hidden[name]) != place)
    )
