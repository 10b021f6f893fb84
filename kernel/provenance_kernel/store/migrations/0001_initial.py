"""Trials, their cell runs and activations, and the links stage - code hash - activation."""

from peewee import (
    BooleanField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
)


class Row(Model):
    class Meta:
        legacy_table_names = False


class Trial(Row):
    id = TextField(primary_key=True)
    notebook = TextField(null=True)
    kind = TextField()
    parent = ForeignKeyField("self", null=True, index=False)
    status = TextField()
    started_at = TextField(index=True)
    finished_at = TextField(null=True)
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
    ast_hash = TextField(index=True)
    source = TextField()


class CellRun(Row):
    id = TextField(primary_key=True)
    trial = ForeignKeyField(Trial, index=False)
    position = IntegerField()
    execution_count = IntegerField(null=True)
    cell_id = TextField(null=True)
    code = ForeignKeyField(Code, column_name="code_hash", index=False)
    status = TextField()
    error_name = TextField(null=True)
    error_value = TextField(null=True)
    started_at = TextField()
    duration = FloatField(null=True)
    output_digest = TextField(null=True)
    truncated = BooleanField()

    class Meta:
        indexes = ((("trial_id", "position"), False),)


class Activation(Row):
    id = TextField(primary_key=True)
    trial = ForeignKeyField(Trial, index=False)
    cell_run = ForeignKeyField(CellRun)
    parent = ForeignKeyField("self", null=True, index=False)
    name = TextField()
    line = IntegerField(null=True)
    calls = IntegerField()
    started_at = TextField()
    duration = FloatField(null=True)
    arguments = TextField(null=True)
    result = TextField(null=True)
    status = TextField()


class StageTag(Row):
    id = TextField(primary_key=True)
    trial = ForeignKeyField(Trial)
    cell_run = ForeignKeyField(CellRun, index=False)
    stage = TextField(index=True)
    label = TextField()
    origin = TextField()
    code = ForeignKeyField(Code, column_name="code_hash", index=False)
    activation = ForeignKeyField(Activation, null=True, index=False)


class Event(Row):
    id = TextField(primary_key=True)
    trial = ForeignKeyField(Trial)
    cell_run = ForeignKeyField(CellRun, null=True, index=False)
    kind = TextField()
    message = TextField()
    created_at = TextField()


LATEST_TRIAL = """
CREATE VIEW latest_trial AS
SELECT * FROM trial ORDER BY started_at DESC, id DESC LIMIT 1
"""

STAGES = """
CREATE VIEW stages AS
SELECT stage_tag.trial_id, cell_run.position, stage_tag.stage, stage_tag.code_hash,
       stage_tag.activation_id, activation.name AS activation,
       cell_run.status, cell_run.duration
FROM stage_tag
JOIN cell_run ON cell_run.id = stage_tag.cell_run_id
LEFT JOIN activation ON activation.id = stage_tag.activation_id
ORDER BY stage_tag.trial_id, cell_run.position, stage_tag.id
"""


def up(migrator, db):
    models = [Trial, Code, CellRun, Activation, StageTag, Event]
    for model in models:
        # Ids are time-ordered, so one B-tree that is appended to holds each table.
        model._meta.without_rowid = isinstance(db, SqliteDatabase)
    with db.bind_ctx(models):
        db.create_tables(models)
    # Only a handful run at a time: the index that finds them stays tiny.
    db.execute_sql("CREATE INDEX trial_running ON trial (id) WHERE status = 'running'")
    db.execute_sql(LATEST_TRIAL)
    db.execute_sql(STAGES)
