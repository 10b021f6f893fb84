"""A real Jupyter Server on loopback, isolated below a folder."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from support.browser import Browser
from support.kernels import environment

TOKEN = "for-this-test-only"
SECONDS = 60.0


class Server:
    """A Jupyter Server on loopback, in a process of its own."""

    def __init__(
        self, folder: Path, *options: str, app: str = "jupyter_server", **environ: str
    ) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        environ = environment(folder) | environ
        self._runtime = Path(environ["JUPYTER_RUNTIME_DIR"])
        self._log = folder / "server.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    # As where a script puts it into the background.
                    *("sh", "-c", 'trap "" INT; exec "$0" "$@"'),
                    sys.executable,
                    "-m",
                    app,
                    "--ServerApp.ip=127.0.0.1",
                    "--ServerApp.port=0",
                    "--ServerApp.open_browser=False",
                    "--ServerApp.allow_root=True",
                    f"--ServerApp.root_dir={self.root}",
                    f"--IdentityProvider.token={TOKEN}",
                    *options,
                ],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.port = self._wait_for_port()

    def _wait_for_port(self) -> int:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            for file in self._runtime.glob("jpserver-*.json"):
                try:
                    port = int(json.loads(file.read_text())["port"])
                    self.port = port
                    self.ask("GET", "/api")
                except (ValueError, OSError):
                    break
                return port
            time.sleep(0.05)
        raise TimeoutError(self._log.read_text(errors="replace"))

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the REST interface and return what its JSON says."""
        content = self.get(method, path, body)
        return json.loads(content) if content else None

    def get(self, method: str, path: str, body: Any = None) -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {TOKEN}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            content: bytes = response.read()
        return content

    def close(self) -> None:
        for kernel in self.ask("GET", "/api/kernels"):
            self.ask("DELETE", f"/api/kernels/{kernel['id']}")
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def visit(browser: Browser, server: Server, way: str, **query: str) -> None:
    """Show the page in a browser, of what the address behind # says."""
    # Another document each time, as a change behind # alone loads none.
    browser.call("Page.navigate", url="about:blank")
    given = "&".join(f"{name}={value}" for name, value in {"token": TOKEN, **query}.items())
    browser.call("Page.navigate", url=f"http://127.0.0.1:{server.port}/provenance/?{given}#{way}")
