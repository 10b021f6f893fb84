"""What is told of an output that is another."""

from __future__ import annotations

import pytest

from provenance_kernel.records import CellRun, Output, new_id
from provenance_kernel.trials.history import Run
from provenance_kernel.types import OutputKind
from provenance_kernel.verify.differences import Tolerance, compare
from store.samples import a_run, a_trial

SAME = "the cell shows another output"


def run(*shown: tuple[OutputKind, str], digest: str = "a") -> Run:
    head = a_run(a_trial(), output_digest=digest)
    outputs = tuple(
        Output(new_id(), head.id, at, kind, "text/plain", None, len(text), False, text)
        for at, (kind, text) in enumerate(shown, 1)
    )
    values = {name: getattr(head, name) for name in CellRun.__slots__}
    return Run(**values, outputs=outputs)


@pytest.mark.parametrize(
    ("a", "b", "detail"),
    [
        (run(("stdout", "loss 1")), run(("stdout", "loss 1")), ""),
        (
            run(("stdout", "loss 1")),
            run(("stdout", "loss 2"), digest="b"),
            f"{SAME}: loss 1 → loss 2",
        ),
        (
            run(("stdout", "same"), ("result", "1")),
            run(("stdout", "same"), digest="b"),
            f"{SAME}: 1 → nothing",
        ),
        (run(), run(("stdout", "x"), digest="b"), SAME),
        (run(), run(digest="b"), SAME),
    ],
)
def test_an_output_that_is_another_is_told(a: Run, b: Run, detail: str) -> None:
    (item,) = compare([(a, b)], Tolerance())
    assert item.detail == detail
    assert item.differs == bool(detail)
