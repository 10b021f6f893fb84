"""The extension in a real Chromium, on JupyterLab and on Notebook: pickers and marks of cells."""

from __future__ import annotations

import pytest

from support.browser import EXECUTABLE, until
from support.front import CODE_CELLS, PANEL, Front

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


def test_a_stage_is_asked_for_in_the_corner_where_no_toolbar_fits(front: Front) -> None:
    front.open("corner/x.ipynb", {"data": "rows = " + str(list(range(300)))})
    corner = f"{CODE_CELLS}[0].querySelector('.provenance-mark')"
    front.browser.waits(f"{corner}?.ariaLabel === 'Stage of this cell: none'")
    front.click(corner)
    front.browser.waits("document.activeElement.closest('.jp-Dialog') !== null")
    front.browser.waits("document.activeElement.tagName === 'INPUT'")
    front.browser.type("data reading")
    front.browser.press("Enter", 13)
    front.marked("data reading")


def test_the_panel_has_the_results_of_the_notebook(front: Front) -> None:
    front.open("shown/x.ipynb", CELLS)
    front.run_all(4)
    front.marked("", "", "model scoring", "")
    front.panel("results")
    assert "18" in front.sees("the latest first")
    front.browser.run(f"{PANEL}.querySelector('a[href^=\"#lineage/score\"]').click()")
    assert "factor" in front.sees("What score came from")


def test_names_that_are_html_are_text(front: Front) -> None:
    stage = {"data": {"provenance": {"stage": HOSTILE}}, "factor": {"tags": [f"stage:{HOSTILE}"]}}
    front.open("hostile/x.ipynb", CELLS, **stage)
    front.marked(HOSTILE, HOSTILE, "model scoring", "")
    front.run_all(4)
    front.marked(HOSTILE, HOSTILE, "model scoring", "")
    marks = "document.querySelectorAll('.provenance-mark img, .provenance-picker img').length"
    assert front.browser.run(marks) == 0
    assert front.browser.run("document.title") != "1"
