"""Looking at objects: what is found, and that no code of the user's runs to find it."""

from __future__ import annotations

import ast
import functools
import importlib
import sys
from typing import Any

import pytest
import wrapt

from provenance_kernel.dataflow import Observed, Snapshot, describe_run, read_program
from provenance_kernel.fingerprint import Watch, fingerprint, json_value, short_repr
from provenance_kernel.fingerprint.budget import Budget
from provenance_kernel.inspection import (
    code_in,
    instance_attribute,
    is_genuine,
    qualified,
    qualified_name,
    star_names,
    static_dict,
)


def made(source: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "__main__", "wrapt": wrapt}
    exec(source, namespace)
    return namespace


# A user's class that lets itself be wrapped, and from then on does not want to be looked at.
PRIVATE = """
asked = []
class Private:
    def __getattribute__(self, name):
        asked.append(name)
        return object.__getattribute__(self, name)
    def __call__(self): asked.append('called')
    def __len__(self): asked.append('measured'); return 1
    def __iter__(self): asked.append('iterated'); return iter(())
    def __repr__(self): asked.append('described'); return ''
    def __eq__(self, other): asked.append('compared'); return False
    def __hash__(self): asked.append('hashed'); return 1
    def __bool__(self): asked.append('weighed'); return True
def f(a): return a
class Proxy(wrapt.ObjectProxy): pass
@wrapt.decorator
def decorator(wrapped, instance, args, kwargs): return wrapped(*args, **kwargs)
class Holder:
    @decorator
    def method(self): pass
private = Private()
"""
PROXIES = [
    "wrapt.ObjectProxy([1])",
    "wrapt.ObjectProxy({})",
    "wrapt.ObjectProxy(1)",
    "wrapt.ObjectProxy('a')",
    "wrapt.ObjectProxy(None)",
    "wrapt.ObjectProxy(private)",
    "wrapt.ObjectProxy(Private)",
    "wrapt.ObjectProxy(wrapt.ObjectProxy(private))",
    "Proxy([1])",
    "Proxy(private)",
    "wrapt.CallableObjectProxy(private)",
    "wrapt.PartialCallableObjectProxy(f, 1)",
    "wrapt.FunctionWrapper(private, f)",
    "decorator(f)",
    "decorator(private)",
    "Holder().method",
    "Holder.method",
    "wrapt.WeakFunctionProxy(f)",
    "[wrapt.ObjectProxy({})]",
    "{'a': (wrapt.ObjectProxy(private),)}",
]
USES = ["x", "x.append(1)", "x()", "x[0]", "y = x; del x", "for i in x: pass", "f'{x}'"]


@pytest.mark.parametrize("source", PROXIES)
def test_a_proxy_is_looked_at_and_not_what_it_stands_for(source: str) -> None:
    namespace = made(f"{PRIVATE}x = {source}\nasked.clear()")
    value = namespace["x"]
    for use in USES:
        snapshot = Snapshot(namespace)
        observed = Observed(called=(made.__code__,))
        program = read_program(ast.parse(use))
        after = Snapshot(namespace)
        found = describe_run(program, namespace, snapshot, after, observed=observed)
        assert "x" in found.reads
    static_dict(value), qualified(value), qualified_name(type(value))
    for name in ("__wrapped__", "__name__", "__qualname__", "__module__", "__class__", "a"):
        instance_attribute(value, name)
    watch, budget = Watch(), Budget("full")
    watch.written({"x": value}, budget)
    watch.mutated(["x"], namespace, budget)
    assert short_repr(value)
    assert json_value(value)[0]
    assert fingerprint(value).type
    assert namespace["asked"] == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("decorator(f)", "__main__.f"),
        ("Holder().method", "__main__.Holder.method"),
        ("wrapt.FunctionWrapper(len, f)", "builtins.len"),
        ("wrapt.ObjectProxy([1])", "wrapt.proxies.ObjectProxy.__call__"),
    ],
)
def test_a_proxy_of_a_function_has_its_name(source: str, name: str) -> None:
    found = qualified(eval(source, made(PRIVATE)))
    assert found == name or (name.startswith("wrapt") and found.endswith("ObjectProxy.__call__"))


def test_functions_behind_a_proxy_are_found() -> None:
    namespace = made(PRIVATE)
    value = eval("decorator(f)", namespace)
    assert namespace["f"].__code__ in code_in(value, namespace)


def test_functions_of_others_are_not_the_users() -> None:
    mine, other = made("def f(): return x"), made("def f(): return x")
    assert code_in(other["f"], mine) == []
    assert code_in(mine["f"], mine) == [mine["f"].__code__]


def test_star_names() -> None:
    importlib.import_module("sched")
    assert star_names("sched") == {"scheduler"}
    assert "insort" in star_names("bisect")
    assert star_names("a_module_that_is_not_there") == set()


class Odd:
    @property
    def __dict__(self) -> Any:
        raise AssertionError

    @property
    def __class__(self) -> Any:
        raise AssertionError


class Slotted:
    __slots__ = ("a", "b")


def test_static_dict() -> None:
    assert static_dict(Odd()) is None
    assert static_dict(3) is None
    assert static_dict(Slotted()) is None
    assert static_dict(Odd) is None
    assert static_dict(sys) is sys.__dict__
    assert static_dict(made) is made.__dict__
    error = ValueError()
    error.add_note("a")
    assert static_dict(error) == {"__notes__": ["a"]}


def test_instance_attributes() -> None:
    slotted = Slotted()
    slotted.a = 1  # type: ignore[attr-defined]
    assert instance_attribute(slotted, "a") == 1
    assert instance_attribute(slotted, "b") is None
    assert instance_attribute(functools.lru_cache(made), "__wrapped__") is made
    assert instance_attribute(Odd(), "no") is None


def test_a_class_is_genuine_where_its_module_has_it() -> None:
    class Decimal:
        __module__, __qualname__ = "decimal", "Decimal"

    assert not is_genuine(Decimal)
    assert is_genuine(Odd)
    assert is_genuine(int)


class Meta(type):
    def __eq__(cls, other: object) -> bool:
        raise AssertionError

    def __hash__(cls) -> int:
        raise AssertionError


class Callable(metaclass=Meta):
    def __call__(self) -> None: ...


def test_a_class_is_named_without_being_compared() -> None:
    assert qualified(Callable()).endswith("Callable.__call__")
    assert qualified(Callable).endswith("Callable")
