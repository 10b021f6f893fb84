"""What differs between trials: on small records, and on the fraud notebooks as they run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from peewee import Database

from provenance_kernel.display import registry
from provenance_kernel.records import (
    CellRun,
    Dependency,
    Environment,
    FileAccess,
    Package,
    RandomState,
    TrackedValue,
    Trial,
    Variable,
    new_id,
)
from provenance_kernel.store.store import Store
from provenance_kernel.trials.compare.compare import CellChange, Comparison, compare, compare_many
from provenance_kernel.trials.compare.differences import is_setting, same_value
from provenance_kernel.trials.query import naming as query
from store.samples import a_code, a_run, a_tag, a_trial, an_activation, an_event, minutes
from support.databases import DEFAULT

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
Compare = Callable[..., Comparison]


class Session:
    """A trial whose cells are added one by one, as a kernel would have recorded them."""

    def __init__(self, **values: Any) -> None:
        self.trial: Trial = a_trial(status="finished", **values)
        self.records: list[object] = [self.trial]
        self.left: dict[str, CellRun] = {}
        self.count = 0

    def run(
        self,
        source: str,
        *,
        stage: str = "",
        reads: str = "",
        calls: Sequence[tuple[str, dict[str, str]]] = (),
        metrics: dict[str, float] | None = None,
        parameters: dict[str, Any] | None = None,
        cell_id: str | None = None,
        status: str = "ok",
        output: str | None = None,
        **left: str | None,
    ) -> CellRun:
        """Add a run that left names with these digests."""
        self.count += 1
        of_run = {"cell_id": cell_id, "status": status, "output_digest": output}
        run = a_run(self.trial, source, position=self.count, **of_run)
        root = an_activation(run)
        self.records += [a_code(source), run, root]
        self.records += [a_tag(run, stage, root)] if stage else []
        self.records += [
            an_activation(run, parent_id=root.id, name=name, arguments=arguments)
            for name, arguments in calls
        ]
        for role, values in (("metric", metrics), ("parameter", parameters)):
            for name, value in (values or {}).items():
                number = float(value) if isinstance(value, int | float) else None
                self.records.append(
                    TrackedValue(
                        new_id(),
                        self.trial.id,
                        run.id,
                        root.id,
                        name,
                        role,
                        value,
                        number,  # type: ignore[arg-type]
                    )
                )
                left.setdefault(name, str(value))
        for name in reads.split():
            self.records.append(Dependency(new_id(), run.id, self.left[name].id, name))
        for name, digest in left.items():
            exactness = "opaque" if digest is None else "exact"
            self.records.append(
                Variable(new_id(), run.id, name, "write", "T", "<T object>", digest, exactness)  # type: ignore[arg-type]
            )
            self.left[name] = run
        return run

    def add(self, *records: object) -> None:
        self.records += records


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Callable[..., Database]]:
    opened = []

    def database(*sessions: Session) -> Database:
        with closing(Store(tmp_path / DEFAULT)) as store:
            for session in sessions:
                store.put(session.records)
        opened.append(query.open_database(None, tmp_path))
        return opened[-1]

    yield database
    for each in opened:
        each.close()


@pytest.fixture
def differ(database: Callable[..., Database]) -> Compare:
    def differ(a: Session, b: Session, everything: bool = False) -> Comparison:
        return compare(database(a, b), a.trial, b.trial, everything)

    return differ


def only_cell(answer: Comparison) -> CellChange:
    ((cell,),) = (stage.cells for stage in answer.stages)
    return cell


def a_session(**values: Any) -> Session:
    session = Session(**values)
    session.run("read()", stage="data_reading", data="d1")
    session.run(
        "m = fit(data)", stage="scoring", reads="data", calls=[("Fit", {"n": "100"})], m="m1"
    )
    session.run("f1 = score(m)", stage="metrics", reads="m", metrics={"f1": 0.5})
    return session


def test_the_same_twice_differs_in_nothing(differ: Compare) -> None:
    answer = differ(a_session(), a_session())
    assert (answer.metrics, answer.parameters, answer.stages) == ((), (), ())
    assert (answer.environment, answer.packages, answer.equal_cells) == ((), (), 3)


def test_everything_shows_what_is_equal(differ: Compare) -> None:
    answer = differ(a_session(), a_session(), everything=True)
    assert [each.stage for each in answer.stages] == ["data_reading", "scoring", "metrics"]
    assert answer.equal_cells == 0
    (metric,) = answer.metrics
    assert (metric.a, metric.b, metric.change, metric.divergence) == (0.5, 0.5, 0.0, None)
    (argument,) = answer.stages[1].cells[0].arguments
    assert (argument.call, argument.parameter, argument.a, argument.b) == ("Fit", "n", "100", "100")
    (variable,) = answer.stages[0].cells[0].variables
    assert (variable.name, variable.verdict, variable.exactness) == ("data", "equal", "exact")


def test_an_argument_that_nobody_tracked(differ: Compare) -> None:
    a, b = Session(), Session()
    for session, trees in ((a, "100"), (b, "300")):
        session.run(
            "fit()",
            calls=[
                ("forest.Forest", {"n_estimators": trees, "x": f"DataFrame({trees} rows)"}),
                ("builtins.print", {"*args": f"('{trees}',)"}),
            ],
        )
    (found,) = only_cell(differ(a, b)).arguments
    assert (found.call, found.parameter) == ("forest.Forest", "n_estimators")
    assert (found.a, found.b) == ("100", "300")


def test_calls_are_matched_where_one_was_added(differ: Compare) -> None:
    a, b = Session(), Session()
    a.run("f()", calls=[("f", {"x": "1"}), ("f", {"x": "2"}), ("g", {"y": "1"})])
    b.run("f()", calls=[("new", {}), ("f", {"x": "1"}), ("f", {"x": "2"}), ("g", {"y": "2"})])
    (found,) = only_cell(differ(a, b)).arguments
    assert (found.call, found.parameter, found.a, found.b) == ("g", "y", "1", "2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100", True),
        ("'sqrt'", True),
        ("None", True),
        ("(4, 4)", True),
        ("{'a': 1}", True),
        ("SVC(C=2.0)", True),
        ("function f1_score", True),
        ("class sklearn.svm._classes.SVC", True),
        ("0.30000000000000004", False),
        ("[0.8181818181818182]", False),
        ("0.0001", True),
        ("1e-12", True),
        ("<Model object>", False),
        ("array(shape=(16,), dtype=int64)", False),
        ("DataFrame(4000 rows \u00d7 30 columns)", False),
        ("Series(16, name='Class')", False),
        ("Pipeline(data=Series(16))", False),
        ("np.array([1, 2])", False),
        ("pd.DataFrame(3)", False),
        ("models['a'](C=2)", True),
        ("[1, 2, 3, 4, 5, 6, 7, 8, 9]", False),
        (str(dict.fromkeys(range(9))), False),
        ("'cut off…", False),
        ("", False),
        ("(" * 3000, False),
    ],
)
def test_which_arguments_are_settings(text: str, expected: bool) -> None:
    assert is_setting(text) is expected


def test_code_counts_where_it_means_something_else(differ: Compare) -> None:
    a, b = Session(), Session()
    a.run("# one\nx = 1\ny = 2", cell_id="c")
    b.run("# two\nx  =  1\ny = 2", cell_id="c")
    assert differ(a, b).stages == ()
    assert only_cell(differ(a, b, everything=True)).code == (
        "-# one",
        "-x = 1",
        "+# two",
        "+x  =  1",
    )
    c = Session()
    c.run("x = 1\ny = 3", cell_id="c")
    assert only_cell(differ(a, c)).code == ("-# one", "-y = 2", "+y = 3")


def test_repeats_status_and_cells_of_one_trial(differ: Compare) -> None:
    a, b = Session(), Session()
    a.run("x()", cell_id="x")
    a.run("gone(1)", cell_id="g", stage="old")
    b.run("x()", cell_id="x")
    b.run("x()", cell_id="x", status="error")
    answer = differ(a, b)
    x, gone = (cell for stage in answer.stages for cell in stage.cells)
    assert x.a is not None
    assert x.b is not None
    assert (x.a.runs, x.b.runs, x.a.status, x.b.status) == (1, 2, "ok", "error")
    assert gone.a is not None
    assert (gone.a.position, gone.b, gone.a.label) == (2, None, "gone(1)")
    assert [(row["what"], row["a"], row["b"]) for row in answer.rows()] == [
        ("status", "ok", "error"),
        ("runs", 1, 2),
        ("cell", 2, None),
    ]


def test_metrics_and_parameters(differ: Compare) -> None:
    a, b = Session(), Session()
    a.run("p", parameters={"lr": 0.1, "old": 1, "same": 2}, metrics={"auc": 0.8, "zero": 0.0})
    b.run("p", parameters={"lr": 0.2, "new": None, "same": 2}, metrics={"auc": 0.9, "zero": 1.0})
    answer = differ(a, b)
    auc, zero = answer.metrics
    assert auc.change == pytest.approx(0.1)
    assert auc.relative == pytest.approx(0.125)
    assert (zero.change, zero.relative) == (1.0, None)
    assert [(each.name, each.a, each.b, each.in_a, each.in_b) for each in answer.parameters] == [
        ("lr", 0.1, 0.2, True, True),
        ("old", 1, None, True, False),
        ("new", None, None, False, True),
    ]


def test_files_by_their_content(differ: Compare) -> None:
    a, b = Session(), Session()
    for session, digest in ((a, "1" * 32), (b, "2" * 32)):
        run = session.run("read()")
        session.add(
            FileAccess(new_id(), run.id, "same.csv", "r", "0" * 32, "0" * 32, 5, "opened"),
            FileAccess(new_id(), run.id, "data.csv", "r", digest, digest, 5, "opened"),
            FileAccess(new_id(), run.id, f"{digest}.tmp", "w", None, None, None, "opened"),
        )
    (found,) = only_cell(differ(a, b)).files
    assert (found.path, found.a, found.b) == ("data.csv", "1" * 32, "2" * 32)


def test_packages_and_environment(differ: Compare) -> None:
    a, b = a_session(environment_id="e1"), a_session(environment_id="e2")
    for session, name, python, version in ((a, "e1", "3.11.7", "1.4"), (b, "e2", "3.12.1", "1.5")):
        session.add(
            Environment(name, python, "CPython", "linux", {"variables": {"TZ": "UTC"}, "cores": 2}),
            Package(name, "numpy", "2.0"),
            Package(name, "scikit-learn", version),
        )
    answer = differ(a, b)
    assert [(each.name, each.a, each.b) for each in answer.packages] == [
        ("scikit-learn", "1.4", "1.5")
    ]
    assert [(each.name, each.a, each.b) for each in answer.environment] == [
        ("python", "3.11.7", "3.12.1")
    ]
    names = [each.name for each in differ(a, b, everything=True).environment]
    assert {"variables.TZ", "cores", "platform"} <= set(names)


def test_packages_that_one_trial_had_none_of(differ: Compare) -> None:
    a, b = a_session(environment_id="e1"), a_session(environment_id="e2")
    for session, name in ((a, "e1"), (b, "e2")):
        session.add(Environment(name, "3.12", "CPython", "linux", {}))
    b.add(Package("e2", "numpy", "2.0"))
    assert [each.name for each in differ(a, b).packages] == ["numpy"]
    unknown = a_session()
    assert differ(unknown, b).packages == differ(b, unknown).packages == ()


def test_unseeded_draws_count_where_they_left_something(differ: Compare) -> None:
    a, b = Session(), Session()
    for session, state in ((a, "1"), (b, "2")):
        for source, left in (("idle()", "0"), ("draw()", state)):
            run = session.run(source, x=left)
            session.add(
                RandomState(new_id(), run.id, "numpy", state * 32, (state + "f") * 16, None),
                an_event(
                    session.trial,
                    "numpy: drew from a generator that was not seeded in this trial",
                    cell_run_id=run.id,
                    kind="randomness",
                ),
            )
    cell = only_cell(differ(a, b))
    assert cell.b is not None
    assert cell.b.label == "draw()"
    (found,) = cell.randomness
    assert (found.a, found.b) == ("unseeded, state 11111111", "unseeded, state 22222222")


# -- what is known of values ----------------------------------------------------------------------

A = Variable("1", "r", "x", "write", "T", "<T object>", "a" * 32, "exact", 8, "(1,)")


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "equal"),
        ({"digest": "b" * 32}, "different"),
        ({"exactness": "sampled"}, "unknown"),
        ({"exactness": "sampled", "shape": "(2,)"}, "different"),
        ({"digest": None, "exactness": "opaque"}, "unknown"),
        ({"digest": None, "exactness": "opaque", "type": "U"}, "different"),
        ({"digest": None, "exactness": "opaque", "repr": "T(1)"}, "unknown"),
    ],
)
def test_what_is_said_of_two_values(change: dict[str, Any], verdict: str) -> None:
    assert same_value(A, replace(A, **change)) == verdict


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ("1", "1", "equal"),
        ("1", "2", "different"),
        ("T(1)", "T(2)", "different"),
        ("T(1)", "T(1)", "unknown"),
        ("module numpy", "module numpy", "equal"),
        ("'long…", "'long…", "unknown"),
        (None, "1", "unknown"),
    ],
)
def test_without_digests_literals_tell(a: str | None, b: str | None, verdict: str) -> None:
    bare = replace(A, digest=None, exactness="opaque")
    assert same_value(replace(bare, repr=a), replace(bare, repr=b)) == verdict


@pytest.mark.parametrize(
    ("a", "b", "status", "differs"),
    [("1", "2", "ok", True), ("1", None, "ok", True), ("1", "1", "ok", False),
     ("1", "2", "error", False)],
)  # fmt: skip
def test_what_a_cell_shows(
    differ: Compare, a: str | None, b: str | None, status: str, differs: bool
) -> None:
    sessions = Session(), Session()
    for session, shown, ended in zip(sessions, (a, b), ("ok", status), strict=True):
        session.run("print(x)", output=shown, status=ended)
    answer = differ(*sessions)
    rows = [(row["a"], row["b"]) for row in answer.rows() if row["what"] == "output"]
    assert rows == ([(a, b)] if differs else [])
    assert ("what it shows differs" in registry.text(answer)) == differs


# -- where results diverge ------------------------------------------------------------------------


def diverged(answer: Comparison) -> Any:
    (metric,) = answer.metrics
    assert metric.divergence is not None
    return metric.divergence


def test_results_diverge_where_code_differs_not_where_it_shows(differ: Compare) -> None:
    b = Session()
    b.run("read()", stage="data_reading", data="d1")
    b.run("m = fit(data, 2)", stage="scoring", reads="data", m="m2")
    b.run("f1 = score(m)", stage="metrics", reads="m", metrics={"f1": 0.6})
    found = diverged(differ(a_session(), b))
    assert (found.position_a, found.position_b, found.causes) == (2, 2, ("code",))
    assert (found.stages, found.variables, found.certain) == (("scoring",), ("m",), True)


def test_results_diverge_at_an_argument(differ: Compare) -> None:
    b = Session()
    b.run("read()", stage="data_reading", data="d1")
    b.run("m = fit(data)", reads="data", calls=[("Fit", {"n": "300"})], m="m2")
    b.run("f1 = score(m)", reads="m", metrics={"f1": 0.6})
    found = diverged(differ(a_session(), b))
    assert (found.position_b, found.causes, found.what) == (2, ("arguments",), ("n 100 → 300",))


def test_results_diverge_at_a_file(differ: Compare) -> None:
    a, b = Session(), Session()
    for session, digest in ((a, "1"), (b, "2")):
        run = session.run("read()", data=digest)
        session.add(FileAccess(new_id(), run.id, "d.csv", "rb", digest, digest, 1, "opened"))
        session.run("f1()", reads="data", metrics={"f1": float(digest)})
    found = diverged(differ(a, b))
    assert (found.position_b, found.causes, found.what) == (1, ("files",), ("d.csv",))


def drawn(session: Session, source: str, state: str, **left: str) -> None:
    """Add a run that drew, unseeded."""
    run = session.run(source, **left)
    told = "numpy: drew from a generator that was not seeded in this trial"
    session.add(
        RandomState(new_id(), run.id, "numpy", state * 32, (state + "f") * 16, None),
        an_event(session.trial, told, cell_run_id=run.id, kind="randomness"),
    )


def test_results_diverge_at_a_draw(differ: Compare) -> None:
    a, b = Session(), Session()
    for session, state in ((a, "1"), (b, "2")):
        drawn(session, "draw()", state, data=state)
        session.run("f1()", reads="data", metrics={"f1": float(state)})
    found = diverged(differ(a, b))
    assert (found.position_b, found.causes) == (1, ("randomness",))
    assert found.what == ("numpy: unseeded, state 11111111 → unseeded, state 22222222",)


def test_a_generator_that_was_made_without_a_seed_is_a_cause_too(differ: Compare) -> None:
    a, b = Session(), Session()
    told = "numpy.random.default_rng was called without a seed"
    for session, state in ((a, "1"), (b, "2")):
        run = session.run("draw()", data=state)
        session.add(an_event(session.trial, told, cell_run_id=run.id, kind="randomness"))
        session.run("f1()", reads="data", metrics={"f1": float(state)})
    found = diverged(differ(a, b))
    assert (found.position_b, found.causes, found.what) == (1, ("randomness",), (told,))


def test_what_only_one_trial_made_without_a_seed_is_said_of_it(differ: Compare) -> None:
    a, b = Session(), Session()
    told = "numpy.random.default_rng was called without a seed"
    for session, left in ((a, "1"), (b, "2")):
        run = session.run("draw()", data=left)
        if session is b:
            session.add(an_event(session.trial, told, cell_run_id=run.id, kind="randomness"))
    (found,) = only_cell(differ(a, b)).randomness
    assert (found.verdict, found.a, found.b) == ("different", None, told)


def test_results_diverge_where_nothing_but_the_packages_differs(differ: Compare) -> None:
    environments = [Environment(digit * 32, "3.12", "CPython", "linux", {}) for digit in "12"]
    a, b = (Session(environment_id=each.id) for each in environments)
    for session, each, digest in zip((a, b), environments, "12", strict=True):
        session.add(Package(each.id, "numpy", f"2.{digest}"))
        session.records.insert(0, each)
        session.run("now()", data=digest)
        session.run("f1()", reads="data", metrics={"f1": float(digest)})
    assert diverged(differ(a, b)).causes == ("packages",)


def test_results_diverge_where_nothing_recorded_tells_why(differ: Compare) -> None:
    a, b = Session(), Session()
    for session, digest in ((a, "1"), (b, "2")):
        session.run("now()", data=digest)
        session.run("f1()", reads="data", metrics={"f1": float(digest)})
    assert diverged(differ(a, b)).causes == ("unknown",)


def test_a_cell_off_the_way_to_the_metric_is_not_blamed(differ: Compare) -> None:
    a, b = Session(), Session()
    for session, digest in ((a, "1"), (b, "2")):
        session.run(f"picture({digest})", picture=digest, cell_id="p")
        session.run("data()", data=digest)
        session.run("f1()", reads="data", metrics={"f1": float(digest)})
    assert diverged(differ(a, b)).position_b == 2


def test_values_that_are_not_known_make_it_uncertain(differ: Compare) -> None:
    a, b = Session(), Session()
    for session, digest in ((a, "1"), (b, "2")):
        session.run("data()", data=None)
        session.run("f1()", reads="data", metrics={"f1": float(digest)})
    found = diverged(differ(a, b))
    assert (found.position_b, found.certain) == (2, False)


def test_an_injected_cell_that_only_one_trial_has(differ: Compare) -> None:
    a, b = Session(), Session()
    a.run("n = 1", n="1")
    b.run("n = 1", n="1")
    b.run("# Parameters\nn = 5", n="5")
    for session, value in ((a, 0.1), (b, 0.2)):
        session.run("f1(n)", reads="n", metrics={"f1": value})
    found = diverged(differ(a, b))
    assert (found.position_a, found.position_b, found.causes) == (None, 2, ("presence",))


def test_a_swap_is_an_order(differ: Compare) -> None:
    a, b = Session(), Session()
    for session, order in ((a, "pq"), (b, "qp")):
        session.run("x = read()", x="0")
        seen = ""
        for step in order:
            seen += step
            session.run(f"x = {step}(x)", reads="x", x=seen)
        session.run("f1(x)", reads="x", metrics={"f1": float(len(seen) + (order == "pq"))})
    answer = differ(a, b)
    found = diverged(answer)
    assert found.causes == ("order",)
    assert (found.position_a, found.position_b) == (3, 2)
    assert [cell.moved for stage in answer.stages for cell in stage.cells].count(True) == 1
    moves = [(row["name"], row["a"], row["b"]) for row in answer.rows() if row["what"] == "order"]
    assert moves in ([("x = p(x)", 2, 3)], [("x = q(x)", 3, 2)])


# -- shapes ---------------------------------------------------------------------------------------


def test_many_against_one(database: Callable[..., Database]) -> None:
    a, b, c = a_session(), a_session(), Session(started_at=minutes(2))
    c.run("f1 = 1", metrics={"f1": 0.75})
    answer = compare_many(database(a, b, c), a.trial, [b.trial, c.trial])
    assert answer.base.id == a.trial.id
    assert [each.b.id for each in answer.comparisons] == [b.trial.id, c.trial.id]
    assert [len(each.metrics) for each in answer.comparisons] == [0, 1]
    assert {row["trial"] for row in answer.rows()} == {c.trial.id}
    assert set(answer.to_frame()["trial"]) == {c.trial.id}


def test_an_answer_is_plain_and_tabular(differ: Compare) -> None:
    b = Session()
    b.run("m = fit(data, 2)", stage="scoring", m="m2", status="error")
    b.run("f1 = score(m)", reads="m", metrics={"f1": 0.6})
    answer = differ(a_session(), b)
    assert json.loads(json.dumps(answer.to_dict()))["metrics"][0]["b"] == 0.6
    whats = [row["what"] for row in answer.rows()]
    assert {"metric", "cell", "code", "status", "variable"} <= set(whats)
    assert list(answer.to_frame().columns) == ["what", "where", "name", "a", "b"]


# -- the fraud notebooks --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fraud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, list[Trial]]]:
    """Trials 1, 2 and 4 of the fraud use case, on 4000 rows."""
    folder = tmp_path_factory.mktemp("fraud")
    for path in NOTEBOOKS.glob("*.*"):
        if path.is_file():
            shutil.copy(path, folder)
    command = Path(sys.executable).with_name("jupyter-provenance")
    for number in (1, 2, 4):
        (notebook,) = folder.glob(f"{number}_*.ipynb")
        subprocess.run(
            [command, "run", notebook, "-p", "rows", "4000"],
            cwd=folder,
            check=True,
            capture_output=True,
        )
    with closing(query.open_database(None, folder)) as database:
        yield database, [query.find_trial(database, f"latest~{back}") for back in (2, 1, 0)]


def by_label(answer: Comparison) -> dict[str, CellChange]:
    return {
        (cell.b or cell.a).label: cell  # type: ignore[union-attr]
        for stage in answer.stages
        for cell in stage.cells
    }


@pytest.mark.slow
def test_fraud_trials_1_and_2_differ_in_parameters(fraud: tuple[Database, list[Trial]]) -> None:
    database, (one, two, _) = fraud
    answer = compare(database, one, two)
    assert {each.name: (each.a, each.b) for each in answer.parameters if each.name[0] != "k"} == {
        "seed": (42, 7),
        "n_components": (10, 20),
        "test_size": (0.2, 0.3),
        "n_estimators": (100, 300),
    }
    cells = by_label(answer)
    assert not any(cell.moved for cell in cells.values())
    assert [label for label, cell in cells.items() if cell.code] == [
        "rows = 284_807  # transactions, about 0.17 % of them frauds"
    ]
    assert [label for label, cell in cells.items() if cell.b is None] == [
        'now_tag_cell("feature engineering")'
    ]
    arguments = {
        (each.call.rpartition(".")[2], each.parameter): (each.a, each.b)
        for cell in cells.values()
        for each in cell.arguments
    }
    assert arguments == {
        ("PCA", "n_components"): ("10", "20"),
        ("PCA", "random_state"): ("42", "7"),
        ("sample", "random_state"): ("42", "7"),
        ("train_test_split", "test_size"): ("0.2", "0.3"),
        ("train_test_split", "random_state"): ("42", "7"),
        ("RandomForestClassifier", "n_estimators"): ("100", "300"),
        ("RandomForestClassifier", "random_state"): ("42", "7"),
    }
    same = {"from pathlib import Path", "from make_data import write_data", "rows = 4000"}
    assert not same & cells.keys()
    assert (answer.environment, answer.packages) == ((), ())
    metrics = {each.name: each for each in answer.metrics}
    assert metrics.keys() <= {"f1", "roc_auc", "accuracy", "cost"}
    assert "cost" in metrics
    for each in metrics.values():
        assert isinstance(each.a, float)
        assert isinstance(each.b, float)
        assert each.change == pytest.approx(each.b - each.a)
        assert each.divergence is not None
        assert (each.divergence.position_a, each.divergence.position_b) == (2, 2)
        assert each.divergence.causes == ("parameter",)
        assert "n_components 10 → 20" in each.divergence.what


@pytest.mark.slow
def test_fraud_trials_1_and_4_differ_in_order_and_model(
    fraud: tuple[Database, list[Trial]],
) -> None:
    database, (one, _, four) = fraud
    answer = compare(database, one, four)
    assert {each.name for each in answer.parameters} == {
        "learning_rate",
        "kept_variance",
        "model.max_features",
    }
    cells = by_label(answer)
    moved = [cell for cell in cells.values() if cell.moved]
    assert len(moved) == 1
    assert moved[0].b is not None
    assert moved[0].b.cell_id in ("pca", "undersample")
    changed = {label: cell for label, cell in cells.items() if cell.code}
    assert {each.b.cell_id for each in changed.values() if each.b} == {
        "imports",
        "parameters",
        "train",
    }
    assert "-model = RandomForestClassifier(n_estimators=n_estimators, random_state=seed)" in (
        changed["model = GradientBoostingClassifier("].code
    )
    assert not any(cell.arguments for cell in cells.values() if not cell.code)
    assert {
        "frauds = labels[labels == 1]",
        "pca = PCA(n_components=n_components, random_state=seed)",
    } <= cells.keys()
    assert not {"from make_data import write_data", "rows = 4000"} & cells.keys()
    (found,) = {each.divergence for each in answer.metrics if each.divergence}
    assert found.causes == ("order",)
    assert found.stages == ("feature_engineering",)
    assert any("code" in each.causes for each in found.later), found.later


@pytest.mark.slow
def test_a_fraud_trial_does_not_differ_from_itself(fraud: tuple[Database, list[Trial]]) -> None:
    database, trials = fraud
    for trial in trials:
        answer = compare(database, trial, trial)
        assert (answer.metrics, answer.parameters, answer.stages) == ((), (), ())
