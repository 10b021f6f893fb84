"""What a cell does ten thousand times is observed a few hundred times at most."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from provenance_kernel.recorder.tracers import choose
from provenance_kernel.settings import Settings
from provenance_kernel.trace import hooks, nested
from support.tracing import trace_with

# Calls of any hook or callback that a cell may cost.
LIMIT = 2000
TIMES = 10_000

CELLS = {
    "for": "for i in range({n}): abs(i)",
    "test of a while": "l = []\nwhile len(l) < {n}: l.append(1)",
    "conditional": "for i in range({n}):\n  if i % 2: abs(i)\n  else: abs(-i)",
    "short circuit": "for i in range({n}): i % 2 and abs(i)",
    "comprehension": "[abs(i) for i in range({n}) if abs(i) > 3]",
    "comprehension in a loop": "for i in range({n} // 10): [abs(j) for j in range(10)]",
    "deep conditions": (
        "for i in range({n}):\n  x = (abs(i) if i % 2 else abs(1) if i % 3 else abs(2) if i % 5 "
        "else abs(3) if i % 7 else abs(4))"
    ),
    "caught": "for i in range({n}):\n  try: abs(1 // 0) + abs(i)\n  except ZeroDivisionError: pass",
    "method": "class C:\n  def m(self): return self\nc = C()\nfor i in range({n}): c.m().m()",
    "recursion": "def f(n): return n and 1 + f(n - 1)\nfor i in range({n} // 100): f(100)",
    "generator": "def g(n):\n  for i in range(n): yield i\nsum(g({n}))",
    "generator in a loop": "def g(n):\n  for i in range(n): yield i\nfor i in g({n}): abs(i)",
    "class that yields": (
        "class C:\n  def __iter__(self):\n    for i in range({n}): yield i\n"
        "for i in C(): pass\nsum(C())"
    ),
    "asynchronous generator": (
        "async def g(n):\n  for i in range(n): yield i\nasync def f():\n"
        "  async for i in g({n}): pass\nimport asyncio\nasyncio.run(f())"
    ),
    "coroutines": (
        "async def g(): pass\nasync def f():\n  for i in range({n}): await g()\n"
        "import asyncio\nasyncio.run(f())"
    ),
    "generator of a thread": (
        "import threading\ndef g(n):\n  for i in range(n): yield i\n"
        "t = threading.Thread(target=lambda: sum(g({n}))); t.start(); t.join()"
    ),
}


@pytest.mark.parametrize("cell", [pytest.param(c, id=n) for n, c in CELLS.items()])
def test_what_is_done_often_is_not_observed_often(monkeypatch, cell):
    calls = 0

    def counted(owner: Any, name: str) -> None:
        inner = getattr(owner, name)

        def outer(*args: Any) -> Any:
            nonlocal calls
            calls += 1
            return inner(*args)

        monkeypatch.setattr(owner, name, outer)

    for name in ("_enter", "_value", "_last"):
        counted(hooks, name)
    callbacks = ("_event",)
    if sys.version_info >= (3, 12):
        callbacks = ("_started", "_returned", "_yielded", "_resumed", "_unwound")
        # What wraps a callback is one frame more, as is what asks for it.
        shim = SimpleNamespace(_getframe=lambda depth: sys._getframe(depth + 2))
        monkeypatch.setattr("provenance_kernel.trace.nested.monitoring.sys", shim)
    for name in callbacks:
        counted(nested.NestedCalls, name)
    tracer = choose(Settings())
    trace_with(tracer, cell.format(n=TIMES))
    tracer.close()
    assert calls < LIMIT
