"""Cases: names that the user's functions look up, bind and unbind when they are called."""

from __future__ import annotations

from .case import XS, XY, Case, Cell, X, case

F = Cell("def f(): return x", writes="f")
SET = Cell("def f():\n    global x\n    x = [5]", writes="f")

CASES: tuple[Case, ...] = (
    case("function reads a global", F, X, Cell("y = f()", "f x", "y", after="1:f 2:x")),
    case("function is only mentioned", F, X, Cell("g = f", "f", "g", after="1:f")),
    case("function's global bound here", X, F, Cell("x = 1\nf()", "f", "x", after="2:f")),
    case("function's global bound after", X, F, Cell("f()\nx = 1", "f x", "x", after="2:f 1:x")),
    case("defined and called here", X, Cell("def f(): return x\nf()", "x", "f", after="1:x")),
    case(
        "called through another",
        X,
        F,
        Cell("def g(): return f() + 1", writes="g"),
        Cell("g()", "g f x", after="3:g 2:f 1:x"),
    ),
    case(
        "recursion",
        Cell("def f(n): return x if n == 0 else f(n - 1)", writes="f"),
        X,
        Cell("f(3)", "f x", after="1:f 2:x"),
    ),
    case(
        "mutual recursion",
        Cell("def a(n): return b(n - 1) if n else x", writes="a"),
        Cell("def b(n): return a(n - 1) if n else y", writes="b"),
        XY,
        Cell("a(2)", "a b x y", after="1:a 2:b 3:x 3:y"),
    ),
    case(
        "global in a function",
        X,
        SET,
        Cell("f()", "f", "x", after="2:f"),
        Cell("x", "x", after="3:x"),
    ),
    case("global in a function, then read", X, SET, Cell("f()\nx", "f", "x", after="2:f")),
    case(
        "global in a function, new name",
        SET,
        Cell("f()", "f", "x", after="1:f"),
        Cell("x", "x", after="2:x"),
    ),
    case(
        "global in a function to the same value",
        Cell("x = 1", writes="x"),
        Cell("def f():\n    global x\n    x = 1", writes="f"),
        Cell("f()", "f", "x", after="2:f"),
        Cell("x", "x", after="3:x"),
    ),
    case(
        "global twice to a place used again",
        X,
        Cell("def f():\n    global x\n    x = []\n    x = []\n    x = []", writes="f"),
        Cell("f(); f(); f()", "f", "x", after="2:f"),
    ),
    case(
        "global augmented in a function",
        X,
        Cell("def f():\n    global x\n    x += 1", writes="f"),
        Cell("f()", "f x", "x", after="2:f 1:x"),
    ),
    case(
        "global bound and read in a function",
        X,
        Cell("def f():\n    global x\n    x = 1\n    return x", writes="f"),
        Cell("f()", "f", "x", after="2:f"),
    ),
    case(
        "global bound on a condition",
        X,
        Cell("def f(c):\n    global x\n    if c: x = [1]\n    return x", writes="f"),
        Cell("f(0)", "f x", after="2:f 1:x"),
        Cell("f(1)", "f x", "x", after="2:f 1:x"),
    ),
    case(
        "global deleted in a function",
        X,
        Cell("def f():\n    global x\n    del x", writes="f"),
        Cell("f()", "f", deletes="x", after="2:f"),
    ),
    case(
        "method",
        Cell("class A:\n    def m(self): return x", writes="A"),
        X,
        Cell("a = A()", "A", "a", after="1:A"),
        Cell("a.m()", "a x", after="3:a 2:x"),
    ),
    case(
        "method, name bound here",
        Cell("class A:\n    def m(self): return x", writes="A"),
        X,
        Cell("a = A()", "A", "a", after="1:A"),
        Cell("x = 2\na.m()", "a", "x", after="3:a"),
    ),
    case(
        "initialiser",
        Cell("class A:\n    def __init__(self): self.x = x", writes="A"),
        X,
        Cell("A()", "A x", after="1:A 2:x"),
    ),
    case(
        "inherited method",
        Cell("class A:\n    def m(self): return x", writes="A"),
        Cell("class B(A): pass", "A", "B", after="1:A"),
        X,
        Cell("B().m()", "B x", after="2:B 3:x"),
    ),
    case(
        "operator method",
        Cell("class A:\n    def __add__(self, o): return x", writes="A"),
        X,
        Cell("a = A()", "A", "a", after="1:A"),
        Cell("a + 1", "a x", after="3:a 2:x"),
    ),
    case(
        "property and class method",
        Cell(
            "class A:\n    @property\n    def p(self): return x\n    @classmethod\n"
            "    def c(cls): return y",
            writes="A",
        ),
        XY,
        Cell("A().p", "A x", after="1:A 2:x"),
        Cell("A.c()", "A y", after="1:A 2:y"),
    ),
    case(
        "method not called",
        Cell("class A:\n    def m(self): return x", writes="A"),
        X,
        Cell("A()", "A", after="1:A"),
    ),
    case(
        "closure",
        Cell("def outer(k):\n    def inner(): return x * k\n    return inner", writes="outer"),
        Cell("g = outer(2)", "outer", "g", after="1:outer"),
        X,
        Cell("g()", "g x", after="2:g 3:x"),
    ),
    case(
        "decorated",
        Cell(
            "import functools\ndef d(f):\n    @functools.wraps(f)\n"
            "    def w(): return f() + y\n    return w",
            writes="functools d",
        ),
        Cell("@d\ndef f(): return x", "d functools", "f", after="1:d 1:functools"),
        XY,
        Cell("f()", "f x y", after="2:f 3:x 3:y"),
    ),
    case(
        "cached",
        Cell(
            "from functools import lru_cache\n@lru_cache\ndef f(): return x", writes="lru_cache f"
        ),
        X,
        Cell("f()", "f x", after="1:f 2:x"),
        Cell("f()", "f", after="1:f"),
    ),
    case(
        "partial",
        Cell(
            "from functools import partial\ndef f(a): return a + x\np = partial(f, 1)",
            writes="partial f p",
        ),
        X,
        Cell("p()", "p x", after="1:p 2:x"),
    ),
    case(
        "in a dict",
        F,
        X,
        Cell("d = {'f': f}", "f", "d", after="1:f"),
        Cell("d['f']()", "d x", after="3:d 2:x"),
    ),
    case(
        "as a callback",
        Cell("def key(v): return v * x", writes="key"),
        X,
        XS,
        Cell("sorted(xs, key=key)", "xs key x", after="1:key 2:x 3:xs"),
    ),
    case(
        "comprehension in a function",
        Cell("def f(): return [v * x for v in xs]", writes="f"),
        X,
        XS,
        Cell("f()", "f x xs", after="1:f 2:x 3:xs"),
    ),
    case(
        "class in a function",
        Cell("def f():\n    class A:\n        a = x\n    return A.a", writes="f"),
        X,
        Cell("f()", "f x", after="1:f 2:x"),
    ),
    case(
        "inner function not called",
        Cell("def f():\n    def g(): return x\n    return 1", writes="f"),
        X,
        Cell("f()", "f", after="1:f"),
    ),
    case(
        "default is read at the definition",
        X,
        Cell("def f(a=x): return a", "x", "f", after="1:x"),
        Cell("f()", "f", after="2:f"),
    ),
    case(
        "local of the same name",
        X,
        Cell("def f():\n    x = 1\n    return x", writes="f"),
        Cell("f()", "f", after="2:f"),
    ),
    case(
        "generator consumed later",
        Cell("def g():\n    yield x", writes="g"),
        X,
        Cell("it = g()", "g", "it", after="1:g"),
        Cell("next(it)", "it x", after="3:it 2:x"),
    ),
    case(
        "module used in a function",
        Cell("import math", writes="math"),
        Cell("def f(): return math.pi", writes="f"),
        Cell("f()", "f math", after="2:f 1:math"),
    ),
    case(
        "globals() in a function",
        Cell("def f(v): globals()['x'] = v", writes="f"),
        Cell("f([1])", "f", "x", after="1:f"),
    ),
    case(
        "exec in a function",
        Cell("def f(): exec('x = [1]', globals())", writes="f"),
        Cell("f()", "f", "x", after="1:f"),
    ),
    case("redefined", F, X, Cell("def f(): return 2", writes="f"), Cell("f()", "f", after="3:f")),
    case(
        "called, then redefined",
        F,
        X,
        Cell("y = f()\ndef f(): return 2", "f x", "y f", after="1:f 2:x", unseen="x"),
    ),
    case(
        "called in a loop",
        F,
        X,
        Cell("for i in range(3):\n    if i == 2: y = f()", "f x", "i y", after="1:f 2:x"),
    ),
    case(
        "asynchronous",
        Cell("async def f(): return x", writes="f"),
        X,
        Cell("await f()", "f x", after="1:f 2:x"),
    ),
    case(
        "coroutine awaited later",
        Cell("async def f(): return x", writes="f"),
        X,
        Cell("c = f()", "f", "c", after="1:f"),
        Cell("await c", "c x", after="3:c 2:x"),
    ),
    case(
        "in a thread",
        Cell("import threading\ndef f(): box.append(x)", writes="threading f"),
        X,
        Cell("box = []", writes="box"),
        Cell(
            "t = threading.Thread(target=f); t.start(); t.join()",
            "threading f x box",
            "t",
            after="1:threading 1:f 2:x 3:box",
            mutates="box",
        ),
    ),
    case(
        "handed to other threads",
        Cell(
            "from concurrent.futures import ThreadPoolExecutor as P\n"
            "def f(v): return v * x\n"
            "class A:\n    def m(self, v): return v * y",
            writes="P f A",
        ),
        XY,
        Cell("with P(1) as p: s = list(p.map(f, [1]))", "P f x", "p s", after="1:P 1:f 2:x"),
        Cell("a = A()", "A", "a", after="1:A"),
        Cell("with P(1) as p: s = list(p.map(a.m, [1]))", "P a y", "p s", after="1:P 4:a 2:y"),
        Cell(
            "with P(1) as p: s = list(p.map(lambda v: v * x, [1]))",
            "P x",
            "p s",
            after="1:P 2:x",
        ),
    ),
)
