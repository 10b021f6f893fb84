"""Names for the values that cross the package's borders."""

from __future__ import annotations

from typing import Literal, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

TrialKind = Literal["interactive", "run", "verify", "intervention"]
TrialStatus = Literal["running", "finished", "died"]
RunStatus = Literal["running", "ok", "error", "interrupted", "aborted", "died"]
StageOrigin = Literal["metadata", "comment", "call"]
Access = Literal["read", "write", "mutate", "delete"]
Exactness = Literal["exact", "sampled", "opaque"]
Role = Literal["parameter", "metric", "value"]
Evidence = Literal["opened", "inferred"]
Generator = Literal["python", "numpy", "torch"]
FingerprintMode = Literal["full", "budget", "none"]
