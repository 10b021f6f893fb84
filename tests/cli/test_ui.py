"""`jupyter provenance ui`: a server of its own that serves the page."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from support.browser import until
from support.kernels import environment


@pytest.mark.slow
def test_it_serves_the_page_of_its_folder(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    config = Path(environ["JUPYTER_CONFIG_DIR"])
    config.mkdir(parents=True, exist_ok=True)
    # The command leaves it to Jupyter Server whom it serves.
    allowed = {"ServerApp": {"allow_root": True}}
    (config / "jupyter_server_config.json").write_text(json.dumps(allowed))
    start = "from provenance_kernel.cli import main; main()"
    log = (tmp_path / "log").open("wb")
    with log:
        process = subprocess.Popen(
            [sys.executable, "-c", start, "ui", "--no-browser", "--port", "0"],
            cwd=tmp_path,
            env=environ,
            stdout=log,
            stderr=log,
        )
    runtime = Path(environ["JUPYTER_RUNTIME_DIR"])

    def page() -> str | None:
        try:
            (file,) = runtime.glob("jpserver-*.json")
            about = json.loads(file.read_text())
            address = f"{about['url']}provenance/?token={about['token']}"
            with urllib.request.urlopen(address, timeout=60) as reply:
                return str(reply.read().decode())
        except (ValueError, OSError):
            return None if process.poll() is None else (tmp_path / "log").read_text()

    try:
        assert "<title>Provenance</title>" in until(page)
    finally:
        process.terminate()
        process.wait(20)
