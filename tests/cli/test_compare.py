"""`jupyter provenance compare`: what it prints, and what it says to mistakes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import Result

from cli.conftest import NEW, OLD, Record
from provenance_kernel.records import TrackedValue, new_id
from store.samples import a_code, a_run, a_session, a_tag, a_trial, an_activation, minutes

Ask = Callable[..., Result]


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


@pytest.fixture
def pair(record: Record) -> None:
    """Two finished trials of one notebook with another `lr`, argument and metric."""
    for number, (id_, lr, auc) in enumerate(((OLD, 0.1, 0.8), (NEW, 0.2, 0.9))):
        trial = a_trial(id=id_, status="finished", started_at=minutes(number))
        setting = a_run(trial, f"lr = {lr}", position=1, cell_id="p")
        fit = a_run(trial, "fit(lr)", position=2, cell_id="f")
        root = an_activation(fit)
        record(
            [
                trial,
                *(a_code(f"lr = {lr}"), a_code("fit(lr)"), setting, fit, root),
                an_activation(
                    fit, parent_id=root.id, name="my.fit", arguments={"lr": str(lr), "x": "<X>"}
                ),
                a_tag(fit, "scoring", root),
                TrackedValue(new_id(), id_, setting.id, None, "lr", "parameter", lr, lr),
                TrackedValue(new_id(), id_, fit.id, None, "auc", "metric", auc, auc),
            ]
        )


@pytest.mark.usefixtures("pair")
def test_compare_shows_differences_by_stage(ask: Ask) -> None:
    result = ask("compare", "latest~1", "latest")
    assert lines(result.output) == [
        "a  019a0000  2026-03-01 12:00:00  fraud.ipynb",
        "b  019b0000  2026-03-01 12:01:00  fraud.ipynb",
        "",
        "metrics",
        "         a    b  change",
        "  auc  0.8  0.9    +0.1  +12.5%",
        "  auc diverges first at run 2 scoring",
        "    fit(lr)",
        "    by arguments: lr 0.1 → 0.2",
        "",
        "parameters",
        "      a    b",
        "  lr  0.1  0.2",
        "",
        "no stage",
        "  1  lr = 0.2",
        "    -lr = 0.1",
        "    +lr = 0.2",
        "",
        "scoring",
        "  2  fit(lr)",
        "    fit(lr)  0.1  → 0.2",
    ]
    assert result.exit_code == 0


@pytest.mark.usefixtures("pair")
def test_compare_writes_a_page(ask: Ask, tmp_path: Path) -> None:
    assert ask("compare", OLD, NEW, "--output", str(tmp_path / "c.html")).exit_code == 0
    page = (tmp_path / "c.html").read_text()
    assert "<td><pre>lr = 0.1</pre></td><td><pre>lr = 0.2</pre></td>" in page
    several = ask("compare", OLD, NEW, OLD, "--output", str(tmp_path / "d.html"))
    assert several.exit_code == 0
    assert "base 019a0000" in (tmp_path / "d.html").read_text()


@pytest.mark.usefixtures("pair")
def test_compare_with_itself(ask: Ask) -> None:
    assert lines(ask("compare", "latest", "latest").output)[2:] == [
        "nothing that was recorded differs"
    ]
    assert "fit(x)   <X>  → <X>" in ask("compare", "latest", "latest", "--all").output


@pytest.mark.usefixtures("pair")
def test_compare_as_data(ask: Ask) -> None:
    answer = json.loads(ask("compare", OLD, NEW, "--json").stdout)
    assert (answer["a"]["id"], answer["b"]["id"]) == (OLD, NEW)
    assert answer["parameters"] == [{"name": "lr", "a": 0.1, "b": 0.2, "in_a": True, "in_b": True}]
    rows = list(csv.DictReader(io.StringIO(ask("compare", OLD, NEW, "--csv").stdout)))
    assert [(row["what"], row["name"], row["a"], row["b"]) for row in rows] == [
        ("metric", "auc", "0.8", "0.9"),
        ("parameter", "lr", "0.1", "0.2"),
        ("code", "lr = 0.2", "lr = 0.1", "lr = 0.2"),
        ("argument", "my.fit(lr)", "0.1", "0.2"),
    ]


@pytest.mark.usefixtures("pair")
def test_compare_many_against_the_first(ask: Ask) -> None:
    shown = lines(ask("compare", "latest", "latest~1", "latest").output)
    assert shown[:8] == [
        "base  019b0000  2026-03-01 12:01:00  fraud.ipynb",
        "",
        "metrics",
        "       base 019b0000  019a0000  019b0000",
        "  auc            0.9       0.8         =",
        "",
        "parameters",
        "      base 019b0000  019a0000  019b0000",
    ]
    assert "its cells, environment and packages are the same" in shown
    rows = list(csv.DictReader(io.StringIO(ask("compare", NEW, OLD, NEW, "--csv").stdout)))
    assert {row["trial"] for row in rows} == {OLD}


@pytest.mark.usefixtures("pair")
def test_mistakes(ask: Ask) -> None:
    one = ask("compare", "latest")
    assert (
        one.exit_code,
        "two trials or more, such as: compare latest~1 latest" in one.stderr,
    ) == (
        2,
        True,
    )
    unknown = ask("compare", "latest", "019c")
    assert unknown.exit_code == 2
    assert "no such trial" in unknown.stderr


def test_a_comparison_for_a_pipe_is_not_cut(
    record: Record, jupyter: Callable[..., CompletedProcess[str]]
) -> None:
    long = "x" * 300
    for id_ in (OLD, NEW):
        record(a_session(("", f"{long} = '{id_}'", "ok"), id=id_, status="finished"))
    done = jupyter("compare", OLD, NEW)
    assert done.stderr == ""
    assert f"    -{long} = '{OLD}'" in done.stdout
