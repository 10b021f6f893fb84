"""Short reprs and JSON of values."""

# ruff: noqa: RUF001  (the sign between the sizes of a table)

from __future__ import annotations

import json
import math
import sys
import types
from typing import Any

import pytest

from fingerprint import cases
from provenance_kernel.fingerprint import json_value, short_repr

REPRS = [
    ("1", "1"),
    ("-0.5", "-0.5"),
    ("True", "True"),
    ("None", "None"),
    ("2j", "2j"),
    ("'text'", "'text'"),
    ("'x' * 200", "'" + "x" * 78 + "…"),
    ("b'ab'", "b'ab'"),
    ("10**5000", "<int of 16610 bits>"),
    ("[1, 'a', None]", "[1, 'a', None]"),
    ("(1,)", "(1,)"),
    ("()", "()"),
    ("(1, 2)", "(1, 2)"),
    ("{}", "{}"),
    ("{'a': [1]}", "{'a': [1]}"),
    ("{1}", "{1}"),
    ("set()", "set()"),
    ("frozenset({1})", "frozenset({1})"),
    ("frozenset()", "frozenset()"),
    ("cyclic(1)", "[1, […]]"),
    ("deep(9)", "[[[[[…]]]]]"),
    ("range(3)", "range(0, 3)"),
    ("range(10**5000)", "<range object>"),
    ("Fraction(1, 2)", "Fraction(1, 2)"),
    ("Decimal('1.0')", "Decimal('1.0')"),
    ("date(2020, 1, 2)", "datetime.date(2020, 1, 2)"),
    ("datetime.datetime(2020, 1, 2)", "datetime.datetime(2020, 1, 2, 0, 0)"),
    ("pathlib.PurePosixPath('a')", "PurePosixPath('a')"),
    ("len", "function len"),
    ("math.sin", "function sin"),
    ("add_one", "function <lambda>"),
    ("with_default", "function with_default"),
    ("Point(1, 2)", "<__main__.Point object>"),
    ("Point", "class __main__.Point"),
    ("int", "class int"),
    ("Colour", "class __main__.Colour"),
    ("math", "module math"),
    ("[].append", "method list.append"),
    ("functools.partial(len)", "partial(len)"),
    ("Names([1])", "<__main__.Names object>"),
    ("(i for i in [])", "<generator object>"),
]
LIBRARY_REPRS = [
    ("np.zeros((3, 4))", "array(shape=(3, 4), dtype=float64)", cases.NUMPY),
    ("np.zeros(2, 'i4,f8')", "array(shape=(2,), dtype=structured)", cases.NUMPY),
    ("np.float64(0.5)", "0.5", cases.NUMPY),
    ("np.int8(3)", "3", cases.NUMPY),
    ("np.str_('a')", "'a'", cases.NUMPY),
    ("np.bool_(True)", "True", cases.NUMPY),
    ("np.datetime64('2020')", "datetime64(2020)", cases.NUMPY),
    ("pd.DataFrame({'a': [1, 2]})", "DataFrame(2 rows × 1 columns)", cases.PANDAS),
    ("pd.Series([1], name='n')", "Series(1, name='n')", cases.PANDAS),
    ("pd.Series([1])", "Series(1)", cases.PANDAS),
    ("pd.Timestamp('2020')", "Timestamp('2020-01-01 00:00:00')", cases.PANDAS),
    ("pl.DataFrame({'a': [1]})", "DataFrame(1 rows × 1 columns)", cases.POLARS),
    ("torch.ones(2)", "tensor(shape=(2,), dtype=float32)", cases.TORCH),
    ("PCA(n_components=2)", "PCA(n_components=2)", cases.SKLEARN),
    ("PCA()", "PCA()", cases.SKLEARN),
    ("make_pipeline(PCA(2))", "Pipeline(steps=[('pca', PCA(n_components=2))])", cases.SKLEARN),
]


def value_of(text: str, setup: str = "") -> Any:
    try:
        return eval(text, cases.namespace(setup))
    except ImportError as missing:
        pytest.skip(f"{missing.name} is not installed")


@pytest.mark.parametrize(("text", "shown"), REPRS)
def test_reprs(text: str, shown: str) -> None:
    assert short_repr(value_of(text)) == shown


@pytest.mark.parametrize(("text", "shown", "setup"), LIBRARY_REPRS)
def test_reprs_of_libraries(text: str, shown: str, setup: str) -> None:
    assert short_repr(value_of(text, setup)) == shown


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of a module, in which classes are found where they say that they are."""
    made = types.ModuleType("of_these_tests")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    names = vars(made)
    try:
        exec("import pandas as pd", names)
    except ImportError:
        pytest.skip("pandas is not installed")
    return names


def test_a_class_that_takes_the_place_of_another_is_described_by_its_own_bases(
    module: dict[str, Any],
) -> None:
    for base, shown in (("pd.Series", "Mine(0)"), ("list", "<of_these_tests.Mine object>")) * 2:
        exec(f"class Mine({base}): pass", module)
        assert short_repr(eval("Mine([])", module)) == shown


def test_a_class_is_described_by_the_bases_that_it_has_now(module: dict[str, Any]) -> None:
    exec("class A(pd.DataFrame): pass\nclass B(pd.Series): pass\nclass C(A): pass", module)
    assert short_repr(eval("C({'a': [1, 2]})", module)) == "C(2 rows × 1 columns)"
    exec("C.__bases__ = (B,)", module)
    assert short_repr(eval("C([1, 2], name='n')", module)) == "C(2, name='n')"


@pytest.mark.parametrize("limit", [0, 1, 5, 20])
def test_no_repr_is_longer_than_it_may_be(limit: int) -> None:
    for text, _ in REPRS:
        assert len(short_repr(value_of(text), limit)) <= limit


NUMBERS = [
    ("1", 1, 1.0),
    ("True", True, 1.0),
    ("0.25", 0.25, 0.25),
    ("'0.25'", "0.25", None),
    ("None", None, None),
    ("[1, (2, 'a')]", [1, [2, "a"]], None),
    ("{'a': {'b': None}}", {"a": {"b": None}}, None),
    ("float('inf')", "Infinity", math.inf),
    ("-float('inf')", "-Infinity", -math.inf),
    ("[float('nan')]", ["NaN"], None),
    ("{1: 2}", {"type": "dict", "repr": "{1: 2}"}, None),
    ("Point(1, 2)", {"type": "__main__.Point", "repr": "<__main__.Point object>"}, None),
    ("10**5000", {"type": "int", "repr": "<int of 16610 bits>"}, None),
    ("cyclic()", {"type": "list", "repr": "[[…]]"}, None),
]


@pytest.mark.parametrize(("text", "plain", "number"), NUMBERS)
def test_json(text: str, plain: object, number: float | None) -> None:
    found = json_value(value_of(text))
    assert found == (plain, number)
    assert json.loads(json.dumps(found[0], allow_nan=False)) == plain


def test_a_nan_is_text_in_json_and_a_nan_as_a_number() -> None:
    plain, number = json_value(float("nan"))
    assert plain == "NaN"
    assert number is not None
    assert math.isnan(number)


@pytest.mark.parametrize(
    ("text", "plain", "number", "setup"),
    [
        ("np.float32(0.5)", 0.5, 0.5, cases.NUMPY),
        ("np.int64(3)", 3, 3.0, cases.NUMPY),
        ("np.bool_(True)", True, 1.0, cases.NUMPY),
        ("np.array(2.5)", 2.5, 2.5, cases.NUMPY),
        ("[np.float64(1)]", [1.0], None, cases.NUMPY),
        ("torch.tensor(2.0)", 2.0, 2.0, cases.TORCH),
    ],
)
def test_json_of_library_scalars(text: str, plain: object, number: float, setup: str) -> None:
    assert json_value(value_of(text, setup)) == (plain, number)


def test_a_list_too_long_for_json_is_described() -> None:
    plain, number = json_value(list(range(100_000)))
    assert isinstance(plain, dict)
    assert plain["type"] == "list"
    assert len(str(plain["repr"])) <= 2000
    assert number is None
