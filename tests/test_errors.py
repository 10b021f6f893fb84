"""The error tree is the one that the module's first lines draw."""

from __future__ import annotations

import re

from provenance_kernel import errors
from provenance_kernel.errors import ProvenanceError


def test_every_error_is_in_the_drawn_tree_where_it_belongs() -> None:
    lines = (errors.__doc__ or "").splitlines()
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in lines:
        if match := re.match(
            r"([│├└─ ]*)(\w+Error|\w+Unavailable|Database\w+|RecordRefused|SchemaToo\w+|\w+NotFound"
            r"|CellFailed)\b",
            line,
        ):
            depth = len(match[1]) // 4
            above = [*above[:depth], match[2]]
            drawn[match[2]] = above[depth - 1] if depth else "Exception"
    real = {
        name: next(base.__name__ for base in each.__mro__[1:] if issubclass(base, Exception))
        for name, each in vars(errors).items()
        if isinstance(each, type)
    }
    assert drawn == real


def test_they_are_also_what_python_programs_expect() -> None:
    assert issubclass(errors.SettingError, ValueError)
    assert issubclass(errors.TrialNotFound, LookupError)
    assert all(
        issubclass(each, ProvenanceError) and each.__doc__
        for each in vars(errors).values()
        if isinstance(each, type)
    )
