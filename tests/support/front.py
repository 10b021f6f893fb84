"""JupyterLab or Notebook in a real Chromium, with the extension and a notebook open."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat

from support.browser import Browser, until
from support.server import TOKEN, Server

EXTENSION = Path(__file__).parents[2] / "kernel" / "lab" / "labextension"
CODE_CELLS = "[...document.querySelectorAll('.jp-CodeCell')]"
PROMPTS = f"{CODE_CELLS}.map(each => each.querySelector('.jp-InputPrompt')?.innerText ?? '')"
NUMBERS = f"{PROMPTS}.map(each => Number(/\\d+/.exec(each)?.[0] ?? 0))"
MARKS = f"{CODE_CELLS}.map(each => each.querySelector('.provenance-mark')?.innerText ?? '')"
HERE = "jupyterapp.shell.currentWidget"
PANEL = "document.querySelector('.provenance-panel iframe').contentDocument"
# A notebook that is not saved is left without being asked.
LEAVE = "addEventListener('beforeunload', each => each.stopImmediatePropagation(), true)"
CLOSE = (
    "for (const each of [...jupyterapp.shell.widgets('main')])"
    " { if (each.context) each.context.model.dirty = false; each.close(); }"
)
APPS = {"jupyterlab": "LabApp", "notebook": "JupyterNotebookApp"}


class Front:
    """A browser at an application, with one notebook open at a time."""

    def __init__(self, app: str, folder: Path) -> None:
        shutil.copytree(EXTENSION, folder / "share" / "labextensions" / "provenance-lab")
        settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        # Else it asks whether it may fetch news.
        (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
        self.is_lab = app == "jupyterlab"
        self.server = Server(
            folder,
            '--ServerApp.jpserver_extensions={"provenance_kernel.server": True}',
            f"--{APPS[app]}.expose_app_in_browser=True",
            app=app,
            JUPYTER_PATH=str(folder / "share"),
            JUPYTERLAB_SETTINGS_DIR=str(folder / "settings"),
        )
        self.browser = browser = Browser(folder / "profile")
        browser.call("Page.enable")
        browser.call("Emulation.setFocusEmulationEnabled", enabled=True)
        # Where it would lie over the code, JupyterLab hides the toolbar of a cell.
        size = {"width": 1300, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.call("Emulation.setDeviceMetricsOverride", **size)
        browser.call("Page.addScriptToEvaluateOnNewDocument", source=LEAVE)
        self._at = ""

    def close(self) -> None:
        self.browser.close()
        self.server.close()

    def write(
        self, name: str, cells: dict[str, str], kernel: str = "provenance", **metadata: Any
    ) -> Path:
        """Write a notebook below the server's root, of cells by their ids."""
        notebook = nbformat.v4.new_notebook()
        notebook.metadata["kernelspec"] = {"name": kernel, "display_name": kernel}
        for id, source in cells.items():
            given = metadata.get(id, {})
            notebook.cells.append(nbformat.v4.new_code_cell(source, id=id, metadata=given))
        path = self.server.root / name
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)
        return path

    def open(
        self, name: str, cells: dict[str, str], kernel: str = "provenance", **metadata: Any
    ) -> None:
        """Write a notebook and show it alone, until its kernel is idle."""
        self.write(name, cells, kernel, **metadata)
        self.show(name)

    def show(self, name: str) -> None:
        """Show a notebook alone, until its kernel is idle."""
        if self.is_lab and self._at:
            self.browser.run(CLOSE)
            self.browser.waits("document.querySelectorAll('.jp-NotebookPanel').length === 0")
            self.command("docmanager:open", path=name)
        else:
            self.browser.call("Page.navigate", url="about:blank")
            way = "lab/tree" if self.is_lab else "notebooks"
            url = f"http://127.0.0.1:{self.server.port}/{way}/{name}?token={TOKEN}&reset"
            self.browser.call("Page.navigate", url=url)
            self.browser.waits("window.jupyterapp")
        self._at = name
        self.browser.waits(f"{HERE}?.context?.path === {json.dumps(name)}")
        self.browser.waits("document.querySelector('.provenance-picker select')")
        self.browser.run("document.querySelector('.jp-Notebook .jp-CodeCell').focus()")
        self.browser.waits(f"{HERE}.sessionContext?.session?.kernel?.status === 'idle'")

    def command(self, command: str, **given: str) -> None:
        ask = f"{json.dumps(command)}, {json.dumps(given)}"
        self.browser.run(f"void jupyterapp.commands.execute({ask})")

    def panel(self, way: str = "") -> None:
        """Show the panel, of what the address behind # says."""
        self.command("provenance:show-panel")
        self.browser.waits(f"{PANEL}?.querySelector('main')?.innerText")
        if way:
            self.browser.run(f"void ({PANEL}.location.hash = {json.dumps(way)})")

    def sees(self, text: str) -> str:
        """Return what is written in the panel as soon as a text is among it."""
        return self.browser.sees(text, f"{PANEL}.querySelector('main')")

    def run_all(self, count: int) -> None:
        """Run all cells, and wait until so many have run since."""
        last = self.browser.run(f"Math.max(...{NUMBERS})")
        self.command("notebook:run-all-cells")
        self.browser.waits(f"{NUMBERS}.filter(each => each > {last}).length >= {count}")

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
