"""Chromium without a window, driven by the protocol of its own developer tools."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import websocket

SECONDS = 60.0
EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """A browser with one page, its profile below a folder."""

    def __init__(self, folder: Path) -> None:
        assert EXECUTABLE is not None
        folder.mkdir()
        # It leaves a folder behind where it puts its socket, whose path must be short.
        self._temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [
                EXECUTABLE,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--remote-debugging-port=0",
                "--remote-allow-origins=*",
                f"--user-data-dir={folder}",
                "about:blank",
            ],
            env={**os.environ, "HOME": str(folder), "TMPDIR": self._temporary.name},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._number = 0
        self._socket: websocket.WebSocket | None = None
        try:
            self._socket = websocket.create_connection(self._address(folder), timeout=SECONDS)
        except BaseException:
            self.close()
            raise

    def _address(self, folder: Path) -> str:
        def page() -> str | None:
            try:
                port = (folder / "DevToolsActivePort").read_text().split()[0]
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as reply:
                    pages = [each for each in json.load(reply) if each["type"] == "page"]
                return str(pages[0]["webSocketDebuggerUrl"])
            except (OSError, IndexError):
                return None

        return until(page)

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol."""
        self._number += 1
        assert self._socket is not None
        message = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def run(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key: str, code: int, shift: bool = False) -> None:
        """Press a key and let it go."""
        text = {"text": "\r"} if key == "Enter" else {}
        given = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": 8 * shift}
        self.call("Input.dispatchKeyEvent", type="keyDown", **given, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **given)

    def type(self, text: str) -> None:
        """Write a text where the focus is."""
        self.call("Input.insertText", text=text)

    def waits(self, condition: str) -> None:
        """Wait until an expression in the page is true."""
        until(lambda: "" if self.run(f"Boolean({condition})") else None)

    def sees(self, text: str, place: str = "document.querySelector('main')") -> str:
        """Return what is written in a place as soon as a text is among it."""
        script = f"{place}?.innerText ?? ''"
        return until(lambda: found if text in (found := str(self.run(script))) else None)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._temporary.cleanup()


def until(look: Callable[[], str | None]) -> str:
    """Return what is found as soon as it is."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.02)
    raise TimeoutError
