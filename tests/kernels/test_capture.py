"""What a trial depended on, as it stands in the database after real cells."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from support.databases import DEFAULT, Archive
from support.kernels import Kernel, Starter


def variables(archive: Archive, position: int) -> dict[tuple[str, str], dict[str, Any]]:
    rows = archive.rows(
        "SELECT variable.* FROM variable JOIN cell_run ON cell_run.id = cell_run_id "
        "WHERE position = ?",
        position,
    )
    return {(row["name"], row["access"]): row for row in rows}


def files(archive: Archive, position: int) -> dict[str, dict[str, Any]]:
    rows = archive.rows(
        "SELECT file_access.* FROM file_access JOIN cell_run ON cell_run.id = cell_run_id "
        "WHERE position = ?",
        position,
    )
    return {row["path"]: row for row in rows}


@pytest.fixture
def kernel(start: Starter) -> Kernel:
    return start()


@pytest.fixture
def archive(kernel: Kernel) -> Archive:
    return Archive(kernel.work / DEFAULT)


def test_a_value_is_known_before_and_after_it_changes(kernel: Kernel, archive: Archive) -> None:
    kernel.execute("a = [1, 2]\nb = {'list': a}\nc = 5")
    kernel.execute("a.append(3)")
    kernel.execute("c")
    before, after = variables(archive, 1), variables(archive, 2)
    assert after["a", "read"]["digest"] == before["a", "write"]["digest"]
    assert after["a", "read"]["repr"] == "[1, 2]"
    assert after["a", "mutate"]["repr"] == "[1, 2, 3]"
    assert ("b", "mutate") in after
    assert ("c", "mutate") not in after
    depends = archive.rows(
        "SELECT position, variable FROM dependency JOIN cell_run ON cell_run.id = cell_run_id"
    )
    assert {(row["position"], row["variable"]) for row in depends} == {
        (2, "a"),
        (2, "b"),
        (3, "c"),
    }


def test_files_are_known_by_content(kernel: Kernel, archive: Archive) -> None:
    (kernel.work / "in.csv").write_text("x\n1\n")
    kernel.execute("text = open('in.csv').read()")
    kernel.execute("with open('out.txt', 'w') as f:\n    f.write(text)")
    read, written = files(archive, 1)["in.csv"], files(archive, 2)["out.txt"]
    assert (read["mode"], written["mode"]) == ("r", "w")
    assert read["digest_before"] == read["digest_after"] == written["digest_after"]
    assert written["digest_before"] is None
    assert read["nbytes"] == 4


@pytest.mark.slow
def test_one_byte_of_a_file_changes_what_depends_on_it_and_nothing_else(start: Starter) -> None:
    cells = ["k = 7", "data = open('in.csv').read()", "n = len(data)", "head = data[:3]", "m = k"]
    digests = []
    for content in ("abc,1\n", "abd,1\n"):
        kernel = start()
        (kernel.work / "in.csv").write_text(content)
        for cell in cells:
            kernel.execute(cell)
        archive = Archive(kernel.work / DEFAULT)
        rows = archive.rows(
            "SELECT position, name, digest FROM variable "
            "JOIN cell_run ON cell_run.id = cell_run_id "
            "WHERE access = 'write' ORDER BY position"
        )
        digests.append({(row["position"], row["name"]): row["digest"] for row in rows})
    changed = {key for key in digests[0] if digests[0][key] != digests[1][key]}
    assert changed == {(2, "data"), (4, "head")}


@pytest.mark.slow
def test_randomness_that_was_not_seeded_is_marked(kernel: Kernel, archive: Archive) -> None:
    kernel.execute("import numpy as np\nfrom sklearn.ensemble import RandomForestClassifier")
    kernel.execute("X = np.arange(40).reshape(20, 2); y = np.arange(20) % 2")
    kernel.execute("RandomForestClassifier(n_estimators=2, random_state=0).fit(X, y);")
    kernel.execute("RandomForestClassifier(n_estimators=2).fit(X, y);")
    kernel.execute("np.random.seed(5)\nz = np.random.rand()")
    rows = archive.rows(
        "SELECT position, message FROM event JOIN cell_run ON cell_run.id = cell_run_id "
        "WHERE event.kind = 'randomness' AND message LIKE 'numpy%'"
    )
    assert [row["position"] for row in rows] == [4]
    kept = archive.rows(
        "SELECT position, state_before FROM random_state "
        "JOIN cell_run ON cell_run.id = cell_run_id "
        "WHERE generator = 'numpy'"
    )
    assert [row["position"] for row in kept] == [4, 5]
    assert all(json.loads(row["state_before"]) for row in kept)


@pytest.mark.slow
def test_outputs_are_known_without_addresses_and_times(kernel: Kernel, archive: Archive) -> None:
    kernel.execute("print(object()); 1 + 1")
    kernel.execute("print(object()); 1 + 1")
    kernel.execute("print('other'); 1 + 1")
    kernel.execute("x = 1")
    first, second, third, nothing = archive.values(
        "SELECT output_digest FROM cell_run ORDER BY position"
    )
    assert first == second != third
    assert first is not None
    assert nothing is None


def test_secrets_are_not_stored(kernel: Kernel, archive: Archive) -> None:
    secret = "hunter2" + "x" * 9
    kernel.execute(f"password = {secret!r}\n# track: password")
    kernel.execute(f"# track: api_key\napi_key = '{secret}'\ndict(token='{secret}')")
    kernel.execute(f"raise ValueError('token={secret}')")
    archive.values("PRAGMA wal_checkpoint(TRUNCATE)")
    content = b"".join(
        path.read_bytes() for path in archive.path.parent.iterdir() if path.is_file()
    )
    assert secret.encode() not in content
    assert b"redacted" in content


def test_the_environment_is_recorded_when_the_session_is_idle(
    kernel: Kernel, archive: Archive
) -> None:
    kernel.execute("from numpy import array")
    for _ in range(100):
        if archive.values("SELECT environment_id FROM trial") != [None]:
            break
        time.sleep(0.1)
    packages = archive.values(
        "SELECT name FROM package JOIN trial ON trial.environment_id = package.environment_id"
    )
    assert "numpy" in packages
    kernel.execute("import pandas")
    kernel.stop()
    packages = archive.values(
        "SELECT name FROM package JOIN trial ON trial.environment_id = package.environment_id"
    )
    assert {"numpy", "pandas"} <= set(packages)
    details = json.loads(archive.values("SELECT details FROM environment")[0])
    assert not set(details["variables"]) & {"HOME", "PATH", "USER"}


@pytest.mark.slow
def test_the_survey_is_not_among_the_users_threads(kernel: Kernel) -> None:
    kernel.execute("import json.tool, threading")
    names = kernel.execute("[t.name for t in threading.enumerate()]").result or ""
    assert "provenance" not in names


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["full", "none"])
def test_how_much_is_digested_can_be_set(start: Starter, mode: str) -> None:
    kernel = start(arguments=[f"--ProvenanceKernel.fingerprints={mode}"])
    kernel.execute("a = [1]")
    row = variables(Archive(kernel.work / DEFAULT), 1)["a", "write"]
    assert (row["digest"] is None) == (mode == "none")
    assert row["exactness"] == ("exact" if mode == "full" else "opaque")


def test_the_tracer_can_be_turned_off_and_on(kernel: Kernel, archive: Archive) -> None:
    kernel.execute("%config ProvenanceKernel.tracer = 'none'")
    kernel.execute("a = len([1])")
    kernel.execute("%config ProvenanceKernel.tracer = 'activation'")
    kernel.execute("b = len([1])")
    called = archive.rows(
        "SELECT position, name FROM activation JOIN cell_run ON cell_run.id = cell_run_id "
        "WHERE name = 'builtins.len'"
    )
    assert [row["position"] for row in called] == [4]
    assert not variables(archive, 2)


def test_network_and_programs_are_noted(kernel: Kernel, archive: Archive) -> None:
    kernel.execute("import subprocess\nsubprocess.run(['true', 'a']);")
    assert ("subprocess", "true, 1 argument") in [
        (event["kind"], event["message"]) for event in archive.events()
    ]


def test_modules_of_the_project_are_traced(kernel: Kernel, archive: Archive) -> None:
    Path(kernel.work, "mine.py").write_text(
        "def outer(n):\n    return inner(n)\n\ndef inner(n):\n    return n + 1\n"
    )
    kernel.execute(f"import os; os.chdir({os.fspath(kernel.work)!r})\nimport mine")
    kernel.execute("mine.outer(1)")
    rows = archive.rows(
        "SELECT activation.name, parent.name AS parent FROM activation "
        "JOIN activation AS parent ON parent.id = activation.parent_id "
        "JOIN cell_run ON cell_run.id = activation.cell_run_id WHERE position = 2"
    )
    assert [(row["name"], row["parent"]) for row in rows] == [
        ("mine.outer", "<cell>"),
        ("mine.inner", "mine.outer"),
    ]
