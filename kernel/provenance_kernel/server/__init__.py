"""The Jupyter Server extension: questions by HTTP under `/provenance/api/`, and a page.

Jupyter Server loads it; nothing here is imported by a kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "provenance_kernel.server"}]


def _load_jupyter_server_extension(app: ServerApp) -> None:
    from provenance_kernel.server.handlers import handlers

    app.web_app.add_handlers(".*$", handlers(app.web_app.settings["base_url"]))
