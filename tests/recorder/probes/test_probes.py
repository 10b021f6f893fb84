"""The loop over probes: one that fails costs a run its own records, and no other's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from provenance_kernel.recorder import Recorder, Request
from provenance_kernel.recorder.probes.calls import Calls
from provenance_kernel.recorder.probes.names import Names
from provenance_kernel.recorder.probes.probe import Probe
from provenance_kernel.recorder.probes.values import NamedValues
from provenance_kernel.settings import Settings
from support.databases import DEFAULT, Archive

CELL = "with open('f.txt') as f: x = len(f.read())"


class Lab:
    """A recorder with a shell of its own, without a kernel around them."""

    def __init__(self, work: Path) -> None:
        config = Config()
        config.HistoryManager.enabled = False
        self.shell = InteractiveShell(config=config)
        self.said: list[str] = []
        self.archive = Archive(work / DEFAULT)
        self.recorder = Recorder(
            Settings(),
            notebook=lambda: str(work / "a.ipynb"),
            folder=work,
            say=self.said.append,
            shell=self.shell,
        )

    def run(self, source: str) -> None:
        self.recorder.begin(Request(source))
        done = self.shell.run_cell(source)
        assert self.recorder.current is not None
        self.recorder.current.ended(done.error_in_exec)
        self.recorder.replied()
        self.recorder.settle()

    def count(self, table: str) -> int:
        (found,) = self.archive.values(f"SELECT count(*) FROM {table}")
        return int(found)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    (tmp_path / "f.txt").write_text("text")
    monkeypatch.chdir(tmp_path)
    lab = Lab(tmp_path)
    yield lab
    lab.recorder.close()


def fail(*_: Any) -> None:
    raise LookupError("broken")


# What is still recorded of the cell: activations, files, variables.
@pytest.mark.parametrize("step", ["begin", "leave", "end"])
@pytest.mark.parametrize(
    ("probe", "kept"),
    [
        (Names, {"activation", "file_access"}),
        (NamedValues, {"activation", "file_access"}),
        (Calls, {"file_access", "variable"}),
    ],
    ids=lambda each: getattr(each, "name", None),
)
def test_a_probe_that_fails_costs_its_own_records(
    lab: Lab,
    monkeypatch: pytest.MonkeyPatch,
    probe: type[Probe],
    kept: set[str],
    step: str,
) -> None:
    monkeypatch.setattr(probe, step, fail)
    for _ in range(2):
        lab.run(CELL)
        assert lab.shell.user_ns["x"] == 4
    assert [each["status"] for each in lab.archive.runs()] == ["ok", "ok"]
    for table in kept:
        assert lab.count(f"{table} WHERE cell_run_id IN (SELECT id FROM cell_run)") >= 2, table
    assert lab.said == [
        f"a fault in recording ({probe.name}: LookupError: broken); cells run as usual"
    ]
    faults = lab.archive.events("fault")
    assert [each["cell_run_id"] for each in faults] == [each["id"] for each in lab.archive.runs()]


def test_when_the_fault_is_gone_all_is_recorded_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(NamedValues, "end", fail)
        lab.run("x = 1")
    lab.run("y = x")
    rows = lab.archive.values("SELECT name || ' ' || access FROM variable ORDER BY name")
    assert rows == ["x read", "y write"]


def test_runs_are_settled_before_the_next_begins(lab: Lab) -> None:
    lab.recorder.begin(Request("x = 1"))
    lab.shell.run_cell("x = 1")
    lab.recorder.replied()
    assert (lab.recorder.current, lab.recorder.unsettled) == (None, True)
    assert lab.count("variable") == 0
    lab.recorder.begin(Request("pass"))
    assert not lab.recorder.unsettled
    assert lab.count("variable") == 1
    lab.recorder.replied()


def test_what_has_ended_is_settled_at_the_end(lab: Lab) -> None:
    lab.recorder.begin(Request("x = 1"))
    lab.shell.run_cell("x = 1")
    lab.recorder.replied()
    lab.recorder.close()
    assert lab.count("variable") == 1
    assert [each["status"] for each in lab.archive.trials()] == ["finished"]
