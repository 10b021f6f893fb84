"""What a statement may do, as its source tells: never less than it does."""

from __future__ import annotations

import ast
from dataclasses import fields
from typing import Any

import numpy  # noqa: F401  # whose functions are looked at
import pandas  # noqa: F401
import pytest

from provenance_kernel.dataflow.statements.deeds import Deeds, TypeOf
from provenance_kernel.dataflow.statements.does import does
from provenance_kernel.dataflow.statements.harmless import PICTURES, STYLES, SUBCLASSES
from provenance_kernel.dataflow.statements.parts import Parts, imported_names

IMPORTS = imported_names(
    ast.parse(
        "import math, mine, os, pathlib, provenance_kernel, random, torch\n"
        "import numpy as np, matplotlib.pyplot as plt"
    ).body
)
TYPES = {
    "array": "numpy.ndarray",
    "clock": "mine.Clock",
    "counts": "dict",
    "f": "function",
    "forest": "sklearn.ensemble._forest.RandomForestClassifier",
    "frame": "pandas.core.frame.DataFrame",
    "Kind": "type",
    "n": "int",
    "path": "pathlib.PosixPath",
    "rows": "list",
}

HIDDEN = "names that the source does not show"

# Statement → what `Deeds` has of it, where that is not nothing.
CASES: list[tuple[str, dict[str, Any]]] = [
    ("x = n + 1", {"binds_fresh": True}),
    ("x = -frame", {"binds_fresh": True}),
    ("x = rows + rows", {}),
    ("x = clock", {}),
    ("x = clock + 1", {"touches": {"clock"}}),
    ("n += 1", {}),
    ("rows += [1]", {"touches": {"rows"}}),
    # Definitions.
    ("def g(): os.remove('a')", {}),
    ("@dataclass\nclass C: pass", {}),
    ("@register\ndef g(): pass", {"all_read": True, "outward": True}),
    ("@mine.register\ndef g(): pass", {"all_read": True, "outward": True, "process": True}),
    ("class C(Kind): pass", {"touches": {SUBCLASSES}}),
    ("class C(ValueError): pass", {}),
    ("class C(clock): pass", {"all_read": True, "touches": {SUBCLASSES}}),
    ("class C(metaclass=M): pass", {"all_read": True}),
    ("class C:\n  rows.append(1)\n  def g(self): os.remove('a')", {"touches": {"rows"}}),
    ("if n:\n  @clock\n  def g(): os.remove('a')", {"touches": {"clock"}}),
    # Imports.
    ("import json", {}),
    ("import mine", {"outward": True}),
    ("from mine import *", {"outward": True, "unseen": f"`from mine import *` binds {HIDDEN}"}),
    ("from __future__ import annotations", {"process": True, "outward": True}),
    ("if n: import json", {"outward": True}),
    ("if n: from mine import *", {"outward": True, "unseen": f"a star import binds {HIDDEN}"}),
    # What is bound within another value.
    ("rows[0] = 1", {"touches": {"rows"}, "stores": {"rows"}}),
    ("del counts['a'].b", {"touches": {"counts"}, "stores": {"counts"}}),
    ("os.environ['A'] = 'b'", {"process": True}),
    ("mine.limit = 3", {"process": True, "touches": {"mine"}}),
    ("(rows or array)[0] = 1", {"process": True, "all_read": True}),
    ("[0 for x in rows for x.y in rows]", {"all_read": True}),
    # Libraries.
    ("x = np.sort(array)", {}),
    ("np.random.shuffle(rows)", {"draws": {"numpy"}, "outward": True, "touches": {"rows"}}),
    ("x = random.Random(3)", {}),
    ("random.seed(3)", {"draws": {"python"}, "outward": True, "seeds": {"python"}}),
    ("random.seed(None)", {"draws": {"python"}, "outward": True, "process": True}),
    ("np.random.seed()", {"draws": {"numpy"}, "outward": True, "process": True}),
    ("x = np.add(array, 1, out=array)", {"touches": {"array"}}),
    ("x = np.add(array, 1, out=None)", {}),
    ("x = np.array(array, copy=True)", {}),
    ("x = np.array(array, copy=False)", {"touches": {"array"}}),
    ("x = np.array(array, copy=n)", {"touches": {"array", "n"}}),
    ("x = np.multiply(array, 2)", {}),
    ("x = np.multiply(array, 2, array)", {"touches": {"array"}}),
    ("x = np.take(array, n, 0, array)", {"touches": {"array", "n"}}),
    ("x = np.dot(array, array, array)", {"touches": {"array"}}),
    ("x = np.not_there(array)", {"touches": {"array"}}),
    ("np.place(array, n, 1)", {"touches": {"array", "n"}}),
    ("x = array.cumsum(0, None, rows)", {"touches": {"array", "rows"}}),
    ("x = list(map(rows.append, array))", {"touches": {"rows"}}),
    ("x = frame.query(n)", {"texts": True}),
    ("x = np.array(array, **counts)", {"touches": {"array", "counts"}}),
    ("x = math.floor(clock)", {"touches": {"clock"}}),
    ("x = os.path.join('a', path)", {"outward": True}),
    ("x = os.listdir('a')", {"outward": True, "lists": True}),
    ("os.remove('a')", {"outward": True, "process": True}),
    ("plt.plot(rows)", {"outward": True, "touches": {PICTURES}}),
    ("plt.rcParams.update(counts)", {"outward": True, "touches": {STYLES}}),
    ("plt.rcParams['a'] = 1", {"touches": {STYLES}}),
    ("provenance_kernel.track(x=rows)", {"outward": True, "process": True}),
    ("x = mine.read(rows)", {"outward": True, "texts": True, "touches": {"rows", "%module:mine"}}),
    ("x = torch.manual_seed(n)", {"draws": {"torch"}, "outward": True, "seeds": {"torch"}}),
    ("torch.set_num_threads(n)", {"outward": True, "process": True, "touches": {"n"}}),
    # Names that are called.
    ("x = len(rows)", {}),
    ("x = open(path)", {"outward": True, "touches": {"path"}}),
    ("x = next(rows)", {"outward": True, "touches": {"rows"}}),
    ("x = f(rows)", {"outward": True}),
    ("x = Kind(rows)", {"outward": True}),
    ("x = unknown(rows)", {"outward": True, "touches": {"rows", "unknown"}}),
    ("x = [g(1) for g in rows]", {"all_read": True, "outward": True}),
    ("x = rows[0](1)", {"all_read": True, "outward": True}),
    (
        "exec('x = 1')",
        {"all_read": True, "outward": True, "texts": True}
        | {"unseen": f"`exec` may read and bind {HIDDEN}"},
    ),
    # Methods.
    ("x = 'a'.join(rows)", {}),
    ("x = (rows or counts).copy()", {}),
    ("x = (rows or counts).pop()", {"all_read": True, "outward": True}),
    ("x = [each.pop() for each in rows]", {"all_read": True, "outward": True}),
    ("x = [each.lower() for each in rows]", {}),
    ("x = counts.get('a')", {}),
    ("rows.append(counts)", {"touches": {"rows", "counts"}, "stores": {"rows"}}),
    ("x = clock.tick(rows)", {"outward": True, "prints": True, "touches": {"clock", "rows"}}),
    ("x = unknown.tick(rows)", {"outward": True, "prints": True, "touches": {"unknown", "rows"}}),
    ("x = frame.dropna()", {}),
    ("frame.dropna(inplace=True)", {"touches": {"frame"}, "stores": {"frame"}}),
    ("frame.insert(0, 'a', rows)", {"touches": {"frame", "rows"}, "stores": {"frame"}}),
    ("frame.update(rows)", {"touches": {"frame", "rows"}, "stores": {"frame"}}),
    ("frame.head()", {}),
    ("frame.to_csv('a')", {"outward": True, "process": True}),
    ("x = frame.plot()", {"touches": {PICTURES}}),
    ("forest.fit(array)", {"outward": True, "touches": {"forest"}, "stores": {"forest"}}),
    ("x = forest.transform(array, copy=n)", {"outward": True, "touches": {"forest", "array", "n"}}),
    ("x = path.with_suffix('.a')", {"outward": True}),
    ("x = path.exists()", {"outward": True, "lists": True}),
    ("path.mkdir()", {"outward": True, "process": True}),
    ("x = path.mkdir()", {"outward": True, "process": True}),
    ("x = path.write_text('a')", {"outward": True}),
    ("x = pathlib.Path('a').read_text()", {"outward": True}),
    ("x = pathlib.Path('a').unlink()", {"outward": True, "process": True}),
    ("x = os.environ.copy()", {"outward": True, "process": True}),
    ("x = os.popen('a').read()", {"outward": True, "process": True}),
    (
        "x = mine.current().add()",
        {"all_read": True, "outward": True, "texts": True, "touches": {"%module:mine"}},
    ),
    ("x = np.zeros(3).put(0, rows)", {"outward": True, "touches": {"rows"}}),
    ("with clock: pass", {"outward": True, "touches": {"clock"}}),
]


def done_by(source: str, type_of: TypeOf = TYPES.get, result: str | None = None) -> Deeds:
    (node,) = ast.parse(source).body
    return does(node, Parts([node]), IMPORTS, type_of, result)


@pytest.mark.parametrize(("source", "expected"), CASES, ids=[source for source, _ in CASES])
def test_what_a_statement_may_do(source: str, expected: dict[str, Any]) -> None:
    found = done_by(source)
    plain = Deeds()
    names = [each.name for each in fields(Deeds) if each.name not in ("used", "strings")]
    told = {
        name: getattr(found, name) for name in names if getattr(found, name) != getattr(plain, name)
    }
    assert told == expected


def test_a_call_that_gave_a_value_need_not_have_had_an_effect() -> None:
    assert done_by("os.path.exists('a')").process
    assert not done_by("os.path.exists('a')", result="True").process


def test_a_builtin_that_the_user_has_defined_is_none() -> None:
    assert not done_by("x = min(rows)").outward
    assert done_by("x = min(rows)", {"min": "function", "rows": "list"}.get).outward
