"""The group of all commands: deeds with a module each, and questions."""

from __future__ import annotations

from typing import Any

import click

from provenance_kernel.cli.database import Caller
from provenance_kernel.cli.keeping import delete, note, prune
from provenance_kernel.cli.questions import QUESTIONS
from provenance_kernel.cli.restore import restore
from provenance_kernel.cli.run import run
from provenance_kernel.cli.ui import ui
from provenance_kernel.cli.verify import verify
from provenance_kernel.display.terminal import visible
from provenance_kernel.errors import CellFailed, ProvenanceError

COMMANDS: dict[str, click.Command] = {
    "run": run,
    **QUESTIONS,
    "restore": restore,
    "verify": verify,
    "note": note,
    "delete": delete,
    "prune": prune,
    "ui": ui,
}


_LONGEST = 1000


class Commands(click.Group):
    """Lists commands in the order of the table, and tells our own errors without a traceback."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the commands' names."""
        return list(self.commands)

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that words call for; raise `UsageError` that names what comes near."""
        word = args[0]
        if word not in self.commands and not word.startswith("-") and not context.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(word, self.commands, 1, 0.6)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(self.commands)}"
            raise click.UsageError(f"no such word {word!r}; {hint}", context)
        return super().resolve_command(context, args)

    def invoke(self, context: click.Context) -> Any:
        """Run the command that was called."""
        try:
            return super().invoke(context)
        except ProvenanceError as error:
            if context.find_object(Caller) is not None:
                raise
            lines = f"jupyter provenance: {error}".split("\n")
            # A name that the record holds may be megabytes long.
            click.echo("\n".join(visible(each[:_LONGEST]) for each in lines), err=True)
            context.exit(1 if isinstance(error, CellFailed) else 2)


@click.group(
    cls=Commands, commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="provenance-kernel")
def main() -> None:
    """Ask what notebooks on the kernel "Python 3 (provenance)" ran.

    TRIAL is a full id, a unique prefix of one, latest or latest~N (the N-th before it).
    """
