"""The tracer `noworkflow`: noWorkflow's own store of what real kernels ran, read by its tools."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ipykernel._version import version_info

from support.databases import DEFAULT, Archive
from support.kernels import Kernel, Starter, environment

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
TRACER = {"PROVENANCE_TRACER": "noworkflow"}
FINE = ["--ProvenanceKernel.noworkflow_collection=fine"]
CELLS = (
    "# stage: data reading\nrows = [1, 2, 3]\ntotal = sum(rows)",
    "def double(x, times=2):\n    return x * times\ntwice = double(total)\ntwice",
    "# stage: model scoring\nimport math\nscore = math.sqrt(twice)",
    "now_tag_cell('late stage')\nnow_tag_variable('best', score)",
)
MODES = [pytest.param([], id="coarse"), pytest.param(FINE, id="fine")]


class Now:
    """noWorkflow's database in a folder, and its command there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / ".noworkflow" / "db.sqlite")) as connection:
            return connection.execute(sql).fetchall()

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [BIN / "now", *words], cwd=self.folder, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def launch(start: Starter, tmp_path: Path) -> Callable[..., Kernel]:
    def launch(arguments: list[str], **env: str) -> Kernel:
        notebook = str(tmp_path / "work" / "demo.ipynb")
        return start(
            tmp_path, arguments=arguments, env={**TRACER, "JPY_SESSION_NAME": notebook, **env}
        )

    return launch


@pytest.mark.slow
@pytest.mark.parametrize("arguments", MODES)
def test_noworkflows_tools_read_what_was_recorded(
    launch: Callable[..., Kernel], arguments: list[str]
) -> None:
    kernel = launch(arguments)
    assert [kernel.execute(cell).status for cell in CELLS] == ["ok"] * 4
    assert kernel.execute("total").result == "6"
    archive, now = Archive(kernel.work / DEFAULT), Now(kernel.work)
    kernel.stop()
    assert not archive.events()
    ((trial, script, status),) = now.rows("SELECT id, script, status FROM trial")
    assert (script, status) == ("demo.ipynb", "finished")
    (code,) = now.rows("SELECT code_hash FROM code_block WHERE id = 1")
    assert f"code hash {code[0]}" in " ".join(now.command("list").split())
    tree = now.command("show", "-a")
    assert re.search(r"cell 1 .*\n(.*\n)*? +\d+: (builtins\.)?sum ", tree)
    assert "Return value: 12" in tree
    assert "sum" in now.command("export", "dataflow")
    assert 'value="6"' in now.command("export", "prov")
    assert archive.values("SELECT id FROM trial") == [trial]
    links = archive.rows("SELECT * FROM noworkflow_link ORDER BY id")
    assert [link["noworkflow_trial_id"] for link in links] == [trial] * 5
    assert len({link["noworkflow_activation_id"] for link in links}) == 5


@pytest.mark.slow
@pytest.mark.parametrize("arguments", MODES)
def test_stages_lead_to_noworkflows_activations(
    launch: Callable[..., Kernel], arguments: list[str]
) -> None:
    kernel = launch(arguments)
    for cell in CELLS:
        kernel.execute(cell)
    kernel.stop()
    query = re.search(r"```sql\n(ATTACH (?:.*\n)*?)```", (ROOT / "README.md").read_text("utf-8"))
    assert query is not None
    attach, select = query[1].split(";\n", 1)
    with closing(sqlite3.connect(kernel.work / DEFAULT)) as connection:
        folder = str(kernel.work / ".noworkflow")
        connection.execute(attach.replace("'.noworkflow", f"'{folder}"))
        found = connection.execute(select).fetchall()
        hashes = dict(connection.execute("SELECT stage, code_hash FROM stage_tag"))
    calls = {(stage, name.rpartition(".")[2]) for stage, _, _, name, _ in found}
    assert calls >= {("data_reading", "sum"), ("model_scoring", "sqrt")}
    assert all(hashes[row[0]].startswith(row[1]) for row in found)
    now = Now(kernel.work)
    tags = now.rows("SELECT name, tag_name, activation_id FROM stage_tags ORDER BY id")
    assert [tag[:2] for tag in tags] == [
        ("cell 1", "data reading"),
        ("cell 3", "model scoring"),
        ("cell 4", "late stage"),
        ("best", "3.4641016151377544"),
    ]
    cells = dict(now.rows("SELECT id, name FROM activation"))
    assert [cells[tag[2]] for tag in tags] == ["cell 1", "cell 3", "cell 4", "cell 4"]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", MODES)
def test_backward_deps_of_noworkflow(launch: Callable[..., Kernel], arguments: list[str]) -> None:
    kernel = launch(arguments)
    for cell in CELLS:
        kernel.execute(cell)
    answer = kernel.execute(
        "from noworkflow.now.tagging.var_tagging import backward_deps\n"
        "import json\n"
        "print(json.dumps(backward_deps('score')))"
    )
    found = [tuple(each) for each in json.loads(answer.stdout).values()]
    assert ("score", "3.4641016151377544") in found
    assert ("total", "6") in found
    kernel.execute(
        "from noworkflow.now.tagging.var_tagging import *\n"
        "now_tag_cell('imported')\n"
        "again = now_tag_variable('again', score)"
    )
    assert kernel.execute("var_tag_values('again').value[0]").result == "'3.4641016151377544'"
    kernel.stop()
    found = Now(kernel.work).rows(
        "SELECT t.name, t.tag_name, a.name FROM stage_tags t JOIN activation a "
        "ON a.id = t.activation_id WHERE a.name = 'cell 6' ORDER BY t.id"
    )
    assert found == [
        ("cell 6", "imported", "cell 6"),
        ("again", "3.4641016151377544", "cell 6"),
    ]


@pytest.mark.parametrize("arguments", MODES)
def test_our_own_rows_are_as_ever(launch: Callable[..., Kernel], arguments: list[str]) -> None:
    kernel = launch(arguments)
    for cell in CELLS:
        kernel.execute(cell)
    archive = Archive(kernel.work / DEFAULT)
    assert archive.values("SELECT tracer FROM trial") == ["noworkflow"]
    calls = archive.rows(
        "SELECT cell_run.position, name, line, arguments, result, activation.status, calls "
        "FROM activation JOIN cell_run ON cell_run.id = cell_run_id "
        "WHERE parent_id IS NOT NULL AND name IN ('builtins.sum', '__main__.double') ORDER BY 1"
    )
    assert [{**call, "arguments": json.loads(call["arguments"])} for call in calls] == [
        {
            "position": 1,
            "name": "builtins.sum",
            "line": 3,
            "arguments": {"iterable": "[1, 2, 3]"},
            "result": "6",
            "status": "ok",
            "calls": 1,
        },
        {
            "position": 2,
            "name": "__main__.double",
            "line": 3,
            "arguments": {"x": "6"},
            "result": "12",
            "status": "ok",
            "calls": 1,
        },
    ]
    kernel.execute("def outer(x): return double(x)\nfor each in range(9): outer(each)")
    counted = archive.rows(
        "SELECT name, count(*) AS rows, sum(calls) AS calls FROM activation "
        "JOIN cell_run ON cell_run.id = cell_run_id WHERE position = 5 AND name LIKE '%outer' "
        "GROUP BY name"
    )
    assert counted == [{"name": "__main__.outer", "rows": 5, "calls": 9}]
    stages = archive.rows("SELECT stage, activation FROM stages")
    assert {row["activation"] for row in stages} == {"<cell>"}
    read = archive.values(
        "SELECT variable FROM dependency JOIN cell_run ON cell_run.id = cell_run_id "
        "WHERE position = 3"
    )
    assert read == ["twice"]
    names = kernel.execute("[n for n in globals() if 'now' in n]").result
    assert names in ("[]", "['__now_result__', '__now_activation__']")
    kernel.stop()
    # Each call is there once.
    found = Now(kernel.work).rows("SELECT name FROM activation")
    assert [name for (name,) in found if name.endswith(("sum", "sqrt"))] == (
        ["sum", "sqrt"] if arguments else ["builtins.sum", "math.sqrt"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("arguments", MODES)
def test_errors_interrupts_magics_and_async_cells_leave_its_store_consistent(
    launch: Callable[..., Kernel], arguments: list[str]
) -> None:
    kernel = launch(arguments)
    assert kernel.execute("int('x')").reply["ename"] == "ValueError"
    assert kernel.execute("%time a = len([1])").status == "ok"
    assert kernel.execute("def f(:").reply["ename"] == "SyntaxError"
    # It can be rewritten, and not be compiled.
    assert kernel.execute("return 1").reply["ename"] == "SyntaxError"
    assert kernel.execute("import asyncio\nawait asyncio.sleep(0)\nb = a").status == "ok"
    request = kernel.send("print('on')\nwhile True: a += 1")
    kernel.wait_for("on")
    kernel.interrupt()
    (answer,) = kernel.gather([request])
    assert answer.reply["ename"] == "KeyboardInterrupt"
    assert kernel.execute("%%bash\necho hello").stdout == "hello\n"
    assert kernel.execute("print(b)").stdout == "1\n"
    kernel.stop()
    now = Now(kernel.work)
    names = [name for (name,) in now.rows("SELECT name FROM activation WHERE name LIKE 'cell %'")]
    assert names == [f"cell {number}" for number in range(1, 9)]
    assert now.rows("SELECT status FROM trial") == [("finished",)]
    orphans = (
        "SELECT count(*) FROM evaluation WHERE activation_id != 0 AND NOT EXISTS "
        "(SELECT 1 FROM activation a WHERE a.id = evaluation.activation_id)"
    )
    assert now.rows(orphans) == [(0,)]
    now.command("show", "-a")


@pytest.mark.slow
def test_a_killed_kernel_leaves_what_came_before(launch: Callable[..., Kernel]) -> None:
    kernel = launch([])
    kernel.execute("a = len([1])")
    kernel.execute("a")
    kernel.kill()
    now = Now(kernel.work)
    assert now.rows("SELECT status, main_id FROM trial") == [("unfinished", 1)]
    assert "builtins.len" in now.command("show", "-a")


@pytest.mark.parametrize("arguments", MODES)
def test_no_secret_of_a_cells_text_is_kept(
    launch: Callable[..., Kernel], arguments: list[str]
) -> None:
    kernel = launch(arguments)
    kernel.execute("password = 'hunter2hunter2'\nx = 1")
    kernel.stop()
    kept = [each for each in kernel.work.rglob("*") if each.is_file()]
    assert [each for each in kept if b"hunter2" in each.read_bytes()] == []
    assert Now(kernel.work).rows("SELECT count(*) FROM activation WHERE name = 'cell 1'") == [(1,)]


def test_fine_leaves_alone_what_its_rewriting_would_break(launch: Callable[..., Kernel]) -> None:
    kernel = launch(FINE)
    cells = {
        "import numpy as np\na = np.arange(3)\nlen(a if a.any() else [])": "3",
        "if (n := 4) > 3: m = n\nm": "4",
        "def f(x, *, y=abs(-1)): return x + y\n[*map(f, [1]), [f(i) for i in (1,)]]": "[2, [2]]",
        "import inspect\nstr(inspect.signature(f))": "'(x, *, y=1)'",
        "class A:\n    def __init__(self): super().__init__(); self.b = [1]\nA().b[0]": "1",
        "t = A()\nt.b[0] += 5\nt.c = t.b\nt.c, locals() is globals()": "([6], True)",
        "d = {}\ntry: d['k']\nexcept KeyError as e: print(repr(e))\nd.get('k', len('ab'))": "2",
        "async def g():\n    for i in range(3): yield i\n[i async for i in g()]": "[0, 1, 2]",
        "g = (i * n for i in range(3))\nsum(g) + max(i for i in a)": "np.int64(14)",
        "ts = [1, 2]\nfor i, _ in enumerate(ts): pass\n[t for t in ts], [k for k in {'a': 1}]": (
            "([1, 2], ['a'])"
        ),
        "for t in ts: last = t\n[[u for u in v] for v in [ts, (3,)]], last": "([[1, 2], [3]], 2)",
        "c = 1 if (b := len('q')) else 0\nb, c": "(1, 1)",
        "async def co(): return 7\nc = await co() if True else 0\nc": "7",
        "try: (1, 2)[0] = 3\nexcept TypeError as e: print('no')\nlen('ab')": "2",
        "import pickle\npickle.loads(pickle.dumps(f))(1)": "2",
        "import pandas as pd\nlimit = 1\nlen(pd.DataFrame({'v': [1, 2]}).query('v > @limit'))": "1",
    }
    found = {cell: kernel.execute(cell) for cell in cells}
    assert {cell: answer.result for cell, answer in found.items()} == cells
    assert [answer.warnings for answer in found.values() if answer.warnings] == []


@pytest.mark.slow
def test_its_collection_can_be_chosen(launch: Callable[..., Kernel]) -> None:
    kernel = launch(["--ProvenanceKernel.noworkflow_values=none"])
    kernel.execute("a = len('secret')")
    kernel.execute("%config ProvenanceKernel.noworkflow_collection = 'fine'")
    kernel.execute("b = a + 1")
    kernel.execute("b")
    kernel.stop()
    now = Now(kernel.work)
    assert not [each for (each,) in now.rows("SELECT repr FROM evaluation") if "secret" in each]
    assert now.rows("SELECT name FROM code_component WHERE type = 'add'") == [("a + 1",)]
    assert len(now.rows("SELECT id FROM trial")) == 1


@pytest.mark.parametrize(
    ("found", "said"),
    [("9.9.9", "noworkflow 9.9.9 is not 2.1.3"), (None, "noworkflow cannot be imported")],
)
def test_without_the_right_package_cells_are_traced_as_by_default(
    launch: Callable[..., Kernel], tmp_path: Path, found: str | None, said: str
) -> None:
    shadow = tmp_path / "shadow"
    if found is None:
        (shadow / "noworkflow").mkdir(parents=True)
        (shadow / "noworkflow" / "__init__.py").write_text("raise ImportError('broken')")
    else:
        (shadow / f"noworkflow-{found}.dist-info").mkdir(parents=True)
        metadata = f"Metadata-Version: 2.1\nName: noworkflow\nVersion: {found}\n"
        (shadow / f"noworkflow-{found}.dist-info" / "METADATA").write_text(metadata)
    kernel = launch([], PYTHONPATH=str(shadow))
    answer = kernel.execute("a = len([1])")
    assert answer.status == "ok"
    (line,) = answer.warnings
    assert said in line
    assert 'pip install "provenance-kernel[noworkflow]"' in line
    assert "`activation`" in line
    archive = Archive(kernel.work / DEFAULT)
    assert archive.values("SELECT tracer FROM trial") == ["activation"]
    assert archive.values("SELECT kind FROM event") == ["tracer"]
    assert kernel.execute("a").warnings == []
    assert "builtins.len" in archive.values("SELECT name FROM activation")


def test_a_tracer_that_there_is_none_of(start: Starter, tmp_path: Path) -> None:
    kernel = start(tmp_path, env={"PROVENANCE_TRACER": "nowork"})
    answer = kernel.execute("1")
    (line,) = answer.warnings
    assert "PROVENANCE_TRACER is 'nowork', which is none of activation, noworkflow, none" in line
    assert Archive(kernel.work / DEFAULT).values("SELECT tracer FROM trial") == ["activation"]


def test_a_store_that_cannot_be_written(launch: Callable[..., Kernel], tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / ".noworkflow").write_text("in the way")
    kernel = launch([])
    answer = kernel.execute("a = len([1])")
    assert answer.status == "ok"
    assert "not `noworkflow`" in answer.warnings[0]
    assert kernel.execute("a").result == "1"


@pytest.mark.slow
def test_a_store_that_goes_away(launch: Callable[..., Kernel]) -> None:
    kernel = launch([])
    kernel.execute("a = 1")
    kernel.execute("a")
    shutil.rmtree(kernel.work / ".noworkflow")
    statuses = [kernel.execute("a = len([1])").status for _ in range(3)]
    assert statuses == ["ok"] * 3
    archive = Archive(kernel.work / DEFAULT)
    kernel.stop()
    assert len(archive.runs()) == 5
    assert [event["kind"] for event in archive.events()] == ["fault"]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", MODES)
def test_the_fraud_use_case(tmp_path: Path, arguments: list[str]) -> None:
    env = environment(tmp_path, TRACER)
    if arguments:
        profile = Path(env["IPYTHONDIR"]) / "profile_default"
        profile.mkdir(parents=True)
        config = "get_config().ProvenanceKernel.noworkflow_collection = 'fine'\n"
        (profile / "ipython_kernel_config.py").write_text(config)
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy(ROOT / "notebooks" / "make_data.py", work)
    for name in ("1_pca_undersampling_forest.ipynb", "2_changed_parameters.ipynb"):
        shutil.copy(ROOT / "notebooks" / name, work)
        command = ["run", name, "--output", f"out_{name}", "-p", "rows", "20000"]
        done = subprocess.run(
            [BIN / "jupyter-provenance", *command],
            cwd=work,
            env=env,
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    archive, now = Archive(work / DEFAULT), Now(work)
    assert [trial["tracer"] for trial in archive.trials()] == ["noworkflow"] * 2
    assert not archive.events("fault")
    first, second = now.rows("SELECT id, script FROM trial ORDER BY sequence_key")
    assert (first[1], second[1]) == (
        "1_pca_undersampling_forest.ipynb",
        "2_changed_parameters.ipynb",
    )
    assert now.command("list").count("with code hash") == 2
    assert "read_csv" in now.command("show", "-a")
    assert "Code hash changed from" in " ".join(now.command("diff", first[0], second[0]).split())
    assert "activity(" in now.command("export", "prov") or arguments == []
    assert "digraph" in now.command("export", "dataflow")


@pytest.mark.skipif(version_info < (7,), reason="subshells came with ipykernel 7")
def test_a_subshells_cell_runs_beside_another(launch: Callable[..., Kernel]) -> None:
    kernel = launch(FINE)
    subshell = kernel.request("create_subshell_request", {}, "control")["subshell_id"]
    kernel.execute("import time")
    first = kernel.send("print('on')\nfor i in range(40): time.sleep(float('0.02'))\ni")
    kernel.wait_for("on")
    second = kernel.send("b = len('abc')\nb", subshell=subshell)
    answers = kernel.gather([first, second])
    assert [answer.result for answer in answers] == ["39", "3"]
