"""noWorkflow's functions, as a notebook written for it calls them."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenance_kernel import noworkflow as now
from provenance_kernel.errors import SettingError, TrialNotFound
from support.cells import record_cells
from support.databases import DEFAULT, Archive
from support.kernels import Kernel
from support.recorded import SCORES, record

# A notebook of its tutorial's kind: only the import was changed.
NOTEBOOK = (
    "from provenance_kernel.noworkflow import *",
    "now_tag_cell('training')\nlr = now_tag_variable('lr', 0.5)\nseen = lr * 2",
    "loss = now_tag_variable('loss', round(seen + 1, 3))",
    "ops = backward_deps('loss', False)",
    "store_operations(__noworkflow__.trial_id, ops)",
    "assert resume_trials() == [__noworkflow__.trial_id], resume_trials()",
    "assert ops[0] == ('loss', '2.0') and ('lr', '0.5') in ops.values(), ops",
    "assert backward_deps('loss') == ops",
    "trial_diff(resume_trials()[0], resume_trials()[-1])",
    "assert list(var_tag_values('loss').value) == [2.0]",
    "var_tag_plot('loss')",
    "trial_intersection_diff(resume_trials()[0], resume_trials()[-1])",
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiment")
    record(folder, 3)
    record(folder, 5, after=["factor = 7", "score = factor + 1"])
    return folder / "work"


@pytest.fixture
def trials(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of two trials, in a copy of the record that the test may write to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / DEFAULT).parent.mkdir()
    (tmp_path / DEFAULT).write_bytes((recorded / DEFAULT).read_bytes())
    return [row["id"] for row in Archive(DEFAULT).trials()]


@pytest.mark.slow
def test_a_notebook_of_its_kind_runs(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path)
    try:
        answers = [kernel.execute(cell) for cell in NOTEBOOK]
    finally:
        kernel.stop()
    assert [each.reply.get("evalue") for each in answers] == [None] * len(NOTEBOOK)
    assert [each.stderr for each in answers] == [""] * len(NOTEBOOK)
    shown = [
        set(message["content"]["data"])
        for each in answers
        for message in each.messages
        if message["msg_type"] == "display_data"
    ]
    assert ["text/html" in shown[0], "image/png" in shown[1]] == [True, True]
    archive = Archive(kernel.work / DEFAULT)
    assert archive.values("SELECT stage FROM stages") == ["training"]
    assert not list(kernel.work.glob("ops*"))


@pytest.mark.slow
@pytest.mark.usefixtures("trials")
def test_backward_dependencies_start_at_the_variable() -> None:
    found = now.backward_deps("scaled")
    assert list(found) == list(range(len(found)))
    assert found[0][0] == "scaled"
    names = [name for name, _ in found.values()]
    assert names[-2:] in (["factor", "rows"], ["list(range(20))", "range(20)"])
    assert ("factor", "5") in found.values()
    assert "unused" not in names


@pytest.mark.usefixtures("trials")
def test_the_finer_granularity_adds_calls_of_the_users_functions() -> None:
    coarse, fine = now.backward_deps("scaled"), now.backward_deps("scaled", True)
    added = set(fine.values()) - set(coarse.values())
    assert ("double(x=0)", "0") in added
    assert set(coarse.values()) <= set(fine.values())


@pytest.mark.usefixtures("trials")
def test_only_the_global_dependencies_go_back_to_earlier_values() -> None:
    assert list(now.backward_deps("score").values()) == [("score", "8"), ("factor", "7")]
    found = list(now.global_backward_deps("score").values())
    assert found[:2] == [("score", "8"), ("factor", "7")]
    assert ("score", str(SCORES[5])) in found
    assert ("factor", "5") in found


@pytest.mark.usefixtures("trials")
def test_nothing_is_carried_over_between_calls() -> None:
    first = now.backward_deps("scaled")
    now.backward_deps("score")
    assert now.backward_deps("scaled") == first


@pytest.mark.usefixtures("trials")
def test_a_plot_is_shown_as_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[bytes] = []
    monkeypatch.setattr("IPython.display.display", lambda image: shown.append(image.data))
    now.var_tag_plot("score")
    assert [picture[:4] for picture in shown] == [b"\x89PNG"]


def test_without_trials_there_is_nothing_to_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    record_cells(tmp_path, ("x = 1",))
    with pytest.raises(ValueError, match=r"^No trials found\.$"):
        now.resume_trials()
    (trial,) = Archive(tmp_path / DEFAULT).trials()
    with pytest.raises(SettingError):
        now.trial_diff(trial["id"], trial["id"], raw=True)


@pytest.mark.usefixtures("trials")
def test_an_unknown_variable() -> None:
    with pytest.raises(SettingError, match="scale"):
        now.backward_deps("scale")


def test_operations_are_stored_at_full_length_and_replaced(trials: list[str]) -> None:
    assert now.resume_trials() == trials
    now.store_operations(trials[1], {0: ("long", "x" * 5000)})
    now.store_operations(trials[1], {0: ("a", "1"), 1: ("b", "<b>")})
    assert now.resume_trials() == [trials[1]]
    stored, _ = now.trial_diff(trials[1], trials[0], raw=True)
    assert stored == {0: ("a", "1"), 1: ("b", "<b>")}
    with pytest.raises(TrialNotFound):
        now.store_operations("ffffffff", {})


def test_the_operations_that_two_trials_share(trials: list[str]) -> None:
    now.store_operations(trials[0], {0: ("f1", "0.8"), 1: ("seed", "1"), 2: ("seed", "0")})
    now.store_operations(trials[1], {0: ("f1", "0.9"), 1: ("rows", "5"), 2: ("seed", "2")})
    table = now.trial_intersection_diff(*trials)
    assert list(table.columns) == ["key", trials[0][-5:], trials[1][-5:]]
    assert table.to_numpy().tolist() == [["f1", "0.8", "0.9"], ["seed", "1", "2"]]


def test_the_difference_is_shown_side_by_side_and_escaped(
    trials: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr("IPython.display.display", lambda html: shown.append(html.data))
    now.store_operations(trials[0], {0: ("<script>alert(1)</script>", "\u202e1")})
    now.store_operations(trials[1], {0: ("f1", "0.9")})
    assert now.trial_diff(*trials) is None
    assert "<script" not in shown[0]
    assert "&lt;script&gt;" in shown[0]
    assert "\u202e" not in shown[0]


def test_trials_without_stored_operations_are_compared_all_the_same(trials: list[str]) -> None:
    table = now.trial_intersection_diff(*trials).set_index("key")
    assert list(table.loc["score"]) == [str(SCORES[3]), "8"]


@pytest.mark.usefixtures("trials")
def test_values_of_a_tag() -> None:
    table = now.var_tag_values("score")
    assert list(table.columns) == ["trial_id", "short_trial_id", "tag", "value"]
    # What was once tracked is tracked wherever the trial writes it.
    assert list(table.value) == [SCORES[3], SCORES[5], 8.0]
    assert list(table.short_trial_id) == [each[-5:] for each in table.trial_id]
    with pytest.raises(ValueError, match="nothing"):
        now.var_tag_values("nothing")


def test_operations_as_text() -> None:
    assert now.dict_to_text({}) == ""
    text = now.dict_to_text({0: ("f1", "0.9"), 1: ("name", "word " * 30)})
    assert text.splitlines()[0] == "f1, 0.9"
    assert text.splitlines()[2].startswith("    word")


def test_tagging_where_nothing_records(capsys: pytest.CaptureFixture[str]) -> None:
    assert now.now_tag_variable("lr", 0.1) == 0.1
    now.now_tag_cell("training")
    assert len(capsys.readouterr().err.splitlines()) == 2
