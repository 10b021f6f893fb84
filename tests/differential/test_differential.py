"""The kernel's messages are stock ipykernel's, over a table of cells and requests."""

import importlib.util
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from differential.cases import CASES
from differential.pair import Pair
from differential.steps import Case, count_cells

# Two kernels and hundreds of cells are more than the fast ring has time for: it has one case of
# each kind, and those that tell versions of what the kernel is built on apart.
CORE = {
    "results": (
        "several_expressions_show_the_last",
        "out_and_underscores",
        "in_and_its_shorthands",
    ),
    "streams": ("print_to_both_streams", "logging_output", "display_order_of_streams_and_displays"),
    "displays": ("display_rich_types", "display_ids", "display_clear_output"),
    "frames": ("main_module", "frame_stack_depth", "frame_getframe", "frame_warn_stacklevel"),
    "memory": ("finalizer_on_rebinding", "reference_counts", "garbage_collection"),
    "files": ("files_read_and_written", "audit_hooks_of_user"),
    "errors": ("error_one_of_several_calls", "error_chained", "error_in_hooks", "error_in_repr"),
    "syntax": ("error_syntax", "error_indentation", "empty_cells"),
    "async": ("top_level_await", "async_task_over_cells", "async_error"),
    "magics": ("magic_who", "magic_timeit", "magic_capture", "magic_unknown", "magic_others"),
    "nested": ("magic_nested_run_cell", "magic_ast_transformer_of_user"),
    "settings": ("silent", "silent_error", "without_history", "user_expressions", "no_stdin"),
    "metadata": ("metadata_of_jupyterlab", "track_and_metric_comments"),
    "aborts": ("aborted_queue", "aborted_queue_after_async_error", "stop_on_error_false"),
    "input": ("input", "getpass", "debug_magic"),
    "completion": ("complete_names", "complete_empty", "complete_internal_names", "is_complete"),
    "inspection": ("inspect", "history", "kernel_info"),
    "comms": ("comm_from_kernel", "comm_callback_raises"),
    "subshells": ("subshell_lifetime", "subshell_error_and_requests"),
    "interrupts": ("interrupt_sleep", "interrupt_async", "interrupt_request"),
    "ends": ("system_exit", "shutdown"),
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    kernels = Pair(tmp_path_factory.mktemp("pair"))
    yield kernels
    kernels.close()


def reason_not_to_run(case: Case) -> str | None:
    """Why this case says nothing here: as the table tells, or because something is not there."""
    if case.reason_skipped:
        return case.reason_skipped
    if sys.version_info < case.python:
        return f"its syntax is that of Python {case.python[0]}.{case.python[1]}"
    if int(version("ipykernel").split(".")[0]) < case.ipykernel:
        return f"ipykernel has this from version {case.ipykernel} on"
    missing = [module for module in case.needs if importlib.util.find_spec(module) is None]
    return f"{', '.join(missing)} not installed" if missing else None


# Kernels with libraries loaded are slower, and the cases that end a kernel come last.
IN_ORDER = sorted(CASES.values(), key=lambda case: (case.fresh, case.needs != ()))
ORDINARY = [case for case in IN_ORDER if not case.debugging]
DEBUGGER = [case for case in CASES.values() if case.debugging]
IN_CORE = {name for names in CORE.values() for name in names}


def row(case: Case) -> Any:
    marks = () if case.name in IN_CORE else pytest.mark.slow
    return pytest.param(case, id=case.name, marks=marks)


def compare(case: Case, pair: Pair) -> None:
    reason = reason_not_to_run(case)
    if reason is not None:
        pytest.skip(reason)
    difference = pair.compare(case)
    assert not difference, f"{case.name}\n{difference}"


@pytest.mark.parametrize("case", [row(case) for case in ORDINARY])
def test_same_messages(case: Case, pair: Pair) -> None:
    compare(case, pair)


@pytest.mark.parametrize("case", [row(case) for case in DEBUGGER])
def test_same_messages_while_debugged(case: Case, pair: Pair) -> None:
    compare(case, pair)


def test_the_provenance_kernel_records_what_is_compared(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    try:
        assert pair.compare(Case("recorded", ("a = 1", "abs(-a)", "1 / 0"))) == ""
    finally:
        pair.close()
    (database,) = tmp_path.glob("*b/.provenance/*.db")
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT status FROM cell_run ORDER BY position").fetchall()
    assert [status for (status,) in rows] == ["ok", "ok", "error"]
    assert not list(tmp_path.glob("*a/.provenance/*"))


def test_table_is_large_and_skips_nothing_silently() -> None:
    run = [case for case in CASES.values() if not case.reason_skipped]
    assert sum(map(count_cells, run)) >= 150
    assert len(run) >= 150
    assert [case.name for case in CASES.values() if case.reason_skipped] == []
    assert CASES.keys() >= IN_CORE
