"""The links to noWorkflow's own store, and an index by which trials are found by their stages."""

from peewee import IntegerField, Model, SqliteDatabase, TextField
from playhouse.migrate import migrate


class NoworkflowLink(Model):
    id = TextField(primary_key=True)
    cell_run_id = TextField(index=True)
    noworkflow_trial_id = TextField()
    noworkflow_activation_id = IntegerField()

    class Meta:
        legacy_table_names = False


def up(migrator, db):
    NoworkflowLink._meta.without_rowid = isinstance(db, SqliteDatabase)
    with db.bind_ctx([NoworkflowLink]):
        db.create_tables([NoworkflowLink])
    migrate(
        migrator.drop_index("stage_tag", "stage_tag_stage"),
        migrator.add_index("stage_tag", ("stage", "trial_id")),
    )
