"""A Jupyter Server with the extension, over a database of two trials that real kernels recorded."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from support.browser import Browser
from support.front import Front
from support.recorded import SCORES, record
from support.server import SECONDS, TOKEN, Server

ENABLED = '--ServerApp.jpserver_extensions={"provenance_kernel.server": True}'
Asked = tuple[int, Any]
Ask = Callable[..., Asked]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("browser") / "profile")
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `.provenance` of two trials, to be copied."""
    folder = tmp_path_factory.mktemp("recorded")
    for factor in SCORES:
        record(folder, factor)
    return folder / "work" / ".provenance"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, recorded: Path) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"), ENABLED)
    shutil.copytree(recorded, server.root / ".provenance")
    yield server
    server.close()


@pytest.fixture
def another(server: Server) -> Iterator[str]:
    """A folder below the server's with a copy of the database."""
    folder = server.root / "another"
    shutil.copytree(server.root / ".provenance", folder / ".provenance")
    yield "another"
    shutil.rmtree(folder)


@pytest.fixture
def ask(server: Server) -> Ask:
    """Ask a path below the API; returns the status and what the JSON says.

    With a method it has the query's values in its body, except for `notebook`.
    """

    def ask(path: str, token: str | None = TOKEN, method: str = "GET", **query: Any) -> Asked:
        url = f"http://127.0.0.1:{server.port}/provenance/api/{path}"
        body = None
        if method != "GET":
            given = {"notebook": query.pop("notebook", "")}
            body, query = json.dumps(query).encode(), given
        url = f"{url}?{urllib.parse.urlencode(query, doseq=True)}"
        request = urllib.request.Request(url, body, method=method)
        if token is not None:
            request.add_header("Authorization", f"token {token}")
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    return ask


@pytest.fixture(scope="session", params=["jupyterlab", "notebook"])
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    front = Front(request.param, tmp_path_factory.mktemp(request.param))
    yield front
    front.close()
