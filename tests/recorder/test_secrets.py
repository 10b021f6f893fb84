"""What of a session and its environment is taken for secret."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from provenance_kernel.recorder.secrets import Secrets


@pytest.mark.parametrize(
    ("name", "text", "stored"),
    [
        ("PWD", "/home/ann/fraud", "/home/ann/fraud/n.ipynb"),
        ("MAIL_PWD", "/home/ann/fraud", "redacted/n.ipynb"),
    ],
)
def test_the_working_folder_is_no_password(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, stored: str
) -> None:
    monkeypatch.setenv(name, text)
    secrets = Secrets(SimpleNamespace(user_ns={}))
    secrets.look(())
    assert secrets.text("/home/ann/fraud/n.ipynb") == stored
