"""The comparison can fail: kernels with one small fault are told from stock ipykernel."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from differential.cases import CASES
from differential.pair import STOCK, Pair
from differential.protocol import KernelDied, KernelTimeout, UnexpectedInput
from differential.steps import Case, Cell

# What each fault has to show up in; no case of it sees another's.
SEEN_IN = {
    "space": Case("print", ('print("x")',)),
    "frame": CASES["frame_stack_depth"],
    "reference": CASES["finalizer_on_rebinding"],
    "name": CASES["dir_after_names"],
    "status": Case("nothing", ("x = 1",)),
    "stderr": Case("nothing", ("x = 1",)),
    "payload": Case("nothing", ("x = 1",)),
    "metadata": Case("nothing", ("x = 1",)),
    "traceback": Case("error", ("1 / 0",)),
}

# The fast ring looks at one of the faults: each needs two kernels of its own.
IN_CORE = "frame"


def fault_of(name: str) -> Any:
    return pytest.param(name, name, marks=() if name == IN_CORE else pytest.mark.slow)


@pytest.fixture
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    # Started as a module, as the others are: a script has two frames less.
    altered = (sys.executable, "-m", "altered_kernel", request.param, "-f", "{connection_file}")
    kernels = Pair(tmp_path, STOCK, altered, {"PYTHONPATH": str(Path(__file__).parent)})
    yield kernels
    kernels.close()


@pytest.mark.parametrize(("pair", "fault"), [fault_of(name) for name in SEEN_IN], indirect=["pair"])
def test_a_fault_is_found(pair: Pair, fault: str) -> None:
    assert pair.compare(SEEN_IN[fault])


@pytest.mark.slow
@pytest.mark.parametrize("pair", ["none"], indirect=True)
def test_a_kernel_without_fault_passes_and_one_pair_serves_many_cases(pair: Pair) -> None:
    for name in ("assignment", "out_and_underscores", "finalizer_on_rebinding", "display_ids"):
        assert pair.compare(CASES[name]) == ""
        assert pair.compare(CASES[name]) == ""


@pytest.mark.slow
@pytest.mark.parametrize("pair", ["hang"], indirect=True)
def test_a_kernel_that_hangs_fails_the_case(pair: Pair) -> None:
    with pytest.raises(KernelTimeout, match="idle and reply of request 1 execute_request"):
        pair.compare(Case("hangs", ("x = 1",), timeout=3.0))


@pytest.mark.slow
@pytest.mark.parametrize("pair", ["die"], indirect=True)
def test_a_kernel_that_dies_fails_the_case_and_the_next_gets_another(pair: Pair) -> None:
    for _ in range(2):
        with pytest.raises(KernelDied):
            pair.compare(Case("dies", ("x = 1",)))


@pytest.mark.slow
@pytest.mark.parametrize("pair", ["none"], indirect=True)
def test_input_that_the_case_does_not_expect_fails_it(pair: Pair) -> None:
    with pytest.raises(UnexpectedInput, match="name"):
        pair.compare(Case("asks", (Cell("input('name')"),)))
