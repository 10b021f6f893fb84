"""How many calls an activation stands for may be unknown."""

from peewee import SqliteDatabase
from playhouse.migrate import migrate

PARTS = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND {which} ORDER BY type DESC"


def up(migrator, db):
    if not isinstance(db, SqliteDatabase):
        migrate(migrator.drop_not_null("activation", "calls"))
        return

    def parts(which):
        return [sql for (sql,) in db.execute_sql(PARTS.format(which=which))]

    # The migrator's own way would lose WITHOUT ROWID, and cannot rename what a view reads. What
    # is renamed is the new table, as the references of others follow a name that changes.
    (table, *indexes), views = parts("tbl_name = 'activation'"), parts("name = 'stages'")
    table = table.replace('TABLE "activation"', 'TABLE "activation_new"')
    db.execute_sql(table.replace('"calls" INTEGER NOT NULL', '"calls" INTEGER'))
    db.execute_sql("INSERT INTO activation_new SELECT * FROM activation")
    db.execute_sql("DROP VIEW stages")
    db.execute_sql("DROP TABLE activation")
    db.execute_sql("ALTER TABLE activation_new RENAME TO activation")
    for sql in (*indexes, *views):
        db.execute_sql(sql)
