"""Trials are recorded by kernels, something is changed, and verifying says what and why."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import psutil
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from provenance_kernel.verify.report import Report
from provenance_kernel.verify.whole import verify
from provenance_kernel.verify.work import Options
from support.databases import DEFAULT, Archive
from support.kernels import Starter
from verify.alike import ALIKE
from verify.cases import Case, Notebook, notebooks, tree
from verify.different import DIFFERENT

BIN = Path(sys.executable).parent


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Temporary folders are made in one that is looked at in the end."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    yield folder
    assert list(folder.iterdir()) == []


def record(start: Starter, tmp_path: Path, case: Case) -> Path:
    """Record a case; return the folder in which it ran."""
    folder = tmp_path / "work"
    Notebook((case.numbered(1),)).record(start, folder)
    return folder


def verified(start: Starter, tmp_path: Path, notebook: Notebook) -> Report:
    folder = tmp_path / "work"
    notebook.record(start, folder)
    notebook.change(folder)
    before = tree(folder)
    report = verify("latest", None, folder, Options(runs=6))
    assert tree(folder) == before
    return report


@pytest.mark.slow
@pytest.mark.parametrize("notebook", notebooks(DIFFERENT), ids=str)
def test_what_does_not_reproduce_is_found_with_its_cause_and_stage(
    start: Starter, tmp_path: Path, notebook: Notebook
) -> None:
    report = verified(start, tmp_path, notebook)
    wrong = {}
    for case, found in notebook.findings(report.findings):
        caused = [each for each in found if each.cause is not None]
        if (
            not any(each.verdict in ("different", "missing") and each.decides for each in found)
            or {each.cause for each in caused} != {case.cause}
            or case.evidence not in {None, *(each.evidence for each in caused[:1])}
            or case.stage not in {None, *(each.stage for each in caused)}
        ):
            wrong[case.name] = found
    assert wrong == {}
    assert report.verdict == notebook.cases[0].verdict, report


@pytest.mark.slow
@pytest.mark.parametrize("notebook", notebooks(ALIKE), ids=str)
def test_what_reproduces_is_not_called_different(
    start: Starter, tmp_path: Path, notebook: Notebook
) -> None:
    report = verified(start, tmp_path, notebook)
    assert report.verdict == notebook.cases[0].verdict, report
    assert [each for each in report.findings if each.verdict != "identical"] == []
    for case, found in notebook.findings(report.findings):
        assert {each.cause for each in found} == ({case.cause} if case.cause else set()), case


def test_the_command_prints_json_keeps_the_verdict_and_leaves_latest_as_it_was(
    start: Starter, tmp_path: Path
) -> None:
    case = Case("", ("x = {'a', 'b'}\ny = 1", "# stage: scoring\n# metric: m\nm = y"), "")
    folder = record(start, tmp_path, case)

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / "jupyter-provenance", *words], cwd=folder, capture_output=True, text=True
        )

    latest = json.loads(ask("list", "--json").stdout)[0]["id"]
    done = ask("verify", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["verdict"], told["trial"], told["runs"]) == ("reproduced", latest, 1)
    assert {"stage": "scoring", "verdict": "identical"} in told["stages"]
    assert told["findings"] == []
    trials = json.loads(ask("list", "--json").stdout)
    assert [(each["id"], each["verdict"]) for each in trials] == [(latest, "reproduced")]
    assert "reproduced" in ask("show").stdout
    archive = Archive(folder / DEFAULT)
    (again,) = archive.rows("SELECT * FROM trial WHERE kind = 'verify'")
    assert again["parent_id"] == latest
    assert archive.row("SELECT id FROM latest_trial")["id"] == latest
    assert archive.row("SELECT trial_id, verdict FROM verification") == {
        "trial_id": latest,
        "verdict": "reproduced",
    }


@pytest.mark.slow
def test_a_folder_of_notebooks_is_verified_side_by_side_and_reported(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    good = new_code_cell("# stage: fit\nx = 1.5\nx")
    good.execution_count = 1
    good.outputs = [new_output("execute_result", {"text/plain": "1.5"}, execution_count=1)]
    cells = {
        "good": [good],
        "bad": [new_code_cell("# stage: <draw>\nimport uuid\nprint(uuid.uuid4().int % 1000003)")],
        "broken": [new_code_cell("import no_such_module")],
    }
    folder.mkdir()
    for name, each in cells.items():
        nbformat.write(new_notebook(cells=each), folder / f"{name}.ipynb")
    before = tree(folder)
    words = ["--jobs", "2", "--json", "--junit", "../j.xml", "--output", "../r.html"]
    done = subprocess.run(
        [BIN / "jupyter-provenance", "verify", ".", *words],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert tree(folder) == before
    told = {Path(each["notebook"]).stem: each for each in json.loads(done.stdout)}
    assert {name: each["verdict"] for name, each in told.items()} == {
        "bad": "not_reproduced",
        "broken": "could_not_run",
        "good": "reproduced",
    }
    assert [each["cause"] for each in told["bad"]["findings"]] == ["randomness"]
    assert [each["cause"] for each in told["broken"]["findings"]] == ["environment"]
    suites = ElementTree.parse(tmp_path / "j.xml").getroot()
    assert [(each.get("name"), each.get("failures")) for each in suites] == [
        ("bad.ipynb", "1"),
        ("broken.ipynb", "1"),
        ("good.ipynb", "0"),
    ]
    page = (tmp_path / "r.html").read_text()
    assert "<draw>" not in page
    assert "randomness (shown)" in page
    assert "<th>first run</th><th>second run</th>" in page


@pytest.mark.slow
def test_the_order_that_gave_the_saved_outputs_is_found_and_written(tmp_path: Path) -> None:
    def cell(source: str, count: int, shown: str) -> NotebookNode:
        made = new_code_cell(source, id=f"c{count}")
        made.execution_count = count
        made.outputs = [new_output("stream", name="stdout", text=shown)]
        return made

    path = tmp_path / "work" / "n.ipynb"
    path.parent.mkdir()
    cells = [cell("print(x + 1)", 2, "2\n"), cell("x = 1\nprint(x)", 1, "1\n")]
    nbformat.write(new_notebook(cells=cells), path)
    written = tmp_path / "ordered.ipynb"
    report = verify(str(path), None, path.parent, Options(), write=written)
    (found,) = report.findings
    assert (report.verdict, found.cause, found.evidence) == (
        "not_reproduced",
        "hidden_state",
        "shown",
    )
    assert [each.id for each in nbformat.read(written, 4).cells] == ["c1", "c2"]


# Notebooks after the manner of public ones, known by their file alone: cells with what is saved.
PUBLIC = {
    # Seeded, and saved by a numpy that wrote scalars without their type: it says the same.
    "an older numpy": (
        (
            ("import numpy as np\nrng = np.random.RandomState(42)\nx = rng.randint(0, 10, 5)", ""),
            ("x.sum()", str(6 + 3 + 7 + 4 + 6)),
            ("np.float64(x.mean())", "5.2"),
        ),
        ("reproduced_within_tolerance", None, None, None),
    ),
    # It gives itself again, so that what is saved is another is not chance.
    "another version": (
        (
            ("import sys\nversion = sys.version_info[:2]", ""),
            ("print('on Python', version)", "on Python (3, 5)\n"),
        ),
        ("not_reproduced", "environment", "suspected", 2),
    ),
    # What it calls is gone since. It shows what it once gave, so it ran then.
    "an interface that is gone": (
        (
            ("import collections", ""),
            ("print(issubclass(dict, collections.Mapping))", "True\n"),
        ),
        ("could_not_run", "environment", "suspected", 2),
    ),
    # It draws without a seed: two runs differ, so that the saved output differs says nothing more.
    "unseeded": (
        (
            ("import numpy as np\nx = np.random.rand(3)", ""),
            ("print(x.sum())", "1.2345\n"),
        ),
        ("not_reproduced", "randomness", "shown", 1),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLIC)
def test_the_verdict_on_a_file_alone(tmp_path: Path, name: str) -> None:
    cells, (verdict, cause, evidence, at) = PUBLIC[name]
    made = [new_code_cell(source) for source, _ in cells]
    for count, (cell, (_, saved)) in enumerate(zip(made, cells, strict=True), 1):
        cell.execution_count = count
        if saved.endswith("\n"):
            cell.outputs = [new_output("stream", name="stdout", text=saved)]
        elif saved:
            data = {"text/plain": saved}
            cell.outputs = [new_output("execute_result", data, execution_count=count)]
    path = tmp_path / "work" / "n.ipynb"
    path.parent.mkdir()
    nbformat.write(new_notebook(cells=made), path)
    report = verify(str(path), None, path.parent, Options())
    caused = [each for each in report.findings if each.cause is not None]
    told = [(each.cause, each.evidence, each.cell) for each in caused]
    assert (report.verdict, told) == (verdict, [(cause, evidence, at)] if cause else [])


def test_what_was_interrupted_before_anything_was_compared_is_not_called_reproduced(
    start: Starter, tmp_path: Path
) -> None:
    folder = record(start, tmp_path, Case("", ("x = 1",), ""))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    report = verify("latest", None, folder, Options(), interrupt)
    assert report.verdict == "could_not_run"
    assert report.notes[-1].startswith("interrupted")


SLOW = """import os, subprocess, time
if not os.path.exists("fast"):
    open("deep/er/in", "a").write("x")
    os.remove("hard")
    child = subprocess.Popen(["sleep", "600"])
    open("begun", "w").close()
    time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("begun", [False, True], ids=["at once", "in a cell"])
def test_a_killed_verification_leaves_nothing(
    start: Starter, tmp_path: Path, scratch: Path, begun: bool
) -> None:
    files = {"fast": "", "deep/er/in": "1", "locked/in": "2"}
    folder = record(start, tmp_path, Case("", (SLOW,), "", files=files))
    (folder / "fast").unlink()
    (folder / "empty").mkdir()
    os.link(folder / "deep/er/in", folder / "hard")
    os.symlink("deep/er", folder / "inward")
    os.symlink("../work/nowhere", folder / "outward")
    (folder / "locked/in").chmod(0o400)
    (folder / "locked").chmod(0o500)
    before = tree(folder)
    process = subprocess.Popen(
        [BIN / "jupyter-provenance", "verify"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    process.stderr.readline()
    deadline = time.monotonic() + 60
    while begun and not list(scratch.glob("*/project/begun")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    while (list(scratch.iterdir()) or using(scratch)) and time.monotonic() < deadline + 60:
        time.sleep(0.1)
    assert list(scratch.iterdir()) == []
    assert using(scratch) == []
    assert tree(folder) == before
    (folder / "locked").chmod(0o700)


def using(folder: Path) -> list[str]:
    """Return the programs whose temporary files are to be in a folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("TMPDIR", "").startswith(str(folder)):
                found.append(" ".join(process.cmdline()))
    return found


@pytest.mark.slow
def test_parameters_given_headless_hold_and_what_is_restored_is_checked(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    (folder / DEFAULT.parent).mkdir(parents=True)
    (folder / "in.txt").write_text("12")
    rate = new_code_cell("rate = 1", id="rate")
    rate.metadata["tags"] = ["parameters"]
    score = new_code_cell("# metric: score\nscore = rate * int(open('in.txt').read())", id="score")
    cells = [rate, new_markdown_cell("# Why"), score, new_markdown_cell("The end")]
    nbformat.write(new_notebook(cells=cells), folder / "n.ipynb")

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / "jupyter-provenance", *words], cwd=folder, capture_output=True, text=True
        )

    assert ask("run", "n.ipynb", "-p", "rate", "3").returncode == 0
    report = json.loads(ask("verify", "--json").stdout)
    assert (report["verdict"], report["notes"], report["runs"]) == ("reproduced", [], 1)
    # It is checked on the input as it was kept.
    (folder / "in.txt").write_text("13")
    assert ask("restore", "--output", "r.ipynb", "--check", "--json").returncode == 0
    restored = nbformat.read(folder / "r.ipynb", 4)
    assert restored.metadata["provenance"]["checked"] == "reproduced"
    # Its texts are known without the file.
    (folder / "n.ipynb").rename(folder / "gone")
    assert ask("restore", "--output", "r.ipynb", "--force").returncode == 0
    without = nbformat.read(folder / "r.ipynb", 4)
    assert [each.source for each in without.cells] == [each.source for each in restored.cells]
    assert [each.source for each in without.cells if each.cell_type == "markdown"] == [
        *("# Why", "The end")
    ]
    (folder / "gone").rename(folder / "n.ipynb")
    told = ("--json", "--recorded-order", "--runs", "0", "--output", "r.html")
    assert ask("verify", *told).returncode == 1
    page = (folder / "r.html").read_text()
    assert "<th>recorded</th><th>run again</th>" in page
    assert "<td>score</td><td>36</td><td>39</td>" in page
