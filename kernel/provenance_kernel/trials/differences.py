"""What differs between two runs of a cell: code, arguments of calls, values, files, randomness."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from typing import Literal

from provenance_kernel.records import Activation, FileAccess, RandomState, Variable
from provenance_kernel.types import Exactness

Verdict = Literal["equal", "different", "unknown"]

# Texts of a diff that are longer say no more.
_DIFF_LINES = 60
_ITEMS = 8
_DIGITS = 10
_CALLS = 2000
# A call of one of these carries data, or shows it. `open` is told by the files.
_PASSING = "builtins."
# How short reprs of data begin: they tell a shape, and the digests tell the rest.
_DATA = frozenset(
    {
        *("DataFrame", "Series", "Index", "RangeIndex", "MultiIndex", "DatetimeIndex", "array"),
        *("Tensor", "tensor", "ndarray", "matrix", "LazyFrame", "Table", "RecordBatch"),
        *("ChunkedArray", "Categorical", "CategoricalIndex", "csr_matrix", "csc_matrix"),
        *("DictReader", "range"),
    }
)


@dataclass(frozen=True, slots=True)
class ArgumentChange:
    """An argument of a call that both runs made; a side is None where it was not given."""

    call: str
    line_a: int | None
    line_b: int | None
    parameter: str
    a: str | None
    b: str | None


@dataclass(frozen=True, slots=True)
class VariableChange:
    """A name that a run left; a side is None where the run did not leave it.

    `verdict` is `different` where digests or plain values are, and `unknown` where a value could
    not be digested. A `sampled` digest that is equal speaks for its sample only.
    """

    name: str
    verdict: Verdict
    exactness: Exactness | None
    a: str | None
    b: str | None
    digest_a: str | None
    digest_b: str | None


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that was read or written, by its digest after; a side is None where it was not."""

    path: str
    mode: str
    verdict: Verdict
    a: str | None
    b: str | None
    nbytes_a: int | None
    nbytes_b: int | None


@dataclass(frozen=True, slots=True)
class RandomChange:
    """How a run used a generator: from what state, and whether that state was seeded.

    `seeding` tells whether one run's state was seeded and the other's was not.
    """

    generator: str
    verdict: Verdict
    seeding: bool
    a: str | None
    b: str | None


def code(a: str, b: str) -> tuple[str, ...]:
    """Return the lines of a unified diff, without its heading."""
    lines = list(unified_diff(a.splitlines(), b.splitlines(), lineterm="", n=0))[2:]
    kept = tuple(line for line in lines if not line.startswith("@@"))
    more = len(kept) - _DIFF_LINES
    return kept if more <= 0 else (*kept[:_DIFF_LINES], f" … {more} more lines differ")


def arguments(
    a: Sequence[Activation], b: Sequence[Activation], everything: bool = False
) -> tuple[ArgumentChange, ...]:
    """Return the arguments of the calls that both runs made; those that differ and are settings.

    Calls are matched by name in the order in which they were made. Data that is passed on, and what
    is shown to people, is left out unless everything is asked for.
    """
    changes: dict[ArgumentChange, None] = {}
    for one, other in _matched(a[:_CALLS], b[:_CALLS]):
        ours, theirs = one.arguments or {}, other.arguments or {}
        if not everything and (ours == theirs or one.name.startswith(_PASSING)):
            continue
        for name in dict.fromkeys([*ours, *theirs]):
            mine, its = ours.get(name), theirs.get(name)
            shown = mine != its and all(each is None or is_setting(each) for each in (mine, its))
            if everything or shown:
                changes[ArgumentChange(one.name, one.line, other.line, name, mine, its)] = None
    return tuple(changes)


def _matched(
    a: Sequence[Activation], b: Sequence[Activation]
) -> list[tuple[Activation, Activation]]:
    ours, theirs = [each.name for each in a], [each.name for each in b]
    if ours == theirs:
        return list(zip(a, b, strict=True))
    pairs = []
    rest_a: dict[str, list[int]] = defaultdict(list)
    rest_b: dict[str, list[int]] = defaultdict(list)
    for tag, start_a, end_a, start_b, end_b in SequenceMatcher(
        None, ours, theirs, autojunk=len(a) > 200
    ).get_opcodes():
        if tag == "equal":
            pairs += list(zip(range(start_a, end_a), range(start_b, end_b), strict=True))
            continue
        for at in range(start_a, end_a):
            rest_a[ours[at]].append(at)
        for at in range(start_b, end_b):
            rest_b[theirs[at]].append(at)
    for name, places in rest_a.items():
        pairs += list(zip(places, rest_b.get(name, ()), strict=False))
    return [(a[one], b[other]) for one, other in sorted(pairs, key=lambda pair: pair[1])]


def is_setting(text: str) -> bool:
    """Tell whether an argument's short repr is that of a setting: a literal, or a small object.

    Reprs that were cut, tables, arrays, objects that show no more than their type, and numbers with
    the many digits of what was computed are none.
    """
    if "…" in text or text.startswith("<"):
        return False
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # `function f1_score`, `class sklearn.svm.SVC`: which one is passed is a setting.
        return text.startswith(("function ", "class "))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in _DATA:
            return False
        if isinstance(node, ast.List | ast.Tuple | ast.Set) and len(node.elts) > _ITEMS:
            return False
        if isinstance(node, ast.Dict) and len(node.keys) > _ITEMS:
            return False
        if (
            isinstance(node, ast.Constant)
            and type(node.value) is float
            and _is_computed(node.value)
        ):
            return False
    return True


def _is_computed(number: float) -> bool:
    """Tell whether a number has more digits than people write."""
    return len(repr(number).partition("e")[0].strip("-0.").replace(".", "")) > _DIGITS


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def same_value(a: Variable, b: Variable) -> Verdict:
    """Tell whether two values are the same, as far as the record knows."""
    if a.digest is not None and b.digest is not None:
        # A sample and the whole of a value have digests of different things.
        if a.exactness == b.exactness or a.type != b.type:
            return "equal" if a.digest == b.digest else "different"
        return "different" if a.shape != b.shape else "unknown"
    if a.type != b.type or a.shape != b.shape:
        return "different"
    if a.repr is None or b.repr is None:
        return "unknown"
    if a.repr != b.repr:
        # Objects that show their address or a part of themselves are not told apart by it.
        return "different" if _tells(a.repr) and _tells(b.repr) else "unknown"
    return "equal" if _is_literal(a.repr) else "unknown"


def _tells(text: str) -> bool:
    return not text.startswith("<")


def _is_literal(text: str) -> bool:
    if text.startswith(("module ", "function ", "class ")):
        return True
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False
    return "…" not in text


def variables(
    a: Mapping[str, Variable], b: Mapping[str, Variable], everything: bool = False
) -> tuple[VariableChange, ...]:
    """Return the names that two runs left, with what they held; by default those that differ."""
    changes = []
    for name in sorted({*a, *b}):
        one, other = a.get(name), b.get(name)
        gone = one is None or other is None
        verdict: Verdict = "different" if one is None or other is None else same_value(one, other)
        present = [each for each in (one, other) if each is not None]
        # Which names are imported the code tells, and which are left over from a loop too.
        if not everything and (verdict != "different" or (gone and _is_code(present[0]))):
            continue
        exactness = max((each.exactness or "opaque" for each in present), key=_RANK.index)
        changes.append(
            VariableChange(
                name,
                verdict,
                exactness,
                None if one is None else one.repr,
                None if other is None else other.repr,
                None if one is None else one.digest,
                None if other is None else other.digest,
            )
        )
    return tuple(changes)


_RANK: list[Exactness] = ["exact", "sampled", "opaque"]


def _is_code(variable: Variable) -> bool:
    """Tell whether a name stands for a module, function or class, which the source tells of."""
    return (variable.repr or "").startswith(("module ", "function ", "class "))


def files(
    a: Sequence[FileAccess], b: Sequence[FileAccess], everything: bool = False
) -> tuple[FileChange, ...]:
    """Return the files that two runs opened; by default those whose content differs."""
    ours, theirs = ({each.path: each for each in side} for side in (a, b))
    changes = []
    for path in sorted({*ours, *theirs}):
        one, other = ours.get(path), theirs.get(path)
        mine, its = _content(one), _content(other)
        verdict: Verdict = (
            "different"
            if one is None or other is None
            else "unknown"
            if mine is None or its is None
            else "equal"
            if mine == its
            else "different"
        )
        known = mine is not None or its is not None
        if everything or (verdict == "different" and known):
            mode = (other or one or a[0]).mode
            changes.append(
                FileChange(
                    path,
                    mode,
                    verdict,
                    mine,
                    its,
                    None if one is None else one.nbytes,
                    None if other is None else other.nbytes,
                )
            )
    return tuple(changes)


def _content(access: FileAccess | None) -> str | None:
    return None if access is None else access.digest_after or access.digest_before


def randomness(
    a: tuple[Mapping[str, RandomState], tuple[str, ...]],
    b: tuple[Mapping[str, RandomState], tuple[str, ...]],
    everything: bool = False,
) -> tuple[RandomChange, ...]:
    """Return how two runs used random generators; by default where that differs.

    Each side is the run's states by generator, and what was noted of unseeded use.
    """
    changes = []
    for generator in sorted({*a[0], *b[0]}):
        one, other = a[0].get(generator), b[0].get(generator)
        equal = (
            one is not None
            and other is not None
            and (one.digest_before, one.digest_after) == (other.digest_before, other.digest_after)
        )
        if everything or not equal:
            changes.append(
                RandomChange(
                    generator,
                    "equal" if equal else "different",
                    (one is None) != (other is None)
                    or _is_seeded(generator, a[1]) != _is_seeded(generator, b[1]),
                    _used(one, generator, a[1]),
                    _used(other, generator, b[1]),
                )
            )
    if everything or set(a[1]) != set(b[1]):
        for note in dict.fromkeys([*a[1], *b[1]]):
            here, there = note in a[1], note in b[1]
            if note.partition(":")[0] not in {*a[0], *b[0]} and (everything or here != there):
                changes.append(
                    RandomChange(
                        "",
                        "equal" if here == there else "different",
                        here != there,
                        note if here else None,
                        note if there else None,
                    )
                )
    return tuple(changes)


def _used(state: RandomState | None, generator: str, notes: Sequence[str]) -> str | None:
    if state is None:
        return None
    seeding = "seeded" if _is_seeded(generator, notes) else "unseeded"
    return f"{seeding}, state {state.digest_before[:8]}"


def _is_seeded(generator: str, notes: Sequence[str]) -> bool:
    return not any(note.startswith(f"{generator}:") for note in notes)
