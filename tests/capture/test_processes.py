"""A program is described by name and number of arguments, whatever way it was started."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenance_kernel.capture.processes import describe_process

CASES: list[tuple[object, object, str]] = [
    ("git", ["git", "status"], "git, 1 argument"),
    ("/usr/bin/git", ("git",), "git, 0 arguments"),
    (None, ["/usr/bin/env", "a", "b"], "env, 2 arguments"),
    (Path("/bin/true"), [Path("/bin/true"), b"x"], "true, 1 argument"),
    ("/bin/sh", ["/bin/sh", "-c", "curl -u ann:hunter2 x"], "curl, 3 arguments"),
    ("/bin/bash", ["bash", "script.sh"], "bash, 1 argument"),
    ("ls -l /data", None, "ls, 2 arguments"),
    (b"ls -l", None, "ls, 1 argument"),
    (None, "notepad a.txt", "notepad, 1 argument"),
    ("TOKEN=hunter2 KEY=2 run now", None, "run, 1 argument"),
    ("TOKEN=hunter2", None, "a shell, 0 arguments"),
    ("echo 'not closed", None, "echo, 2 arguments"),
    ("", None, "a shell, 0 arguments"),
    ("x" * 500, None, "x" * 100 + ", 0 arguments"),
    ("prog", [1, 2], "prog, 1 argument"),
]


@pytest.mark.parametrize(("program", "arguments", "text"), CASES)
def test_description(program: object, arguments: object, text: str) -> None:
    assert describe_process(program, arguments) == text
