"""A folder with a recorded database, and the command in this process or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from provenance_kernel.cli import main
from provenance_kernel.store.store import Store
from store.samples import a_session, minutes
from support.databases import DEFAULT

BIN = Path(sys.executable).parent
OLD = "019a0000-0000-7000-8000-00000000000a"
NEW = "019b0000-0000-7000-8000-00000000000b"

Ask = Callable[..., Result]
Record = Callable[[Sequence[object]], None]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory; its local time is UTC."""
    lab = tmp_path / "lab"
    lab.mkdir()
    monkeypatch.chdir(lab)
    monkeypatch.delenv("PROVENANCE_DATABASE", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield lab
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def record(lab: Path) -> Record:
    def record(records: Sequence[object], path: Path = DEFAULT) -> None:
        with closing(Store(path)) as store:
            store.put(records)

    return record


@pytest.fixture
def two(record: Record) -> None:
    """Two trials: one that is finished, and one that failed and whose process is gone."""
    record(
        a_session(
            ("data_reading", "# stage: data reading\nread()", "ok"),
            ("", "x = 1", "ok"),
            id=OLD,
            status="finished",
            kind="run",
        )
    )
    record(
        a_session(
            ("data_reading", "# stage: data reading\nread()", "ok"),
            ("scoring, metrics", "fit()", "error"),
            ("", "wait()", "running"),
            id=NEW,
            notebook=None,
            started_at=minutes(1),
            process_started_at=1.0,
        )
    )


@pytest.fixture
def ask(lab: Path) -> Ask:
    """Call the command in this process."""

    def ask(*arguments: str, **environment: str) -> Result:
        result = CliRunner().invoke(main, arguments, env=environment)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return ask


@pytest.fixture
def jupyter(lab: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call `jupyter provenance` as a person does."""

    def jupyter(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / "jupyter", "provenance", *arguments],
            env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **environment},
            capture_output=True,
            text=True,
        )

    return jupyter
