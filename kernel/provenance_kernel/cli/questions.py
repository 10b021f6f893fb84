"""The table of questions: a function for each, with the options that its words take.

`jupyter provenance` and `%provenance` call the commands in `QUESTIONS`; Python calls the functions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from provenance_kernel.cli import completion, options
from provenance_kernel.cli import database as databases
from provenance_kernel.cli.exits import EXITS, leave

if TYPE_CHECKING:
    from peewee import Database

    from provenance_kernel.trials.compare.compare import Comparison, Comparisons
    from provenance_kernel.trials.lineage.lineage import Lineage
    from provenance_kernel.trials.query.detail import TrialDetail
    from provenance_kernel.trials.query.listing import TrialList
    from provenance_kernel.trials.query.results import Results
    from provenance_kernel.trials.query.series import Contrast, Course, Curves, StageTimes
    from provenance_kernel.trials.query.values import Values
    from provenance_kernel.trials.refresh import Plan
    from provenance_kernel.trials.slicing.slice import Slice
    from provenance_kernel.trials.stale import Stale

F = TypeVar("F", bound=Callable[..., Any])
QUESTIONS: dict[str, click.Command] = {}


def question(word: str, *parameters: options.Option) -> Callable[[F], F]:
    """Make a command of a function that answers of a database; the function stays what it is.

    The command's help is the function's. A cell that calls the command is returned the answer,
    unless its words say how it is to leave.
    """

    def declare(function: F) -> F:
        @click.pass_context
        def command(context: click.Context, /, **given: Any) -> object:
            exits = {each: given.pop(each) for each in EXITS if each in given}
            del given["database"]
            if "limit" in given:
                everything = exits["as_json"] or exits["as_csv"]
                given["limit"] = _limit(given["limit"], everything)
                if "measured" in inspect.signature(function).parameters:
                    # Only data tells it, and it takes all rows of a trial.
                    given["measured"] = everything
            answer = function(databases.open_named(context), **given)
            said = any(
                context.get_parameter_source(each) is ParameterSource.COMMANDLINE for each in exits
            )
            if context.find_object(databases.Caller) is not None and not said:
                return answer
            leave(answer, **exits)
            return None

        declared: Any = command
        for each in reversed((*parameters, options.JSON, databases.OPTION)):
            declared = each(declared)
        QUESTIONS[word] = click.command(word, help=inspect.getdoc(function))(declared)
        return function

    return declare


def _limit(limit: int | None, everything: bool) -> int | None:
    """Return how many rows to show: of data for programs all, unless told otherwise."""
    return (None if everything else options.DEFAULT_LIMIT) if limit is None else limit or None


@question("list", options.limit("trials"), *options.FILTERS, options.CSV)
def list_(
    database: Database,
    /,
    limit: int | None = None,
    measured: bool = True,
    **filters: str | None,
) -> TrialList:
    """List trials, the latest first."""
    from provenance_kernel.trials.query.filters import Filters
    from provenance_kernel.trials.query.listing import list_trials

    return list_trials(database, limit, Filters(**filters), measured=measured)


@question("show", options.TRIAL, options.CSV)
def show(database: Database, /, trial: str = "latest") -> TrialDetail:
    """Show what TRIAL (default: latest) gave, ran, read and drew, and what was noted of it."""
    from provenance_kernel.trials.query.detail import show_trial
    from provenance_kernel.trials.query.naming import find_trial

    return show_trial(database, find_trial(database, trial))


@question(
    "compare",
    click.argument(
        "trials",
        metavar="TRIAL TRIAL [TRIAL]…",
        nargs=-1,
        required=True,
        shell_complete=completion.trials,
    ),
    click.option("--all", "everything", is_flag=True, help="Show what is equal, too."),
    options.output("Write a page there with both sides of what differs.", ".html"),
    options.FORCE,
    options.CSV,
)
def compare(
    database: Database, /, trials: Sequence[str], everything: bool = False
) -> Comparison | Comparisons:
    """Show what differs between two trials, or between the first and each of the others."""
    from provenance_kernel.trials.compare import compare as comparing
    from provenance_kernel.trials.query.naming import find_trial

    if len(trials) < 2:
        raise click.UsageError("compare takes two trials or more, such as: compare latest~1 latest")
    base, *others = (find_trial(database, each) for each in trials)
    if len(others) == 1:
        return comparing.compare(database, base, others[0], everything)
    return comparing.compare_many(database, base, others, everything)


@question("values", options.NAME, options.limit("values"), *options.FILTERS, options.CSV)
def values(
    database: Database, /, name: str, limit: int | None = None, **filters: str | None
) -> Values:
    """Show the tracked value NAME over trials, the latest first."""
    from provenance_kernel.trials.query import values as valuing
    from provenance_kernel.trials.query.filters import Filters

    return valuing.values(database, name, Filters(**filters), limit)


@question(
    "results",
    click.argument("metrics", metavar="[METRIC]…", nargs=-1, shell_complete=completion.names),
    click.option(
        "--sort",
        metavar="NAME",
        shell_complete=completion.names,
        help="By this metric or parameter, the greatest first.",
    ),
    click.option("--ascending", is_flag=True, help="Sort the least first."),
    click.option(
        "--per",
        metavar="NAME",
        shell_complete=completion.names,
        help="Of each value of this parameter, or of each `trial` or `notebook`, only the first "
        "in the order: with --sort the best.",
    ),
    click.option("--all", "everything", is_flag=True, help="Show what does not vary, too."),
    options.limit("results"),
    *options.FILTERS,
    options.CSV,
)
def results(
    database: Database,
    /,
    metrics: Sequence[str] = (),
    sort: str | None = None,
    ascending: bool = False,
    per: str | None = None,
    everything: bool = False,
    limit: int | None = None,
    **filters: str | None,
) -> Results:
    """Show results, the latest first: each metric with the parameters that it came from.

    METRIC names those to show, by default all. --where is a condition on each result's own values.
    """
    from provenance_kernel.trials.query import results as resulting
    from provenance_kernel.trials.query.filters import Filters

    return resulting.results(
        database,
        metrics,
        Filters(**filters),
        sort=sort,
        ascending=ascending,
        per=per,
        limit=limit,
        everything=everything,
    )


@question(
    "lineage",
    options.NAME,
    options.OF_TRIAL,
    click.option(
        "--format",
        type=click.Choice(["tree", "mermaid", "dot", "json"]),
        default="tree",
        show_default=True,
        help="How to print it.",
    ),
)
def lineage(database: Database, /, name: str, trial: str = "latest") -> Lineage:
    """Print what NAME, a variable, tracked value or metric, came from."""
    from provenance_kernel.trials.lineage.lineage import lineage_of

    return lineage_of(database, name, trial)


@question(
    "slice",
    options.NAME,
    options.OF_TRIAL,
    options.output(
        "Write a script (.py) or a notebook (.ipynb) there, not to standard output.",
        ".py",
        ".ipynb",
    ),
    options.FORCE,
    click.option(
        "--check",
        is_flag=True,
        help="Run it in a fresh kernel; put statements back until the value is the recorded one.",
    ),
    click.option("--minimal", is_flag=True, help="And take away what can go, by running again."),
)
def slice_(
    database: Database,
    /,
    name: str,
    trial: str = "latest",
    check: bool = False,
    minimal: bool = False,
) -> Slice:
    """Print the code that suffices to compute NAME again, as a script."""
    if check or minimal:
        from provenance_kernel.verify import slices

        return slices.check(database, name, trial, minimal=minimal)
    from provenance_kernel.trials.slicing.slice import slice_of

    return slice_of(database, name, trial)


@question("stale", options.TRIAL, options.CSV)
def stale(database: Database, /, trial: str = "latest") -> Stale:
    """List the cells of TRIAL that no longer follow from code, values and files as they are."""
    from provenance_kernel.trials.stale import stale_cells

    return stale_cells(database, trial)


@question(
    "refresh",
    click.argument("names", metavar="[NAME]…", nargs=-1, shell_complete=completion.names),
    options.OF_TRIAL,
    options.CSV,
)
def refresh(database: Database, /, names: Sequence[str] = (), trial: str = "latest") -> Plan:
    """Show which stale cells to run again, for NAME or for all, in which order and at what cost.

    In a notebook `%provenance refresh` runs them as well, unless it is of another trial.
    """
    from provenance_kernel.trials.refresh import plan

    return plan(database, names, trial)


@question(
    "plot",
    click.argument("name", required=False, shell_complete=completion.names),
    click.option(
        "--against",
        metavar="PARAM",
        shell_complete=completion.names,
        help="Draw NAME against the values of this one.",
    ),
    click.option(
        "--stages",
        metavar="TRIAL",
        shell_complete=completion.trials,
        is_flag=False,
        flag_value="latest",
        help="Draw the time per stage of a trial (default: latest) in place of a value.",
    ),
    options.output("Write the picture there (.png, .svg, .pdf); without it, a window opens."),
)
def plot(
    database: Database, /, name: str | None, against: str | None = None, stages: str | None = None
) -> Course | Curves | Contrast | StageTimes:
    """Draw the values of NAME over trials, or as curves if it had steps. Needs matplotlib.

    With --against, each result of the metric NAME is a point.
    """
    from provenance_kernel.trials.query import series
    from provenance_kernel.trials.query.naming import find_trial

    if (name is None) == (stages is None):
        raise click.UsageError("give NAME, the name of a tracked value, or --stages")
    if name is None:
        if against is not None:
            raise click.UsageError("--against goes with NAME, not with --stages")
        return series.stage_times(database, find_trial(database, str(stages)))
    if against is not None:
        return series.against(database, against, name)
    return series.over_trials(database, name)
