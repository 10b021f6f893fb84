"""Results as a leaderboard: what stands in a line, the order, conditions, groups, columns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from peewee import Database

from benchmarks.many_trials import Shape, make
from provenance_kernel.errors import SettingError
from provenance_kernel.records import ResultParameter, TrackedValue, new_id
from provenance_kernel.store.store import Store
from provenance_kernel.trials.query import naming, series
from provenance_kernel.trials.query.filters import Filters
from provenance_kernel.trials.query.results import Results, results
from store.samples import a_code, a_run, a_trial, minutes
from support.databases import DEFAULT


class Made:
    """A trial's records, run by run."""

    def __init__(self, at: int, notebook: str = "/home/ada/fraud.ipynb") -> None:
        self.trial = a_trial(started_at=minutes(at), notebook=notebook)
        self.records: list[object] = [self.trial, a_code()]
        self.position = 0

    def run(self) -> None:
        self.position += 1
        self.last = a_run(self.trial, position=self.position)
        self.records.append(self.last)

    def value(self, role: Any, name: str, value: Any, **more: Any) -> str:
        number = value if isinstance(value, int | float) else None
        of = self.trial.id, self.last.id, None
        row = TrackedValue(new_id(), *of, name, role, value, number, **more)
        self.records.append(row)
        return row.id

    def metric(self, name: str, value: Any, *parameters: str, **more: Any) -> None:
        row = self.value("metric", name, value, **more)
        self.records += [ResultParameter(row, each) for each in parameters]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Two settings of one session, and a trial of another notebook with a series."""
    one = Made(1)
    for lr, f1, auc in ((0.1, 0.5, 0.6), (0.2, 0.9, 0.8)):
        one.run()
        row, kind = one.value("parameter", "lr", lr), one.value("parameter", "kind", "forest")
        one.run()
        one.metric("f1", f1, row, kind)
        one.run()
        one.metric("auc", auc, kind, row)
    two = Made(2, "/home/ada/other.ipynb")
    two.run()
    row, kind = two.value("parameter", "lr", 0.2), two.value("parameter", "kind", "tree")
    two.metric("f1", 0.7, row, kind)
    for step in range(3):
        two.metric("loss", 1 / (step + 1), *([row] if step == 2 else []), step=step, series="s")
    with closing(Store(tmp_path / DEFAULT)) as store:
        store.put([*one.records, *two.records])
    with closing(naming.open_database(None, tmp_path)) as opened:
        yield opened


def shown(answer: Results) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(dict(each.metrics), dict(each.parameters)) for each in answer.results]


FOREST = [
    ({"f1": 0.9, "auc": 0.8}, {"lr": 0.2, "kind": "forest"}),
    ({"f1": 0.5, "auc": 0.6}, {"lr": 0.1, "kind": "forest"}),
]
TREE = ({"f1": 0.7, "loss": 1 / 3}, {"lr": 0.2, "kind": "tree"})


@pytest.mark.parametrize("limit", [None, 20])
def test_metrics_of_the_same_settings_are_one_line(database: Database, limit: int | None) -> None:
    answer = results(database, limit=limit)
    assert shown(answer) == [TREE, *FOREST]
    assert [each.position for each in answer.results] == [1, 6, 3]
    assert answer.metrics == ("f1", "loss", "auc")
    assert (answer.parameters, dict(answer.same)) == (("lr", "kind"), {})


def test_what_does_not_vary_is_told_once(database: Database) -> None:
    answer = results(database, ["auc"])
    assert (answer.parameters, dict(answer.same)) == (("lr",), {"kind": "forest"})
    assert results(database, ["auc"], everything=True).parameters == ("lr", "kind")


@pytest.mark.parametrize(
    ("options", "f1"),
    [
        ({}, [0.7, 0.9, 0.5]),
        ({"limit": 2}, [0.7, 0.9]),
        ({"sort": "f1"}, [0.9, 0.7, 0.5]),
        ({"sort": "f1", "ascending": True}, [0.5, 0.7, 0.9]),
        ({"sort": "auc"}, [0.9, 0.5, 0.7]),
        ({"sort": "kind"}, [0.7, 0.9, 0.5]),
        ({"sort": "f1", "per": "kind"}, [0.9, 0.7]),
        ({"sort": "f1", "per": "lr", "ascending": True}, [0.5, 0.7]),
        ({"sort": "f1", "per": "trial", "limit": 1}, [0.9]),
        ({"sort": "f1", "per": "notebook"}, [0.9, 0.7]),
        ({"filters": Filters(where="lr = 0.2 and f1 < 0.8")}, [0.7]),
        ({"filters": Filters(where="kind = 'forest'")}, [0.9, 0.5]),
        ({"filters": Filters(notebook="other")}, [0.7]),
        ({"metrics": ["loss"]}, [0.7]),
    ],
    ids=str,
)
def test_which_and_in_what_order(
    database: Database, options: dict[str, Any], f1: list[float]
) -> None:
    assert [each.metrics["f1"] for each in results(database, **options).results] == f1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["f2"]}, "f2: no metric has that name; did you mean f1"),
        ({"sort": "dept"}, "dept: no result's value has that name"),
        ({"filters": Filters(where="lrr > 1")}, "lrr: no result's value has that name; did you"),
    ],
)
def test_names_that_are_not_there(
    database: Database, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingError) as error:
        results(database, **options)
    assert message in str(error.value)


def test_a_plot_pairs_each_result_with_its_own_setting(database: Database) -> None:
    drawn = series.against(database, "lr", "f1")
    assert [(each.value, each.number) for each in drawn.pairs] == [
        (0.1, 0.5),
        (0.2, 0.9),
        (0.2, 0.7),
    ]
    assert [each.prefix.partition("@")[2] for each in drawn.pairs] == ["3", "6", "1"]


def test_many_pairs_are_those_of_the_leaderboard(many: Database) -> None:
    every = reversed(results(many).results)
    drawn = series.against(many, "n_estimators", "roc_auc")
    assert [(each.trial, each.value, each.number) for each in drawn.pairs] == [
        (each.trial_id, each.parameters["n_estimators"], each.metrics["roc_auc"]) for each in every
    ]


def test_what_has_steps_is_drawn_as_curves(database: Database) -> None:
    drawn = series.over_trials(database, "loss")
    assert isinstance(drawn, series.Curves)
    assert [each.points for each in drawn.curves] == [((0, 1.0), (1, 0.5), (2, 1 / 3))]
    assert isinstance(series.over_trials(database, "f1"), series.Course)


@pytest.mark.parametrize("ascending", [False, True])
def test_the_first_by_a_metric_are_found_without_reading_all(
    tmp_path: Path, ascending: bool
) -> None:
    made = [Made(at) for at in range(40)]
    for at, trial in enumerate(made):
        for step in range(3):
            trial.run()
            row = trial.value("parameter", "lr", step)
            # Some are missing, and of a series the last counts, which is never the best.
            trial.metric("f1", None if at % 9 == 8 else (at * 7 + step * 13) % 101, row)
            for number in (500.0, -500.0, float(at)):
                trial.metric("f1", number, row, step=number, series=f"{at}.{step}")
    with closing(Store(tmp_path / DEFAULT)) as store:
        store.put([record for trial in made for record in trial.records])
    with closing(naming.open_database(None, tmp_path)) as database:
        every = results(database, sort="f1", ascending=ascending)
        for limit in (1, 5, 20):
            found = results(database, sort="f1", ascending=ascending, limit=limit)
            assert [each.values for each in found.results] == [
                each.values for each in every.results[:limit]
            ]
            assert found.more
        assert found.total is None or limit > 1


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Three results, of three metrics each, in each of 400 trials."""
    path = tmp_path_factory.mktemp("many") / "many.db"
    make(path, 400, Shape(runs=9, calls=1, results=3))
    with closing(naming.open_database(str(path), path.parent)) as opened:
        yield opened


def steps(database: Any, options: dict[str, Any]) -> tuple[Results, int]:
    """Return the answer, and how many times hundred steps SQLite took for it."""
    taken: list[None] = []
    database.connection().set_progress_handler(lambda: taken.append(None), 100)
    return results(database, **options), len(taken)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metrics": ["roc_auc"]},
        {"filters": Filters(notebook="3_trial")},
        {"filters": Filters(where="f1 > 0.85 and test_size = 0.2")},
        {"filters": Filters(where="0.99 < f1 and not test_size = 0.2")},
        {"sort": "f1"},
        {"sort": "f1", "ascending": True, "filters": Filters(where="n_estimators <= 200")},
        {"sort": "test_size"},
        {"sort": "n_estimators", "per": "trial", "filters": Filters(where="f1 > 0.9")},
        {"sort": "f1", "per": "notebook"},
    ],
    ids=str,
)
def test_a_few_results_are_found_without_reading_all(
    many: Database, options: dict[str, Any]
) -> None:
    _, all_steps = steps(many, {})
    every = results(many, **options)
    few, few_steps = steps(many, options | {"limit": 10})
    assert few.results == every.results[:10]
    assert few.more == (every.total > 10)
    assert few_steps < all_steps / 2


@pytest.mark.parametrize("limit", [2, 10])
@pytest.mark.parametrize("where", [None, "n_estimators > 100", "test_size > 1", "f1 > 0.9995"])
def test_the_first_of_each_value_is_as_among_all(
    many: Database, where: str | None, limit: int
) -> None:
    options: dict[str, Any] = {"sort": "roc_auc", "per": "test_size"}
    every = results(many, filters=Filters(where=where), **options)
    few = results(many, filters=Filters(where=where), limit=limit, **options)
    assert few.results == every.results[:limit]
    assert few.more == (len(every.results) > limit)


def test_long_ties_are_kept_in_order(tmp_path: Path) -> None:
    made = [Made(at) for at in range(300)]
    for trial in made:
        trial.run()
        for _ in range(10):
            trial.metric("accuracy", 1.0, trial.value("parameter", "lr", 1))
    with closing(Store(tmp_path / DEFAULT)) as store:
        store.put([record for trial in made for record in trial.records])
    with closing(naming.open_database(None, tmp_path)) as database:
        every = results(database, sort="accuracy")
        found = results(database, sort="accuracy", limit=2)
        assert (every.total, found.more) == (3000, True)
        assert found.results == every.results[:2]
        assert {each.trial_id for each in found.results} == {made[-1].trial.id}
