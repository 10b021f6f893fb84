"""Reading a cell's stages and tracked names from its metadata and opening comments.

Nothing that a cell or its metadata can hold makes this raise: what cannot be used comes back
as a problem, a sentence that quotes it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provenance_kernel.parsing import parse
from provenance_kernel.types import Role, StageOrigin

LONGEST_LABEL = 200
_LONGEST_LIST = 2000
_QUOTED = 80

_DIRECTIVE = re.compile(r"#+\s*([A-Za-z_]\w*)\s*:(.*)", re.DOTALL)
_KEYS = ("stage", "track", "metric")
_TAG = re.compile(r"stage[:=-](.*)", re.IGNORECASE | re.DOTALL)
_APART = re.compile(r"[\s\-_]+")


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage that a cell is tagged with: its normalised name, and as it was written."""

    name: str
    label: str
    origin: StageOrigin


@dataclass(frozen=True, slots=True)
class Tracked:
    """A name, attribute or item (`lr`, `model.max_depth`, `cfg["lr"]`) to record after the cell."""

    expression: str
    role: Role


@dataclass(frozen=True, slots=True)
class Directives:
    """All that a cell asks of the recorder."""

    stages: tuple[Stage, ...] = ()
    tracked: tuple[Tracked, ...] = ()
    parameters: bool = False
    problems: tuple[str, ...] = ()


class BadLabel(ValueError):
    """A stage's name is empty or too long."""


def stage(label: str, origin: StageOrigin) -> Stage:
    """Return the stage that a label names; raise `BadLabel` where it names none.

    Case, surrounding space and the kind of separator do not matter: `Feature-Engineering`
    and `feature engineering` are `feature_engineering`.
    """
    written = label.strip()
    name = _APART.sub("_", written.casefold()).strip("_")
    if not name:
        raise BadLabel("the stage has no name")
    if len(written) > LONGEST_LABEL:
        raise BadLabel(
            f"the stage's name has {len(written)} characters; at most {LONGEST_LABEL} are kept"
        )
    return Stage(name, written, origin)


def read(source: str, metadata: object = None) -> Directives:
    """Return what a cell's metadata and the comments that open it ask for."""
    reader = _Reader()
    try:
        if isinstance(metadata, Mapping):
            reader.metadata(metadata)
        if "#" in source:
            for line in _opening_comments(source):
                reader.comment(line)
    except RecursionError:
        reader.problems.append("the cell's metadata or directives are nested too deeply to be read")
    if not (reader.stages or reader.tracked or reader.problems or reader.parameters):
        return _NOTHING
    return Directives(
        tuple(reader.stages), tuple(reader.tracked), reader.parameters, tuple(reader.problems)
    )


_NOTHING = Directives()


def _opening_comments(source: str) -> Iterator[str]:
    """Yield the comment lines before the first line of code, after a cell magic too."""
    magics = True
    for line in source.split("\n"):
        text = line.strip()
        if text.startswith("#"):
            magics = False
            yield text
        elif text and not (magics and text.startswith("%%")):
            return


class _Reader:
    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self.tracked: list[Tracked] = []
        self.parameters = False
        self.problems: list[str] = []

    def metadata(self, metadata: Mapping[object, object]) -> None:
        ours = metadata.get("provenance")
        if isinstance(ours, Mapping):
            for key, value in ours.items():
                if key == "stage":
                    self._labels(value)
                else:
                    self._problem(f"unknown key {key!r}; known: stage", f'"provenance": {ours}')
        elif ours is not None:
            self._problem('it should be {"stage": NAME}', f'"provenance": {ours!r}')
        tags = metadata.get("tags")
        for tag in tags if isinstance(tags, list | tuple) else ():
            if tag in ("parameters", "injected-parameters"):
                self.parameters = True
            elif isinstance(tag, str) and (match := _TAG.fullmatch(tag.strip())):
                self._stage(match[1], "metadata", f"tag {tag!r}")

    def _labels(self, value: object) -> None:
        quoted = f'"stage": {value!r}'
        for label in value if isinstance(value, list | tuple) else [value]:
            if isinstance(label, str):
                self._stage(label, "metadata", quoted)
            else:
                self._problem("a stage is a string, or a list of strings", quoted)

    def comment(self, line: str) -> None:
        match = _DIRECTIVE.fullmatch(line)
        if match is None:
            return
        key, rest = match[1].lower(), match[2].strip()
        if key == "stage":
            for label in rest.split(","):
                self._stage(label, "comment", line)
        elif key in ("track", "metric"):
            self._track(rest, "metric" if key == "metric" else "parameter", line)
        elif likely := next((known for known in _KEYS if _slip(key, known)), None):
            self._problem(f"unknown directive {key!r}; did you mean {likely!r}?", line)

    def _stage(self, label: str, origin: StageOrigin, quoted: str) -> None:
        try:
            found = stage(label, origin)
        except BadLabel as error:
            self._problem(str(error), quoted)
        else:
            if all((each.name, each.origin) != (found.name, origin) for each in self.stages):
                self.stages.append(found)

    def _track(self, text: str, role: Role, line: str) -> None:
        names: ast.expr | None = None
        try:
            if len(text) > _LONGEST_LIST:
                raise ValueError
            names = parse(f"[{text}]", mode="eval").body
        except (SyntaxError, ValueError, MemoryError):
            pass
        if not isinstance(names, ast.List) or not names.elts:
            self._problem('it should list names, as in: lr, model.depth, cfg["lr"]', line)
            return
        for each in names.elts:
            if _is_place(each):
                self.tracked.append(Tracked(ast.unparse(each), role))
            else:
                written = _shortened(ast.unparse(each))
                self._problem(f"{written!r} is no name, attribute or item", line)

    def _problem(self, why: str, quoted: str) -> None:
        self.problems.append(f"{why}: {_shortened(quoted)}")


def _shortened(text: str) -> str:
    return text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…"


def _is_place(node: ast.expr) -> bool:
    while True:
        match node:
            case ast.Name():
                return True
            case ast.Attribute(value=inner):
                node = inner
            case ast.Subscript(value=inner, slice=ast.Constant()):
                node = inner
            case ast.Subscript(
                value=inner, slice=ast.UnaryOp(op=ast.USub(), operand=ast.Constant())
            ):
                node = inner
            case _:
                return False


def _slip(word: str, known: str) -> bool:
    """Tell whether a word is a known one with a letter too many, or with two letters swapped.

    Other near words (`state`, `rack`) are words of their own, and open many a plain comment.
    """
    if len(word) == len(known) + 1:
        return any(word[:at] + word[at + 1 :] == known for at in range(len(word)))
    return len(word) == len(known) and any(
        word[:at] + word[at + 1] + word[at] + word[at + 2 :] == known
        for at in range(len(word) - 1)
        if word[at] != word[at + 1]
    )
