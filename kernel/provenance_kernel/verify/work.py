"""A verification under way: its runs, what was compared, and what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from provenance_kernel.trials.compare.sides import Pair, Sides
from provenance_kernel.types import ValueVerdict, Verdict
from provenance_kernel.verify.causes import Why
from provenance_kernel.verify.differences import WORST, Item, Tolerance
from provenance_kernel.verify.report import Found, Report, StageVerdict
from provenance_kernel.verify.reruns.folder import Scratch
from provenance_kernel.verify.reruns.plan import Step
from provenance_kernel.verify.reruns.rerun import Place, Rerun, Setup, rerun

Progress = Callable[[str, int, int, Step], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to verify. `runs` bounds those for causes; `timeout` is a cell's, in seconds.

    `environment` is `present` or `recorded`: the versions of packages that it runs on;
    with `kept_inputs` it runs on its inputs as they were kept.
    """

    rtol: float = 1e-9
    atol: float = 1e-12
    runs: int = 4
    network: bool = False
    recorded_order: bool = False
    environment: str = "present"
    kept_inputs: bool = False
    timeout: float | None = None

    def tolerance(self) -> Tolerance:
        """Return how far numbers may lie apart."""
        return Tolerance(self.rtol, self.atol)


@dataclass
class Work:
    """A verification under way, of which what is known so far can be told at any time."""

    options: Options
    scratch: Scratch
    place: Place
    progress: Progress
    notes: list[str] = field(default_factory=list)
    reruns: list[Rerun] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    pairs: dict[str, Pair] = field(default_factory=dict)
    replayed: bool = False
    failed: bool = False
    differs: bool = False
    equal: bool = False

    def run(self, steps: Sequence[Step], setup: Setup, what: str) -> Rerun:
        """Run steps again, and keep the record of it."""

        def tell(number: int, step: Step) -> None:
            self.progress(what, number, len(steps), step)

        made = rerun(steps, self.place, self.scratch, setup, keep_outputs=True, progress=tell)
        self.reruns.append(made)
        return made

    def interrupted(self) -> None:
        """End where somebody asked for it: nothing is claimed of what was not compared."""
        self.notes.append("interrupted: this is what was known by then")
        self.failed |= not self.items

    def report(
        self, trial: str | None, notebook: str | None, packages: Mapping[str, str] | None = None
    ) -> Report:
        """Return what is known."""
        decisive = [item for item in self.items if item.decides]
        verdict: Verdict = "reproduced"
        if self.failed:
            verdict = "could_not_run"
        elif self.differs or any(item.differs for item in decisive):
            verdict = "not_reproduced"
        elif self.equal or any(item.verdict == "equal" for item in decisive):
            verdict = "reproduced_within_tolerance"
        elif self.replayed:
            verdict = "reproduced_with_random_states"
        first = self.reruns[0] if self.reruns else None
        return Report(
            verdict=verdict,
            trial=trial,
            runs=len(self.reruns),
            stages=self._stages(decisive),
            findings=tuple(self.found),
            notebook=notebook,
            notes=tuple(self.notes),
            denial=dict(first.denial) if first else {},
            denied=tuple(first.denied) if first else (),
            seconds=sum(each.seconds for each in self.reruns),
            packages=dict(packages or (first.history.packages if first else {})),
            sides=self._sides(),
        )

    def _sides(self) -> tuple[Sides, ...]:
        """Return both sides of the cells in which something was found, as many as are looked at."""
        found: dict[str, dict[str, None]] = {}
        cells = {each.cell_run_id: str(each.cell) for each in self.found}
        for each in self.found:
            if each.cell_run_id is not None and each.cell_run_id in self.pairs:
                found.setdefault(each.cell_run_id, {})[each.name] = None
        return tuple(self.pairs[key].sides(cells[key], names) for key, names in found.items())[:50]

    def _stages(self, decisive: Sequence[Item]) -> tuple[StageVerdict, ...]:
        worst: dict[str | None, ValueVerdict] = {}
        told = [(item.stage, item.verdict) for item in decisive]
        told += [(each.stage, each.verdict) for each in self.found if each.decides]
        for stage, verdict in told:
            before = worst.get(stage, "identical")
            worst[stage] = max(before, verdict, key=WORST.index)
        return tuple(StageVerdict(*each) for each in worst.items())


def finding(item: Item, why: Why) -> Found:
    """Return the finding of a difference whose cause is known."""
    detail = "; ".join(part for part in (item.detail, why.detail) if part)
    return Found(
        cell=item.run.position,
        stage=item.stage,
        name=item.name,
        verdict=item.verdict,
        cause=why.cause,
        evidence=why.evidence,
        detail=detail,
        decides=item.decides,
        cell_run_id=item.run.id,
        code=item.run.source,
    )


def consequence(item: Item, source: Item) -> Found:
    """Return the finding of a difference that follows from another."""
    follows = f"follows from {source.name} of run {source.run.position}"
    return Found(
        cell=item.run.position,
        stage=item.stage,
        name=item.name,
        verdict=item.verdict,
        cause=None,
        evidence=None,
        detail="; ".join(part for part in (item.detail, follows) if part),
        decides=item.decides,
        cell_run_id=item.run.id,
        code=item.run.source,
    )
