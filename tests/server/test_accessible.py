"""axe on each panel and on cells with marks: nothing serious or critical, in light and dark.

It comes with what `make lab-build` installs, and not with the tests.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.browser import EXECUTABLE, Browser, until
from support.front import Front
from support.server import Server, visit

AXE = Path(__file__).parents[2] / "kernel/lab/node_modules/axe-core/axe.min.js"
PANELS = {
    "results": "the latest first",
    "trials": "Trials, the latest first",
    "trial/latest": "Cell runs of",
    "compare": "values differ",
    "lineage/score": "What score came from",
    "plots/score/factor": "as a table",
    "plots/score": "as a table",
    "stale": "No cell is stale.",
    "verify/latest": "Verify latest",
    "trial/none": "no such trial",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(EXECUTABLE is None, reason="there is no Chromium"),
    pytest.mark.skipif(not AXE.exists(), reason="there is no axe-core: make lab-build installs it"),
]


def grave(browser: Browser, context: str) -> list[Any]:
    """Return what axe finds serious or critical, with the first place of each."""
    browser.run(f"{AXE.read_text()}; void 0")
    browser.run(f"window.axed = null; void axe.run({context}).then(each => window.axed = each)")
    browser.waits("window.axed")
    found = "window.axed.violations.filter(each => ['serious', 'critical'].includes(each.impact))"
    return json.loads(
        browser.run(f"JSON.stringify({found}.map(each => [each.id, each.nodes[0].html]))")
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_panels(browser: Browser, server: Server, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.call("Emulation.setEmulatedMedia", features=features)
    found = {}
    for way, text in PANELS.items():
        visit(browser, server, way)
        browser.sees(text)
        found[way] = grave(browser, "document")
    assert {way: each for way, each in found.items() if each} == {}


@pytest.mark.parametrize("theme", ["Light", "Dark"])
@pytest.mark.parametrize("front", ["jupyterlab"], indirect=True)
def test_cells(front: Front, theme: str) -> None:
    cells = {f"c{number}": f"# stage: s{number}\n{number}" for number in range(6)}
    front.open("accessible/x.ipynb", {**cells, "last": "1"})
    front.run_all(7)
    front.edit(0, "# stage: s0\n8")
    until(lambda: "" if "edited" in front.browser.run("document.body.innerText") else None)
    front.command("apputils:change-theme", theme=f"JupyterLab {theme}")
    front.browser.waits(f"document.body.dataset.jpThemeLight === '{str(theme == 'Light').lower()}'")
    context = "{include: [['.provenance-mark'], ['.provenance-picker'], ['.provenance-panel']]}"
    assert grave(front.browser, context) == []
