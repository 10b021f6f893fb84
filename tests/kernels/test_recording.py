"""What is in the database after each kind of cell, read with nothing but SQLite."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import coverage
import ipykernel
import pytest
import xxhash
from IPython.core.async_helpers import _should_be_async

from support.databases import DEFAULT, Archive
from support.kernels import TURN, Starter, send_escaped

IPYKERNEL = int(ipykernel.__version__.split(".")[0])

# -- statuses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "stdout"),
    [
        ("x = 1", ""),
        ("", ""),
        ("   ", ""),
        ("\n\n\t\n", ""),
        ("# nothing but a comment", ""),
        ("%lsmagic", None),
        ("%timeit -n 1 -r 1 1 + 1", None),
        ("%%time\nx = 1", None),
        ("%%bash\necho from bash", "from bash\n"),
        ("!echo from a shell", "from a shell\r\n"),
        ("files = !echo from a capture\nprint(files)", "['from a capture']\n"),
        ("len?", ""),
        ("%%capture taken\nprint('unseen')", ""),
        ("print('seen');", "seen\n"),
        ("import asyncio\nawait asyncio.sleep(0)\nprint('awaited')", "awaited\n"),
        (
            "async def numbers():\n    for n in range(3):\n        yield n\n"
            "async for n in numbers():\n    print(n)",
            "0\n1\n2\n",
        ),
        ("x = 1\r\ny = 2\r\nprint(x + y)", "3\n"),
        (
            "print('\N{GREEK SMALL LETTER ALPHA} \N{PILE OF POO}')",
            "\N{GREEK SMALL LETTER ALPHA} \N{PILE OF POO}\n",
        ),
    ],
)
def test_ok(session: Any, code: str, stdout: str | None) -> None:
    answer = session.execute(code)
    assert answer.status == "ok"
    if stdout is not None:
        assert answer.stdout == stdout
    run = session.run()
    assert (run["status"], run["source"]) == ("ok", code)
    assert (run["error_name"], run["error_value"], run["truncated"]) == (None, None, 0)
    assert run["duration"] >= 0
    assert not answer.warnings


@pytest.mark.parametrize(
    ("code", "name", "value"),
    [
        ("1 / 0", "ZeroDivisionError", "division by zero"),
        ("raise ValueError", "ValueError", ""),
        ("raise KeyError('alpha')", "KeyError", "'alpha'"),
        ("raise RuntimeError('x' * 100_000)", "RuntimeError", "x" * 100_000),
        ("raise SystemExit(3)", "SystemExit", "3"),
        ("import sys\nsys.exit('over')", "SystemExit", "over"),
        ("raise ExceptionGroup('several', [ValueError()])", "ExceptionGroup", None),
        ("class Mine(Exception): pass\nraise Mine('own')", "Mine", "own"),
        ("this is no Python", "SyntaxError", None),
        ("def f(:\n  pass", "SyntaxError", None),
        ("if True:\nprint()", "IndentationError", None),
        ("return 1", "SyntaxError", None),
        ("%no_such_magic", "UsageError", None),
        ("%%no_such_magic\nbody", "UsageError", None),
        ("%%bash\nexit 3", "CalledProcessError", None),
        ("import asyncio\nawait asyncio.sleep(0)\n1 / 0", "ZeroDivisionError", "division by zero"),
        ("raise BaseException('base')", "BaseException", "base"),
    ],
)
def test_error(session: Any, code: str, name: str, value: str | None) -> None:
    answer = session.execute(code)
    run = session.run()
    if name == "UsageError" and answer.status == "ok":
        # A line magic that does not exist is a message, in IPython, and no error.
        assert run["status"] == "ok"
    else:
        assert run["status"] == "error"
        assert (run["error_name"], run["error_value"]) == (
            answer.reply["ename"],
            answer.reply["evalue"],
        )
        assert run["error_name"] == name
        assert value is None or run["error_value"] == value
    assert run["duration"] >= 0
    assert session.execute("'next'").result == "'next'"


def test_a_result_that_cannot_be_shown(session: Any) -> None:
    answer = session.execute("class Bad:\n    def __repr__(self): 1 / 0\nBad()")
    assert session.run()["status"] == answer.status


SYNC = "import time\nprint('running', flush=True)\ntime.sleep(30)"
# ipykernel cancels such a cell when its event loop next turns, which one long sleep would put off.
ASYNC = "import asyncio\nprint('running', flush=True)\nwhile True: await asyncio.sleep(0.05)"
BUSY = "print('running', flush=True)\nwhile True: pass"


@pytest.mark.parametrize("way", ["SIGINT", "interrupt_request"])
@pytest.mark.parametrize("code", [SYNC, ASYNC, BUSY], ids=["sync", "async", "busy"])
def test_interrupted(session: Any, code: str, way: str) -> None:
    kernel = session.kernel
    sent = kernel.send(code)
    kernel.wait_for("running")
    # The cell is there while it runs.
    assert session.run()["status"] == "running"
    # The interrupt should meet the cell in its wait, not on the way there, of which it cannot tell.
    time.sleep(0.2)
    if way == "SIGINT":
        kernel.interrupt()
    else:
        assert kernel.request("interrupt_request", {}, "control")["status"] == "ok"
    (answer,) = kernel.gather([sent])
    assert answer.status == "error"
    run = session.run()
    assert run["status"] == "interrupted"
    assert run["error_name"] in ("KeyboardInterrupt", "CancelledError")
    assert run["error_name"] == answer.reply["ename"]
    assert 0.1 < run["duration"] < 30
    assert session.execute("'still here'").result == "'still here'"


def test_aborted_after_an_error(session: Any) -> None:
    kernel = session.kernel
    first = kernel.send("import time\ntime.sleep(0.5)\n1 / 0")
    others = [kernel.send("# stage: metrics\nx = 1", metadata={"cellId": f"c{n}"}) for n in (1, 2)]
    answers = kernel.gather([first, *others])
    assert [answer.status for answer in answers] == ["error", "aborted", "aborted"]
    runs = session.runs()
    assert [run["status"] for run in runs] == ["error", "aborted", "aborted"]
    assert [run["cell_id"] for run in runs] == [None, "c1", "c2"]
    aborted = runs[1]
    assert (aborted["duration"], aborted["execution_count"]) == (None, None)
    assert session.stages(aborted) == [("metrics", "metrics", "comment")]
    (tag,) = session.archive.tags(aborted["id"])
    assert tag["activation_id"] is None
    assert (
        session.archive.rows("SELECT * FROM activation WHERE cell_run_id = ?", aborted["id"]) == []
    )
    kernel.execute("'after'")


def test_not_aborted_where_the_frontend_goes_on(session: Any) -> None:
    kernel = session.kernel
    sent = [
        kernel.send("import time\ntime.sleep(0.3)\n1 / 0", stop_on_error=False),
        kernel.send("x = 1"),
    ]
    assert [answer.status for answer in kernel.gather(sent)] == ["error", "ok"]
    assert [run["status"] for run in session.runs()] == ["error", "ok"]


def test_not_aborted_while_what_was_seen_is_written(session: Any) -> None:
    kernel = session.kernel
    kernel.execute(
        "import time\n"
        "from provenance_kernel.fingerprint import register\n"
        "class Slow: pass\n"
        "register(Slow, lambda value: time.sleep(0.5))",
        silent=True,
    )
    failed = kernel.send("slow = Slow()\n1 / 0")
    # Between the reply and this state, ipykernel aborts by chance what it gets.
    kernel.wait_until_idle(failed)
    # For the loop of an old ipykernel, which ends the abortion when it turns: no message tells.
    time.sleep(TURN)
    (answer,) = kernel.gather([kernel.send("x = 1")])
    assert answer.status == "ok"
    assert [run["status"] for run in session.runs()] == ["error", "ok"]


def test_input(session: Any) -> None:
    answer = session.execute("name = input('who? ')\nprint(name)", answers=["Ada"])
    assert answer.stdout == "Ada\n"
    assert session.run()["status"] == "ok"


def test_getpass(session: Any) -> None:
    answer = session.execute(
        "from getpass import getpass\nword = getpass('word? ')\nprint(len(word))",
        answers=["open sesame"],
    )
    assert answer.stdout == "11\n"
    assert session.run()["status"] == "ok"
    text = (
        session.archive.path.read_bytes()
        + session.archive.path.with_name(session.archive.path.name + "-wal").read_bytes()
    )
    assert b"open sesame" not in text


def test_input_where_none_is_allowed(session: Any) -> None:
    assert (
        session.execute("input()", allow_stdin=False).reply["ename"] == "StdinNotImplementedError"
    )
    assert session.run()["error_name"] == "StdinNotImplementedError"


def test_run_of_a_script(session: Any) -> None:
    (session.kernel.work / "script.py").write_text("made = 41 + 1\nprint('script', made)\n")
    assert session.execute("%run script.py").stdout == "script 42\n"
    assert session.execute("made").result == "42"
    assert [run["source"] for run in session.runs()] == ["%run script.py", "made"]


def test_run_of_a_notebook_is_one_cell_run(session: Any) -> None:
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("a = 1"), nbformat.v4.new_code_cell("b = a + 1")]
    )
    nbformat.write(notebook, session.kernel.work / "other.ipynb")
    assert session.execute("%run other.ipynb").status == "ok"
    assert session.execute("b").result == "2"
    assert [run["source"] for run in session.runs()] == ["%run other.ipynb", "b"]


def test_a_cell_run_inside_a_cell_is_part_of_it(session: Any) -> None:
    answer = session.execute(
        "# stage: outer\n"
        "shell = get_ipython()\n"
        "shell.run_cell('# stage: inner\\ninner = 1')\n"
        "bad = shell.run_cell('1 / 0')\n"
        "import time; time.sleep(0.2)\n"
        "now_tag_cell('late')\n"
    )
    assert answer.status == "ok"
    run = session.run()
    assert run["status"] == "ok"
    assert run["duration"] >= 0.2
    assert [stage for stage, _, _ in session.stages()] == ["outer", "late"]


# -- the columns of a cell run --------------------------------------------------------------------


def test_position_and_execution_count(session: Any) -> None:
    session.execute("1")
    session.execute("")
    session.execute("x = 2", store_history=False)
    session.execute("raise ValueError")
    last = session.execute("3")
    runs = session.runs()
    assert [run["position"] for run in runs] == [session.since + n for n in range(1, 6)]
    count = last.reply["execution_count"]
    assert [run["execution_count"] for run in runs] == [count - 2, None, None, count - 1, count]
    assert len({run["id"] for run in runs}) == 5
    assert sorted(run["id"] for run in runs) == [run["id"] for run in runs]


def test_times(session: Any) -> None:
    before = datetime.now(UTC)
    session.execute("import time\ntime.sleep(0.3)")
    after = datetime.now(UTC)
    run = session.run()
    assert run["started_at"].endswith("Z")
    assert before <= datetime.fromisoformat(run["started_at"]) <= after
    assert 0.3 <= run["duration"] <= (after - before).total_seconds()


@pytest.mark.parametrize(
    ("metadata", "cell_id"),
    [
        ({"cellId": "8f3c-1"}, "8f3c-1"),
        (
            {"cellId": "vscode-notebook-cell:/home/a/b.ipynb#W0s"},
            "vscode-notebook-cell:/home/a/b.ipynb#W0s",
        ),
        ({}, None),
        ({"cellId": None}, None),
        ({"cellId": ["no", "string"]}, None),
        ({"cellId": 7}, None),
    ],
)
def test_cell_id(session: Any, metadata: dict[str, Any], cell_id: str | None) -> None:
    session.execute("1", metadata=metadata)
    assert session.run()["cell_id"] == cell_id


def test_code_is_kept_once_by_the_hash_of_its_text(session: Any) -> None:
    source = "# stage: data reading\nrows = 'ñ'"
    session.execute(source)
    session.execute(source)
    first, second = session.runs()
    digest = xxhash.xxh3_128_hexdigest(source.encode())
    assert first["code_hash"] == second["code_hash"] == digest
    assert session.archive.row("SELECT source FROM code WHERE hash = ?", digest) == {
        "source": source
    }


def test_ast_hash_ignores_layout_comments_and_directives(session: Any) -> None:
    same = ["x = f(1, 2)", "# stage: a\nx = f(1,2)  # why", "x=f(\n  1,\n  2,\n)", "x = f(1, 0x2)"]
    others = ["x = f(2, 1)", "x = f(1, 2.0)", "y = f(1, 2)", "x = f(1, '2')"]
    session.execute("f = max")
    for source in [*same, *others]:
        session.execute(source, stop_on_error=False)
    hashes = [run["ast_hash"] for run in session.runs()[1:]]
    assert len({run["code_hash"] for run in session.runs()[1:]}) == len(same) + len(others)
    assert len(set(hashes[: len(same)])) == 1
    assert len(set(hashes)) == 1 + len(others)


def test_activation_of_the_cell(session: Any) -> None:
    session.execute("x = 1")
    session.execute("1 / 0")
    for run in session.runs():
        (root,) = session.archive.rows(
            "SELECT * FROM activation WHERE cell_run_id = ? AND parent_id IS NULL", run["id"]
        )
        assert (root["name"], root["status"]) == ("<cell>", run["status"])
        assert (root["trial_id"], root["duration"]) == (run["trial_id"], run["duration"])


def test_the_trial(session: Any) -> None:
    session.execute("1")
    (trial,) = session.archive.trials()
    assert (trial["kind"], trial["status"], trial["notebook"]) == ("interactive", "running", None)
    assert trial["finished_at"] is None
    assert trial["pid"] == session.kernel.pid
    assert session.run()["trial_id"] == trial["id"]
    assert trial["started_at"] <= session.run()["started_at"]


# -- stages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "metadata", "expected"),
    [
        ("x = 1", {}, []),
        (
            "# stage: Data Reading\nx = 1",
            {},
            [("data_reading", "Data Reading", "comment")],
        ),
        (
            "# STAGE: a, b\n# Stage: c\n1",
            {},
            [("a", "a", "comment"), ("b", "b", "comment"), ("c", "c", "comment")],
        ),
        ("%%time\n# stage: timed\nx = 1", {}, [("timed", "timed", "comment")]),
        ("x = 1\n# stage: too late", {}, []),
        (
            "x = 1",
            {"provenance": {"stage": "feature-engineering"}},
            [("feature_engineering", "feature-engineering", "metadata")],
        ),
        (
            "x = 1",
            {"provenance": {"stage": ["A", "B"]}},
            [("a", "A", "metadata"), ("b", "B", "metadata")],
        ),
        (
            "x = 1",
            {"tags": ["stage:one", "stage=two", "stage-three", "other"]},
            [
                ("one", "one", "metadata"),
                ("two", "two", "metadata"),
                ("three", "three", "metadata"),
            ],
        ),
        ("now_tag_cell('Model Scoring')", {}, [("model_scoring", "Model Scoring", "call")]),
        (
            "# stage: metrics\nnow_tag_cell('metrics')\nnow_tag_cell('Metrics')",
            {"tags": ["stage:metrics"]},
            [
                ("metrics", "metrics", "metadata"),
                ("metrics", "metrics", "comment"),
                ("metrics", "metrics", "call"),
            ],
        ),
        (
            "import asyncio\nawait asyncio.sleep(0)\nnow_tag_cell('after await')",
            {},
            [("after_await", "after await", "call")],
        ),
        ("def f():\n    now_tag_cell('deep')\nf()", {}, [("deep", "deep", "call")]),
    ],
)
def test_stages(
    session: Any, source: str, metadata: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    answer = session.execute(source, metadata=metadata)
    assert answer.status == "ok"
    assert not answer.warnings
    assert session.stages() == expected
    run = session.run()
    for tag in session.archive.tags(run["id"]):
        assert (tag["trial_id"], tag["code_hash"]) == (run["trial_id"], run["code_hash"])
        root = session.archive.row("SELECT * FROM activation WHERE id = ?", tag["activation_id"])
        assert (root["name"], root["parent_id"]) == ("<cell>", None)
        assert root["cell_run_id"] == run["id"]
    shown = session.archive.rows(
        "SELECT * FROM stages WHERE trial_id = ? AND position = ?", run["trial_id"], run["position"]
    )
    assert [(row["stage"], row["activation"], row["status"]) for row in shown] == [
        (stage, "<cell>", "ok") for stage, _, _ in expected
    ]


def test_stages_of_a_cell_that_fails(session: Any) -> None:
    session.execute("# stage: scoring\nnow_tag_cell('called')\n1 / 0\nnow_tag_cell('never')")
    assert [stage for stage, _, _ in session.stages()] == ["scoring", "called"]
    (shown,) = session.archive.rows(
        "SELECT DISTINCT status FROM stages WHERE position = ?", session.run()["position"]
    )
    assert shown["status"] == "error"


@pytest.mark.parametrize(
    ("source", "metadata", "quoted"),
    [
        ("# stage:\n1", {}, "# stage:"),
        ("# stage: ok, ,fine\n1", {}, "# stage: ok, ,fine"),
        ("# stage: " + "s" * 10_000 + "\n1", {}, "# stage: sss"),
        ("# stages: two\n1", {}, "# stages: two"),
        ("1", {"provenance": {"stgae": "x"}}, "stgae"),
        ("1", {"provenance": "scoring"}, "scoring"),
        ("1", {"provenance": {"stage": 7}}, "7"),
        ("1", {"tags": ["stage:"]}, "stage:"),
        ("now_tag_cell('  ')\n1", {}, "now_tag_cell"),
        ("now_tag_cell(3)\n1", {}, "now_tag_cell"),
    ],
)
def test_bad_directives_are_told_once(
    session: Any, source: str, metadata: dict[str, Any], quoted: str
) -> None:
    answer = session.execute(source, metadata=metadata)
    assert answer.result == "1"
    (warning,) = answer.warnings
    assert quoted in warning
    (event,) = session.events()
    assert event[0] == "directive"
    assert f"provenance: {event[1]}" == warning
    again = session.execute(source, metadata=metadata)
    assert (again.result, again.warnings) == ("1", [])
    assert len(session.events()) == 1


@pytest.mark.parametrize(
    "metadata",
    [
        {"tags": None},
        {"tags": "stage:x"},
        {"tags": [None, 3, {}, ["stage:x"]]},
        {"provenance": None},
        {"provenance": {"stage": []}},
        {"deletedCells": [], "recordTiming": False, "trusted": True},
    ],
)
def test_other_metadata_is_none_of_ours(session: Any, metadata: dict[str, Any]) -> None:
    assert session.execute("1", metadata=metadata).warnings == []
    assert session.stages() == []


# -- what nobody should see -----------------------------------------------------------------------


def test_now_tag_cell_is_hidden(session: Any) -> None:
    session.execute("x = 1")
    assert session.execute("'now_tag_cell' in dir()").result == "False"
    assert session.execute("'now_tag_cell' in globals()").result == "False"
    assert "now_tag_cell" not in session.execute("%who").stdout
    assert "now_tag_cell" not in session.execute("%whos").stdout
    assert session.execute("callable(now_tag_cell)").result == "True"


@pytest.mark.slow
def test_now_tag_cell_is_not_completed(session: Any) -> None:
    reply = session.kernel.request("complete_request", {"code": "now_tag", "cursor_pos": 7})
    assert reply["matches"] == []


def test_now_tag_cell_may_be_the_users_own(session: Any) -> None:
    assert session.execute("now_tag_cell = 5\nnow_tag_cell + 1").result == "6"
    assert session.execute("now_tag_cell").result == "5"
    assert "now_tag_cell" in session.execute("%who").stdout
    session.execute("del now_tag_cell")
    assert session.execute("now_tag_cell('back')").status == "ok"
    assert session.stages(session.runs()[-1]) == [("back", "back", "call")]


# -- requests that are not cells ------------------------------------------------------------------


def test_silent_requests_leave_nothing(session: Any) -> None:
    answer = session.execute(
        "hidden = 1", silent=True, store_history=False, user_expressions={"v": "hidden + 1"}
    )
    assert answer.reply["user_expressions"]["v"]["data"]["text/plain"] == "2"
    assert session.runs() == []
    assert session.execute("1 / 0", silent=True).status == "error"
    assert session.runs() == []


def test_now_tag_cell_in_a_silent_request_tags_nothing(session: Any) -> None:
    session.execute("# stage: before\n1")
    assert session.execute("now_tag_cell('silently')", silent=True).status == "ok"
    assert session.stages() == [("before", "before", "comment")]


def test_silent_requests_are_recorded_on_demand(session: Any) -> None:
    session.execute("%config ProvenanceKernel.record_silent = True")
    try:
        session.execute("quiet = 1", silent=True, store_history=False)
    finally:
        session.execute("%config ProvenanceKernel.record_silent = False")
    session.execute("quiet = 2", silent=True, store_history=False)
    runs = [run for run in session.runs() if "config" not in run["source"]]
    assert [(run["source"], run["execution_count"], run["status"]) for run in runs] == [
        ("quiet = 1", None, "ok")
    ]


def test_config_lists_the_settings(session: Any) -> None:
    shown = session.execute("%config ProvenanceKernel").stdout
    assert "ProvenanceKernel.record_silent" in shown
    assert "ProvenanceKernel.database" in shown


def test_other_requests_leave_nothing(session: Any) -> None:
    kernel = session.kernel
    kernel.request("complete_request", {"code": "pri", "cursor_pos": 3})
    kernel.request("inspect_request", {"code": "len", "cursor_pos": 3, "detail_level": 0})
    kernel.request("is_complete_request", {"code": "if x:"})
    kernel.request(
        "history_request", {"hist_access_type": "tail", "n": 1, "output": False, "raw": True}
    )
    kernel.request("comm_info_request", {})
    kernel.request("kernel_info_request", {}, "control")
    assert session.runs() == []


# -- strange text ---------------------------------------------------------------------------------


def test_nul_in_the_source(session: Any) -> None:
    source = "x = '\0'"
    try:
        _should_be_async(source)
    except ValueError:
        pytest.skip("stock ipykernel gives no answer with this Python and IPython")
    assert session.execute(source).status == "error"
    assert session.run()["source"] == source


def test_a_megabyte_of_source(session: Any) -> None:
    source = "text = '''\n" + "x" * 99 * 10_100 + "\n'''\nlen(text)"
    assert len(source) > 999_000
    assert session.execute(source).result == str(99 * 10_100 + 2)
    run = session.run()
    assert (run["source"], run["code_hash"]) == (
        source,
        xxhash.xxh3_128_hexdigest(source.encode()),
    )


def test_deeply_nested_source(session: Any) -> None:
    source = "(" * 5000 + "1" + ")" * 5000
    assert session.execute(source).status == "error"
    assert session.run()["source"] == source
    assert session.execute("'next'").result == "'next'"


def test_deeply_nested_metadata(session: Any) -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    assert session.execute("1", metadata={"provenance": {"stage": deep}}).result == "1"
    assert session.run()["status"] == "ok"


@pytest.fixture
def escaping(session: Any) -> Iterator[Any]:
    """A session whose client sends text outside ASCII as escapes, lone surrogates included."""
    plain = session.kernel.client.session.pack
    send_escaped(session.kernel)
    yield session
    session.kernel.client.session.pack = plain


def test_half_a_surrogate_pair_in_metadata(escaping: Any) -> None:
    answer = escaping.execute(
        "1", metadata={"cellId": "c\ud800", "provenance": {"stage": "half \udfff"}}
    )
    assert answer.result == "1"
    run = escaping.run()
    assert run["status"] == "ok"
    assert run["cell_id"] == "c\\ud800"
    (tag,) = escaping.archive.tags(run["id"])
    assert tag["label"] == "half \\udfff"


def test_half_a_surrogate_pair_in_the_source(escaping: Any) -> None:
    """ipykernel itself cannot echo it, and so never answers; the session goes on."""
    escaping.kernel.send("s = '\ud800'", silent=False)
    assert escaping.execute("'next'", seconds=30).result == "'next'"
    assert escaping.runs()[-1]["source"] == "'next'"
    assert escaping.runs()[-1]["status"] == "ok"
    assert all(run["status"] != "running" for run in escaping.runs())


def test_half_a_surrogate_pair_in_an_error(session: Any) -> None:
    assert session.execute("s = chr(0xD800)\nlen(s)").result == "1"
    session.execute("try:\n    raise ValueError(s)\nexcept ValueError:\n    pass")
    assert [run["status"] for run in session.runs()] == ["ok", "ok"]


# -- concurrency ----------------------------------------------------------------------------------


def test_fork_in_a_cell(session: Any) -> None:
    answer = session.execute(
        "# stage: forked\n"
        "import os\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try:\n"
        "        now_tag_cell('of the child')\n"
        "        get_ipython().run_cell('2 + 2', silent=True)\n"
        "    finally:\n"
        "        os._exit(7)\n"
        "status = os.waitpid(child, 0)[1]\n"
        "now_tag_cell('of the parent')\n"
        "os.waitstatus_to_exitcode(status)"
    )
    assert answer.result == "7"
    assert [stage for stage, _, _ in session.stages()] == ["forked", "of_the_parent"]
    assert session.run()["status"] == "ok"
    assert session.execute("1").result == "1"
    assert len(session.runs()) == 2
    assert session.archive.is_sound()


@pytest.mark.skipif(
    coverage.Coverage.current() is not None,
    reason="coverage's handler of SIGTERM at times keeps a worker of the pool from ending",
)
def test_forked_pool(session: Any) -> None:
    answer = session.execute(
        "import multiprocessing, warnings\n"
        "def double(n):\n"
        "    now_tag_cell('in a worker')\n"
        "    return 2 * n\n"
        "with warnings.catch_warnings():\n"
        "    warnings.simplefilter('ignore')\n"
        "    with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "        doubled = pool.map(double, range(20))\n"
        "sum(doubled)"
    )
    assert answer.result == "380"
    assert not answer.warnings
    assert session.run()["status"] == "ok"
    assert session.stages() == []
    assert session.execute("1").result == "1"
    (trial,) = session.archive.trials()
    assert trial["status"] == "running"
    assert session.archive.is_sound()


def test_a_forked_child_that_ends_politely_leaves_the_trial_alone(session: Any) -> None:
    answer = session.execute(
        "import multiprocessing, warnings, sys, atexit\n"
        "def leave():\n"
        "    atexit._run_exitfuncs()\n"
        "with warnings.catch_warnings():\n"
        "    warnings.simplefilter('ignore')\n"
        "    process = multiprocessing.get_context('fork').Process(target=leave)\n"
        "    process.start()\n"
        "process.join(20)\n"
        "process.exitcode is not None"
    )
    assert answer.result == "True"
    (trial,) = session.archive.trials()
    assert trial["status"] == "running"
    assert session.execute("1").result == "1"
    assert len(session.runs()) == 2


def test_threads_of_a_cell(session: Any) -> None:
    answer = session.execute(
        "# stage: threaded\n"
        "import contextvars, threading\n"
        "said = []\n"
        "context = contextvars.copy_context()\n"
        "one = threading.Thread(target=context.run, args=(now_tag_cell, 'with context'))\n"
        "one.start(); one.join()\n"
        "two = threading.Thread(target=lambda: said.append(sum(range(10))))\n"
        "two.start(); two.join()\n"
        "said"
    )
    assert answer.result == "[45]"
    assert [stage for stage, _, _ in session.stages()] == ["threaded", "with_context"]
    assert session.run()["status"] == "ok"


def test_a_background_task_belongs_to_the_cell_that_started_it(session: Any) -> None:
    session.execute(
        "# stage: starter\n"
        "import asyncio\n"
        "go, done = asyncio.Event(), asyncio.Event()\n"
        "async def later():\n"
        "    await go.wait()\n"
        "    now_tag_cell('late')\n"
        "    done.set()\n"
        "task = asyncio.ensure_future(later())\n"
    )
    session.execute("# stage: other\ngo.set()\nawait asyncio.wait_for(done.wait(), 20)")
    starter, other = session.runs()
    assert [run["status"] for run in session.runs()] == ["ok", "ok"]
    assert [stage for stage, _, _ in session.stages(starter)] == ["starter", "late"]
    assert [stage for stage, _, _ in session.stages(other)] == ["other"]


def test_a_background_thread_outlives_its_cell(session: Any) -> None:
    session.execute(
        "import threading\n"
        "go = threading.Event()\n"
        "thread = threading.Thread(target=lambda: (go.wait(20), print('late')))\n"
        "thread.start()\n"
    )
    session.execute("go.set()\nthread.join()")
    assert [run["status"] for run in session.runs()] == ["ok", "ok"]


@pytest.mark.skipif(IPYKERNEL < 7, reason="subshells came with ipykernel 7")
def test_subshells_run_beside_the_main_shell(session: Any) -> None:
    kernel = session.kernel
    subshell = kernel.request("create_subshell_request", {}, "control")["subshell_id"]
    try:
        session.execute("import threading\ninside, go = threading.Event(), threading.Event()")
        main = kernel.send(
            "# stage: main\ninside.set()\nassert go.wait(30)\nnow_tag_cell('main again')"
        )
        side = kernel.send(
            "# stage: side\nassert inside.wait(30)\nnow_tag_cell('side again')\ngo.set()\n1 / 0",
            subshell=subshell,
        )
        answers = kernel.gather([main, side])
        assert [answer.status for answer in answers] == ["ok", "error"]
    finally:
        kernel.request("delete_subshell_request", {"subshell_id": subshell}, "control")
    runs = session.runs()[1:]
    found = {run["source"].splitlines()[0]: run for run in runs}
    assert found["# stage: main"]["status"] == "ok"
    assert found["# stage: side"]["status"] == "error"
    assert {run["position"] for run in runs} == {session.since + 2, session.since + 3}
    for name in ("main", "side"):
        stages = session.stages(found[f"# stage: {name}"])
        assert [stage for stage, _, _ in stages] == [name, f"{name}_again"]
    session.execute("'after'")
    assert session.runs()[-1]["status"] == "ok"
    # What was seen of them is there as well.
    roots = session.archive.values("SELECT cell_run_id FROM activation WHERE result IS NULL")
    assert {run["id"] for run in runs} <= set(roots)
    reads = session.archive.values("SELECT cell_run_id FROM variable WHERE name = 'go'")
    assert {run["id"] for run in runs} <= set(reads)


# -- the life of a trial --------------------------------------------------------------------------


def test_a_kernel_that_runs_nothing_leaves_nothing(start: Starter) -> None:
    kernel = start()
    kernel.execute("1", silent=True)
    kernel.stop()
    assert not (kernel.work / ".provenance").exists()


def test_shutdown_finishes_the_trial(start: Starter) -> None:
    kernel = start()
    kernel.execute("x = 1")
    kernel.stop()
    archive = Archive(kernel.work / DEFAULT)
    (trial,) = archive.trials()
    assert trial["status"] == "finished"
    assert trial["started_at"] < trial["finished_at"]
    assert not archive.path.with_name(archive.path.name + "-wal").exists()


def test_quit_in_a_cell_finishes_the_trial(start: Starter) -> None:
    kernel = start()
    kernel.send("quit()")
    kernel.wait_until_gone()
    archive = Archive(kernel.work / DEFAULT)
    assert [trial["status"] for trial in archive.trials()] == ["finished"]
    assert [run["status"] for run in archive.runs()] == ["ok"]


def test_restart_begins_another_trial(start: Starter) -> None:
    kernel = start()
    kernel.execute("x = 1")
    kernel.restart()
    assert kernel.execute("x").reply["ename"] == "NameError"
    archive = Archive(kernel.work / DEFAULT)
    first, second = archive.trials()
    assert (first["status"], second["status"]) == ("finished", "running")
    assert [(run["trial_id"], run["position"]) for run in archive.runs()] == [
        (first["id"], 1),
        (second["id"], 1),
    ]


def test_a_cell_that_ends_the_process(start: Starter, tmp_path: Path) -> None:
    work = tmp_path / "work"
    kernel = start(work=work)
    kernel.execute("x = 1")
    kernel.send("# stage: fatal\nimport os\nos._exit(1)")
    kernel.wait_until_gone()
    archive = Archive(work / DEFAULT)
    assert [run["status"] for run in archive.runs()] == ["ok", "running"]
    start(work=work).execute("'next'")
    died, running = archive.trials()
    assert (died["status"], running["status"]) == ("died", "running")
    assert died["finished_at"] is None
    runs = [run for run in archive.runs() if run["trial_id"] == died["id"]]
    assert [run["status"] for run in runs] == ["ok", "died"]
    (shown,) = archive.rows("SELECT * FROM stages WHERE trial_id = ?", died["id"])
    assert (shown["stage"], shown["status"], shown["activation"]) == ("fatal", "died", "<cell>")
    statuses = archive.values("SELECT status FROM activation WHERE trial_id = ?", died["id"])
    assert "running" not in statuses


# -- settings and places --------------------------------------------------------------------------


def test_traits_on_the_command_line(start: Starter, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere" / "runs.db"
    kernel = start(
        arguments=[
            f"--ProvenanceKernel.database={path}",
            "--ProvenanceKernel.record_silent=True",
            "--ProvenanceKernel.trial_kind=run",
            "--ProvenanceKernel.trial_id=01900000-0000-7000-8000-000000000001",
            "--ProvenanceKernel.parent_trial=01900000-0000-7000-8000-000000000000",
        ]
    )
    kernel.execute("x = 1", silent=True)
    archive = Archive(path)
    (trial,) = archive.trials()
    assert (trial["id"], trial["kind"], trial["parent_id"]) == (
        "01900000-0000-7000-8000-000000000001",
        "run",
        "01900000-0000-7000-8000-000000000000",
    )
    assert [run["source"] for run in archive.runs()] == ["x = 1"]
    assert not (kernel.work / ".provenance").exists()


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}", "relative.db"])
def test_the_database_by_environment_variable(start: Starter, tmp_path: Path, form: str) -> None:
    path = tmp_path / "named.db"
    kernel = start(env={"PROVENANCE_DATABASE": form.format(path)})
    kernel.execute("x = 1")
    archive = Archive(kernel.work / "relative.db" if form == "relative.db" else path)
    assert [run["source"] for run in archive.runs()] == ["x = 1"]
    assert not (kernel.work / ".provenance").exists()


def test_a_database_url_that_names_none(start: Starter) -> None:
    kernel = start(env={"PROVENANCE_DATABASE": "mysql://somewhere/runs"})
    answer = kernel.execute("1 + 1")
    assert answer.result == "2"
    (warning,) = answer.warnings
    assert "mysql" in warning
    assert kernel.execute("2 + 2").warnings == []


def test_the_default_place_is_private(start: Starter, tmp_path: Path) -> None:
    kernel = start()
    kernel.execute("x = 1")
    folder = kernel.work / ".provenance"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"
    for file in folder.glob("provenance.db*"):
        assert file.stat().st_mode & 0o777 == 0o600


def test_the_nearest_folder_above_is_used(start: Starter, tmp_path: Path) -> None:
    (tmp_path / "project" / ".provenance").mkdir(parents=True)
    work = tmp_path / "project" / "deep" / "er"
    kernel = start(work=work)
    kernel.execute("import os\nos.chdir('/')")
    kernel.execute("x = 1")
    archive = Archive(tmp_path / "project" / DEFAULT)
    assert len(archive.runs()) == 2
    assert list(work.iterdir()) == []


def test_notebook_path_from_the_server(start: Starter, tmp_path: Path) -> None:
    notebook = tmp_path / "books" / "study.ipynb"
    notebook.parent.mkdir()
    kernel = start(env={"JPY_SESSION_NAME": str(notebook)})
    kernel.execute("x = 1")
    archive = Archive(notebook.parent / DEFAULT)
    assert [trial["notebook"] for trial in archive.trials()] == [str(notebook)]
    assert not (kernel.work / ".provenance").exists()


def test_a_session_name_that_is_no_path(start: Starter) -> None:
    kernel = start(env={"JPY_SESSION_NAME": "/no/such/folder/Console 1"})
    assert kernel.execute("1").warnings == []
    archive = Archive(kernel.work / DEFAULT)
    assert len(archive.runs()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("silent", [True, False], ids=["silently", "unstored"])
def test_notebook_path_from_vs_code(start: Starter, tmp_path: Path, silent: bool) -> None:
    """VS Code sets the name in a request of its own before the first cell: not silent, today."""
    notebook = tmp_path / "books" / "study.ipynb"
    notebook.parent.mkdir()
    kernel = start()
    kernel.execute(f"__vsc_ipynb_file__ = {str(notebook)!r}", silent=silent, store_history=False)
    kernel.execute("# stage: first\nx = 1")
    archive = Archive(notebook.parent / DEFAULT)
    assert archive.path.exists()
    assert [trial["notebook"] for trial in archive.trials()] == [str(notebook)]
    assert archive.runs()[-1]["source"] == "# stage: first\nx = 1"


def test_time_order_of_ids(session: Any) -> None:
    for number in range(5):
        session.execute(f"x = {number}")
    found = session.archive.values("SELECT id FROM cell_run ORDER BY id")
    by_time = session.archive.values("SELECT id FROM cell_run ORDER BY started_at, position")
    assert found == by_time


@pytest.mark.slow
def test_the_users_random_numbers_are_their_own(session: Any) -> None:
    session.execute("import random\nrandom.seed(7)")
    drawn = session.execute("# stage: draw\nnow_tag_cell('x')\nrandom.random()").result
    assert drawn == "0.32383276483316237"


def test_only_ipykernel_calls_a_sleep_of_the_users(session: Any) -> None:
    spy = "import time\nseen, real = [], time.sleep\n"
    spy += "def spy(seconds): seen.append(seconds); real(seconds)\ntime.sleep = spy"
    session.execute(spy)
    session.execute("seen.clear(); x = 1")
    # What ipykernel sleeps before each reply.
    assert session.execute("set(seen) == {get_ipython().kernel._execute_sleep}").result == "True"
