"""What the numbers of values are like."""

from peewee import TextField
from playhouse.migrate import migrate


def up(migrator, db):
    migrate(migrator.add_column("variable", "profile", TextField(null=True)))
