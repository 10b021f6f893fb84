"""What differs between two runs of a cell: code, arguments of calls, values, files, randomness."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from itertools import zip_longest
from typing import Literal, NamedTuple

from provenance_kernel.records import Activation, CellRun, FileAccess, Variable
from provenance_kernel.trials.compare import profiles
from provenance_kernel.trials.history import Run
from provenance_kernel.trials.query.outputs import Told, told
from provenance_kernel.types import Exactness

Verdict = Literal["equal", "different", "unknown"]

_RANK: list[Exactness] = ["exact", "sampled", "opaque"]
# How short reprs of what the source tells of begin.
_CODE = ("module ", "function ", "class ")

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
    not be digested. A `sampled` digest that is equal speaks for its sample only. `told` says how
    two arrays, series or frames differ.
    """

    name: str
    verdict: Verdict
    exactness: Exactness | None
    a: str | None
    b: str | None
    digest_a: str | None
    digest_b: str | None
    told: str | None = None


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


@dataclass(frozen=True, slots=True)
class OutputChange:
    """The digests of what two runs showed; None where one showed nothing.

    `places` are the outputs that differ: which of them, and what it is in both.
    """

    a: str | None
    b: str | None
    places: tuple[tuple[int, Told | None, Told | None], ...] = ()


def shows_another(a: CellRun, b: CellRun) -> bool:
    """Tell whether two runs that ended alike showed something else."""
    return a.status == b.status and a.output_digest != b.output_digest


def output(a: Run, b: Run) -> OutputChange | None:
    """Return what two runs showed, where both ended alike and showed something else."""
    if not shows_another(a, b):
        return None
    places = tuple(
        (at, one, other)
        for at, (one, other) in enumerate(zip_longest(told(a.outputs), told(b.outputs)), 1)
        if one is None or other is None or not _is_same(one, other)
    )
    # Where one was recorded before outputs were, there is nothing to tell of them.
    known = all(each.outputs or each.output_digest is None for each in (a, b))
    return OutputChange(a.output_digest, b.output_digest, places if known else ())


def _is_same(a: Told, b: Told) -> bool:
    if a.digest is not None and b.digest is not None:
        return (a.what, a.digest) == (b.what, b.digest)
    return (a.what, a.nbytes, a.summary) == (b.what, b.nbytes, b.summary)


def code(a: str, b: str) -> tuple[str, ...]:
    """Return the lines of a unified diff, without its heading."""
    lines = list(unified_diff(a.splitlines(), b.splitlines(), lineterm="", n=0))[2:]
    kept = tuple(line for line in lines if not line.startswith("@@"))
    more = len(kept) - _DIFF_LINES
    return kept if more <= 0 else (*kept[:_DIFF_LINES], f" … {more} more lines differ")


def arguments(a: Run, b: Run, everything: bool = False) -> tuple[ArgumentChange, ...]:
    """Return the arguments of the calls that both runs made; those that differ and are settings.

    Calls are matched by name in the order in which they were made. Data that is passed on, and what
    is shown to people, is left out unless everything is asked for.
    """
    changes: dict[ArgumentChange, None] = {}
    for one, other in _matched(a.calls[:_CALLS], b.calls[:_CALLS]):
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
        return "unknown" if a.repr.startswith("<") or b.repr.startswith("<") else "different"
    return "equal" if _is_literal(a.repr) else "unknown"


def _is_literal(text: str) -> bool:
    if text.startswith(_CODE):
        return True
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False
    return "…" not in text


def variables(a: Run, b: Run, everything: bool = False) -> tuple[VariableChange, ...]:
    """Return the names that two runs left, with what they held; by default those that differ."""
    changes = []
    for name in sorted({*a.left, *b.left}):
        one, other = a.left.get(name), b.left.get(name)
        verdict: Verdict = "different" if one is None or other is None else same_value(one, other)
        present = [each for each in (one, other) if each is not None]
        # Which names are imported the code tells, and which are left over from a loop too.
        told = len(present) == 1 and (present[0].repr or "").startswith(_CODE)
        if not everything and (verdict != "different" or told):
            continue
        exactness = max((each.exactness or "opaque" for each in present), key=_RANK.index)
        reprs = [None if side is None else side.repr for side in (one, other)]
        digests = [None if side is None else side.digest for side in (one, other)]
        how = None
        if one is not None and other is not None and verdict == "different":
            how = profiles.told(one.profile, other.profile)
        changes.append(
            VariableChange(
                name, verdict, exactness, reprs[0], reprs[1], digests[0], digests[1], how
            )
        )
    return tuple(changes)


def files(a: Run, b: Run, everything: bool = False) -> tuple[FileChange, ...]:
    """Return the files that two runs opened; by default those whose content differs."""
    ours, theirs = ({each.path: each for each in run.files} for run in (a, b))
    changes = []
    for path in sorted({*ours, *theirs}):
        one, other = ours.get(path), theirs.get(path)
        sides = [each for each in (other, one) if each is not None]
        mine, its = _content(one), _content(other)
        verdict: Verdict = "different"
        if len(sides) == 2:
            verdict = "unknown" if None in (mine, its) else "equal" if mine == its else "different"
        known = mine is not None or its is not None
        if everything or (verdict == "different" and known):
            sizes = [None if side is None else side.nbytes for side in (one, other)]
            changes.append(FileChange(path, sides[0].mode, verdict, mine, its, *sizes))
    return tuple(changes)


def _content(access: FileAccess | None) -> str | None:
    return None if access is None else access.digest_after or access.digest_before


def randomness(a: Run, b: Run, everything: bool = False) -> tuple[RandomChange, ...]:
    """Return how two runs used random generators; by default where that differs."""
    generators = sorted({*a.generators, *b.generators})
    others = [
        note
        for note in dict.fromkeys([*a.unseeded, *b.unseeded])
        if note.partition(":")[0] not in generators
    ]
    changes = []
    for name in (*generators, *others):
        one, other = _drawn(a, name), _drawn(b, name)
        equal = one is not None and other is not None and one.states == other.states
        if everything or not equal:
            changes.append(
                RandomChange(
                    name if name in generators else "",
                    "equal" if equal else "different",
                    (one and one.seeded) != (other and other.seeded),
                    None if one is None else one.text,
                    None if other is None else other.text,
                )
            )
    return tuple(changes)


class _Drawn(NamedTuple):
    """A run's use of a generator, or what was noted of other random numbers."""

    text: str
    seeded: bool
    states: tuple[str, ...] = ()


def _drawn(run: Run, name: str) -> _Drawn | None:
    if (state := run.generators.get(name)) is not None:
        seeded = not any(note.startswith(f"{name}:") for note in run.unseeded)
        text = f"{'seeded' if seeded else 'unseeded'}, state {state.digest_before[:8]}"
        return _Drawn(text, seeded, (state.digest_before, state.digest_after))
    return _Drawn(name, seeded=False) if name in run.unseeded else None
