"""Opening a database: where it lies, who may read it, its journal and its schema."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from provenance_kernel.errors import DatabaseUnavailable, SchemaTooNew, SettingError
from provenance_kernel.store import database
from provenance_kernel.store.database import connect, known_migrations, locate, sqlite_path
from provenance_kernel.store.models import MODELS
from store.samples import FUTURE, write
from support.databases import Archive

FULL = 2  # of `PRAGMA synchronous`
TABLES = {model._meta.table_name for model in MODELS.values()}


def opened(path: Path) -> Archive:
    connect(path).close()
    return Archive(path)


def tables(archive: Archive) -> set[str]:
    return set(archive.values("SELECT name FROM sqlite_master WHERE type = 'table'"))


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def permissive() -> Iterator[None]:
    """A umask that takes no permission away."""
    before = os.umask(0)
    yield
    os.umask(before)


# -- where it lies --------------------------------------------------------------------------------


def test_the_default_lies_in_the_nearest_provenance_folder_upward(tmp_path: Path) -> None:
    notebook = tmp_path / "a" / "b" / "c"
    notebook.mkdir(parents=True)
    (tmp_path / ".provenance").mkdir()
    assert locate(notebook) == tmp_path / ".provenance" / "provenance.db"
    (tmp_path / "a" / "b" / ".provenance").mkdir()
    assert locate(notebook) == tmp_path / "a" / "b" / ".provenance" / "provenance.db"
    (notebook / ".provenance").mkdir()
    assert locate(notebook) == notebook / ".provenance" / "provenance.db"


def test_the_default_is_beside_the_notebook_where_nothing_above_has_one(tmp_path: Path) -> None:
    assert locate(tmp_path) == tmp_path / ".provenance" / "provenance.db"


def test_a_file_named_as_the_folder_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / ".provenance").write_text("")
    inner = tmp_path / "inner"
    assert locate(inner) == inner / ".provenance" / "provenance.db"


def test_a_relative_folder_is_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate(Path("a")) == tmp_path / "a" / ".provenance" / "provenance.db"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("x.db", "/here/x.db"),
        ("../x.db", "/here/../x.db"),
        ("/abs/x.db", "/abs/x.db"),
        ("~/x.db", "/home/ada/x.db"),
        ("été #1?.db", "/here/été #1?.db"),
        ("c:/x.db", "/here/c:/x.db"),
        (Path("x.db"), "/here/x.db"),
        ("sqlite:///x.db", "/here/x.db"),
        ("sqlite:////abs/x.db", "/abs/x.db"),
        ("sqlite:///~/x.db", "/home/ada/x.db"),
        ("sqlite://", "/here/provenance.db"),
        ("postgresql://ada@db.example/lab", None),
        ("postgres://db.example/lab", None),
        ("postgresql+pool://db.example/lab", None),
        ("psycopg3://db.example/lab", None),
    ],
)
def test_the_file_that_a_path_or_url_names(
    target: str | Path, path: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setattr(os, "getcwd", lambda: "/here")
    assert sqlite_path(target) == (Path(path) if path else None)


@pytest.mark.parametrize("target", ["bogus://x", "mysql://x/y", "file:///x.db", "://x"])
def test_a_url_that_names_no_database_is_refused_with_what_would_be_right(target: str) -> None:
    with pytest.raises(SettingError, match="give a path, sqlite:///PATH or postgresql://") as error:
        sqlite_path(target)
    assert repr(target) in str(error.value)


# -- who may read it ------------------------------------------------------------------------------


@pytest.mark.usefixtures("permissive")
def test_only_the_user_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    path = locate(tmp_path)
    connection = connect(path)
    assert mode(path.parent) == 0o700
    assert {mode(each) for each in path.parent.glob("provenance.db*")} == {0o600}
    connection.close()


@pytest.mark.usefixtures("permissive")
def test_the_folder_of_a_named_database_is_the_users_too(tmp_path: Path) -> None:
    path = tmp_path / "lab" / "trials.db"
    opened(path)
    assert (mode(path.parent), mode(path)) == (0o700, 0o600)
    assert [each.name for each in path.parent.iterdir()] == ["trials.db"]


@pytest.mark.usefixtures("permissive")
def test_what_is_there_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "trials.db"
    path.touch(0o640)
    before = mode(tmp_path)
    opened(path)
    assert (mode(tmp_path), mode(path)) == (before, 0o640)


def test_git_ignores_the_folder_and_a_persons_own_gitignore_stays(tmp_path: Path) -> None:
    path = locate(tmp_path)
    opened(path)
    ignore = path.parent / ".gitignore"
    assert ignore.read_text() == "*\n"
    ignore.write_text("!provenance.db\n")
    opened(path)
    assert ignore.read_text() == "!provenance.db\n"


# -- its journal ----------------------------------------------------------------------------------


def test_the_journal_is_write_ahead(tmp_path: Path) -> None:
    archive = opened(tmp_path / "x.db")
    assert archive.values("PRAGMA journal_mode") == ["wal"]


def test_the_journal_is_the_rollback_journal_on_a_network_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        pytest.skip("only Linux tells what lies on a network")
    every = {line.split(" ")[2] for line in mounts.read_text().splitlines()}
    monkeypatch.setattr(database, "_REMOTE_FILE_SYSTEMS", every)
    with closing(connect(tmp_path / "x.db")) as connection:
        assert connection.pragma("journal_mode") == "delete"
        assert connection.pragma("synchronous") == FULL


def test_a_journal_that_another_process_holds_is_used_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = opened(tmp_path / "x.db")
    archive.values("PRAGMA journal_mode = delete")
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.02)
    with closing(sqlite3.connect(archive.path)) as holder:
        holder.execute("BEGIN")
        holder.execute("SELECT * FROM trial").fetchall()
        with closing(connect(archive.path, create=False)) as connection:
            assert connection.pragma("journal_mode") == "delete"
            assert connection.pragma("synchronous") == FULL


# -- its schema -----------------------------------------------------------------------------------


def test_a_new_file_gets_the_whole_schema(tmp_path: Path) -> None:
    archive = opened(tmp_path / "x.db")
    assert tables(archive) == TABLES | {"schema_migration"}
    assert archive.values("SELECT name FROM schema_migration") == known_migrations()


def test_a_current_schema_is_left_alone(tmp_path: Path) -> None:
    archive = opened(tmp_path / "x.db")
    before = archive.values("PRAGMA schema_version")
    opened(archive.path)
    assert archive.values("PRAGMA schema_version") == before


def test_an_empty_file_is_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "x.db").touch()
    assert tables(opened(tmp_path / "x.db")) > TABLES


def with_migration(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this version know one migration more than it ships."""
    folder.mkdir()
    for path in database.MIGRATIONS.glob("*.py"):
        (folder / path.name).write_text(path.read_text())
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    (folder / "9001_later.py").write_text(f"def up(migrator, db):\n{lines}")
    monkeypatch.setattr(database, "MIGRATIONS", folder)


def test_an_older_schema_is_migrated_and_keeps_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = opened(tmp_path / "x.db")
    write(archive.path, "INSERT INTO code VALUES ('a', 'b', 'x = 1')")
    with_migration(
        tmp_path / "m", "db.execute_sql('ALTER TABLE code ADD COLUMN size INTEGER')", monkeypatch
    )
    opened(archive.path)
    assert archive.rows("SELECT * FROM code") == [
        {"hash": "a", "ast_hash": "b", "source": "x = 1", "size": None}
    ]
    assert archive.values("SELECT name FROM schema_migration")[-1] == "9001_later"


def test_calls_may_be_unknown_in_a_database_from_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = (
        "SELECT sql FROM sqlite_master WHERE tbl_name IN ('activation', 'stages') ORDER BY name"
    )
    folder = tmp_path / "m"
    folder.mkdir()
    for path in database.MIGRATIONS.glob("000[1-4]*.py"):
        (folder / path.name).write_text(path.read_text())
    with monkeypatch.context() as before:
        before.setattr(database, "MIGRATIONS", folder)
        archive = opened(tmp_path / "x.db")
    row = "('a', 't', 'r', NULL, 'f', 1, {}, '', NULL, NULL, NULL, 'ok')"
    write(archive.path, f"INSERT INTO activation VALUES {row.format(7)}")
    older = archive.values(schema)
    opened(archive.path)
    assert archive.values("SELECT calls FROM activation") == [7]
    write(archive.path, f"INSERT INTO activation VALUES {row.format('NULL').replace('a', 'b')}")
    assert archive.values("SELECT calls FROM activation") == [7, None]
    without = [sql.replace('"calls" INTEGER NOT NULL', '"calls" INTEGER') for sql in older]
    assert archive.values(schema) == without
    assert archive.is_sound()


def test_a_migration_that_fails_leaves_the_schema_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = opened(tmp_path / "x.db")
    with_migration(
        tmp_path / "m",
        "db.execute_sql('CREATE TABLE half (id INTEGER)')\ndb.execute_sql('nonsense')",
        monkeypatch,
    )
    with pytest.raises(DatabaseUnavailable, match=r"x\.db: near \"nonsense\": syntax error"):
        connect(archive.path)
    assert tables(archive) == TABLES | {"schema_migration"}
    assert archive.values("SELECT name FROM schema_migration") == known_migrations()[:-1]


@pytest.mark.parametrize("create", [True, False])
def test_a_newer_schema_is_refused_by_its_name(tmp_path: Path, create: bool) -> None:
    archive = opened(tmp_path / "x.db")
    write(archive.path, FUTURE)
    with pytest.raises(SchemaTooNew) as error:
        connect(archive.path, create=create)
    assert "9999_future" in str(error.value)
    assert known_migrations()[-1] in str(error.value)
    assert "pip install --upgrade provenance-kernel" in str(error.value)


def test_processes_that_open_a_new_file_at_once_migrate_it_once(tmp_path: Path) -> None:
    opening = (
        "import sys, time; from pathlib import Path\n"
        "from provenance_kernel.store.database import connect\n"
        "go = Path(sys.argv[2]); Path(sys.argv[3]).touch()\n"
        "while not go.exists(): time.sleep(0.0005)\n"
        "connect(sys.argv[1]).close()"
    )
    path, go = tmp_path / ".provenance" / "x.db", tmp_path / "go"
    ready = [tmp_path / f"ready{each}" for each in range(4)]
    processes = [
        subprocess.Popen([sys.executable, "-c", opening, path, go, each]) for each in ready
    ]
    while not all(each.exists() for each in ready):
        assert all(each.poll() is None for each in processes)
    go.touch()
    assert [each.wait() for each in processes] == [0, 0, 0, 0]
    archive = Archive(path)
    assert archive.values("SELECT name FROM schema_migration") == known_migrations()
    assert archive.is_sound()


# -- what cannot be opened ------------------------------------------------------------------------


def test_what_is_not_there_is_not_made_for_a_reader(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"x\.db: no such database"):
        connect(tmp_path / "x.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_puts_no_tables_in_a_database_of_someone_else(tmp_path: Path) -> None:
    path = tmp_path / "sales.db"
    write(path, "CREATE TABLE sale (id INTEGER)")
    with pytest.raises(DatabaseUnavailable, match="no provenance database"):
        connect(path, create=False).close()
    assert tables(Archive(path)) == {"sale"}


@pytest.mark.parametrize("create", [True, False])
def test_a_file_of_another_kind_is_no_database(tmp_path: Path, create: bool) -> None:
    path = tmp_path / "x.db"
    path.write_text("a letter to my aunt\n" * 100)
    with pytest.raises(DatabaseUnavailable, match=r"x\.db: file is not a database"):
        connect(path, create=create)
    assert path.read_text() == "a letter to my aunt\n" * 100


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="Is a directory"):
        connect(tmp_path)
    with pytest.raises(DatabaseUnavailable, match="unable to open"):
        connect(tmp_path, create=False)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnavailable, match=r"(Not a directory|File exists): .*file"):
        connect(tmp_path / "file" / ".provenance" / "x.db")


def test_a_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(DatabaseUnavailable, match=r"^postgresql://ada@127\.0\.0\.1:9/lab: "):
        connect("postgresql://ada@127.0.0.1:9/lab")


def test_an_error_tells_no_password() -> None:
    with pytest.raises(DatabaseUnavailable) as error:
        connect("postgresql://ada:swordfish@127.0.0.1:9/lab")
    assert "swordfish" not in str(error.value)


def test_an_error_without_words_is_told_by_its_name() -> None:
    assert database.reason(sqlite3.Error()) == "Error"
    assert database.reason(OSError(28, "No space left on device")) == "No space left on device"
