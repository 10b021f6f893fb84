"""The page in a real Chromium: results, differences, lineage, stale cells, and hostile names."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request

import pytest

from store.samples import write
from support.browser import EXECUTABLE, Browser, until
from support.databases import DEFAULT, Archive, enlarge
from support.server import Server, visit

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(EXECUTABLE is None, reason="there is no Chromium"),
]
HOSTILE = "<img src=x onerror=document.title=1>"


def column(browser: Browser, number: int) -> list[str]:
    cells = f"document.querySelectorAll('tbody tr td:nth-child({number})')"
    found: list[str] = browser.run(f"[...{cells}].map(each => each.innerText)")
    return found


def test_results_are_shown_and_sorted_by_a_click(browser: Browser, server: Server) -> None:
    visit(browser, server, "results")
    browser.sees("the latest first")
    assert column(browser, 3) == ["95", "57"]
    browser.run("document.querySelector('th a').click()")
    browser.sees("by score")
    assert column(browser, 3) == ["95", "57"]
    browser.run("location.hash = 'results/score/ascending'")
    browser.sees("57\t3")
    browser.run("document.querySelector('th a').click()")
    browser.sees("95\t5")


def test_two_results_are_chosen_and_compared(browser: Browser, server: Server) -> None:
    visit(browser, server, "results")
    browser.sees("the latest first")
    button = "document.querySelector('main > button')"
    assert browser.run(f"{button}.disabled") is True
    browser.run("document.querySelectorAll('main input').forEach(each => each.click())")
    assert browser.run(f"{button}.disabled") is False
    browser.run(f"{button}.click()")
    text = browser.sees("values differ")
    assert "score" in text
    assert "factor" in text


def test_a_lineage_is_walked_from_a_metric_by_keyboard_alone(
    browser: Browser, server: Server
) -> None:
    visit(browser, server, "results")
    browser.sees("the latest first")
    focused = "document.activeElement.getAttribute('href') ?? ''"
    for _ in range(20):
        browser.press("Tab", 9)
        if str(browser.run(focused)).startswith("#lineage/score"):
            break
    browser.press("Enter", 13)
    assert "factor" in browser.sees("What score came from")
    opened = "document.querySelectorAll('details[open]').length"
    before = browser.run(opened)
    while browser.run("document.activeElement.tagName") != "SUMMARY":
        browser.press("Tab", 9)
    browser.press("Enter", 13)
    assert browser.run(opened) == before - 1


def test_trials_and_stale_cells(browser: Browser, server: Server) -> None:
    visit(browser, server, "trials")
    browser.sees("Trials, the latest first")
    browser.run("document.querySelector('td a').click()")
    assert "def model(x)" in browser.sees("Cell runs of")
    browser.run("document.querySelector('nav a[href=\"#stale\"]').click()")
    browser.sees("No cell is stale.")
    current = "document.querySelector('nav a[aria-current]').innerText"
    assert browser.run(current) == "stale"


def test_a_trial_is_noted_starred_and_deleted(
    browser: Browser, server: Server, another: str
) -> None:
    visit(browser, server, "trials", notebook=another)
    browser.sees("Trials, the latest first")
    press(browser, "star 0")
    browser.sees("★")
    browser.run("document.querySelector('td a').click()")
    browser.sees("Cell runs of")
    browser.run("document.querySelector('[name=name]').value = 'the <b>best'")
    browser.run("document.querySelector('[name=tags]').value = 'one two'")
    browser.run("document.querySelector('main form').requestSubmit()")
    archive = Archive(server.root / another / DEFAULT)
    until(lambda: "done" if archive.values("SELECT name FROM note") == ["the <b>best"] else None)
    assert archive.values("SELECT tags FROM note") == ['["one", "two"]']
    browser.run("location.hash = 'trials'")
    browser.sees("the <b>best #one #two")
    press(browser, "delete 0")
    # The second button has the focus off it, so that a key pressed twice deletes nothing.
    assert browser.run("document.activeElement.innerText") == "keep"
    press(browser, "delete 0", "for good")
    until(lambda: None if "the <b>best" in shown(browser) else "gone")
    assert len(archive.trials()) == 1


def press(browser: Browser, label: str, end: str = "") -> None:
    """Press the first button whose name begins, and ends, so."""
    wanted = f"each => each.ariaLabel.startsWith('{label}') && each.ariaLabel.endsWith('{end}')"
    browser.run(f"[...document.querySelectorAll('main button')].find({wanted}).click()")


def shown(browser: Browser) -> str:
    return str(browser.run("document.querySelector('main').innerText"))


def test_a_verification_is_watched_and_another_cancelled(
    browser: Browser, server: Server, another: str
) -> None:
    visit(browser, server, "verify/latest", notebook=another)
    browser.sees("Verify latest")
    submit = "document.querySelector('main form').requestSubmit()"
    browser.run("document.querySelector('[name=runs]').value = 0")
    browser.run(submit)
    browser.sees("/4 ")
    browser.sees("By stage")
    assert "reproduced" in shown(browser)
    code = "SELECT code_hash FROM cell_run ORDER BY trial_id DESC, position DESC LIMIT 1"
    slow = "import time; time.sleep(3600)"
    write(
        server.root / another / DEFAULT, f"UPDATE code SET source = '{slow}' WHERE hash = ({code})"
    )
    browser.run(submit)
    browser.sees("time.sleep(3600)")
    browser.run("document.querySelector('section button').click()")
    browser.sees("cancelled")


def test_plots_of_a_metric(browser: Browser, server: Server) -> None:
    visit(browser, server, "plots/score/factor")
    browser.sees("as a table")
    titles = "[...document.querySelectorAll('circle title')].map(each => each.textContent)"
    assert [each.split(": ")[1] for each in browser.run(titles)] == ["3, 57", "5, 95"]
    higher = "[...document.querySelectorAll('circle')].map(each => Number(each.getAttribute('cy')))"
    first, second = browser.run(higher)
    assert first > second
    browser.run("document.querySelector('[name=against]').value = ''")
    browser.run("document.querySelector('main form').requestSubmit()")
    browser.sees("trial, the oldest first")


def test_arrow_keys_walk_a_lineage(browser: Browser, server: Server) -> None:
    visit(browser, server, "lineage/score")
    browser.sees("What score came from")
    browser.run("document.querySelector('.root').focus()")
    detail = "document.querySelector('.detail').innerText"
    browser.press("ArrowUp", 38)
    assert str(browser.run(detail)).startswith("run · run 4")
    browser.press("ArrowDown", 40)
    assert str(browser.run(detail)).startswith("value · score")
    assert browser.run("document.activeElement.classList.contains('root')") is True
    boxes = json.loads(
        browser.run(
            "JSON.stringify([...document.querySelectorAll('.node')]"
            ".map(each => each.getAttribute('transform')))"
        )
    )
    assert len(set(boxes)) == len(boxes) > 10


def test_code_is_shown_side_by_side(browser: Browser, server: Server) -> None:
    visit(browser, server, "compare")
    browser.sees("values differ")
    marked = "[...document.querySelectorAll('mark')].map(each => each.innerText.trim())"
    assert browser.run(marked) == ["factor = 3", "factor = 5"]


def test_ten_thousand_results_are_sorted_and_narrowed(
    browser: Browser, server: Server, another: str
) -> None:
    enlarge(server.root / another / DEFAULT, 10_000)
    visit(browser, server, "results", notebook=another)
    browser.sees("the first 100")
    browser.run("document.querySelector('main > a').click()")
    browser.sees("the first 400")
    assert len(column(browser, 3)) == 400
    browser.run("document.querySelector('th a').click()")
    browser.sees("by score")
    assert column(browser, 3)[0] == "10100"
    browser.run("document.querySelector('[name=where]').value = 'score = 4321'")
    browser.run("document.querySelector('main form').requestSubmit()")
    until(lambda: "one" if column(browser, 3) == ["4321"] else None)
    browser.run("document.querySelector('[name=where]').value = 'score >'")
    browser.run("document.querySelector('main form').requestSubmit()")
    until(
        lambda: "told" if browser.run("document.querySelector('[role=alert]') !== null") else None
    )


def test_a_mistake_is_told(browser: Browser, server: Server) -> None:
    visit(browser, server, "trial/zzz")
    browser.sees("no such trial")
    assert browser.run("document.querySelectorAll('[role=alert]').length") == 1


def test_what_a_database_says_is_shown_as_text(browser: Browser, server: Server) -> None:
    other = server.root / "hostile"
    (other / ".provenance").mkdir(parents=True)
    try:
        shutil.copy(server.root / DEFAULT, other / DEFAULT)
        for table, name in (("tracked_value", "name"), ("trial", "notebook"), ("code", "source")):
            write(other / DEFAULT, f"UPDATE {table} SET {name} = '{HOSTILE}'")
        for way in ("results", "trials", "trial/latest"):
            visit(browser, server, way, notebook="hostile")
            browser.sees(HOSTILE)
            assert browser.run("document.querySelectorAll('main img').length") == 0
            assert browser.run("document.title") == "Provenance"
    finally:
        shutil.rmtree(other)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(browser: Browser, server: Server, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.call("Emulation.setEmulatedMedia", features=features)
    visit(browser, server, "results")
    browser.sees("the latest first")
    colours = json.loads(
        browser.run(
            "(() => {"
            "const mark = document.createElement('div');"
            "mark.style.cssText = 'color: CanvasText; background: Canvas';"
            "document.body.append(mark);"
            "const style = getComputedStyle(mark);"
            "const parts = text => text.match(/\\d+/g).slice(0, 3).map(Number);"
            "return JSON.stringify([parts(style.color), parts(style.backgroundColor)]);"
            "})()"
        )
    )
    text, ground = (sum(each) for each in colours)
    assert (ground > text) == (scheme == "light")
    assert abs(ground - text) > 600


def test_nobody_sees_the_page_without_the_token(server: Server) -> None:
    address = f"http://127.0.0.1:{server.port}/provenance/page.js"
    with urllib.request.urlopen(address, timeout=60) as reply:
        assert "/login" in reply.url
