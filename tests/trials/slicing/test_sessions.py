"""Slices of random sessions: run alone, each gives the recorded digest, or says that it may not."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from provenance_kernel.errors import SettingError
from provenance_kernel.trials.query import naming
from provenance_kernel.trials.slicing.slice import Slice, slice_of
from support.cells import record_cells, run_script
from trials.slicing.sessions import asked, session

NAMES = 3


def slices(folder: Path, random: Random) -> list[Slice]:
    """Record a session, and return the slices of some of its names that have a digest."""
    record_cells(folder / "trial", session(random))
    found = []
    with closing(naming.open_database(None, folder / "trial")) as database:
        for name in asked(random, NAMES):
            try:
                found.append(slice_of(database, name))
            except SettingError:
                continue
    return [each for each in found if each.digest is not None]


def check(random: Random) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, found in enumerate(slices(folder, random)):
            if found.vouched:
                text = found.script()
                made = run_script(folder / str(number), text, found.name)
                assert made == found.digest, text


PLAIN = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    # A session that fails is as short as it gets by hand.
    phases=[Phase.explicit, Phase.generate],
)


@settings(PLAIN, max_examples=30)
@given(st.randoms(use_true_random=True))
def test_slices_of_random_sessions_are_sound(random: Random) -> None:
    check(random)


@pytest.mark.slow
@settings(PLAIN, max_examples=170)
@given(st.randoms(use_true_random=True))
def test_slices_of_many_random_sessions_are_sound(random: Random) -> None:
    check(random)
