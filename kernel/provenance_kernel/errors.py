"""The errors this package raises.

ProvenanceError
├── SettingError            a setting, trait or environment variable has a value that cannot be used
├── DatabaseError
│   ├── DatabaseUnavailable cannot be opened or written: its folder or disk, or it is none
│   │   ├── DatabaseBusy    somebody else holds it, or a statement takes too long
│   │   └── DatabaseDamaged what is in the file is not, or no more, a database
│   ├── RecordRefused       a record does not fit the columns of its table
│   ├── SchemaTooNew        was written by a newer version of this package
│   └── SchemaTooOld        lacks migrations, and is opened where none may be made
├── TrialNotFound           no trial, or more than one, goes by that name
├── OutputNotFound          there is no such output, or its data are not kept
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


class DatabaseBusy(DatabaseUnavailable):
    """The database is locked, or a statement of ours takes too long; this may pass by itself."""


class DatabaseDamaged(DatabaseUnavailable):
    """What is in the file is not, or no more, a database."""


class RecordRefused(DatabaseError):
    """A record does not fit the columns of its table."""


class SchemaTooNew(DatabaseError):
    """The database has schema migrations that this version does not know."""


class SchemaTooOld(DatabaseError):
    """The database lacks schema migrations, and is opened where none may be made."""


class TrialNotFound(ProvenanceError, LookupError):
    """A trial's name matches no trial, or several."""


class OutputNotFound(ProvenanceError, LookupError):
    """No output has that id, or its data are not kept."""


class EngineUnavailable(ProvenanceError):
    """The package that a tracer needs is missing or not the version that it was made for."""


class NotebookError(ProvenanceError):
    """A notebook cannot be read, or its parameters cannot be injected."""


class CellFailed(ProvenanceError):
    """A cell of a headless run raised, timed out, or took the kernel with it."""
