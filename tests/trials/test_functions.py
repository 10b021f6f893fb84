"""Which definitions make values without a state, and what functions do when somebody calls them."""

from __future__ import annotations

import ast

import pytest

from provenance_kernel.trials.functions import is_plain_function, latent_of

PLAIN = [
    ("def f(x, *, y=1): return x", True),
    ("def f(x=-1): return x", True),
    ("async def f(x): return x", True),
    ("def f(x=[]): return x", False),
    ("def f(x, *, y=[]): return x", False),
    ("def f(x): f.calls = 1", False),
    ("def f(x): f.seen[x] = 1", False),
    ("def f(x): x.calls = 1", True),
    ("@cache\ndef f(x): return x", False),
    ("f = lambda x: x", False),
    ("class C: pass", True),
    ("class C:\n  'text'\n  limit = 1\n  size: int", True),
    ("class C:\n  rows: list = field(default_factory=list)", True),
    ("class C:\n  def m(self, x=1): self.x = x", True),
    ("class C:\n  @property\n  def m(self): return 1", True),
    ("@dataclass(frozen=True)\nclass C:\n  x: int = 0", True),
    ("@register\nclass C: pass", False),
    ("class C(metaclass=M): pass", False),
    ("class C:\n  seen = []", False),
    ("class C:\n  seen: list = make()", False),
    ("class C:\n  for x in y: pass", False),
    ("class C:\n  @cache\n  def m(self): return 1", False),
    ("class C:\n  def m(self, x=[]): return x", False),
    ("class C:\n  def m(self, *, x=[]): return x", False),
    ("class C:\n  def m(self): C.made = 1", False),
    ("class C:\n  @classmethod\n  def m(cls): cls.made = 1", False),
    ("class C:\n  def m(self): self.__class__.made = 1", False),
    ("class C:\n  def m(self): type(self).made = 1", False),
]  # fmt: skip


@pytest.mark.parametrize(("source", "plain"), PLAIN, ids=[source for source, _ in PLAIN])
def test_which_definitions_make_values_without_a_state(source: str, plain: bool) -> None:
    (node,) = ast.parse(source).body
    assert is_plain_function(node) is plain


# Definition → what its functions read and bind, what they touch, and whether they may do anything.
LATENT = [
    ("def f(x): return x + y", "y", "", "", False),
    ("def f(x):\n  global n\n  n += x", "n", "n", "n", False),
    ("def f(x):\n  rows.append(x)", "rows", "", "rows", False),
    ("def f(x):\n  rows = []\n  rows.append(x)", "", "", "", True),
    ("g = sorted(rows, key=lambda x: table[x])", "table", "", "", False),
    ("def f():\n  yield n", "n", "", "", True),
    ("def f():\n  n = 0\n  def g():\n    nonlocal n\n    n += 1\n  return g", "", "", "", True),
    ("class C:\n  def m(self): counts['a'] = 1", "counts", "", "counts", False),
    ("def f():\n  import numpy as np\n  return np.sort(rows)", "rows", "", "", False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "reads", "stores", "touches", "anything"), LATENT, ids=[each[0] for each in LATENT]
)
def test_what_functions_do_when_they_are_called(
    source: str, reads: str, stores: str, touches: str, anything: bool
) -> None:
    found = latent_of(ast.parse(source).body[0], {})
    assert found is not None
    assert found.does is not None
    assert (found.reads, found.stores) == (set(reads.split()), set(stores.split()))
    assert found.does.touches == set(touches.split())
    assert found.does.all_read is anything


def test_what_defines_no_function_has_nothing_to_do() -> None:
    assert latent_of(ast.parse("x = f(1)").body[0], {}) is None
