"""`note`, `delete` and `prune`: what is said of trials, what goes and what stays."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cli.conftest import NEW, OLD, Ask, Record
from provenance_kernel.content import ContentStore
from provenance_kernel.records import (
    FileAccess,
    Output,
    ResultParameter,
    TrackedValue,
    Variable,
    new_id,
)
from store.samples import a_code, a_run, a_session, a_trial, an_event, minutes
from support.databases import DEFAULT, Archive


@pytest.mark.usefixtures("two")
def test_a_trial_is_named_tagged_and_starred(ask: Ask) -> None:
    assert ask("note", OLD).stdout.strip() == f"{OLD}: nothing is noted"
    ask("note", OLD, "--name", "base", "--tag", "a", "--tag", "b", "--star")
    said = ask("note", OLD, "--text", "as in the paper", "--untag", "a").stdout
    assert said.strip() == f"{OLD}: base; as in the paper; #b; starred"
    assert "★ base #b" in ask("list").stdout
    noted = {each["id"]: each["note"] for each in json.loads(ask("list", "--json").stdout)}
    assert noted[NEW] is None
    assert noted[OLD]["tags"] == ["b"]
    assert json.loads(ask("note", OLD, "--no-star", "--json").stdout)["starred"] is False


def test_what_is_deleted_leaves_nothing_and_the_rest_stays(record: Record, ask: Ask) -> None:
    kept = a_session(("", "kept = 1", "ok"), status="finished")
    gone = a_trial(id=OLD, status="finished", started_at=minutes(-1))
    again = a_trial(parent_id=OLD, kind="verify", status="finished")
    run = a_run(gone, "gone = 1")
    parameter = TrackedValue(new_id(), OLD, run.id, None, "lr", "parameter", 1, 1)
    metric = TrackedValue(new_id(), OLD, run.id, None, "f1", "metric", 1, 1)
    rows = [
        *(gone, again, a_code("gone = 1"), run, parameter, metric, an_event(gone)),
        *(ResultParameter(metric.id, parameter.id), Variable(new_id(), run.id, "gone", "write")),
    ]
    record(kept)
    archive = Archive(Path(DEFAULT))
    tables = archive.values("SELECT name FROM sqlite_master WHERE type = 'table'")

    def contents() -> dict[str, list[dict[str, object]]]:
        return {each: archive.rows(f"SELECT * FROM {each}") for each in tables}

    before = contents()
    record(rows)
    ask("note", OLD, "--star")
    sizes = {each["id"]: each["nbytes"] for each in json.loads(ask("list", "--json").stdout)}
    assert 200 < sizes[OLD] < 5000
    assert ask("delete", OLD).exit_code == 1
    assert len(archive.trials()) == 3
    assert ask("delete", OLD, "--yes").stdout.strip() == "deleted 2 trials"
    assert contents() == before
    assert archive.is_sound()


def test_what_only_deleted_trials_met_or_showed_is_kept_no_more(record: Record, ask: Ask) -> None:
    store = ContentStore(Path(DEFAULT).parent / "content")
    digests = {each: store.keep_data(each.encode()) for each in ("both", "gone", "mine", "read")}
    for digest in digests.values():
        path = store.find(digest)
        assert path is not None
        os.utime(path, (0, 0))
    new = store.keep_data(b"of a kernel that is about to write a row")
    rows: list[object] = [a_code()]
    for trial, shown in (
        (a_trial(id=OLD, status="finished"), ("both", "gone")),
        (a_trial(id=NEW, status="finished"), ("both", "mine")),
    ):
        run = a_run(trial)
        rows += [trial, run]
        rows += [
            Output(new_id(), run.id, at, "stdout", "text/plain", digests[each], 4, True, each)
            for at, each in enumerate(shown, 1)
        ]
    read = digests["read"]
    rows.append(FileAccess(new_id(), run.id, "in.csv", "r", read, read, 4, "opened"))
    record(rows)
    ask("delete", OLD, "--yes")
    left = {each[3] for each in store.sizes()}
    assert left == {digests["both"], digests["mine"], digests["read"], new}
    Path(DEFAULT).with_name("another.db").touch()
    ask("delete", NEW, "--yes")
    assert {each[3] for each in store.sizes()} == left


def test_a_trial_that_runs_is_not_deleted(record: Record, ask: Ask) -> None:
    record([a_trial(id=NEW)])
    result = ask("delete", NEW, "--yes")
    assert (result.exit_code, "it still runs" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--keep-last", "1"], "a0 a2 b0 b3 c"),
        (["--keep-last", "2"], "a0 a1 a2 b0 b2 b3 c"),
        (["--older-than", "2026-03-01T12:02:30+00:00"], "a0 b0 b3 c"),
        (["--older-than", "2026-03-01T12:01:30+00:00", "--keep-last", "2"], "a0 a1 a2 b0 b2 b3 c"),
        (["--keep-last", "0"], "a0 b0 c"),
    ],
)
def test_what_is_pruned(record: Record, ask: Ask, options: list[str], left: str) -> None:
    trials = [
        a_trial(id=f"{book}{at}", notebook=book, started_at=minutes(at), status="finished")
        for book, last in (("a", 3), ("b", 4))
        for at in range(last)
    ]
    record([*trials, a_trial(id="c", notebook="c", started_at=minutes(0))])
    for starred in ("a0", "b0"):
        ask("note", starred, "--star")
    archive = Archive(Path(DEFAULT))
    dry = ask("prune", *options, "--dry-run").stdout
    assert dry.startswith(f"{8 - len(left.split())} trial")
    assert len(archive.trials()) == 8
    ask("prune", *options, "--yes")
    assert " ".join(archive.values("SELECT id FROM trial ORDER BY id")) == left


def test_space_is_given_back(record: Record, ask: Ask) -> None:
    for number in range(3):
        source = f"x = {number!r} * {'y' * 100_000!r}"
        record(a_session(("", source, "ok"), status="finished", started_at=minutes(number)))
    before = Path(DEFAULT).stat().st_size
    ask("prune", "--keep-last", "1", "--yes")
    assert Path(DEFAULT).stat().st_size < before - 150_000
