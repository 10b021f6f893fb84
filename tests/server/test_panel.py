"""The panel and the cells in a real Chromium on JupyterLab: what people do there."""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
import zlib
from contextlib import closing
from pathlib import Path

import nbformat
import pytest

from store.samples import write
from support.browser import EXECUTABLE, until
from support.databases import DEFAULT, Archive, enlarge
from support.front import CODE_CELLS, HERE, MARKS, PANEL, Front
from support.kernels import running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(EXECUTABLE is None, reason="there is no Chromium"),
    pytest.mark.parametrize("front", ["jupyterlab"], indirect=True),
]
ROWS = f"[...{PANEL}.querySelectorAll('tbody tr')].map(each => each.cells[2].innerText)"
STOCK = {"x": "1"}


def picture(shade: int) -> bytes:
    """Return a PNG of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes([0, shade]))),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in parts)


PICTURES = {3: picture(30), 5: picture(200)}
CELLS = {
    "factor": "# track: factor\nfactor = 3",
    "model": "# stage: model scoring\nscaled = [factor * each for each in range(4)]",
    "draw": "# stage: model scoring\nfrom IPython.display import Image\n"
    f"Image({PICTURES!r}[factor])",
    "score": "# metric: score\nscore = sum(scaled)\nprint('-' * 200, 'a score of', score)",
}


def of_record(front: Front, recorded: Path, name: str) -> Path:
    """Copy a record beside a notebook on a stock kernel, show both, and return the database."""
    shutil.copytree(recorded, front.server.root / name / ".provenance")
    front.open(f"{name}/x.ipynb", STOCK, kernel="python3")
    return front.server.root / name / DEFAULT


def test_two_results_of_one_session_are_compared_side_by_side(front: Front) -> None:
    front.open("two/x.ipynb", CELLS)
    front.run_all(4)
    front.edit(0, "# track: factor\nfactor = 5")
    front.run_all(4)
    # Written behind the reply.
    archive = Archive(front.server.root / "two" / DEFAULT)
    shown = "SELECT DISTINCT cell_run_id FROM output"
    until(lambda: "" if len(archive.values(shown)) == 4 else None)
    front.panel("results")
    front.sees("the latest first")
    until(lambda: "" if front.browser.run(ROWS) == ["30", "18"] else None)
    front.browser.run(
        f"{PANEL}.querySelectorAll('main input[type=checkbox]').forEach(each => each.click())"
    )
    front.browser.run(f"{PANEL}.querySelector('main > button').click()")
    front.sees("values differ: factor")
    # Whole, where they are kept.
    front.sees("a score of 18")
    front.sees("a score of 30")
    marked = f"[...{PANEL}.querySelectorAll('mark')].map(each => each.innerText.trim())"
    assert sorted(front.browser.run(marked)) == ["factor = 3", "factor = 5"]
    pictures = f"[...{PANEL}.querySelectorAll('.sides img')]"
    front.browser.waits(f"{pictures}.filter(each => each.naturalWidth === 1).length === 2")
    assert len(set(front.browser.run(f"{pictures}.map(each => each.src)"))) == 2


def test_ten_thousand_results_are_sorted_and_filtered(front: Front, recorded: Path) -> None:
    enlarge(of_record(front, recorded, "many"), 10_000)
    front.panel("results")
    front.sees("the first 100")
    front.browser.run(f"{PANEL}.querySelector('th a').click()")
    front.sees("by score")
    assert front.browser.run(ROWS)[0] == "10100"
    front.browser.run(f"{PANEL}.querySelector('[name=where]').value = 'score = 4321'")
    front.browser.run(f"{PANEL}.querySelector('main form').requestSubmit()")
    until(lambda: "" if front.browser.run(ROWS) == ["4321"] else None)


def test_a_lineage_of_three_hundred_nodes_is_walked(front: Front, tmp_path: Path) -> None:
    with running(tmp_path) as kernel:
        kernel.execute("x0 = 1")
        for number in range(1, 150):
            kernel.execute(f"x{number} = x{number - 1} + 1")
    of_record(front, tmp_path / "work" / ".provenance", "long")
    front.panel("lineage/x149")
    front.sees("What x149 came from")
    assert front.browser.run(f"{PANEL}.querySelectorAll('.node').length") >= 300
    front.browser.run(f"{PANEL}.querySelector('.root').focus()")
    for _ in range(20):
        front.browser.press("ArrowUp", 38)
    assert "x139" in front.browser.run(f"{PANEL}.querySelector('.detail').innerText")
    for _ in range(20):
        front.browser.press("ArrowDown", 40)
    assert front.browser.run(f"{PANEL}.activeElement.classList.contains('root')") is True


def test_a_verification_is_watched_and_cancelled(front: Front, recorded: Path) -> None:
    path = of_record(front, recorded, "again")
    code = "SELECT code_hash FROM cell_run ORDER BY trial_id DESC, position DESC LIMIT 1"
    slow = "import time; time.sleep(3600)"
    write(path, f"UPDATE code SET source = '{slow}' WHERE hash = ({code})")
    front.panel("verify/latest")
    front.sees("Verify latest")
    front.browser.run(f"{PANEL}.querySelector('main form').requestSubmit()")
    assert "4/4 " in front.sees("time.sleep(3600)")
    front.browser.run(f"{PANEL}.querySelector('section button').click()")
    front.sees("cancelled")


def test_what_an_untrusted_notebook_shows_stays_dead(front: Front) -> None:
    path = front.write("foreign/x.ipynb", {"a": "# stage: <b>x</b>\n1"})
    notebook = nbformat.read(path, as_version=4)
    alive = {"text/html": "<b>alive</b><script>document.title = 'alive'</script>"}
    notebook.cells[0].outputs = [nbformat.v4.new_output("display_data", alive)]
    nbformat.write(notebook, path)
    front.show("foreign/x.ipynb")
    front.marked("<b>x</b>")
    assert front.browser.run(f"{HERE}.model.cells.get(0).trusted") is False
    front.command("provenance:set-stage")
    front.browser.waits("document.activeElement.closest('.jp-Dialog input') !== null")
    front.browser.type("safe")
    front.browser.press("Enter", 13)
    front.marked("safe, <b>x</b>")
    assert front.browser.run(f"{HERE}.model.cells.get(0).trusted") is False
    assert front.browser.run("document.title") != "alive"


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_marks_and_panel_are_as_the_theme(front: Front, recorded: Path, theme: str) -> None:
    of_record(front, recorded, theme)
    stage = {"provenance": {"stage": "one"}}
    front.open(f"{theme}/y.ipynb", STOCK, kernel="python3", x=stage)
    front.panel("results")
    front.sees("the latest first")
    front.command("apputils:change-theme", theme=f"JupyterLab {theme}")
    light = theme == "Light"
    front.browser.waits(f"{PANEL}.documentElement.style.colorScheme === '{theme.lower()}'")
    for place in (f"{PANEL}.body", f"{CODE_CELLS}[0].querySelector('.provenance-mark')"):
        style = f"{place}.ownerDocument.defaultView.getComputedStyle({place}).color"
        seen = f"{style}.match(/[\\d.]+/g).slice(0, 3).map(Number)"
        front.browser.waits(f"{seen}.reduce((a, b) => a + b) {'<' if light else '>'} 380")


def test_the_panel_is_reached_by_the_keyboard_alone(front: Front, recorded: Path) -> None:
    of_record(front, recorded, "keys")
    front.command("apputils:activate-command-palette")
    front.browser.waits("document.activeElement.closest('.lm-CommandPalette') !== null")
    front.browser.type("Show Results, Trials")
    front.browser.waits("document.querySelectorAll('.lm-CommandPalette-item').length === 1")
    front.browser.press("Enter", 13)
    front.browser.waits("document.activeElement.closest('.provenance-panel') !== null")
    front.sees("the latest first")
    focused = f"{PANEL}.activeElement.getAttribute('href') ?? ''"
    for _ in range(20):
        front.browser.press("Tab", 9)
        if str(front.browser.run(focused)).startswith("#lineage/score"):
            break
    front.browser.press("Enter", 13)
    front.sees("What score came from")


def test_marks_and_panel_answer_while_the_kernel_is_busy(front: Front) -> None:
    wait = "import pathlib, time\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.01)"
    front.open("busy/x.ipynb", {**CELLS, "wait": wait})
    front.run_all(4)
    front.browser.waits(f"{HERE}.sessionContext.session.kernel.status === 'busy'")
    front.edit(0, "# track: factor\nfactor = 5")
    until(lambda: "" if "edited" in front.browser.run(MARKS)[0] else None)
    front.panel("results")
    front.sees("18")
    (front.server.root / "busy" / "go").touch()
    front.browser.waits(f"{HERE}.sessionContext.session.kernel.status === 'idle'")


def test_a_locked_database_is_told_and_marks_stand(front: Front, recorded: Path) -> None:
    path = of_record(front, recorded, "locked")
    front.open("locked/y.ipynb", STOCK, kernel="python3", x={"tags": ["stage:one"]})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = delete")
        connection.execute("BEGIN EXCLUSIVE")
        front.panel("trials")
        front.sees("locked")
        front.marked("one")
        connection.rollback()
    front.panel("results")
    front.sees("the latest first")


def test_a_folder_without_a_record_says_so(front: Front) -> None:
    front.open("nothing/x.ipynb", STOCK, kernel="python3")
    front.panel("trials")
    front.sees("no provenance database here")


def test_the_panel_follows_the_notebook_that_is_shown(front: Front, recorded: Path) -> None:
    of_record(front, recorded, "here")
    front.panel("results")
    front.sees("the latest first")
    front.open("there/x.ipynb", STOCK, kernel="python3")
    front.sees("no provenance database here")


def test_plots_are_drawn_and_a_trial_is_starred(front: Front, recorded: Path) -> None:
    path = of_record(front, recorded, "drawn")
    front.panel("plots/score/factor")
    front.sees("as a table")
    assert front.browser.run(f"{PANEL}.querySelectorAll('circle').length") == 2
    front.panel("trials")
    front.sees("Trials, the latest first")
    front.browser.run(f"{PANEL}.querySelector('[aria-label^=star]').click()")
    front.sees("★")
    assert Archive(path).values("SELECT starred FROM note") == [1]


def test_cells_of_one_stage_have_one_colour(front: Front) -> None:
    stages = {"a": "# stage: one\n1", "b": "# stage: two\n2", "c": "# stage: ONE\n3", "d": "4"}
    front.open("colours/x.ipynb", stages, kernel="python3")
    front.marked("one", "two", "ONE", "")
    edges = "[...document.querySelectorAll('.jp-CodeCell > .jp-Cell-inputWrapper')]"
    edges += ".map(each => getComputedStyle(each).boxShadow)"
    one, two, same, none = front.browser.run(edges)
    assert one == same
    assert len({one, two, none}) == 3
    front.edit(3, "# stage: two\n4")
    front.marked("one", "two", "ONE", "two")


def test_a_picked_stage_is_in_the_saved_file_of_any_kernel(front: Front) -> None:
    given = {"provenance": {"other": 1}, "tags": ["mine"]}
    front.open("saved/x.ipynb", STOCK, kernel="python3", x=given)
    front.command("provenance:set-stage")
    front.browser.waits("document.activeElement.closest('.jp-Dialog input') !== null")
    front.browser.type("kept")
    front.browser.press("Enter", 13)
    front.marked("kept")
    front.command("docmanager:save")
    front.browser.waits(f"{HERE}.context.model.dirty === false")
    saved = nbformat.read(front.server.root / "saved" / "x.ipynb", as_version=4)
    assert saved.cells[0].metadata["provenance"] == {"other": 1, "stage": "kept"}


@pytest.mark.parametrize(
    ("line", "offered"), [("# stage: mod", "model scoring"), ("# track: fac", "factor")]
)
def test_tab_completes_stages_and_names(front: Front, line: str, offered: str) -> None:
    front.open("completed/x.ipynb", {**CELLS, "last": "pass"})
    front.run_all(5)
    front.edit(4, line)
    front.browser.press("Tab", 9)
    there = f"{CODE_CELLS}[4].querySelector('.cm-content').innerText"
    items = "[...document.querySelectorAll('.jp-Completer-item')].map(each => each.innerText)"
    seen = (
        f"{there}.includes({json.dumps(offered)}) || {items}.join().includes({json.dumps(offered)})"
    )
    front.browser.waits(seen)


def test_a_cell_of_two_hundred_is_marked_as_it_comes_into_view(front: Front) -> None:
    cells = {f"c{number}": f"# stage: s{number}\n{number}" for number in range(200)}
    front.open("deep/x.ipynb", cells, kernel="python3")
    config = f"{HERE}.content.notebookConfig"
    front.browser.run(f"void ({config} = {{...{config}, windowingMode: 'full'}})")
    stage = f"{HERE}.content.widgets[199].node.querySelector('.provenance-mark')?.innerText"
    front.browser.run(f"void {HERE}.content.scrollToItem(199)")
    front.browser.waits(f"{stage} === 's199'")
    assert front.browser.run(f"{CODE_CELLS}.length") < 200
    front.browser.run(f"void {HERE}.content.scrollToItem(0)")
    front.browser.waits("document.querySelector('.provenance-mark')?.innerText === 's0'")
