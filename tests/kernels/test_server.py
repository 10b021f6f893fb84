"""A real Jupyter Server: its sessions, and cells as JupyterLab sends them over the websocket."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import nbformat
import pytest
import websocket

from support.databases import DEFAULT, Archive
from support.server import SECONDS, TOKEN, Server


class Lab:
    """A frontend's connection to a kernel, through the server."""

    def __init__(self, server: Server, kernel: str) -> None:
        self._session = uuid.uuid4().hex
        self._socket = websocket.create_connection(
            f"ws://127.0.0.1:{server.port}/api/kernels/{kernel}/channels"
            f"?session_id={self._session}",
            header=[f"Authorization: token {TOKEN}"],
            timeout=SECONDS,
        )

    def execute(self, code: str, cell: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Send a cell with the metadata that JupyterLab 4 sends, and return the reply's content."""
        sent = uuid.uuid4().hex
        message = {
            "channel": "shell",
            "header": {
                "msg_id": sent,
                "msg_type": "execute_request",
                "username": "",
                "session": self._session,
                "date": "2025-01-01T00:00:00.000Z",
                "version": "5.3",
            },
            "parent_header": {},
            "metadata": {**metadata, "deletedCells": [], "recordTiming": False, "cellId": cell},
            "content": {
                "code": code,
                "silent": False,
                "store_history": True,
                "user_expressions": {},
                "allow_stdin": True,
                "stop_on_error": True,
            },
            "buffers": [],
        }
        self._socket.send(json.dumps(message))
        reply, idle = None, False
        deadline = time.monotonic() + SECONDS
        while reply is None or not idle:
            assert time.monotonic() < deadline
            received = json.loads(self._socket.recv())
            if received["parent_header"].get("msg_id") != sent:
                continue
            if received["msg_type"] == "execute_reply":
                reply = received["content"]
            elif received["msg_type"] == "status":
                idle = received["content"]["execution_state"] == "idle"
        return dict(reply)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("server"))
    yield running
    running.close()


@pytest.mark.slow
def test_cells_of_a_notebook_in_a_subfolder(server: Server) -> None:
    folder = server.root / "study" / "fraud"
    folder.mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(), folder / "first.ipynb")
    session = server.ask(
        "POST",
        "/api/sessions",
        {
            "path": "study/fraud/first.ipynb",
            "name": "first.ipynb",
            "type": "notebook",
            "kernel": {"name": "provenance"},
        },
    )
    lab = Lab(server, session["kernel"]["id"])
    try:
        cells = [
            ("rows = [1, 2, 3]", {"provenance": {"stage": "Data Reading"}, "trusted": True}),
            ("# stage: scoring\ntotal = sum(rows)", {"tags": ["stage:metrics evaluation"]}),
            ("total / 0", {"collapsed": True, "jupyter": {"outputs_hidden": False}}),
        ]
        statuses = [
            lab.execute(source, f"cell-{number}", metadata)["status"]
            for number, (source, metadata) in enumerate(cells)
        ]
        assert statuses == ["ok", "ok", "error"]
        archive = Archive(folder / DEFAULT)
        (trial,) = archive.trials()
        assert trial["notebook"] == str(folder / "first.ipynb")
        assert trial["status"] == "running"
        runs = archive.runs()
        assert [(run["cell_id"], run["status"], run["execution_count"]) for run in runs] == [
            ("cell-0", "ok", 1),
            ("cell-1", "ok", 2),
            ("cell-2", "error", 3),
        ]
        shown = archive.rows("SELECT position, stage, activation, status FROM stages")
        assert [tuple(row.values()) for row in shown] == [
            (1, "data_reading", "<cell>", "ok"),
            (2, "metrics_evaluation", "<cell>", "ok"),
            (2, "scoring", "<cell>", "ok"),
        ]
        server.ask("POST", f"/api/kernels/{session['kernel']['id']}/restart")
    finally:
        lab.close()
    lab = Lab(server, session["kernel"]["id"])
    try:
        assert lab.execute("rows", "cell-0", {})["ename"] == "NameError"
    finally:
        lab.close()
    server.ask("DELETE", f"/api/sessions/{session['id']}")
    assert [trial["status"] for trial in archive.trials()] == ["finished", "finished"]
    assert {trial["notebook"] for trial in archive.trials()} == {str(folder / "first.ipynb")}


def test_the_kernel_is_offered_with_its_logos(server: Server) -> None:
    spec = server.ask("GET", "/api/kernelspecs")["kernelspecs"]["provenance"]
    assert spec["spec"]["display_name"] == "Python 3 (provenance)"
    assert spec["spec"]["language"] == "python"
    assert set(spec["resources"]) >= {"logo-32x32", "logo-64x64", "logo-svg"}
    for name in ("logo-32x32", "logo-64x64"):
        assert server.get("GET", spec["resources"][name]).startswith(b"\x89PNG")
    assert b"<svg" in server.get("GET", spec["resources"]["logo-svg"])
