"""Traced cells behave as plain ones: results, output, names and tracebacks to the letter."""

from __future__ import annotations

import gc
import inspect
import sys
from contextlib import contextmanager

import pytest

from provenance_kernel.recorder.tracers import choose
from provenance_kernel.settings import Settings
from support.tracing import Session

HELPERS = """
import asyncio, inspect, sys, warnings, weakref, gc
from functools import partial
def fail(*a, **k):
    raise ValueError("no")
def same(x=None, *a, **k):
    return x
def show(*a, **k):
    print(a, sorted(k.items())); return a[0] if a else None
class Thing:
    def __init__(self, v=0): self.v = v
    def add(self, n=1): self.v += n; return self
    def fail(self, *a): return fail(*a)
    def __repr__(self): return f"Thing({self.v})"
    def __enter__(self): return self
    def __exit__(self, *e): return False
    def __del__(self): print("gone", self.v)
class Bad:
    def __iter__(self): raise RuntimeError("iter")
class BadNext:
    def __iter__(self): return self
    def __next__(self): raise RuntimeError("next")
def gen(n):
    try:
        for i in range(n): yield i
    finally: print("closed")
"""

CELLS = {
    # Values and order.
    "expression": "same(1) + same(2)",
    "order": "show(show(1), *[show(2)], k=show(3), **{'z': show(4)})",
    "star before keyword": "show(k=show(1), *[show(2)])",
    "star of a generator": "show(*gen(3))",
    "double star": "show(1, **{'a': 2}, b=3)",
    "walrus": "show(y := same(3), y + 1); y",
    "chained comparison": "show(1) < show(3) < show(2) < show(9)",
    "short circuits": "(show(0) or show(1)) and (show(0) and show(2))",
    "ternary": "show(1) if show(0) else show(2)",
    "f-string": "f'{same(3)!r:>{same(5)}} {same(4)=}'",
    "subscripts": "d = {}; d[show('a')] = show('b'); d[show('a')] += show('c'); d",
    "attribute target": "t = Thing(3); same(t).v = same(4); same(t).v += same(1); t.v",
    "delete": "d = {1: 2}; del d[same(1)]; d",
    "assert": "assert same(1), fail()",
    "chain": "Thing(1).add(2).add().v",
    "bound method kept": "t = Thing(1); a = t.add; a(3); t.v",
    "lambda": "(lambda x, d=same(2): show(x, d))(1)",
    "decorator": "@partial(partial, same)\ndef h(): pass\nh.func is same",
    "default argument": "def h(a=same(5)): return a\nh(), h.__defaults__",
    "class with bases": "class D(same(Thing), metaclass=same(type)):\n  x = same(3)\nD.x, D(4)",
    "annotation": "x: same(int) = same(3)\n__annotations__ if sys.version_info < (3, 14) else 0",
    "dunder call": "class K:\n  def __call__(self, a): return a\nK()(3)",
    "print": "print('a', end='!'); print(same)",
    "quiet": "same(3);",
    "two results": "same(1)\nsame(2)",
    "empty loop": "for i in []: same(i)\nelse: show('else')",
    "loop": "for i in range(9): show(i)\nelse: show('else')\ni",
    "loop break": "for i in range(9):\n  show(i)\n  if i == 7: break\nelse: show('else')\ni",
    "loop continue": "for i in range(9):\n  if i % 2: continue\n  show(i)",
    "nested loops": "for i in range(7):\n  for j in range(i):\n    if same(j) == 3: break\n"
    "    show(i, j)\n  else:\n    continue\n  show('broke')",
    "generator closed on break": "for i in gen(9):\n  show(i)\n  if i == 6: break\nshow('after')",
    "iterator goes on": "it = iter(range(20))\nfor i in it:\n  same(i)\n  if i == 8: break\n"
    "list(it)",
    "unpacking target": "for k, (a, *b) in {1: (2, 3, 4)}.items(): show(k, a, b)",
    "loop over call": "for x in same([1, 2]): y = x\ny",
    "while": "n = 0\nwhile same(n) < 9:\n  n += same(1)\n  if n == 3: continue\nelse: show(n)\nn",
    "while break": "n = 0\nwhile True:\n  n = same(n + 1)\n  if n > 8: break\nn",
    "with": "with Thing(1) as t, Thing(2): show(t)\ndel t",
    "try": "for i in range(8):\n  try:\n    same(i); fail() if i % 2 else show(i)\n"
    "  except ValueError as e: show(str(e))\n  else: show('else')\n  finally: show('end')",
    "match": "for v in (1, 'a', [1, 2], {'k': 3}):\n  match same(v):\n    case int(): show('int')\n"
    "    case str() if same(v): show('str')\n    case [x, y]: show(x, y)\n"
    "    case {'k': z}: show(z)",
    "try star": "try:\n  raise ExceptionGroup('g', [ValueError(1)])\nexcept* ValueError as g:\n"
    "  show(len(g.exceptions))",
    "list comprehension": "[same(i) for i in range(9)]",
    "filtered comprehension": "[same(i) for i in range(20) if same(i % 3) and i > 2]",
    "nested comprehension": "[(same(i), j) for i in range(7) for j in same(range(i)) if same(j)]",
    "dict comprehension": "{same(i): same(i + 1) for i in range(8)}",
    "set comprehension": "sorted({same(i) for i in range(8)})",
    "comprehension over short": "[same(i) for i in (1, 2)]",
    "comprehension in comprehension": "[[same(j) for j in range(i)] for i in range(4)]",
    "comprehension in loop": "r = []\nfor i in range(8): r.append([same(j) for j in range(i)])\nr",
    "generator expression": "g = (same(i) for i in gen(9))\nnext(g), sum(g)",
    "generator expression dropped": "g = (show(i) for i in gen(9)); next(g)\ndel g\nshow('after')",
    "walrus in comprehension": "[last := same(i) for i in range(7)]\nlast",
    "comprehension names": "[sorted(locals()) for i in range(2)]",
    "def in loop": "fs = []\nfor i in range(8):\n  def h(a=same(i)): return a\n  fs.append(h)\n"
    "[h() for h in fs]",
    "sorted key": "sorted([3, 1, 2], key=lambda v: same(-v))",
    "many arguments": f"show({', '.join(f'a{i}=same({i})' for i in range(20))})",
    # Frames.
    "locals": "zz = 1; 'zz' in locals(), locals() is globals()",
    "dir": "before = dir(); [n for n in dir() if 'provenance' in n], "
    "[n for n in vars() if '<' in n]",
    "frame": "sys._getframe().f_code.co_name, sys._getframe(0).f_lineno",
    "stack": "[f.function for f in inspect.stack()[:2]]",
    "frame in loop": "for i in range(8): fr = sys._getframe()\nfr.f_globals is globals(), i",
    "eval": "q = 3; eval('q + 1'), eval('same(q)')",
    "exec": "exec('w = same(5)'); w",
    "eval in loop": "for i in range(8): v = eval('i + 1')\nv",
    "stacklevel": "def w(): warnings.warn('careful', stacklevel=2)\nwith warnings.catch_warnings("
    "record=True) as got:\n  warnings.simplefilter('always')\n  w()\n  warnings.warn('here')\n"
    "[(str(g.message), g.lineno, g.filename == w.__code__.co_filename) for g in got]",
    "super": "class A:\n  def f(self): return 1\nclass B(A):\n  "
    "def f(self): return super().f() + 1\nB().f()",
    "recursion limit": "def deep(n): return n and deep(n - 1)\ndeep(500)",
    "caller": "def caller(): return sys._getframe(1).f_code.co_name\ncaller(), [caller()"
    " for _ in range(7)][-1] in ('<module>', '<listcomp>', '<cell line: 2>')",
    "system exit": "raise SystemExit(3)",
    "async": "async def co(x): await asyncio.sleep(0); return x\n[await co(1), await co(2)]",
    "async loop": "async def ag(n):\n  for i in range(n): yield i\nasync for i in ag(8): show(i)\n"
    "[same(i) async for i in ag(3)]",
    "async error": "async def co(x): fail(x)\nawait same(co(1))",
    # Lifetimes.
    "argument dies": "show(Thing(5).v)\nshow('after')",
    "result dies": "Thing(6).add().v\nshow('after')",
    "loop item dies": "for t in map(Thing, range(8)):\n  same(t); r = weakref.ref(t); del t\n"
    "  show(r() is None)",
    "item list dies": "for i in [Thing(7)]:\n  del i\n  show('in')\nshow('after')",
    "error frees": "try: same(Thing(8), fail())\nexcept ValueError: show('caught')\nshow('after')",
    "callee drops argument": "def drop(a):\n  r = weakref.ref(a); del a\n  return r() is None\n"
    "drop(Thing(9))",
    "no cycles": "for i in range(3): same(Thing(i))\nshow(gc.isenabled())",
    # Syntax.
    "bad return": "return same(1)",
    "bad break": "same(1)\nbreak",
    "bad yield": "x = same((yield 1))",
    "bad syntax": "same(",
    "bad global": "gg = same(1)\nfor i in same([1]):\n  print(gg)\n  global gg",
    # Magics.
    "magic": "%precision 3\nsame(2)",
    "timeit keeps code": "import ast\n%timeit -n1 -r1 -q same(1)",
    "cell magic": "%%capture out\nshow(1)",
}

ERRORS = {
    "call": "fail()",
    "several calls": "same(1) + fail() + same(2)",
    "inner call": "same(same(1), fail(2), same(3))",
    "same call twice": "same(fail) and fail(same(1)) or fail(same(2))",
    "multi-line": "same(\n    1,\n    fail(\n        2,\n        k=3,\n    ),\n)",
    "chain": "(Thing(1)\n   .add(2)\n   .fail(3)\n   .add(4))",
    "chain with keywords": "(Thing(1)\n   .add(n=2)\n   .fail(*[3])\n   .add(4))",
    "chain with a wrong name": "(Thing(1)\n   .add(2)\n   .nothing(3)\n   .add(4))",
    "chain with wrong arguments": "(Thing(1)\n   .add(1, 2, 3)\n   .add(4))",
    "attribute": "same(1).nothing()",
    "name": "same(nothing, 1)",
    "callee": "nothing(same(1))",
    "not callable": "same(3)(4)",
    "missing argument": "Thing.add()",
    "bad star": "same(*3)",
    "bad star after": "same(1, *3)",
    "bad double star": "same(**3)",
    "repeated keyword": "same(x=1, **{'x': 2})",
    "operator": "same(1) + same('a')",
    "subscript": "same([1])[same(3)]",
    "builtin": "int(same('x'))",
    "builtin method": "[].index(same(3))",
    "loop": "for i in range(9):\n    same(i), fail() if i == 7 else same(1)",
    "loop plain": "for i in range(9):\n    same(i)\n    x = 1 / (same(8) - i)",
    "loop header": "for i in fail(1):\n    same(i)",
    "loop over nothing": "for i in 5:\n    same(i)",
    "loop over a name": "five = 5\nfor i in five:\n    same(i)",
    "loop over bad iterable": "for i in Bad():\n    same(i)",
    "loop over bad iterator": "for i in BadNext():\n    same(i)",
    "loop target": "for a, b in [1]:\n    same(a)",
    "loop of a generator": "def g():\n    yield 1\n    fail()\nfor i in g():\n    same(i)",
    "inner loop": "for i in range(9):\n    for j in range(2):\n        if i == 8:\n"
    "            fail(\n                i)\n        same(j)",
    "while": "n = 0\nwhile n < fail(n):\n    n += 1",
    "while body": "n = 0\nwhile same(n) < 9:\n    n += 1\n    n < 8 or fail(n)",
    "if": "if fail(1):\n    same(1)\nelif same(2):\n    same(3)",
    "elif": "if same(0):\n    same(1)\nelif fail(2):\n    same(3)",
    "with": "with fail() as x:\n    same(x)",
    "with body": "with Thing(1) as t:\n    fail(t)",
    "except": "try:\n    fail(1)\nexcept same(KeyError):\n    same(2)",
    "in handler": "try:\n    fail(1)\nexcept ValueError:\n    same(2), int('x')",
    "raise": "raise same(ValueError)('a') from same(KeyError('b'))",
    "assert": "assert same(0), same('message')",
    "list comprehension": "[same(i) / (i - 7) for i in range(9)]",
    "comprehension header": "[same(i) for i in fail(2)]",
    "comprehension over nothing": "[same(i) for i in 5]",
    "comprehension condition": "[i for i in range(9) if same(i) and 1 / (i - 8)]",
    "generator expression": "sum(fail(i) if i == 8 else same(i) for i in range(9))",
    "generator expression over nothing": "sum(same(i) for i in 5)",
    "lambda": "(lambda: fail(1))()",
    "decorator": "@fail\ndef h(): pass",
    "decorator call": "@same(1)(2)\ndef h(): pass",
    "default": "def h(a, b=fail(1)): pass",
    "class body": "class D:\n    x = fail(1)",
    "class base": "class D(fail(1)): pass",
    "f-string": "f'{same(1)} {fail(2)}'",
    "subscript target": "same({})[fail(1)] = same(2)",
    "await": "async def co(): fail(1)\nawait co()",
    "walrus": "(y := fail(1))",
    "nested": "def a(x):\n    return b(x)\ndef b(x):\n    return fail(x)\nsame(a(1))",
    "interrupt": "def stop(): raise KeyboardInterrupt\nsame(stop())",
    "recursion": "def deep(n): return deep(n + 1)\ndeep(0)",
    "match": "match same(3):\n    case 3 if fail(1): pass",
    "return value": "x = [fail(1),\n     same(2)]",
    "two on a line": "same(1); fail(2); same(3)",
    "long line": "same(" + "same(1), " * 12 + "fail(2))",
}


@pytest.fixture(scope="module")
def sessions():
    tracer = choose(Settings())
    # What earlier tracebacks hold must not be freed in the middle of a later cell.
    gc.disable()
    plain, observed = Session(None), Session(tracer)
    for session in (plain, observed):
        session.run(HELPERS)
    yield plain, observed
    gc.enable()
    tracer.close()


@pytest.mark.parametrize("source", [pytest.param(c, id=n) for n, c in CELLS.items()])
def test_cell_is_the_same(sessions, source):
    plain, observed = (session.run(source) for session in sessions)
    assert observed == plain


@contextmanager
def nobody_watching():
    """Take away the events of the tracer that is there for the other session."""
    tools = range(6) if sys.version_info >= (3, 12) else ()
    ours = [tool for tool in tools if sys.monitoring.get_tool(tool) == "provenance"]
    events = [sys.monitoring.get_events(tool) for tool in ours]
    for tool in ours:
        sys.monitoring.set_events(tool, 0)
    yield
    for tool, before in zip(ours, events, strict=True):
        sys.monitoring.set_events(tool, before)


@pytest.mark.parametrize("source", ERRORS.values(), ids=ERRORS)
def test_traceback_is_the_same(sessions, source):
    session, traced = sessions
    before = sys.getrecursionlimit()
    # To format a frame IPython goes through all modules: a thousand took up to a minute.
    sys.setrecursionlimit(len(inspect.stack(0)) + 500)
    try:
        with nobody_watching():
            plain = session.run(source)
        observed = traced.run(source)
    finally:
        sys.setrecursionlimit(before)
    assert plain.error
    assert "\n".join(observed.traceback) == "\n".join(plain.traceback)
    assert observed == plain
