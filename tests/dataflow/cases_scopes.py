"""Cases: comprehensions, classes, functions as values, and what they look up when made."""

from __future__ import annotations

from .case import XS, XY, Case, Cell, X, case

CASES: tuple[Case, ...] = (
    case("comprehension", XS, Cell("ys = [v + 1 for v in xs]", "xs", "ys", after="1:xs")),
    case(
        "comprehension hides",
        XS,
        Cell("v = 5", writes="v"),
        Cell("ys = [v for v in xs]", "xs", "ys", after="1:xs"),
        Cell("v", "v", after="2:v"),
    ),
    case(
        "comprehension of its own name",
        XS,
        Cell("xs = [xs for xs in xs]", "xs", "xs", after="1:xs"),
    ),
    case(
        "comprehension condition", XS, X, Cell("[v for v in xs if v < x]", "xs x", after="1:xs 2:x")
    ),
    case(
        "comprehension, nested loops",
        XS,
        XY,
        Cell("[(v, w) for v in xs for w in (v, x)]", "xs x", after="1:xs 2:x"),
    ),
    case(
        "comprehension in a comprehension",
        XS,
        Cell("[[v for v in range(w)] for w in xs]", "xs", after="1:xs"),
    ),
    case(
        "dict and set comprehension",
        XS,
        X,
        Cell("d = {v: x for v in xs}; s = {v for v in d}", "xs x", "d s", after="1:xs 2:x"),
    ),
    case("generator", XS, X, Cell("t = sum(v * x for v in xs)", "xs x", "t", after="1:xs 2:x")),
    case(
        "comprehension of a name bound here",
        XS,
        X,
        Cell("x = 2\n[v * x for v in xs]", "xs", "x", after="1:xs"),
    ),
    case("f-string", XY, Cell("s = f'{x!r:>{y % 9}}'", "x y", "s", after="1:x 1:y")),
    case("f-string with =", X, Cell("s = f'{x = }'", "x", "s", after="1:x")),
    case("chained comparison", XY, Cell("b = 0 < x < y", "x y", "b", after="1:x 1:y")),
    case("ternary reads both", XY, Cell("b = x if True else y", "x y", "b", after="1:x 1:y")),
    case("and reads both", XY, Cell("b = x and y", "x y", "b", after="1:x 1:y")),
    case("starred arguments", XS, Cell("print(*xs, **{})", "xs", after="1:xs")),
    case("keyword argument", X, Cell("print(1, end=str(x))", "x", after="1:x")),
    case("slice bounds", XS, X, Cell("xs[x:x]", "xs x", after="1:xs 2:x")),
    case("assert message", X, Cell("assert True, x", "x", after="1:x")),
    case("assert", X, Cell("assert x", "x", after="1:x")),
    case("def reads no body", X, Cell("def f(): return x", writes="f")),
    case("def defaults", XY, Cell("def f(a=x, *, b=y): return a", "x y", "f", after="1:x 1:y")),
    case(
        "def decorator",
        Cell("def d(f): return f", writes="d"),
        Cell("@d\ndef g(): return 1", "d", "g", after="1:d"),
    ),
    case("def annotations in quotes", X, Cell("def f(a: 'x') -> 'x': return a", writes="f")),
    case(
        "future annotations",
        X,
        Cell(
            "from __future__ import annotations\ndef f(a: x) -> x: return a", writes="annotations f"
        ),
    ),
    case("lambda reads no body", X, Cell("f = lambda v: x", writes="f")),
    case("lambda default", X, Cell("f = lambda v=x: v", "x", "f", after="1:x")),
    case(
        "lambda passed on",
        XS,
        X,
        Cell("ys = list(map(lambda v: v + x, xs))", "xs x", "ys", after="1:xs 2:x"),
    ),
    case(
        "lambda passed on, name bound here",
        XS,
        X,
        Cell("x = 1\nys = list(map(lambda v: v + x, xs))", "xs", "x ys", after="1:xs"),
    ),
    case("lambda stored, not called", X, Cell("d = {'f': lambda: x}", writes="d")),
    case(
        "lambda called later",
        X,
        Cell("f = lambda: x", writes="f"),
        Cell("f()", "f x", after="2:f 1:x"),
    ),
    case("lambda called where it stands", X, Cell("y = (lambda: x)()", "x", "y", after="1:x")),
    case(
        "class bases",
        Cell("class A: pass", writes="A"),
        Cell("class B(A): pass", "A", "B", after="1:A"),
    ),
    case(
        "class keyword",
        Cell("import abc", writes="abc"),
        Cell("class B(metaclass=abc.ABCMeta): pass", "abc", "B", after="1:abc"),
    ),
    case("class body reads", X, Cell("class A:\n    y = x", "x", "A", after="1:x")),
    case(
        "class body binds its own",
        X,
        Cell("class A:\n    x = 1\n    y = x", writes="A"),
        Cell("x", "x", after="1:x"),
    ),
    case(
        "class body reads and binds its own", X, Cell("class A:\n    x = x", "x", "A", after="1:x")
    ),
    case(
        "class body condition",
        XY,
        Cell("class A:\n    if y > 1:\n        x = 1\n    z = x", "x y", "A", after="1:x 1:y"),
    ),
    case(
        "class body loop",
        XS,
        Cell("class A:\n    for v in xs: w = v\n    z = w", "xs", "A", after="1:xs"),
    ),
    case(
        "class body comprehension",
        X,
        Cell(
            "class A:\n    n = [1]\n    y = [x for x in n]\n    z = [v + x for v in n]",
            "x",
            "A",
            after="1:x",
        ),
    ),
    case(
        "class body global",
        X,
        Cell("class A:\n    global x\n    x = 5", writes="x A"),
        Cell("x", "x", after="2:x"),
    ),
    case(
        "class body try",
        X,
        Cell(
            "class A:\n    try:\n        y = x\n    except E as e:\n        pass",
            "x",
            "A",
            after="1:x",
        ),
    ),
    case(
        "class body delete",
        X,
        Cell("class A:\n    x = 1\n    del x\n    y = x", "x", "A", after="1:x"),
    ),
    case(
        "class body with",
        Cell("import io", writes="io"),
        Cell("class A:\n    with io.StringIO('') as f:\n        g = f", "io", "A", after="1:io"),
    ),
    case(
        "class body calls",
        Cell("def f(): return x", writes="f"),
        X,
        Cell("class A:\n    y = f()", "f x", "A", after="1:f 2:x"),
    ),
    case("method body not run", X, Cell("class A:\n    def m(self): return x", writes="A")),
    case(
        "class decorator",
        Cell("from dataclasses import dataclass", writes="dataclass"),
        Cell("@dataclass\nclass A:\n    a: 'int' = 1", "dataclass", "A", after="1:dataclass"),
    ),
    case(
        "await",
        Cell("import asyncio", writes="asyncio"),
        Cell("y = await asyncio.sleep(0, 5)", "asyncio", "y", after="1:asyncio"),
        Cell("y", "y", after="2:y"),
    ),
    case(
        "async for and with",
        Cell(
            "class A:\n    async def __aenter__(self): return 5\n"
            "    async def __aexit__(self, *a): pass\nasync def g():\n    yield x",
            writes="A g",
        ),
        X,
        Cell(
            "async with A() as a:\n    async for v in g(): w = v\nprint(a, v, w)",
            "A g x",
            "a v w",
            after="1:A 1:g 2:x",
        ),
    ),
    case(
        "async comprehension",
        Cell("async def g():\n    yield x", writes="g"),
        X,
        Cell("ys = [v async for v in g()]", "g x", "ys", after="1:g 2:x"),
    ),
)
