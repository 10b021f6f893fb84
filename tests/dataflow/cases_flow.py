"""Cases: conditions, loops, exceptions and cells that end early."""

from __future__ import annotations

from .case import XS, XY, Case, Cell, X, case

CASES: tuple[Case, ...] = (
    case("branch not taken reads nothing", XY, Cell("if x < 0: print(y)", "x", after="1:x")),
    case("branch not taken binds nothing", XY, Cell("if x < 0: y = 1\ny", "x y", after="1:x 1:y")),
    case("branch taken settles", XY, Cell("if x > 0: y = 1\ny", "x", "y", after="1:x")),
    case("else taken", XY, Cell("if x < 0: a = 1\nelse: b = y\nb", "x y", "b", after="1:x 1:y")),
    case(
        "elif taken",
        XY,
        Cell("if x < 0: a = 1\nelif y > x: b = 1\nelse: c = q", "x y", "b", after="1:x 1:y"),
    ),
    case("elif not reached", XY, Cell("if x: a = 1\nelif y: b = 1", "x", "a", after="1:x")),
    case(
        "no branch of elif", XY, Cell("if not x: a = 1\nelif not y: b = 1", "x y", after="1:x 1:y")
    ),
    case(
        "else with an if in it",
        XY,
        Cell("if not x: a = 1\nelse:\n    if y: b = 1", "x y", "b", after="1:x 1:y"),
    ),
    case(
        "else with an if in it, not reached",
        XY,
        Cell("if x: a = 1\nelse:\n    if y: b = 1", "x", "a", after="1:x"),
    ),
    case(
        "conditional binding before a read",
        XY,
        Cell("if x > 0:\n    y = 5\nz = y", "x", "y z", after="1:x"),
    ),
    case(
        "bound in both branches",
        XY,
        Cell("if x: y = 5\nelse: y = 6\nz = y", "x", "y z", after="1:x"),
    ),
    case("deleted in a branch", XY, Cell("if x: del y", "x", deletes="y", after="1:x")),
    case(
        "loop reads what it bound",
        XS,
        X,
        Cell("for v in xs:\n    x = v\n    y = x", "xs", "v x y", after="1:xs"),
    ),
    case(
        "loop reads before it binds",
        XS,
        X,
        Cell("for v in xs:\n    y = x\n    x = v", "xs x", "v x y", after="1:xs 2:x"),
    ),
    case(
        "later turn reads another name",
        XS,
        XY,
        Cell(
            "for v in xs:\n    if v == 3: z = y\n    else: z = v", "xs y", "v z", after="1:xs 2:y"
        ),
    ),
    case(
        "last turn of many reads another name",
        XY,
        Cell("for i in range(1000):\n    if i == 999: z = y", "y", "i z", after="1:y"),
    ),
    case(
        "branch of no turn",
        XS,
        XY,
        Cell("for v in xs:\n    if v == 30: z = y\n    else: z = v", "xs", "v z", after="1:xs"),
    ),
    case(
        "bound in some turn, read after",
        XS,
        XY,
        Cell("for v in xs:\n    if v == 2: y = v\nz = y", "xs", "v y z", after="1:xs"),
    ),
    case(
        "bound in some turn, read in a turn",
        XS,
        XY,
        Cell("for v in xs:\n    if v == 2: y = v\n    z = y", "xs y", "v y z", after="1:xs 2:y"),
    ),
    case(
        "both branches bind in every turn",
        XS,
        XY,
        Cell(
            "for v in xs:\n    if v == 2: y = v\n    else: y = 0\n    z = y",
            "xs",
            "v y z",
            after="1:xs",
        ),
    ),
    case(
        "accumulator bound here", XS, Cell("s = 0\nfor v in xs: s += v", "xs", "s v", after="1:xs")
    ),
    case(
        "accumulator from before",
        XS,
        X,
        Cell("for v in xs: x += v", "xs x", "v x", after="1:xs 2:x"),
    ),
    case(
        "nested loops",
        XS,
        XY,
        Cell(
            "for v in xs:\n    for w in range(v):\n        t = w * y\nprint(t, w)",
            "xs y",
            "v w t",
            after="1:xs 2:y",
        ),
    ),
    case(
        "inner loop empty in the first turn",
        XS,
        X,
        Cell(
            "for v in xs:\n    for w in range(v - 1): x = w\n    u = x",
            "xs x",
            "v w x u",
            after="1:xs 2:x",
        ),
    ),
    case("while", X, Cell("while x > 990: x -= 1", "x", "x", after="1:x")),
    case("while binds its condition", X, Cell("n = 3\nwhile n: x = n; n -= 1\nx", writes="n x")),
    case(
        "while with walrus",
        XS,
        Cell(
            "it = iter(xs)\nwhile (v := next(it, None)) is not None: last = v\nprint(v, last)",
            "xs",
            "it v last",
            after="1:xs",
        ),
    ),
    case("while not entered", XY, Cell("while x < 0: y = 1\ny", "x y", after="1:x 1:y")),
    case(
        "while True and break",
        XY,
        Cell("while True:\n    z = x\n    if z: break\n    y = z", "x", "z", after="1:x"),
    ),
    case(
        "break before a binding",
        XS,
        X,
        Cell("for v in xs:\n    if v: break\n    x = v\nx", "xs x", "v", after="1:xs 2:x"),
    ),
    case(
        "continue before a binding",
        XS,
        X,
        Cell("for v in xs:\n    if v == 1: continue\n    x = v", "xs", "v x", after="1:xs"),
    ),
    case("loop else", XS, XY, Cell("for v in xs: pass\nelse: y = v\ny", "xs", "v y", after="1:xs")),
    case(
        "loop else not reached",
        XS,
        XY,
        Cell("for v in xs: break\nelse: y = v\ny", "xs y", "v", after="1:xs 2:y"),
    ),
    case("loop else of an empty loop", X, Cell("for v in []: pass\nelse: x = 1\nx", writes="x")),
    case("try without an exception", XY, Cell("try: y = 1\nexcept E: y = x\ny", writes="y")),
    case(
        "try else", XY, Cell("try: a = 1\nexcept E: a = x\nelse: b = y\nb", "y", "a b", after="1:y")
    ),
    case(
        "try with an exception",
        XY,
        Cell(
            "try:\n    1 / 0\n    y = 1\nexcept ZeroDivisionError:\n    z = x\ny",
            "x y",
            "z",
            after="1:x 1:y",
        ),
    ),
    case(
        "handlers are tried in order",
        Cell("class E(Exception): pass\nclass F(Exception): pass", writes="E F"),
        Cell(
            "try: 1 / 0\nexcept E: pass\nexcept ZeroDivisionError: z = 1\nexcept F: pass",
            "E",
            "z",
            after="1:E",
        ),
    ),
    case("finally", XY, Cell("try: y = 1\nfinally: z = x\ny", "x", "y z", after="1:x")),
    case(
        "finally after an exception",
        XY,
        Cell(
            "try:\n    y = 1 / 0\nfinally:\n    z = x\nw = 1",
            "x",
            "z",
            after="1:x",
            raises="ZeroDivisionError",
        ),
    ),
    case(
        "handler that raises again",
        XY,
        Cell(
            "try:\n    1 / 0\nexcept ZeroDivisionError:\n    z = x\n    raise\ny",
            "x",
            "z",
            after="1:x",
            raises="ZeroDivisionError",
        ),
    ),
    case(
        "handler that raises another",
        XY,
        Cell(
            "try:\n    1 / 0\nexcept ZeroDivisionError:\n    z = x\n    raise KeyError\ny",
            "x",
            "z",
            after="1:x",
            raises="KeyError",
        ),
    ),
    case(
        "no handler fits",
        Cell("class E(Exception): pass", writes="E"),
        Cell(
            "try:\n    1 / 0\nexcept E:\n    pass\nx = 1",
            "E",
            after="1:E",
            raises="ZeroDivisionError",
        ),
    ),
    case(
        "try in a loop",
        XS,
        X,
        Cell(
            "for v in xs:\n    try:\n        y = 6 // (v - 2)\n    except ZeroDivisionError:\n"
            "        y = x",
            "xs x",
            "v y",
            after="1:xs 2:x",
        ),
    ),
    case(
        "exception group",
        X,
        Cell(
            "try:\n    raise ExceptionGroup('g', [KeyError()])\nexcept* KeyError as g:\n    z = x",
            "x",
            "z",
            after="1:x",
        ),
    ),
    case(
        "raised before a binding",
        XY,
        Cell("a = x\n1 / 0\nb = y", "x", "a", after="1:x", raises="ZeroDivisionError"),
    ),
    case(
        "raised in a binding",
        XY,
        Cell("x = y / 0", "y", after="1:y", raises="ZeroDivisionError"),
        Cell("x", "x", after="1:x"),
    ),
    case(
        "raised in a loop",
        XS,
        XY,
        Cell(
            "for v in xs:\n    if v == 2:\n        raise KeyError\n    z = x\nw = y",
            "xs x",
            "v z",
            after="1:xs 2:x",
            raises="KeyError",
        ),
    ),
    case(
        "raised in a loop after a binding",
        XS,
        X,
        Cell(
            "for v in xs:\n    x = v\n    1 / (v - 2)\ny = x",
            "xs",
            "v x",
            after="1:xs",
            raises="ZeroDivisionError",
        ),
    ),
    case(
        "raised in a condition",
        XY,
        Cell("if x / 0:\n    z = y\nw = y", "x", after="1:x", raises="ZeroDivisionError"),
    ),
    case(
        "raised in a with head",
        X,
        Cell(
            "with open(str(x) + '/none') as f:\n    y = x",
            "x",
            after="1:x",
            raises="FileNotFoundError",
        ),
    ),
    case(
        "raised in a with body",
        Cell("import io", writes="io"),
        X,
        Cell(
            "with io.StringIO() as f:\n    y = x\n    1 / 0\n    z = 1",
            "io x",
            "f y",
            after="1:io 2:x",
            raises="ZeroDivisionError",
        ),
    ),
    case(
        "raised in a called function",
        Cell("def f():\n    return x / 0", writes="f"),
        XY,
        Cell("a = 1\nf()\nb = y", "f x", "a", after="1:f 2:x", raises="ZeroDivisionError"),
    ),
    case(
        "system exit",
        XY,
        Cell("a = x\nraise SystemExit\nb = y", "x", "a", after="1:x", raises="SystemExit"),
    ),
    case("syntax error", X, Cell("x = = 1", raises="SyntaxError"), Cell("x", "x", after="1:x")),
    case("name error", Cell("nothing_here", raises="NameError")),
    case("match no case", XY, Cell("match x:\n    case 1: y = 1\ny", "x y", after="1:x 1:y")),
    case(
        "match in a loop",
        XS,
        XY,
        Cell(
            "for v in xs:\n    match v:\n        case 1: a = x\n        case 2: b = y\n"
            "        case _: c = 1",
            "xs x y",
            "v a b c",
            after="1:xs 2:x 2:y",
        ),
    ),
)
