"""What the server does to a record: notes, deletion, verifications; and for whom it does it."""

from __future__ import annotations

import http.cookiejar
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from provenance_kernel.server.routes import WRITES
from support.server import SECONDS, TOKEN, Server

Ask = Callable[..., tuple[int, Any]]
API = "/provenance/api/"


def test_a_trial_is_noted(ask: Ask, another: str) -> None:
    def note(**given: Any) -> tuple[int, Any]:
        return ask("trials/latest/note", method="PATCH", notebook=another, **given)

    code, found = note(name="a <b>", text="of it", tag=["one", "two"], star=True)
    assert (code, found["name"], found["tags"], found["starred"]) == (
        200,
        "a <b>",
        ["one", "two"],
        True,
    )
    assert ask("trials", notebook=another)[1][0]["note"]["text"] == "of it"
    assert note(untag="one", text="")[1]["tags"] == ["two"]
    assert note(star=False)[1] | {"changed_at": ""} == {
        "trial_id": found["trial_id"],
        "name": "a <b>",
        "text": None,
        "tags": ["two"],
        "starred": False,
        "changed_at": "",
    }


def test_a_trial_is_deleted_once_it_is_confirmed(ask: Ask, another: str) -> None:
    ids = [each["id"] for each in ask("trials", notebook=another)[1]]
    code, answer = ask("trials", method="DELETE", notebook=another, trials=ids[:1])
    assert (code, "confirm" in answer["message"]) == (400, True)
    assert len(ask("trials", notebook=another)[1]) == 2
    given = {"method": "DELETE", "notebook": another, "trials": ids[:1], "yes": True}
    assert ask("trials", **given) == (200, {"deleted": 1})
    assert [each["id"] for each in ask("trials", notebook=another)[1]] == ids[1:]
    assert ask("trials", **given)[0] == 404
    # The database beside it is as it was.
    assert len(ask("trials")[1]) == 2


@pytest.mark.parametrize(
    ("path", "method", "given", "code", "says"),
    [
        ("trials/zzz/note", "PATCH", {"name": "x"}, 404, "no such trial"),
        ("trials/latest/note", "PATCH", {"star": "yes"}, 400, "of another type"),
        ("trials/latest/note", "PATCH", {"name": None}, 400, "give texts"),
        ("trials/latest/note", "PATCH", {"database": "/x"}, 400, "no such parameter"),
        ("trials/latest/note", "DELETE", {}, 405, ""),
        ("trials", "DELETE", {"yes": True}, 400, "Missing argument"),
        ("trials", "PATCH", {}, 405, ""),
        ("verifications", "POST", {"targets": ["latest", "latest~1"]}, 400, "one trial"),
        ("verifications", "POST", {"targets": "zzz"}, 404, "no such trial"),
        ("verifications", "POST", {"targets": "../x.ipynb"}, 404, "no such trial"),
        ("verifications", "POST", {"runs": -1}, 400, "not in the range"),
        ("verifications", "POST", {"write": "/x.ipynb"}, 400, "no such parameter"),
        ("verifications/nothing", "DELETE", {}, 404, "no such verification"),
    ],
)
def test_mistakes_change_nothing(
    ask: Ask, path: str, method: str, given: dict[str, Any], code: int, says: str
) -> None:
    found, answer = ask(path, method=method, **given)
    assert (found, answer.keys()) == (code, {"message"})
    assert says in answer["message"]
    assert "\n" not in answer["message"]


@pytest.mark.parametrize("body", [b"{", b"[]1", b"\xda\x15", b'"text"', b"[1]"])
def test_a_body_that_is_no_object_is_refused(server: Server, body: bytes) -> None:
    url = f"http://127.0.0.1:{server.port}{API}trials/latest/note"
    headers = {"Authorization": f"token {TOKEN}"}
    request = urllib.request.Request(url, body, headers, method="PATCH")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=SECONDS)
    with error.value as reply:
        assert (reply.code, json.load(reply).keys()) == (400, {"message"})


@pytest.fixture
def signed_in(server: Server) -> urllib.request.OpenerDirector:
    """A browser's cookies once its page was opened with the token."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    opener.open(f"http://127.0.0.1:{server.port}/provenance/?token={TOKEN}", timeout=SECONDS)
    opener.addheaders = [
        ("X-Token", next(each.value or "" for each in jar if each.name == "_xsrf"))
    ]
    return opener


@pytest.mark.parametrize("route", WRITES, ids=lambda each: each.word)
def test_every_deed_needs_the_token_and_of_a_page_its_own_token(
    server: Server, ask: Ask, signed_in: urllib.request.OpenerDirector, route: Any
) -> None:
    path = route.path.replace("{trial}", "zzz")
    assert ask(path, None, route.method)[0] == 403
    assert ask(path, "another", route.method)[0] == 403
    codes = []
    for headers in ({}, {"X-XSRFToken": "another"}, {"X-XSRFToken": signed_in.addheaders[0][1]}):
        url = f"http://127.0.0.1:{server.port}{API}{path}"
        body = json.dumps({"targets": "zzz"} if route.word == "verify" else {}).encode()
        request = urllib.request.Request(url, body, headers, method=route.method)
        with pytest.raises(urllib.error.HTTPError) as error:
            signed_in.open(request, timeout=SECONDS)
        codes.append(error.value.code)
        error.value.close()
    # Let in, it says what is wrong with what was asked.
    assert codes[:2] == [403, 403]
    assert codes[2] in (400, 404)


def events(server: Server, job: str, notebook: str) -> Iterator[dict[str, Any]]:
    url = f"http://127.0.0.1:{server.port}{API}verifications/{job}/events?notebook={notebook}"
    request = urllib.request.Request(url, headers={"Authorization": f"token {TOKEN}"})
    with urllib.request.urlopen(request, timeout=SECONDS) as reply:
        assert reply.headers["Content-Type"] == "text/event-stream"
        for line in reply:
            if line.strip():
                yield json.loads(line.removeprefix(b"data: "))


@pytest.mark.slow
def test_a_verification_is_watched_to_its_end(server: Server, ask: Ask, another: str) -> None:
    given = {"method": "POST", "notebook": another, "targets": "latest", "runs": 0}
    code, job = ask("verifications", **given)
    assert (code, job["state"]) == (202, "running")
    told = list(events(server, job["id"], another))
    steps = [each["progress"] for each in told if each["progress"]]
    assert {each["cells"] for each in steps} == {4}
    assert 4 in [each["cell"] for each in steps]
    last = told[-1]
    assert (last["state"], last["report"]["verdict"]) == ("finished", "reproduced")
    assert ask(f"verifications/{job['id']}", notebook=another) == (200, last)
    assert ask("verifications", notebook=another)[1][0]["id"] == job["id"]
    # Who asks for another database is told nothing of it.
    assert ask("verifications") == (200, [])
    assert ask(f"verifications/{job['id']}")[0] == 404
    trials = ask("trials", notebook=another)[1]
    assert "reproduced" in [each["verdict"] for each in trials]


@pytest.mark.slow
def test_a_verification_is_cancelled(server: Server, ask: Ask, another: str) -> None:
    from store.samples import write
    from support.databases import DEFAULT

    code = "SELECT code_hash FROM cell_run ORDER BY trial_id DESC, position DESC LIMIT 1"
    slow = "import time; time.sleep(3600); score = 1"
    write(
        server.root / another / DEFAULT,
        f"UPDATE code SET source = '{slow}' WHERE hash = ({code})",
    )
    job = ask("verifications", method="POST", notebook=another, targets="latest")[1]["id"]
    for news in events(server, job, another):
        if news["progress"] and "3600" in news["progress"]["code"]:
            break
    code_, found = ask(f"verifications/{job}", method="DELETE", notebook=another)
    assert (code_, found["state"]) == (200, "cancelled")
    assert [each["state"] for each in events(server, job, another)] == ["cancelled"]
    # A second time there is nothing to do.
    assert ask(f"verifications/{job}", method="DELETE", notebook=another)[0] == 200
