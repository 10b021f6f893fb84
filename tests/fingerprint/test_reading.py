"""Reading a value changes nothing of it, and what is not content is not digested."""

# ruff: noqa: E501  (a row of the table is a line)

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from provenance_kernel.fingerprint import Budget, fingerprint


def full(value: object) -> Any:
    return fingerprint(value, Budget("full"))


class Keeping:
    """Keeps addresses and hashes beside what it is about."""

    def __init__(self, words: str | None) -> None:
        self.words = words
        self._words_id = id(words)
        self._hash = hash(words)


NEIGHBOURS = """
import numpy as np
from sklearn.neighbors import KNeighborsClassifier
X = np.arange(150.).reshape(50, 3)
value = KNeighborsClassifier(algorithm={!r}).fit(X, X[:, 0] > 60)
"""
GROUPS = """
import pandas as pd
value = pd.DataFrame({'a': [1, 1, 2], 'b': [1, 2, 3]}).groupby('a')
"""
TEXTS = """
from sklearn.feature_extraction.text import TfidfVectorizer
value = TfidfVectorizer().fit(['a bc', 'bc d'])
"""
FROZEN = "import numpy as np, scipy.stats as st\nvalue = st.norm(0, 1)"
KEEPING = "from tests.fingerprint.test_reading import Keeping\nvalue = Keeping('a')"

SEARCH = """
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.linear_model import Ridge
X = [[float(i)] for i in range(8)]; y = list(range(8))
value = [GridSearchCV(Ridge(), {'alpha': [1., 2.]}, cv=2).fit(X, y), cross_validate(Ridge(), X, y, cv=2)]
"""
PLACES = "class A: pass\na = A()\nvalue = [repr(a)] * 9, repr(a), {id(a): a}, a"

READINGS = {
    "a k-d tree is asked": (NEIGHBOURS.format("kd_tree"), "value.predict(X[:5]); value.score(X, X[:, 0] > 60)"),
    "a ball tree is asked": (NEIGHBOURS.format("ball_tree"), "value.predict(X[:5])"),
    "groups are counted": (GROUPS, "value.size(); value.mean(); len(value); list(value)"),
    "texts are transformed": (TEXTS, "value.transform(['bc']); repr(value)"),
    "somebody else draws": (FROZEN, "np.random.rand(3); value.pdf(0)"),
    "a method of the process's generator": ("import random\nvalue = random.choice", "value([1, 2])"),
    "numpy's own generator": ("import numpy as np\nvalue = np.random.rand", "value(3)"),
    "an address and a hash": (KEEPING, "repr(value)"),
    "a data set is shown": ("import xarray\nvalue = xarray.Dataset({'t': ('x', [1., 2.])})", "repr(value); value.attrs; value.t.encoding"),
    "a figure is asked": ("import plotly.express\nvalue = plotly.express.scatter(x=[1, 2], y=[2, 3])", "value.layout.title.text; value.to_json()"),
    "a styled table": ("import pandas, jinja2\nvalue = pandas.DataFrame({'a': [1]}).style", "value.to_html()"),
    "a task": ("import dask\nvalue = dask.delayed(len)('a')", "value.compute()"),
    "a model that measures itself": (SEARCH, "value[0].predict(X)"),
    "a colour map": ("import matplotlib\nvalue = matplotlib.colormaps['viridis']", "value(.5)"),
    "a triangulation": ("import scipy.spatial\nvalue = scipy.spatial.Delaunay([[0, 0], [0, 1], [1, 0]])", "value.transform; value.vertex_to_simplex"),
    "a picture is shown": ("import PIL.Image\nvalue = PIL.Image.new('RGB', (3, 3))", "value._repr_png_()"),
    "a problem is asked": ("import cvxpy\nvalue = cvxpy.Problem(cvxpy.Minimize(cvxpy.norm(cvxpy.Variable(2))))", "value.is_dcp()"),
    "a fitted model is asked": ("import statsmodels.api\nvalue = statsmodels.api.OLS([1, 2, 4], [1, 2, 3]).fit()", "value.aic; value.bse"),
    "addresses": (PLACES, "id(a)"),
    "a union of sets": ("import sympy\nvalue = sympy.Interval(0, 1) | sympy.FiniteSet(3, 5)", "3 in value"),
    "a symbol is asked": ("import sympy\nvalue = (sympy.Symbol('x') + 1) ** 2", "value.is_real; {value: 1}"),
}  # fmt: skip


MODULES = (
    "numpy", "pandas", "sklearn", "scipy", "sympy", "xarray", "plotly", "jinja2", "dask",
    "matplotlib", "PIL", "cvxpy", "statsmodels",
)  # fmt: skip


def _need(made: str) -> None:
    for module in MODULES:
        if module in made:
            pytest.importorskip(module)


@pytest.mark.parametrize("case", READINGS)
def test_reading_changes_nothing(case: str) -> None:
    made, read = READINGS[case]
    space: dict[str, Any] = {}
    _need(made)
    exec(made, space)
    before = full(space["value"])
    exec(read, space)
    assert full(space["value"]) == before


SEEDED = """
import json, os, sys
os.chdir({folder!r})
from provenance_kernel.fingerprint import Budget, fingerprint
for made in json.loads({given!r}):
    space = {{"__name__": "__main__"}}
    exec(made, space)
    print(fingerprint(space["value"], Budget("full")))
"""


@pytest.mark.slow
def test_two_processes_with_other_hash_seeds_agree(tmp_path: Path) -> None:
    have = {each for each in MODULES if find_spec(each)}
    cases = [made for made, _ in READINGS.values() if all(m in have for m in MODULES if m in made)]
    program = SEEDED.format(folder=str(tmp_path), given=json.dumps(cases))
    one, two = (
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        for seed in ("1", "2")
    )
    assert len(one) == len(cases)
    assert one == two


def _flagged() -> tuple[object, object]:
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame({"a": [1]}), pandas.DataFrame({"a": [1]}).set_flags(
        allows_duplicate_labels=False
    )


def _seeded() -> tuple[object, object]:
    numpy = pytest.importorskip("numpy")
    return numpy.random.RandomState(1), numpy.random.RandomState(2)


@pytest.mark.parametrize("pair", [_flagged, _seeded])
def test_real_changes_are_seen(pair: Callable[[], tuple[object, object]]) -> None:
    one, other = pair()
    assert full(one).digest != full(other).digest


def test_a_wrapper_of_something_opaque_is_opaque() -> None:
    polars = pytest.importorskip("polars")
    for value in (polars.LazyFrame({"a": [1]}), polars.col("a") > 1):
        assert full(value).exactness == "opaque"
        assert full(value).digest is None
