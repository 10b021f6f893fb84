"""The generator of the notebooks' data: its shape, its likeness to card fraud, its bytes."""

import hashlib
import importlib.util
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

SCRIPT = Path(__file__).resolve().parent.parent / "notebooks" / "make_data.py"
SPEC = importlib.util.spec_from_file_location("make_data", SCRIPT)
assert SPEC is not None
assert SPEC.loader is not None
make_data = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(make_data)

# Trials made on different machines are compared by these bytes: a change here is a change of data.
DIGEST_OF_1000_ROWS = "7266857da52333c0dacb28fc57989422ec9824a9cdb22723e00cb6bc1b7a4a28"

LINE = re.compile(r"\d{1,6}(,-?\d{1,2}\.\d{4}){28},\d{1,5}\.\d\d,[01]")


@pytest.fixture(scope="module")
def table():
    return make_data.make_data(rows=60_000)


def run_script(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPT), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


def test_the_full_size_is_the_known_one():
    assert (make_data.FULL_ROWS, make_data.fraud_count(make_data.FULL_ROWS)) == (284_807, 492)
    assert len(make_data.COLUMNS) == 31


@pytest.mark.parametrize(
    ("rows", "frauds"), [(400, 40), (4_000, 40), (23_000, 40), (100_000, 173), (569_614, 984)]
)
def test_frauds_are_in_proportion_and_never_few(rows, frauds):
    assert make_data.fraud_count(rows) == frauds


@given(st.integers(min_value=make_data.LEAST_ROWS, max_value=10**9))
def test_fraud_count_stays_within_half_a_row_of_the_proportion(rows):
    frauds = make_data.fraud_count(rows)
    exact = rows * make_data.FULL_FRAUDS / make_data.FULL_ROWS
    assert frauds == make_data.LEAST_FRAUDS or abs(frauds - exact) <= 0.5 + 1e-6
    assert make_data.LEAST_FRAUDS <= frauds <= rows / 2


@pytest.mark.parametrize("rows", [400, 1_001, 4_000])
def test_the_table_has_the_rows_and_frauds_asked_for(rows):
    table = make_data.make_data(rows=rows)
    assert table.shape == (rows, len(make_data.COLUMNS))
    assert np.isfinite(table).all()
    assert (table[:, -1] == 1).sum() == make_data.fraud_count(rows)
    assert set(np.unique(table[:, -1])) == {0.0, 1.0}


def test_time_ascends_through_two_days_with_quiet_nights(table):
    time = table[:, 0]
    assert (np.diff(time) >= 0).all()
    assert time[0] >= 0
    assert 47 * 3600 < time[-1] < 48 * 3600
    hour = time // 3600 % 24
    assert ((hour >= 2) & (hour < 5)).sum() * 3 < ((hour >= 14) & (hour < 17)).sum()


def test_components_are_centred_uncorrelated_and_of_falling_variance(table):
    components = table[:, 1:29]
    deviations = components.std(axis=0)
    assert (np.diff(deviations) < 0).all()
    assert (np.abs(components.mean(axis=0)) < 0.05 * deviations).all()
    correlations = np.corrcoef(components, rowvar=False)
    np.fill_diagonal(correlations, 0)
    assert np.abs(correlations).max() < 0.05


def test_frauds_are_shifted_where_documented_and_nowhere_else(table):
    is_fraud = table[:, -1] == 1
    for number in range(1, make_data.COMPONENTS + 1):
        column = table[:, number]
        expected = make_data.FRAUD_SHIFT.get(number, 0.0) * 2 / 3  # the mean share of a shift
        seen = (column[is_fraud].mean() - column[~is_fraud].mean()) / column[~is_fraud].std()
        assert seen == pytest.approx(expected, abs=0.6), f"V{number}"


def test_some_frauds_look_honest(table):
    is_fraud = table[:, -1] == 1
    directions = np.zeros(make_data.COMPONENTS)
    for number, shift in make_data.FRAUD_SHIFT.items():
        directions[number - 1] = shift
    scores = table[:, 1:29] / table[~is_fraud, 1:29].std(axis=0) @ directions
    found = scores[is_fraud] > np.quantile(scores[~is_fraud], 0.99)
    assert 0.8 < found.mean() < 1


def test_amounts_have_cents_and_a_heavy_tail(table):
    amounts = table[:, -2]
    assert (amounts >= 0).all()
    assert amounts.max() <= make_data.LARGEST_AMOUNT
    assert np.median(amounts) == pytest.approx(21, abs=1)
    assert amounts.max() > 100 * np.median(amounts)
    assert (np.round(amounts, 2) == amounts).all()


def test_the_file_holds_the_table(tmp_path):
    path = make_data.write_data(tmp_path / "new" / "cards.csv", rows=9_000)
    header, *lines = path.read_text(encoding="ascii").splitlines()
    assert header.split(",") == list(make_data.COLUMNS)
    assert [line for line in lines if LINE.fullmatch(line) is None] == []
    assert not any("-0.0000" in line for line in lines)
    written = np.loadtxt(path, delimiter=",", skiprows=1)
    assert np.array_equal(written, make_data.make_data(rows=9_000))


def test_the_bytes_are_the_same_everywhere(tmp_path):
    path = make_data.write_data(tmp_path / "cards.csv", rows=1_000)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == DIGEST_OF_1000_ROWS


def test_other_processes_write_the_same_bytes(tmp_path):
    mine = make_data.write_data(tmp_path / "mine.csv", rows=2_000, seed=5)
    for hash_seed in ("0", "1"):
        theirs = tmp_path / f"theirs{hash_seed}.csv"
        done = run_script(
            "--rows", 2_000, "--seed", 5, "--output", theirs, PYTHONHASHSEED=hash_seed
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "2000 transactions, 40 of them frauds" in done.stdout
        assert theirs.read_bytes() == mine.read_bytes()


def test_another_seed_draws_other_data():
    assert not np.array_equal(
        make_data.make_data(1_000, seed=1), make_data.make_data(1_000, seed=2)
    )


def test_an_existing_file_is_replaced_whole(tmp_path):
    path = tmp_path / "cards.csv"
    path.write_text("what was here before\n" * 100_000, encoding="ascii")
    make_data.write_data(path, rows=400)
    assert len(path.read_text(encoding="ascii").splitlines()) == 401
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_the_file_has_the_mode_that_the_umask_gives(tmp_path):
    other = tmp_path / "other"
    other.touch()
    path = make_data.write_data(tmp_path / "cards.csv", rows=400)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    folder = tmp_path / "cards.csv"
    (folder / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match=r"cards\.csv"):
        make_data.write_data(folder, rows=400)
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("arguments", [{"rows": 399}, {"rows": 0}, {"rows": -1}, {"seed": -1}])
def test_impossible_arguments_are_refused_before_anything_is_written(tmp_path, arguments):
    with pytest.raises(ValueError, match="must"):
        make_data.write_data(tmp_path / "new" / "cards.csv", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_was_wrong(tmp_path):
    done = run_script("--rows", 10, "--output", tmp_path / "cards.csv")
    assert done.returncode == 2
    assert "rows must be at least 400, not 10" in done.stderr
    assert list(tmp_path.iterdir()) == []
