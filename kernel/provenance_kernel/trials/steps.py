"""A trial's runs as one sequence of statements, and what their values may share."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from provenance_kernel.trials.functions import Latent


@dataclass(slots=True)
class Step:
    """A statement, or a whole run, that ran at this place in the trial.

    `kills` are names that it binds or unbinds for certain, `writes` all that it may bind;
    `touches` those whose values it may change; `text` is as the cell has it.
    """

    run: int
    text: str
    lines: int
    reads: set[str]
    writes: set[str]
    kills: set[str]
    touches: set[str]
    process: bool = False
    awaits: bool = False
    shell: bool = False
    guarded: bool = False
    future: bool = False
    made: bool = False
    node: ast.stmt | None = None


@dataclass(slots=True)
class Steps:
    """All steps up to a run, and what was found out about names on the way."""

    steps: list[Step] = field(default_factory=list)
    groups: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, None] = field(default_factory=dict)
    unvouched: bool = False
    fixed: set[str] = field(default_factory=set)
    latent: dict[str, list[Latent]] = field(default_factory=dict)

    def group(self, name: str) -> str:
        """Return what stands for all names that may share a value's parts with a name."""
        parent = self.groups.get(name, name)
        if parent == name:
            return name
        root = self.group(parent)
        self.groups[name] = root
        return root

    def join(self, names: Iterable[str]) -> None:
        """Note that values of these names may share parts."""
        first: str | None = None
        for name in names:
            root = self.group(name)
            if first is None:
                first = root
            elif root != first:
                self.groups[root] = first
                self.lead(first, self.latent.pop(root, ()))

    def lead(self, name: str, functions: Iterable[Latent]) -> None:
        """Note that a name's value leads to functions: it is one of them, or holds them."""
        held = self.latent.setdefault(self.group(name), [])
        held += [each for each in functions if all(each is not one for one in held)]

    def lead_only(self, names: Iterable[str], functions: Sequence[Latent]) -> None:
        """Note that names stand for these functions from now on, and for no earlier ones."""
        for name in names:
            if name not in self.groups and name not in self.groups.values():
                self.latent.pop(name, None)
            self.lead(name, functions)

    def led_to(self, name: str) -> Sequence[Latent]:
        """Return the functions that a name's value may lead to."""
        return self.latent.get(self.group(name), ())
