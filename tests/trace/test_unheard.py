"""Looking at what a cell calls is not taken for what the cell does."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from provenance_kernel import audit
from provenance_kernel.trace import arguments


def test_signatures_that_are_no_python_open_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []
    audit.listen(("provenance.test",), lambda event, args: None)
    monkeypatch.setitem(audit._listeners, "open", lambda event, args: heard.append(args[0]))
    with sqlite3.connect(":memory:") as connection:
        arguments._of_c(connection.execute, object())
    connection.close()
    assert "<unknown>" not in heard
    with audit.unheard(), audit.unheard():
        open(__file__).close()
    assert __file__ not in heard
    open(__file__).close()
    assert __file__ in heard
