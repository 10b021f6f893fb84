"""One trial in blocks: what came out, then its cells, then what went in and what was noted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from provenance_kernel.display import changes, verification
from provenance_kernel.display.blocks import Block, Line, Table
from provenance_kernel.display.terminal import duration, local_time, size
from provenance_kernel.trials.answer import plain
from provenance_kernel.trials.query.outputs import told
from provenance_kernel.trials.source import first_line

if TYPE_CHECKING:
    from provenance_kernel.trials.query.detail import TrialDetail

# So many lines of a section are shown to people; JSON has all.
_LINES = 20
_LONGEST = 100


def blocks(answer: TrialDetail) -> list[Block]:
    """Return what it was and what came out, a line for each cell run, then what went in."""
    return [
        *_heading(answer),
        *_tracked(answer),
        Line(""),
        _cells(answer),
        *_outputs(answer),
        *_rest(answer),
    ]


def data(answer: TrialDetail) -> dict[str, Any]:
    """Return a trial with its cell runs, as JSON has it."""
    last = answer.verification
    values = {
        f"{role}s": {x.name: x.value for x in answer.values if x.role == role}
        for role in ("metric", "parameter")
    }
    return {
        **plain(answer.trial),
        "verdict": None if last is None else last.verdict,
        **values,
        "cell_runs": answer.rows(),
        **{name: plain(getattr(answer, name)) for name in ("since", "events", "draws", "inputs")},
    }


def _heading(answer: TrialDetail) -> Iterator[Block]:
    trial, last, since = answer.trial, answer.verification, answer.since
    yield Line(f"trial {trial.id}")
    what = f"{trial.kind}, {trial.status}, started {local_time(trial.started_at)}"
    yield Line(what + (f", {trial.notebook}" if trial.notebook else ""))
    if last is not None:
        yield Line(f"verified {local_time(last.created_at)}: {verification.words(last.verdict)}")
    if trial.git_commit is not None:
        changed = trial.git_changes or []
        more = " and more" if len(changed) > 8 else ""
        told = f", not committed: {', '.join(changed[:8])}{more}" if changed else ""
        if trial.git_dirty and not changed:
            told = ", with changes that were not committed"
        yield Line(f"commit {trial.git_commit[:12]}{told}", "warn" if told else "")
    if since is not None and since.packages:
        versions = (f"{x} {a or 'none'} → {b or 'none'}" for x, (a, b) in since.packages.items())
        yield Line(f"packages since {since.prefix}: {', '.join(versions)}", "warn")
    if since is not None and since.outputs:
        runs = ", ".join(map(str, since.outputs))
        yield Line(f"since {since.prefix} the same code shows something else: run {runs}", "warn")


def _tracked(answer: TrialDetail) -> Iterator[Block]:
    for role in ("metric", "parameter", "value"):
        # A name that was tracked several times counts as it was last.
        last = {each.name: each.value for each in answer.values if each.role == role}
        pairs = tuple((name, changes.value(value)) for name, value in last.items())
        yield from _section(f"{role}s", pairs)


def _cells(answer: TrialDetail) -> Table:
    rows = tuple(
        (
            str(each.run.position),
            ", ".join(each.stages),
            each.run.code_hash[:12],
            each.run.status,
            duration(each.run.duration),
            first_line(each.source)[:60],
        )
        for each in answer.runs
    )
    return Table(("", "stage", "code hash", "status", "duration", "code"), rows, frozenset({0, 4}))


def _outputs(answer: TrialDetail) -> Iterator[Block]:
    """Return a line for each output: what it is, its size and beginning."""
    lines = [
        (
            str(run.run.position),
            each.what,
            "" if each.nbytes is None else size(each.nbytes),
            each.summary,
            "" if each.kept else "not kept",
        )
        for run in answer.runs
        for each in told(run.outputs)
    ]
    yield from _section("outputs", lines, 0, 2)


def _rest(answer: TrialDetail) -> Iterator[Block]:
    yield from _outputs(answer)
    errors = [
        (str(each.run.position), f"{each.run.error_name}: {first_line(each.run.error_value or '')}")
        for each in answer.runs
        if each.run.error_name
    ]
    yield from _section("errors", errors, 0)
    draws = [
        (str(x.position), x.generator, f"{'' if x.seeded else 'un'}seeded, state {x.state[:8]}")
        for x in answer.draws
    ]
    yield from _section("random numbers", draws, 0)
    inputs = [
        (
            str(x.position),
            x.path,
            (x.digest or "not known")[:12],
            "" if x.nbytes is None else size(x.nbytes),
        )
        for x in answer.inputs
    ]
    yield from _section("files read", inputs, 0)
    positions = {each.run.id: str(each.run.position) for each in answer.runs}
    events = [(positions.get(x.cell_run_id or "", ""), x.kind, x.message) for x in answer.events]
    yield from _section("events", events, 0)


def _section(title: str, rows: Sequence[tuple[str, ...]], *right: int) -> Iterator[Block]:
    if not rows:
        return
    yield Line(title, "head")
    shown = tuple(tuple(text[:_LONGEST] for text in row) for row in rows[:_LINES])
    yield Table(("",) * len(rows[0]), shown, frozenset(right), indent=2)
    if len(rows) > _LINES:
        yield Line(f"{len(rows) - _LINES} more; --json has all", "dim", 2)
