"""Files are kept in a thread; those with credentials are not, by their name nor their text."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import xxhash

from provenance_kernel.capture.secrets.text import redact_text
from provenance_kernel.content import ContentStore, Keeper
from provenance_kernel.content.keeper import is_private


@pytest.mark.parametrize(
    ("path", "private"),
    [
        ("data/train.csv", False),
        ("model.pt", False),
        ("keys.csv", False),
        ("environment.yml", False),
        (".env", True),
        (".env.local", True),
        ("conf/server.pem", True),
        ("/home/u/.aws/config", True),
        ("/home/u/.netrc", True),
        ("kaggle.json", True),
        ("credentials.json", True),
        ("id_rsa", True),
    ],
)
def test_files_of_credentials_are_told_by_place_and_name(path: str, private: bool) -> None:
    assert is_private(path) is private


def test_files_are_kept_but_not_texts_with_secrets(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "content")
    keeper = Keeper(store, 10**9, redact_text, set)
    digests = {}
    for name, text in {
        "a.csv": "1,2",
        "b.txt": "password = 'hunter2hunter2'",
        ".env": "A=1",
    }.items():
        (tmp_path / name).write_text(text)
        digests[name] = xxhash.xxh3_128_hexdigest(text.encode())
        keeper.keep(str(tmp_path / name), digests[name])
    keeper.keep(str(tmp_path / "gone"), "0" * 32)
    keeper.close(20)
    assert {name for name in digests if store.find(digests[name])} == {"a.csv"}
    (note,) = keeper.notes()
    assert "gone: not kept" in note


def test_a_secret_across_two_blocks_is_found(tmp_path: Path) -> None:
    keeper = Keeper(ContentStore(tmp_path / "content"), 10**9, redact_text, set)
    text = "password = 'hunter2hunter2'"
    for before in range(64 * 1024 - len(text), 64 * 1024):
        data = b" " * before + text.encode() + b" " * 1000
        assert keeper.holds_secrets(io.BytesIO(data)), before


def test_a_task_that_fails_is_noted_and_the_next_is_done(tmp_path: Path) -> None:
    keeper = Keeper(ContentStore(tmp_path / "content"), 10**9, redact_text, set)
    kept: list[str | None] = []
    keeper.do(lambda: [].index(1))
    keeper.do(lambda: kept.append(keeper.keep_data(b"data")))
    keeper.close(20)
    assert kept == [xxhash.xxh3_128_hexdigest(b"data")]
    (note,) = keeper.notes()
    assert note.startswith("not kept: ValueError")
