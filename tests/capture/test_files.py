"""File capture sees what a cell run opens, names and starts, by content, and never harms it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import linecache
import mmap
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import xxhash

from provenance_kernel import audit
from provenance_kernel.capture.content import Digests
from provenance_kernel.capture.files import READ_FIRST, FileRun, FileWatch
from provenance_kernel.capture.traffic import Traffic
from provenance_kernel.records import Event, FileAccess

OLD = 1_600_000_000


def digest(data: bytes) -> str:
    return xxhash.xxh3_128(data).hexdigest()


A, B = b"content a", b"content b"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "a").write_bytes(A)
    (folder / "b").write_bytes(B)
    (folder / "sub").mkdir()
    for name in ("a", "b"):
        os.utime(folder / name, (OLD, OLD))
    return folder


@pytest.fixture(autouse=True)
def _traceable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let coverage see into the hook: the interpreter suspends tracing in hooks otherwise."""
    monkeypatch.setattr(audit.hook, "__cantrace__", True, raising=False)


@pytest.fixture
def watch(project: Path, tmp_path: Path) -> Iterator[FileWatch]:
    watch = FileWatch(Traffic(project, [tmp_path / "own"]))
    watch.install()
    yield watch
    watch.uninstall()


@contextlib.contextmanager
def recording(watch: FileWatch) -> Iterator[tuple[FileRun, list[FileAccess], list[Event]]]:
    accesses: list[FileAccess] = []
    events: list[Event] = []
    run = watch.begin("trial", "run")
    try:
        yield run, accesses, events
    finally:
        rows, notes = watch.end(run)
        accesses += rows
        events += notes


def _write(path: str, data: bytes, mode: str = "wb") -> None:
    with open(path, mode) as file:
        file.write(data)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _low_level(path: str, flags: int) -> None:
    os.close(os.open(path, flags))


def _fifo() -> None:
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    os.close(os.open("pipe", os.O_WRONLY | os.O_NONBLOCK))
    os.close(reader)


def _missing() -> None:
    with contextlib.suppress(FileNotFoundError):
        Path("absent").read_text()


def _loop() -> None:
    os.symlink("loop", "loop")
    with contextlib.suppress(OSError):
        Path("loop").read_text()


def _map() -> None:
    with open("a", "r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        mapping[:1] = b"C"


def _rename() -> None:
    os.rename("a", "c")


def _read_then_moved_in() -> None:
    _read("a")
    os.replace("b", "a")


def _changed_elsewhere() -> None:
    _read("a")
    subprocess.run([sys.executable, "-c", "open('a','wb').write(b'other')"], check=True)


def _at_folder() -> None:
    folder = os.open("sub", os.O_RDONLY)
    try:
        os.rename("a", "a", src_dir_fd=None, dst_dir_fd=folder)
    finally:
        os.close(folder)


def _chdir() -> None:
    _read("a")
    os.chdir("sub")
    _write("a", B)
    os.chdir("..")


def _by_descriptor() -> None:
    descriptor = os.open("a", os.O_RDONLY)
    with open(descriptor, "rb") as file:
        file.read()


def _directory() -> None:
    with contextlib.suppress(IsADirectoryError):
        Path("sub").read_text()


def _anonymous() -> None:
    with tempfile.TemporaryFile(dir=".") as file:
        file.write(A)


Row = tuple[str, str, bytes | None, bytes | None]

CASES: dict[str, tuple[Callable[[], object], list[Row]]] = {
    "read": (lambda: _read("a"), [("a", "r", A, A)]),
    "read text": (lambda: Path("a").read_text(), [("a", "r", A, A)]),
    "read twice": (lambda: (_read("a"), _read("a")), [("a", "r", A, A)]),
    "read by two names": (lambda: (_read("a"), _read(os.path.abspath("a"))), [("a", "r", A, A)]),
    "read bytes path": (lambda: open(b"a").close(), [("a", "r", A, A)]),
    "write new": (lambda: _write("c", A), [("c", "w", None, A)]),
    "write over": (lambda: _write("a", B), [("a", "w", A, B)]),
    "exclusive": (lambda: _write("c", A, "xb"), [("c", "x", None, A)]),
    "append": (lambda: _write("a", B, "ab"), [("a", "a", A, A + B)]),
    "update": (lambda: _write("a", b"C", "r+b"), [("a", "r+", A, b"C" + A[1:])]),
    "read, then write": (lambda: (_read("a"), _write("a", B)), [("a", "r,w", A, B)]),
    "write, then read": (lambda: (_write("a", B), _read("a")), [("a", "w,r", A, B)]),
    "same size": (lambda: (_read("a"), _write("a", b"CONTENT A")), [("a", "r,w", A, b"CONTENT A")]),
    "mapped": (_map, [("a", "r+", A, b"C" + A[1:])]),
    "os.open read": (lambda: _low_level("a", os.O_RDONLY), [("a", "r", A, A)]),
    "os.open write": (lambda: _low_level("a", os.O_WRONLY | os.O_TRUNC), [("a", "w", A, b"")]),
    "os.open append": (lambda: _low_level("a", os.O_WRONLY | os.O_APPEND), [("a", "a", A, A)]),
    "os.open update": (lambda: _low_level("a", os.O_RDWR), [("a", "r+", A, A)]),
    "descriptor": (_by_descriptor, [("a", "r", A, A)]),
    "remove": (lambda: os.remove("a"), [("a", "remove", A, None)]),
    "unlink": (lambda: Path("a").unlink(), [("a", "remove", A, None)]),
    "made and removed": (
        lambda: (_write("c", A), os.remove("c")),
        [("c", "w,remove,missing", None, None)],
    ),
    "rename": (_rename, [("a", "rename", A, None), ("c", "w", None, A)]),
    "rename over": (lambda: os.replace("a", "b"), [("a", "rename", A, None), ("b", "w", B, A)]),
    "read, moved in": (_read_then_moved_in, [("a", "r,w", A, B), ("b", "rename", B, None)]),
    "rename at folder": (
        _at_folder,
        [("a", "rename", A, None), ("sub", "r,directory", None, None), ("sub/a", "w", None, A)],
    ),
    "copy": (lambda: shutil.copyfile("a", "c"), [("a", "r", A, A), ("c", "w", None, A)]),
    "move": (lambda: shutil.move("a", "sub"), [("a", "rename", A, None), ("sub/a", "w", None, A)]),
    "truncate": (lambda: os.truncate("a", 3), [("a", "truncate", A, A[:3])]),
    "hard link": (lambda: os.link("a", "c"), [("c", "link", None, A)]),
    "symbolic link": (lambda: os.symlink("a", "c"), [("c", "link", None, A)]),
    "folder": (
        lambda: (os.makedirs("c/d"), os.makedirs("sub", exist_ok=True)),
        [("c", "mkdir,directory", None, None), ("c/d", "mkdir,directory", None, None)],
    ),
    "folder made and removed": (lambda: (os.mkdir("c"), os.rmdir("c")), []),
    "folder elsewhere": (lambda: os.mkdir("../elsewhere"), []),
    "missing": (_missing, [("absent", "r,missing", None, None)]),
    "fifo": (_fifo, [("pipe", "r,w,fifo", None, None)]),
    "directory": (_directory, [("sub", "r,directory", None, None)]),
    "loop": (_loop, [("loop", "link,r,unreadable", None, None)]),
    "device": (
        lambda: _low_level("/dev/urandom", os.O_RDONLY),
        [("/dev/urandom", "r,device", None, None)],
    ),
    "null": (lambda: _low_level(os.devnull, os.O_RDONLY), []),
    "changed elsewhere": (_changed_elsewhere, [("a", "r,changed", None, b"other")]),
    "chdir": (_chdir, [("a", "r", A, A), ("sub/a", "w", None, B)]),
    "anonymous": (_anonymous, []),
    "source of a cell": (lambda: linecache.getlines("/tmp/ipykernel_1/2.py"), []),
    "proc": (lambda: Path("/proc/self/status").read_text(), []),
    "standard library": (lambda: Path(os.__file__).read_text(), []),
    "url of a file": (
        lambda: urllib.request.urlopen(Path("a").absolute().as_uri()).close(),
        [("a", "r", A, A)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_access(
    case: str, project: Path, watch: FileWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    act, expected = CASES[case]
    with recording(watch) as (_, accesses, events):
        act()
    found = sorted((a.path, a.mode, a.digest_before, a.digest_after) for a in accesses)
    assert found == [
        (
            path,
            mode,
            before if before is None else digest(before),
            after if after is None else digest(after),
        )
        for path, mode, before, after in expected
    ]
    assert {a.evidence for a in accesses} <= {"opened"}
    assert [event for event in events if event.kind == "fault"] == []


def test_outside_the_project_a_path_is_absolute(watch: FileWatch, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(A)
    with recording(watch) as (_, accesses, _events):
        _read(str(tmp_path / "elsewhere"))
    assert [a.path for a in accesses] == [(tmp_path / "elsewhere").as_posix()]


def test_scratch_leaves_no_row(
    watch: FileWatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    with recording(watch) as (_, accesses, _events):
        _write(str(tmp_path / "tmp" / "x"), A)
        os.remove(tmp_path / "tmp" / "x")
        _write(str(tmp_path / "tmp" / "kept"), A)
    assert [Path(a.path).name for a in accesses] == ["kept"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads what nobody may read")
def test_unreadable(project: Path, watch: FileWatch) -> None:
    (project / "a").chmod(0)
    with recording(watch) as (_, accesses, _events), contextlib.suppress(PermissionError):
        _read(str(project / "a"))
    assert [(a.mode, a.digest_before) for a in accesses] == [("r,unreadable", None)]


def test_a_large_file_is_sampled_and_says_so(project: Path) -> None:
    watch = FileWatch(Traffic(project), Digests(limit=1000))
    watch.install()
    try:
        size = 3_000_000
        (project / "big").write_bytes(bytes(size))
        with recording(watch) as (_, before, _events):
            _read(str(project / "big"))
        with open(project / "big", "r+b") as file:
            file.seek(size - 1)
            file.write(b"x")
        with recording(watch) as (_, after, _events):
            _read(str(project / "big"))
    finally:
        watch.uninstall()
    assert [a.mode for a in before + after] == ["r,sampled"] * 2
    assert before[0].nbytes == size
    assert before[0].digest_before != after[0].digest_before


LARGE, OTHER = bytes(READ_FIRST + 1), b"x" * (READ_FIRST + 1)

LARGE_CASES: dict[str, tuple[Callable[[], object], list[Row]]] = {
    "read": (lambda: _read("large"), [("large", "r", LARGE, LARGE)]),
    "write over": (lambda: _write("large", OTHER), [("large", "w,unread", None, OTHER)]),
    "append": (lambda: _write("large", b"x", "ab"), [("large", "a,unread", None, LARGE + b"x")]),
    "open to update, and do not": (
        lambda: _low_level("large", os.O_RDWR),
        [("large", "r+", LARGE, LARGE)],
    ),
    "rename": (
        lambda: os.rename("large", "c"),
        [("c", "w", None, LARGE), ("large", "rename", LARGE, None)],
    ),
    "second name": (
        lambda: (os.link("large", "c"), os.remove("large")),
        [("c", "link", None, LARGE), ("large", "remove", LARGE, None)],
    ),
    "remove": (lambda: os.remove("large"), [("large", "remove,unread", None, None)]),
    "read, write over": (
        lambda: (_read("large"), _write("large", OTHER)),
        [("large", "r,w,unread", None, OTHER)],
    ),
    "read, changed, written": (
        lambda: (_read("large"), os.utime("large", (OLD + 1, OLD + 1)), _write("large", OTHER)),
        [("large", "r,w,changed", None, OTHER)],
    ),
}


@pytest.mark.parametrize("case", LARGE_CASES)
def test_a_large_file_is_not_read_while_the_cell_waits(
    case: str, project: Path, watch: FileWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    (project / "large").write_bytes(LARGE)
    os.utime(project / "large", (OLD, OLD))
    act, expected = LARGE_CASES[case]
    real = watch.digests._read
    with recording(watch) as (_, accesses, _events):
        with monkeypatch.context() as patch:
            patch.setattr(watch.digests, "_read", lambda path: pytest.fail(f"{path} was read"))
            act()
        assert watch.digests._read == real
    found = sorted((a.path, a.mode, a.digest_before, a.digest_after) for a in accesses)
    assert found == [
        (path, mode, before and digest(before), after and digest(after))
        for path, mode, before, after in expected
    ]


def test_what_is_read_before_it_is_overwritten_is_bounded_for_a_run(
    project: Path, watch: FileWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provenance_kernel.capture.files.READ_FIRST_PER_RUN", len(A))
    with recording(watch) as (_, accesses, _events):
        _write(str(project / "a"), b"new")
        _write(str(project / "b"), b"new")
    assert [(each.mode, each.digest_before) for each in accesses] == [
        ("w", digest(A)),
        ("w,unread", None),
    ]


def test_a_file_that_the_process_has_locked_is_not_opened(project: Path, watch: FileWatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    other = (
        "import fcntl, sys\n"
        "with open(sys.argv[1], 'r+b') as file:\n"
        "    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)"
    )
    with recording(watch) as (_, first, _events):
        file = open(project / "a", "r+b", buffering=0)  # noqa: SIM115
        fcntl.lockf(file, fcntl.LOCK_EX)
        file.write(B)
    # Had the file been opened and closed for its digest, the lock would be gone.
    with file, recording(watch) as (_, second, _events):
        locked = subprocess.run(
            [sys.executable, "-c", other, str(project / "a")], capture_output=True, text=True
        )
        fcntl.lockf(file, fcntl.LOCK_UN)
        _read(str(project / "a"))
    assert [(each.mode, each.digest_after) for each in first] == [("r+,locked", None)]
    assert "BlockingIOError" in locked.stderr
    assert [(each.mode, each.digest_after) for each in second] == [("r", digest(B))]


def test_an_unchanged_file_is_read_once_and_a_changed_one_again(project: Path) -> None:
    digests = Digests()
    path = str(project / "a")
    assert digests.of(path).digest == digest(A)
    # The same size and times with other bytes cannot be told apart: that nothing was read shows so.
    _write(path, b"CONTENT A")
    os.utime(path, (OLD, OLD))
    assert digests.of(path).digest == digest(A)
    assert digests.of(path, trust=False).digest == digest(b"CONTENT A")
    os.utime(path, (OLD + 1, OLD + 1))
    assert digests.of(path).digest == digest(b"CONTENT A")


def test_a_file_written_just_now_is_not_remembered(project: Path) -> None:
    digests = Digests()
    path = str(project / "a")
    for data in (b"1", b"2", b"3"):
        _write(path, data)
        assert digests.of(path).digest == digest(data)


def test_a_file_that_changes_while_it_is_read(project: Path) -> None:
    path = project / "log"
    path.write_bytes(bytes(64 * 1024 * 1024))
    stop = threading.Event()

    def grow() -> None:
        with open(path, "ab", buffering=0) as file:
            while not stop.is_set():
                file.write(b"x")

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        content = Digests().of(str(path))
    finally:
        stop.set()
        thread.join()
    assert (content.kind, content.digest, content.note) == ("file", None, "changing")


def test_database_is_read_before_it_is_connected_and_never_while(
    project: Path, watch: FileWatch
) -> None:
    path = project / "trials.db"
    made = sqlite3.connect(path)
    made.execute("create table t (x)")
    made.commit()
    made.close()
    watch = FileWatch(watch.traffic)  # one that has not seen this connection
    watch.install()
    os.utime(path, (OLD, OLD))
    content = digest(path.read_bytes())
    with recording(watch) as (_, first, _events):
        connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True)
        connection.execute("begin immediate")
        connection.execute("insert into t values (1)")
        with open(path, "rb"):
            pass
    with recording(watch) as (_, second, _events):
        connection.commit()
        sqlite3.connect(path).close()
    connection.close()
    assert [(a.mode, a.digest_before, a.digest_after) for a in first] == [
        ("connect,r,locked", content, None)
    ]
    assert [(a.mode, a.digest_before, a.digest_after) for a in second] == [
        ("connect,locked", None, None)
    ]
    with recording(watch) as (_, third, _events):
        connection = sqlite3.connect(project / "other.db")
        connection.execute("create table t (x)")
    connection.close()
    # It was not there, whatever it now holds.
    assert [(a.mode, a.made) for a in third] == [("connect,locked,new", True)]


def test_reading_does_not_drop_a_database_lock(project: Path, watch: FileWatch) -> None:
    path = project / "new.db"
    with recording(watch) as (run, _accesses, _events):
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("create table t (x)")
        connection.execute("begin exclusive")
        watch.inferred(run, {"path": str(path)})
    other = (
        "import sqlite3, sys\n"
        "sqlite3.connect(sys.argv[1], timeout=0).execute('insert into t values (1)')"
    )
    result = subprocess.run(
        [sys.executable, "-c", other, str(path)], capture_output=True, text=True
    )
    connection.close()
    assert "locked" in result.stderr


INFERRED = {
    "text": lambda p: str(p / "a.csv"),
    "path": lambda p: p / "a.csv",
    "bytes": lambda p: str(p / "a.csv").encode(),
    "list": lambda p: [str(p / "a.csv"), 1, None],
    "tuple": lambda p: (p / "a.csv",),
    "uri": lambda p: (p / "a.csv").as_uri(),
    "relative": lambda p: "./a.csv",
}


@pytest.mark.parametrize("form", INFERRED)
def test_inferred(
    form: str, project: Path, watch: FileWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    (project / "a.csv").write_bytes(A)
    os.utime(project / "a.csv", (OLD, OLD))
    with recording(watch) as (run, accesses, _events):
        watch.inferred(run, {"source": INFERRED[form](project)})
        watch.inferred(run, {"source": INFERRED[form](project)})
    assert [(a.path, a.mode, a.digest_before, a.digest_after, a.evidence) for a in accesses] == [
        ("a.csv", "r", digest(A), digest(A), "inferred")
    ]


@pytest.mark.parametrize(
    "value",
    [
        *("", "a", "auc", "x" * 5000, "no/such/file", "a.csv\nb", "a\0b.c", "sub", "./sub"),
        *("https://example.org/a.csv", 3, None, object(), {"a.csv": 1}, b"\xff\xfe.x"),
        ["x" * 2000] * 1000,
    ],
)
def test_not_inferred(
    value: object, project: Path, watch: FileWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    with recording(watch) as (run, accesses, events):
        watch.inferred(run, {"x": value})
    assert accesses == []
    assert events == []


def test_inferred_file_written_by_the_run(project: Path, watch: FileWatch) -> None:
    path = str(project / "out.parquet")
    with recording(watch) as (run, accesses, _events):
        subprocess.run(
            [sys.executable, "-c", "import sys; open(sys.argv[1],'w').write('x')", path], check=True
        )
        watch.inferred(run, {"path": path})
    assert [(a.path, a.mode, a.digest_before, a.digest_after, a.evidence) for a in accesses] == [
        ("out.parquet", "w", None, digest(b"x"), "inferred")
    ]


def test_opened_is_better_evidence_than_inferred(project: Path, watch: FileWatch) -> None:
    with recording(watch) as (run, accesses, _events):
        watch.inferred(run, {"x": project / "a"})
        _read(str(project / "a"))
        watch.inferred(run, {"x": project / "a"})
    assert [(a.mode, a.evidence) for a in accesses] == [("r", "opened")]


def test_imports_of_the_project_are_inputs_and_others_are_not(
    project: Path, watch: FileWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "helper_of_project.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(project))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for _ in range(2):  # from source, then from the cache
        sys.modules.pop("helper_of_project", None)
        sys.modules.pop("colorsys", None)
        with recording(watch) as (_, accesses, _events):
            import colorsys  # noqa: F401

            import helper_of_project  # type: ignore[import-not-found]  # noqa: F401
        assert [(a.path, a.mode) for a in accesses] == [("helper_of_project.py", "import")]
        assert accesses[0].digest_before == digest(b"x = 1\n")
    sys.modules.pop("helper_of_project", None)


def test_own_folder_is_not_recorded(watch: FileWatch, tmp_path: Path, project: Path) -> None:
    (tmp_path / "own").mkdir()
    (project / ".provenance").mkdir()
    with recording(watch) as (_, accesses, _events):
        _write(str(tmp_path / "own" / "x"), A)
        _write(str(project / ".provenance" / "x"), A)
        (tmp_path / "link").symlink_to(tmp_path / "own")
    assert [Path(a.path).name for a in accesses] == ["link"]


def test_environment_inside_a_project_and_project_inside_a_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "p" / ".venv"))
    traffic = Traffic(tmp_path / "p")
    assert traffic.ignores(str(tmp_path / "p" / ".venv" / "lib" / "x.csv"))
    assert not traffic.ignores(str(tmp_path / "p" / "x.csv"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    traffic = Traffic(tmp_path / "p")
    assert traffic.ignores(str(tmp_path / "share" / "x.csv"))
    assert not traffic.ignores(str(tmp_path / "p" / "x.csv"))


def test_network_and_programs_become_events(watch: FileWatch, project: Path) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    with server, recording(watch) as (_, accesses, events):
        with socket.create_connection(("127.0.0.1", port)):
            pass
        with contextlib.closing(socket.socket()) as plain:
            plain.connect(("127.0.0.1", port))
        subprocess.run([sys.executable, "-c", "pass", "a-secret"], check=True)
        subprocess.run("API_KEY=hunter2 true --password=hunter2", shell=True, check=True)
        os.system("true one two")
        os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {}), 0)
    assert [(e.kind, e.message) for e in events] == [
        ("network", f"127.0.0.1:{port}"),
        ("subprocess", f"{Path(sys.executable).name}, 3 arguments"),
        ("subprocess", "true, 1 argument"),
        ("subprocess", "true, 2 arguments"),
        ("subprocess", f"{Path(sys.executable).name}, 2 arguments"),
    ]
    assert {(e.trial_id, e.cell_run_id) for e in events} == {("trial", "run")}
    assert accesses == []


def test_a_request_names_the_host_and_not_the_credentials(watch: FileWatch) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")

    thread = threading.Thread(target=answer)
    thread.start()
    with server, recording(watch) as (_, _accesses, events):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        assert opener.open(f"http://127.0.0.1:{port}/?token=hunter2").read() == b"ok"
        thread.join()
    assert [(e.kind, e.message) for e in events] == [("network", f"127.0.0.1:{port}")]


def test_context_carries_to_tasks_and_not_to_other_threads(watch: FileWatch, project: Path) -> None:
    async def cell() -> None:
        await asyncio.gather(asyncio.to_thread(_read, str(project / "a")))

    with recording(watch) as (_, accesses, _events):
        thread = threading.Thread(target=_read, args=(str(project / "b"),))
        thread.start()
        thread.join()
        asyncio.run(cell())
    inherits = getattr(sys.flags, "thread_inherit_context", 0)
    assert [a.path for a in accesses] == (["b", "a"] if inherits else ["a"])


def test_a_task_that_outlives_its_run_is_not_seen(watch: FileWatch, project: Path) -> None:
    async def cell() -> tuple[list[FileAccess], set[str]]:
        with recording(watch) as (run, accesses, _events):
            task = asyncio.get_running_loop().create_task(
                asyncio.to_thread(_read, str(project / "a"))
            )
        await task
        return accesses, set(run.uses)

    assert asyncio.run(cell()) == ([], set())


def test_an_interrupt_while_a_file_is_looked_at_reaches_the_cell(
    watch: FileWatch, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: str) -> None:
        raise KeyboardInterrupt

    with recording(watch) as (run, _accesses, _events):
        with monkeypatch.context() as patch:
            patch.setattr(watch.digests, "look", interrupted)
            with pytest.raises(KeyboardInterrupt):
                _read(str(project / "a"))
        assert _read(str(project / "b")) == B
        assert set(run.uses) == {str(project / "b")}


def test_runs_side_by_side_keep_their_files_apart(watch: FileWatch, project: Path) -> None:
    found: dict[str, list[str]] = {}
    both = threading.Barrier(2)

    def cell(name: str) -> None:
        with recording(watch) as (_, accesses, _events):
            both.wait()
            _read(str(project / name))
            both.wait()
        found[name] = [a.path for a in accesses]

    threads = [threading.Thread(target=cell, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"a": ["a"], "b": ["b"]}


def test_nothing_is_seen_outside_a_run(watch: FileWatch, project: Path) -> None:
    _read(str(project / "a"))
    with recording(watch) as (_, accesses, _events):
        pass
    _read(str(project / "a"))
    assert accesses == []


def test_a_forked_child_is_not_part_of_the_run(watch: FileWatch, project: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from provenance_kernel.capture.files import FileWatch\n"
        "from provenance_kernel.capture.traffic import Traffic\n"
        "watch = FileWatch(Traffic(Path(sys.argv[1]))); watch.install()\n"
        "run = watch.begin('t', 'r')\n"
        "child = os.fork()\n"
        "open(os.path.join(sys.argv[1], 'b' if child else 'a')).close()\n"
        "if child:\n    os.waitpid(child, 0)\n"
        "print([a.path for a in watch.end(run)[0]], flush=True)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(project)], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines() == ["[]", "['b']"]


def test_a_fault_in_the_hook_costs_the_user_nothing(watch: FileWatch, project: Path) -> None:
    class Hostile(os.PathLike[str]):
        calls = 0

        def __fspath__(self) -> str:
            Hostile.calls += 1
            if Hostile.calls > 1:
                raise RuntimeError
            return str(project / "a")

    with recording(watch) as (_, _accesses, events):
        os.close(os.open(Hostile(), os.O_RDONLY))
    assert [e.kind for e in events] in ([], ["fault"])
    with recording(watch) as (_, _, events):
        sys.audit("urllib.Request", "http://host:port/", None, {}, "GET")
    assert [(e.kind, e.message) for e in events] == [
        ("fault", "file capture: urllib.Request: ValueError")
    ]


def test_paths_are_bounded_and_the_bound_is_recorded(
    watch: FileWatch, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provenance_kernel.capture.files.PATHS_PER_RUN", 3)
    with recording(watch) as (_, accesses, events):
        for number in range(5):
            _write(str(project / str(number)), A)
        _read(str(project / "0"))
        _read(str(project / "a"))
        Path(os.__file__).read_text()
    assert len(accesses) == 3
    assert [e.message for e in events] == ["3 more accesses to files were not recorded"]


def test_a_run_may_end_in_another_context(watch: FileWatch, project: Path) -> None:
    begun = contextvars.copy_context()
    run = begun.run(watch.begin, "trial", "run")
    begun.run(_read, str(project / "a"))
    accesses, events = watch.end(run)
    assert [row.path for row in accesses] == ["a"]
    assert events == []
    _read(str(project / "b"))
    assert list(run.uses) == [str(project / "a")]


def test_addresses_that_were_not_looked_up_are_named(watch: FileWatch, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")[-90:]
    with recording(watch) as (_, _, events):
        with socket.socket() as server, socket.socket() as client:
            server.bind(("127.0.0.1", 0))
            server.listen(1)
            client.connect(server.getsockname())
            port = server.getsockname()[1]
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
            client.connect(path)
        with contextlib.suppress(OSError):
            os.spawnv(os.P_WAIT, "/bin/absent", ["absent", "--word"])
    messages = [event.message for event in events]
    assert messages[0] == f"127.0.0.1:{port}"
    assert f"unix:{path}" in messages


def test_a_file_that_another_process_removes_is_missing(watch: FileWatch, project: Path) -> None:
    with recording(watch) as (_, accesses, _):
        _read(str(project / "a"))
        subprocess.run([sys.executable, "-c", "import os; os.remove('a')"], cwd=project, check=True)
    assert [(row.path, row.mode) for row in accesses if row.path == "a"] == [("a", "r,missing")]


def test_a_folder_that_is_a_dataset_and_a_database_are_inferred(
    watch: FileWatch, project: Path
) -> None:
    (project / "table.parquet").mkdir()
    (project / "plain.d").mkdir()
    (project / "base.duckdb").write_bytes(b"content")
    os.utime(project / "base.duckdb", (OLD, OLD))
    with recording(watch) as (run, accesses, _):
        names = ["table.parquet", "plain.d", "base.duckdb"]
        watch.inferred(run, {name: str(project / name) for name in names})
    assert [(row.path, row.mode, row.digest_before) for row in accesses] == [
        ("table.parquet", "r,directory", None),
        ("base.duckdb", "r", None),
    ]


def test_an_unknown_folder_leaves_no_row(watch: FileWatch) -> None:
    with recording(watch) as (run, accesses, _):
        watch.touch(run, "name", "r", 999_999)
    assert accesses == []
