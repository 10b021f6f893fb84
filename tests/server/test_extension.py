"""The extension in a real Chromium, on JupyterLab."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
import pytest

from support.browser import EXECUTABLE, Browser, until
from support.server import TOKEN, Server

LAB = Path(__file__).parents[2] / "kernel" / "lab" / "labextension"
HOSTILE = "<img src=x onerror=document.title=1>"
CELLS = {
    "data": "rows = [1, 2, 3]",
    "factor": "# track: factor\nfactor = 3",
    "model": "# stage: model scoring\nscaled = [factor * each for each in rows]",
    "score": "# metric: score\nscore = sum(scaled)",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(EXECUTABLE is None, reason="there is no Chromium"),
]


@pytest.fixture(scope="module", params=["jupyterlab"])
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copytree(LAB, folder / "share" / "labextensions" / "provenance-lab")
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    # Else it asks whether it may fetch news.
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    app = {"jupyterlab": "LabApp", "notebook": "JupyterNotebookApp"}[request.param]
    server = Server(
        folder,
        '--ServerApp.jpserver_extensions={"provenance_kernel.server": True}',
        f"--{app}.expose_app_in_browser=True",
        app=request.param,
        JUPYTER_PATH=str(folder / "share"),
        JUPYTERLAB_SETTINGS_DIR=str(folder / "settings"),
    )
    browser = Browser(folder / "profile")
    yield Front(browser, server, "lab/tree" if request.param == "jupyterlab" else "notebooks")
    browser.close()
    server.close()


class Front:
    """A browser at a notebook application, with one notebook open."""

    def __init__(self, browser: Browser, server: Server, way: str) -> None:
        self.browser, self.server, self.way = browser, server, way
        browser.call("Page.enable")
        browser.call("Emulation.setFocusEmulationEnabled", enabled=True)
        # Where it would lie over the code, JupyterLab hides the toolbar of a cell.
        size = {"width": 1300, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.call("Emulation.setDeviceMetricsOverride", **size)
        # A notebook that is not saved is left without being asked.
        leave = "addEventListener('beforeunload', each => each.stopImmediatePropagation(), true)"
        browser.call("Page.addScriptToEvaluateOnNewDocument", source=leave)

    def open(self, name: str, cells: dict[str, str], **metadata: Any) -> None:
        notebook = nbformat.v4.new_notebook()
        notebook.metadata["kernelspec"] = {"name": "provenance", "display_name": "x"}
        for id, source in cells.items():
            given = metadata.get(id, {})
            notebook.cells.append(nbformat.v4.new_code_cell(source, id=id, metadata=given))
        path = self.server.root / name
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)
        self.browser.call("Page.navigate", url="about:blank")
        url = f"http://127.0.0.1:{self.server.port}/{self.way}/{name}?token={TOKEN}&reset"
        self.browser.call("Page.navigate", url=url)
        self.browser.waits(f"document.querySelectorAll('.jp-CodeCell').length >= {len(cells)}")
        self.browser.waits("window.jupyterapp")
        self.browser.waits("document.querySelector('.provenance-picker select')")
        self.browser.run("document.querySelector('.jp-Notebook .jp-CodeCell').focus()")
        kernel = "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel"
        self.browser.waits(f"{kernel}?.status === 'idle'")

    def command(self, command: str) -> None:
        self.browser.run(f"void jupyterapp.commands.execute({json.dumps(command)})")

    def run_all(self, count: int) -> None:
        self.command("notebook:run-all-cells")
        self.browser.waits(f"{PROMPTS}.filter(each => /\\d/.test(each)).length >= {count}")

    def edit(self, number: int, source: str) -> None:
        """Type a source in place of a cell's."""
        editor = f"document.querySelectorAll('.jp-CodeCell .cm-content')[{number}]"
        self.browser.run(f"{editor}.focus()")
        self.browser.run("document.execCommand('selectAll')")
        self.browser.type(source)

    def click(self, place: str) -> None:
        """Press the mouse's button in the middle of an element."""
        middle = f"(r => [r.x + r.width / 2, r.y + r.height / 2])({place}.getBoundingClientRect())"
        # Until it lies where it stays, and nothing over it.
        self.browser.waits(f"document.elementFromPoint(...{middle}) === {place}")
        x, y = self.browser.run(middle)
        given = {"x": x, "y": y, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.browser.call("Input.dispatchMouseEvent", type=kind, **given)

    def stages(self, name: str) -> list[tuple[str, ...]]:
        """Return the stages in the record of a notebook's folder, with what they come from."""
        path = self.server.root / Path(name).parent / ".provenance" / "provenance.db"
        with closing(sqlite3.connect(path)) as database:
            rows = database.execute("SELECT stage, label, origin FROM stage_tag ORDER BY id")
            return rows.fetchall()

    def marked(self, *expected: str) -> None:
        """Wait until the cells' marks are these."""
        found: list[str] = []

        def look() -> str | None:
            found[:] = self.browser.run(MARKS)
            return "" if found == list(expected) else None

        try:
            until(look)
        except TimeoutError:
            raise AssertionError(found) from None


CODE_CELLS = "[...document.querySelectorAll('.jp-CodeCell')]"
PROMPTS = f"{CODE_CELLS}.map(each => each.querySelector('.jp-InputPrompt')?.innerText ?? '')"
MARKS = f"{CODE_CELLS}.map(each => each.querySelector('.provenance-mark')?.innerText ?? '')"


def test_a_cell_edited_upstream_makes_others_stale_until_it_gives_the_same(front: Front) -> None:
    front.open("stale/x.ipynb", CELLS)
    front.run_all(4)
    front.marked("", "", "model scoring", "")
    front.edit(1, "# track: factor\nfactor = 4")
    front.marked(
        "",
        "stale: edited since it ran",
        "model scoring · stale: factor from a stale cell",
        "stale: scaled from a stale cell",
    )
    # A comment is no edit, and a run that leaves the same value makes all fresh.
    front.edit(1, "# track: factor\nfactor = 3  # as in the paper")
    front.marked("", "", "model scoring", "")
    front.edit(1, "# track: factor\nfactor = 2 + 1")
    front.marked(
        "",
        "stale: edited since it ran",
        "model scoring · stale: factor from a stale cell",
        "stale: scaled from a stale cell",
    )
    front.browser.press("Enter", 13, shift=True)
    front.marked("", "", "model scoring", "")
    front.edit(1, "# track: factor\nfactor = 5")
    front.browser.press("Enter", 13, shift=True)
    front.marked(
        "",
        "",
        "model scoring · stale: another value now in factor",
        "stale: scaled from a stale cell",
    )
    front.command("provenance:run-stale")
    front.marked("", "", "model scoring", "")


def test_a_stage_that_is_picked_is_found_in_the_database(front: Front) -> None:
    front.open("picked/x.ipynb", CELLS)
    front.run_all(4)
    front.marked("", "", "model scoring", "")
    front.browser.run(f"{CODE_CELLS}[0].querySelector('.cm-content').focus()")
    picker = f"{CODE_CELLS}[0].querySelector('.provenance-picker select')"
    front.browser.waits(f"{picker}?.getBoundingClientRect().width > 20")
    front.click(picker)
    front.browser.waits(f"{picker}.matches(':open')")
    front.browser.press("ArrowDown", 40)
    front.browser.press("Enter", 13)
    front.marked("model scoring", "", "model scoring", "")
    front.run_all(4)
    picked = ("model_scoring", "model scoring", "metadata")
    until(lambda: "" if picked in front.stages("picked/x.ipynb") else None)


def test_a_stage_is_typed_by_the_keyboard_alone(front: Front) -> None:
    front.open("typed/x.ipynb", CELLS)
    front.run_all(4)
    front.marked("", "", "model scoring", "")
    front.browser.run(f"{CODE_CELLS}[1].querySelector('.cm-content').focus()")
    front.command("provenance:set-stage")
    front.browser.waits("document.activeElement.closest('.jp-Dialog') !== null")
    front.browser.waits("document.activeElement.tagName === 'INPUT'")
    front.browser.type("Data Reading")
    front.browser.press("Enter", 13)
    front.marked("", "Data Reading", "model scoring", "")


def test_names_that_are_html_are_text(front: Front) -> None:
    stage = {"data": {"provenance": {"stage": HOSTILE}}, "factor": {"tags": [f"stage:{HOSTILE}"]}}
    front.open("hostile/x.ipynb", CELLS, **stage)
    front.marked(HOSTILE, HOSTILE, "model scoring", "")
    front.run_all(4)
    front.marked(HOSTILE, HOSTILE, "model scoring", "")
    marks = "document.querySelectorAll('.provenance-mark img, .provenance-picker img').length"
    assert front.browser.run(marks) == 0
    assert front.browser.run("document.title") != "1"
