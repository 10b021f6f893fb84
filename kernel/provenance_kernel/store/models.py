"""The Peewee models of the current schema, made of the records; migrations hold its history.

A record's fields are its table's columns, and its first field is the key, or its first two.
"""

from __future__ import annotations

from dataclasses import Field, fields
from functools import partial
from typing import Any, ClassVar, cast, get_args

from peewee import BooleanField, CompositeKey, Model, TextField

from provenance_kernel import records, types
from provenance_kernel.store.fields import (
    CountField,
    JsonField,
    NamedTextsField,
    NumberField,
    TextsField,
    UtcField,
    WordField,
)


class Row(Model):
    """A table named as its record, in snake case.

    Only the columns in `changing` are ever written again, and no index holds them: writing
    again touches no page of an index.
    """

    changing: ClassVar[tuple[str, ...]] = ()

    class Meta:
        legacy_table_names = False


_CHANGING: dict[type, tuple[str, ...]] = {
    records.Trial: (
        "status",
        "finished_at",
        "environment_id",
        "git_commit",
        "git_dirty",
        "tracer",
        "notebook",
        "notebook_from",
        "git_changes",
    ),
    records.CellRun: (
        "execution_count",
        "status",
        "error_name",
        "error_value",
        "duration",
        "output_digest",
        "truncated",
        "kind",
    ),
    records.Activation: ("calls", "duration", "result", "status"),
    records.Note: ("name", "text", "tags", "starred", "changed_at"),
}
# Of these the first two columns are the key.
_PAIRS = (records.Package, records.ResultParameter)
_KINDS: dict[str, Any] = {
    "str": TextField,
    "bool": BooleanField,
    "int": CountField,
    "float": NumberField,
    "datetime": UtcField,
    "Json": JsonField,
    "dict[str, Json]": JsonField,
    "dict[str, str]": NamedTextsField,
    "list[str]": TextsField,
}


def _column(field: Field[Any], key: bool) -> Any:
    """Return the column of a field, by its annotation; those of `types` are words."""
    kind, *none = str(field.type).split(" | ")
    make: Any = _KINDS.get(kind)
    if make is None:
        make = partial(WordField, frozenset(get_args(getattr(types, kind))))
    return make(primary_key=True) if key else make(null=bool(none))


def _model(record: type[Any]) -> type[Row]:
    pair = record in _PAIRS
    columns = {
        each.name: _column(each, key=at == 0 and not pair) for at, each in enumerate(fields(record))
    }
    inner: dict[str, Any] = {}
    if pair:
        inner["primary_key"] = CompositeKey(*list(columns)[:2])
    own = {"changing": _CHANGING.get(record, ()), "Meta": type("Meta", (), inner)}
    return cast("type[Row]", type(record.__name__, (Row,), own | columns))


# From the record to its table.
MODELS: dict[type, type[Row]] = {
    record: _model(record)
    for record in (
        records.Trial,
        records.Code,
        records.CellRun,
        records.Activation,
        records.StageTag,
        records.Variable,
        records.Dependency,
        records.Statement,
        records.TrackedValue,
        records.ResultParameter,
        records.Note,
        records.FileAccess,
        records.Output,
        records.Environment,
        records.Package,
        records.RandomState,
        records.NoworkflowLink,
        records.Event,
        records.Verification,
        records.Finding,
    )
}


def table(record: type) -> Any:
    """Return the table of a record. Peewee makes its columns as it goes, hence no type."""
    return MODELS[record]
