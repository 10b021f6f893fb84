"""What a cell's source may do with names, in the order of evaluation, free of its syntax tree.

A `Program` is made once for a source (it can be kept by code hash) and read once for every run
of it, by `uses`. Positions are those of the syntax tree: (line, column), the column in bytes.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

Position: TypeAlias = tuple[int, int]


class Read(NamedTuple):
    """The name is looked up in the namespace."""

    name: str


class Bound(NamedTuple):
    """The name is bound in the namespace."""

    name: str


class Delete(NamedTuple):
    """The name is unbound."""

    name: str


class Called(NamedTuple):
    """What the name is bound to has been called, by that name."""

    name: str


class Passed(NamedTuple):
    """What the name, or its attribute, is bound to was handed to a call."""

    name: str
    attribute: str | None


class Star(NamedTuple):
    """All public names of a module are bound."""

    module: str


class Deferred(NamedTuple):
    """The body of a lambda, unless it is bound to a name: what it looks up when it is called.

    `passed`: it is among the arguments of a call.
    """

    names: tuple[str, ...]
    passed: bool


class Maybe(NamedTuple):
    """Steps that happen or not: operands of `and`, elements of a comprehension."""

    steps: Steps


class Embedded(NamedTuple):
    """Code in a string, run in the namespace, or (`binds` false) in a scope of its own."""

    body: Body
    binds: bool


Step: TypeAlias = "Read | Bound | Delete | Called | Passed | Star | Deferred | Maybe | Embedded"
Steps: TypeAlias = "tuple[Step, ...]"


class Simple(NamedTuple):
    """A statement without blocks; a `def` or `class` statement is one too."""

    line: int
    end: int
    steps: Steps


class Block(NamedTuple):
    """Statements that run only under a condition, known by the position of the first.

    An `elif` has no position: it is no block of its own.
    """

    position: Position | None
    body: Body


class If(NamedTuple):
    """`head_end` is the last line of the condition, here and below."""

    line: int
    end: int
    head_end: int
    test: Steps
    body: Block
    orelse: Block


class Repeat(NamedTuple):
    """`for` and `while`: `head` happens first, `each` at the start of every turn."""

    line: int
    end: int
    head_end: int
    head: Steps
    each: Steps
    body: Block
    orelse: Block


class With(NamedTuple):
    """`suppresses`: leaving it by an exception may be leaving it well."""

    line: int
    end: int
    head_end: int
    steps: Steps
    body: Body
    suppresses: bool


class Handler(NamedTuple):
    """One `except` clause: the look-up of the exceptions it takes, its target, its block."""

    types: Steps
    name: str | None
    block: Block


class Try(NamedTuple):
    line: int
    end: int
    body: Body
    handlers: tuple[Handler, ...]
    orelse: Block
    final: Body


class Case(NamedTuple):
    """One `case` clause: the look-ups of its pattern, what that binds, its guard, its block."""

    pattern: Steps
    captures: Steps
    guard: Steps
    block: Block


class Match(NamedTuple):
    line: int
    end: int
    head_end: int
    subject: Steps
    cases: tuple[Case, ...]


class Jump(NamedTuple):
    """`break` or `continue`: what follows in the block does not run."""

    line: int
    end: int


Flow: TypeAlias = "Simple | If | Repeat | With | Try | Match | Jump"
Body: TypeAlias = "tuple[Flow, ...]"


class Span(NamedTuple):
    """Where a statement stands in the source, decorators included; columns in bytes."""

    line: int
    column: int
    end_line: int
    end_column: int


class Program(NamedTuple):
    """A cell's module-level statements with their spans, and the names that they look up.

    `passed` are the names, with an attribute or None, that they hand to calls.
    """

    body: Body
    spans: tuple[Span, ...]
    loads: frozenset[str]
    passed: frozenset[tuple[str, str | None]]
