"""The budget: what is exact, what is sampled, what is opaque, and that it is shared."""

from __future__ import annotations

import os
import sys
import threading  # noqa: F401  (these are used by the cases)
from collections import OrderedDict, defaultdict, deque  # noqa: F401
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

from provenance_kernel.errors import SettingError
from provenance_kernel.fingerprint import Budget, Watch, fingerprint, register
from provenance_kernel.fingerprint import budget as cost
from provenance_kernel.fingerprint.digest import examine, sample
from provenance_kernel.fingerprint.walk import Reach
from provenance_kernel.records import Fingerprint

LARGE = 300 << 20
LIBRARIES = {"np": "numpy", "pd": "pandas", "pa": "pyarrow", "pl": "polars"}


def nothing() -> Budget:
    return Budget(nbytes=0, seconds=0)


def test_a_small_value_is_exact_whatever_is_left() -> None:
    for value in (1, "text", [1, 2], {"a": 1}, b"bytes", object()):
        assert fingerprint(value, nothing()).exactness == "exact"


def test_a_large_value_is_sampled_and_its_size_is_known() -> None:
    found = fingerprint(bytearray(LARGE))
    assert (found.exactness, found.nbytes, found.shape) == ("sampled", LARGE, str(LARGE))


@pytest.mark.parametrize("place", [0, LARGE // 2, LARGE - 1])
def test_a_sample_sees_both_ends_and_the_blocks_between(place: int) -> None:
    value = bytearray(LARGE)
    before = fingerprint(value)
    value[place] = 1
    assert fingerprint(value).digest != before.digest


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("[[i, [str(i)]] for i in range(300)]", True),
        ("{str(i): {i: SimpleNamespace(a=i)} for i in range(300)}", True),
        ("[np.arange(8000), {'a': np.zeros(3)}]", True),
        ("pd.DataFrame({'a': range(1000), 'b': list('ab') * 500})", True),
        ("[[i, [str(i)]] for i in range(3000)]", False),
        ("{str(i): [i] for i in range(3000)}", False),
        ("[np.arange(9000)]", False),
        ("[bytearray(1 << 19)]", False),
        ("pd.DataFrame({'a': range(2000), 'b': list('ab') * 1000})", False),
        # No part is large, but all together are more than a sample takes.
        ("[[[j] * 3 for j in range(50)] for i in range(100)]", False),
    ],
)
def test_an_exact_digest_knows_its_sample_where_it_read_no_more(text: str, shared: bool) -> None:
    names: dict[str, Any] = {"SimpleNamespace": SimpleNamespace}
    for short in ("np", "pd"):
        names[short] = pytest.importorskip(LIBRARIES[short])
    value = eval(text, names)
    reach = Reach()
    assert examine(value, Budget(seconds=1), reach).exactness == "exact"
    assert (reach.sample is not None) == shared
    if shared:
        assert reach.sample == sample(value, Budget()).digest


def test_full_reads_everything_and_none_nothing() -> None:
    value = bytearray(LARGE)
    before = fingerprint(value, Budget("full"))
    assert before.exactness == "exact"
    value[12_345] = 1
    assert fingerprint(value, Budget("full")).digest != before.digest
    for found in (fingerprint(value, Budget("none")), fingerprint(1, Budget("none"))):
        assert (found.digest, found.exactness) == (None, "opaque")


def test_values_of_one_cell_share_their_budget() -> None:
    budget = Budget(nbytes=5 << 20, seconds=1)
    value = bytearray(4 << 20)
    assert fingerprint(value, budget).exactness == "exact"
    assert fingerprint(value, budget).exactness == "sampled"


def test_what_is_left_when_all_is_spent_is_opaque() -> None:
    budget = Budget(seconds=1e-6)
    assert fingerprint([[1]], budget).exactness == "exact"
    found = fingerprint([[1]], budget)
    assert (found.digest, found.exactness, found.shape) == (None, "opaque", "1")


class Clocks:
    """Stands for the module `time`: what a machine shows that is busy, slow or stopped."""

    def __init__(self, machine: float, thread: float) -> None:
        self._steps = machine, thread
        self._machine = self._thread = 1.0

    def perf_counter(self) -> float:
        self._machine += self._steps[0]
        return self._machine

    def thread_time(self) -> float:
        self._thread += self._steps[1]
        return self._thread


VALUES = [[[i] for i in range(100)], {str(i): [i] for i in range(100)}, {"k": ([1], {2})}]


def under(clocks: Clocks, monkeypatch: pytest.MonkeyPatch) -> list[Fingerprint]:
    budget = Budget()
    with monkeypatch.context() as patched:
        patched.setattr("provenance_kernel.fingerprint.budget.time", clocks)
        return [fingerprint(value, budget) for value in VALUES]


def test_a_busy_machine_records_what_an_idle_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    idle = [fingerprint(value) for value in VALUES]
    assert {each.exactness for each in idle} == {"exact"}
    # 30 ms pass at every node, of which the thread is given one thousandth.
    assert under(Clocks(0.03, 3e-5), monkeypatch) == idle


class Slow(Clocks):
    """A machine on which every node takes the seconds that are given."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds, 0.0)

    def thread_time(self) -> float:
        return self._machine


def test_a_machine_ten_times_as_slow_records_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    nested: list[object] = []
    for _ in range(10_000):
        nested = [nested]
    found = []
    for seconds in (4e-6, 4e-5):
        monkeypatch.setattr("provenance_kernel.fingerprint.budget.time", Slow(seconds))
        found.append(fingerprint(nested, Budget()))
    assert found[0] == found[1]
    assert found[0].exactness == "sampled"


@pytest.mark.parametrize("clocks", [Clocks(0.1, 0.1), Clocks(5.0, 0.0)], ids=["slow", "stopped"])
def test_what_takes_long_without_a_nominal_cost_is_stopped(
    clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {each.exactness for each in under(clocks, monkeypatch)} == {"opaque"}


class Asked:
    """Counts how often it is examined."""

    times = 0

    @classmethod
    def parts(cls, value: Asked) -> list[int]:
        cls.times += 1
        return [1]


def test_parts_are_examined_no_more_than_the_default_budget_allows() -> None:
    register(Asked, Asked.parts)
    for value in ([Asked() for _ in range(100_000)], [[Asked() for _ in range(50)]] * 3000):
        Asked.times = 0
        names = {f"name{i}": value for i in range(50)}
        found = Watch().written(names, Budget())
        # 60 ms at 4 us for a node, and what the last sample may add.
        assert 0 < Asked.times < 17_000
        assert found["name0"].exactness != "opaque"
        assert found["name9"].exactness == "opaque"


def _steps(value: object) -> int:
    """Return how many lines of ours an examination with the default budget takes."""
    count = 0
    home = os.path.dirname(sys.modules[Budget.__module__].__file__ or "")

    def line(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += 1
        return line

    def call(frame: FrameType, event: str, argument: object) -> Any:
        return line if frame.f_code.co_filename.startswith(home) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        Watch().written({"value": value}, Budget())
    finally:
        sys.settrace(before)
    return count


class Wide:
    """Has as many attributes as it is given."""


def _wide(count: int) -> Wide:
    value = Wide()
    vars(value).update({f"a{i}": i for i in range(count)})
    return value


def _texts(number: int) -> Wide:
    value = Wide()
    vars(value).update({f"a{i}": f"{number} " * 2000 for i in range(50)})
    return value


LONG = "x" * 60_000


@pytest.mark.parametrize(
    "text",
    [
        "list(range(600_000))",
        "[[i] for i in range(100_000)]",
        "[iter(numbers) for _ in range(30_000)]",
        "[threading.Lock() for _ in range(100_000)]",
        "[LONG, 1] * 100_000",
        "{(i, i): LONG for i in range(50_000)}",
        "{frozenset([i]) for i in range(50_000)}",
        "OrderedDict.fromkeys(range(400_000))",
        "deque(range(2_000_000))",
        "defaultdict(list, {i: [] for i in range(100_000)})",
        "_wide(200_000)",
        "SimpleNamespace(**vars(_wide(100_000)))",
        "[1 << 3_000_000] * 5000 + [None]",
        "{1 << 600_000 + i: i for i in range(1000)}",
        "{LONG + str(i) for i in range(1000)} | {None}",
        "1 << 800_000_000",
    ],
)
def test_whatever_is_large_is_left_after_a_bounded_number_of_steps(text: str) -> None:
    names = {"numbers": list(range(100_000)), "deque": deque, "OrderedDict": OrderedDict}
    value = eval(text, globals() | names)
    budget = Budget()
    assert fingerprint(value, budget).exactness == "sampled"
    # What is spent is never more than the bound, the last sample and one small value.
    assert budget.work_left > -(cost.SAMPLE_NANOSECONDS + cost.FREE_NANOSECONDS)
    assert _steps(value) < 600_000


@pytest.mark.parametrize(
    "text",
    [
        "pd.DataFrame(np.zeros((1, 200_000)))",
        "pd.DataFrame(np.zeros((200_000, 100)).T)",
        "pd.Categorical.from_codes(np.zeros(70_000_000, 'i1'), ['a'])",
        "np.ma.masked_array(np.zeros(60_000_000, 'i1'), mask=np.ones(60_000_000, bool))",
        "np.zeros((40_000_000,), 'i8')",
        "pa.array([[(1, 2)] * 100_000] * 2, pa.map_(pa.int64(), pa.int64()))",
        "pa.array(['x' * 100_000] * 1000).dictionary_encode()",
        "pl.Series([[0] * 3_000_000] * 2)",
        "pl.Series(['x' * 10_000] * 50_000, dtype=pl.Categorical)",
        "pl.Series([None] * 3_000_000, dtype=pl.Float64)",
    ],
)
def test_whatever_is_large_of_a_library_is_sampled(text: str) -> None:
    names = {short: pytest.importorskip(name) for short, name in LIBRARIES.items()}
    value = eval(text, names)
    budget = Budget()
    assert fingerprint(value, budget).exactness == "sampled"
    assert budget.work_left > -(cost.SAMPLE_NANOSECONDS + cost.FREE_NANOSECONDS)
    assert _steps(value) < 600_000


@pytest.mark.parametrize(
    "value",
    [
        list(range(200_000)),
        [[i] for i in range(20_000)],
        ["text"] * 200_000,
        "x" * 5_000_000,
        {str(i): i for i in range(40_000)},
        {str(i): i for i in range(100_000)},
        {(i, i): i for i in range(40_000)},
        set(range(40_000)),
        set(range(100_000)),
        {(i, i) for i in range(40_000)},
        set(range(3000)),
        {(i, i) for i in range(3000)},
        {i: [i] for i in range(3000)},
        {(i, i): i for i in range(3000)},
        deque(range(100_000)),
        OrderedDict.fromkeys(range(30_000)),
        ["x" * 60_000, None] * 500,
        {str(i): "x" * 60_000 for i in range(1000)},
        {(i, i): "x" * 60_000 for i in range(1000)},
        dict.fromkeys(range(9), "x" * 60_000) | {None: "x" * 60_000},
        tuple([i, "a"] for i in range(20_000)),
        [object() for _ in range(20_000)],
        {"inner": ["text"] * 200_000},
        memoryview(bytes(4 << 20))[::2],
    ],
    ids=lambda value: f"{type(value).__name__} {len(value)}",
)
def test_every_large_kind_is_sampled_alike_each_time(value: Any) -> None:
    one, other = fingerprint(value, nothing()), fingerprint(value, nothing())
    assert one == other
    assert one.exactness == "sampled"
    assert one.digest is not None
    assert one.digest != fingerprint(value, Budget("full")).digest


@pytest.mark.parametrize(
    "text",
    [
        "np.arange(1_000_000)",
        "np.asfortranarray(np.arange(1_000_000).reshape(1000, 1000))",
        "np.array(['a', None] * 100_000, dtype=object)",
        "np.ones(1_000_000, np.longdouble)",
        "np.zeros(300_000, np.dtype('i1,f8', align=True))",
        "np.ma.masked_array(np.arange(500_000), mask=np.arange(500_000) % 2 == 0)",
    ],
)
def test_large_arrays_are_sampled(text: str) -> None:
    names = {"np": pytest.importorskip("numpy")}
    one, other = (fingerprint(eval(text, names), nothing()) for _ in range(2))
    assert one == other
    assert one.exactness == "sampled"
    assert one.digest != fingerprint(eval(text, names), Budget("full")).digest


def test_samples_do_not_depend_on_the_layout() -> None:
    np = pytest.importorskip("numpy")
    array = np.arange(1_000_000).reshape(1000, 1000)
    one, other = (fingerprint(a, nothing()) for a in (array, np.asfortranarray(array)))
    assert one.exactness == "sampled"
    assert one == other


@pytest.mark.parametrize(
    "text",
    [
        "pd.DataFrame(np.zeros((5000, 2000)).T)",
        "pd.DataFrame(np.zeros((2000, 900)))",
        "pd.DataFrame({str(i): pd.array([i] * 2000) for i in range(80)})",
        "pd.Series(['a', None] * 200_000, dtype='string[python]')",
        "pd.array(['a', None] * 200_000, dtype='string[python]')",
        "pd.array([1, None] * 200_000)",
        "pd.array([1] * 400_000, dtype='int64[pyarrow]')",
        "[pd.array(['a'] * 2000, dtype='string[python]') for _ in range(60)]",
        "[np.zeros(300_000)[::2] for _ in range(90)]",
        "[memoryview(bytes(200_000))[::2] for _ in range(80)]",
        "[bytes(300_000) for _ in range(220)]",
        "[bytearray(500_000) for _ in range(300)]",
        "[[i] * 1000 for i in range(9000)]",
        "[np.asfortranarray(np.zeros((90, 90))) for _ in range(3000)]",
        "[np.array(['a', None] * 500) for _ in range(900)]",
        "[_texts(i) for i in range(900)]",
        "['x' * 80_000 + str(i) for i in range(120)]",
        "[np.zeros(3000, np.longdouble) for _ in range(900)]",
        "[pa.array(range(2000)) for _ in range(60)]",
        "pa.array(['x' * 40_000] * 1000)",
        "pa.array([['x' * 400] * 100] * 1000)",
        "pl.Series([['x' * 400] * 100] * 1000)",
        "pl.Series(['x' * 9000] * 2000)",
    ],
)
def test_a_sample_that_comes_to_too_much_ends(text: str) -> None:
    names = {short: pytest.importorskip(name) for short, name in LIBRARIES.items()}
    value = eval(text, globals() | names)
    one, other = fingerprint(value, nothing()), fingerprint(value, nothing())
    assert one == other
    assert one.exactness == "sampled"
    assert one.digest is not None


@pytest.mark.parametrize("dtype", ["object", "str", "category", "float64", "Int64"])
def test_large_frames_are_sampled(dtype: str) -> None:
    pd = pytest.importorskip("pandas")
    rows = 400_000
    frame = pd.DataFrame({"a": pd.Series(["1", "2"] * (rows // 2))})
    frame["a"] = frame["a"].astype("float64").astype(dtype) if dtype != "object" else frame["a"]
    frame = pd.concat([frame, frame], axis=1)
    one, other = fingerprint(frame, nothing()), fingerprint(frame.copy(), nothing())
    assert one == other
    assert one.exactness == "sampled"
    assert one.shape == f"({rows}, 2)"
    assert fingerprint(frame.iloc[1:], nothing()).digest != one.digest


def test_large_indexes_are_sampled() -> None:
    pd = pytest.importorskip("pandas")
    index = pd.MultiIndex.from_product([range(400), range(400)])
    for value in (index, pd.Index(range(1, 400_000)).astype("float64")):
        one, other = fingerprint(value, nothing()), fingerprint(value.copy(), nothing())
        assert one == other
        assert one.exactness == "sampled"


def test_large_tensors_are_sampled_in_any_layout() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.arange(4_000_000).reshape(2000, 2000)
    one = fingerprint(tensor, nothing())
    other = fingerprint(tensor.T.contiguous().T, nothing())
    assert one.exactness == "sampled"
    assert one.digest == other.digest


def test_large_arrow_and_polars_columns_are_sampled() -> None:
    pa = pytest.importorskip("pyarrow")
    column = pa.chunked_array([["a", "b"] * 100_000, ["c"] * 100_000])
    one = fingerprint(column, nothing())
    assert one.exactness == "sampled"
    assert one.digest == fingerprint(column.slice(0), nothing()).digest
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": ["x", "y"] * 300_000})
    assert fingerprint(frame, nothing()).exactness == "sampled"
    assert fingerprint(frame, nothing()) == fingerprint(frame.clone(), nothing())


@pytest.mark.parametrize("arguments", [{"mode": "some"}, {"nbytes": -1}, {"seconds": float("nan")}])
def test_a_budget_that_makes_no_sense_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        Budget(**arguments)
