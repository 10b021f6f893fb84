"""The group of all commands. A command's module is imported when the command is called for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from provenance_kernel.errors import CellFailed, ProvenanceError

# Where each command is: module and name in it.
COMMANDS = {
    "run": ("run", "run"),
    "list": ("trials", "list_"),
    "show": ("trials", "show"),
    "compare": ("compare", "compare"),
    "values": ("values", "values"),
    "lineage": ("lineage", "lineage"),
    "slice": ("slice", "slice_"),
    "restore": ("restore", "restore"),
    "plot": ("plot", "plot"),
}


class LazyGroup(click.Group):
    """Imports a command when it is called, and tells our own errors without a traceback."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the commands' names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return a command by its name."""
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name]
        command: click.Command = getattr(
            import_module(f"provenance_kernel.cli.{module}"), attribute
        )
        return command

    def invoke(self, context: click.Context) -> Any:
        """Run the command that was called."""
        try:
            return super().invoke(context)
        except ProvenanceError as error:
            from provenance_kernel.display.terminal import visible

            lines = f"jupyter provenance: {error}".split("\n")
            click.echo("\n".join(visible(line) for line in lines), err=True)
            context.exit(1 if isinstance(error, CellFailed) else 2)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="provenance-kernel")
def main() -> None:
    """Ask what notebooks on the kernel "Python 3 (provenance)" ran.

    TRIAL is a full id, a unique prefix of one, latest or latest~N (the N-th before it).
    """
