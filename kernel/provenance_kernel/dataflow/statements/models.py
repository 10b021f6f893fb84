"""Models and pictures: values that hold the data they were given, and leave them as they are."""

from __future__ import annotations

from provenance_kernel.dataflow.statements import harmless
from provenance_kernel.inspection import qualified_name, static_dict


def leaves_data(value: object) -> bool:
    """Tell whether whatever is done through a value changes no data that it was given."""
    kind = qualified_name(type(value))
    if kind.partition(".")[0] in harmless.PLOTTERS:
        return True
    return harmless.LEARNERS.match(kind) is not None and not _writes_over(value)


def _writes_over(value: object, depth: int = 4) -> bool:
    """Tell whether a model was told to write over what it is given, or has parts that may."""
    kind = qualified_name(type(value))
    if harmless.is_scalar(kind) or harmless.FRAMES.match(kind) or harmless.HOLDS.match(kind):
        return False
    if depth and type(value) in (list, tuple):
        return any(_writes_over(each, depth - 1) for each in value)  # type: ignore[attr-defined]
    if not depth or not harmless.LEARNERS.match(kind):
        return True
    state = static_dict(value) or {}
    told = {name: each for name, each in state.items() if harmless.WRITES_OVER.match(name)}
    if any(each is not name.startswith("copy") for name, each in told.items()):
        return True
    return any(_writes_over(each, depth - 1) for each in state.values() if type(each) is not dict)
