"""Whether it was seen that a run depends on another, or only may be so."""

from peewee import TextField
from playhouse.migrate import migrate


def up(migrator, db):
    migrate(migrator.add_column("dependency", "evidence", TextField(default="observed")))
