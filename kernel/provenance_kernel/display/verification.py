"""The tables of a verification: its verdict, stage by stage, then what differed and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance_kernel.display.blocks import Block, Line, Style, Table
from provenance_kernel.display.terminal import duration

if TYPE_CHECKING:
    from provenance_kernel.verify.report import Report

_VERDICTS: dict[str, tuple[str, Style]] = {
    "reproduced": ("reproduced", "good"),
    "reproduced_within_tolerance": ("reproduced within tolerance", "good"),
    "reproduced_with_random_states": ("reproduced with its random states", "good"),
    "not_reproduced": ("not reproduced", "bad"),
    "could_not_run": ("could not run", "bad"),
}


def words(verdict: str) -> str:
    """Return a verdict in words."""
    return _VERDICTS[verdict][0] if verdict in _VERDICTS else verdict


def blocks(answer: Report) -> list[Block]:
    """Return the verdict, a line for each stage, and one for each finding."""
    text, style = _VERDICTS[answer.verdict]
    about = f"trial {answer.trial}" if answer.trial else (answer.notebook or "notebook")
    runs = "1 run" if answer.runs == 1 else f"{answer.runs} runs"
    found: list[Block] = [
        Line(f"{about}: {text}", style),
        Line(f"{runs}, {duration(answer.seconds)}", "dim"),
    ]
    if answer.stages:
        found.append(Line("stages", "head"))
        stages = tuple((each.stage or "no stage", str(each.verdict)) for each in answer.stages)
        found.append(Table(("", ""), stages, indent=2))
    causes = [each for each in answer.findings if each.cause is not None]
    if causes:
        found.append(Line("causes", "head"))
        rows = tuple(
            (
                str(each.cell),
                each.stage or "",
                each.name,
                each.verdict,
                f"{each.cause} ({each.evidence})",
                each.detail,
            )
            for each in causes
        )
        headings = ("run", "stage", "name", "verdict", "cause", "")
        found.append(Table(headings, rows, frozenset({0}), flexible=5, indent=2))
    follow = [each for each in answer.findings if each.cause is None]
    if follow:
        found.append(Line("what follows", "head"))
        lines = tuple((str(each.cell), each.stage or "", each.name, each.detail) for each in follow)
        found.append(
            Table(("run", "stage", "name", ""), lines, frozenset({0}), flexible=3, indent=2)
        )
    found += [Line(note, "dim") for note in answer.notes]
    if answer.denial:
        by = f"{answer.denial['writing']}; the network by: {answer.denial['network']}"
        found.append(Line(f"writing outside of the copy was denied by: {by}", "dim"))
    found += [Line(f"denied: {each}", "warn") for each in answer.denied]
    return found
