"""Running notebooks on the provenance kernel: what is sent, what comes back, what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from provenance_kernel.errors import CellFailed, NotebookError
from provenance_kernel.headless import runner
from provenance_kernel.headless.runner import CellProgress, run
from support.databases import DEFAULT, Archive


def code(source: str, *tags: str, **metadata: Any) -> NotebookNode:
    return new_code_cell(source, metadata={**metadata, **({"tags": list(tags)} if tags else {})})


@dataclass
class Bench:
    """A folder with a notebook, and what its run showed and left."""

    folder: Path
    progress: list[CellProgress] = field(default_factory=list)
    document: NotebookNode = field(default_factory=new_notebook)

    @property
    def path(self) -> Path:
        return self.folder / "a.ipynb"

    @property
    def archive(self) -> Archive:
        return Archive(self.folder / DEFAULT)

    def run(self, *cells: NotebookNode, **options: Any) -> None:
        self.document = new_notebook(cells=list(cells))
        run(
            self.document,
            self.path,
            options=options.pop("options", {}),
            progress=self.progress.append,
            **options,
        )

    def text(self, cell: int) -> str:
        return "".join(output.get("text", "") for output in self.document.cells[cell].outputs)

    def steps(self) -> list[tuple[int, str | None]]:
        return [(each.number, each.status) for each in self.progress]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    folder = tmp_path / "lab"
    folder.mkdir()
    return Bench(folder)


def test_a_notebook_runs_in_its_folder_and_each_cell_is_recorded_as_it_is_tagged(
    bench: Bench,
) -> None:
    bench.run(
        new_markdown_cell("# Title"),
        code("import os; print(os.getcwd())", provenance={"stage": "Data Reading"}),
        code("# stage: scoring\nprint(6 * 7)", "stage:metrics"),
        code(""),
        code("skipped = 1", "skip-execution"),
        options={"trial_kind": "run", "trial_id": "0123"},
    )
    first, second = bench.document.cells[1:3]
    assert bench.text(1) == f"{bench.folder}\n"
    assert bench.text(2) == "42\n"
    assert bench.steps() == [(2, None), (2, "ok"), (3, None), (3, "ok")]
    (trial,) = bench.archive.trials()
    assert (trial["id"], trial["kind"], trial["status"]) == ("0123", "run", "finished")
    assert trial["notebook"] == str(bench.path)
    runs = bench.archive.runs()
    assert [each["cell_id"] for each in runs] == [first.id, second.id]
    assert [each["source"] for each in runs] == [first.source, second.source]
    tags = bench.archive.rows("SELECT stage, origin, label FROM stage_tag ORDER BY id")
    assert [tuple(each.values()) for each in tags] == [
        ("data_reading", "metadata", "Data Reading"),
        ("metrics", "metadata", "metrics"),
        ("scoring", "comment", "scoring"),
    ]


def test_the_first_cell_that_fails_ends_the_run_and_is_told_whole(bench: Bench) -> None:
    with pytest.raises(CellFailed) as error:
        bench.run(
            code("x = 1"),
            new_markdown_cell("prose"),
            code("def f():\n    return x / 0\nf()"),
            code("x = 2"),
        )
    message = str(error.value)
    assert message.startswith(
        "cell 3 of 4 failed:\n\n    def f():\n        return x / 0\n    f()\n"
    )
    assert "----> 2     return x / 0" in message
    assert message.endswith("ZeroDivisionError: division by zero")
    assert "\x1b" not in message
    assert bench.document.cells[2].outputs[0].ename == "ZeroDivisionError"
    assert bench.steps()[-1] == (3, "error")
    assert [each["status"] for each in bench.archive.runs()] == ["ok", "error"]
    assert [each["status"] for each in bench.archive.trials()] == ["finished"]


@pytest.mark.slow
def test_a_failure_tells_the_source_once(bench: Bench) -> None:
    with pytest.raises(CellFailed) as error:
        bench.run(code("only_here = 1 / 0"))
    assert str(error.value).count("only_here") == 2  # In the source, and in the traceback.


@pytest.mark.slow
def test_errors_that_are_allowed_end_nothing(bench: Bench) -> None:
    bench.run(code("1 / 0"), code("print('on')"), allow_errors=True)
    assert bench.text(1) == "on\n"
    assert [each["status"] for each in bench.archive.runs()] == ["error", "ok"]


@pytest.mark.slow
def test_an_error_that_a_cell_is_tagged_with_ends_nothing(bench: Bench) -> None:
    bench.run(code("1 / 0", "raises-exception"), code("print('on')"))
    assert bench.text(1) == "on\n"
    assert [each["status"] for each in bench.archive.runs()] == ["error", "ok"]


@pytest.mark.slow
def test_a_cell_that_takes_too_long_fails(bench: Bench) -> None:
    with pytest.raises(CellFailed) as error:
        bench.run(code("x = 1"), code("while True: pass"), timeout=1)
    assert str(error.value) == (
        "cell 2 of 2 failed:\n\n    while True: pass\n\nit ran for more than 1 s"
    )
    first, second = [each["status"] for each in bench.archive.runs()]
    assert first == "ok"
    # The kernel is told to stop, and killed if it does not at once.
    assert second in ("interrupted", "running")


def test_a_cell_that_takes_the_kernel_with_it_fails(bench: Bench) -> None:
    with pytest.raises(CellFailed) as error:
        bench.run(code("import os\nos._exit(3)"))
    assert str(error.value) == (
        "cell 1 of 1 failed:\n\n    import os\n    os._exit(3)\n\nthe kernel died while it ran"
    )


def test_a_kernel_that_is_not_registered_says_what_to_install(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "KERNEL_NAME", "not-there")
    with pytest.raises(NotebookError, match="'not-there' is not registered with this Jupyter"):
        bench.run(code("1"))


def test_a_kernel_that_does_not_start_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = bench.folder / "kernels" / "broken"
    broken.mkdir(parents=True)
    (broken / "kernel.json").write_text(
        '{"argv": ["python", "-c", "raise SystemExit(3)", "{connection_file}"],'
        ' "display_name": "broken", "language": "python"}'
    )
    monkeypatch.setenv("JUPYTER_PATH", str(bench.folder))
    monkeypatch.setattr(runner, "KERNEL_NAME", "broken")
    with pytest.raises(NotebookError, match="kernel 'broken' did not start"):
        bench.run(code("1"))


@pytest.mark.slow
def test_magics_input_and_await_are_what_they_are_elsewhere(bench: Bench) -> None:
    bench.run(
        code("%%time\n# stage: a\nprint('in magic')"),
        code("import asyncio\nawait asyncio.sleep(0)\nprint('awaited')"),
        code("try:\n    input()\nexcept Exception as error:\n    print(type(error).__name__)"),
    )
    assert "in magic" in bench.text(0)
    assert bench.text(1) == "awaited\n"
    assert bench.text(2) == "StdinNotImplementedError\n"
