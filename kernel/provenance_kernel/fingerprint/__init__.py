"""What values are, by content: digests, short reprs, and which of them a cell has changed."""

from provenance_kernel.fingerprint.budget import Budget
from provenance_kernel.fingerprint.digest import digest, fingerprint
from provenance_kernel.fingerprint.handlers import (  # noqa: F401  (they declare their handlers)
    arrays,
    arrow,
    builtin,
    estimators,
    frames,
    functions,
    polars,
    tensors,
    values,
)
from provenance_kernel.fingerprint.mutation import Watch
from provenance_kernel.fingerprint.profile import Profiles
from provenance_kernel.fingerprint.registry import register
from provenance_kernel.fingerprint.summary import json_value, short_repr

__all__ = [
    "Budget",
    "Profiles",
    "Watch",
    "digest",
    "fingerprint",
    "json_value",
    "register",
    "short_repr",
]
