"""Conditions on tracked values: `f1 > 0.8 and (test_size = 0.2 or not model.kind = "forest")`.

A grammar of its own, read without `eval`:

    either     = both ("or" both)*
    both       = negation ("and" negation)*
    negation   = "not" negation | "(" either ")" | comparison
    comparison = operand (operator operand)+
    operand    = name | `any name` | number | "text" | 'text' | true | false | none
    operator   = "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">="

As in SQL, a comparison with a value that is not there, or of another type where order matters, is
neither true nor false, and neither is its negation; only what is true is selected.
"""

from __future__ import annotations

import ast
import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

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
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WORDS: dict[str, Json] = {"true": True, "false": False, "none": None, "null": None}
_KEYWORDS = frozenset({"and", "or", "not"})
# Deeper ones are not written by people, and recursion has an end.
_DEPTH = 50

Values = Mapping[str, Json]
Test = Callable[[Values], "bool | None"]


class _Missing:
    """Stands for a value that a trial did not track."""


_MISSING = _Missing()


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was understood; `names` are those it asks for, with their places."""

    names: dict[str, int]
    test: Test

    def holds(self, values: Values) -> bool:
        """Tell whether the condition is true of these values."""
        return self.test(values) is True


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: int


def parse(text: str) -> Condition:
    """Return the condition that a text states; raise `SettingError` that points at the fault."""
    return _Parser(text).parse()


def stored(text: str, number: float | None) -> Json:
    """Return a tracked value from its JSON text, or its number where JSON has no word for it."""
    loaded: Json = json.loads(text)
    if number is not None and not isinstance(loaded, int | float):
        return number
    return loaded


def canonical(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is the same expression written otherwise: other quotes."""
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


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._scan()
        self._at = 0
        self._depth = 0
        self._names: dict[str, int] = {}

    def _scan(self) -> list[_Token]:
        tokens, place = [], 0
        end = len(self._text.rstrip())
        while place < end:
            match = _TOKEN.match(self._text, place)
            if match is None:
                place += len(self._text[place:]) - len(self._text[place:].lstrip())
                here = self._text[place]
                unclosed = "this quote is not closed"
                problem = unclosed if here in "\"'`" else f"{here!r} means nothing here"
                raise error(self._text, place, problem)
            kind = str(match.lastgroup)
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            place = match.end()
        return tokens

    def parse(self) -> Condition:
        if not self._tokens:
            raise SettingError('--where: the condition is empty; write one such as "f1 > 0.8"')
        test = self._either()
        if (token := self._peek()) is not None:
            raise error(
                self._text,
                token.place,
                "this bracket was never opened"
                if token.text == ")"
                else f"expected `and` or `or` before {token.text!r}",
            )
        return Condition(self._names, test)

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _word(self, word: str) -> bool:
        token = self._peek()
        if token is None or token.kind not in {"name", "bracket"} or token.text.lower() != word:
            return False
        self._at += 1
        return True

    def _either(self) -> Test:
        tests = [self._both()]
        while self._word("or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else _any(tests)

    def _both(self) -> Test:
        tests = [self._negation()]
        while self._word("and"):
            tests.append(self._negation())
        return tests[0] if len(tests) == 1 else _all(tests)

    def _negation(self) -> Test:
        self._depth += 1
        token = self._peek()
        if self._depth > _DEPTH and token is not None:
            raise error(self._text, token.place, f"more than {_DEPTH} levels are too many")
        try:
            if self._word("not"):
                return _not(self._negation())
            opening = token
            if self._word("("):
                test = self._either()
                if not self._word(")"):
                    raise error(
                        self._text, opening.place if opening else 0, "this bracket is not closed"
                    )
                return test
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Test:
        left, token = self._operand("a name, a number or a text"), None
        tests: list[Test] = []
        while (token := self._peek()) is not None and token.kind == "operator":
            self._at += 1
            right = self._operand(f"a value after {token.text!r}")
            tests.append(_compare(left, _OPERATORS[token.text], right))
            left = right
        if not tests:
            before = self._tokens[self._at - 1]
            place = before.place + len(before.text) if token is None else token.place
            raise error(
                self._text, place, f"expected a comparison (= != < <= > >=) after {before.text!r}"
            )
        return tests[0] if len(tests) == 1 else _all(tests)

    def _operand(self, expected: str) -> Callable[[Values], Any]:
        token = self._peek()
        wrong = token is not None and (
            token.kind in {"operator", "bracket"} or token.text.lower() in _KEYWORDS
        )
        if token is None or wrong:
            place = len(self._text.rstrip()) if token is None else token.place
            raise error(self._text, place, f"expected {expected}")
        self._at += 1
        if token.kind == "number":
            number = ast.literal_eval(token.text) if _is_plain(token.text) else float(token.text)
            return lambda values: number
        if token.kind == "text":
            text = re.sub(r"\\(.)", r"\1", token.text[1:-1])
            return lambda values: text
        if token.kind == "name" and token.text.lower() in _WORDS:
            word = _WORDS[token.text.lower()]
            return lambda values: word
        name = token.text.strip("`")
        self._names.setdefault(name, token.place)
        return lambda values: values.get(name, _MISSING)


def _is_plain(number: str) -> bool:
    """Tell whether a number is an integer as Python writes it, of a length that it reads."""
    return re.fullmatch(r"[-+]?(0|[1-9](_?[0-9]){0,300})", number) is not None


def _compare(
    left: Callable[[Values], Any],
    compare: Callable[[Any, Any], bool],
    right: Callable[[Values], Any],
) -> Test:
    def test(values: Values) -> bool | None:
        one, other = left(values), right(values)
        if one is _MISSING or other is _MISSING:
            return None
        # To people, true is not 1.
        if isinstance(one, bool) != isinstance(other, bool):
            return compare(0, 1) if compare in (operator.eq, operator.ne) else None
        try:
            return bool(compare(one, other))
        except TypeError:
            return None

    return test


def _not(inner: Test) -> Test:
    def test(values: Values) -> bool | None:
        found = inner(values)
        return None if found is None else not found

    return test


def _all(tests: list[Test]) -> Test:
    def test(values: Values) -> bool | None:
        found = [each(values) for each in tests]
        return False if False in found else None if None in found else True

    return test


def _any(tests: list[Test]) -> Test:
    def test(values: Values) -> bool | None:
        found = [each(values) for each in tests]
        return True if True in found else None if None in found else False

    return test
