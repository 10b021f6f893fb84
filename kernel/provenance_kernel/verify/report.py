"""What a verification is answered with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from provenance_kernel.trials.answer import Answer, Tabular, plain
from provenance_kernel.trials.compare.sides import Sides
from provenance_kernel.types import Cause, Proof, ValueVerdict, Verdict

EXIT: Mapping[Verdict, int] = {
    "reproduced": 0,
    "reproduced_within_tolerance": 0,
    "reproduced_with_random_states": 0,
    "not_reproduced": 1,
    "could_not_run": 2,
}
_KEYS = ("cell", "stage", "name", "verdict", "cause", "evidence", "detail")


@dataclass(frozen=True, slots=True)
class StageVerdict:
    """A stage, None for cells without one, and the worst verdict of what it left."""

    stage: str | None
    verdict: ValueVerdict


@dataclass(frozen=True, slots=True)
class Found:
    """Something that came out otherwise; `cell` is the position of the run that it is of.

    Without a cause it follows from another, which `detail` names. `decides` tells whether
    anything later reads or shows it; `code` is the cell's source.
    """

    cell: int
    stage: str | None
    name: str
    verdict: ValueVerdict
    cause: Cause | None
    evidence: Proof | None
    detail: str
    decides: bool = True
    cell_run_id: str | None = None
    code: str = ""


@dataclass(frozen=True)
class Report(Answer, Tabular):
    """Whether a trial, or a notebook without one, runs again and gives the same; if not, why.

    `runs` counts the re-runs and `seconds` is their time; `denial` says by what writing outside of
    the copy and the network were denied, `denied` what was tried. `packages` are the versions that
    the trial used, and `sides` what cells in which something was found gave, once and again.
    """

    verdict: Verdict
    trial: str | None
    runs: int
    stages: tuple[StageVerdict, ...]
    findings: tuple[Found, ...]
    notebook: str | None = None
    notes: tuple[str, ...] = ()
    denial: Mapping[str, str] = field(default_factory=dict)
    denied: tuple[str, ...] = ()
    seconds: float = 0.0
    packages: Mapping[str, str] = field(default_factory=dict)
    sides: tuple[Sides, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 where it reproduces, 1 where it does not, 2 where it could not be run."""
        return EXIT[self.verdict]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each finding."""
        return [{key: getattr(each, key) for key in _KEYS} for each in self.findings]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        return {
            "verdict": self.verdict,
            "trial": self.trial,
            "runs": self.runs,
            "stages": plain(self.stages),
            "findings": self.rows(),
            "notebook": self.notebook,
            "notes": list(self.notes),
            "denial": dict(self.denial),
            "denied": list(self.denied),
            "seconds": round(self.seconds, 3),
        }

    def whole(self) -> dict[str, Any]:
        """Return all of it as JSON, for `from_whole` of another process."""
        return {each.name: plain(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_whole(cls, whole: Mapping[str, Any]) -> Report:
        """Return the report that another process made JSON of."""
        return cls(
            **{
                **whole,
                "stages": tuple(StageVerdict(**each) for each in whole["stages"]),
                "findings": tuple(Found(**each) for each in whole["findings"]),
                "sides": tuple(Sides(**each) for each in whole["sides"]),
                "notes": tuple(whole["notes"]),
                "denied": tuple(whole["denied"]),
            }
        )
