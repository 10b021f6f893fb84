"""What a cell's metadata and opening comments ask for, and that nothing in them can do harm."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance_kernel import stages
from provenance_kernel.stages import BadLabel, Directives, Stage, Tracked


@dataclass(frozen=True)
class Case:
    """A cell and what is read from it; stages as (name, origin[, label])."""

    source: str = ""
    metadata: object = None
    stages: list[tuple[str, ...]] = field(default_factory=list)
    tracked: list[str] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)
    parameters: bool = False


def ours(value: Any) -> dict[str, Any]:
    return {"provenance": {"stage": value}}


def tags(*values: Any) -> dict[str, Any]:
    return {"tags": list(values)}


CASES = [
    # Cells that ask for nothing.
    Case(""),
    Case("x = 1"),
    Case("# a comment"),
    Case("# stage"),
    Case("# stage data reading"),
    Case("stage: data"),
    Case("'# stage: data'"),
    Case("#"),
    Case("# TODO: tidy up"),
    Case("# state: of the art"),
    Case("# http://example.org/stage: x"),
    Case("# see stage: data"),
    Case("#%% stage: data"),
    # Comments.
    Case("# stage: data", stages=[("data", "comment")]),
    Case("#stage:data", stages=[("data", "comment")]),
    Case("##  stage  :  data", stages=[("data", "comment")]),
    Case("#\tstage\t:\tdata\t", stages=[("data", "comment")]),
    Case("    # stage: data\n    x = 1", stages=[("data", "comment")]),
    Case("# STAGE: Data", stages=[("data", "comment", "Data")]),
    Case("# Stage: data reading", stages=[("data_reading", "comment", "data reading")]),
    Case("# stage: Data-Reading", stages=[("data_reading", "comment", "Data-Reading")]),
    Case("# stage: data _- reading", stages=[("data_reading", "comment", "data _- reading")]),
    Case("# stage: __data__", stages=[("data", "comment", "__data__")]),
    Case("# stage: données", stages=[("données", "comment")]),
    Case("# stage: STRASSE", stages=[("strasse", "comment", "STRASSE")]),
    Case("# stage: Straße", stages=[("strasse", "comment", "Straße")]),
    Case("# stage: 特徴", stages=[("特徴", "comment")]),
    Case("# stage: a: b", stages=[("a:_b", "comment", "a: b")]),
    Case("# stage: <b>x</b>", stages=[("<b>x</b>", "comment")]),
    Case("# stage: a, b", stages=[("a", "comment"), ("b", "comment")]),
    Case("# stage: a\n# stage: b", stages=[("a", "comment"), ("b", "comment")]),
    Case("# stage: a, A, a", stages=[("a", "comment")]),
    Case(
        "# stage: data reading\n# stage: data-reading",
        stages=[("data_reading", "comment", "data reading")],
    ),
    Case("# Read it.\n# stage: data\nread()", stages=[("data", "comment")]),
    Case("\n\n# stage: data", stages=[("data", "comment")]),
    Case("# one\n\n# stage: data", stages=[("data", "comment")]),
    Case("# stage: data\r\nx = 1\r\n", stages=[("data", "comment")]),
    # Only the comments that open the cell count.
    Case("x = 1\n# stage: data"),
    Case("x = 1  # stage: data"),
    Case('"""doc"""\n# stage: data'),
    Case("import a\n# stage: data"),
    Case("# stage: a\nx = 1\n# stage: b", stages=[("a", "comment")]),
    # Magics.
    Case("%%time\n# stage: data\nx = 1", stages=[("data", "comment")]),
    Case("%%bash\n# stage: data\nls", stages=[("data", "comment")]),
    Case("# stage: a\n%%time\n# stage: b", stages=[("a", "comment")]),
    Case("%time x = 1\n# stage: data"),
    Case("!ls\n# stage: data"),
    # Metadata of our own.
    Case(
        metadata=ours("feature engineering"),
        stages=[("feature_engineering", "metadata", "feature engineering")],
    ),
    Case(metadata=ours(["a", "B"]), stages=[("a", "metadata"), ("b", "metadata", "B")]),
    Case(metadata=ours(("a",)), stages=[("a", "metadata")]),
    Case(metadata=ours("a, b"), stages=[("a,_b", "metadata", "a, b")]),
    Case(metadata=ours([])),
    Case(metadata={"provenance": {}}),
    Case(metadata={"provenance": None}),
    Case(metadata={}),
    Case(metadata={"stage": "data"}),
    Case(metadata=[ours("data")]),
    Case(metadata="provenance"),
    # Tags.
    Case(metadata=tags("stage:data"), stages=[("data", "metadata")]),
    Case(metadata=tags("stage=data"), stages=[("data", "metadata")]),
    Case(
        metadata=tags("stage-data-reading"), stages=[("data_reading", "metadata", "data-reading")]
    ),
    Case(metadata=tags("Stage: Data"), stages=[("data", "metadata", "Data")]),
    Case(metadata=tags(" stage:data "), stages=[("data", "metadata")]),
    Case(metadata=tags("stage:a", "stage:b"), stages=[("a", "metadata"), ("b", "metadata")]),
    Case(metadata=tags("stages", "backstage:x", "stage", "stage_a")),
    Case(metadata=tags(None, 1, {"stage": "a"}, ["stage:a"])),
    Case(metadata={"tags": "stage:data"}),
    Case(metadata={"tags": None}),
    Case(metadata=tags("parameters"), parameters=True),
    Case(
        metadata=tags("injected-parameters", "stage:a"), stages=[("a", "metadata")], parameters=True
    ),
    Case(metadata=tags("Parameters")),
    # Origins are kept apart, and repeats within one are dropped.
    Case(
        "# stage: data",
        {**ours("Data"), **tags("stage:data")},
        stages=[("data", "metadata", "Data"), ("data", "comment")],
    ),
    # Tracked values.
    Case("# track: lr", tracked=["lr"]),
    Case("# track: lr, epochs", tracked=["lr", "epochs"]),
    Case("# track: lr,", tracked=["lr"]),
    Case("# TRACK: model.max_depth", tracked=["model.max_depth"]),
    Case("# track: cfg[\"lr\"], cfg['b'][0].c", tracked=["cfg['lr']", "cfg['b'][0].c"]),
    Case("# track: losses[-1]", tracked=["losses[-1]"]),
    Case("# metric: auc, f1", metrics=["auc", "f1"]),
    Case("# metric: été", metrics=["été"]),
    Case(
        "# stage: scoring\n# track: lr\n# metric: auc\nfit()",
        tags("parameters"),
        stages=[("scoring", "comment")],
        tracked=["lr"],
        metrics=["auc"],
        parameters=True,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.source} {case.metadata or ''}")
def test_what_a_cell_asks_for(case: Case) -> None:
    found = stages.read(case.source, case.metadata)
    assert found == Directives(
        tuple(
            Stage(name, label[0] if label else name, origin) for name, origin, *label in case.stages
        ),
        tuple(
            [Tracked(each, "parameter") for each in case.tracked]
            + [Tracked(each, "metric") for each in case.metrics]
        ),
        case.parameters,
    )


EMPTY = "the stage has no name"
LIST = 'it should list names, as in: lr, model.depth, cfg["lr"]'
NO_STRING = "a stage is a string, or a list of strings"

PROBLEMS = [
    ("# stage:", None, f"{EMPTY}: # stage:"),
    ("  # Stage:  ", None, f"{EMPTY}: # Stage:"),
    ("# stage: a,", None, f"{EMPTY}: # stage: a,"),
    ("# stage: - _", None, f"{EMPTY}: # stage: - _"),
    ("# stgae: data", None, "unknown directive 'stgae'; did you mean 'stage'?: # stgae: data"),
    ("# Stages: a", None, "unknown directive 'stages'; did you mean 'stage'?: # Stages: a"),
    ("# tracks: lr", None, "unknown directive 'tracks'; did you mean 'track'?: # tracks: lr"),
    ("# metrics: f1", None, "unknown directive 'metrics'; did you mean 'metric'?: # metrics: f1"),
    ("# track:", None, f"{LIST}: # track:"),
    ("# track: lr epochs", None, f"{LIST}: # track: lr epochs"),
    ("# track: a], [b", None, f"{LIST}: # track: a], [b"),
    ("# track: a for a in b", None, f"{LIST}: # track: a for a in b"),
    ("# track: \ud800", None, f"{LIST}: # track: \ud800"),
    ("# track: \0", None, f"{LIST}: # track: \0"),
    ("# track: f(x)", None, "'f(x)' is no name, attribute or item: # track: f(x)"),
    ("# track: *a", None, "'*a' is no name, attribute or item: # track: *a"),
    ("# metric: 1", None, "'1' is no name, attribute or item: # metric: 1"),
    ("# track: a[b]", None, "'a[b]' is no name, attribute or item: # track: a[b]"),
    ("# track: a[1:]", None, "'a[1:]' is no name, attribute or item: # track: a[1:]"),
    ("# track: a[-b]", None, "'a[-b]' is no name, attribute or item: # track: a[-b]"),
    ("", ours(""), f"{EMPTY}: \"stage\": ''"),
    ("", ours(["a", " "]), f"{EMPTY}: \"stage\": ['a', ' ']"),
    ("", ours(None), f'{NO_STRING}: "stage": None'),
    ("", ours(7), f'{NO_STRING}: "stage": 7'),
    ("", ours({"a": 1}), f"{NO_STRING}: \"stage\": {{'a': 1}}"),
    ("", ours([["a"]]), f"{NO_STRING}: \"stage\": [['a']]"),
    ("", {"provenance": "data"}, 'it should be {"stage": NAME}: "provenance": \'data\''),
    ("", {"provenance": ["data"]}, 'it should be {"stage": NAME}: "provenance": [\'data\']'),
    (
        "",
        {"provenance": {"stgae": "data"}},
        "unknown key 'stgae'; known: stage: \"provenance\": {'stgae': 'data'}",
    ),
    ("", tags("stage:"), f"{EMPTY}: tag 'stage:'"),
    ("", tags("stage- "), f"{EMPTY}: tag 'stage- '"),
]


@pytest.mark.parametrize(("source", "metadata", "problem"), PROBLEMS)
def test_a_problem_quotes_what_is_wrong(source: str, metadata: object, problem: str) -> None:
    assert stages.read(source, metadata).problems == (problem,)


def test_a_bad_directive_spoils_no_good_one() -> None:
    found = stages.read("# stage: , a\n# track: f(), lr\n# stage: b")
    assert [each.name for each in found.stages] == ["a", "b"]
    assert [each.expression for each in found.tracked] == ["lr"]
    assert len(found.problems) == 2


def test_the_longest_label_is_kept_and_a_longer_one_is_quoted_in_part() -> None:
    longest = "x" * stages.LONGEST_LABEL
    assert stages.read(f"# stage: {longest}").stages[0].label == longest
    found = stages.read("# stage: " + "x" * 10_000)
    assert found.stages == ()
    assert found.problems == (
        "the stage's name has 10000 characters; at most 200 are kept: # stage: " + "x" * 70 + "…",
    )


def test_a_list_of_names_as_long_as_a_book_is_refused_unread() -> None:
    found = stages.read("# track: " + ", ".join(["name"] * 1000))
    assert found.tracked == ()
    assert found.problems[0].startswith("it should list names")


def test_a_long_expression_is_quoted_in_part() -> None:
    (problem,) = stages.read(f"# track: f('{'x' * 1500}')").problems
    assert len(problem) < 300


@pytest.mark.parametrize("label", ["", " ", "-", "_ -", "\n"])
def test_a_label_without_a_name_is_no_stage(label: str) -> None:
    with pytest.raises(BadLabel, match="no name"):
        stages.stage(label, "call")


def test_a_cell_magic_below_blank_lines_is_a_cell_magic_still() -> None:
    assert [each.name for each in stages.read("\n\n%%time\n# stage: data").stages] == ["data"]


def test_a_cell_magic_may_hold_another() -> None:
    assert [each.name for each in stages.read("%%time\n%%capture\n# stage: a").stages] == ["a"]


LARGE = 100_000_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of", "around"),
    [
        ("x", "# stage: {}"),
        (" ", "# stage: {}x"),
        ("-", "# stage: {}"),
        (",", "# stage: {}"),
        ("a, ", "# track: {}"),
        ("#", "{}"),
        (" ", "{}# stage: x"),
        ("# stage: a\n", "{}"),
        ("# track: f()\n", "{}"),
        ("\n", "{}"),
        ("x", "#{}"),
        ("%%a\n", "{}"),
        ("x\n", "{}"),
    ],
)
def test_a_cell_of_any_length_is_read_at_once(of: str, around: str) -> None:
    source = around.format(of * (LARGE // len(of)))
    began = time.process_time()
    found = stages.read(source)
    assert time.process_time() - began < 5
    assert sum(map(len, found.problems)) < 100_000


@pytest.mark.parametrize(
    "metadata",
    [
        ours("x" * LARGE),
        ours(["x" * LARGE]),
        ours({"x" * LARGE: "x"}),
        tags("stage:" + "x" * LARGE),
        {"provenance": "x" * LARGE},
        {"provenance": {"x" * LARGE: "x"}},
        ours(["", *map(str, range(1_000_000))]),
        ours([None] * 1_000_000),
        tags(*(f"stage:{each}" for each in range(1_000_000))),
        tags(*["stage:"] * 1_000_000),
        {"provenance": dict.fromkeys(map(str, range(1_000_000)))},
    ],
    ids=range(11),
)
def test_metadata_of_any_size_are_read_at_once(metadata: object) -> None:
    began = time.process_time()
    found = stages.read("", metadata)
    assert time.process_time() - began < 5
    assert found.problems
    assert all(len(each) < 300 for each in found.problems)
    assert len(found.problems) + len(found.stages) < 500


def test_what_is_wrong_beyond_measure_is_told_in_part() -> None:
    found = stages.read("# stage: a\n" + "# stage: -\n" * 1000)
    assert [each.name for each in found.stages] == ["a"]
    assert found.problems[-1] == "more is wrong with the cell's directives; the rest is not told"


def test_a_cell_has_a_bounded_number_of_stages() -> None:
    found = stages.read("# stage: " + ", ".join(map(str, range(201))))
    assert [each.name for each in found.stages] == [str(each) for each in range(200)]
    assert found.problems[0].startswith("a cell has at most 200 of them: # stage: 0, 1")


def test_a_label_of_any_length_is_refused_at_once() -> None:
    labels = ["x" * LARGE, "-" * LARGE, " " * LARGE, "é" * LARGE]
    began = time.process_time()
    for each in labels:
        with pytest.raises(BadLabel, match="at most 200"):
            stages.stage(each, "call")
    assert time.process_time() - began < 5


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("source", "metadata"),
    [
        ("# track: " + "[" * 900, None),
        ("# track: " + "(" * 150 + "a" + ")" * 150, None),
        ("# track: a" + ".b" * 900, None),
        ("# track: f(a" + ".b" * 900 + ")", None),
        ("# track: " + "-" * 1900 + "a", None),
        ("# track: a" + "[0]" * 600, None),
        ("# track: a[0x" + "f" * 1900 + "]", None),
        ("", ours(nested(100_000))),
        ("", {"provenance": nested(100_000)}),
        ("", {"tags": nested(100_000)}),
        ("", {"provenance": {"other": nested(100_000)}}),
    ],
    ids=range(11),
)
def test_nothing_is_nested_too_deeply(source: str, metadata: object) -> None:
    found = stages.read(source, metadata)
    assert isinstance(found, Directives)
    assert all(len(each) < 300 for each in found.problems)


any_text = st.text(st.characters(exclude_categories=()))
directive = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "\n", "%%time\n", " "]),
    st.sampled_from(["#", "# ", "##"]),
    st.sampled_from(["stage:", "track:", "metric:", "Stage :", "stages:", "metirc:"]),
    any_text,
    st.sampled_from(["", "\n# stage: x", "\nx = 1"]),
)
label = st.one_of(any_text, st.sampled_from(["a", " ", "x" * 300]))
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | label,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
metadata_like = st.one_of(
    json,
    st.fixed_dictionaries({}, optional={"provenance": json, "tags": json}),
    st.builds(ours, json),
    st.builds(tags, json, st.builds("stage{}{}".format, st.sampled_from(":=-_"), any_text)),
)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(st.one_of(any_text, directive), metadata_like)
def test_no_cell_and_no_metadata_makes_reading_raise(source: str, metadata: object) -> None:
    found = stages.read(source, metadata)
    for each in found.stages:
        assert each.name == stages.stage(each.name, each.origin).name
        assert 0 < len(each.label) <= stages.LONGEST_LABEL
    assert all(isinstance(each, str) and each for each in found.problems)
