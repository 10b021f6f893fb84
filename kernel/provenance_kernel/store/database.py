"""Opening a provenance database: where it lies, who may read it, its journal and its schema."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from peewee import Database, PeeweeException, SqliteDatabase

from provenance_kernel.errors import (
    DatabaseUnavailable,
    SchemaTooNew,
    SchemaTooOld,
    SettingError,
)

FOLDER = ".provenance"
FILE = "provenance.db"
MIGRATIONS = Path(__file__).with_name("migrations")
HISTORY = "schema_migration"
BUSY_SECONDS = 10.0

# WAL needs memory that all writers share, which a network file system does not give them.
_REMOTE_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre"}


def locate(folder: Path) -> Path:
    """Return the default database of a notebook in `folder`.

    It is in the nearest folder, from this one upward, that has a `.provenance` folder; where
    none has, it is to be made here.
    """
    folder = folder.absolute()
    for candidate in (folder, *folder.parents):
        if (candidate / FOLDER).is_dir():
            return candidate / FOLDER / FILE
    return folder / FOLDER / FILE


def connect(target: str | Path, *, create: bool = True, patience: float | None = None) -> Database:
    """Open the database at a path or Peewee URL and bring its schema up to date.

    Raises `DatabaseUnavailable` (it says why) or `SchemaTooNew`. With `create` false, a file
    that does not exist is an error too. `patience` bounds the wait for other writers of a file,
    in seconds.
    """
    path = sqlite_path(target)
    name = without_password(target)
    with translated(name):
        database = _server(str(target)) if path is None else _sqlite(path, create, patience)
    try:
        with translated(name):
            if not create and not applied_migrations(database):
                raise DatabaseUnavailable(f"{name}: it is no provenance database")
            migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def connect_to_read(path: Path) -> SqliteDatabase:
    """Open a database's file so that nothing can be written to it: no row, and no newer schema.

    Raises `DatabaseUnavailable`, and `SchemaTooOld` or `SchemaTooNew` where it is not this
    version's.
    """
    if not path.exists():
        raise DatabaseUnavailable(f"{path}: no such database; run a notebook first")
    with translated(str(path)):
        database = SqliteDatabase(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            thread_safe=False,
            check_same_thread=False,
            timeout=BUSY_SECONDS,
        )
        database.connect()
    try:
        with translated(str(path)):
            applied = applied_migrations(database)
        if not applied:
            raise DatabaseUnavailable(f"{path}: it is no provenance database")
        if missing := _missing(applied):
            raise SchemaTooOld(
                f"the database has schema {applied[-1]}, and reading it by this provenance-kernel "
                f"takes {missing[-1]}; the kernel and each command bring it up to date, as "
                "`jupyter provenance list` does"
            )
    except BaseException:
        database.close()
        raise
    return database


def file_of(database: Database) -> Path | None:
    """Return the file of an open database, or None for a server's and one in memory."""
    if not isinstance(database, SqliteDatabase):
        return None
    name = str(database.database)
    if name.startswith("file:"):
        name = url2pathname(urlsplit(name).path)
    return Path(name).absolute() if name and name != ":memory:" else None


def without_password(target: str | Path) -> str:
    """Return a path or URL as it may be shown."""
    return re.sub(r"(://[^/@:]*):[^/]*@", r"\1:…@", str(target))


def sqlite_path(target: str | Path) -> Path | None:
    """Return the file that a path or `sqlite:` URL names, or None for a server's URL.

    Raises `SettingError` for a URL whose scheme names no database.
    """
    text = str(target)
    scheme, separator, rest = text.partition("://")
    if not separator:
        return Path(target).expanduser().absolute()
    if scheme == "sqlite":
        return Path(rest.removeprefix("/") or FILE).expanduser().absolute()
    if scheme.split("+")[0] not in {"postgres", "postgresql", "psycopg3"}:
        raise SettingError(
            f"database {text!r}: unknown scheme {scheme!r}; give a path, sqlite:///PATH "
            "or postgresql://USER@HOST/NAME"
        )
    return None


@contextmanager
def translated(target: str) -> Iterator[None]:
    try:
        yield
    except (PeeweeException, sqlite3.Error, OSError) as error:
        raise DatabaseUnavailable(f"{target}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """Return what an error of a database or file system says, for people."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def _server(url: str) -> Database:
    from playhouse.db_url import connect as connect_url

    try:
        database: Database = connect_url(url)
    except (ImportError, RuntimeError) as error:
        raise DatabaseUnavailable(
            f"{without_password(url)}: its driver cannot be used: {error}"
        ) from error
    database.connect()
    return database


def _sqlite(path: Path, create: bool, patience: float | None) -> SqliteDatabase:
    if create:
        prepare(path)
    elif not path.exists():
        raise DatabaseUnavailable(f"{path}: no such database; run a notebook first")
    # One connection for all threads, guarded by the store's lock: a subshell's thread may
    # come and go, and a connection of its own would outlive it.
    database = SqliteDatabase(
        str(path),
        thread_safe=False,
        check_same_thread=False,
        timeout=BUSY_SECONDS if patience is None else patience,
        pragmas={"synchronous": "normal", "foreign_keys": 0},
    )
    database.connect()
    wanted = "delete" if _is_remote(path) else "wal"
    mode = database.pragma("journal_mode")
    if mode != wanted:
        try:
            mode = database.pragma("journal_mode", wanted)
        except PeeweeException:
            # Another process is switching it at this moment, or the folder is read-only.
            mode = database.pragma("journal_mode")
    if mode != "wal":
        database.pragma("synchronous", "full")
    return database


def prepare(path: Path) -> None:
    """Make the folder (0700, ignored by git where it is ours) and the file (0600)."""
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.parent.name == FOLDER:
        ignore = path.parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def set_aside(target: str | Path) -> None:
    """Give a damaged file and its log another name, under which they may be rescued."""
    path = sqlite_path(target)
    if path is None:
        return
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            os.rename(f"{path}{suffix}", f"{path}.damaged-{moment}{suffix}")


def _is_remote(path: Path) -> bool:
    """Tell whether the file lies on a network file system, where the system says so."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    longest, kind = 0, ""
    text = os.path.realpath(path)
    for line in mounts.splitlines():
        fields = line.split(" ")
        point = fields[1].encode().decode("unicode_escape")
        inside = text == point or text.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= longest:
            longest, kind = len(point), fields[2]
    return kind in _REMOTE_FILE_SYSTEMS or kind.startswith("fuse.sshfs")


def known_migrations() -> list[str]:
    """Return the names of the migrations this version ships, in order."""
    return sorted(path.stem for path in MIGRATIONS.glob("[0-9]*.py"))


def applied_migrations(database: Database) -> list[str]:
    """Return the names of the migrations a database has, in order; none for an empty one."""
    if not database.table_exists(HISTORY):
        return []
    rows = database.execute_sql(f"SELECT name FROM {HISTORY} ORDER BY name")
    return [name for (name,) in rows]


def _missing(applied: list[str]) -> list[str]:
    """Return the migrations that a database lacks; raise `SchemaTooNew` if we lack its own."""
    known = known_migrations()
    unknown = [name for name in applied if name not in known]
    if unknown:
        raise SchemaTooNew(
            f"the database has schema {unknown[-1]}, and this provenance-kernel knows schemas "
            f"up to {known[-1]}; upgrade with: pip install --upgrade provenance-kernel"
        )
    return [name for name in known if name not in applied]


def migrate(database: Database) -> None:
    """Bring the schema up to date; raise `SchemaTooNew` where it is ahead of this version."""
    if not _missing(applied_migrations(database)):
        return
    from playhouse.migrations import Runner

    # Several kernels may start at once on a new file: the lock is taken before looking again.
    with _exclusive(database):
        Runner(database, str(MIGRATIONS), table_name=HISTORY).up()


@contextmanager
def _exclusive(database: Database) -> Iterator[None]:
    kind: tuple[Any, ...] = ("IMMEDIATE",) if isinstance(database, SqliteDatabase) else ()
    with database.atomic(*kind):
        if not kind:
            database.execute_sql("SELECT pg_advisory_xact_lock(7378165)")
        yield
