"""The API of a real Jupyter Server: what it answers, to whom, and what it says to mistakes."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from provenance_kernel.cli.questions import QUESTIONS
from provenance_kernel.content import ContentStore
from provenance_kernel.records import Output
from provenance_kernel.server.routes import ROUTES, WRITES
from provenance_kernel.store.store import Store
from store.samples import FUTURE, write
from support.databases import DEFAULT
from support.server import SECONDS, TOKEN, Server

OLDER = "DELETE FROM schema_migration WHERE name = (SELECT max(name) FROM schema_migration)"
Ask = Callable[..., tuple[int, Any]]


def test_trials_and_one_of_them(ask: Ask) -> None:
    code, trials = ask("trials")
    assert (code, len(trials)) == (200, 2)
    assert ask("trials", limit=1) == (200, trials[:1])
    code, latest = ask("trials/latest")
    assert (code, latest["id"]) == (200, trials[0]["id"])
    assert [each["stages"] for each in latest["cell_runs"]] == [
        ["data_reading"],
        [],
        ["model_scoring"],
        ["metrics_evaluation"],
    ]
    assert ask(f"trials/{trials[1]['id']}")[1]["id"] == trials[1]["id"]


def test_results_sorted_and_narrowed(ask: Ask) -> None:
    code, rows = ask("results", sort="score", metrics="score")
    assert code == 200
    assert [each["metrics"]["score"] for each in rows] == [95.0, 57.0]
    assert len(ask("results", where="score > 60")[1]) == 1


def test_what_differs_where_it_comes_from_and_what_suffices(ask: Ask) -> None:
    code, found = ask("compare", trials=["latest~1", "latest"])
    assert (code, found["metrics"][0]["name"]) == (200, "score")
    assert "factor" in json.dumps(ask("lineage", name="score")[1])
    assert "factor = 5" in json.dumps(ask("slice", name="score")[1])
    assert [each["value"] for each in ask("values", name="score")[1]] == [95.0, 57.0]
    assert ask("plots", name="score", against="factor")[0] == 200
    assert ask("stale") == (200, [])


@pytest.mark.parametrize(
    ("path", "query", "code", "says"),
    [
        ("trials/zzz", {}, 404, "no such trial"),
        ("trials/latest@99", {}, 404, "cell runs are 1 to 4"),
        ("compare", {"trials": "latest"}, 400, "two trials"),
        ("compare", {}, 400, "Missing argument"),
        ("values", {"name": "nothing"}, 400, "no value of that name"),
        ("values", {"name": ["a", "b"]}, 400, "once"),
        ("results", {"limit": "many"}, 400, "not a valid integer"),
        ("results", {"all": "perhaps"}, 400, "neither true nor false"),
        ("results", {"where": "score >"}, 400, ""),
        ("trials", {"database": "/etc/passwd"}, 400, "no such parameter 'database'"),
        ("slice", {"name": "score", "output": "x.py"}, 400, "no such parameter 'output'"),
        ("slice", {"name": "score", "check": "true"}, 400, "no such parameter 'check'"),
        ("verifications/nothing", {}, 404, "no such verification"),
        ("lineage", {"name": "--database=/etc/passwd"}, 400, "no such variable"),
        ("trials", {"notebook": "../../etc/x.ipynb"}, 400, "not below the server's folder"),
    ],
)
def test_mistakes_are_told_in_one_line(
    ask: Ask, path: str, query: dict[str, Any], code: int, says: str
) -> None:
    found, answer = ask(path, **query)
    assert (found, answer.keys()) == (code, {"message"})
    assert says in answer["message"]
    assert "\n" not in answer["message"]


@pytest.mark.parametrize("path", ["trials", "openapi.json", *(each.path for each in ROUTES)])
@pytest.mark.parametrize("token", [None, "another"])
def test_nobody_reads_without_the_token(ask: Ask, path: str, token: str | None) -> None:
    code, answer = ask(path, token)
    assert code == 403
    assert answer.keys() == {"message"}


def test_the_database_is_that_of_the_notebooks_folder(ask: Ask, server: Server) -> None:
    other = server.root / "a folder"
    (other / ".provenance").mkdir(parents=True)
    try:
        code, answer = ask("trials", notebook="a folder/x.ipynb")
        assert (code, "no provenance database here" in answer["message"]) == (404, True)
        shutil.copy(server.root / DEFAULT, other / DEFAULT)
        write(other / DEFAULT, "DELETE FROM trial WHERE id = (SELECT max(id) FROM trial)")
        assert len(ask("trials", notebook="a folder/x.ipynb")[1]) == 1
        assert len(ask("trials", notebook="x.ipynb")[1]) == 2
    finally:
        shutil.rmtree(other)


def test_no_database_outside_of_the_root_is_read(ask: Ask, server: Server, tmp_path: Path) -> None:
    shutil.copytree(server.root / ".provenance", tmp_path / ".provenance")
    for name, target in {"out": tmp_path, "in": server.root / "in"}.items():
        link = server.root / name
        if name == "in":
            link.mkdir()
            (link / ".provenance").symlink_to(tmp_path / ".provenance")
        else:
            link.symlink_to(target)
        try:
            code, answer = ask("trials", notebook=f"{name}/x.ipynb")
            assert (code, "not below the server's folder" in answer["message"]) == (400, True)
        finally:
            link.unlink() if link.is_symlink() else shutil.rmtree(link)


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (lambda path: path.write_bytes(b"nothing of the kind" * 100), 404),
        (lambda path: write(path, FUTURE), 400),
        (lambda path: write(path, "ALTER TABLE cell_run RENAME TO gone"), 503),
        (lambda path: write(path, OLDER), 409),
    ],
    ids=["no database", "of a later version", "without a table", "of an earlier version"],
)
def test_a_database_that_is_none(
    ask: Ask, server: Server, harm: Callable[[Path], None], code: int
) -> None:
    other = server.root / "harmed"
    (other / ".provenance").mkdir(parents=True)
    try:
        shutil.copy(server.root / DEFAULT, other / DEFAULT)
        harm(other / DEFAULT)
        found, answer = ask("trials", notebook="harmed")
        assert (found, answer.keys()) == (code, {"message"})
    finally:
        shutil.rmtree(other)


def test_the_server_answers_others_while_a_question_waits(ask: Ask, server: Server) -> None:
    from threading import Thread

    other = server.root / "locked"
    (other / ".provenance").mkdir(parents=True)
    shutil.copy(server.root / DEFAULT, other / DEFAULT)
    waiting: list[tuple[int, Any]] = []
    try:
        with closing(sqlite3.connect(other / DEFAULT)) as connection:
            connection.execute("PRAGMA journal_mode = delete")
            connection.execute("BEGIN EXCLUSIVE")
            thread = Thread(target=lambda: waiting.append(ask("trials", notebook="locked")))
            thread.start()
            began = time.monotonic()
            assert ask("trials")[0] == 200
            assert time.monotonic() - began < 5
            assert waiting == []
            connection.rollback()
        thread.join(60)
        assert waiting[0][0] == 200
    finally:
        shutil.rmtree(other)


def test_every_question_has_a_path_and_the_description_names_each(ask: Ask) -> None:
    assert {each.word for each in ROUTES} == QUESTIONS.keys()
    described = ask("openapi.json")[1]
    paths = {f"/provenance/api/{each.path}" for each in (*ROUTES, *WRITES)}
    jobs = "/provenance/api/verifications/{id}"
    outputs = "/provenance/api/outputs/{id}"
    assert described["paths"].keys() == paths | {
        jobs,
        f"{jobs}/events",
        outputs,
        "/provenance/api/cells",
    }
    for each in ROUTES:
        operation = described["paths"][f"/provenance/api/{each.path}"]["get"]
        names = {one["name"] for one in operation["parameters"]}
        assert names == {"notebook", *each.parameters()}
        required = {one["name"] for one in operation["parameters"] if one["required"]}
        assert set(re.findall(r"\{(\w+)\}", each.path)) <= required


@pytest.mark.parametrize(
    ("mime", "data", "told"),
    [
        ("text/html", b"<script>alert(1)</script>", "application/octet-stream"),
        ("image/svg+xml", b"<svg onload='alert(1)'/>", "application/octet-stream"),
        ("image/png", b"\x89PNG", "image/png"),
        ("text/plain", b"plain", "text/plain; charset=utf-8"),
    ],
)
def test_an_output_is_sent_as_a_file_in_which_nothing_runs(
    server: Server, another: str, mime: str, data: bytes, told: str
) -> None:
    folder = server.root / another / ".provenance"
    digest = ContentStore(folder / "content").keep_data(data)
    with closing(Store(folder / "provenance.db")) as store:
        (run,) = store.database.execute_sql("SELECT id FROM cell_run LIMIT 1").fetchone()
        store.put([Output("one", run, 1, "display", mime, digest, len(data), True, "")])
        store.put([Output("far", run, 2, "display", mime, "../../../secret", 1, True, "")])
    url = f"http://127.0.0.1:{server.port}/provenance/api/outputs/"

    def get(name: str, token: str = TOKEN) -> Any:
        request = urllib.request.Request(f"{url}{name}?notebook={another}")
        request.add_header("Authorization", f"token {token}")
        return urllib.request.urlopen(request, timeout=SECONDS)

    with get("one") as response:
        assert response.read() == data
        assert response.headers["Content-Type"] == told
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    for name, token, code in (("far", TOKEN, 404), ("none", TOKEN, 404), ("one", "wrong", 403)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(name, token)
        refused.value.close()
        assert refused.value.code == code


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: each.word)
def test_answers_are_those_that_the_description_names(ask: Ask, route: Any) -> None:
    operation = ask("openapi.json")[1]["paths"][f"/provenance/api/{route.path}"]["get"]
    good = {"trials": ["latest", "latest~1"], "name": "score", "metrics": "score", "limit": 1}
    for sent in ("good", "", "\ud7ff<script>", "-1", "x" * 3000, "latest@1", "%00"):
        query = {
            each["name"]: good.get(each["name"], "latest") if sent == "good" else sent
            for each in operation["parameters"]
            if each["in"] == "query"
            and (each["required"] or each["name"] == "name" or sent != "good")
        }
        path = route.path.replace("{trial}", "latest")
        code, answer = ask(path, **query)
        assert str(code) in operation["responses"], answer
        assert code in ((200,) if sent == "good" else (200, 400, 404)), answer


def test_a_question_leaves_the_database_as_it_is(ask: Ask, server: Server, another: str) -> None:
    path = server.root / another / DEFAULT
    # Something that a command would write at once: a trial whose process is gone.
    write(path, "UPDATE trial SET status = 'running', pid = 4194305, process_started_at = 1")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()
    for route in ROUTES:
        query = {"name": "score", "trials": ["latest", "latest~1"]}
        given = {name: query[name] for name in route.parameters().keys() & query.keys()}
        assert ask(route.path.replace("{trial}", "latest"), notebook=another, **given)[0] == 200
    assert path.read_bytes() == before
    assert os.stat(server.root / DEFAULT).st_mode & 0o777 == 0o600


def test_the_cells_of_an_open_notebook_are_told_stale_by_their_texts(
    ask: Ask, server: Server, another: str
) -> None:
    notebook = server.root / another / "x.ipynb"
    path = server.root / another / DEFAULT
    write(path, f"UPDATE trial SET notebook = '{notebook}'")
    write(path, "UPDATE cell_run SET cell_id = 'cell' || position")
    given: dict[str, Any] = {"method": "POST", "notebook": f"{another}/x.ipynb"}
    code, found = ask("cells", sources={"cell2": "# track: factor\nfactor = 5"}, **given)
    stages = ["data_reading", "metrics_evaluation", "model_scoring"]
    assert (code, found["stages"], found["stale"]) == (200, stages, [])
    sources = {"cell2": "factor = 6", "cell3": "", "cell4": ""}
    found = ask("cells", sources=sources, **given)[1]
    assert [(each["cell_id"], each["reason"]) for each in found["stale"]][:1] == [
        ("cell2", "edited")
    ]
    assert ask("cells", sources={"cell1": "rows = ["}, **given)[1]["stale"][0]["cell_id"] == "cell1"
    # What was never run, or where nothing is recorded, is not stale.
    given["notebook"] = f"{another}/y.ipynb"
    assert ask("cells", sources=sources, **given)[1] == {
        "trial": None,
        "stages": stages,
        "stale": [],
    }
    for bad in ({"sources": {"x": 1}}, {"sources": []}, {}):
        code, answer = ask("cells", **given, **bad)
        assert (code, "sources" in answer["message"]) == (400, True)
    assert ask("cells", sources={}, method="POST", notebook="../x")[0] == 400
    assert ask("cells", None, sources={}, method="POST")[0] == 403
