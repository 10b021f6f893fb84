"""Contents by digest: whole or not at all, compressed where it pays, the oldest gone first."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
import xxhash

from provenance_kernel.content import ContentStore


def digest(data: bytes) -> str:
    return xxhash.xxh3_128_hexdigest(data)


NOISE = random.Random(3).randbytes(700_000)


@pytest.mark.parametrize(
    "data", [b"", b"a,b\n1,2\n" * 90_000, NOISE], ids=["empty", "text", "noise"]
)
def test_what_is_kept_comes_back_as_it_was(tmp_path: Path, data: bytes) -> None:
    source = tmp_path / "in"
    source.write_bytes(data)
    store = ContentStore(tmp_path / "content")
    assert store.keep(str(source), digest(data))
    source.write_bytes(b"other")
    assert store.write(digest(data), tmp_path / "new" / "out")
    assert (tmp_path / "new" / "out").read_bytes() == data
    ((_, size, path, known),) = store.sizes()
    assert known == digest(data)
    assert path.suffix == (".z" if data.startswith(b"a") else "")
    assert size < 20_000 or data == NOISE


def test_what_changed_meanwhile_is_not_kept_under_its_old_digest(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"new")
    store = ContentStore(tmp_path / "content")
    assert not store.keep(str(tmp_path / "in"), digest(b"old"))
    assert store.find(digest(b"old")) is None
    assert [path for path in store.folder.rglob("*") if path.is_file()] == []


def test_the_oldest_goes_that_nobody_wants(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "content")
    kept = []
    for at in range(4):
        data = random.Random(at).randbytes(1000)
        (tmp_path / "in").write_bytes(data)
        store.keep(str(tmp_path / "in"), digest(data))
        found = store.find(digest(data))
        assert found is not None
        os.utime(found, (at, at))
        kept.append(digest(data))
    assert store.prune(2000, {kept[0]}) == 2
    assert [each[3] for each in store.sizes()] == [kept[0], kept[3]]


def test_data_come_back_unless_they_are_damaged(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "content")
    for data in (b"", b"a" * 10_000, NOISE):
        found = store.keep_data(data)
        assert store.read(found) == data
        path = store.find(found)
        assert path is not None
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] or b"x")
        assert store.read(found) is None
    assert store.read("0" * 32) is None


def test_what_nobody_wants_goes_but_for_what_was_just_kept(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "content")
    wanted, old, again, new = (store.keep_data(each) for each in (b"a", b"bb", b"ccc", b"dddd"))
    for each in (wanted, old, again):
        path = store.find(each)
        assert path is not None
        os.utime(path, (0, 0))
    store.keep_data(b"ccc")
    assert store.clear({wanted}) == 2
    assert {each[3] for each in store.sizes()} == {wanted, again, new}
