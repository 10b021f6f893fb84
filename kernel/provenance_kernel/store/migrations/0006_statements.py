"""What the statements of cells did."""

from peewee import IntegerField, Model, SqliteDatabase, TextField


class Statement(Model):
    id = TextField(primary_key=True)
    cell_run_id = TextField(index=True)
    position = IntegerField()
    line = IntegerField()
    end_line = IntegerField()
    status = TextField()
    reads = TextField()
    writes = TextField()
    changes = TextField()
    calls = TextField()
    opaque = TextField(null=True)

    class Meta:
        legacy_table_names = False


def up(migrator, db):
    Statement._meta.without_rowid = isinstance(db, SqliteDatabase)
    with db.bind_ctx([Statement]):
        db.create_tables([Statement])
