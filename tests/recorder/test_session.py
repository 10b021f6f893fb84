"""The recorder where no cell runs, and where something of ours or around us fails."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from provenance_kernel.recorder.session import Recorder, active
from provenance_kernel.settings import Settings
from support.databases import DEFAULT, Archive

Begin = Callable[..., Recorder]


@pytest.fixture(scope="module")
def shell() -> InteractiveShell:
    config = Config()
    config.HistoryManager.enabled = False
    return InteractiveShell(config=config)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def begin(tmp_path: Path, shell: InteractiveShell, said: list[str]) -> Iterator[Begin]:
    begun: list[Recorder] = []

    def begin(
        notebook: str | None = "a.ipynb", say: Callable[[str], None] = said.append
    ) -> Recorder:
        path = notebook and str(tmp_path / notebook)
        settings = Settings(tracer="none")
        recorder = Recorder(settings, notebook=lambda: path, folder=tmp_path, say=say, shell=shell)
        begun.append(recorder)
        return recorder

    yield begin
    for each in begun:
        each.close()


def test_what_is_told_where_no_cell_runs_is_said_and_recorded_nowhere(
    begin: Begin, said: list[str], tmp_path: Path
) -> None:
    recorder = begin()
    recorder.track("metric", {"f1": 0.5, "auc": 0.7})
    recorder.tag("scoring")
    recorder.replied()
    recorder.settle()
    assert said == [
        "f1, auc: tracked where no cell runs, so not recorded",
        "now_tag_cell was called where no cell runs, so it tagged none",
    ]
    assert not (tmp_path / DEFAULT).exists()


def test_a_fault_is_told_once_and_has_a_row(begin: Begin, said: list[str], tmp_path: Path) -> None:
    recorder = begin()
    for _ in range(2):
        recorder.fault("files", ValueError("broken"))
    assert said == ["a fault in recording (files: ValueError: broken); cells run as usual"]
    (event,) = Archive(tmp_path / DEFAULT).events("fault")
    assert (event["message"], event["cell_run_id"]) == ("files: ValueError: broken", None)
    assert not recorder.off


def test_a_fault_that_cannot_be_told_turns_recording_off(begin: Begin) -> None:
    def say(message: str) -> None:
        raise BrokenPipeError

    recorder = begin(say=say)
    assert active() is recorder
    recorder.fault("files", ValueError("broken"))
    assert recorder.off
    assert active() is not recorder


def test_what_comes_before_the_notebook_is_known_waits_for_the_end(
    begin: Begin, tmp_path: Path
) -> None:
    recorder = begin(notebook=None)
    recorder.fault("files", ValueError("broken"))
    assert not (tmp_path / DEFAULT).exists()
    recorder.close()
    archive = Archive(tmp_path / DEFAULT)
    assert [(each["notebook"], each["status"]) for each in archive.trials()] == [(None, "finished")]
    assert len(archive.events("fault")) == 1


def test_a_user_without_a_name(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", nobody)
    begin().fault("files", ValueError("broken"))
    (trial,) = Archive(tmp_path / DEFAULT).trials()
    assert trial["user"] is None
