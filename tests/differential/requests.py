"""Cases that need more than plain cells: settings of a request, other requests, several at once.

One table of rows, so it is longer than a module of code would be.
"""
# ruff: noqa: E501, RUF005 - a cell stays on the lines it is sent in, rows read as sums

from collections.abc import Callable, Mapping
from typing import Any

from differential.steps import (
    Case,
    Cell,
    During,
    Queued,
    Request,
    Signal,
    Transcript,
    printed,
)

READY = printed("ready")
CREATE_SUBSHELL = Request("create_subshell_request", channel="control")
LIST_SUBSHELLS = Request("list_subshell_request", channel="control")
INTERRUPT = Request("interrupt_request", channel="control")

Content = Callable[[Transcript], Mapping[str, Any]]


def complete(code: str, cursor: int | None = None) -> Request:
    """A complete_request, at the end of the code where no position is given."""
    return Request("complete_request", {"code": code, "cursor_pos": cursor or len(code)})


def inspect(code: str, cursor: int | None = None, detail: int = 0) -> Request:
    """An inspect_request, at the end of the code where no position is given."""
    return Request(
        "inspect_request",
        {"code": code, "cursor_pos": cursor or len(code), "detail_level": detail},
    )


def history(access: str, **more: Any) -> Request:
    """A history_request."""
    return Request(
        "history_request", {"hist_access_type": access, "output": False, "raw": True, **more}
    )


def to_comm(msg_type: str, data: Mapping[str, Any], opened: int = 0) -> Request:
    """A message to the comm that the kernel opened as number `opened` of this case."""

    def content(transcript: Transcript) -> Mapping[str, Any]:
        opens = [message for message in transcript if message.msg_type == "comm_open"]
        return {"comm_id": opens[opened].content["comm_id"], "data": data}

    return Request(msg_type, content)


def delete_subshell(created: int) -> Request:
    """Ends the subshell that was created as number `created` of this case."""

    def content(transcript: Transcript) -> Mapping[str, Any]:
        replies = [message for message in transcript if message.msg_type == "create_subshell_reply"]
        return {"subshell_id": replies[created].content["subshell_id"]}

    return Request("delete_subshell_request", content, channel="control")


FORMS = (
    Case("empty_cells", ("", " ", "\n\n", "\t\n")),
    Case("leading_blank_lines", ("\n\n\n1 / 0", "\n\ndef f():\n\n    raise ValueError\n\n\nf()")),
    Case("windows_line_ends", ("a = 1\r\nb = 2\r\na + b", "1\r\n1 / 0")),
    Case("form_feed_and_tabs", ("if True:\n\tw = 1\n\x0cw",)),
    Case("null_byte", ("x = 1\0", "print('alive')")),
    Case("byte_order_mark", ("\ufeffx = 1\nx",)),
    Case("deep_expression", ("print(" + " + ".join(["1"] * 600) + ")",)),
    Case(
        "many_calls_in_one_expression",
        ("print(sum([" + ", ".join(f"abs({n})" for n in range(800)) + "]))",),
    ),
    Case("deep_sum_of_calls", ("print(" + " + ".join(["abs(-1)"] * 300) + ")",)),
    Case("nested_lists", ("x = " + "[" * 90 + "]" * 90 + "\nx",)),
    Case(
        "too_deep_for_the_compiler",
        ("x = " + "+".join(["1"] * 2_000) + "\nprint(x)", "print('alive')"),
    ),
    Case("long_cell", ("\n".join(f"v{n} = {n}" for n in range(500)) + "\nv499",)),
    Case(
        "long_cell_with_error", ("\n".join(f"v{n} = abs({n})" for n in range(300)) + "\nabs('x')",)
    ),
)

SETTINGS = (
    Case(
        "silent",
        (Cell("print('quiet'); s = 1; s", silent=True, store_history=False), "s", "In"),
    ),
    Case("silent_error", (Cell("1 / 0", silent=True, store_history=False), "1")),
    Case("silent_with_history", (Cell("q = 2", silent=True, store_history=True), "q", "In")),
    Case("silent_display", (Cell("display(1); 2", silent=True, store_history=False), "Out")),
    Case("without_history", (Cell("h = 1\nh", store_history=False), "h", "In, Out")),
    Case(
        "user_expressions",
        (
            Cell("u = [1, 2]", user_expressions={"n": "len(u)", "bad": "1 / 0", "syntax": "("}),
            Cell("1 / 0", user_expressions={"n": "len(u)"}),
            Cell("", silent=True, store_history=False, user_expressions={"n": "u"}),
        ),
    ),
    Case(
        "user_expressions_with_rich_result",
        (
            Cell(
                "class R:\n    def _repr_html_(self): return '<i>'\n    def __repr__(self): return 'R'",
                user_expressions={"r": "R()", "printing": "print('printed')"},
            ),
        ),
    ),
    Case("no_stdin", (Cell("input('name? ')", allow_stdin=False),)),
    Case("no_stdin_getpass", (Cell("import getpass\ngetpass.getpass()", allow_stdin=False),)),
    Case(
        "stop_on_error_false", (Queued((Cell("1 / 0", stop_on_error=False), Cell("print('on')"))),)
    ),
    Case("queued", (Queued(tuple(Cell(f"print({n})\n{n}") for n in range(5))),)),
    Case(
        "aborted_queue",
        (
            Queued(
                (
                    Cell("import time; time.sleep(0.3); 1 / 0"),
                    Cell("print('never')"),
                    Cell("2"),
                    Request("kernel_info_request"),
                )
            ),
            "print('again')",
        ),
    ),
    Case(
        "aborted_queue_after_syntax_error",
        (Queued((Cell("import time; time.sleep(0.2)"), Cell("1 +"), Cell("2"))), "print('again')"),
    ),
    Case(
        "aborted_queue_after_async_error",
        (
            Queued(
                (
                    Cell("import asyncio; await asyncio.sleep(0.2); 1 / 0"),
                    Cell("print('never')"),
                )
            ),
            "print('again')",
        ),
    ),
    Case(
        "metadata_of_jupyterlab",
        (
            Cell(
                "x = 1\nx",
                metadata={
                    "provenance": {"stage": "feature engineering"},
                    "deletedCells": [],
                    "recordTiming": True,
                    "tags": ["stage:model scoring"],
                    "trusted": True,
                },
                cell_id="3f2a-b",
            ),
            Cell("x + 1", metadata={"deletedCells": ["3f2a-b"]}, cell_id="77aa"),
            Cell("1 / 0", metadata={"provenance": {"stage": ["a", "b"]}}, cell_id="77ab"),
        ),
    ),
    Case(
        "metadata_of_vscode",
        (
            Cell(
                "1",
                metadata={"custom": {"tags": []}},
                cell_id="vscode-notebook-cell:/a/b.ipynb#W0s",
                stop_on_error=False,
            ),
        ),
    ),
    Case(
        "parameters_tag",
        (
            Cell("lr = 0.1\nepochs = 3\nname = 'a'", metadata={"tags": ["parameters"]}),
            "lr, epochs, name",
        ),
    ),
    Case(
        "strange_metadata",
        (
            Cell("1", metadata={"tags": ["", "stage", "parameters", "x" * 1000]}),
            Cell("2", metadata={"tags": []}, cell_id=""),
            Cell("3", metadata={"provenance": {"stage": ["a", "b"]}, "tags": ["stage=m"]}),
        ),
    ),
)

STDIN = (
    Case("input", (Cell("name = input('name? ')\nprint('hi', name)\nname", replies=("Ann",)),)),
    Case("input_without_prompt", (Cell("input()", replies=("",)),)),
    Case(
        "inputs_in_function_and_loop",
        (
            Cell(
                "def ask(n): return [input(f'{i}: ') for i in range(n)]\nprint(ask(2))\n"
                "for i in range(2):\n    print(int(input('number ')) + 1)",
                replies=("a", "b", "1", "x"),
            ),
        ),
    ),
    Case(
        "getpass",
        (
            Cell(
                "import getpass\nlen(getpass.getpass()), getpass.getpass('pin ')",
                replies=("s", "1"),
            ),
        ),
    ),
    Case(
        "input_in_async_cell",
        (Cell("import asyncio\nawait asyncio.sleep(0)\ninput('go? ')", replies=("yes",)),),
    ),
    Case(
        "debug_magic",
        (
            "def inner(a):\n    b = a + 1\n    return b / 0\ndef outer(x):\n    return inner(x * 2)\n"
            "outer(3)",
            Cell("%debug", replies=("p a, b", "w", "u", "p x", "u", "d", "l", "pp locals()", "q")),
            "print('after')",
        ),
    ),
    Case(
        "debug_magic_in_library",
        (
            "import json\njson.loads('{')",
            Cell("%debug", replies=("u", "u", "u", "u", "w", "q")),
        ),
    ),
    Case(
        "debug_magic_after_error_in_cell_body",
        ("v = 4\nabs(abs(v) / 0)", Cell("%debug", replies=("w", "p v", "l", "q"))),
    ),
    Case(
        "set_trace",
        (
            Cell(
                "from IPython.core.debugger import set_trace\ndef f(a):\n    set_trace()\n"
                "    b = a + 1\n    return b\nf(2)",
                replies=("n", "p a", "w", "n", "p b", "u", "c"),
            ),
        ),
    ),
    Case(
        "breakpoint_function",
        (
            Cell(
                "def f(a):\n    breakpoint()\n    b = abs(a)\n    return b\nprint(f(2))",
                replies=("n", "p a", "s", "c"),
            ),
        ),
    ),
    Case(
        "breakpoint_in_cell_body",
        (Cell("x = 1\nbreakpoint()\ny = abs(x)\nprint(y)", replies=("p x", "w", "n", "c")),),
    ),
    Case(
        "step_through_cell_with_calls",
        (
            Cell(
                "def f(a):\n    return a + 1\nbreakpoint()\ny = f(f(1))\nz = f(y)",
                replies=("n", "s", "s", "r", "w", "c"),
            ),
        ),
    ),
    Case(
        "pdb_on",
        (
            "%pdb on",
            Cell("def f(n): return 1 / n\nf(0)", replies=("p n", "u", "q")),
            "%pdb off",
        ),
    ),
    Case("run_with_debugger", (Cell("%debug print('stepped')", replies=("s", "w", "c")),)),
)

COMPLETION = (
    Case(
        "complete_names",
        ("apple = 1\napricot = 2", complete("ap"), complete("apple."), complete("x = appl")),
        # Jedi fills its cache.
        timeout=60.0,
    ),
    Case("complete_nothing", (complete("zzqqxx"),)),
    Case(
        "complete_empty",
        (complete(""), complete("1 + "), complete("globals()['")),
        adds=("magics",),
    ),
    Case(
        "complete_attributes",
        ("import os\nclass K:\n    def method(self): ...\n    value = 1\nk = K()",)
        + (complete("k."), complete("os.path.jo"), complete("'a'.sp"), complete("K().meth")),
    ),
    Case("complete_in_the_middle", ("alpha = 1", complete("print(alp) + 1", 9))),
    Case("complete_keywords_and_builtins", (complete("impor"), complete("isin"), complete("prin"))),
    Case("complete_import", (complete("import jso"), complete("from json import lo"))),
    Case("complete_keys", ("d = {'one': 1, 'two': 2}", complete("d['"), complete("d['o"))),
    Case("complete_magics", (complete("%tim"), complete("%%writ"), complete("%load_e"))),
    Case(
        "complete_files",
        (complete("open('sam"), complete("%run sam")),
        files={"sample_a.py": "", "sample_b.txt": ""},
    ),
    Case("complete_keyword_arguments", ("def f(first, second=2): ...", complete("f(fir"))),
    Case("complete_multiline", ("beta = 1", complete("def f():\n    return bet"))),
    Case(
        "complete_internal_names",
        ("own = 1", complete("_"), complete("__"), complete("get_"), complete("now_"))
        + (complete("tra"), complete("metri"), complete("prov"), complete("%pr")),
        adds=("magics",),
    ),
    Case(
        "inspect",
        ("def f(a, b=2):\n    '''Adds.'''\n    return a + b\nv = [1]",)
        + (inspect("f"), inspect("f", detail=1), inspect("v"), inspect("print("), inspect("nope")),
    ),
    Case(
        "inspect_call_and_attribute",
        (
            "import os.path",
            inspect("os.path.join(", 12),
            inspect("len(abs(", 6),
            inspect("%timeit"),
        ),
    ),
    Case(
        "inspect_class_and_module",
        (
            "class C:\n    '''Doc.'''\n    def __init__(self, x): '''Init.'''\nimport string\nc = C(1)",
            inspect("C"),
            inspect("c"),
            inspect("string"),
            inspect("C", detail=1),
        ),
    ),
    Case(
        "inspect_decorated_and_cell_source",
        (
            "import functools\n@functools.lru_cache\ndef g(x):\n    # kept\n    return x",
            "g(1)",
            inspect("g", detail=1),
            inspect("g.cache_info"),
        ),
    ),
    Case(
        "is_complete",
        tuple(
            Request("is_complete_request", {"code": code})
            for code in (
                "1",
                "for i in x:",
                "x = (",
                "1 +* 2",
                "def f():\n    return 1\n",
                "%%time",
            )
            + ("if 1:\n  pass\n\n", "'''a", "@deco", "x = [1,\n", "!ls", "# stage: x", "")
        ),
    ),
    Case(
        "history",
        (
            "a = 1",
            "a + 1",
            "%who",
            history("tail", n=3),
            history("range", session=0, start=1, stop=3),
            history("range", session=0, start=1, stop=3, output=True),
            history("range", session=0, start=1, stop=4, raw=False),
            history("search", pattern="a +*", n=1),
            history("search", pattern="no such*", n=1),
        ),
    ),
    Case(
        "kernel_info",
        (Request("kernel_info_request"), Request("kernel_info_request", channel="control")),
    ),
    Case("connect", (Request("connect_request"),)),
    Case("usage", (Request("usage_request", channel="control"),)),
    Case(
        "comm_info",
        (
            Request("comm_info_request"),
            Request("comm_info_request", {"target_name": "none"}),
        ),
    ),
)

COMMS = (
    Case(
        "comm_from_kernel",
        (
            "from comm import create_comm\nc = create_comm(target_name='t', data={'a': 1}, "
            "metadata={'m': 2}, buffers=[b'xy'])\nc.on_msg(lambda m: print('got', m['content']['data']))\n"
            "c.on_close(lambda m: print('closed'))",
            "c.send({'b': 2}, buffers=[b'123'])",
            to_comm("comm_msg", {"c": 3}),
            Request("comm_info_request", {"target_name": "t"}),
            to_comm("comm_close", {}),
            Request("comm_info_request", {"target_name": "t"}),
        ),
    ),
    Case(
        "comm_from_frontend",
        (
            "def opened(comm, message):\n    print('opened', message['content']['data'])\n"
            "    comm.on_msg(lambda m: comm.send({'echo': m['content']['data']}))\n"
            "get_ipython().kernel.comm_manager.register_target('front', opened)",
            Request("comm_open", {"comm_id": "c1", "target_name": "front", "data": {"x": 1}}),
            Request("comm_msg", {"comm_id": "c1", "data": {"y": [1, 2]}}),
            Request("comm_close", {"comm_id": "c1", "data": {}}),
        ),
    ),
    Case(
        "comm_callback_raises",
        (
            "def opened(comm, message):\n    comm.on_msg(lambda m: 1 / 0)\n"
            "get_ipython().kernel.comm_manager.register_target('bad', opened)",
            Request("comm_open", {"comm_id": "c2", "target_name": "bad", "data": {}}),
            Request("comm_msg", {"comm_id": "c2", "data": {}}),
            "print('alive')",
        ),
    ),
    Case(
        "comm_to_unknown_target",
        (
            Request("comm_open", {"comm_id": "c3", "target_name": "nowhere", "data": {}}),
            Request("comm_msg", {"comm_id": "gone", "data": {}}),
        ),
    ),
    Case(
        "widget_slider",
        (
            "import ipywidgets as w\ns = w.IntSlider(value=3, description='n')\n"
            "s.observe(lambda change: print('now', change['new']), 'value')\ns",
            to_comm("comm_msg", {"method": "update", "state": {"value": 7}, "buffer_paths": []}, 2),
            "s.value",
            "s.value = 1",
            "s.close()",
        ),
        needs=("ipywidgets",),
    ),
    Case(
        "widget_button",
        (
            "import ipywidgets as w\nb = w.Button(description='go')\n"
            "b.on_click(lambda b: print('clicked', b.description))\nb",
            to_comm("comm_msg", {"method": "custom", "content": {"event": "click"}}, 2),
        ),
        needs=("ipywidgets",),
    ),
    Case(
        "widget_output_and_interact",
        (
            "import ipywidgets as w\no = w.Output()\nwith o:\n    print('inside')\n    display(2)\no",
            "o.clear_output()\no.append_stdout('more')",
            "w.interact(lambda x: print('x is', x), x=(0, 4));",
            "with o:\n    1 / 0",
        ),
        needs=("ipywidgets",),
    ),
    Case(
        "widget_box_and_link",
        (
            "import ipywidgets as w\na, b = w.IntText(1), w.IntText(2)\nl = w.link((a, 'value'), (b, 'value'))\n"
            "w.VBox([a, w.HBox([b, w.HTML('<b>x</b>')])])",
            "a.value = 9\nb.value",
            "w.IntProgress(value=1), w.Dropdown(options=['p', 'q'])",
        ),
        needs=("ipywidgets",),
    ),
    Case(
        "widget_state_requested",
        (
            "import ipywidgets as w\nw.Text('hello')",
            Request(
                "comm_open",
                {
                    "comm_id": "control",
                    "target_name": "jupyter.widget.control",
                    "data": {},
                },
            ),
        ),
        needs=("ipywidgets",),
    ),
)

# Threads that publish at the same instant lose messages in ipykernel, so these take turns.
SUBSHELLS = (
    Case(
        "subshell_lifetime",
        (
            CREATE_SUBSHELL,
            LIST_SUBSHELLS,
            Cell("import threading\nx = 1\nprint('sub')\nx", subshell=0),
            "x",
            delete_subshell(0),
            LIST_SUBSHELLS,
            Request("delete_subshell_request", {"subshell_id": "gone"}, channel="control"),
        ),
        ipykernel=7,
    ),
    Case(
        "subshell_while_main_shell_is_busy",
        (
            CREATE_SUBSHELL,
            During(
                Cell(
                    "import threading, time\ngate = threading.Event()\nprint('ready')\ngate.wait(20); time.sleep(0.4)\n"
                    "print('main done')\nfrom_sub"
                ),
                READY,
                (Cell("print('sub')\nfrom_sub = [len('abc')]\ngate.set()\nfrom_sub", subshell=0),),
            ),
            delete_subshell(0),
        ),
        ipykernel=7,
        concurrent=True,
    ),
    Case(
        "subshell_error_and_requests",
        (
            CREATE_SUBSHELL,
            Cell("def f(n):\n    return 1 / n\nf(0)", subshell=0),
            Request("complete_request", {"code": "prin", "cursor_pos": 4}, subshell=0),
            Request("kernel_info_request", subshell=0),
            Cell("import asyncio\nawait asyncio.sleep(0.01)\nprint('async sub')", subshell=0),
            Cell("# stage: sub\n%who_ls", subshell=0),
            Cell("print('never')", subshell=0),
            delete_subshell(0),
        ),
        ipykernel=7,
    ),
    Case(
        "two_subshells_at_once",
        (
            CREATE_SUBSHELL,
            CREATE_SUBSHELL,
            During(
                Cell(
                    "import threading, time\na, b = threading.Event(), threading.Event()\nprint('ready')\n"
                    "a.wait(20); b.wait(20); time.sleep(0.8)"
                ),
                READY,
                (
                    During(
                        Cell(
                            "print('one ready')\nb.wait(20); time.sleep(0.4)\nb.is_set()",
                            subshell=0,
                        ),
                        printed("one ready"),
                        (Cell("a.set(); b.set()\nprint('two')", subshell=1),),
                    ),
                ),
            ),
            "%subshell",
            delete_subshell(0),
            delete_subshell(1),
        ),
        ipykernel=7,
        concurrent=True,
    ),
    Case(
        "subshell_unknown",
        (Request("delete_subshell_request", {"subshell_id": "none"}, channel="control"),),
        ipykernel=7,
    ),
)


# The loop has to wake up by itself: ipykernel sees a signal only when it does.
ASYNC_WAIT = "import asyncio\nprint('ready')\nfor _ in range(600): await asyncio.sleep(0.05)"


def interrupted(name: str, code: str, *after: str, by: Signal | Request | None = None) -> Case:
    """A cell that prints `ready` and is then interrupted, by signal if nothing else is said."""
    return Case(name, (During(Cell(code), READY, (by or Signal(),)), *after), concurrent=True)


INTERRUPTS = (
    interrupted("interrupt_sleep", "import time\nprint('ready')\ntime.sleep(30)", "print('alive')"),
    interrupted(
        "interrupt_in_function",
        "import time\ndef f():\n    print('ready')\n    time.sleep(30)\ndef g(): f()\ng()",
        "print('alive')",
    ),
    interrupted(
        "interrupt_async",
        ASYNC_WAIT,
        "print('alive')",
        "await asyncio.sleep(0, 'still')",
    ),
    interrupted(
        "interrupt_caught",
        "import time\ntry:\n    print('ready')\n    time.sleep(30)\nexcept KeyboardInterrupt:\n"
        "    print('caught')\nfinally:\n    print('finally')\nprint('after')\n5",
    ),
    interrupted("interrupt_busy_loop", "print('ready')\nwhile True: pass", "print('alive')"),
    interrupted(
        "interrupt_in_context_manager",
        "import contextlib, time\n@contextlib.contextmanager\ndef cm():\n    try:\n        yield\n"
        "    finally:\n        print('closed')\nwith cm():\n    print('ready')\n    time.sleep(30)",
    ),
    interrupted(
        "interrupt_request",
        "import time\nprint('ready')\ntime.sleep(30)",
        "print('alive')",
        by=INTERRUPT,
    ),
    interrupted(
        "interrupt_request_async",
        ASYNC_WAIT,
        "print('alive')",
        by=INTERRUPT,
    ),
    interrupted("interrupt_input", "print('ready')\nimport time\ntime.sleep(30)\ninput()"),
    interrupted(
        "interrupt_bash",
        "import sys; print('ready'); sys.stdout.flush()\n!sleep 30",
        "print('alive')",
    ),
    Case("interrupt_when_idle", ("x = 1", Signal(), "x + 1", INTERRUPT, "x + 2"), concurrent=True),
)

KEEP_NO_MORE = "get_ipython().keepkernel_on_exit = None"
ENDINGS = (
    Case("system_exit", ("import sys\nsys.exit()", "print('alive')", "sys.exit(3)", "1")),
    Case("system_exit_in_function", ("def f():\n    raise SystemExit('bye')\nf()", "1")),
    Case(
        "system_exit_caught",
        ("try:\n    raise SystemExit(2)\nexcept SystemExit as e:\n    print(e.code)",),
    ),
    Case("exit_object", ("print('x')\nexit",), fresh=True),
    Case("exit_call", ("exit()",), fresh=True),
    Case("quit_keeping_the_kernel", ("quit(keep_kernel=True)", KEEP_NO_MORE, "print('alive')")),
    Case(
        "shutdown",
        ("x = 1", Request("shutdown_request", {"restart": False}, "control")),
        fresh=True,
    ),
    Case(
        "shutdown_for_restart",
        (Request("shutdown_request", {"restart": True}, "control"),),
        fresh=True,
    ),
)

CASES = (
    *FORMS,
    *SETTINGS,
    *STDIN,
    *COMPLETION,
    *COMMS,
    *SUBSHELLS,
    *INTERRUPTS,
    *ENDINGS,
)
