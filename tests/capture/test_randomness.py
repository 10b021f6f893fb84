"""Randomness: which generator a run used, whether it was seeded, and a state that replays."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from provenance_kernel.capture.randomness import (
    NOT_LOADED,
    Randomness,
    began_with,
    begin_again,
    restore,
    seed_candidates,
)
from provenance_kernel.records import Event, RandomState


@pytest.fixture(autouse=True)
def _unseeded() -> Iterator[None]:
    kept, kept_numpy = random.getstate(), np.random.get_state()
    random.seed()
    np.random.seed()
    yield
    random.setstate(kept)
    np.random.set_state(kept_numpy)


def record(
    randomness: Randomness,
    act: Callable[[], object],
    source: str = "",
    calls: tuple[tuple[str, dict[str, object]], ...] = (),
) -> tuple[list[RandomState], list[Event]]:
    run = randomness.begin()
    act()
    for function, arguments in calls:
        randomness.called(run, function, arguments)
    return randomness.end(run, "trial", "run", seed_candidates(source, {}))


X = np.arange(40.0).reshape(20, 2)
Y = np.arange(20) % 2


def draw_all() -> None:
    random.random()
    np.random.rand()


CASES: dict[str, tuple[Callable[[], object], list[str]]] = {
    "nothing": (lambda: None, []),
    "random": (random.random, ["python"]),
    "gauss": (lambda: random.gauss(0, 1), ["python"]),
    "shuffle": (lambda: random.shuffle([1, 2, 3]), ["python"]),
    "numpy": (lambda: np.random.rand(3), ["numpy"]),
    "normal": (lambda: np.random.randn(), ["numpy"]),
    "a whole key": (lambda: np.random.randint(0, 2**32, 624, dtype=np.uint32), ["numpy"]),
    "many": (lambda: np.random.rand(1000), ["numpy"]),
    "both": (draw_all, ["python", "numpy"]),
    "own generator": (lambda: random.Random(1).random(), []),
    "own numpy generator": (lambda: np.random.default_rng(1).random(), []),
    "permutation": (lambda: np.random.permutation(3), ["numpy"]),
    "forest": (lambda: RandomForestClassifier(3).fit(X, Y), ["numpy"]),
    "forest with a state": (lambda: RandomForestClassifier(3, random_state=0).fit(X, Y), []),
}


@pytest.mark.parametrize("case", CASES)
def test_unseeded_use_is_marked(case: str) -> None:
    act, used = CASES[case]
    rows, events = record(Randomness(), act)
    assert [row.generator for row in rows] == used
    assert [event.message.partition(":")[0] for event in events] == used
    assert {event.kind for event in events} <= {"randomness"}
    for row in rows:
        assert row.digest_before != row.digest_after


@pytest.mark.parametrize("case", CASES)
def test_seeded_use_is_not(case: str) -> None:
    act, used = CASES[case]
    randomness = Randomness()
    rows, events = record(randomness, lambda: (random.seed(7), np.random.seed(7)), "set_seed(7)")
    assert [row.generator for row in rows] == ["python", "numpy"]
    assert events == []
    rows, events = record(randomness, act)
    assert [row.generator for row in rows] == used
    assert events == []


@pytest.mark.parametrize(
    ("source", "draws"),
    [("f(7)", 0), ("f(7)", 1), ("f(7)", 623), ("f(7)", 625), ("f(7)", 10_000), ("SEED = 7", 10)],
)
def test_a_seed_set_out_of_sight_is_proven(source: str, draws: int) -> None:
    def helper() -> None:
        random.seed(7)
        np.random.seed(7)
        np.random.rand(draws)
        for _ in range(draws):
            random.random()

    rows, events = record(Randomness(), helper, source)
    assert [row.generator for row in rows] == ["python", "numpy"]
    assert events == []


def test_a_number_in_the_source_that_was_no_seed_proves_nothing() -> None:
    _, events = record(Randomness(), draw_all, "x = 7; y = 42")
    assert len(events) == 2


SEEDED = [
    ("random.seed", {"a": 123456}, "python"),
    ("random.Random.seed", {"a": "123456"}, "python"),
    ("numpy.random.mtrand.seed", {"seed": 123456}, "numpy"),
    ("numpy.random.seed", {"seed": "123456"}, "numpy"),
]


@pytest.mark.parametrize(("function", "arguments", "generator"), SEEDED)
def test_a_call_seen_seeds(function: str, arguments: dict[str, object], generator: str) -> None:
    randomness = Randomness()
    act = random.seed if generator == "python" else np.random.seed
    _, events = record(randomness, lambda: act(123456), calls=((function, arguments),))
    assert events == []
    _, events = record(randomness, draw_all)
    assert [event.message.partition(":")[0] for event in events] == [
        name for name in ("python", "numpy") if name != generator
    ]


def test_seeding_from_the_system_undoes_a_seed() -> None:
    randomness = Randomness()
    record(randomness, lambda: np.random.seed(7), "7")
    _, events = record(randomness, np.random.seed, calls=(("numpy.random.mtrand.seed", {}),))
    assert len(events) == 1
    _, events = record(randomness, np.random.rand)
    assert len(events) == 1


@pytest.mark.parametrize(
    ("function", "arguments", "marked"),
    [
        ("numpy.random._generator.default_rng", {}, True),
        ("numpy.random.default_rng", {"seed": None}, True),
        ("numpy.random.default_rng", {"seed": "None"}, True),
        ("numpy.random.default_rng", {"seed": 0}, False),
        ("numpy.random._generator.default_rng", {"seed": "1"}, False),
        ("numpy.random.mtrand.RandomState", {}, True),
        ("numpy.random.RandomState", {"seed": 3}, False),
        ("random.Random", {}, True),
        ("random.Random", {"x": 1}, False),
        ("sklearn.utils.check_random_state", {}, False),
        ("mine.default_rng", {}, False),
    ],
)
def test_generators_made_without_a_seed(
    function: str, arguments: dict[str, object], marked: bool
) -> None:
    rows, events = record(Randomness(), lambda: None, calls=((function, arguments),))
    assert rows == []
    assert [event.message for event in events] == [f"{function} was called without a seed"] * marked


def draw_python() -> object:
    return [random.random(), random.gauss(0, 1), random.getrandbits(7)]


def draw_numpy() -> object:
    return [np.random.rand(), np.random.randn(), *np.random.randn(5), np.random.randint(9)]


@pytest.mark.parametrize(
    ("generator", "draw"), [("python", draw_python), ("numpy", draw_numpy)], ids=["python", "numpy"]
)
@pytest.mark.parametrize("warm", [0, 1, 700])
def test_the_state_before_replays(generator: str, draw: Callable[[], object], warm: int) -> None:
    for _ in range(warm):
        random.gauss(0, 1)
        np.random.randn()
    found: list[object] = []
    rows, _ = record(Randomness(), lambda: found.append(draw()))
    draw()
    text = next(row.state_before for row in rows if row.generator == generator)
    assert text is not None
    assert restore(generator, text)  # type: ignore[arg-type]
    assert draw() == found[0]
    assert len(text) < 4000


def test_another_bit_generator_in_numpys_place() -> None:
    own = np.random.get_bit_generator()
    try:
        np.random.set_bit_generator(np.random.PCG64(3))
        found: list[object] = []
        rows, _ = record(Randomness(), lambda: found.append(np.random.rand()))
        assert rows[0].state_before is not None
        assert restore("numpy", rows[0].state_before)
        assert np.random.rand() == found[0]
    finally:
        np.random.set_bit_generator(own)


def test_a_stored_normal_deviate_that_is_used_up_counts() -> None:
    np.random.randn()  # makes two, keeps one
    rows, _ = record(Randomness(), lambda: np.random.randn())
    assert [row.generator for row in rows] == ["numpy"]


def test_a_draw_between_runs_belongs_to_none() -> None:
    randomness = Randomness()
    record(randomness, lambda: None)
    draw_all()
    assert record(randomness, lambda: None) == ([], [])


def _python(code: str) -> list[str]:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return result.stdout.splitlines()


LATE = """
import sys
from provenance_kernel.capture.randomness import Randomness, NOT_LOADED, restore
assert not {"numpy", "torch"} & sys.modules.keys()
r = Randomness(); run = r.begin()
import numpy as np
import numpy.random
%s
rows, events = r.end(run, "t", "c", [7])
late = [row for row in rows if row.digest_before == NOT_LOADED]
for row in late:
    if row.state_before is not None:
        # It is where the draw began.
        assert restore("numpy", row.state_before) and np.random.rand() == first
print([(row.generator, row.state_before and "known") for row in late], len(events))
"""


@pytest.mark.parametrize(
    ("act", "seen"),
    [
        ("", "[] 0"),
        ("first = np.random.rand()", "[('numpy', 'known')] 1"),
        ("np.random.seed(7)", "[('numpy', None)] 0"),
        ("np.random.seed(7); np.random.rand()", "[('numpy', None)] 0"),
    ],
)
def test_a_library_loaded_by_the_run_itself(act: str, seen: str) -> None:
    assert _python(LATE % act) == [seen]
    assert len(NOT_LOADED) == 32


def test_nothing_is_imported_for_it() -> None:
    code = (
        "import sys\nfrom provenance_kernel.capture.randomness import Randomness, restore\n"
        "r = Randomness(); r.end(r.begin(), 't', 'c')\n"
        "print(restore('numpy', '{}'), restore('torch', '{}'))\n"
        "print({'numpy', 'torch'} & sys.modules.keys())"
    )
    assert _python(code) == ["False False", "set()"]


@pytest.mark.parametrize(
    ("source", "namespace", "found"),
    [
        ("np.random.seed(5)", {}, [5]),
        ("x = a1 + b2.3 + 0.5 + 10_000", {}, []),
        ("f(3, 4)", {"SEED": 9, "seed_name": "x", "y": 8}, [9, 3, 4]),
        ("f(99999999999)", {}, []),
    ],
)
def test_candidates(source: str, namespace: dict[str, object], found: list[int]) -> None:
    assert seed_candidates(source, namespace) == found


def test_torch() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed here")
    torch.seed()
    randomness = Randomness()
    found: list[object] = []
    rows, events = record(randomness, lambda: found.append(torch.rand(3).tolist()))
    assert ([row.generator for row in rows], len(events)) == (["torch"], 1)
    assert rows[0].state_before is not None
    assert restore("torch", rows[0].state_before)
    assert torch.rand(3).tolist() == found[0]
    _, events = record(randomness, lambda: torch.manual_seed(3))
    assert events == []
    _, events = record(randomness, lambda: torch.rand(3))
    assert events == []


@pytest.mark.parametrize("act", [random.random, lambda: random.gauss(0, 1)])
def test_a_python_of_another_make_is_asked_for_its_state(
    act: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.implementation, "name", "other")
    randomness = Randomness()
    rows, events = record(randomness, act)
    assert [row.generator for row in rows] == ["python"]
    assert len(events) == 1
    assert rows[0].state_before is not None
    expected = random.getstate()
    restore("python", rows[0].state_before)
    act()
    assert random.getstate() == expected
    assert record(randomness, lambda: None) == ([], [])


def test_numpy_with_another_bit_generator_is_recorded_and_replayed() -> None:
    kept = np.random.get_bit_generator()
    randomness = Randomness()
    try:
        assert randomness.begin() is not None
        np.random.set_bit_generator(np.random.Philox(5))
        np.random.rand()
        rows, events = record(randomness, lambda: np.random.rand())
        assert [(row.generator, len(events)) for row in rows] == [("numpy", 1)]
        expected = np.random.rand()
        assert rows[0].state_before is not None
        restore("numpy", rows[0].state_before)
        np.random.rand()
        assert np.random.rand() == expected
    finally:
        np.random.set_bit_generator(kept)


MADE: dict[str, tuple[Callable[[], Any], str]] = {
    "default_rng": (np.random.default_rng, "numpy.random._generator.default_rng"),
    "RandomState": (np.random.RandomState, "numpy.random.mtrand.RandomState"),
    "PCG64": (np.random.PCG64, "numpy.random._pcg64.PCG64"),
    "SeedSequence": (np.random.SeedSequence, "numpy.random.bit_generator.SeedSequence"),
}


@pytest.mark.parametrize("name", MADE)
def test_what_a_generator_of_numpys_was_made_from_is_kept(name: str) -> None:
    make, function = MADE[name]
    made = make()
    bits = getattr(made, "_bit_generator", made)
    seeds = getattr(bits, "seed_seq", bits)
    assert began_with(function, {}, made) == ("numpy", str(seeds.entropy))
    assert began_with(function, {"seed": "3"}, made) is None


def test_a_generator_of_pythons_begins_again_as_it_was_made() -> None:
    made, other = random.Random(), random.Random()
    began = began_with("random.Random", {}, made)
    assert began is not None
    drawn = [made.random() for _ in range(3)]
    begin_again(other, began[1])
    assert [other.random() for _ in range(3)] == drawn
    assert began_with("random.random", {}, made.random()) is None
