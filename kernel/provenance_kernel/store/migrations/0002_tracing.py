"""Variables, the dependencies between runs that follow from them, and tracked values."""

from peewee import FloatField, IntegerField, Model, SqliteDatabase, TextField


class Row(Model):
    class Meta:
        legacy_table_names = False


class Variable(Row):
    id = TextField(primary_key=True)
    cell_run_id = TextField(index=True)
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
    cell_run_id = TextField(index=True)
    source_cell_run_id = TextField(index=True)
    variable = TextField()


class TrackedValue(Row):
    id = TextField(primary_key=True)
    trial_id = TextField(index=True)
    cell_run_id = TextField()
    activation_id = TextField(null=True)
    name = TextField()
    role = TextField()
    value = TextField()
    number = FloatField(null=True)

    class Meta:
        indexes = ((("name", "trial_id"), False),)


# A name that was tracked several times in a trial counts as it was last.
TRACKED = """
CREATE VIEW {view} AS
SELECT tracked_value.trial_id, tracked_value.name, tracked_value.value, tracked_value.number,
       cell_run.position, tracked_value.cell_run_id
FROM tracked_value
JOIN cell_run ON cell_run.id = tracked_value.cell_run_id
WHERE tracked_value.role = '{role}'
  AND tracked_value.id = (SELECT max(later.id) FROM tracked_value AS later
                          WHERE later.name = tracked_value.name
                            AND later.trial_id = tracked_value.trial_id
                            AND later.role = tracked_value.role)
"""


def up(migrator, db):
    models = [Variable, Dependency, TrackedValue]
    for model in models:
        model._meta.without_rowid = isinstance(db, SqliteDatabase)
    with db.bind_ctx(models):
        db.create_tables(models)
    db.execute_sql(TRACKED.format(view="parameters", role="parameter"))
    db.execute_sql(TRACKED.format(view="metrics", role="metric"))
