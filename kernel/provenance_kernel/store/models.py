"""The Peewee models of the current schema, one for each record; migrations hold its history.

A model's fields bear the names of its record's fields, which are the names of the columns.
"""

from __future__ import annotations

from typing import ClassVar

from peewee import BooleanField, CompositeKey, FloatField, IntegerField, Model, TextField

from provenance_kernel import records
from provenance_kernel.store.fields import JsonField, UtcField


class Row(Model):
    """A table named as its class, in snake case.

    Only the columns in `changing` are ever written again, and no index holds them: writing
    again touches no page of an index.
    """

    changing: ClassVar[tuple[str, ...]] = ()

    class Meta:
        legacy_table_names = False


class Trial(Row):
    changing = (
        "status",
        "finished_at",
        "environment_id",
        "git_commit",
        "git_dirty",
        "tracer",
    )

    id = TextField(primary_key=True)
    notebook = TextField(null=True)
    kind = TextField()
    parent_id = TextField(null=True)
    status = TextField()
    started_at = UtcField()
    finished_at = UtcField(null=True)
    environment_id = TextField(null=True)
    git_commit = TextField(null=True)
    git_dirty = BooleanField(null=True)
    user = TextField(null=True)
    host = TextField(null=True)
    tracer = TextField(null=True)
    pid = IntegerField(null=True)
    process_started_at = FloatField(null=True)


class Code(Row):
    hash = TextField(primary_key=True)
    ast_hash = TextField()
    source = TextField()


class CellRun(Row):
    changing = (
        "execution_count",
        "status",
        "error_name",
        "error_value",
        "duration",
        "output_digest",
        "truncated",
    )

    id = TextField(primary_key=True)
    trial_id = TextField()
    position = IntegerField()
    execution_count = IntegerField(null=True)
    cell_id = TextField(null=True)
    code_hash = TextField()
    status = TextField()
    error_name = TextField(null=True)
    error_value = TextField(null=True)
    started_at = UtcField()
    duration = FloatField(null=True)
    output_digest = TextField(null=True)
    truncated = BooleanField()


class Activation(Row):
    changing = ("calls", "duration", "result", "status")

    id = TextField(primary_key=True)
    trial_id = TextField()
    cell_run_id = TextField()
    parent_id = TextField(null=True)
    name = TextField()
    line = IntegerField(null=True)
    calls = IntegerField()
    started_at = UtcField()
    duration = FloatField(null=True)
    arguments = JsonField(null=True)
    result = TextField(null=True)
    status = TextField()


class StageTag(Row):
    id = TextField(primary_key=True)
    trial_id = TextField()
    cell_run_id = TextField()
    stage = TextField()
    label = TextField()
    origin = TextField()
    code_hash = TextField()
    activation_id = TextField(null=True)


class Event(Row):
    id = TextField(primary_key=True)
    trial_id = TextField()
    cell_run_id = TextField(null=True)
    kind = TextField()
    message = TextField()
    created_at = UtcField()


class Variable(Row):
    id = TextField(primary_key=True)
    cell_run_id = TextField()
    name = TextField()
    access = TextField()
    type = TextField(null=True)
    repr = TextField(null=True)
    digest = TextField(null=True)
    exactness = TextField(null=True)
    nbytes = IntegerField(null=True)
    shape = TextField(null=True)


class Dependency(Row):
    id = TextField(primary_key=True)
    cell_run_id = TextField()
    source_cell_run_id = TextField()
    variable = TextField()


class TrackedValue(Row):
    id = TextField(primary_key=True)
    trial_id = TextField()
    cell_run_id = TextField()
    activation_id = TextField(null=True)
    name = TextField()
    role = TextField()
    value = JsonField()
    number = FloatField(null=True)


class FileAccess(Row):
    id = TextField(primary_key=True)
    cell_run_id = TextField()
    path = TextField()
    mode = TextField()
    digest_before = TextField(null=True)
    digest_after = TextField(null=True)
    nbytes = IntegerField(null=True)
    evidence = TextField()


class Environment(Row):
    id = TextField(primary_key=True)
    python = TextField()
    implementation = TextField()
    platform = TextField()
    details = JsonField()


class Package(Row):
    environment_id = TextField()
    name = TextField()
    version = TextField()

    class Meta:
        primary_key = CompositeKey("environment_id", "name")


class RandomState(Row):
    id = TextField(primary_key=True)
    cell_run_id = TextField()
    generator = TextField()
    digest_before = TextField()
    digest_after = TextField()
    state_before = TextField(null=True)


class NoworkflowLink(Row):
    id = TextField(primary_key=True)
    cell_run_id = TextField()
    noworkflow_trial_id = TextField()
    noworkflow_activation_id = IntegerField()


MODELS: dict[type, type[Row]] = {
    records.Trial: Trial,
    records.Code: Code,
    records.CellRun: CellRun,
    records.Activation: Activation,
    records.StageTag: StageTag,
    records.Variable: Variable,
    records.Dependency: Dependency,
    records.TrackedValue: TrackedValue,
    records.FileAccess: FileAccess,
    records.Environment: Environment,
    records.Package: Package,
    records.RandomState: RandomState,
    records.NoworkflowLink: NoworkflowLink,
    records.Event: Event,
}
