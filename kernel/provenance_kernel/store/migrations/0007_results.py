"""Results: the parameters that each metric came from, series, notes, and what only asks."""

from peewee import BooleanField, CompositeKey, FloatField, Model, SqliteDatabase, TextField
from playhouse.migrate import migrate


class ResultParameter(Model):
    metric_id = TextField()
    parameter_id = TextField(index=True)

    class Meta:
        legacy_table_names = False
        primary_key = CompositeKey("metric_id", "parameter_id")


class Note(Model):
    trial_id = TextField(primary_key=True)
    name = TextField(null=True)
    text = TextField(null=True)
    tags = TextField()
    starred = BooleanField()
    changed_at = TextField()

    class Meta:
        legacy_table_names = False


# A parameter that came by several ways with several values has all of them, as a list.
RESULTS = """
CREATE VIEW results AS
SELECT metric.trial_id, trial.notebook, cell_run.position, metric.cell_run_id,
       (SELECT {join}(stage_tag.stage, ', ') FROM stage_tag
        WHERE stage_tag.trial_id = metric.trial_id
          AND stage_tag.cell_run_id = metric.cell_run_id) AS stage,
       metric.name AS metric, metric.value, metric.number,
       coalesce((SELECT {object}(each.name, {json}) FROM
           (SELECT parameter.name AS name,
                   CASE count(DISTINCT parameter.value) WHEN 1 THEN max(parameter.value)
                   ELSE '[' || {distinct} || ']' END AS value
            FROM result_parameter
            JOIN tracked_value AS parameter ON parameter.id = result_parameter.parameter_id
            WHERE result_parameter.metric_id = metric.id
            GROUP BY parameter.name ORDER BY parameter.name) AS each), '{{}}') AS parameters,
       cell_run.started_at, metric.step
FROM tracked_value AS metric
JOIN trial ON trial.id = metric.trial_id
JOIN cell_run ON cell_run.id = metric.cell_run_id
WHERE metric.role = 'metric'
  AND (metric.series IS NULL
       OR NOT EXISTS (SELECT 1 FROM tracked_value AS later
                      WHERE later.series = metric.series AND later.id > metric.id))
ORDER BY metric.id
"""


def up(migrator, db):
    sqlite = isinstance(db, SqliteDatabase)
    models = [ResultParameter, Note]
    for model in models:
        model._meta.without_rowid = sqlite
    with db.bind_ctx(models):
        db.create_tables(models)
    migrate(
        migrator.add_column("trial", "notebook_from", TextField(null=True)),
        migrator.add_column("trial", "git_changes", TextField(null=True)),
        migrator.add_column("cell_run", "cell_tags", TextField(null=True)),
        migrator.add_column("tracked_value", "step", FloatField(null=True)),
        migrator.add_column("tracked_value", "series", TextField(null=True)),
    )
    # The migrator would copy the table for what must not be NULL.
    db.execute_sql("ALTER TABLE cell_run ADD COLUMN kind TEXT NOT NULL DEFAULT 'cell'")
    db.execute_sql(
        "CREATE INDEX tracked_value_series ON tracked_value (series, id) WHERE series IS NOT NULL"
    )
    words = (
        {
            "join": "group_concat",
            "object": "json_group_object",
            "json": "json(each.value)",
            "distinct": "group_concat(DISTINCT parameter.value)",
        }
        if sqlite
        else {
            "join": "string_agg",
            "object": "json_object_agg",
            "json": "each.value::json",
            "distinct": "string_agg(DISTINCT parameter.value, ',')",
        }
    )
    db.execute_sql(RESULTS.format(**words))
