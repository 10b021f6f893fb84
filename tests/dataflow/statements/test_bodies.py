"""What functions do when somebody calls them."""

from __future__ import annotations

import ast
from types import CodeType

import numpy  # noqa: F401  # whose functions are looked at
import pytest

from provenance_kernel.dataflow.statements.bodies import Bodies
from provenance_kernel.dataflow.statements.parts import Parts

# Definition → what its functions look up, what they touch, and whether they may do anything.
BODIES = [
    ("def f(x): return x + y", "y", "", False),
    ("def f(x):\n  global n\n  n += x", "n", "n", False),
    ("def f(x):\n  rows.append(x)", "rows", "rows", False),
    ("def f(x):\n  rows = []\n  rows.append(x)", "", "", True),
    ("g = sorted(rows, key=lambda x: table[x])", "table", "", False),
    ("def f():\n  yield n", "n", "", True),
    ("def f():\n  n = 0\n  def g():\n    nonlocal n\n    n += 1\n  return g", "", "", True),
    ("class C:\n  def m(self): counts['a'] = 1", "counts", "counts", False),
    ("def f():\n  import numpy as np\n  return np.sort(rows)", "rows", "", False),
]


@pytest.mark.parametrize(
    ("source", "loads", "touches", "anything"), BODIES, ids=[each[0] for each in BODIES]
)
def test_what_functions_do_when_they_are_called(
    source: str, loads: str, touches: str, anything: bool
) -> None:
    found = Bodies().define("<cell>", Parts(ast.parse(source).body), {})
    assert found is not None
    assert (found.touches, found.all_read) == (set(touches.split()), anything)
    assert found.loads >= set(loads.split())


def code(source: str) -> CodeType:
    """Return the code of the only function in a source."""
    (found,) = [
        each for each in compile(source, "<cell>", "exec").co_consts if hasattr(each, "co_code")
    ]
    assert isinstance(found, CodeType)
    return found


@pytest.mark.parametrize(
    "source",
    [
        "def f(x): rows.append(x)",
        "\n@g\n@h\ndef f(x):\n  rows.append(x)",
        "f = lambda x: rows.append(x)",
    ],
    ids=["function", "decorated", "lambda"],
)
def test_the_code_of_a_function_leads_to_its_deeds(source: str) -> None:
    bodies = Bodies()
    bodies.define("<cell>", Parts(ast.parse(source).body), {})
    found = bodies.of([code(source)])
    assert (found.touches, found.all_read) == ({"rows"}, False)


def test_a_function_from_elsewhere_may_do_anything() -> None:
    found = Bodies().of([code("def f(x): return x")])
    assert found.all_read
    assert found.outward


def test_a_statement_without_functions_has_no_bodies() -> None:
    assert Bodies().define("<cell>", Parts(ast.parse("x = f(1)").body), {}) is None
