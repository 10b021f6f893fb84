"""Two hundred made-up secrets, given in forty ways to cells of a real kernel: none is stored."""

from __future__ import annotations

import base64
import json
import random
import sqlite3
import string
import zlib
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from provenance_kernel.cli import main
from support.kernels import Kernel

# `{s}` is the secret as a literal, `{n}` a number of its own.
WAYS = [
    "password = {s}",
    "db_password: str = {s}",
    "api_key{n} = {s}\nshown{n} = api_key{n}",
    "c{n} = {{'user': 'ann', 'password': {s}}}",
    "class C{n}: pass\nc{n} = C{n}()\nc{n}.client_secret = {s}\nseen{n} = [c{n}.client_secret]",
    "def login{n}(user, password): return password * 1\nr{n} = login{n}('ann', {s})",
    "def f{n}(*, access_token): return len(access_token)\nf{n}(access_token={s})",
    "import os\nos.environ['DB_PASSWORD'] = {s}\ng{n} = os.environ['DB_PASSWORD']",
    "import os\nos.environ.setdefault('API_KEY_{n}', {s})\nk{n} = os.getenv('API_KEY_{n}')",
    "x{n} = {s}\ny{n} = dict(password=x{n})",
    "pw = {s}\nurl{n} = f'postgresql://ann:{{pw}}@db/d'",
    "pw = {s}\nh{n} = {{'X-Key': pw}}\nstr(h{n})",
    "pw = {s}\ntry:\n    raise ValueError('no: ' + pw)\nexcept ValueError as e:\n    kept{n} = e",
    "pw = {s}\nopen('f-' + pw.encode().hex() + '.txt', 'w').close()",
    "pw = {s}\nimport base64\nb{n} = base64.b64encode(('ann:' + pw).encode())",
    "pw = {s}\nimport urllib.parse\nq{n} = urllib.parse.quote(pw, safe='')",
    "pw = {s}\nj{n} = __import__('json').dumps({{'a': pw}})",
    "pw = {s}\nb{n} = pw.encode()\nrepr(b{n})",
    "pw = {s}\nl{n} = ['a', pw, 3]",
    "pw = {s}\nt{n} = ('ann', pw)\nt{n}",
    "pw = {s}\nfrom provenance_kernel import track\ntrack(plain{n}=pw)",
    "pw = {s}\nfrom provenance_kernel import track\ntrack(plain{n}={{'a': [pw]}})",
    "pw = {s}\nfrom provenance_kernel.noworkflow import now_tag_cell\nnow_tag_cell('s ' + pw)",
    "pw = {s}\nprint(pw)\ndef g{n}(a): return a\nz{n} = g{n}(pw)",
    "secrets{n} = [{s}]\nz{n} = secrets{n}[0]",
    "auth = ('ann', {s})\nu{n} = auth[1]",
    "if (passphrase := {s}): w{n} = passphrase",
    "passwd, port{n} = {s}, 5432",
    "from types import SimpleNamespace\no{n} = SimpleNamespace(user='ann', secret_key={s})\n"
    "a{n} = o{n}.secret_key",
    "import dataclasses\n@dataclasses.dataclass\nclass D{n}:\n    host: str\n    password: str\n"
    "d{n} = D{n}('h', {s})\nv{n} = d{n}.password",
    "pw = {s}\ndef h{n}(a):\n    raise KeyError(a)\ntry: h{n}(pw)\nexcept KeyError: pass",
    "conf{n} = dict(db=dict(password={s}))\ni{n} = conf{n}['db']['password']",
    "def deep{n}(password):\n    def inner(a): return a + '!'\n    return inner(password)\n"
    "deep{n}({s})",
    "import configparser\ncp{n} = configparser.ConfigParser(interpolation=None)\n"
    "cp{n}['db'] = {{'password': {s}}}\nm{n} = cp{n}['db']['password']",
    "from getpass import getpass\nw{n} = getpass('word? ')",
    "w{n} = input('Password for ann: ')",
    "def ask{n}():\n    import getpass\n    return getpass.getpass()\nw{n} = [ask{n}()]",
    "w{n} = max([input('API key: ')])",
    "pw = {s}\nraise RuntimeError('refused ' + pw)",
    "pw = {s}\nraise RuntimeError({{'password': pw, 'w': [pw]}})",
]
KINDS = 5
ORDINARY = [
    *(f"o_{i} = {value}" for i, value in enumerate((
        "0.12345", "123456", "'hello world'", "'localhost'", "'admin'", "[1, 2, 3]", "'the'",
        "'0190c2a4-7b6e-7c3d-9f00-0123456789ab'", "'d41d8cd98f00b204e9800998ecf8427e'",
        "'https://example.org:8080/a?b=c'", "'ann@example.org'", "{'lr': 0.1, 'epochs': 20}",
        "'2024-01-01T00:00:00'", "'bert-base-uncased'", "'/data/train.csv'", "b'abc'",
        "{'token_count': 3, 'next_token': 'the'}", "('ann', 'bob')", "'SELECT * FROM t'", "1e-5",
    ))),
]  # fmt: skip
ORDINARY += [f"o_{i} = {i * 7919 / 1000!r}" for i in range(20, 50)]
ORDINARY += [f"o_{i} = {i**9}" for i in range(50, 70)]
ORDINARY += [f"o_{i} = '{i**5:040x}'" for i in range(70, 85)]
ORDINARY += [f"o_{i} = 'column {i} of the table of passengers'" for i in range(85, 100)]


def secret(kind: int, draw: random.Random) -> str:
    letters = "".join(draw.choices(string.ascii_letters + string.digits, k=14)) + "7aQ"
    match kind:
        case 0:
            return letters
        case 1:
            return "".join(draw.choices(string.ascii_lowercase, k=9)) + str(draw.randrange(10, 99))
        case 2:
            return letters[:6] + "'" + '"\\é$ ' + letters[6:10]
        case 3:
            return "gh" + "p_" + "".join(draw.choices(string.ascii_letters + string.digits, k=36))
    return " ".join("".join(draw.choices(string.ascii_lowercase, k=6)) for _ in range(4))


def written(text: str) -> set[str]:
    data = text.encode()
    return {
        text, repr(text)[1:-1], repr(data)[2:-1], quote(data, safe=""), data.hex(),
        base64.b64encode(b"ann:" + data).decode()[6:-4],
    }  # fmt: skip


# What people look at, and what other programs read.
ASKED = [
    *("list --json", "show", "show --json", "compare latest latest --all", "values plain100"),
    *("compare latest latest --all --json", "lineage o_99", "lineage o_99 --json", "slice o_99"),
    *("stale", "stale --json", "list --csv", "show --csv"),
]


def kept(path: Path) -> str:
    """Return what a file of the content store holds."""
    content = path.read_bytes()
    return (zlib.decompress(content) if path.suffix == ".z" else content).decode(errors="replace")


@pytest.mark.slow
def test_no_secret_is_stored(tmp_path: Path) -> None:
    draw = random.Random(7)
    made: list[tuple[str, str]] = []
    kernel = Kernel(tmp_path)
    try:
        for number, way in enumerate(WAYS):
            texts = [secret(kind, draw) for kind in range(KINDS)]
            made += [(way, text) for text in texts]
            cells = [
                way.format(s=repr(text), n=number * KINDS + kind) for kind, text in enumerate(texts)
            ]
            # A cell that raises does no more.
            for cell in cells if "\nraise" in way else ["\n".join(cells)]:
                kernel.execute(cell, answers=texts)
        kernel.execute("\n".join(ORDINARY))
        shown = [
            json.dumps(message["content"], ensure_ascii=False)
            for words in ASKED
            for message in kernel.execute(f"%provenance {words}").messages
            if message["msg_type"] != "execute_input"
        ]
        files = [path for path in tmp_path.rglob("*") if path.name.startswith("provenance.db")]
        stored = b"".join(path.read_bytes() for path in files)
    finally:
        kernel.stop()
    assert len(made) == 200
    found = [
        (way, form)
        for way, text in made
        for form in written(text)
        if form.encode("utf-8", "surrogatepass") in stored
    ]
    assert found == []
    path = next(path for path in files if path.suffix == ".db")
    restored = tmp_path / "restored.ipynb"
    for words in (*ASKED, f"restore --output {restored}"):
        told = CliRunner().invoke(main, [*words.split(), "--database", str(path)])
        assert told.exit_code == 0, told.output
        shown.append(told.output)
    content = path.parent / "content"
    shown += [restored.read_text(), *map(kept, filter(Path.is_file, content.rglob("*")))]
    told_all = "\n".join(shown)
    assert len(shown) > 2 * len(ASKED)
    assert "o_99" in told_all
    assert [(way, form) for way, text in made for form in written(text) if form in told_all] == []
    with sqlite3.connect(path) as database:
        rows = dict(
            database.execute("SELECT name, repr FROM variable WHERE name LIKE 'o\\_%' ESCAPE '\\'")
        )
        secret_rows = database.execute(
            "SELECT count(*) FROM variable WHERE name = 'password' AND repr IS NOT NULL"
            " AND (digest IS NOT NULL OR nbytes IS NOT NULL OR shape IS NOT NULL)"
        ).fetchone()
    assert secret_rows == (0,)
    expected = [cell.split(" = ", 1) for cell in ORDINARY]
    assert {name: rows.get(name) for name, _ in expected} == {
        name: repr(eval(value)) for name, value in expected
    }
