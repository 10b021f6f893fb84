"""Reading a cell's stages and tracked names from its metadata and opening comments.

Nothing that a cell or its metadata can hold makes this raise, or take long: what cannot be used
comes back as a problem, a sentence that quotes it, and what is too long is not read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from reprlib import Repr
from typing import Any, TypeVar

from provenance_kernel.parsing import parse
from provenance_kernel.types import Role, StageOrigin

LONGEST_LABEL = 200
_LONGEST_LIST = 2000
_QUOTED = 80
# Of what opens a cell so many characters are read, and so many of one line.
_LONGEST_OPENING = 100_000
_LONGEST_LINE = 20_000
# So many tags and so many keys are read, and so many stages, names and problems taken from them.
_READ = 1000
_MOST = 200

_DIRECTIVE = re.compile(r"#+\s*([A-Za-z_]\w*)\s*:(.*)", re.DOTALL)
# How papermill begins the cell that it puts into a notebook. It sends no metadata.
_INJECTED = "# Parameters"
_KEYS = ("stage", "track", "metric")
_TAG = re.compile(r"stage[:=-](.*)", re.IGNORECASE | re.DOTALL)
_APART = re.compile(r"[\s\-_]+")

T = TypeVar("T")


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


def normalised(label: str) -> str:
    """Return a stage's name as it is stored.

    Case, surrounding space and the kind of separator do not matter: `Feature-Engineering`
    and `feature engineering` are `feature_engineering`.
    """
    return _APART.sub("_", label.strip().casefold()).strip("_")


def stage(label: str, origin: StageOrigin) -> Stage:
    """Return the stage that a label names; raise `BadLabel` where it names none."""
    written = label.strip() if len(label) <= _LONGEST_LINE else label
    if len(written) > LONGEST_LABEL:
        raise BadLabel(
            f"the stage's name has {len(written)} characters; at most {LONGEST_LABEL} are kept"
        )
    name = normalised(written)
    if not name:
        raise BadLabel("the stage has no name")
    return Stage(name, written, origin)


def read(source: str, metadata: object = None) -> Directives:
    """Return what a cell's metadata and the comments that open it ask for."""
    reader = _Reader()
    try:
        if isinstance(metadata, Mapping):
            reader.metadata(metadata)
        if not metadata and source[:_QUOTED].partition("\n")[0].rstrip() == _INJECTED:
            reader.parameters = True
        for line in _opening_comments(source):
            reader.comment(line)
            if len(reader.problems) > _MOST:
                break
    except RecursionError:
        reader.problems.append("the cell's metadata or directives are nested too deeply to be read")
    if not (reader.stages or reader.tracked or reader.problems or reader.parameters):
        return _NOTHING
    problems = reader.problems
    if len(problems) > _MOST:
        problems[_MOST:] = ["more is wrong with the cell's directives; the rest is not told"]
    return Directives(
        tuple(reader.stages.values()),
        tuple(reader.tracked.values()),
        reader.parameters,
        tuple(problems),
    )


_NOTHING = Directives()


def _opening_comments(source: str) -> Iterator[str]:
    """Yield the comment lines before the first line of code, after a cell magic too.

    Of a line that is too long one character too many is yielded.
    """
    magics = True
    at, end = 0, len(source)
    while at < min(end, _LONGEST_OPENING):
        next_at = source.find("\n", at) + 1 or end + 1
        text = source[at : min(next_at - 1, at + _LONGEST_LINE + 1)].strip()
        if text.startswith("#"):
            magics = False
            yield text
        elif text and not (magics and text.startswith("%%")):
            return
        at = next_at


class _Reader:
    def __init__(self) -> None:
        self.stages: dict[object, Stage] = {}
        self.tracked: dict[object, Tracked] = {}
        self.parameters = False
        self.problems: list[str] = []

    def metadata(self, metadata: Mapping[object, object]) -> None:
        ours = metadata.get("provenance")
        if isinstance(ours, Mapping):
            if "stage" in ours:
                self._labels(ours["stage"])
            unknown = [key for key in islice(ours, _READ) if key != "stage"]
            quoted = f'"provenance": {_shown(ours)}' if unknown else ""
            for key in unknown:
                self._problem(f"unknown key {_shortened(_shown(key))}; known: stage", quoted)
        elif ours is not None:
            self._problem('it should be {"stage": NAME}', f'"provenance": {_shown(ours)}')
        tags = metadata.get("tags")
        for tag in tags[:_READ] if isinstance(tags, list | tuple) else ():
            if tag in ("parameters", "injected-parameters"):
                self.parameters = True
            elif isinstance(tag, str) and (match := _TAG.fullmatch(tag.strip())):
                self._stage(match[1], "metadata", f"tag {_shown(tag)}")

    def _labels(self, value: object) -> None:
        quoted = f'"stage": {_shown(value)}'
        for label in value[:_READ] if isinstance(value, list | tuple) else [value]:
            if isinstance(label, str):
                self._stage(label, "metadata", quoted)
            else:
                self._problem("a stage is a string, or a list of strings", quoted)

    def comment(self, line: str) -> None:
        match = _DIRECTIVE.fullmatch(line)
        if match is None:
            return
        key, rest = match[1].lower(), match[2].strip()
        if key in _KEYS and len(line) > _LONGEST_LINE:
            self._problem(f"the line is longer than {_LONGEST_LINE} characters", line)
        elif key == "stage":
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
            self._take(self.stages, (found.name, origin), found, quoted)

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
                found = Tracked(ast.unparse(each), role)
                self._take(self.tracked, found, found, line)
            else:
                written = _shortened(ast.unparse(each))
                self._problem(f"{written!r} is no name, attribute or item", line)

    def _take(self, taken: dict[object, T], key: object, value: T, quoted: str) -> None:
        if len(taken) < _MOST:
            taken.setdefault(key, value)
        elif key not in taken:
            self._problem(f"a cell has at most {_MOST} of them", quoted)

    def _problem(self, why: str, quoted: str) -> None:
        self.problems.append(f"{why}: {_shortened(quoted)}")


class _Beginning(Repr):
    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        return super().repr_dict(dict(islice(x.items(), self.maxdict)), level)


_REPR = _Beginning()
for _bound in ("dict", "list", "tuple", "level", "other", "string"):
    # What goes beyond is not quoted.
    setattr(_REPR, f"max{_bound}", 2 * _QUOTED)


def _shown(value: object) -> str:
    """Return what begins as a value's repr does, or all of it where that is short."""
    return repr(value[:_QUOTED]) if isinstance(value, str) else _REPR.repr(value)


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
