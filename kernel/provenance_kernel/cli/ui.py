"""`jupyter provenance ui`: a page of this folder's record, by a Jupyter Server of its own."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import click

from provenance_kernel.cli import database as databases
from provenance_kernel.errors import ProvenanceError, SettingError
from provenance_kernel.trials.query import naming


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="The server's port.")
@click.option("--no-browser", is_flag=True, help="Only print the page's address.")
@databases.OPTION
@click.pass_context
def ui(context: click.Context, port: int | None, no_browser: bool, database: str | None) -> None:
    """Open a page with results, trials, differences, lineage, plots, stale cells and verify."""
    if context.find_object(databases.Caller) is not None:
        raise SettingError("the page is served for as long as it is open: start it from a shell")
    try:
        from jupyter_server.serverapp import ServerApp
    except ImportError as error:
        raise SettingError(
            "ui needs Jupyter Server: pip install 'provenance-kernel[ui]'"
        ) from error
    if database is not None:
        os.environ["PROVENANCE_DATABASE"] = database
    with suppress(ProvenanceError):
        # The server only reads: here the schema is brought up to date, as by any command. Where
        # that cannot be, the page says why.
        naming.open_database(database, Path.cwd()).close()
    words = [
        "--ServerApp.default_url=/provenance/",
        '--ServerApp.jpserver_extensions={"provenance_kernel.server": True}',
        f"--ServerApp.root_dir={os.getcwd()}",
        f"--ServerApp.open_browser={not no_browser}",
    ]
    if port is not None:
        words.append(f"--ServerApp.port={port}")
    ServerApp.launch_instance(words)
