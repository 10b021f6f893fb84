"""A database that is damaged, or somebody's trap, is answered with what is sound, in a few lines.

Each damage is done to a copy of a small record, and each command asked of it.
"""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from click.testing import CliRunner, Result

from provenance_kernel.cli import main
from support.databases import DEFAULT
from support.recorded import record

# A command that takes longer than this hangs.
SECONDS = 30

COMMANDS = (
    ("list",),
    ("list", "--where", "score > 1"),
    ("show",),
    ("compare", "latest~1", "latest"),
    ("compare", "latest~1", "latest", "--all"),
    ("values", "score"),
    ("lineage", "score"),
    ("slice", "score"),
    ("stale",),
    ("restore", "--output", "restored.ipynb", "--force"),
)
HUGE = 9_000_000
_ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
_TEXTS = {
    "trial": ("notebook", "kind", "status", "started_at", "finished_at", "git_commit", "host"),
    "cell_run": ("status", "started_at", "duration", "position", "code_hash", "error_name"),
    "code": ("source", "ast_hash"),
    "activation": ("name", "arguments", "result", "calls", "line", "status"),
    "variable": ("name", "access", "digest", "exactness", "repr", "nbytes"),
    "statement": ("reads", "writes", "calls", "line", "end_line", "status", "position"),
    "tracked_value": ("name", "value", "number", "role"),
    "stage_tag": ("stage", "label", "origin"),
    "dependency": ("source_cell_run_id", "variable"),
    "file_access": ("path", "mode"),
    "environment": ("details", "python"),
}
_VALUES = {
    "a word": "'nonsense'",
    "bytes": "x'fffe00ff'",
    "half a character": "CAST(x'eda080' AS TEXT)",
    "nothing": "NULL",
    "a huge number": "9223372036854775807",
    "infinity": "9e999",
    "open JSON": "'[1, '",
    "deep JSON": f"'{'[' * 900}{']' * 900}'",
    "a far date": "'9999-12-31T23:59:59.999999Z'",
    "an early date": "'0001-01-01T00:00:00Z'",
    "a line break and escapes": "'a' || char(10) || char(27) || '[31mred' || char(0) || 'x'",
}


def _column_damages() -> Iterator[tuple[str, str]]:
    for table, columns in _TEXTS.items():
        for at, column in enumerate(columns):
            for number, (name, value) in enumerate(_VALUES.items()):
                # Each value meets each table, and each column several of them.
                if (number + 3 * at) % 11 == 0:
                    # No constraint of ours keeps a stranger's file in order.
                    yield (
                        f"{table}.{column} is {name}",
                        f"UPDATE OR IGNORE {table} SET {column} = {value}",
                    )


DAMAGES = {
    **dict(_column_damages()),
    **{f"no table {table}": f"DROP TABLE {table}" for table in _TEXTS},
    **{f"nothing in {table}": f"DELETE FROM {table}" for table in _TEXTS},
    "a column is gone": "ALTER TABLE variable DROP COLUMN repr",
    "a huge source": f"UPDATE code SET source = CAST(zeroblob({HUGE}) AS TEXT)",
    "a huge value": f"UPDATE variable SET repr = hex(zeroblob({HUGE} / 2))",
    "a huge name": f"UPDATE tracked_value SET name = name || hex(zeroblob({HUGE}))",
    "a run that depends on itself": "UPDATE dependency SET source_cell_run_id = cell_run_id",
    "runs that depend on each other": "INSERT INTO dependency "
    "SELECT id || 'x', source_cell_run_id, cell_run_id, variable, evidence FROM dependency",
    "calls that are their own parents": "UPDATE activation SET parent_id = id",
    "a run of another trial": "UPDATE cell_run SET trial_id = (SELECT min(id) FROM trial)",
    "positions that are all one": "UPDATE cell_run SET position = 1",
    "sources that are no Python": "UPDATE code SET source = 'def (:' || char(10) || source",
    "lines far beyond the source": "UPDATE statement SET line = 1000000, end_line = 2000000",
    "lines before the source": "UPDATE statement SET line = -5, end_line = -9",
    "a trigger without an end": "CREATE TRIGGER t AFTER UPDATE ON trial BEGIN "
    f"UPDATE trial SET host = ({_ENDLESS}); END",
    "a view without an end": "ALTER TABLE variable RENAME TO v; CREATE VIEW variable AS SELECT "
    f"id, cell_run_id, ({_ENDLESS}) AS name, access, type, repr, digest, exactness, nbytes, shape "
    "FROM v",
    "a trial that runs for ever": "UPDATE trial SET status = 'running', pid = 99999999, host = 'x'",
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiment")
    record(folder, 3, after=["n = len(open('data.txt', 'a').name)"])
    record(folder, 5)
    return folder / "work"


@pytest.fixture
def copied(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    work = tmp_path / "work"
    shutil.copytree(sound, work)
    monkeypatch.chdir(work)
    return work / DEFAULT


@contextmanager
def no_hang() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise AssertionError("the command hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def asked(words: tuple[str, ...]) -> Result:
    with no_hang():
        return CliRunner().invoke(main, words)


def _slow(at: int, damage: str) -> Any:
    """Leave most out of the fast ring, which has time for one of a kind."""
    return pytest.param(damage, id=damage, marks=() if at % 12 == 0 else pytest.mark.slow)


@pytest.mark.parametrize("damage", [_slow(*each) for each in enumerate(DAMAGES)])
def test_a_damaged_database_is_answered(damage: str, copied: Path) -> None:
    with closing(sqlite3.connect(copied)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.executescript(f"PRAGMA writable_schema = 1; {DAMAGES[damage]};")
        connection.commit()
    for at, words in enumerate(COMMANDS):
        # As text in one test and as JSON in the next.
        for told in (((), ("--json",))[(at + list(DAMAGES).index(damage)) % 2],):
            result = asked((*words, *told))
            where = f"{damage}: {' '.join((*words, *told))}"
            assert result.exception is None or isinstance(result.exception, SystemExit), (
                where,
                result.exc_info,
            )
            assert result.exit_code in (0, 2), (where, result.output[-500:])
            if result.exit_code:
                assert len(result.stderr.splitlines()) <= 3, (where, result.stderr[:1000])
            assert "\x1b" not in result.output, where
            if told and result.exit_code == 0 and words[0] != "restore":
                json.loads(result.stdout, parse_constant=pytest.fail)
