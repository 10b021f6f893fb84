"""The magics `%provenance` and `%prov`, the commands' words in a cell; completion of directives.

Registering them loads nothing: the command line and the questions are imported when a magic is
first used or completed.
"""

from __future__ import annotations

import re
import shlex
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from provenance_kernel.trials.answer import Answer

NAMES = ("provenance", "prov")
_DIRECTIVE = re.compile(r"\s*#+\s*(stage|track|metric)\s*:(?:.*,)?\s*(.*)", re.IGNORECASE)
_ASKED = re.compile(rf"\s*%(?:{'|'.join(NAMES)})\s")
_LONGEST_LINE = 1000


def register_magics(shell: InteractiveShell) -> None:
    """Give a shell the two magics and their completion."""
    for name in NAMES:
        shell.register_magic_function(provenance, "line", name)  # type: ignore[arg-type]

    @context_matcher()  # type: ignore[no-untyped-call,untyped-decorator,unused-ignore]
    def provenance_words(context: CompletionContext) -> SimpleMatcherResult:
        line = context.text_until_cursor
        return _words(line) if _ASKED.match(line) else _directives(shell, line)

    _matchers(shell).append(provenance_words)


def unregister_magics(shell: InteractiveShell) -> None:
    """Take the magics from a shell again."""
    for name in NAMES:
        shell.magics_manager.magics["line"].pop(name, None)
    _matchers(shell)[:] = [each for each in _matchers(shell) if each.__name__ != "provenance_words"]


def _matchers(shell: InteractiveShell) -> list[Any]:
    matchers: list[Any] = shell.Completer.custom_matchers  # type: ignore[has-type,unused-ignore]
    return matchers


def _words(line: str) -> SimpleMatcherResult:
    """Complete words, options, trials and tracked names after the magic, and nothing of Python."""
    from click.shell_completion import ShellComplete

    from provenance_kernel.api import record_target
    from provenance_kernel.cli import main
    from provenance_kernel.cli.database import Caller

    words = line.split()[1:]
    typed = words.pop() if words and not line[-1].isspace() else ""
    # As in a shell, but of the session's database.
    completer = ShellComplete(main, {"obj": Caller(record_target())}, "%prov", "")
    found = completer.get_completions(words, typed)
    completions = [SimpleCompletion(each.value) for each in found if each.type == "plain"]
    # A path is completed by IPython.
    return SimpleMatcherResult(
        completions=completions, matched_fragment=typed, suppress=bool(completions)
    )


def _directives(shell: InteractiveShell, line: str) -> SimpleMatcherResult:
    """Complete the project's stages after `# stage:`, and values' names after the others."""
    match = _DIRECTIVE.fullmatch(line) if len(line) <= _LONGEST_LINE else None
    if match is None:
        return SimpleMatcherResult(completions=[])
    key, typed = match[1].lower(), match[2]
    if key == "stage":
        found = _stages(typed)
    else:
        values = shell.user_ns.items()
        found = [name for name, value in values if not callable(value) and _plain(name, value)]
        found = sorted(each for each in found if each.startswith(typed))
    completions = [SimpleCompletion(each, type=key) for each in found]
    return SimpleMatcherResult(completions=completions, matched_fragment=typed, suppress=True)


def _plain(name: str, value: object) -> bool:
    return not name.startswith("_") and name not in _OF_IPYTHON and type(value) is not ModuleType


_OF_IPYTHON = ("In", "Out")


def _stages(typed: str) -> list[str]:
    """Return the stages in the session's record that begin so, as people write them."""
    from pathlib import Path

    from provenance_kernel.api import record_target
    from provenance_kernel.errors import ProvenanceError
    from provenance_kernel.stages import normalised
    from provenance_kernel.store import reader
    from provenance_kernel.trials.query import naming

    try:
        database = naming.open_database(record_target(), Path.cwd())
    except ProvenanceError:
        return []
    try:
        known = reader.stages(database)
    finally:
        database.close()
    return [each.replace("_", " ") for each in known if each.startswith(normalised(typed))]


def provenance(line: str) -> Answer | None:
    """Ask what was recorded: list, show, compare, values, lineage, slice, stale, plot, restore.

    `verify` runs it again, and `refresh` runs the stale cells.

    The words and options are those of the command `jupyter provenance`, and `WORD --help` tells
    them: `%prov list`, `%prov show latest~1`, `%prov compare latest~1 latest`,
    `%prov values f1`, `%prov lineage f1`, `%prov slice f1`, `%prov plot f1`.
    """
    from provenance_kernel.recorder import imports_of_ours

    with imports_of_ours():
        import click

        from provenance_kernel.api import in_session, record_target, run_plan
        from provenance_kernel.cli import main
        from provenance_kernel.cli.database import Caller
        from provenance_kernel.display.terminal import visible
        from provenance_kernel.errors import ProvenanceError
        from provenance_kernel.trials.answer import Answer
        from provenance_kernel.trials.refresh import Plan

    try:
        words = shlex.split(line) or ["--help"]
        with in_session():
            answer = main.main(words, "%prov", standalone_mode=False, obj=Caller(record_target()))
    except click.ClickException as error:
        message = error.format_message()
    except ProvenanceError as error:
        message = str(error)
    except click.Abort:
        raise KeyboardInterrupt from None
    except ValueError as error:
        message = f"{error}: {line}"
    else:
        if isinstance(answer, Plan):
            answer = run_plan(answer)
        return answer if isinstance(answer, Answer) else None
    # Each line as it is: a condition's error points at a place in the line above.
    lines = [visible(line) for line in message.splitlines()]
    print("provenance: " + "\n".join(lines), file=sys.stderr)
    return None
