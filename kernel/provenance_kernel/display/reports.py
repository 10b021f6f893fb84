"""Verifications as files: a page that stands for itself, JUnit's XML, and requirements."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import PurePath
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from provenance_kernel.display import blocks, verification
from provenance_kernel.display.blocks import Block, CodeBlock, Line
from provenance_kernel.display.terminal import visible

if TYPE_CHECKING:
    from provenance_kernel.verify.report import Report, StageVerdict

_PINNED = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?==[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;margin:.5em 0}"
    "td,th{padding:.2em .8em;border-bottom:1px solid #8884}"
    "pre{background:#8881;padding:.6em;overflow:auto}@media(prefers-color-scheme:dark)"
    "{body{background:#111;color:#ddd}}"
)


def title(answer: Report) -> str:
    """Return what a verification is of, in a few words."""
    if answer.notebook:
        return PurePath(answer.notebook).name
    return f"trial {answer.trial}"


def page(answers: Sequence[Report]) -> str:
    """Return verifications as one HTML page that loads nothing and runs nothing."""
    parts = [_section(each) for each in answers]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>Verification</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _section(answer: Report) -> str:
    shown: list[Block] = list(verification.blocks(answer))
    for run, code in {each.cell: each.code for each in answer.findings if each.code}.items():
        shown += [Line(f"run {run}", "head"), CodeBlock(tuple(code.splitlines()))]
    if answer.packages:
        versions = (f"{name} {version}" for name, version in sorted(answer.packages.items()))
        shown += [Line("packages", "head"), Line(", ".join(versions))]
    return f"<h1>{escape(visible(title(answer)))}</h1>{blocks.html(shown)}"


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
