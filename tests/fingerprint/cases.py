"""The table of values: what has one digest, what has two, and what a statement changes.

Run as a program it prints, as JSON, the fingerprint of each expression that this interpreter can
evaluate: a second process with another hash seed, or another Python version, must find the same. The
file is long because it is one table, and every process needs all of it.
"""

# ruff: noqa: E501  (a row of the table is a line)

from __future__ import annotations

import json
import linecache
import sys
import types
from typing import Any, NamedTuple

IMPORTS = """
import abc, array, collections, copy, dataclasses, datetime, decimal, enum, fractions, functools
import io, itertools, math, operator, pathlib, random, re, string, struct, sys, textwrap, types, typing, uuid
import zoneinfo
from collections import ChainMap, Counter, OrderedDict, UserDict, defaultdict, deque
from dataclasses import dataclass, field
from datetime import date, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
"""

CELLS = """
class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

class Slotted:
    __slots__ = ("a", "b")
    def __init__(self, a, b=None):
        self.a = a
        if b is not None:
            self.b = b

class Both(Slotted):
    def __init__(self, a, extra):
        super().__init__(a)
        self.extra = extra

class Private:
    __slots__ = ("__secret",)
    def __init__(self, secret):
        self.__secret = secret

class Cached:
    def __init__(self, n):
        self.n = n
    @functools.cached_property
    def square(self):
        return self.n ** 2

class Names(list):
    pass

class Whole(complex):
    pass

class Tagged(dict):
    def __init__(self, *args, tag=None):
        super().__init__(*args)
        self.tag = tag

class Metres(float):
    pass

class Count(int):
    pass

class Word(str):
    pass

@dataclass
class Run:
    rate: float
    layers: list = field(default_factory=list)

@dataclass(frozen=True, slots=True)
class Frozen:
    rate: float

Pair = collections.namedtuple("Pair", "left right")

class Colour(enum.Enum):
    RED = 1
    BLUE = 2

class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2

class Permission(enum.Flag):
    READ = 1
    WRITE = 2

class Failure(Exception):
    pass

def node(value):
    found = Point(value, None)
    found.y = found
    return found

def ring(*values):
    first = last = Point(values[0], None)
    for value in values[1:]:
        last.y = Point(value, None)
        last = last.y
    last.y = first
    return first

def cyclic(*values):
    found = list(values)
    found.append(found)
    return found

def deep(depth, leaf=0):
    found = [leaf]
    for _ in range(depth):
        found = [found]
    return found

def tree(*values):
    root = Point("root", [])
    for value in values:
        child = Point(value, root)
        root.y.append(child)
    return root

def adder(n):
    def add(x):
        return x + n
    return add

def with_default(x, y=1):
    return x + y

def same_default(x, y=1):
    return x + y

add_one, add_two = (lambda x: x + 1), (lambda x: x + 2)

def sourceless(text, name="f"):
    space = {}
    exec(text, space)
    return space[name]

def klass(body):
    space = {"__name__": "__main__", "dataclass": dataclass}
    cell(body, space)
    return space["K"]

def shared(inner):
    return [inner, inner]
"""

NUMPY = "import numpy as np"
PANDAS = "import numpy as np, pandas as pd"
POLARS = "import polars as pl"
ARROW = "import pyarrow as pa"
SCIPY = "import numpy as np, scipy.sparse as ss, scipy.spatial as sp"
TORCH = "import torch"
SKLEARN = """
import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
X = np.arange(60.0).reshape(20, 3) % 7
y = np.arange(20) % 2
def forest(seed, **kw):
    return RandomForestClassifier(5, random_state=seed, **kw).fit(X, y)
"""


class Case(NamedTuple):
    """Two expressions, or one and a statement that changes it; `setup` imports a library."""

    first: str
    second: str
    setup: str = ""


def _cases(text: str, setup: str = "") -> list[Case]:
    lines = (line.strip() for line in text.strip().splitlines())
    return [Case(*(part.strip() for part in line.split(" | ")), setup) for line in lines if line]


EQUAL = (
    _cases(
        r"""
        2**200 | 1 << 200
        float("nan") | struct.unpack("<d", b"\x01\x00\x00\x00\x00\x00\xf8\xff")[0]
        complex(float("nan"), 1) | complex(-float("nan"), 1)
        [float("nan")] * 9 | [-float("nan")] * 9
        "aé" | "a" + chr(233)
        b"ab" | bytes([97, 98])
        [1, [2, "x"]] | [1, [2, "x"]]
        {"a": 1, "b": 2} | {"b": 2, "a": 1}
        {1: "a", "b": None} | {"b": None, 1: "a"}
        dict.fromkeys(map(str, range(30)), 0) | dict.fromkeys(map(str, reversed(range(30))), 0)
        {"a", "b", "c"} | {"c", "b", "a"}
        {1, "a", None, (2, 3)} | {(2, 3), None, "a", 1}
        frozenset("hash seeds") | frozenset(reversed("hash seeds"))
        set(range(100)) | set(reversed(range(100)))
        {frozenset({"x", "y"}), frozenset({"z"})} | {frozenset({"z"}), frozenset({"y", "x"})}
        {Colour.RED, 1j} | {1j, Colour.RED}
        Counter("abca") | Counter("aacb")
        range(0, 10, 3) | range(0, 12, 3)
        range(0) | range(5, 2)
        shared([1]) | [[1], [1]]
        cyclic(1) | cyclic(1)
        ring(1, 2, 3) | ring(1, 2, 3)
        tree(1, 2, 3) | tree(1, 2, 3)
        [tree(1, 2)] + tree(1, 2).y | [tree(1, 2)] + tree(1, 2).y
        deep(5000) | deep(5000)
        Point(1, [2]) | Point(1, [2])
        Slotted(1) | Slotted(1)
        Both(1, 2) | Both(1, 2)
        Private(1) | Private(1)
        Run(0.1, [1]) | Run(0.1, [1])
        Frozen(0.1) | Frozen(0.1)
        Pair(1, 2) | Pair(left=1, right=2)
        Colour.RED | Colour(1)
        Permission.READ | Permission.WRITE | Permission(3)
        """.replace(
            "Permission.READ | Permission.WRITE | ", "Permission.READ ^ Permission.WRITE | "
        )
    )
    + _cases(
        """
        Decimal("1.10") | Decimal("1.10")
        Decimal("NaN") | Decimal("NaN123")
        Fraction(2, 4) | Fraction(1, 2)
        uuid.UUID(int=5) | uuid.UUID("00000000-0000-0000-0000-000000000005")
        pathlib.PurePosixPath("a//b") | pathlib.PurePosixPath("a/b")
        datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC")) | copy.deepcopy(datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC")))
        datetime.timedelta(hours=24) | datetime.timedelta(days=1)
        datetime.timezone.utc | timezone(timedelta(0))
        re.compile("a+") | re.compile("a+")
        functools.partial(int, base=2) | functools.partial(int, base=2)
        adder(3) | adder(3)
        sourceless("def f(x): return x + 1") | sourceless("def  f(x):  return (x + 1)")
        sourceless("f = lambda x: [x, 2]") | sourceless("f = lambda x: [x,  2]")
        klass("class K:\\n  a = 1\\n  b = 2") | klass("class K:\\n  b = 2\\n  a = 1")
        types.SimpleNamespace(a=1, b=2) | types.SimpleNamespace(b=2, a=1)
        types.MappingProxyType({1: 2}) | types.MappingProxyType({1: 2})
        ChainMap({1: 2}, {3: 4}) | ChainMap({1: 2}, {3: 4})
        UserDict(a=1) | UserDict(a=1)
        array.array("d", [1, 2]) | array.array("d", [1.0, 2.0])
        memoryview(b"abc") | memoryview(bytearray(b"abc"))
        memoryview(b"abcdef")[::2] | memoryview(b"ace")
        random.Random(7) | random.Random(7)
        ValueError("x", 1) | ValueError("x", 1)
        io.BytesIO(b"abc") | io.BytesIO(b"abc")
        list[int] | list[int]
        typing.Optional[int] | typing.Union[int, None]
        slice(1, 2) | slice(1, 2, None)
        (lambda c: (c.square, c)[1])(Cached(3)) | Cached(3)
        "x" * 100_000 | "x" * 99_999 + "x"
        print | copy.deepcopy(print)
        textwrap.dedent | sourceless("from textwrap import dedent", "dedent")
        "".join | "".join
        """
    )
    + _cases(
        """
        np.arange(12).reshape(3, 4) | np.asfortranarray(np.arange(12).reshape(3, 4))
        np.arange(12)[::2] | np.arange(0, 12, 2)
        np.arange(12).reshape(3, 4).T.copy() | np.arange(12).reshape(3, 4).T
        np.arange(3, dtype=">i4") | np.arange(3, dtype="<i4")
        np.array([(1, 2.0)], dtype=np.dtype("i1,f8", align=True)) | np.array([(1, 2.0)], dtype=np.dtype("i1,f8", align=True))
        np.ma.masked_array([1, 2, 3], mask=[0, 1, 0]) | np.ma.masked_array([1, 9, 3], mask=[0, 1, 0])
        np.ma.masked_array([1, 2]) | np.ma.masked_array([1, 2], mask=[0, 0])
        np.random.default_rng(1) | np.random.default_rng(1)
        np.random.RandomState(1) | np.random.RandomState(1)
        np.float64("nan") | -np.float64("nan")
        np.ones(3, np.longdouble) | np.ones(6, np.longdouble)[::2].copy()
        np.zeros((0, 3)) | np.empty((0, 3))
        np.array([1, "a", None], dtype=object) | np.array([1, "a", None], dtype=object)
        np.broadcast_to(1, (3,)) | np.array([1, 1, 1])
        np.array(5) | np.array(5)
        """,
        NUMPY,
    )
    + _cases(
        """
        pd.DataFrame({"a": [1, 2], "b": [3, 4]}) | pd.DataFrame(np.array([[1, 3], [2, 4]]), columns=["a", "b"])
        pd.DataFrame({"a": [1, 2], "b": [3, 4]}) | pd.concat([pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"b": [3, 4]})], axis=1)
        pd.DataFrame(np.arange(60.0).reshape(20, 3), columns=list("abc")) | pd.DataFrame({"abc"[i]: np.arange(60.0).reshape(20, 3)[:, i] for i in range(3)})
        pd.array([1, None], dtype="Int64") | pd.array([1, pd.NA], dtype="Int64")
        pd.Series(["a", "b"], dtype="category") | pd.Series(["a", "b"], dtype="category")
        pd.MultiIndex.from_tuples([(1, "a"), (2, "b"), (3, "c")])[:2] | pd.MultiIndex.from_tuples([(1, "a"), (2, "b")])
        (lambda s: (s.is_unique, s.get_loc(2), s)[2])(pd.Index([1, 2, 3])) | pd.Index([1, 2, 3])
        (lambda f: (f["a"], f.loc[1], f)[2])(pd.DataFrame({"a": [1, 2]})) | pd.DataFrame({"a": [1, 2]})
        pd.Timestamp("2020-01-01") | pd.Timestamp(2020, 1, 1)
        pd.Series([1, 2, 3])[::2] | pd.Series([1, 3], index=pd.RangeIndex(0, 4, 2))
        pd.interval_range(0, 3) | pd.interval_range(0, 3)
        """,
        PANDAS,
    )
    + _cases(
        """
        pa.chunked_array([["a"], ["b", None]]) | pa.chunked_array([["a", "b", None]])
        pa.array(["x", "a", "b"])[1:] | pa.array(["a", "b"]).cast("large_string")
        pa.table({"a": [1, None]}) | pa.table({"a": [1, None]})
        pa.array([[1], None, [2, 3]]) | pa.array([[9], [1], None, [2, 3]])[1:]
        pa.array([{"q": 1}, None]) | pa.array([{"q": 1}, None])
        """,
        ARROW,
    )
    + _cases(
        """
        pl.DataFrame({"a": [1, 2], "b": ["x", None]}) | pl.concat([pl.DataFrame({"a": [1], "b": ["x"]}), pl.DataFrame({"a": [2], "b": [None]}, schema={"a": pl.Int64, "b": pl.String})])
        pl.Series([[1], [2, 3]]) | pl.Series([[1], [2, 3]])
        pl.Series(["a", "b"], dtype=pl.Categorical) | pl.Series(["a", "b"], dtype=pl.Categorical)
        """,
        POLARS,
    )
    + _cases(
        """
        ss.csr_matrix(np.eye(3)) | ss.csr_matrix(np.eye(3))
        (lambda m: (m.has_sorted_indices, m)[1])(ss.csr_matrix(np.eye(3))) | ss.csr_matrix(np.eye(3))
        sp.cKDTree(np.arange(400.0).reshape(200, 2) % 7) | sp.cKDTree(np.arange(400).reshape(200, 2) % 7)
        sp.KDTree(np.eye(30)) | sp.KDTree(np.eye(30))
        """,
        SCIPY,
    )
    + _cases(
        """
        torch.arange(6).reshape(2, 3) | torch.tensor([[0, 1, 2], [3, 4, 5]])
        torch.arange(6).reshape(2, 3).T | torch.tensor([[0, 3], [1, 4], [2, 5]])
        torch.ones(3, dtype=torch.bfloat16) | torch.ones(3).to(torch.bfloat16)
        torch.eye(3).to_sparse() | torch.eye(3).to_sparse()
        """,
        TORCH,
    )
    + _cases(
        """
        PCA(2) | PCA(n_components=2)
        forest(0) | forest(0)
        make_pipeline(StandardScaler(), PCA(2)).fit(X) | make_pipeline(StandardScaler(), PCA(2)).fit(X)
        """,
        SKLEARN,
    )
    + _cases(
        """
        re.match("a", "abc") | re.match("a", "abc")
        typing.List[int] | typing.List[int]
        typing.Any | typing.Any
        Point.__init__.__call__ | Point.__init__.__call__
        vars(Cached)["square"] | vars(Cached)["square"]
        Whole(2 + 1j) | Whole(complex(2, 1))
        (lambda: (x for x in ())).__code__ | (lambda: (x for x in ())).__code__
        eval("lambda a, *b, **c: (-a, a is None, a not in (1, 2), {3, 4}, [i for i in b])") | eval("lambda a, *b, **c: (-a, a is None, a not in (1, 2), {3, 4}, [i for i in b])")
        [1 << 70 + i for i in range(9)] | [2 << 69 + i for i in range(9)]
        1 << 600_000 | 2 << 599_999
        {1 << 70 + i: i for i in range(9)} | {2 << 69 + i: i for i in range(9)}
        """
    )
    + _cases(
        """
        np.zeros(2, "(2,)i4,f8") | np.zeros(2, "(2,)i4,f8")
        np.zeros(2, "(2,)>i4,f8") | np.zeros(2, "(2,)<i4,f8")
        np.array(5, ">i8") | np.array(5)
        np.array("a" * 300_000, ">U300000") | np.array("a" * 300_000, "<U300000")
        np.array([(1, [2])], dtype=[("a", "i8"), ("b", "O")]) | np.array([(1, [2])], dtype=[("a", "i8"), ("b", "O")])
        np.random.SeedSequence(5) | np.random.SeedSequence(5)
        np.random.RandomState(5) | np.random.RandomState(5)
        np.ma.masked_array([1, 2], mask=False) | np.ma.masked_array([1, 2])
        np.ma.masked_array([(1, 2.0)], [(1, 0)], "i4,f8") | np.ma.masked_array([(1, 2.0)], [(1, 0)], "i4,f8")
        np.ma.masked_array([1, 2], mask=[False, False]) | np.ma.masked_array([1, 2])
        """,
        NUMPY,
    )
    + _cases(
        """
        pd.array(["a", None], dtype="string[python]") | pd.array(["a", None], dtype="string[python]")
        pd.array(["a", "b"], dtype="string[python]") | pd.array(["a", "b"], dtype="string[pyarrow]")
        pd.array([1, 2], dtype="int64[pyarrow]") | pd.array([1, 2], dtype="int64[pyarrow]")
        pd.arrays.NumpyExtensionArray(np.arange(3)) | pd.arrays.NumpyExtensionArray(np.arange(3))
        pd.CategoricalDtype(["a", "b"]) | pd.CategoricalDtype(["a", "b"])
        pd.Int64Dtype() | pd.Int64Dtype()
        pd.offsets.Day(2) | pd.offsets.Day(2)
        pd.DataFrame({"a": []}) | pd.DataFrame({"a": []})
        pd.Series([], dtype="float64") | pd.Series([], dtype="float64")
        pd.DataFrame(np.arange(12.0).reshape(4, 3)) | pd.DataFrame(np.arange(12.0).reshape(4, 3), copy=True)
        pd.DataFrame(np.arange(12.0).reshape(3, 4).T) | pd.DataFrame(np.asfortranarray(np.arange(12.0).reshape(3, 4)).T)
        pd.DataFrame(np.zeros((0, 3))) | pd.DataFrame(np.zeros((0, 3)))
        """,
        PANDAS,
    )
    + _cases(
        """
        pa.array(["a", "b", "a"]).dictionary_encode() | pa.array(["a", "b", "a"]).dictionary_encode()
        pa.nulls(3) | pa.nulls(3)
        pa.chunked_array([[1], [], [2]]) | pa.chunked_array([[1, 2]])
        pa.chunked_array([["a"], [], ["b"]]) | pa.chunked_array([["a", "b"]])
        pa.array([[(1, 2)]], pa.map_(pa.int64(), pa.int64())) | pa.array([[(1, 2)]], pa.map_(pa.int64(), pa.int64()))
        pa.array([True, None]) | pa.array([True, None])
        pa.int64() | pa.int64()
        pa.schema([("a", pa.int64())]) | pa.schema([("a", pa.int64())])
        pa.py_buffer(b"abc") | pa.py_buffer(b"abc")
        pa.array([], pa.string()) | pa.array([], pa.string())
        """,
        ARROW,
    )
    + _cases(
        """
        pl.Int64() | pl.Int64()
        pl.Schema({"a": pl.Int64}) | pl.Schema({"a": pl.Int64})
        pl.Series([], dtype=pl.Categorical) | pl.Series([], dtype=pl.Categorical)
        pl.Series([None, "b"], dtype=pl.Enum(["a", "b"])) | pl.Series([None, "b"], dtype=pl.Enum(["a", "b"]))
        pl.Series([1 << 100], dtype=pl.Int128) | pl.Series([1 << 100], dtype=pl.Int128)
        """,
        POLARS,
    )
    + _cases(
        """
        torch.zeros(0) | torch.zeros(0)
        torch.Generator().manual_seed(1) | torch.Generator().manual_seed(1)
        torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1) | torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)
        """,
        TORCH,
    )
)

DIFFERENT = (
    _cases(
        r"""
        0 | 1
        1 | True
        1 | 1.0
        0 | False
        1 | -1
        255 | -1
        2**63 | -(2**63)
        0.0 | -0.0
        1.0 | 1 + 0j
        float("inf") | float("-inf")
        None | ...
        None | "None"
        NotImplemented | None
        "1" | 1
        "a" | b"a"
        b"a" | bytearray(b"a")
        "" | b""
        "\ud800" | "\udc00"
        "x" * 100_000 | "x" * 99_999 + "y"
        "é" | "e\u0301"
        [] | ()
        [] | {}
        {} | set()
        set() | frozenset()
        [1, 2] | [2, 1]
        [1, 2] | (1, 2)
        [[1], 2] | [1, [2]]
        ["ab", "c"] | ["a", "bc"]
        [str(i) for i in range(10)] | ["0", "12"] + [str(i) for i in range(3, 10)] + [""]
        list(range(10)) | [float(i) for i in range(10)]
        list(range(10)) | list(map(bool, range(10)))
        [0.0] * 10 | [-0.0] * 10
        [2**70] * 10 | [2**70] * 9 + [2**70 + 1]
        {1: 2} | {2: 1}
        {1: 2} | {1: 3}
        {"a": None} | {}
        {1: "x"} | {True: "x"}
        {str(i): i for i in range(20)} | {str(i): 19 - i for i in range(20)}
        {"a": 1} | Counter(a=1)
        {"a": 1} | OrderedDict(a=1)
        OrderedDict(a=1, b=2) | OrderedDict(b=2, a=1)
        defaultdict(int) | defaultdict(list)
        defaultdict(int) | {}
        deque([1]) | deque([1], maxlen=3)
        deque([1]) | [1]
        {1, 2} | {1, 3}
        {(1,), "a"} | {(2,), "a"}
        range(3) | range(4)
        range(3) | [0, 1, 2]
        slice(1) | slice(2)
        cyclic(1) | cyclic(2)
        cyclic() | [[]]
        ring(1, 2, 3) | ring(1, 3, 2)
        ring(1, 1) | ring(1)
        tree(1, 2, 3) | tree(1, 2, 4)
        deep(5000) | deep(5001)
        deep(5000, 1) | deep(5000, 2)
        Point(1, 2) | Point(2, 1)
        Point(1, 2) | types.SimpleNamespace(x=1, y=2)
        Slotted(1) | Slotted(2)
        Slotted(1) | Slotted(1, 2)
        Both(1, 2) | Both(1, 3)
        Private(1) | Private(2)
        Cached(3) | Cached(4)
        Run(0.1) | Run(0.2)
        Run(0.1, [1]) | Run(0.1, [2])
        Frozen(0.1) | Frozen(0.2)
        Pair(1, 2) | (1, 2)
        Names([1]) | [1]
        Tagged({1: 2}, tag=1) | Tagged({1: 2}, tag=2)
        Metres(1) | 1.0
        Metres(1) | Metres(2)
        Count(1) | 1
        Word("a") | "a"
        Colour.RED | Colour.BLUE
        Colour.RED | 1
        Level.LOW | 1
        Level.LOW | Level.HIGH
        Permission(1) | Permission(3)
        """
    )
    + _cases(
        r"""
        Decimal("1.0") | Decimal("1.00")
        Decimal(1) | 1
        Decimal("-0") | Decimal("0")
        Fraction(1, 2) | 0.5
        Fraction(1, 2) | Fraction(1, 3)
        datetime.date(2020, 1, 1) | datetime.datetime(2020, 1, 1)
        datetime.datetime(2020, 1, 1) | datetime.datetime(2020, 1, 1, tzinfo=timezone.utc)
        datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC")) | datetime.datetime(2020, 1, 1, tzinfo=timezone.utc)
        datetime.datetime(2020, 1, 1) | datetime.datetime(2020, 1, 1, fold=1)
        datetime.time(1) | datetime.time(2)
        timedelta(1) | timedelta(2)
        timezone(timedelta(hours=1)) | timezone(timedelta(hours=2))
        uuid.UUID(int=1) | uuid.UUID(int=2)
        uuid.UUID(int=1) | 1
        pathlib.PurePosixPath("a") | "a"
        pathlib.PurePosixPath("a") | pathlib.PureWindowsPath("a")
        pathlib.PurePosixPath("a/b") | pathlib.PurePosixPath("a/c")
        re.compile("a") | re.compile("a", re.I)
        re.compile("a") | re.compile(b"a")
        functools.partial(int, base=2) | functools.partial(int, base=3)
        adder(3) | adder(4)
        add_one | add_two
        (lambda x: x) | (lambda y: y)
        with_default | same_default
        sourceless("def f(x): return x + 1") | sourceless("def f(x): return x - 1")
        sourceless("def f(x): return x + 1") | sourceless("def f(x): return x + 2")
        sourceless("def f(x): return x < 1") | sourceless("def f(x): return x > 1")
        sourceless("def f(x): return a") | sourceless("def f(x): return b")
        sourceless("def f(x, y=1): return x") | sourceless("def f(x, y=2): return x")
        sourceless("def f(x, *, y=1): return x") | sourceless("def f(x, *, y=2): return x")
        klass("class K:\n  a = 1") | klass("class K:\n  a = 2")
        klass("class K:\n  def f(self): return 1") | klass("class K:\n  def f(self): return 2")
        klass("class K(int): pass") | klass("class K(float): pass")
        klass("@dataclass\nclass K:\n  a: int = 1") | klass("@dataclass\nclass K:\n  a: int = 2")
        klass("@dataclass\nclass K:\n  a: int") | klass("@dataclass\nclass K:\n  a: float")
        int | float
        Counter | OrderedDict
        fractions.Fraction.limit_denominator | fractions.Fraction.from_float
        copy.copy | copy.deepcopy
        copy.copy | sourceless("from copy import deepcopy", "deepcopy")
        Point | Slotted
        len | print
        math | operator
        math.sin | math.cos
        [1].append | [2].append
        Point(1, 2).__eq__ | Point(1, 3).__eq__
        types.SimpleNamespace(a=1) | types.SimpleNamespace(a=2)
        types.MappingProxyType({1: 2}) | types.MappingProxyType({1: 3})
        ChainMap({1: 2}) | ChainMap({1: 3})
        array.array("d", [1]) | array.array("f", [1])
        array.array("i", [1]) | array.array("I", [1])
        array.array("i", [1]) | [1]
        memoryview(b"abc") | memoryview(b"abd")
        memoryview(b"abc") | b"abc"
        random.Random(7) | random.Random(8)
        ValueError("x") | ValueError("y")
        ValueError("x") | TypeError("x")
        Failure("x") | ValueError("x")
        io.StringIO("a") | io.StringIO("b")
        list[int] | list[str]
        int.__add__ | int.__sub__
        property(with_default) | property(add_one)
        staticmethod(add_one) | staticmethod(add_two)
        functools.lru_cache(add_one) | functools.lru_cache(add_two)
        compile("a + 1", "", "eval") | compile("a - 1", "", "eval")
        """
    )
    + _cases(
        """
        np.array([1]) | np.array([1.0])
        np.array([1]) | [1]
        np.array([1], "i4") | np.array([1], "i8")
        np.array([1], "i8") | np.array([1], "u8")
        np.array([1, 2]) | np.array([[1, 2]])
        np.array([[1, 2], [3, 4]]) | np.array([[1, 3], [2, 4]])
        np.zeros((0, 3)) | np.zeros((3, 0))
        np.array([0.0]) | np.array([-0.0])
        np.array(1) | np.array([1])
        np.array(1) | np.int64(1)
        np.float64(1) | 1.0
        np.float64(1) | np.float32(1)
        np.int64(1) | 1
        np.bool_(True) | True
        np.array([1], "M8[s]") | np.array([1], "M8[ns]")
        np.array([1], "M8[s]") | np.array([1], "m8[s]")
        np.array(["a"]) | np.array(["b"])
        np.array([b"a"]) | np.array(["a"])
        np.array([(1, 2)], "i4,i4") | np.array([(1, 3)], "i4,i4")
        np.array([(1, 2)], [("a", "i4"), ("b", "i4")]) | np.array([(1, 2)], [("a", "i4"), ("c", "i4")])
        np.array([1, None]) | np.array([2, None])
        np.ma.masked_array([1, 2], mask=[0, 1]) | np.ma.masked_array([1, 2], mask=[1, 0])
        np.ma.masked_array([1, 2]) | np.array([1, 2])
        np.random.default_rng(1) | np.random.default_rng(2)
        np.ones(3, np.longdouble) | np.zeros(3, np.longdouble)
        np.arange(12)[::2] | np.arange(12)[1::2]
        np.dtype("i4") | np.dtype("i8")
        np.sin | np.cos
        np.arange(10**5) | np.arange(1, 10**5 + 1)
        """,
        NUMPY,
    )
    + _cases(
        """
        pd.DataFrame({"a": [1]}) | pd.DataFrame({"b": [1]})
        pd.DataFrame({"a": [1]}) | pd.DataFrame({"a": [2]})
        pd.DataFrame({"a": [1]}) | pd.DataFrame({"a": [1.0]})
        pd.DataFrame({"a": [1]}) | pd.DataFrame({"a": [1]}, index=[5])
        pd.DataFrame({"a": [1], "b": [2]}) | pd.DataFrame({"b": [2], "a": [1]})
        pd.DataFrame({"a": ["x", "y"]}) | pd.DataFrame({"a": ["x", "z"]})
        pd.DataFrame() | pd.DataFrame(index=[1])
        pd.Series([1]) | pd.Series([1], name="n")
        pd.Series([1]) | pd.DataFrame({0: [1]})
        pd.Series([1, None]) | pd.Series([1, None], dtype="Int64")
        pd.Series(["a"], dtype=object) | pd.Series(["a"], dtype="category")
        pd.Categorical(["a"], categories=["a", "b"]) | pd.Categorical(["a"], categories=["a"])
        pd.Categorical(["a"], ordered=True) | pd.Categorical(["a"])
        pd.array([1, None], dtype="Int64") | pd.array([1, 0], dtype="Int64")
        pd.array([True, None], dtype="boolean") | pd.array([False, None], dtype="boolean")
        pd.array(["a", None], dtype="string") | pd.array(["a", "b"], dtype="string")
        pd.date_range("2020", periods=2) | pd.date_range("2020", periods=2, tz="UTC")
        pd.date_range("2020", periods=2) | pd.date_range("2021", periods=2)
        pd.to_timedelta([1]) | pd.to_timedelta([2])
        pd.period_range("2020", periods=2, freq="D") | pd.period_range("2021", periods=2, freq="D")
        pd.interval_range(0, 3) | pd.interval_range(0, 3, closed="left")
        pd.Index([1]) | pd.Index([2])
        pd.Index([1]) | pd.Index([1], name="n")
        pd.RangeIndex(3) | pd.RangeIndex(4)
        pd.MultiIndex.from_tuples([(1, 2)]) | pd.MultiIndex.from_tuples([(1, 3)])
        pd.MultiIndex.from_tuples([(1, 2)]) | pd.MultiIndex.from_tuples([(1, 2)], names=["a", "b"])
        pd.arrays.SparseArray([0, 1]) | pd.arrays.SparseArray([1, 0])
        pd.Timestamp("2020") | pd.Timestamp("2020", tz="UTC")
        pd.Timestamp("2020") | pd.Timestamp("2021")
        pd.Timedelta(1) | pd.Timedelta(2)
        pd.Period("2020", "Y") | pd.Period("2021", "Y")
        pd.Interval(0, 1) | pd.Interval(0, 2)
        pd.NaT | pd.NA
        """,
        PANDAS,
    )
    + _cases(
        """
        pa.array([1]) | pa.array([2])
        pa.array([1]) | pa.array([1.0])
        pa.array(["a", None]) | pa.array(["a", ""])
        pa.array(["ab", "c"]) | pa.array(["a", "bc"])
        pa.array([[1], [2]]) | pa.array([[1, 2], []])
        pa.table({"a": [1]}) | pa.table({"b": [1]})
        pa.scalar(1) | pa.scalar(2)
        """,
        ARROW,
    )
    + _cases(
        """
        pl.DataFrame({"a": [1]}) | pl.DataFrame({"a": [2]})
        pl.DataFrame({"a": [1]}) | pl.DataFrame({"b": [1]})
        pl.Series([1, None]) | pl.Series([1, 0])
        pl.Series(["ab", "c"]) | pl.Series(["a", "bc"])
        pl.Series([1], dtype=pl.Int8) | pl.Series([1], dtype=pl.Int16)
        pl.Series([[1], [2]]) | pl.Series([[1, 2], []])
        """,
        POLARS,
    )
    + _cases(
        """
        ss.csr_matrix(np.eye(3)) | ss.csr_matrix(2 * np.eye(3))
        ss.csr_matrix(np.eye(3)) | ss.csc_matrix(np.eye(3))
        ss.coo_matrix(np.eye(3)) | ss.coo_matrix(np.eye(4))
        ss.lil_matrix(np.eye(3)) | ss.lil_matrix(np.zeros((3, 3)))
        sp.cKDTree(np.eye(3)) | sp.cKDTree(np.eye(4))
        sp.cKDTree(np.eye(3)) | sp.cKDTree(np.eye(3), leafsize=1)
        sp.cKDTree(np.eye(3)) | sp.cKDTree(np.eye(3), boxsize=5)
        sp.cKDTree(np.eye(3)) | sp.KDTree(np.eye(3))
        """,
        SCIPY,
    )
    + _cases(
        """
        torch.ones(3) | torch.zeros(3)
        torch.ones(3) | torch.ones(3, requires_grad=True)
        torch.ones(3) | torch.ones(3, dtype=torch.float64)
        torch.ones(4) | torch.ones(2, 2)
        torch.nn.Parameter(torch.ones(2)) | torch.nn.Parameter(torch.zeros(2))
        torch.nn.ReLU() | torch.nn.GELU()
        torch.float32 | torch.float64
        """,
        TORCH,
    )
    + _cases(
        """
        PCA(2) | PCA(3)
        PCA(2) | PCA(2).fit(X)
        forest(0) | forest(1)
        forest(0) | forest(0, max_depth=1)
        LogisticRegression(C=1.0) | LogisticRegression(C=2.0)
        make_pipeline(PCA(2)) | make_pipeline(PCA(3))
        """,
        SKLEARN,
    )
    + _cases(
        """
        re.match("a", "abc") | re.match("ab", "abc")
        typing.List[int] | typing.List[str]
        typing.Any | typing.NoReturn
        Whole(1 + 2j) | Whole(2 + 1j)
        vars(Cached)["square"] | functools.cached_property(lambda self: 1)
        eval("lambda a: -a") | eval("lambda a: +a")
        eval("lambda a: a is None") | eval("lambda a: a is not None")
        eval("lambda a: a in (1, 2)") | eval("lambda a: a in (1, 3)")
        eval("lambda a: a in {1, 2}") | eval("lambda a: a in {1, 3}")
        eval("lambda: lambda: 1") | eval("lambda: lambda: 2")
        {1 << 70 + i: i for i in range(9)} | {1 << 71 + i: i for i in range(9)}
        1 << 600_000 | 1 << 600_001
        """
    )
    + _cases(
        """
        np.zeros(2, "(2,)i4,f8") | np.zeros(2, "(3,)i4,f8")
        np.array(5, ">i8") | np.array(6)
        np.array([(1, [2])], dtype=[("a", "i8"), ("b", "O")]) | np.array([(1, [3])], dtype=[("a", "i8"), ("b", "O")])
        np.random.SeedSequence(5) | np.random.SeedSequence(6)
        """,
        NUMPY,
    )
    + _cases(
        """
        pd.array(["a", None], dtype="string[python]") | pd.array(["a", ""], dtype="string[python]")
        pd.CategoricalDtype(["a", "b"]) | pd.CategoricalDtype(["a", "b"], ordered=True)
        pd.Int64Dtype() | pd.Int32Dtype()
        pd.offsets.Day(2) | pd.offsets.Day(3)
        pd.DataFrame(np.arange(12.0).reshape(4, 3)) | pd.DataFrame(np.arange(12.0).reshape(4, 3)[::-1])
        """,
        PANDAS,
    )
    + _cases(
        """
        pa.array(["a", "b", "a"]).dictionary_encode() | pa.array(["a", "b", "b"]).dictionary_encode()
        pa.nulls(3) | pa.nulls(4)
        pa.array([[(1, 2)]], pa.map_(pa.int64(), pa.int64())) | pa.array([[(1, 3)]], pa.map_(pa.int64(), pa.int64()))
        pa.schema([("a", pa.int64())]) | pa.schema([("a", pa.int32())])
        pa.py_buffer(b"abc") | pa.py_buffer(b"abd")
        """,
        ARROW,
    )
    + _cases(
        """
        pl.Int64() | pl.Int32()
        pl.Series([1 << 100], dtype=pl.Int128) | pl.Series([1 << 101], dtype=pl.Int128)
        """,
        POLARS,
    )
)

CHANGED = (
    _cases(
        """
        [1, 2] | x.append(3)
        [1, [2, [3]]] | x[1][1][0] = 4
        {"a": {"b": 1}} | x["a"]["b"] = 2
        {"a": 1} | del x["a"]
        {1, 2} | x.add(3)
        bytearray(b"ab") | x[0] = 0
        deque([1]) | x.appendleft(0)
        OrderedDict(a=1, b=2) | x.move_to_end("a")
        defaultdict(list) | x["k"]
        Counter("a") | x.update("b")
        array.array("i", [1]) | x[0] = 2
        Point(1, [2]) | x.y.append(3)
        Point(1, 2) | x.z = 3
        Point(1, 2) | del x.x
        Slotted(1) | x.b = 2
        Both(1, 2) | x.a = 9
        Run(0.1) | x.layers.append(1)
        Tagged({1: 2}) | x.tag = "t"
        types.SimpleNamespace(a=1) | x.b = 1
        adder([1]) | x.__closure__[0].cell_contents.append(2)
        adder(1) | x.note = "changed"
        ring(1, 2, 3) | x.y.y.x = 9
        deep(3000) | x[0][0][0].append(1)
        ChainMap({}) | x["a"] = 1
        io.StringIO() | x.write("abc")
        random.Random(1) | x.random()
        klass("class K: pass") | x.attribute = 1
        klass("class K: items = []") | x.items.append(1)
        functools.partial(print, []) | x.args[0].append(1)
        [1].append | x(2)
        types.MappingProxyType({"a": []}) | x["a"].append(1)
        ValueError("a") | x.args = ("b",)
        ("a", []) | x[1].append(0)
        """
    )
    + _cases(
        """
        np.zeros(3) | x[0] = 1
        np.zeros((3, 4)).T | x[1, 1] = 1
        np.zeros(9)[::3] | x[2] = 1
        np.array([[1], None], dtype=object) | x[0].append(2)
        np.zeros(2, "i4,f8") | x["f1"][1] = 3
        np.ma.masked_array([1, 2]) | x[0] = np.ma.masked
        np.random.default_rng(1) | x.random()
        np.random.RandomState(1) | x.rand()
        np.zeros(200_000) | x[199_999] = 1
        """,
        NUMPY,
    )
    + _cases(
        """
        pd.DataFrame({"a": [1, 2]}) | x.loc[0, "a"] = 9
        pd.DataFrame({"a": [1, 2]}) | x["b"] = 1
        pd.DataFrame({"a": [1, 2]}) | x.pop("a")
        pd.DataFrame({"a": ["p", "q"]}) | x.loc[1, "a"] = "r"
        pd.DataFrame({"a": [1, 2]}) | x.index = [5, 6]
        pd.DataFrame({"a": [1, 2]}) | x.columns = ["z"]
        pd.DataFrame({"a": [1]}) | x.attrs["source"] = "s"
        pd.Series([1, 2]) | x.iloc[0] = 5
        pd.Series([1, 2]) | x.name = "n"
        pd.Series(["a", "b"], dtype="category") | x.iloc[0] = "b"
        pd.Series([1, None], dtype="Int64") | x.iloc[1] = 3
        """,
        PANDAS,
    )
    + _cases(
        """
        torch.zeros(3) | x[0] = 1
        torch.nn.Linear(2, 2) | x.weight.data.add_(1)
        torch.ones(2, requires_grad=True) | x.sum().backward()
        """,
        TORCH,
    )
    + _cases("ss.csr_matrix(np.eye(3)) | x.data[0] = 5\nss.lil_matrix((2, 2)) | x[0, 0] = 1", SCIPY)
    + _cases("PCA(2) | x.fit(X)\nPCA(2) | x.set_params(n_components=1)", SKLEARN)
    + _cases("pl.DataFrame({'a': [1]}) | x.insert_column(0, pl.Series('b', [2]))", POLARS)
)

_cells = 0


def cell(source: str, namespace: dict[str, Any]) -> None:
    """Run source as a kernel runs a cell: with the text where tracebacks look for it."""
    global _cells
    _cells += 1
    name = f"<cell {_cells}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    exec(compile(source, name, "exec"), namespace)


def namespace(setup: str = "") -> dict[str, Any]:
    """Return names as a notebook would have them; ImportError where the library is missing."""
    main = types.ModuleType("__main__")
    space = main.__dict__
    space["cell"] = cell
    cell(IMPORTS, space)
    cell(CELLS, space)
    cell(setup, space)
    return space


def main() -> None:
    """Print the fingerprints of all expressions."""
    from provenance_kernel.fingerprint import Budget, fingerprint

    found: dict[str, list[str | None]] = {}
    spaces: dict[str, dict[str, Any] | None] = {}
    for case in [*EQUAL, *DIFFERENT]:
        if case.setup not in spaces:
            try:
                spaces[case.setup] = namespace(case.setup)
            except ImportError:
                spaces[case.setup] = None
        space = spaces[case.setup]
        if space is not None:
            for text in (case.first, case.second):
                print_ = fingerprint(eval(text, space), Budget("full"))
                found[text] = [print_.digest, print_.exactness]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
