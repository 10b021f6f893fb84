"""Names for the values that cross the package's borders."""

from __future__ import annotations

from typing import Literal, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

TrialKind = Literal["interactive", "run", "verify", "intervention"]
TrialStatus = Literal["running", "finished", "died"]
RunKind = Literal["cell", "question"]
RunStatus = Literal["running", "ok", "error", "interrupted", "aborted", "died"]
StageOrigin = Literal["metadata", "comment", "call"]
StatementStatus = Literal["ran", "raised", "not_reached"]
Access = Literal["read", "write", "mutate", "delete", "outside"]
Exactness = Literal["exact", "sampled", "opaque"]
Role = Literal["parameter", "metric", "value"]
Evidence = Literal["opened", "inferred"]
Ground = Literal["observed", "inferred"]
OutputKind = Literal["stdout", "stderr", "display", "result"]
# `made`: those that a cell made itself, without a seed.
Generator = Literal["python", "numpy", "torch", "made"]
FingerprintMode = Literal["full", "budget", "none"]
# Of a trial that was run again, and of a value in it.
Verdict = Literal[
    "reproduced",
    "reproduced_within_tolerance",
    "reproduced_with_random_states",
    "not_reproduced",
    "could_not_run",
]
ValueVerdict = Literal["identical", "equal", "unknown", "different", "missing"]
Cause = Literal[
    "environment",
    "input",
    "randomness",
    "time",
    "nondeterminism",
    "hash_order",
    "threads",
    "hidden_state",
    "variables_of_environment",
    "folder",
    "network",
    "outside_change",
    "unknown",
]
# `shown`: the factor was changed alone, and the difference went away or came.
Proof = Literal["shown", "suspected"]
