"""Effects of functions are read from their code, and no code of the user's runs for it."""

from __future__ import annotations

import ast
import gc
import sys
import weakref
from types import CodeType
from typing import Any

import coverage
import pytest

from provenance_kernel.dataflow import Observed, Snapshot, describe_run, read_program
from provenance_kernel.dataflow.functions import Effects, effects_of, reached_from


def made(source: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(source, namespace)
    return namespace


def effects(source: str, called: set[CodeType] | None = None) -> Effects:
    return effects_of(made(source)["f"].__code__, called)


@pytest.mark.parametrize(
    ("source", "reads", "certain", "stores"),
    [
        ("def f(): return x", "x", "", ""),
        ("def f():\n global x\n x = 1", "", "x", "x"),
        ("def f():\n global x\n x = 1\n return x", "", "x", "x"),
        ("def f():\n global x\n y = x\n x = 1", "x", "x", "x"),
        ("def f(c):\n global x\n if c: x = 1\n return x", "x", "", "x"),
        ("def f():\n global x\n try: x = 1\n except E: pass", "E", "", "x"),
        ("def f():\n global x\n yield\n x = 1", "", "", "x"),
        ("def f():\n global x\n del x", "", "", "x"),
        ("def f(): return [x for _ in y]", "x y", "", ""),
        ("def f():\n class A:\n  a = x\n  b = a\n return A", "x __name__", "", ""),
        ("def f():\n def g(): return x\n return g", "x", "", ""),
        ("def f():\n global x\n x = 1\n return lambda: x + y", "y", "x", "x"),
        ("def f(): return o.x.y(z=w)", "o w", "", ""),
        ("def f(x):\n return x", "", "", ""),
        ("def f():\n import os\n return os", "", "", ""),
    ],
)
def test_effects(source: str, reads: str, certain: str, stores: str) -> None:
    found = effects(source)
    assert (found.reads, found.certain, found.stores) == (
        set(reads.split()),
        set(certain.split()),
        set(stores.split()),
    )


def test_inner_functions_that_were_not_called_do_not_count() -> None:
    source = "def f():\n def g(): return x\n return [y for _ in z]"
    assert effects(source, called=set()).reads == {"y", "z"}


def test_more_names_than_one_byte_counts() -> None:
    names = [f"n{number}" for number in range(400)]
    assert effects(f"def f(): return ({', '.join(names)})").reads == set(names)


def test_names_are_told_while_the_code_is_monitored() -> None:
    namespace = made("def f():\n    return x + y")
    namespace |= {"x": 1, "y": 2}
    previous = sys.gettrace()
    sys.settrace(lambda *_: None)
    try:
        namespace["f"]()
    finally:
        sys.settrace(previous)
    assert effects_of(namespace["f"].__code__, None).reads == {"x", "y"}


def reached(source: str, name: str) -> set[str]:
    namespace = made(source)
    found = reached_from([name], namespace).get(name)
    return {code.co_name for code in found.codes} if found else set()


@pytest.mark.parametrize(
    ("source", "name", "functions"),
    [
        ("def f(): return g()\ndef g(): return 1\ndef h(): pass", "f", "f g"),
        ("def a(): b()\ndef b(): a()", "a", "a b"),
        ("x = 1", "x", ""),
        ("import os", "os", ""),
        ("class A:\n def m(self): pass\n @staticmethod\n def s(): pass", "A", "m s"),
        ("class A:\n def m(self): pass\na = A()", "a", "m"),
        ("class A:\n def m(self): pass\nm = A().m", "m", "m"),
        ("class A:\n @property\n def p(self): pass\n @classmethod\n def c(cls): pass", "A", "p c"),
        ("import functools\n@functools.lru_cache\ndef f(): pass", "f", "f"),
        ("import functools\ndef f(a): pass\np = functools.partial(f, f)", "p", "f"),
        ("def f(): pass\nd = {'k': [(f,)]}", "d", "f"),
        ("def f(): pass\ns = {f}", "s", "f"),
        ("def d(g):\n def w(): return g()\n return w\n@d\ndef f(): pass", "f", "w f"),
        ("def g(): yield 1\ni = g()", "i", "g"),
        ("def g(): yield 1\ni = g()\nlist(i)", "i", "g"),
        ("def f():\n if 0: c = 1\n def g(): return c\n return g\nh = f()", "h", "g"),
        ("from textwrap import dedent", "dedent", ""),
        ("l = []\nl.append(l)", "l", ""),
    ],
)
def test_reached(source: str, name: str, functions: str) -> None:
    assert reached(source, name) == set(functions.split())


HOSTILE = """
class Meta(type):
    def __getattribute__(cls, name): raise AssertionError(name)
    def __instancecheck__(cls, other): raise AssertionError
    def __subclasscheck__(cls, other): raise AssertionError
    def __eq__(cls, other): raise AssertionError
    def __hash__(cls): raise AssertionError
class Hostile(metaclass=Meta):
    def __getattribute__(self, name): raise AssertionError(name)
    def __eq__(self, other): raise AssertionError
    def __hash__(self): raise AssertionError
    def __bool__(self): raise AssertionError
    def __len__(self): raise AssertionError
    def __iter__(self): raise AssertionError
class Items(dict):
    def copy(self): raise AssertionError
    def values(self): raise AssertionError
class Odd:
    @property
    def __dict__(self): raise AssertionError
    @property
    def __class__(self): raise AssertionError
hostile, items, odd, box = Hostile(), Items(), Odd(), [Hostile(), Hostile]
"""


def test_no_code_of_the_users_runs() -> None:
    namespace = made(HOSTILE)
    before = Snapshot(namespace)
    names = "hostile, Hostile, Meta, items, odd, box"
    program = read_program(ast.parse(f"hostile(); {names}; fresh = 1"))
    for observed in (Observed(), Observed(called=(made.__code__,))):
        found = describe_run(program, namespace, before, Snapshot(namespace), observed=observed)
        assert found.reads == {"hostile", "Hostile", "Meta", "items", "odd", "box"}


@pytest.mark.skipif(coverage.Coverage.current() is not None, reason="coverage keeps code alive")
def test_code_is_not_kept_alive() -> None:
    namespace = made("def f(): return 'a text of its own for this test'")
    code = weakref.ref(namespace["f"].__code__)
    effects_of(namespace["f"].__code__, None)
    reached_from(["f"], namespace)
    namespace.clear()
    gc.collect()
    assert code() is None
