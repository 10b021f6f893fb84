"""A shell is offered words, options, trials and tracked names."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result

from cli.conftest import NEW, OLD, Record
from provenance_kernel.records import TrackedValue, new_id
from store.samples import a_code, a_run, a_trial, minutes

Ask = Callable[..., Result]


@pytest.fixture
def tracked(record: Record) -> None:
    for number, id_ in enumerate((OLD, NEW)):
        trial = a_trial(id=id_, status="finished", started_at=minutes(number))
        run = a_run(trial)
        value = TrackedValue(new_id(), id_, run.id, None, "f1", "metric", number, number)
        record([trial, a_code(), run, value])


def offered(ask: Ask, *words: str) -> list[str]:
    """Return what is offered for the last word, as bash asks for it."""
    result = ask(
        _MAIN_COMPLETE="bash_complete",
        COMP_WORDS=" ".join(["jupyter-provenance", *words]),
        COMP_CWORD=str(len(words)),
    )
    return [line.partition(",")[2] for line in result.output.split()]


@pytest.mark.usefixtures("tracked")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("sl",), ["slice"]),
        (("values", "--li"), ["--limit"]),
        (("show", "lat"), ["latest", "latest~1"]),
        (("show", "019b"), [NEW[:8]]),
        (("compare", "latest", "019a"), [OLD[:8]]),
        (("values", "f"), ["f1"]),
        (("slice", "f1", "--trial", "latest~"), ["latest~1"]),
        (("plot", "f1", "--against", "f"), ["f1"]),
        (("lineage", "f1", "--format", "m"), ["mermaid"]),
        (("values", "zz"), []),
    ],
)
def test_what_begins_so_is_offered(ask: Ask, words: tuple[str, ...], expected: list[str]) -> None:
    assert offered(ask, *words) == expected


def test_nothing_is_offered_where_there_is_no_database(ask: Ask) -> None:
    assert offered(ask, "show", "") == []
