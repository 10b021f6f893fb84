"""Mutation: declare, change, and which names must show."""

from __future__ import annotations

import ast
import gc
import types
import weakref
from typing import Any, NamedTuple

import pytest

from fingerprint import cases
from provenance_kernel.fingerprint import Budget, Watch


class Mutation(NamedTuple):
    """Two cells, and the names whose values the second one changes without binding them."""

    declare: str
    change: str
    names: str
    setup: str = ""


def _mutations(text: str, setup: str = "") -> list[Mutation]:
    found = []
    for line in text.strip().splitlines():
        if line.strip():
            declare, change, names = (part.strip() for part in line.split(" | "))
            found.append(Mutation(declare, change, names, setup))
    return found


MUTATIONS = (
    _mutations(
        r"""
        a = [1] | a.append(2) | a
        a = [1] | a[0] = 5 | a
        a = [1] | a[0] = 1 | -
        a = [1] | len(a) | -
        a = [1]; b = [1] | a.append(2) | a
        a = [1]; b = a | a.append(2) | a b
        a = [1]; b = a | b.append(2) | a b
        a = [1]; b = a; c = a | c.append(2) | a b c
        a = [1]; b = [a] | a.append(2) | a b
        a = [1]; b = [a] | b[0].append(2) | a b
        a = [1]; b = {"k": a} | b["k"].append(2) | a b
        a = [1]; b = (a, 2) | a.append(2) | a b
        a = [1]; b = (a, 2) | b[0].append(2) | a b
        a = [1]; b = [[[a]]] | a.append(2) | a b
        a = [1]; b = [a]; c = [b] | c[0][0].append(1) | a b c
        a = [1]; b = [a]; c = [a] | b[0].append(1) | a b c
        a = [1]; b = [a, []] | b[1].append(1) | b
        a = [[1], [2]]; b = a[0]; c = a[1] | b.append(1) | a b
        a = {"x": 1}; b = a.copy() | a["x"] = 2 | a
        a = {"x": []}; b = a.copy() | a["x"].append(1) | a b
        a = {"x": 1, "y": 2} | a["x"] = a.pop("x") | a
        a = {1, 2} | a.discard(2) | a
        a = {1, 2} | a.discard(3) | -
        a = bytearray(b"abc"); m = memoryview(a) | m[0] = 0 | a m
        a = bytearray(b"abc"); m = memoryview(a) | a[0] = 0 | a m
        a = 1; b = "x"; c = (1, 2) | print(a, b, c, end="") | -
        a = [1]; b = a | a = [2] | -
        a = [1]; b = a | a = a + [2] | -
        a = [1]; b = a | a += [2] | a b
        a = [1] | b = a; b.append(2) | a
        a = [1] | del a[0] | a
        a = deque([1]); b = iter([1]) | a.rotate(0) | -
        a = deque([1, 2]) | a.rotate() | a
        p = Point(1, [2]); q = p.y | q.append(3) | p q
        p = Point(1, [2]); q = p.y | p.y.append(3) | p q
        p = Point(1, [2]); q = p | q.x = 5 | p q
        p = Point(1, 2); q = Point(1, 2) | p.x = 2 | p
        p = Point(1, [2]); f = p.y.append | f(3) | p f
        p = Point(1, 2) | p.note = 1 | p
        p = Point(1, 2); q = Point(p, 3); r = Point(q, 4) | p.x = 9 | p q r
        p = Slotted([1]); q = p.a | q.append(1) | p q
        r = ring(1, 2, 3); s = r.y | s.x = 9 | r s
        t = tree(1, 2); u = t.y[0]; v = t.y[1] | u.x = 5 | t u v
        d = Run(0.1); e = d.layers | e.append(1) | d e
        a = [1]; f = lambda: a | a.append(1) | a
        a = []; f = functools.partial(list.append, a) | f(1) | a f
        f = adder([1]); g = f | f.extra = 1 | f g
        a = [1]; f = adder(a) | a.append(2) | a f
        K = klass("class K: items = []"); k = K() | k.items.append(1) | K
        K = klass("class K: n = 1") | K.n = 2 | K
        def add(x, seen=[]): seen.append(x) | add(1) | add
        a = []; add = a.append | add(1) | a add
        a = []; g = (b.append(1) for b in [a]) | next(g) | a
        a = []; m = map(a.append, [1, 2]) | next(m) | a
        c = Cached(3) | c.square | -
        a = OrderedDict(x=1, y=2) | a.move_to_end("x") | a
        a = Counter("ab"); b = a | a.update("a") | a b
        a = types.MappingProxyType({}); b = [] | b.append(1) | b
        d = {}; a = types.MappingProxyType(d) | d["x"] = 1 | a d
        a = [1]; b = ChainMap({}, {"x": a}) | a.append(2) | a b
        a = ValueError([1]) | a.args[0].append(2) | a
        r = random.Random(1); s = r | s.random() | r s
        a = cyclic(1); b = a[1] | b.append(2) | a b
        a = io.StringIO(); b = a | a.write("x") | a b
        a = [1]; b = [2]; a, b = b, a | a.append(3) | a
        a = array.array("i", [1]); b = memoryview(a) | b[0] = 2 | a b
        a = [1]; b = frozenset({1}); c = (a, b) | c[0].append(1) | a c
        """
    )
    + _mutations(
        r"""
        a = np.zeros(4); v = a[::2] | v[0] = 1 | a v
        a = np.zeros(4); v = a[::2] | a[0] = 1 | a v
        a = np.zeros(4); v = a[::2] | a[1] = 1 | a
        a = np.zeros(4); v = a[:2]; w = a[2:] | v[0] = 1 | a v
        a = np.zeros(4); v = a[1:][1:]; w = v[1:] | w[0] = 1 | a v w
        a = np.zeros(4); b = a.copy() | a[0] = 1 | a
        a = np.zeros((2, 2)); t = a.T | t[0, 1] = 1 | a t
        a = np.zeros(4); b = a.reshape(2, 2) | b[0, 0] = 1 | a b
        a = np.zeros(4); b = [a] | a += 1 | a b
        a = np.zeros(4); b = {"w": a[:2]} | b["w"][0] = 1 | a b
        a = np.zeros(4); m = memoryview(a) | a[0] = 1 | a m
        b = bytearray(8); a = np.frombuffer(b, "i4") | a[0] = 1 | a b
        b = bytearray(8); a = np.frombuffer(b, "i4") | b[0] = 1 | a b
        a = np.zeros(4) | a.sum() | -
        a = np.array([3, 1]) | a.sort() | a
        a = np.zeros(2, "i4,f8"); v = a["f1"] | v[0] = 1 | a v
        a = np.zeros(2, "i4,f8"); v = a[0] | v["f1"] = 1 | a v
        a = np.array([[1], None], dtype=object); b = a[0] | b.append(2) | a b
        g = np.random.default_rng(1); h = g.bit_generator | g.random() | g h
        g = np.random.MT19937(1); h = np.random.RandomState(g) | h.rand() | g h
        g = np.random.SFC64(1); h = np.random.RandomState(g) | g.random_raw() | g h
        g = [np.random.MT19937(1)]; h = [np.random.RandomState(g[0])] | h[0].rand() | g h
        s = np.random.SeedSequence(1); g = np.random.PCG64(s) | g.seed_seq.spawn(2) | s
        s = np.random.SeedSequence(1); g = np.random.default_rng(s) | g.spawn(2) | s
        a = np.ma.masked_array([1, 2]); b = a.data | b[0] = 5 | a b
        p = Point(np.zeros(3), 1); v = p.x[1:] | v[0] = 1 | p v
        """,
        cases.NUMPY,
    )
    + _mutations(
        r"""
        d = pd.DataFrame({"a": [1, 2]}) | d.loc[0, "a"] = 5 | d
        d = pd.DataFrame({"a": [1, 2]}); e = d | e["b"] = 1 | d e
        d = pd.DataFrame({"a": [1, 2]}); e = d.copy() | d["b"] = 1 | d
        d = pd.DataFrame({"a": [1, 2]}); e = [d] | d["b"] = 1 | d e
        d = pd.DataFrame({"a": [1, 2]}) | d.sum() | -
        d = pd.DataFrame({"a": [1, 2]}) | d["a"].is_unique; d.describe() | -
        d = pd.DataFrame({"a": ["x", "y"]}) | d.loc[0, "a"] = "z" | d
        s = pd.Series([1, 2]); t = s | s.iloc[0] = 5 | s t
        s = pd.Series([1, 2]); i = s.index | s.index = [5, 6] | s
        d = pd.DataFrame({"a": [[1], [2]]}); c = d.loc[0, "a"] | c.append(1) | c d
        """,
        cases.PANDAS,
    )
    + _mutations(
        """
        t = torch.zeros(4); v = t[:2] | v[0] = 1 | t v
        t = torch.zeros(4); a = t.numpy() | a[0] = 1 | a t
        m = torch.nn.Linear(2, 2); w = m.weight | w.data.add_(1) | m w
        """,
        cases.TORCH,
    )
    + _mutations(
        """
        x = np.zeros((4, 2)); t = sp.cKDTree(x) | x[0] = 1 | t x
        x = np.zeros((4, 2)); t = sp.KDTree(x, copy_data=True) | x[0] = 1 | x
        x = np.zeros((4, 2)); t = sp.KDTree(x) | t.query(x) | -
        """,
        cases.SCIPY,
    )
    + _mutations(
        """
        m = PCA(2) | m.fit(X) | m
        m = PCA(2); p = make_pipeline(m) | p.fit(X) | m p
        m = PCA(2).fit(X) | m.transform(X) | -
        m = PCA(2).fit(X); c = m.components_ | c[0, 0] = 9 | c m
        """,
        cases.SKLEARN,
    )
)


def reads(source: str, namespace: dict[str, Any]) -> set[str]:
    """Return the names a cell loads, and the globals of the functions that it names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    for name in [*found]:
        if isinstance(value := namespace.get(name), types.FunctionType):
            found.update(value.__code__.co_names)
    return found


def play(case: Mutation) -> tuple[set[str], list[str], set[str]]:
    """Return the names that showed, those examined for it, and those that the cells bound."""
    try:
        space = cases.namespace(case.setup)
    except ImportError as missing:
        pytest.skip(f"{missing.name} is not installed")
    given = set(space)
    cases.cell(case.declare, space)
    watch = Watch()
    mine = {name: value for name, value in space.items() if name not in given}
    watch.written(mine, Budget())
    read = reads(case.change, space)
    before = {name: id(value) for name, value in mine.items()}
    suspects = watch.suspects(read)
    cases.cell(case.change, space)
    changed = watch.mutated(read, space, Budget())
    assert all(name not in space or before[name] == id(space[name]) for name in changed)
    assert watch.mutated(mine, space, Budget()) == {}
    return set(changed), suspects, set(mine)


@pytest.mark.parametrize("case", MUTATIONS, ids=lambda case: f"{case.declare} | {case.change}")
def test_names_that_must_show(case: Mutation) -> None:
    changed, _, _ = play(case)
    assert changed == set(case.names.split()) - {"-"}


def test_a_table_of_at_least_sixty_mutations() -> None:
    assert len(MUTATIONS) >= 90


def test_only_what_a_cell_could_touch_is_examined() -> None:
    watch = Watch()
    namespace: dict[str, Any] = {f"v{i}": [i] for i in range(1000)}
    namespace |= {"text": "x", "number": 1, "pair": (1, 2), "shared": [namespace["v7"]]}
    watch.written(namespace, Budget("full"))
    assert watch.suspects(["text", "number", "pair", "unknown"]) == []
    assert watch.suspects(["v7"]) == ["shared", "v7"]
    assert watch.suspects(["shared"]) == ["shared", "v7"]


@pytest.mark.parametrize(
    "made",
    [
        "np.random.default_rng(0)",
        "np.random.RandomState(0)",
        "RandomForestClassifier(20, random_state=0).fit([[0, 1], [1, 0]] * 20, [0, 1] * 20)",
    ],
)
def test_what_was_made_to_examine_a_value_leaves_no_address_of_another(made: str) -> None:
    try:
        space = cases.namespace(
            "import numpy as np\nfrom sklearn.ensemble import RandomForestClassifier"
        )
    except ImportError as missing:
        pytest.skip(f"{missing.name} is not installed")
    np = space["np"]
    watch = Watch()
    space["made"] = eval(made, space)
    watch.written({"made": space["made"]}, Budget("full"))
    later = {f"v{i}": [{}, [i], np.arange(i)][i % 3] for i in range(3000)}
    watch.written(later, Budget("full"))
    assert "made" not in watch.suspects(later)
    assert watch.suspects(["made"]) == ["made"]


def test_the_owner_of_an_arrays_memory_is_asked_nothing_of_its_own() -> None:
    np = pytest.importorskip("numpy")

    def trap(self: object) -> None:
        raise SystemExit("the owner was asked")

    names = ("dtype", "ctypes", "base", "__array_interface__")
    owner = type("Owner", (np.ndarray,), {name: property(trap) for name in names})
    view = np.ndarray.view(np.ndarray.__new__(owner, 5), np.ndarray)
    space = {"view": view, "views": [view[1:]]}
    watch = Watch()
    watch.written(space, Budget())
    view[2] += 1
    assert set(watch.mutated(["view"], space, Budget())) == {"view", "views"}


def test_nothing_is_kept_alive() -> None:
    class Thing:
        pass

    watch = Watch()
    thing = Thing()
    thing.me = thing  # type: ignore[attr-defined]
    gone = weakref.ref(thing)
    watch.written({"thing": thing, "list": [thing]}, Budget())
    watch.mutated(["thing"], {"thing": thing}, Budget())
    del thing
    gc.collect()
    assert gone() is None


def test_deleted_names_are_forgotten_and_their_addresses_with_them() -> None:
    watch = Watch()
    shared = [1]
    watch.written({"a": shared, "b": [shared]}, Budget())
    watch.forget(["a", "never"])
    assert "a" not in watch
    assert len(watch) == 1
    assert watch.suspects(["b"]) == ["b"]
    watch.forget(["b"])
    assert watch._names == {}


def test_a_name_bound_anew_is_left_to_written() -> None:
    watch = Watch()
    namespace: dict[str, Any] = {"a": [1]}
    watch.written(namespace, Budget())
    namespace["a"] = [1, 2]
    assert watch.mutated(["a"], namespace, Budget()) == {}
    found = watch.written(namespace, Budget())
    assert watch.fingerprint("a") == found["a"]
    namespace["a"].append(3)
    assert set(watch.mutated(["a"], namespace, Budget())) == {"a"}


def test_a_later_budget_that_is_smaller_compares_samples() -> None:
    big = bytearray(32 << 20)
    namespace = {"big": big}
    watch = Watch()
    known = watch.written(namespace, Budget())["big"]
    assert known.exactness == "exact"
    small = Budget(nbytes=0, seconds=0)
    assert watch.mutated(["big"], namespace, small) == {}
    assert watch.fingerprint("big") == known
    big[0] = 1
    found = watch.mutated(["big"], namespace, Budget(nbytes=0, seconds=0))
    assert found["big"].exactness == "sampled"


def test_values_that_reach_more_than_is_kept_are_always_suspected() -> None:
    watch = Watch()
    inner = [0]
    namespace: dict[str, Any] = {"wide": [[i] for i in range(60_000)] + [inner], "inner": inner}
    watch.written(namespace, Budget("full"))
    inner.append(1)
    assert set(watch.mutated(["inner"], namespace, Budget("full"))) == {"inner", "wide"}


def test_the_mode_none_examines_nothing() -> None:
    watch = Watch()
    namespace = {"a": [1]}
    found = watch.written(namespace, Budget("none"))
    assert found["a"].exactness == "opaque"
    assert found["a"].digest is None
    namespace["a"].append(2)
    assert watch.mutated(["a"], namespace, Budget("none")) == {}
