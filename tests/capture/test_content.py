"""What a path holds is told without opening what must not be opened."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
import xxhash

from provenance_kernel.capture import content
from provenance_kernel.capture.content import Digests

OLD = 1_600_000_000


@pytest.mark.parametrize("size", [0, 1, content.BLOCK - 1, content.BLOCK, 2 * content.BLOCK + 3])
def test_whole_file(size: int, tmp_path: Path) -> None:
    data = bytes(number % 251 for number in range(size))
    (tmp_path / "x").write_bytes(data)
    found = Digests().of(str(tmp_path / "x"))
    assert (found.kind, found.digest, found.nbytes, found.note) == (
        "file",
        xxhash.xxh3_128_hexdigest(data),
        size,
        None,
    )


def test_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path has to be short
    os.mkfifo("fifo")
    os.symlink("loop", "loop")
    Path("file").touch()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        kinds = {
            name: Digests().of(name).kind
            for name in (
                "fifo",
                "socket",
                "loop",
                ".",
                "absent",
                "file/x",
                os.devnull,
                "\0",
                "file",
            )
        }
    assert kinds == {
        "fifo": "fifo",
        "socket": "socket",
        "loop": "unreadable",
        ".": "directory",
        "absent": "missing",
        "file/x": "missing",
        os.devnull: "device",
        "\0": "unreadable",
        "file": "file",
    }


@pytest.mark.parametrize("place", ["head", "middle", "tail"])
def test_samples_cover_head_middle_and_tail(place: str, tmp_path: Path) -> None:
    path = tmp_path / "big"
    size = 100 * content.BLOCK
    with open(path, "wb") as file:
        file.truncate(size)
    digests = Digests(limit=content.BLOCK)
    before = digests.of(str(path))
    step = (size - content.BLOCK) // (content.SAMPLES - 1)
    with open(path, "r+b") as file:
        file.seek({"head": 0, "middle": 30 * step, "tail": size - 1}[place])
        file.write(b"x")
    after = digests.of(str(path))
    assert (before.note, after.note) == ("sampled", "sampled")
    assert before.digest != after.digest


def test_size_counts_in_a_sample(tmp_path: Path) -> None:
    digests = Digests(limit=10)
    sizes = (11, content.BLOCK, content.BLOCK + 1)
    for size in sizes:
        with open(tmp_path / str(size), "wb") as file:
            file.truncate(size)
    found = [digests.of(str(tmp_path / str(size))) for size in sizes]
    assert {one.note for one in found} == {"sampled"}
    assert len({one.digest for one in found}) == 3


def test_what_is_remembered_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "KEPT", 2)
    digests = Digests()
    for number in range(4):
        path = tmp_path / str(number)
        path.write_text(str(number))
        os.utime(path, (OLD, OLD))
        digests.of(str(path))
    assert len(digests._kept) == 2


def test_a_file_never_to_be_opened_keeps_the_digest_it_had(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"a")
    os.utime(path, (OLD, OLD))
    digests = Digests()
    known = digests.of(str(path))
    digests.never_open(str(path))
    os.link(path, tmp_path / "alias")
    assert digests.of(str(path)) == known
    path.write_bytes(b"b")
    for name in ("x.db", "alias"):
        found = digests.of(str(tmp_path / name))
        assert (found.digest, found.note, found.nbytes) == (None, "locked", 1)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("absent", "missing"), ("fifo", "fifo"), ("loop", "unreadable"), ("folder", "directory")],
)
def test_what_has_taken_a_file_s_place_since_it_was_looked_at(
    name: str, kind: str, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "fifo")
    os.symlink("loop", tmp_path / "loop")
    (tmp_path / "folder").mkdir()
    assert Digests()._read(str(tmp_path / name)).kind == kind


def test_a_file_that_has_shrunk_ends_where_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    with path.open("rb", buffering=0) as file:
        assert content._whole(file, 10) == xxhash.xxh3_128_hexdigest(b"abc")
    assert Digests().of(str(path)).digest == xxhash.xxh3_128_hexdigest(b"abc")
