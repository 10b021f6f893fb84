"""What came from a notebook is shown and never obeyed, in whatever is printed or displayed."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from provenance_kernel.cli import main
from provenance_kernel.display import registry, reports
from provenance_kernel.records import Dependency, Statement, TrackedValue, Variable, new_id
from provenance_kernel.store.store import Store
from provenance_kernel.trials import stale
from provenance_kernel.trials.answer import Answer
from provenance_kernel.trials.compare import compare
from provenance_kernel.trials.lineage import lineage
from provenance_kernel.trials.query import detail, listing, results, series, values
from provenance_kernel.trials.query import naming as query
from provenance_kernel.trials.refresh import Plan, Step
from provenance_kernel.trials.slicing import slice
from provenance_kernel.verify.report import Found, Report, Sides, StageVerdict
from store.samples import a_code, a_run, a_tag, a_trial, an_activation, minutes
from support.databases import DEFAULT

ATTACKS = {
    "script": "<script>alert(1)</script>",
    "handler": '"><img src=x onerror=alert(1)>',
    "attribute": "' onmouseover='alert(1)",
    "svg": "</text></svg><svg onload=alert(1)>",
    "style": "</style><style>*{display:none}</style>",
    "entity": "&lt;script&gt;alert(1)&lt;/script&gt;",
    "url": "javascript:alert(1)",
    "ansi": "\x1b[2J\x1b[31mred",
    "c1": "\x9b31mred",
    "osc": "\x1b]0;owned\x07",
    "hyperlink": "\x1b]8;;https://example.org\x1b\\click\x1b]8;;\x1b\\",
    "backspace": "safe\b\b\b\bevil",
    "carriage return": "safe\revil",
    "bidi override": "abc\u202edef",
    "bidi isolate": "\u2066abc\u2069",
    "zero width": "ad\u200bmin\ufeff",
    "separator": "one\u2028two\u2029three\x85four",
    "formula": "=HYPERLINK(1)",
    "plus": "+1+cmd|' /C calc'!A0",
    "minus": "-2+3",
    "at": "@SUM(1)",
    "tab": "\t=1+1",
    "mermaid": 'a"]; click a href "javascript:alert(1)" %%{init: {}}%%',
    "mermaid end": "end\nsubgraph x\nclassDef default fill:#f00",
    "dot": 'a"]; b [URL="javascript:alert(1)"]; c ["',
    "dot backslash": 'a\\"] x \\',
    "rich markup": "[red]x[/red][link=https://example.org]y[/link]",
    "surrogate": "half \ud800 pair",
    "nul": "a\x00b",
    "huge": "x" * 200_000,
}
# What a terminal or an editor would act on, or show otherwise than it is.
ACTS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
TAGS = frozenset(
    re.findall(
        r"\w+",
        "a b body br code defs details div em g h1 h3 h4 hr i li line main marker ol p path "
        "polygon polyline pre rect section small span strong style summary svg table tbody td text "
        "th thead title tr tspan ul",
    )
)


class Page(HTMLParser):
    """Fails on what no page of ours has."""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        for name, value in attributes:
            assert not name.startswith("on"), (tag, name)
            assert not (value or "").strip().lower().startswith("javascript:"), (tag, name)


def _record(path: Path, attack: str) -> None:
    """Two trials in which everything that a notebook decides is the attack."""
    records: list[object] = []
    for number in range(2):
        trial = a_trial(notebook=f"/{attack}", started_at=minutes(number), status="finished")
        source = f"x = 1\n# {attack}" if number else f"y = {attack!r}"
        first = a_run(trial, source, error_name=attack, error_value=attack, cell_id=attack)
        second = a_run(trial, source, position=2)
        root = an_activation(first)
        records += [trial, a_code(source), first, second, root]
        records.append(a_tag(first, attack, root))
        records.append(
            an_activation(
                first,
                parent_id=root.id,
                name=attack,
                arguments={attack: f"{attack}{number}"},
                result=attack,
            )
        )
        for run in (first, second):
            seen = Variable(new_id(), run.id, attack, "write", attack, f"{attack}{number}")
            records.append(replace(seen, digest=f"{number:032x}", exactness="exact"))
            did = Statement(new_id(), run.id, 0, 1, 1, "ran", [], [attack], [], [], attack)
            records.append(did)
            for role in ("parameter", "metric"):
                for value, figure in ((f"{attack}{number}", None), (number, float(number))):
                    row = (new_id(), trial.id, run.id, None, attack, role, value, figure)
                    records.append(TrackedValue(*row))  # type: ignore[arg-type]
        records.append(Dependency(new_id(), second.id, first.id, attack))
    store = Store(path)
    try:
        store.put(records)
    finally:
        store.close()


@pytest.fixture(params=ATTACKS.values(), ids=ATTACKS.keys())
def attack(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PROVENANCE_DATABASE", raising=False)
    _record(Path(DEFAULT), request.param)
    # A database takes no half of a pair, and has it escaped.
    text: str = request.param
    return text.encode("utf-8", "backslashreplace").decode()


def _answers(attack: str) -> list[Answer]:
    database = query.open_database(None, Path.cwd())
    try:
        one, other = (query.find_trial(database, name) for name in ("latest~1", "latest"))
        stale_cells = stale.stale_cells(database, one, {attack: "x = 2"})
        return [
            listing.list_trials(database),
            detail.show_trial(database, one),
            compare.compare(database, one, other),
            compare.compare(database, one, other, everything=True),
            compare.compare_many(database, one, [other]),
            values.values(database, attack),
            series.over_trials(database, attack),
            series.against(database, attack, attack),
            series.stage_times(database, one),
            lineage.lineage_of(database, attack, one),
            slice.slice_of(database, attack, one),
            results.results(database),
            results.results(database, everything=True),
            stale_cells,
            Plan(one.id, (attack,), (Step(stale_cells.stale[0], attack, {}),), 2, True),
            _report(attack),
        ]
    finally:
        database.close()


PICTURE = ("image/png", "QUJD")


def _report(attack: str) -> Report:
    """A verification in which everything that a notebook, or a package's index, decides is that."""
    found = Found(1, attack, attack, "different", "input", "shown", attack, code=attack)
    shown = (("image/png", attack), (attack, "QUJD"), ("text/plain", attack))
    return Report(
        *("not_reproduced", attack, 2, (StageVerdict(attack, "different"),), (found,)),
        notebook=f"/{attack}",
        notes=(attack,),
        denied=(attack,),
        packages={f"{attack}\n--index-url": attack, "numpy": "2.0"},
        sides=(Sides("1", (attack, attack), ((attack, attack, attack),), (shown, (PICTURE,))),),
    )


def test_each_kind_of_answer_is_attacked(attack: str) -> None:
    # Curves are drawn of numbers alone, and told by the same settings as results.
    attacked = {type(each).__name__ for each in _answers(attack)}
    assert registry.VIEWS.keys() - attacked <= {"Curves"}


def test_files_of_a_verification(attack: str) -> None:
    report = _report(attack)
    page = reports.page([report])
    page, pictures = re.subn(
        r'<img alt="a picture" src="data:image/png;base64,[\w+/=]+">', "", page
    )
    assert pictures >= 1
    assert not ACTS.search(page)
    shown = Page()
    shown.feed(page[page.index("<body") : page.index("</body")])
    junit = reports.junit([report])
    assert not ACTS.search(junit)
    assert ElementTree.fromstring(junit).find("testsuite/testcase/failure") is not None
    lines = [line for line in reports.lock([report]).splitlines() if not line.startswith("#")]
    assert lines == ["numpy==2.0"]


def test_pages_of_comparisons(attack: str, tmp_path: Path) -> None:
    pages = [each for each in _answers(attack) if type(each).__name__.startswith("Comparison")]
    for answer in pages:
        write = registry.view(answer).write
        assert write is not None
        write(answer, tmp_path / "c.html")
        page = (tmp_path / "c.html").read_text()
        assert not ACTS.search(page)
        shown = Page()
        shown.feed(page[page.index("<body") : page.index("</body")])
    assert len(pages) == 3


def test_displays(attack: str) -> None:
    for answer in _answers(attack):
        kind = type(answer).__name__
        shown = registry.bundle(answer)
        text = shown["text/plain"]
        for mime, content in shown.items():
            assert not ACTS.search(content), (kind, mime)
        page = Page()
        page.feed(shown.get("text/html", ""))
        page.close()
        if kind != "Slice":
            # Code is never cut.
            assert len(text) < 60_000, kind


def test_graphs(attack: str) -> None:
    from provenance_kernel.display import lineage

    found = next(each for each in _answers(attack) if type(each).__name__ == "Lineage")
    mermaid, dot = lineage.mermaid(found), lineage.dot(found)
    for language in (mermaid, dot):
        assert not ACTS.search(language)
    # Text stands between quotation marks, and ends at the next one.
    outside = re.sub(r'"[^"\n]*"', '""', mermaid)
    assert not re.search(r"alert|click|init|onload|<", outside)
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', '""', dot)
    assert not re.search(r"alert|URL|<", outside)


@pytest.mark.slow
@pytest.mark.parametrize("words", ["list", "show", "compare latest~1 latest", "values NAME"])
def test_csv(attack: str, words: str) -> None:
    arguments = [attack if word == "NAME" else word for word in words.split()]
    if "\x00" in attack and "NAME" in words:
        pytest.skip("no argument of a command can hold a NUL")
    result = CliRunner().invoke(main, [arguments[0], "--csv", "--", *arguments[1:]])
    assert result.exit_code == 0, result.output
    csv.field_size_limit(10**7)
    for row in csv.reader(io.StringIO(result.stdout)):
        for cell in row:
            number = re.fullmatch(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", cell)
            assert number or not cell.lstrip().startswith(("=", "+", "-", "@")), cell
            assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]", cell), cell


@pytest.mark.parametrize(
    "words",
    ["list", "show", "compare latest~1 latest", "values NAME", "lineage NAME"],
)
def test_terminal(attack: str, words: str) -> None:
    arguments = [attack if word == "NAME" else word for word in words.split()]
    # A name that begins with a dash would be an option.
    result = CliRunner().invoke(main, [arguments[0], "--", *arguments[1:]])
    assert result.exit_code == 0, result.output
    assert not ACTS.search(result.output)
