"""Conditions on tracked values: `f1 > 0.8 and (test_size = 0.2 or not model.kind = "forest")`.

    condition  = comparison | condition "and" condition | condition "or" condition
               | "not" condition | "(" condition ")"
    comparison = operand (operator operand)+
    operand    = name | `any name` | number | "text" | 'text' | true | false | none
    operator   = "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">="

Python's parser reads what binds to what, with the operands replaced by their numbers. As in SQL, a
comparison with a value that is not there, or of another type where order matters, is neither true
nor false, and neither is its negation; only what is true is selected.
"""

from __future__ import annotations

import ast
import json
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeGuard

from provenance_kernel.errors import SettingError
from provenance_kernel.types import Json

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>[-+]?(?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?(?![\w.]))
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<quoted>`[^`]+`)
    | (?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*|\[(?:"[^"]*"|'[^']*'|-?\d+)\])*)
    | (?P<operator><=|>=|<>|!=|==|=|<|>)
    | (?P<bracket>[()])
    )""",
    re.VERBOSE,
)
_OPERATORS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_PYTHON = {"=": "==", "<>": "!="}
_WORDS: dict[str, Json] = {"true": True, "false": False, "none": None, "null": None}
# What may come next, by what has been read: nothing, a comparison up to its left side or to an
# operator, all of one, or a bracket that closes.
_NEXT = {
    "nothing": {"operand": "left", "not": "nothing", "(": "nothing"},
    "left": {"operator": "operator"},
    "operator": {"operand": "comparison"},
    "comparison": {"operator": "operator", "and": "nothing", "or": "nothing", ")": "bracket"},
    "bracket": {"and": "nothing", "or": "nothing", ")": "bracket"},
}
_EXPECTED = {
    "nothing": "expected a name, a number or a text",
    "left": "expected a comparison (= != < <= > >=) after {last!r}",
    "operator": "expected a value after {last!r}",
    "comparison": "expected `and` or `or` before {this!r}",
    "bracket": "expected `and` or `or` before {this!r}",
}
# Deeper and longer ones are not written by people, and recursion has an end.
_DEPTH = 50
_LONGEST = 20_000

Values = Mapping[str, Json]
Test = Callable[[Values], "bool | None"]

# Stands for a value that a trial did not track.
_MISSING = object()
# As `a < b` is `b > a`.
_MIRRORED: dict[Callable[[Any, Any], bool], Callable[[Any, Any], bool]] = {
    operator.eq: operator.eq,
    operator.lt: operator.gt,
    operator.le: operator.ge,
    operator.gt: operator.lt,
    operator.ge: operator.le,
}
# Up to here a float is the whole number that it stands for.
_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Operand:
    """A value of a condition, or the name of one."""

    name: str | None
    value: Json = None

    def __call__(self, values: Values) -> Any:
        """Return the value; something of its own where there is none of the name."""
        return self.value if self.name is None else values.get(self.name, _MISSING)


class Bound(NamedTuple):
    """What must be true of a name's value for a condition to be true."""

    name: str
    compare: Callable[[Any, Any], bool]
    value: float | str


@dataclass(frozen=True, slots=True)
class _Token:
    """A word of a condition: `kind` is "operand", "operator", or the word itself."""

    kind: str
    text: str
    place: int


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was understood; `names` are those it asks for, with their places.

    It is true only where all `bounds` are, of which there may be none.
    """

    names: dict[str, int]
    test: Test
    bounds: tuple[Bound, ...]

    def holds(self, values: Values) -> bool:
        """Tell whether the condition is true of these values."""
        return self.test(values) is True

    def renamed(self, names: Mapping[str, str]) -> Condition:
        """Return the condition of values that go by other names."""

        def test(values: Values) -> bool | None:
            return self.test({a: values[b] for a, b in names.items() if b in values})

        bounds = tuple(each._replace(name=names[each.name]) for each in self.bounds)
        return Condition({b: self.names[a] for a, b in names.items()}, test, bounds)


def parse(text: str) -> Condition:
    """Return the condition that a text states; raise `SettingError` that points at the fault."""
    names: dict[str, int] = {}
    operands: list[Operand] = []
    python = []
    for token in _checked(text):
        if token.kind == "operand":
            python.append(f"_{len(operands)}")
            operands.append(_operand(token, names))
        else:
            python.append(_PYTHON.get(token.text, token.text.lower()))
    tree = ast.parse(" ".join(python), mode="eval")
    return Condition(names, _test(tree.body, operands), tuple(_bounds(tree.body, operands)))


def stored(text: str, number: float | None) -> Json:
    """Return a tracked value from its JSON text, or its number where JSON has no word for it."""
    loaded: Json = json.loads(text)
    if number is not None and not isinstance(loaded, int | float):
        return number
    return loaded


def comparable(text: str, number: float | None) -> Json:
    """Return a value to compare with: its number, unless to people it is none."""
    return stored(text, number) if number is None or text[0] in 'tf"' else number


def canonical(name: str, known: Collection[str]) -> str | None:
    """Return that name, or the known one that is the same expression with other quotes."""
    if name in known:
        return name
    wanted = _unparsed(name)
    return next((each for each in known if _unparsed(each) == wanted), None)


def error(text: str, place: int, problem: str) -> SettingError:
    """Return an error whose message shows the text and points at a place in it."""
    flat = re.sub(r"\s", " ", text)
    start = max(0, place - 60)
    caret = " " * (place - start) + "^"
    return SettingError(f"--where: {problem}\n  {flat[start : start + 90]}\n  {caret}")


def _unparsed(name: str) -> str:
    try:
        return ast.unparse(ast.parse(name, mode="eval"))
    except (SyntaxError, ValueError, RecursionError):
        return name


def _tokens(text: str) -> Iterator[_Token]:
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            place += len(text[place:]) - len(text[place:].lstrip())
            here = text[place]
            unclosed = "this quote is not closed"
            raise error(text, place, unclosed if here in "\"'`" else f"{here!r} means nothing here")
        place = match.end()
        if place > _LONGEST:
            raise error(text, _LONGEST, f"more than {_LONGEST} characters are too many")
        kind = str(match.lastgroup)
        word = match[kind]
        if kind == "bracket" or word.lower() in ("and", "or", "not"):
            yield _Token(word.lower(), word, match.start(kind))
        else:
            yield _Token(kind if kind == "operator" else "operand", word, match.start(kind))


def _checked(text: str) -> Iterator[_Token]:
    """Give a condition's tokens, up to the first that cannot come where it is: then raise."""
    read, last = "nothing", None
    depth = 0
    opened: list[tuple[_Token, int]] = []
    for token in _tokens(text):
        if token.kind == ")" and read in ("comparison", "bracket") and not opened:
            raise error(text, token.place, "this bracket was never opened")
        if token.kind not in _NEXT[read]:
            problem = _EXPECTED[read].format(last=last and last.text, this=token.text)
            raise error(text, token.place, problem)
        depth += token.kind in ("not", "(")
        if depth > _DEPTH:
            raise error(text, token.place, f"more than {_DEPTH} levels are too many")
        if token.kind == "(":
            opened.append((token, depth))
        elif token.kind == ")":
            opened.pop()
        if token.kind in ("and", "or", ")"):
            depth = opened[-1][1] if opened else 0
        read, last = _NEXT[read][token.kind], token
        yield token
    if last is None:
        raise SettingError('--where: the condition is empty; write one such as "f1 > 0.8"')
    if read not in ("comparison", "bracket"):
        raise error(text, len(text.rstrip()), _EXPECTED[read].format(last=last.text))
    if opened:
        raise error(text, opened[-1][0].place, "this bracket is not closed")


def _operand(token: _Token, names: dict[str, int]) -> Operand:
    """Return how to get an operand's value from a trial's; enter it in `names` if it is a name."""
    word, first = token.text.lower(), token.text[0]
    value: Json
    if word in _WORDS:
        value = _WORDS[word]
    elif first in "\"'":
        value = re.sub(r"\\(.)", r"\1", token.text[1:-1])
    elif first in "+-." or first.isdigit():
        value = ast.literal_eval(word) if _is_plain(word) else float(word)
    else:
        name = token.text.strip("`")
        names.setdefault(name, token.place)
        return Operand(name)
    return Operand(None, value)


def _is_plain(number: str) -> bool:
    """Tell whether a number is an integer as Python writes it, of a length that it reads."""
    return re.fullmatch(r"[-+]?(0|[1-9](_?[0-9]){0,300})", number) is not None


def _test(node: ast.expr, operands: Sequence[Operand]) -> Test:
    """Return the test that a part of a condition states, as Python reads it."""
    if isinstance(node, ast.BoolOp):
        tests = [_test(each, operands) for each in node.values]
        return _joined(tests, decisive=isinstance(node.op, ast.Or))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _test(node.operand, operands)
        return lambda values: None if (found := inner(values)) is None else not found
    if isinstance(node, ast.Compare):
        return _joined([_compare(*step) for step in _steps(node, operands)])
    raise TypeError(f"a condition has no {type(node).__name__}")


def _steps(
    node: ast.Compare, operands: Sequence[Operand]
) -> Iterator[tuple[Operand, Callable[[Any, Any], bool], Operand]]:
    """Give the comparisons of `a < b < c`, two operands each."""
    names = [each.id for each in (node.left, *node.comparators) if isinstance(each, ast.Name)]
    sides = [operands[int(name[1:])] for name in names]
    for a, op, b in zip(sides, node.ops, sides[1:], strict=False):
        yield a, _OPERATORS[type(op)], b


def _bounds(node: ast.expr, operands: Sequence[Operand]) -> Iterator[Bound]:
    """Give what must be true for a part of a condition to be true."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        for each in node.values:
            yield from _bounds(each, operands)
    elif isinstance(node, ast.Compare):
        for a, compare, b in _steps(node, operands):
            if compare not in _MIRRORED:
                continue
            if a.name is not None and b.name is None and _bounds_with(b.value, compare):
                yield Bound(a.name, compare, b.value)
            elif b.name is not None and a.name is None and _bounds_with(a.value, compare):
                yield Bound(b.name, _MIRRORED[compare], a.value)


def _bounds_with(value: Any, compare: Callable[[Any, Any], bool]) -> TypeGuard[float | str]:
    if isinstance(value, str):
        return compare is operator.eq and value.isascii()
    return type(value) in (int, float) and abs(value) < _EXACT


def _joined(tests: Sequence[Test], decisive: bool = False) -> Test:
    """Return the test of several, of which one that gives `decisive` decides."""

    def test(values: Values) -> bool | None:
        found = [each(values) for each in tests]
        return decisive if decisive in found else None if None in found else not decisive

    return tests[0] if len(tests) == 1 else test


def _compare(left: Operand, compare: Callable[[Any, Any], bool], right: Operand) -> Test:
    def test(values: Values) -> bool | None:
        a, b = left(values), right(values)
        if a is _MISSING or b is _MISSING:
            return None
        # To people, true is not 1.
        if isinstance(a, bool) != isinstance(b, bool):
            return compare(0, 1) if compare in (operator.eq, operator.ne) else None
        try:
            return bool(compare(a, b))
        except TypeError:
            return None

    return test
