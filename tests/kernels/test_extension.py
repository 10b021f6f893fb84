"""Recording in shells that are not ours, by `%load_ext provenance_kernel`."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from support.databases import DEFAULT, Archive
from support.kernels import Kernel, Starter

LOAD = "%load_ext provenance_kernel"


@pytest.fixture
def stock(start: Starter) -> Kernel:
    return start(name="python3")


def _archive(kernel: Kernel) -> Archive:
    return Archive(kernel.work / DEFAULT)


def test_recorded_from_the_next_cell_on(stock: Kernel) -> None:
    stock.execute("x = 1")
    loaded = stock.execute(LOAD)
    assert (loaded.status, loaded.stdout, loaded.stderr) == ("ok", "", "")
    assert stock.execute("# stage: Data Reading\nx + 1").result == "2"
    assert stock.execute("1 / 0").reply["ename"] == "ZeroDivisionError"
    stock.execute("this is no Python")
    stock.execute("now_tag_cell('called')")
    stock.execute("%lsmagic")
    stock.execute("hidden = 1", silent=True)
    archive = _archive(stock)
    runs = archive.runs()
    assert [(run["status"], run["error_name"]) for run in runs] == [
        ("ok", None),
        ("error", "ZeroDivisionError"),
        ("error", "SyntaxError"),
        ("ok", None),
        ("ok", None),
    ]
    assert [run["position"] for run in runs] == [1, 2, 3, 4, 5]
    assert [run["execution_count"] for run in runs] == [3, 4, 5, 6, 7]
    shown = archive.rows("SELECT stage, activation, position FROM stages")
    assert [tuple(row.values()) for row in shown] == [
        ("data_reading", "<cell>", 1),
        ("called", "<cell>", 4),
    ]
    assert all(run["duration"] >= 0 for run in runs)


def test_async_cells(stock: Kernel) -> None:
    stock.execute(LOAD)
    stock.execute("import asyncio\nawait asyncio.sleep(0)\nnow_tag_cell('awaited')")
    stock.execute("await asyncio.sleep(0)\n1 / 0")
    stock.execute("'sync'")
    archive = _archive(stock)
    assert [run["status"] for run in archive.runs()] == ["ok", "error", "ok"]
    assert archive.values("SELECT stage FROM stages") == ["awaited"]
    assert archive.trials()[0]["status"] == "running"


def test_what_is_printed_counts_as_an_output(stock: Kernel) -> None:
    stock.execute(LOAD)
    for code in ("print('a')", "print('a')", "print('b')", "x = 1"):
        stock.execute(code)
    one, same, other, none = (run["output_digest"] for run in _archive(stock).runs())
    assert one == same != other
    assert none is None


@pytest.mark.slow
def test_metadata_and_cell_id(stock: Kernel) -> None:
    stock.execute(LOAD)
    stock.execute(
        "x = 1", metadata={"cellId": "cell-7", "provenance": {"stage": "Metrics"}, "tags": []}
    )
    (run,) = _archive(stock).runs()
    assert run["cell_id"] == "cell-7"
    tags = _archive(stock).tags(run["id"])
    assert [(tag["stage"], tag["origin"]) for tag in tags] == [("metrics", "metadata")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        "while True: time.sleep(0.05)",
        "import asyncio\nwhile True: await asyncio.sleep(0.05)",
    ],
    ids=["sync", "async"],
)
def test_interrupted(stock: Kernel, body: str) -> None:
    stock.execute(LOAD)
    sent = stock.send(f"import time\nprint('running', flush=True)\n{body}")
    stock.wait_for("running")
    assert [run["status"] for run in _archive(stock).runs()] == ["running"]
    stock.interrupt()
    stock.gather([sent])
    stock.execute("'next'")
    assert [run["status"] for run in _archive(stock).runs()] == ["interrupted", "ok"]


@pytest.mark.slow
def test_unload_ends_the_trial(stock: Kernel) -> None:
    stock.execute(LOAD)
    stock.execute("x = 1")
    unloaded = stock.execute("%unload_ext provenance_kernel")
    assert (unloaded.status, unloaded.stderr) == ("ok", "")
    assert stock.execute("now_tag_cell('x')").reply["ename"] == "NameError"
    archive = _archive(stock)
    (trial,) = archive.trials()
    assert trial["status"] == "finished"
    assert [(run["source"], run["status"]) for run in archive.runs()] == [
        ("x = 1", "ok"),
        ("%unload_ext provenance_kernel", "ok"),
    ]
    stock.execute(LOAD)
    stock.execute("x = 2")
    assert [trial["status"] for trial in archive.trials()] == ["finished", "running"]
    assert archive.runs()[-1]["source"] == "x = 2"


@pytest.mark.slow
def test_reload_goes_on_recording_each_cell_once(stock: Kernel) -> None:
    stock.execute(LOAD)
    stock.execute("x = 1")
    assert stock.execute("%reload_ext provenance_kernel").status == "ok"
    assert stock.execute(LOAD).status == "ok"
    stock.execute("x = 2")
    sources = [run["source"] for run in _archive(stock).runs()]
    assert sources.count("x = 1") == sources.count("x = 2") == 1
    assert {run["status"] for run in _archive(stock).runs()} == {"ok"}


@pytest.mark.slow
def test_the_trial_ends_with_the_kernel(stock: Kernel) -> None:
    stock.execute(LOAD)
    stock.execute("x = 1")
    stock.execute("get_ipython().run_line_magic('config', 'ProvenanceKernel')")
    stock.send("quit()")
    stock.wait_until_gone()
    (trial,) = _archive(stock).trials()
    assert trial["status"] == "finished"


def test_settings_in_a_stock_kernel(start: Starter, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.db"
    notebook = tmp_path / "books" / "study.ipynb"
    notebook.parent.mkdir()
    stock = start(
        name="python3",
        env={"JPY_SESSION_NAME": str(notebook)},
        arguments=[f"--ProvenanceKernel.database={path}"],
    )
    stock.execute(LOAD)
    stock.execute("x = 1")
    (trial,) = Archive(path).trials()
    assert trial["notebook"] == str(notebook)
    assert "ProvenanceKernel.database" in stock.execute("%config ProvenanceKernel").stdout


@pytest.mark.slow
def test_a_cell_that_runs_cells_is_one(stock: Kernel) -> None:
    stock.execute(LOAD)
    stock.execute("get_ipython().run_cell('inner = 1')\nget_ipython().run_cell('1 / 0')\n'whole'")
    (run,) = _archive(stock).runs()
    assert run["status"] == "ok"


@pytest.mark.slow
def test_a_place_that_cannot_be_written(start: Starter) -> None:
    stock = start(name="python3", env={"PROVENANCE_DATABASE": "/dev/null/runs.db"})
    assert stock.execute(LOAD).status == "ok"
    answer = stock.execute("20 + 22")
    assert answer.result == "42"
    (warning,) = answer.warnings
    assert "not recording" in warning
    assert stock.execute("1").warnings == []


def test_loading_in_our_own_kernel_does_nothing(start: Starter) -> None:
    kernel = start()
    assert kernel.execute(LOAD).stderr == ""
    assert kernel.execute("%reload_ext provenance_kernel").stderr == ""
    kernel.execute("# stage: once\nx = 1")
    kernel.execute("%unload_ext provenance_kernel")
    kernel.execute("now_tag_cell('still')")
    archive = _archive(kernel)
    assert len(archive.trials()) == 1
    assert len(archive.runs()) == 5
    assert archive.values("SELECT stage FROM stages") == ["once", "still"]


# -- a terminal's shell, in this process ----------------------------------------------------------


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.chdir(tmp_path)
    InteractiveShell.clear_instance()
    found = InteractiveShell.instance(
        config=Config({"HistoryManager": {"enabled": False, "hist_file": ":memory:"}})
    )
    yield found
    if "provenance_kernel" in found.extension_manager.loaded:
        found.run_line_magic("unload_ext", "provenance_kernel")
    found.atexit_operations()
    atexit.unregister(found.atexit_operations)
    found.restore_sys_module_state()
    InteractiveShell.clear_instance()


def test_in_a_plain_shell(
    shell: InteractiveShell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_line_magic("load_ext", "provenance_kernel")
    assert shell.run_cell("# stage: one\nnow_tag_cell('two')\n40 + 2").result == 42
    assert shell.run_cell("1 / 0").error_in_exec is not None
    shell.run_cell("y = 2")
    shell.run_cell("'now_tag_cell' in dir()", store_history=True)
    archive = Archive(tmp_path / DEFAULT)
    runs = archive.runs()
    assert [run["status"] for run in runs] == ["ok", "error", "ok", "ok"]
    assert [run["execution_count"] for run in runs] == [None, None, None, 1]
    assert archive.values("SELECT stage FROM stages") == ["one", "two"]
    shell.run_line_magic("unload_ext", "provenance_kernel")
    assert [trial["status"] for trial in archive.trials()] == ["finished"]
    shell.run_cell("x = 1")
    assert len(archive.runs()) == 4
    assert "provenance:" not in capsys.readouterr().err


def test_async_cells_in_a_plain_shell(shell: InteractiveShell, tmp_path: Path) -> None:
    shell.run_line_magic("load_ext", "provenance_kernel")
    shell.run_cell("import asyncio\nawait asyncio.sleep(0)")
    shell.run_cell("'sync'")
    runs = Archive(tmp_path / DEFAULT).runs()
    assert [run["status"] for run in runs] == ["ok", "ok"]


@pytest.mark.slow
def test_now_tag_cell_outside_any_cell(
    shell: InteractiveShell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_line_magic("load_ext", "provenance_kernel")
    with shell.builtin_trap:
        shell.ev("now_tag_cell('nowhere')")
    assert "tagged none" in capsys.readouterr().err
