"""What a trial ran on, as one table of names."""

from __future__ import annotations

from provenance_kernel.trials.history import History
from provenance_kernel.types import Json


def ran_on(record: History) -> dict[str, Json]:
    """Return what is known of interpreter, machine, settings and commit, each under its name."""
    values: dict[str, Json] = {}
    if (found := record.environment) is not None:
        details = found.details if isinstance(found.details, dict) else {}
        values = {
            "python": found.python,
            "implementation": found.implementation,
            "platform": found.platform,
        }
        for key, value in details.items():
            if isinstance(value, dict):
                values |= {f"{key}.{inner}": each for inner, each in value.items()}
            else:
                values[key] = value
    trial = record.trial
    values["git commit"] = trial.git_commit
    values["git dirty"] = trial.git_dirty
    values["host"] = trial.host
    values["user"] = trial.user
    values["tracer"] = trial.tracer
    return {key: value for key, value in values.items() if value is not None}
