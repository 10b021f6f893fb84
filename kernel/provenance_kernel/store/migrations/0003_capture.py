"""Files, environments with their packages, and the states of random generators."""

from peewee import CompositeKey, IntegerField, Model, SqliteDatabase, TextField


class Row(Model):
    class Meta:
        legacy_table_names = False


class FileAccess(Row):
    id = TextField(primary_key=True)
    cell_run_id = TextField(index=True)
    path = TextField(index=True)
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
    details = TextField()


class Package(Row):
    environment_id = TextField()
    name = TextField()
    version = TextField()

    class Meta:
        primary_key = CompositeKey("environment_id", "name")


class RandomState(Row):
    id = TextField(primary_key=True)
    cell_run_id = TextField(index=True)
    generator = TextField()
    digest_before = TextField()
    digest_after = TextField()
    state_before = TextField(null=True)


def up(migrator, db):
    models = [FileAccess, Environment, Package, RandomState]
    for model in models:
        model._meta.without_rowid = isinstance(db, SqliteDatabase)
    with db.bind_ctx(models):
        db.create_tables(models)
