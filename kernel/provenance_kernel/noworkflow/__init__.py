"""noWorkflow's notebook functions, with its signatures and results, on this package's database.

A notebook written for noWorkflow's tagging runs after its import is changed to this module. No
file is shelved: operations are stored with the trial, at full length, and nothing is carried over
from one call to the next. For new notebooks there are `compare`, `lineage` and `values` in
`provenance_kernel`.
"""

from __future__ import annotations

import difflib
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from provenance_kernel.api import open_record, record_target
from provenance_kernel.display.terminal import visible
from provenance_kernel.noworkflow import operations
from provenance_kernel.recorder import Recorder, active
from provenance_kernel.store import tracked_values
from provenance_kernel.trials.query import naming as query
from provenance_kernel.trials.query import series, values

if TYPE_CHECKING:
    from pandas import DataFrame
    from peewee import Database

    from provenance_kernel.records import Trial

__all__ = [
    "backward_deps",
    "dict_to_text",
    "global_backward_deps",
    "now_tag_cell",
    "now_tag_variable",
    "resume_trials",
    "store_operations",
    "trial_diff",
    "trial_intersection_diff",
    "var_tag_plot",
    "var_tag_values",
]

T = TypeVar("T")
Operations = dict[int, tuple[str, str]]
_PLOTTED = 30
_STYLE = """<style>
table.diff {font-family: monospace; text-align: left}
table.diff td {text-align: left; white-space: pre-wrap}
.diff_header, .diff_next {background-color: #f1f1f1; color: #555}
.diff_add {background-color: #d5e8f7; color: #000}
.diff_chg {background-color: #fdf3c8; color: #000}
.diff_sub {background-color: #fbdcc8; color: #000}
</style>"""


def now_tag_cell(tag: str) -> None:
    """Tag this cell with a stage."""
    _recorded("now_tag_cell", lambda recorder: recorder.tag(tag))


def now_tag_variable(name: str, value: T) -> T:
    """Record a value under a name, and return it."""
    _recorded("now_tag_variable", lambda recorder: recorder.track("value", {name: value}))
    return value


def backward_deps(var_name: str, glanularity_level: bool | None = False) -> Operations:
    """Return what a variable of this trial came from: `{0: (name, value), 1: (expression, value)}`.

    The variable is first, then what it came from, the latest first. With `glanularity_level`,
    what the notebook's own functions called is there too. Cells that still run are not.
    """
    return _operations(var_name, nested=bool(glanularity_level), earlier=False)


def global_backward_deps(var_name: str, glanularity_level: bool | None = False) -> Operations:
    """Return what a variable came from each time this trial gave it a value."""
    return _operations(var_name, nested=bool(glanularity_level), earlier=True)


def store_operations(trial: str, ops_dict: Mapping[int, Sequence[object]]) -> None:
    """Keep operations for a trial, in place of those that were kept for it before."""
    from provenance_kernel.store.database import locate
    from provenance_kernel.store.store import Store

    with open_record() as database:
        found = query.find_trial(database, trial)
    with closing(Store(record_target() or locate(Path.cwd()))) as store:
        store.put([operations.as_event(found, ops_dict.items())])


def resume_trials() -> list[str]:
    """Return the ids of the trials that operations were stored for.

    Where none were, the trials that tracked a metric: their operations are known all the same.
    """
    with open_record() as database:
        found = list(operations.kept(database)) or tracked_values.trials_with_metrics(database)
    if not found:
        raise ValueError("No trials found.")
    return found


def dict_to_text(op_dict: Mapping[int, Sequence[object]]) -> str:
    """Return operations as text, a paragraph for each."""
    lines = (", ".join(map(str, each)) for each in op_dict.values())
    return "".join(textwrap.fill(line, subsequent_indent="    ") + "\n" for line in lines)


def trial_diff(
    trial_a: str, trial_b: str, raw: bool = False
) -> tuple[dict[object, tuple[object, ...]], dict[object, tuple[object, ...]]] | None:
    """Show the operations of two trials side by side; `raw` returns them as two dicts instead."""
    with open_record() as database:
        a, b = (_stored(database, query.find_trial(database, each)) for each in (trial_a, trial_b))
    if raw:
        return a, b
    from IPython.display import HTML, display

    one, other = ([visible(line) for line in _lines(each)] for each in (a, b))
    table = difflib.HtmlDiff().make_table(one, other, trial_a[-5:], trial_b[-5:])
    display(HTML(f"{_STYLE}\n{table}"))  # type: ignore[no-untyped-call]
    return None


def trial_intersection_diff(trial_a: str, trial_b: str) -> DataFrame:
    """Return the operations that two trials have in common, with the value each has in both."""
    from pandas import DataFrame

    with open_record() as database:
        a, b = (_stored(database, query.find_trial(database, each)) for each in (trial_a, trial_b))
    # Of a name's values the first is the latest.
    one, other = ({pair[0]: pair[1] for pair in reversed(each.values())} for each in (a, b))
    return DataFrame(
        [
            {"key": key, trial_a[-5:]: value, trial_b[-5:]: other[key]}
            for key, value in reversed(one.items())
            if key in other
        ],
        columns=list(dict.fromkeys(["key", trial_a[-5:], trial_b[-5:]])),
    )


def var_tag_values(tag_name: str) -> DataFrame:
    """Return the values of a tagged variable over all trials, the oldest first.

    The columns are trial_id, short_trial_id, tag and value. Raises `ValueError` without any.
    """
    from pandas import DataFrame

    with open_record() as database:
        found = values.values(database, tag_name).rows
    # Trials come the latest first, and what each tracked in order.
    rows = sorted(found, key=lambda each: (each.started_at, each.trial_id))
    return DataFrame(
        [
            (
                each.trial_id,
                each.trial_id[-5:],
                tag_name,
                each.value if each.number is None else each.number,
            )
            for each in rows
        ],
        columns=["trial_id", "short_trial_id", "tag", "value"],
    )


def var_tag_plot(tag_name: str) -> None:
    """Show a bar chart of the last 30 trials' values of a tagged variable."""
    from IPython.display import Image, display

    from provenance_kernel.display import plot

    with open_record() as database:
        course = series.course(database, tag_name)
    display(Image(plot.png(plot.bars(course, _PLOTTED))))  # type: ignore[no-untyped-call]


def _operations(name: str, *, nested: bool, earlier: bool) -> Operations:
    recorder = active()
    with open_record() as database:
        trial = query.find_trial(database, recorder.trial_id if recorder else "latest")
        found = operations.operations(database, trial, name, nested=nested, earlier=earlier)
    return dict(enumerate(found))


def _lines(ops: Mapping[object, Sequence[object]]) -> list[str]:
    return dict_to_text(dict(enumerate(ops.values()))).splitlines()


def _stored(database: Database, trial: Trial) -> dict[object, tuple[object, ...]]:
    kept = operations.kept(database).get(trial.id)
    if kept is not None:
        return dict(kept)
    found = operations.of_metrics(database, trial)
    if not found:
        raise operations.unknown(trial)
    return dict(enumerate(found))


def _recorded(what: str, do: Callable[[Recorder], None]) -> None:
    recorder = active()
    if recorder is None:
        print(f"provenance: {what} was called where nothing is recorded", file=sys.stderr)
    else:
        do(recorder)
