"""The magics `%provenance` and `%prov`: the commands' words in a cell, with completion.

Registering them loads nothing: the command line and the questions are imported when a magic is
first used or completed.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click
    from IPython.core.interactiveshell import InteractiveShell
    from peewee import Database

    from provenance_kernel.trials.filters import Filters

NAMES = ("provenance", "prov")
# With one of these a command prints or writes; without them its answer is shown.
_PRINTED = ("as_json", "as_csv", "format", "output")


def register_magics(shell: InteractiveShell) -> None:
    """Give a shell the two magics and their completion."""
    for name in NAMES:
        shell.register_magic_function(provenance, "line", name)  # type: ignore[arg-type]
        shell.set_hook("complete_command", complete, str_key=f"%{name}")  # type: ignore[no-untyped-call]


def unregister_magics(shell: InteractiveShell) -> None:
    """Take the magics from a shell again."""
    for name in NAMES:
        shell.magics_manager.magics["line"].pop(name, None)
        shell.strdispatchers["complete_command"].strs.pop(f"%{name}", None)


def provenance(line: str) -> object:
    """Ask what was recorded: list, show, compare, values, lineage, slice, restore, plot.

    The words and options are those of the command `jupyter provenance`, and `WORD --help` tells
    them: `%prov list`, `%prov show latest~1`, `%prov compare latest~1 latest`,
    `%prov values f1`, `%prov lineage f1`, `%prov slice f1`, `%prov plot f1`.
    """
    import click

    from provenance_kernel.display.terminal import visible
    from provenance_kernel.errors import ProvenanceError

    try:
        return _ask(shlex.split(line))
    except click.ClickException as error:
        message = error.format_message()
    except ProvenanceError as error:
        message = str(error)
    except ValueError as error:
        message = f"{error}: {line}"
    except (click.exceptions.Exit, click.Abort):
        return None
    print("provenance: " + "; ".join(map(visible, message.splitlines())), file=sys.stderr)
    return None


def _ask(words: list[str]) -> object:
    import click
    from click.core import ParameterSource

    from provenance_kernel.api import record_target
    from provenance_kernel.cli import main

    group = click.Context(main, info_name="%prov", **main.context_settings)
    if not words or words[0] in ("-h", "--help"):
        click.echo(main.get_help(group))
        return None
    command = main.get_command(group, words[0])
    if command is None:
        raise click.UsageError(_no_such_word(words[0]))
    with command.make_context(words[0], words[1:], parent=group) as context:
        target = record_target()
        named = context.get_parameter_source("database") is ParameterSource.COMMANDLINE
        if "database" in context.params and target is not None and not named:
            context.params["database"] = target
        answer = ANSWERS.get(words[0])
        sources = map(context.get_parameter_source, _PRINTED)
        if answer is None or ParameterSource.COMMANDLINE in sources:
            command.invoke(context)
            return None
        return _answer(context, answer)


def _no_such_word(word: str) -> str:
    from difflib import get_close_matches

    from provenance_kernel.cli.group import COMMANDS

    near = get_close_matches(word, COMMANDS, 1, 0.6)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
    return f"no such word {word!r}; {hint}"


def _answer(context: click.Context, answer: Callable[..., object]) -> object:
    from provenance_kernel.cli.common import open_database
    from provenance_kernel.display import renderer

    renderer.install()
    parameters = dict(context.params)
    database = open_database(parameters.pop("database", None))
    for each in _PRINTED:
        parameters.pop(each, None)
    return answer(database, **parameters)


def complete(shell: object, event: Any) -> list[str]:
    """Complete words, options, trials and tracked names (a hook of IPython's completer)."""
    from click.shell_completion import ShellComplete

    from provenance_kernel.api import record_target
    from provenance_kernel.cli import main

    line: str = event.text_until_cursor
    words = line.split()[1:]
    typed = words.pop() if words and not line[-1].isspace() else ""
    # As in a shell, but of the session's database.
    completer = ShellComplete(main, {"obj": record_target()}, "%prov", "")
    found = completer.get_completions(words, typed)
    return [each.value for each in found if each.type == "plain"]


def _list(database: Database, limit: int | None = None, **options: Any) -> object:
    from provenance_kernel.cli.tables import shown
    from provenance_kernel.trials import listing

    return listing.list_trials(database, shown(limit, False), _filters(options))


def _show(database: Database, trial: str, **options: Any) -> object:
    from provenance_kernel.trials import listing, query

    return listing.show_trial(database, query.find_trial(database, trial))


def _values(database: Database, name: str, limit: int | None = None, **options: Any) -> object:
    from provenance_kernel.cli.tables import shown
    from provenance_kernel.trials import values

    return values.values(database, name, _filters(options), shown(limit, False))


def _compare(database: Database, trials: tuple[str, ...], everything: bool) -> object:
    import click

    from provenance_kernel.trials import compare, query

    if len(trials) < 2:
        raise click.UsageError("compare takes two trials or more: %prov compare latest~1 latest")
    base, *others = [query.find_trial(database, name) for name in trials]
    if len(others) == 1:
        return compare.compare(database, base, others[0], everything)
    return compare.compare_many(database, base, others, everything)


def _lineage(database: Database, name: str, trial: str, **options: Any) -> object:
    from provenance_kernel.trials import lineage

    return lineage.lineage_of(database, name, trial)


def _slice(database: Database, name: str, trial: str, **options: Any) -> object:
    from provenance_kernel.trials import slice

    return slice.slice_of(database, name, trial)


def _plot(database: Database, **options: Any) -> object:
    from provenance_kernel.cli.plot import asked

    return asked(database, **options)


def _filters(options: dict[str, Any]) -> Filters:
    from provenance_kernel.trials.filters import Filters

    names = [field.name for field in fields(Filters)]
    return Filters(**{name: options[name] for name in names if name in options})


ANSWERS: dict[str, Callable[..., object]] = {
    "list": _list,
    "show": _show,
    "compare": _compare,
    "values": _values,
    "lineage": _lineage,
    "slice": _slice,
    "plot": _plot,
}
