"""What a value came from, and what was made from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from peewee import Database

from provenance_kernel.errors import SettingError
from provenance_kernel.trials.lineage.lineage import CALLS_PER_RUN, MAY, Lineage, lineage_of
from trials.slicing.test_slice import record

CELLS = (
    "# stage: data reading\nfrom pathlib import Path\n_ = Path('in.txt').write_text('3')",
    "# stage: data reading\nbase = int(open('in.txt').read())\nother = 1",
    "# stage: feature engineering\ndef grow(x, by):\n    return x + by\nwide = grow(base, by=4)",
    "# stage: metrics evaluation\n# metric: score\nscore = wide * 2",
    "unrelated = other + 1",
    "report = f'{score}'",
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with closing(record(tmp_path_factory.mktemp("trial"), CELLS)) as database:
        yield database


def labels(found: Lineage, kind: str) -> set[str]:
    return {node.label for node in found.nodes if node.kind == kind}


def test_runs_names_calls_and_files_are_followed_back(recorded: Database) -> None:
    found = lineage_of(recorded, "wide")
    assert {"base", "score", "report"} <= labels(found, "variable")
    assert "unrelated" not in labels(found, "variable")
    assert "in.txt" in labels(found, "file")
    calls = {node.label: node.detail for node in found.nodes if node.kind == "call"}
    assert calls["__main__.grow"] == "x=3, by=4"
    assert labels(found, "tracked") == {"metric score"}


def test_sides_tell_what_came_before_from_what_came_after(recorded: Database) -> None:
    found = lineage_of(recorded, "score")
    sides = {node.label: node.side for node in found.nodes if node.kind in ("variable", "value")}
    assert sides == {
        "score": "target",
        "wide": "source",
        "base": "source",
        "report": "result",
    }


def test_each_edge_joins_nodes_that_are_there(recorded: Database) -> None:
    found = lineage_of(recorded, "base")
    ids = {node.id for node in found.nodes}
    assert {end for edge in found.edges for end in (edge.source, edge.target)} <= ids
    assert found.root in ids


def test_stages_are_named(recorded: Database) -> None:
    found = lineage_of(recorded, "score")
    assert found.stages == ("data_reading", "feature_engineering", "metrics_evaluation")
    run = next(node for node in found.nodes if node.id == "run:3")
    assert (run.stage, run.label) == ("feature_engineering", "run 3 (feature_engineering)")


def test_a_large_graph_is_folded_by_stage(recorded: Database) -> None:
    whole = len(lineage_of(recorded, "score").nodes)
    found = lineage_of(recorded, "score", bound=5)
    assert found.folded is not None
    assert found.folded <= whole
    stages = {node.stage for node in found.nodes if node.kind == "stage"}
    assert {"data_reading", "feature_engineering"} <= stages
    ids = {node.id for node in found.nodes}
    assert {end for edge in found.edges for end in (edge.source, edge.target)} <= ids


def test_an_unknown_name_is_answered_with_the_closest(recorded: Database) -> None:
    with pytest.raises(SettingError, match="did you mean score"):
        lineage_of(recorded, "scoer")


def test_it_is_plain_in_json(recorded: Database) -> None:
    told = lineage_of(recorded, "score").to_dict()
    assert told["name"] == "score"
    assert {"id", "kind", "label", "side", "stage", "position", "detail", "digest"} == set(
        told["nodes"][0]
    )


def test_a_run_shows_the_statements_that_made_what_is_followed(recorded: Database) -> None:
    found = lineage_of(recorded, "score")
    details = {node.position: node.detail for node in found.nodes if node.kind == "run"}
    assert details[2] == "base = int(open('in.txt').read())"
    assert details[3] == "wide = grow(base, by=4)"


def test_of_many_calls_the_rest_is_counted_and_a_written_file_is_a_result(tmp_path: Path) -> None:
    calls = "\n".join(f"x = abs({number})" for number in range(CALLS_PER_RUN + 3))
    cells = (f"x = 0\n{calls}\nwith open('out.txt', 'w') as file: file.write('a')", "y = x")
    with closing(record(tmp_path / "trial", cells)) as database:
        found = lineage_of(database, "y")
    assert re.fullmatch(r"[3-6] more calls", *(labels(found, "call") - {"builtins.abs"}))
    wrote = [(edge.source, edge.target) for edge in found.edges if edge.label == "wrote"]
    assert wrote == [("run:1", "file:out.txt")]


def test_a_run_in_ipythons_syntax_shows_its_first_line(tmp_path: Path) -> None:
    with closing(record(tmp_path / "trial", ("%%time\nx = 1", "y = x"))) as database:
        found = lineage_of(database, "y")
    assert {node.position: node.detail for node in found.nodes if node.kind == "run"} == {
        1: "%%time",
        2: "y = x",
    }


def test_a_graph_of_too_many_files_is_folded_to_its_stages(recorded: Database) -> None:
    found = lineage_of(recorded, "score", bound=1)
    assert {node.kind for node in found.nodes} == {"value", "stage"}


OPAQUE = {
    "rows": (
        "import sqlite3\nc = sqlite3.connect(':memory:')\nc.execute('create table t(a)')",
        "c.execute('insert into t values (1)')",
        "other = c",
        "rows = c.execute('select * from t').fetchall()",
    ),
    "held": ("import ctypes\na = (ctypes.c_int * 3)(1, 2, 3)", "a[0] = 9", "b = 1", "held = a[0]"),
    "left": ("it = (n for n in range(9))", "first = next(it)", "b = 1", "left = list(it)"),
}


@pytest.mark.parametrize("name", OPAQUE)
def test_an_opaque_value_may_have_been_changed_where_it_was_used(name: str, tmp_path: Path) -> None:
    with closing(record(tmp_path / "trial", OPAQUE[name])) as database:
        found = lineage_of(database, name)
        rows = database.execute_sql("SELECT evidence, variable FROM dependency").fetchall()
    runs = {node.position: node.label for node in found.nodes if node.kind == "run"}
    assert {1, 2, 4} <= runs.keys()
    assert {node.position for node in found.nodes if node.detail == MAY} >= {2}
    assert {evidence for evidence, _ in rows} == {"observed", "inferred"}
    assert {variable for evidence, variable in rows if evidence == "inferred"} <= {"c", "a", "it"}
