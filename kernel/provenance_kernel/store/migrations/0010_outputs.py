"""What cells showed."""

from peewee import BooleanField, IntegerField, Model, SqliteDatabase, TextField


class Output(Model):
    id = TextField(primary_key=True)
    cell_run_id = TextField(index=True)
    position = IntegerField()
    kind = TextField()
    mime = TextField()
    digest = TextField(null=True)
    nbytes = IntegerField(null=True)
    kept = BooleanField()
    summary = TextField()

    class Meta:
        legacy_table_names = False


def up(migrator, db):
    Output._meta.without_rowid = isinstance(db, SqliteDatabase)
    with db.bind_ctx([Output]):
        db.create_tables([Output])
