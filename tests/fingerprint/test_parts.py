"""What values of rarer kinds are known by, and what happens where they cannot be read."""

from __future__ import annotations

import datetime
import functools
import io
import linecache
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from provenance_kernel.fingerprint import Budget, Watch, digest, fingerprint, json_value, short_repr


def full(value: object) -> Any:
    return fingerprint(value, Budget("full"))


def test_a_class_that_cannot_be_named() -> None:
    calm = True

    class Key(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return hash("__module__")

        def __eq__(self, other: object) -> bool:
            if calm:
                return self is other
            raise LookupError

    kind = type("Unnamed", (), {Key("key"): 1})
    value = kind()
    calm = False
    try:
        for each in (value, [value]):
            assert full(each).exactness in ("opaque", "sampled")
        assert Watch().written({"value": value}, Budget("none"))["value"].type == "object"
        assert short_repr(value) == "<object object>"
        assert json_value(value) == ({"type": "object", "repr": "<object object>"}, None)
    finally:
        calm = True


@pytest.fixture
def define(tmp_path: Path) -> Iterator[Callable[[str, str], Any]]:
    """Make a value from one source, whose file says another by now."""
    made: list[str] = []

    def define(source: str, now: str) -> Any:
        name = str(tmp_path / f"{len(made)}.py")
        made.append(name)
        space: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(source, name, "exec"), space)
        linecache.cache[name] = (len(now), None, now.splitlines(keepends=True), name)
        return space["f"]

    yield define
    for name in made:
        linecache.cache.pop(name, None)


FUNCTION = "def f(a):\n    return a + 1\n"
LAMBDA = "f = lambda a: a + 1\n"


@pytest.mark.parametrize(
    ("source", "now"),
    [
        (FUNCTION, ""),
        (FUNCTION, "x = 1\n"),
        (FUNCTION, "def f(a: '''\n"),
        (LAMBDA, "f = (\n"),
        (LAMBDA, "x = 1\n"),
        (LAMBDA, LAMBDA + "x = 1\n" * 6000),
        ("f = [lambda: (yield)][0]().gi_code\n", ""),
    ],
)
def test_functions_whose_file_has_changed_are_known_by_their_code(
    define: Callable[[str, str], Any], source: str, now: str
) -> None:
    assert full(define(source, now)).digest == full(define(source, "")).digest
    if "a + 1" in source:
        other = define(source.replace("1", "2"), now)
        assert full(other).digest != full(define(source, now)).digest
        assert full(define(source, source)).digest != full(define(source, "")).digest


def test_of_several_lambdas_of_a_line_the_inner_one_is_found(
    define: Callable[[str, str], Any],
) -> None:
    source = "f = (lambda: (lambda: 1, lambda: 2, lambda a: a + 1))()[{}]\n"
    first, second, third = (define(source.format(i), source.format(i)) for i in range(3))
    assert len({full(each).digest for each in (first, second, third)}) == 3
    alone = "f = lambda a: a + 1\n"
    assert full(third).digest == full(define(alone, alone)).digest


def test_an_empty_cell_and_a_code_object() -> None:
    cells = [types.CellType(), types.CellType(None), types.CellType([1])]
    assert len({full(each).digest for each in cells}) == 3


@pytest.mark.parametrize("kind", ["csr", "csc", "bsr", "bsc"])
def test_compressed_tensors(kind: str) -> None:
    torch = pytest.importorskip("torch")
    blocks = ((1, 1),) if kind.startswith("bs") else ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these layouts are said to be in beta
        one, same = (getattr(torch.eye(3), f"to_sparse_{kind}")(*blocks) for _ in range(2))
        other = getattr(torch.eye(3) * 2, f"to_sparse_{kind}")(*blocks)
    assert full(one) == full(same)
    assert full(one).exactness == "exact"
    assert full(one).digest != full(other).digest


def test_tensors_that_cannot_be_read_and_those_in_disorder() -> None:
    torch = pytest.importorskip("torch")
    assert full(torch.ones(3, device="meta")).exactness == "opaque"
    places, numbers = torch.tensor([[1, 0, 1]]), torch.ones(3)
    loose = torch.sparse_coo_tensor(places, numbers, check_invariants=True)
    assert full(loose).digest == full(loose.coalesce()).digest
    places, numbers = torch.zeros(1, 400_000).long(), torch.ones(400_000)
    many = torch.sparse_coo_tensor(places, numbers, check_invariants=True)
    assert fingerprint(many, Budget(nbytes=0, seconds=0)).exactness == "opaque"
    strided = torch.ones(3000, 3000).T
    assert fingerprint(strided, Budget(nbytes=0, seconds=0)).exactness == "sampled"


def test_files_in_memory_of_a_class_of_the_user_s_are_opaque() -> None:
    class Buffer(io.BytesIO):
        pass

    assert full(Buffer(b"abc")).exactness == "opaque"
    assert full(io.BytesIO(b"abc")).exactness == "exact"


def test_what_a_c_type_keeps_is_read_only_where_that_runs_nobody_s_code() -> None:
    np = pytest.importorskip("numpy")
    tree = pytest.importorskip("sklearn.tree")
    fitted = tree.DecisionTreeClassifier().fit(np.eye(4), [0, 1, 0, 1]).tree_
    base = type(fitted)

    class Told(base):  # type: ignore[misc, valid-type]
        def __reduce__(self) -> Any:
            raise SystemExit

    assert full(fitted).exactness == "exact"
    told = Told(4, np.array([2], dtype=np.intp), 1)
    assert full(told).exactness == "opaque"
    poly = np.polynomial.Polynomial([1, 2])
    assert full(poly).digest != full(np.polynomial.Polynomial([1, 3])).digest


def test_the_digest_of_a_value_alone() -> None:
    assert digest([1]) == full([1]).digest
    assert digest(iter([1])) is None


def test_what_the_budget_left_out_is_examined_when_it_is_next_read() -> None:
    names: dict[str, Any] = {"a": [1], "b": [2]}
    watch = Watch()
    assert watch.written(names, Budget(seconds=1e-6))["b"].exactness == "opaque"
    assert watch.suspects(["b"]) == ["b"]
    # It may have changed since, or not: nothing is claimed, but now it is known.
    assert watch.mutated(["b"], names, Budget()) == {}
    known = watch.fingerprint("b")
    assert known is not None
    assert known.exactness == "exact"
    names["b"].append(3)
    assert set(watch.mutated(["b"], names, Budget())) == {"b"}


def test_iterators_over_much_hold_what_comes_first() -> None:
    for container in ([[i] for i in range(2000)], {i: [i] for i in range(2000)}):
        first = container[0]
        iterator = iter(container.values() if isinstance(container, dict) else container)
        names = {"first": first, "iterator": iterator}
        watch = Watch()
        watch.written(names, Budget())
        assert watch.suspects(["iterator"]) == ["first"]


def test_many_iterators_are_looked_into_up_to_a_bound() -> None:
    held = [[i] for i in range(900)]
    watch = Watch()
    watch.written({"many": [iter(held) for _ in range(60)], "other": [1]}, Budget("full"))
    assert watch.suspects(["other"]) == ["many", "other"]


class _Zone(datetime.tzinfo):
    def utcoffset(self, when: datetime.datetime | None) -> datetime.timedelta:
        raise SystemExit

    dst = tzname = utcoffset  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (datetime.datetime(2020, 1, 2, tzinfo=_Zone()), "<datetime.datetime object>"),
        (datetime.time(1, 2), "datetime.time(1, 2)"),
        (io.StringIO.write, "<method_descriptor object>"),
    ],
)
def test_reprs_run_nobody_s_code(value: object, shown: str) -> None:
    assert short_repr(value) == shown


def test_estimators_show_what_was_set() -> None:
    svm = pytest.importorskip("sklearn.svm")
    ensemble = pytest.importorskip("sklearn.ensemble")
    neural = pytest.importorskip("sklearn.neural_network")
    assert short_repr(svm.SVC(C=1.0, tol=float("nan"))) == "SVC(tol=nan)"
    assert short_repr(neural.MLPClassifier((100,))) == "MLPClassifier()"
    shown = short_repr(ensemble.RandomForestClassifier(**dict.fromkeys(LONG, "x" * 30)))
    assert len(shown) == 80

    class Own(svm.SVC):  # type: ignore[misc, name-defined]
        __init__ = object.__init__

    assert short_repr(Own()) == "Own()"


LONG = ("criterion", "max_features", "min_samples_leaf", "random_state", "class_weight")


def test_numbers_too_large_for_a_float_have_none() -> None:
    assert json_value((1 << 1024) - 1) == ((1 << 1024) - 1, None)
    np = pytest.importorskip("numpy")
    assert json_value(np.array("text")) == ("text", None)
    assert json_value(np.array([1]))[1] is None


@pytest.mark.parametrize(
    ("module", "qualname"),
    [
        ("json", "absent"),
        ("json", "loads.inner"),
        ("json", "JSONDecoder"),
        ("json.absent", "loads"),
        ("absent", "loads"),
        ("json", "JSONDecoder.decode"),
    ],
)
def test_functions_that_claim_to_be_a_library_s_are_known_by_content(
    module: str, qualname: str
) -> None:
    def function() -> int:
        return 1

    before = full(function).digest
    function.__module__, function.__qualname__ = module, qualname
    assert full(function).digest == before
    changed = types.FunctionType((lambda: 2).__code__, globals())
    changed.__module__, changed.__qualname__ = module, qualname
    assert full(changed).digest != before


def test_partials_are_shown_by_what_they_call() -> None:
    class Call:
        def __call__(self) -> None: ...

    assert short_repr(functools.partial(int)) == "partial(int)"
    assert short_repr(functools.partial(Call()), 200) == f"partial({__name__}.{Call.__qualname__})"


def test_extension_types_of_the_user_s_are_known_by_their_attributes() -> None:
    pd = pytest.importorskip("pandas")

    class Kind(pd.api.extensions.ExtensionDtype):  # type: ignore[misc, name-defined]
        name = property(lambda self: 1 / 0)

        def __init__(self, unit: str) -> None:
            self.unit = unit

    assert full(Kind("a")).digest == full(Kind("a")).digest
    assert full(Kind("a")).digest != full(Kind("b")).digest

    class Offset(pd.tseries.offsets.DateOffset):  # type: ignore[misc, name-defined]
        freqstr = property(lambda self: 1 / 0)

    assert full(Offset(days=1)).digest is not None


def test_frames_are_the_same_however_they_lie() -> None:
    np, pd = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    array = np.arange(30_000.0).reshape(10_000, 3)
    lying = pd.DataFrame(array, copy=False)
    standing = pd.DataFrame({column: array[:, column].copy() for column in range(3)})
    # Before pandas 3 the keys make no RangeIndex.
    standing.columns = lying.columns
    assert full(lying).exactness == "exact"
    assert full(lying).digest == full(standing).digest
    small = Budget(nbytes=0, seconds=0)
    levels = pd.MultiIndex.from_arrays([range(1000)] * 60)
    assert fingerprint([levels] * 2 + [levels.copy() for _ in range(40)], small).digest


def test_the_memory_of_columns_is_what_its_owners_share() -> None:
    np, pd = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    data, mask = np.arange(3), np.zeros(3, bool)
    numbers = pd.arrays.IntegerArray(data, mask)
    dates = np.array(["2020", "2021"], "M8[ns]")
    names = {
        "data": data,
        "series": pd.Series(numbers, copy=False),
        "dates": dates,
        "index": pd.DataFrame({"d": pd.array(dates, copy=False)}, copy=False),
    }
    watch = Watch()
    watch.written(names, Budget())
    data[0] = 5
    dates[0] = dates[1]
    assert set(watch.mutated(["data", "dates"], names, Budget())) == set(names)


def test_what_reduces_to_a_name_or_to_parts() -> None:
    np = pytest.importorskip("numpy")
    pytest.importorskip("scipy")
    from scipy.interpolate import BSpline
    from scipy.spatial import KDTree

    assert full(KDTree(np.eye(3))).digest == full(KDTree(np.eye(3))).digest
    assert full(KDTree(np.eye(3))).digest != full(KDTree(np.eye(3) * 2)).digest
    assert full(BSpline([0.0, 1, 2, 3], [1.0, 2.0], 1)).digest is not None
    assert full(np.nditer(np.arange(3))).exactness == "opaque"
