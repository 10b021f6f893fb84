"""What `show` tells of a trial: what came out first, then its cells, then what it met."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from provenance_kernel.display import registry
from provenance_kernel.display.detail import data
from provenance_kernel.records import (
    Environment,
    FileAccess,
    Package,
    RandomState,
    TrackedValue,
    new_id,
)
from provenance_kernel.store.store import Store
from provenance_kernel.trials.query import naming
from provenance_kernel.trials.query.detail import Draw, Input, Since, TrialDetail, show_trial
from store.samples import a_code, a_run, a_trial, an_event, minutes
from support.databases import DEFAULT


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> TrialDetail:
    folder = tmp_path_factory.mktemp("detail")
    environments = [Environment(digit * 32, "3.12", "CPython", "linux", {}) for digit in "12"]
    before = a_trial(environment_id="1" * 32, status="finished")
    trial = replace(
        before,
        id=new_id(),
        started_at=minutes(1),
        environment_id="2" * 32,
        git_commit="a" * 40,
        git_dirty=True,
        git_changes=["model.py"],
    )
    sources = ("print(x)", "raise ValueError", "print(1)")
    records: list[object] = [*environments, before, trial, *map(a_code, sources)]
    records += [Package("1" * 32, "numpy", "2.1"), Package("2" * 32, "numpy", "2.2")]
    records.append(Package("2" * 32, "shap", "0.46"))
    records.append(a_run(before, sources[0], output_digest="b" * 32))
    failed = {"status": "error", "error_name": "ValueError", "error_value": "no rows\nat all"}
    runs = [
        a_run(trial, sources[0], position=1, output_digest="c" * 32),
        a_run(trial, sources[1], position=2, **failed),
        a_run(trial, sources[2], position=3),
    ]
    records += runs
    of = trial.id, runs[2].id, None
    records.append(TrackedValue(new_id(), *of, "f1", "metric", 0.5, 0.5))
    records.append(TrackedValue(new_id(), *of, "lr", "parameter", 0.1, 0.1))
    told = "numpy: drew from a generator that was not seeded in this trial"
    records.append(an_event(trial, told, cell_run_id=runs[1].id, kind="randomness"))
    for run, generator, state in ((runs[0], "python", "d"), (runs[1], "numpy", "e"),
                                  (runs[2], "python", "f")):  # fmt: skip
        records.append(RandomState(new_id(), run.id, generator, state * 32, "0" * 32, None))  # type: ignore[arg-type]
    for run, path, mode, before_, after in (
        (runs[0], "in.csv", "r", "1", "1"),
        (runs[0], "out.csv", "w", "5", "2"),
        (runs[1], "out.csv", "r", "2", "2"),
        (runs[1], "gone.csv", "r,missing", None, None),
        (runs[2], "in.csv", "r", "3", "3"),
    ):
        digests = [x and x * 32 for x in (before_, after)]
        records.append(FileAccess(new_id(), run.id, path, mode, *digests, 4000, "opened"))  # type: ignore[arg-type]
    with closing(Store(folder / DEFAULT)) as store:
        store.put(records)
    with closing(naming.open_database(None, folder)) as database:
        return show_trial(database, naming.find_trial(database, "latest"))


def test_what_is_another_than_in_the_trial_before(found: TrialDetail) -> None:
    assert isinstance(found.since, Since)
    assert found.since.packages == {"numpy": ("2.1", "2.2"), "shap": (None, "0.46")}
    assert found.since.outputs == (1,)


def test_what_it_drew_and_read(found: TrialDetail) -> None:
    assert found.draws == (Draw(1, "python", True, "d" * 32), Draw(2, "numpy", False, "e" * 32))
    # A file that it made itself is no input, nor is one that was not there.
    assert found.inputs == (Input(1, "in.csv", "1" * 32, 4000),)


def test_it_is_shown_with_what_came_out_first(found: TrialDetail) -> None:
    lines = [" ".join(line.split()) for line in registry.text(found).splitlines()]
    places = [
        lines.index(line)
        for line in (
            f"commit {'a' * 12}, not committed: model.py",
            f"packages since {found.since and found.since.prefix}: "
            "numpy 2.1 → 2.2, shap none → 0.46",
            f"since {found.since and found.since.prefix} the same code shows something else: run 1",
            "metrics",
            "f1 0.5",
            "parameters",
            "lr 0.1",
            "stage code hash status duration code",
            "errors",
            "2 ValueError: no rows",
            "random numbers",
            "1 python seeded, state dddddddd",
            "2 numpy unseeded, state eeeeeeee",
            "files read",
            f"1 in.csv {'1' * 12} 4 kB",
            "events",
            "2 randomness numpy: drew from a generator that was not seeded in this trial",
        )
    ]
    assert places == sorted(places)


def test_as_data(found: TrialDetail) -> None:
    shown = data(found)
    assert (shown["metrics"], shown["parameters"]) == ({"f1": 0.5}, {"lr": 0.1})
    assert [each["path"] for each in shown["inputs"]] == ["in.csv"]
    assert shown["since"]["packages"]["numpy"] == ["2.1", "2.2"]
