"""The errors this package raises.

ProvenanceError
├── SettingError            a setting, trait or environment variable has a value that cannot be used
├── DatabaseError
│   ├── DatabaseUnavailable cannot be opened or written: its folder, disk or lock, or it is none
│   └── SchemaTooNew        was written by a newer version of this package
├── TrialNotFound           no trial, or more than one, goes by that name
├── EngineUnavailable       the package that a tracer needs is missing, or of another version
├── NotebookError           a notebook file cannot be read, or its parameters cannot be injected
└── CellFailed              a cell of a headless run raised
"""

from __future__ import annotations


class ProvenanceError(Exception):
    """The root of all errors of this package."""


class SettingError(ProvenanceError, ValueError):
    """A setting has a value that cannot be used; the message names it and what would be right."""


class DatabaseError(ProvenanceError):
    """The provenance database cannot do what was asked of it."""


class DatabaseUnavailable(DatabaseError):
    """The database cannot be opened or written."""


class SchemaTooNew(DatabaseError):
    """The database has schema migrations that this version does not know."""


class TrialNotFound(ProvenanceError, LookupError):
    """A trial's name matches no trial, or several."""


class EngineUnavailable(ProvenanceError):
    """The package that a tracer needs is missing or not the version that it was made for."""


class NotebookError(ProvenanceError):
    """A notebook cannot be read, or its parameters cannot be injected."""


class CellFailed(ProvenanceError):
    """A cell of a headless run raised, timed out, or took the kernel with it."""
