"""Answers as files: pages that stand for themselves, and JUnit's XML and requirements."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path, PurePath
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from provenance_kernel.display import blocks, changes, verification
from provenance_kernel.display.blocks import Block, CodeBlock, Line
from provenance_kernel.display.terminal import visible

if TYPE_CHECKING:
    from provenance_kernel.trials.compare.compare import Comparison, Comparisons
    from provenance_kernel.trials.compare.sides import Sides
    from provenance_kernel.verify.report import Report, StageVerdict

_PINNED = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?==[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/svg+xml")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]+=*\s*")
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;margin:.5em 0}"
    "td,th{padding:.2em .8em;border-bottom:1px solid #8884}"
    "pre{background:#8881;padding:.6em;overflow:auto}@media(prefers-color-scheme:dark)"
    "{body{background:#111;color:#ddd}}"
    ".sides{width:100%;table-layout:fixed}.sides td{vertical-align:top;overflow-wrap:anywhere}"
    ".sides th:first-child{width:12%;text-align:left}.sides img{max-width:100%;background:#fff}"
)


def title(answer: Report) -> str:
    """Return what a verification is of, in a few words."""
    if answer.notebook:
        return PurePath(answer.notebook).name
    return f"trial {answer.trial}"


def page(answers: Sequence[Report]) -> str:
    """Return verifications as one HTML page that loads nothing and runs nothing."""
    return _page("Verification", [_section(each) for each in answers])


def write_comparison(answer: Comparison, path: Path) -> str:
    """Write what differs between two trials as a page; return what to say of it."""
    return _write(path, changes.comparison(answer), [answer])


def write_comparisons(answer: Comparisons, path: Path) -> str:
    """Write what differs between trials as a page; return what to say of it."""
    return _write(path, changes.comparisons(answer), answer.comparisons)


def _write(path: Path, shown: Sequence[Block], answers: Iterable[Comparison]) -> str:
    parts = [blocks.html(shown)]
    for each in answers:
        for found in each.sides():
            parts.append(blocks.html([Line(f"run {found.cell}", "head")]) + _sides(found))
    path.write_text(_page("Comparison", parts), encoding="utf-8")
    return f"{path}: written"


def _page(title: str, parts: Iterable[str]) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; img-src data:\">"
        f"<title>{title}</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _section(answer: Report) -> str:
    shown: list[Block] = list(verification.blocks(answer))
    parts = [f"<h1>{escape(visible(title(answer)))}</h1>{blocks.html(shown)}"]
    sides = {each.cell: each for each in answer.sides}
    for run, code in {each.cell: each.code for each in answer.findings if each.code}.items():
        told: list[Block] = [Line(f"run {run}", "head"), CodeBlock(tuple(code.splitlines()))]
        parts.append(blocks.html(told) + (_sides(sides[str(run)]) if str(run) in sides else ""))
    if answer.packages:
        versions = (f"{name} {version}" for name, version in sorted(answer.packages.items()))
        parts.append(blocks.html([Line("packages", "head"), Line(", ".join(versions))]))
    return "".join(parts)


def _sides(found: Sides) -> str:
    """Return the code of two runs, if it differs, their values, and what they showed."""
    head = "".join(f"<th>{blocks.marked(each)}</th>" for each in ("", *found.of))
    rows = ["".join(f"<td>{blocks.marked(each)}</td>" for each in row) for row in found.values]
    if found.code:
        rows.insert(0, "<td></td>" + "".join(f"<td>{_text(each)}</td>" for each in found.code))
    if any(found.outputs):
        shown = ("".join(_output(*each) for each in side) for side in found.outputs)
        rows.append("<td></td>" + "".join(f"<td>{each}</td>" for each in shown))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<table class="sides"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _output(mime: str, data: str) -> str:
    if mime in _PICTURES and _BASE64.fullmatch(data):
        return f'<img alt="a picture" src="data:{mime};base64,{"".join(data.split())}">'
    return _text(data)


def _text(data: str) -> str:
    return "<pre>" + "\n".join(blocks.marked(line) for line in data.splitlines()) + "</pre>"


def junit(answers: Sequence[Report]) -> str:
    """Return verifications as test suites: a case for each stage, failed where it differs."""
    root = ElementTree.Element("testsuites")
    for answer in answers:
        cases: list[StageVerdict | None] = [*answer.stages] or [None]
        suite = ElementTree.SubElement(
            root, "testsuite", name=visible(title(answer)), time=f"{answer.seconds:.3f}"
        )
        failures = 0
        for each in cases:
            stage = (each.stage if each is not None else None) or "no stage"
            case = ElementTree.SubElement(
                suite, "testcase", classname=visible(title(answer)), name=visible(stage)
            )
            failed = each.verdict in ("different", "missing") if each is not None else True
            if answer.exit_code == 0 or not failed:
                continue
            failures += 1
            told = [
                f"run {one.cell}: {one.name}: {one.detail}"
                + (f" [{one.cause}, {one.evidence}]" if one.cause else "")
                for one in answer.findings
                if (one.stage or "no stage") == stage or each is None
            ]
            failure = ElementTree.SubElement(case, "failure", message=answer.verdict)
            failure.text = "\n".join(map(visible, told))
        suite.set("tests", str(len(cases)))
        suite.set("failures", str(failures))
    ElementTree.indent(root)
    return ElementTree.tostring(root, "unicode", xml_declaration=True) + "\n"


def lock(answers: Sequence[Report]) -> str:
    """Return the versions of packages that were used, as pip and uv read them."""
    lines: list[str] = []
    for answer in answers:
        lines.append(f"# {visible(title(answer))}")
        for name, version in sorted(answer.packages.items()):
            pinned = f"{name}=={version}"
            # What is neither a name nor a version could be an option, or name an index.
            lines.append(pinned if _PINNED.fullmatch(pinned) else f"# left out: {visible(pinned)}")
    return "\n".join(dict.fromkeys(lines)) + "\n"
