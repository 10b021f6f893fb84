"""Trials that were run again: verdicts and findings. The latest trial is none of those runs."""

from peewee import Model, SqliteDatabase, TextField


class Row(Model):
    class Meta:
        legacy_table_names = False


class Verification(Row):
    id = TextField(primary_key=True)
    trial_id = TextField(index=True)
    verdict = TextField()
    options = TextField()
    created_at = TextField()


class Finding(Row):
    id = TextField(primary_key=True)
    verification_id = TextField(index=True)
    cell_run_id = TextField(null=True)
    stage = TextField(null=True)
    name = TextField()
    verdict = TextField()
    cause = TextField(null=True)
    evidence = TextField(null=True)
    detail = TextField()


LATEST_TRIAL = """
CREATE VIEW latest_trial AS
SELECT * FROM trial WHERE kind NOT IN ('verify', 'intervention')
ORDER BY started_at DESC, id DESC LIMIT 1
"""


def up(migrator, db):
    models = [Verification, Finding]
    for model in models:
        model._meta.without_rowid = isinstance(db, SqliteDatabase)
    with db.bind_ctx(models):
        db.create_tables(models)
    db.execute_sql("DROP VIEW latest_trial")
    db.execute_sql(LATEST_TRIAL)
