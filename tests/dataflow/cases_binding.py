"""Cases: the ways in which names are bound and unbound."""

from __future__ import annotations

from .case import XS, XY, Case, Cell, X, case

CASES: tuple[Case, ...] = (
    case("assignment", Cell("x = 1", writes="x")),
    case("read", X, Cell("y = x + 1", "x", "y", after="1:x")),
    case("builtin is no read", Cell("n = len('ab')", writes="n")),
    case("bound before it is read", X, Cell("x = 5\nprint(x)", writes="x")),
    case("read before it is bound", X, Cell("y = x\nx = 5", "x", "y x", after="1:x")),
    case("bound to what it was", X, Cell("x = x", "x", "x", after="1:x")),
    case("bound to an equal value", X, Cell("x = 1000", writes="x"), Cell("x", "x", after="2:x")),
    case("small number again", Cell("x = 1", writes="x"), Cell("x = 1", writes="x")),
    case("augmented", X, Cell("x += 1", "x", "x", after="1:x")),
    case("augmented in two steps", X, Cell("x += 1\nx += x", "x", "x", after="1:x")),
    case(
        "augmented item",
        XS,
        Cell("xs[0] += 1", "xs", after="1:xs", mutates="xs"),
        Cell("xs", "xs", after="2:xs"),
    ),
    case(
        "augmented attribute",
        Cell("import types\no = types.SimpleNamespace(a=1)", writes="types o"),
        Cell("o.a += 1", "o", after="1:o", mutates="o"),
        Cell("print(o.a)", "o", after="2:o"),
    ),
    case("augmented after binding", X, Cell("x = 2\nx += 1", writes="x")),
    case("item assignment", XS, X, Cell("xs[0] = x", "xs x", after="1:xs 2:x")),
    case("slice assignment", XS, Cell("xs[:2] = [7]", "xs", after="1:xs")),
    case("tuple target", XY, Cell("x, y = y, x", "x y", "x y", after="1:x 1:y")),
    case("starred target", XS, Cell("a, *b = xs", "xs", "a b", after="1:xs")),
    case("nested target", Cell("(a, [b, c]), d = (1, (2, 3)), 4", writes="a b c d")),
    case("chained targets", X, Cell("a = b = x", "x", "a b", after="1:x")),
    case("target binds left to right", X, Cell("x = [0]; x[0], y = 1, 2", writes="x y")),
    case("annotated", Cell("T = int", writes="T"), Cell("x: 'T' = 1", writes="x")),
    case("annotation without a value", X, Cell("x: 'str'", writes="")),
    case("subscript in a load", XY, Cell("z = [x][x - 1000]", "x", "z", after="1:x")),
    case("delete", X, Cell("del x", deletes="x")),
    case("delete clears", X, Cell("del x", deletes="x"), X, Cell("x", "x", after="3:x")),
    case("delete and bind again", X, Cell("del x\nx = 2", writes="x"), Cell("x", "x", after="2:x")),
    case("read then delete", X, Cell("y = x\ndel x", "x", "y", "x", after="1:x")),
    case("delete then read", X, Cell("del x\nx", deletes="x", raises="NameError")),
    case("bound and deleted", Cell("x = 1\ndel x")),
    case("bound over and deleted", X, Cell("x = 1\ndel x", deletes="x")),
    case("delete an item", XS, Cell("del xs[0]", "xs", after="1:xs")),
    case("delete two", XY, Cell("del x, y", deletes="x y")),
    case("delete in brackets", XY, Cell("del (x, [y])", deletes="x y")),
    case("import", Cell("import os", writes="os"), Cell("os.sep", "os", after="1:os")),
    case("import dotted", Cell("import os.path", writes="os")),
    case("import dotted as", Cell("import os.path as p", writes="p"), Cell("p", "p", after="1:p")),
    case("import as", Cell("import os as operating", writes="operating")),
    case("import from", Cell("from os import sep, path as p", writes="sep p")),
    case(
        "star import",
        Cell(
            "from bisect import *",
            writes="bisect bisect_left bisect_right insort insort_left insort_right",
        ),
        Cell("insort", "insort", after="1:insort"),
    ),
    case(
        "star import settles",
        Cell("insort = bisect = 1", writes="insort bisect"),
        Cell(
            "from bisect import *\ninsort\nbisect",
            writes="bisect bisect_left bisect_right insort insort_left insort_right",
        ),
    ),
    case(
        "star import of __all__",
        Cell("from this_is_not_there import *", raises="ModuleNotFoundError"),
        Cell("from sched import *\nx = scheduler", writes="scheduler x"),
    ),
    case(
        "walrus",
        XS,
        Cell("if (n := len(xs)) > 2: m = n", "xs", "n m", after="1:xs"),
    ),
    case("walrus before read", X, Cell("(x := 2) + x", writes="x")),
    case("read before walrus", X, Cell("x + (x := 2)", "x", "x", after="1:x")),
    case(
        "walrus in a comprehension",
        XS,
        Cell("ys = [last := v for v in xs]", "xs", "ys last", after="1:xs"),
        Cell("last", "last", after="2:last"),
    ),
    case(
        "walrus in an empty comprehension", Cell("[w := v for v in []]"), Cell("w = 2", writes="w")
    ),
    case(
        "walrus not evaluated",
        X,
        Cell("False and (x := 2)"),
        Cell("x", "x", after="1:x"),
    ),
    case("walrus not evaluated, then read", X, Cell("0 and (x := 2)\nx", "x", after="1:x")),
    case(
        "with as",
        Cell("import io", writes="io"),
        Cell(
            "with io.StringIO('a') as f:\n    t = f.read()\nprint(t, f)", "io", "f t", after="1:io"
        ),
    ),
    case(
        "with two",
        Cell("import io", writes="io"),
        Cell(
            "with io.StringIO('a') as f, io.StringIO(f.read()) as (*g,):\n    pass",
            "io",
            "f g",
            after="1:io",
        ),
    ),
    case(
        "with that suppresses",
        Cell("from contextlib import suppress\ny = 1000", writes="suppress y"),
        Cell(
            "with suppress(ZeroDivisionError):\n    y = 1 / 0\ny",
            "suppress y",
            after="1:suppress 1:y",
        ),
    ),
    case("for target", XS, Cell("for i in xs: pass\ni", "xs", "i", after="1:xs")),
    case("for target of an empty loop", X, Cell("for x in []: pass"), Cell("x", "x", after="1:x")),
    case("for target read after", X, Cell("for x in []: pass\nx", "x", after="1:x")),
    case("for target tuple", Cell("for a, (b, *c) in [(1, (2, 3))]: pass", writes="a b c")),
    case("for target item", XS, Cell("for xs[0] in [7]: pass", "xs", after="1:xs")),
    case("for over its own name", XS, Cell("for xs in xs: pass", "xs", "xs", after="1:xs")),
    case(
        "except as",
        X,
        Cell("try:\n    1 / 0\nexcept ZeroDivisionError as x:\n    print(x)", deletes="x"),
    ),
    case(
        "except as, a new name",
        Cell("try:\n    1 / 0\nexcept Exception as e:\n    s = str(e)", writes="s"),
    ),
    case(
        "except as, kept",
        Cell("try:\n    1 / 0\nexcept Exception as e:\n    kept = e", writes="kept"),
    ),
    case(
        "except as, not raised", X, Cell("try: 1\nexcept OSError as x: pass\nx", "x", after="1:x")
    ),
    case("match capture", XY, Cell("match x:\n    case y: pass\ny", "x", "y", after="1:x")),
    case(
        "match sequence",
        XS,
        Cell("match xs:\n    case [a, *b]: pass\nprint(a, b)", "xs", "a b", after="1:xs"),
    ),
    case(
        "match mapping",
        Cell("d = {'k': 1, 'l': 2}", writes="d"),
        Cell("match d:\n    case {'k': k, **rest}: pass", "d", "k rest", after="1:d"),
    ),
    case(
        "match class and as",
        X,
        Cell("match x:\n    case int(real=r) as whole: pass", "x", "r whole", after="1:x"),
    ),
    case(
        "match value",
        Cell("class C: red = 1000", writes="C"),
        X,
        Cell("match x:\n    case C.red: hit = True", "C x", "hit", after="1:C 2:x"),
    ),
    case(
        "match guard binds",
        X,
        Cell("match x:\n    case n if n < 0: pass\n    case _: m = 1", "x", "n m", after="1:x"),
    ),
    case(
        "match reads no later case",
        XY,
        Cell("class C: v = 5", writes="C"),
        Cell("match x:\n    case 1000: pass\n    case C.v: pass", "x", after="1:x"),
    ),
    case("global at module level", X, Cell("global x\nx = 2", writes="x")),
    case(
        "type alias",
        Cell("U = int", writes="U"),
        Cell("type A[T] = list[T] | U", writes="A"),
        python=(3, 12),
    ),
    case(
        "type parameters",
        Cell("T = int", writes="T"),
        Cell("def f[T](v: T) -> T: return v\nclass C[T]: t = T", writes="f C"),
        python=(3, 12),
    ),
)
