"""What cells show is recorded, kept beside the record, and comes back in the restored notebook."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat
import pytest
from ipykernel.displayhook import ZMQShellDisplayHook

from provenance_kernel.cli.questions import compare, show
from provenance_kernel.content import ContentStore
from provenance_kernel.display import registry
from provenance_kernel.trials.query import naming
from provenance_kernel.trials.query.outputs import data_of
from provenance_kernel.trials.query.restore import restore
from support.databases import DEFAULT, Archive
from support.kernels import Answer, Starter

# Older versions of ipykernel have no hook for results: there only their text is known.
RESULTS_ARE_SEEN = hasattr(ZMQShellDisplayHook, "register_hook")
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
CELLS = [
    "import base64, sys\nfrom IPython.display import display, HTML, Image, JSON, clear_output",
    "print('one'); print('two', file=sys.stderr); display(HTML('<b>x</b>')); print('three')",
    f"display(Image(base64.b64decode('{PNG}'), width=30)); display(JSON({{'a': [1, 2.5]}}))",
    "print('gone'); clear_output(wait=True); print('left')",
    "class Table:\n"
    "    def __repr__(self): return 'table'\n"
    "    def _repr_html_(self): return '<table></table>'\n"
    "Table()",
    "1 / 0",
]


def outputs(archive: Archive) -> list[dict[str, Any]]:
    return archive.rows(
        "SELECT cell_run.position AS run, output.* FROM output "
        "JOIN cell_run ON cell_run.id = cell_run_id ORDER BY output.id"
    )


def plain(outputs: Any) -> list[Any]:
    """Return outputs as JSON, but for tracebacks, which are not recorded."""
    found: list[Any] = json.loads(json.dumps([{**each, "traceback": None} for each in outputs]))
    return found


def as_saved(answer: Answer) -> list[Any]:
    """Return outputs as a frontend saves them: texts of one stream in a row are one."""
    found: list[Any] = []
    for each in answer.messages:
        kind, content = each["msg_type"], each["content"]
        if kind == "clear_output":
            found = []
        if kind not in ("stream", "display_data", "execute_result", "error"):
            continue
        made = nbformat.v4.output_from_msg({"header": {"msg_type": kind}, "content": content})
        if found and kind == "stream" == found[-1]["output_type"] and found[-1].name == made.name:
            found[-1].text += made.text
        else:
            found.append(made)
    return plain(found)


def test_the_restored_notebook_shows_what_the_frontend_showed(start: Starter) -> None:
    kernel = start()
    answers = [kernel.execute(cell) for cell in CELLS]
    kernel.stop()
    with closing(naming.open_database(None, kernel.work)) as database:
        made = restore(database)
    nbformat.validate(made)
    for cell, answer in zip(made.cells, answers, strict=True):
        if RESULTS_ARE_SEEN or "Table" not in cell.source:
            assert plain(cell.outputs) == as_saved(answer), cell.source
    assert "outputs_not_kept" not in made.metadata["provenance"]


def test_a_secret_that_the_session_knows_is_not_kept_nor_its_size(start: Starter) -> None:
    kernel = start()
    kernel.execute("password = 'correct horse battery'")
    kernel.execute("print('x' * 70_000 + password + 'y' * 70_000)")
    kernel.execute("print('told: ' + password)")
    kernel.execute("print('nothing of that')")
    kernel.stop()
    rows = outputs(Archive(kernel.work / DEFAULT))
    assert [(row["run"], row["kept"], row["digest"] is None) for row in rows] == [
        (2, 0, True),
        (3, 0, True),
        (4, 1, False),
    ]
    assert [row["nbytes"] for row in rows[:2]] == [None, None]
    kept = ContentStore(kernel.work / ".provenance" / "content")
    assert all(b"correct horse" not in path.read_bytes() for _, _, path, _ in kept.sizes())
    assert all("correct horse" not in row["summary"] for row in rows)


@pytest.mark.parametrize("limit", [0, 1000])
def test_what_is_too_long_is_told_and_not_kept(start: Starter, limit: int) -> None:
    kernel = start(arguments=[f"--ProvenanceKernel.keep_outputs={limit}"])
    kernel.execute("for i in range(300): print('0123456789')")
    kernel.execute("print('short')")
    kernel.execute("%provenance list")
    kernel.stop()
    rows = outputs(Archive(kernel.work / DEFAULT))
    assert [(row["run"], row["nbytes"], row["kept"]) for row in rows] == [
        (1, 3300, 0),
        (2, 6, int(limit > 0)),
    ]
    assert rows[0]["summary"].startswith("0123456789 0123456789")
    assert rows[1]["summary"] == "short"
    with closing(naming.open_database(None, kernel.work)) as database:
        assert restore(database).metadata["provenance"]["outputs_not_kept"] == 2 - (limit > 0)
        if limit:
            assert data_of(database, rows[1]["id"])[1] == b"short\n"


def test_show_tells_what_each_cell_showed(start: Starter) -> None:
    kernel = start()
    kernel.execute(CELLS[0])
    kernel.execute(CELLS[2])
    kernel.execute("print('done')")
    kernel.stop()
    with closing(naming.open_database(None, kernel.work)) as database:
        text = registry.text(show(database))
        lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "2 image/png 70 B 1 by 1 pixels" in lines
    assert "3 stdout 5 B done" in lines


def test_two_trials_are_compared_in_numbers_and_by_what_they_show(
    start: Starter, tmp_path: Path
) -> None:
    for seed, rows in ((0, 100), (1, 88)):
        kernel = start(work=tmp_path / "both")
        kernel.execute("import numpy as np, pandas as pd")
        kernel.execute(
            f"frame = pd.DataFrame(np.random.default_rng({seed}).normal(5, 1, ({rows}, 2)), "
            "columns=['Amount', 'other'])\nprint('rows', len(frame))"
        )
        kernel.stop()
    with closing(naming.open_database(None, kernel.work)) as database:
        found = compare(database, ["latest~1", "latest"])
        text = " ".join(registry.text(found).split())
    assert re.search(r"mean of Amount [45][.]\d+ → [45][.]\d+", text)
    assert "; 12 rows fewer" in text
    assert "what it shows differs 1 stdout: rows 100 → rows 88" in text


def test_the_numbers_of_what_holds_a_secret_are_not_recorded(start: Starter) -> None:
    kernel = start()
    kernel.execute("import numpy as np\npin = np.array([4711, 815])\nopen_ = np.array([4711, 815])")
    kernel.execute("api_key = 'sk-verysecretverysecret'\nsecret = pin")
    kernel.stop()
    rows = Archive(kernel.work / DEFAULT).rows(
        "SELECT name, exactness, profile FROM variable WHERE access = 'write'"
    )
    assert {row["name"] for row in rows if row["profile"]} >= {"open_"}
    assert all(row["profile"] is None for row in rows if row["exactness"] == "opaque")
