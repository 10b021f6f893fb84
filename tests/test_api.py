"""The public functions, on trials that real kernels recorded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import provenance_kernel as pk
from provenance_kernel.errors import DatabaseUnavailable, ProvenanceError, TrialNotFound
from support.databases import DEFAULT, Archive
from support.recorded import SCORES, record

TRACKED = "import provenance_kernel as pk\npk.track(lr=0.1, name='a')\npk.metric(auc=0.9)"
ASKED = "print(pk.values('score').to_dict()['rows'][0]['number'])"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiment")
    record(folder, 3)
    record(folder, 5, after=[TRACKED])
    return folder / "work"


@pytest.fixture
def here(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(recorded)
    return recorded


@pytest.mark.usefixtures("here")
def test_trials_are_listed_the_latest_first() -> None:
    answer = pk.trials()
    assert [each.trial.status for each in answer.trials] == ["finished", "finished"]
    assert [each.trial.id for each in answer.trials] == [
        pk.trial("latest").trial.id,
        pk.trial("latest~1").trial.id,
    ]
    assert len(pk.trial("latest~1").runs) == 4
    assert list(answer.to_frame()["status"]) == ["finished", "finished"]


@pytest.mark.usefixtures("here")
def test_a_value_over_trials() -> None:
    assert [each.value for each in pk.values("score").rows] == [SCORES[5], SCORES[3]]
    assert [each.value for each in pk.values("factor").rows] == [5, 3]


@pytest.mark.usefixtures("here")
def test_two_trials_compared() -> None:
    shown = str(pk.compare("latest~1", "latest"))
    assert "factor" in shown
    assert "57" in shown
    assert "95" in shown


@pytest.mark.usefixtures("here")
def test_a_slice_computes_the_value_again() -> None:
    script = pk.slice("score", "latest~1").script()
    namespace: dict[str, object] = {}
    exec(script, namespace)
    assert namespace["score"] == SCORES[3]


@pytest.mark.usefixtures("here")
def test_lineage_names_what_a_value_came_from() -> None:
    shown = str(pk.lineage("score"))
    assert "scaled" in shown
    assert "factor" in shown


@pytest.mark.usefixtures("here")
def test_values_handed_over_in_a_cell() -> None:
    found = Archive(DEFAULT).rows("SELECT name, role, value FROM tracked_value ORDER BY id")
    assert [tuple(row.values()) for row in found][-3:] == [
        ("lr", "parameter", "0.1"),
        ("name", "parameter", '"a"'),
        ("auc", "metric", "0.9"),
    ]


@pytest.mark.parametrize("question", [pk.trial, pk.slice, pk.lineage, pk.values])
@pytest.mark.usefixtures("here")
def test_what_is_not_there_is_told(question: object) -> None:
    with pytest.raises(ProvenanceError, match="nothing_of_that_name"):
        question("nothing_of_that_name")  # type: ignore[operator]


@pytest.mark.usefixtures("here")
def test_an_unknown_trial() -> None:
    with pytest.raises(TrialNotFound, match="latest"):
        pk.compare("latest", "latest~9")


def test_without_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatabaseUnavailable, match="no provenance database"):
        pk.trials()


def test_the_database_that_the_environment_names(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROVENANCE_DATABASE", str(recorded / DEFAULT))
    assert len(pk.trials().trials) == 2


def test_nothing_is_recorded_where_nothing_records(capsys: pytest.CaptureFixture[str]) -> None:
    pk.track(lr=0.1)
    pk.metric(auc=0.9, f1=0.8)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" tracked where")[0] for line in lines] == [
        "provenance: lr:",
        "provenance: auc, f1:",
    ]


@pytest.mark.usefixtures("here")
def test_answers_are_rich() -> None:
    for answer in (pk.trials(), pk.trial("latest"), pk.compare("latest", "latest~1")):
        bundle = answer._repr_mimebundle_()
        assert {"text/plain", "text/html"} <= set(bundle)
        assert bundle["text/plain"] == str(answer)


def test_in_a_kernel_questions_go_to_its_own_record(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    cells = [TRACKED, f"import os; os.chdir({str(elsewhere)!r})", ASKED, "pk.trials()"]
    errors = record(tmp_path, 3, after=cells)
    assert errors == [""] * len(errors)
    assert not list(elsewhere.iterdir())


def test_importing_the_package_imports_little() -> None:
    code = "import sys; import provenance_kernel; print(*sorted(sys.modules))"
    plain = "from __future__ import annotations; import sys, typing; print(*sorted(sys.modules))"
    run = [
        set(
            subprocess.run(
                [sys.executable, "-c", each], capture_output=True, text=True, check=True
            ).stdout.split()
        )
        for each in (code, plain)
    ]
    assert run[0] - run[1] <= {"provenance_kernel"}
