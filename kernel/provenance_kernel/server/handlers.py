"""The handlers: who may ask, which question, and what is answered where it cannot be.

Questions run in threads of their own with a time limit, so the server's loop never waits.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import click
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.iostream import StreamClosedError

from provenance_kernel.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseUnavailable,
    OutputNotFound,
    ProvenanceError,
    SchemaTooOld,
    SettingError,
    TrialNotFound,
)
from provenance_kernel.server import asking
from provenance_kernel.server.cells import NOTHING, cells, sources_of
from provenance_kernel.server.jobs import Job, Jobs
from provenance_kernel.server.openapi import PREFIX, describe
from provenance_kernel.server.routes import NOTEBOOK, ROUTES, WRITES, Route

T = TypeVar("T")

_FOLDER = Path(__file__).with_name("page")
_KINDS = {".html": "html", ".css": "css", ".js": "javascript"}
_PAGE = {each.name: _KINDS[each.suffix] for each in _FOLDER.iterdir() if each.suffix in _KINDS}
_THREADS = ThreadPoolExecutor(4, thread_name_prefix="provenance")
# Types of data in which nothing can run.
_HARMLESS = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "text/plain"})
_CODES = (
    (DatabaseBusy, 503),
    (DatabaseDamaged, 503),
    (DatabaseUnavailable, 404),
    (TrialNotFound, 404),
    (OutputNotFound, 404),
    (SchemaTooOld, 409),
)


class _Handler(APIHandler):
    """Answers errors as JSON with one line, and asks in a thread."""

    auth_resource = "provenance"

    def write_error(self, status_code: int, **options: Any) -> None:
        """Answer with one line that says what is wrong, and nothing of how it came."""
        error = options.get("exc_info", (None, None, None))[1]
        message = error.log_message if isinstance(error, web.HTTPError) else None
        self.finish_json(json.dumps({"message": message or self._reason}))

    def get_json_body(self) -> Any:
        """Return what the body says; refuse one that is no JSON, or no text at all."""
        try:
            return super().get_json_body()
        except UnicodeDecodeError as error:
            raise web.HTTPError(400, "the body is not UTF-8") from error

    def finish_json(self, text: str) -> None:
        """Send JSON, which no cache keeps."""
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(text)

    def refuse(self, error: ProvenanceError) -> None:
        """Answer with what an error of ours says."""
        self.set_status(next((code for kind, code in _CODES if isinstance(error, kind)), 400))
        self.finish_json(json.dumps({"message": " ".join(str(error).split())}))

    async def path(self) -> Path:
        """Return the database that is asked: that of the notebook's folder."""
        root = Path(self.settings["server_root_dir"]).expanduser()
        notebook = self.get_query_argument(NOTEBOOK, "", strip=False)
        return await self.apart(lambda: asking.find_database(root, notebook))

    async def apart(self, work: Callable[[], T]) -> T:
        """Return what comes of work in a thread, which may take so long and no longer."""
        asked = asyncio.get_running_loop().run_in_executor(_THREADS, work)
        try:
            return await asyncio.wait_for(asked, asking.SECONDS)
        except TimeoutError:
            raise DatabaseBusy(f"no answer in {asking.SECONDS:.0f} s") from None

    async def answer(self, route: Route, in_path: Mapping[str, str]) -> str:
        """Return what a route answers, as JSON."""
        path = await self.path()
        if route.method == "GET":
            query = {
                name: self.get_query_arguments(name, strip=False)
                for name in self.request.query_arguments
                if name not in ("token", NOTEBOOK)
            }
        else:
            query = route.told(self.get_json_body() or {})
        query |= {name: [text] for name, text in in_path.items()}

        def answer() -> str:
            given = route.given(query)
            try:
                return asking.ask(path, route.answer, given, route.method != "GET")
            except click.UsageError as error:
                raise SettingError(error.format_message()) from error

        return await self.apart(answer)


class RouteHandler(_Handler):
    """The routes of a path, by their methods."""

    def initialize(self, routes: Mapping[str, Route]) -> None:
        """Take the routes that the path stands for."""
        self.routes = routes

    async def _answer(self, **in_path: str) -> None:
        route = self.routes.get(str(self.request.method))
        if route is None:
            raise web.HTTPError(405)
        try:
            self.finish_json(await self.answer(route, in_path))
        except ProvenanceError as error:
            self.refuse(error)

    # Where the server allows anybody in, what is asked before a deed is the server's token of the
    # page (XSRF), which it looks for itself.
    get = patch = delete = web.authenticated(authorized(_answer))


class CellsHandler(_Handler):
    """The cells of an open notebook, as they are now: a question whose words are long."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Tell the project's stages, and which cells are stale and why."""
        root = Path(self.settings["server_root_dir"]).expanduser()
        notebook = root / self.get_query_argument(NOTEBOOK, "", strip=False).lstrip("/")
        try:
            path, sources = await self.path(), sources_of(self.get_json_body())
            given = {"notebook": notebook, "sources": sources}
            self.finish_json(await self.apart(lambda: asking.ask(path, cells, given, False)))
        except ProvenanceError as error:
            if type(error) is DatabaseUnavailable:
                # Nothing was recorded here yet, which is no mistake of who asks at each change.
                self.finish_json(json.dumps(NOTHING))
            else:
                self.refuse(error)


class JobsHandler(_Handler):
    """Verifications: what is known of each, and another one started."""

    def initialize(self, jobs: Jobs, start: Route) -> None:
        """Take the server's verifications, and the route that starts one."""
        self.jobs, self.start = jobs, start

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List those of the database."""
        try:
            found = [each.told for each in self.jobs.of(await self.path())]
        except ProvenanceError as error:
            self.refuse(error)
        else:
            self.finish_json(json.dumps(found))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Start one."""
        try:
            wanted = json.loads(await self.answer(self.start, {}))
            job = self.jobs.start(await self.path(), wanted["trial"], wanted["options"])
        except ProvenanceError as error:
            self.refuse(error)
        else:
            self.set_status(202)
            self.finish_json(json.dumps(job.told))


class JobHandler(_Handler):
    """A verification: what is known of it, each time that changes; and its end."""

    def initialize(self, jobs: Jobs) -> None:
        """Take the server's verifications."""
        self.jobs = jobs

    async def _job(self, id: str) -> Job:
        try:
            return self.jobs.find(await self.path(), id)
        except LookupError:
            raise web.HTTPError(404, f"no such verification: {id[:50]}") from None

    @web.authenticated
    @authorized
    async def get(self, id: str, events: str | None) -> None:
        """Tell what is known; with `/events`, as server-sent events until it has ended."""
        try:
            job = await self._job(id)
        except ProvenanceError as error:
            self.refuse(error)
            return
        if not events:
            self.finish_json(json.dumps(job.told))
            return
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        with suppress(StreamClosedError):
            async for news in job.news():
                self.write(f"data: {json.dumps(news)}\n\n")
                await self.flush()

    @web.authenticated
    @authorized
    async def delete(self, id: str, events: str | None) -> None:
        """Cancel it, and tell what was known by then."""
        if events:
            raise web.HTTPError(405)
        try:
            job = await self._job(id)
        except ProvenanceError as error:
            self.refuse(error)
            return
        await job.cancel()
        self.finish_json(json.dumps(job.told))


class OutputHandler(_Handler):
    """The kept data of an output, never as a page of the server's own."""

    @property
    def content_security_policy(self) -> str:
        """Let nothing in the data run or load, should a browser show them."""
        return "sandbox; default-src 'none'"

    @web.authenticated
    @authorized
    async def get(self, id: str) -> None:
        """Send them as a file; only of pictures and plain text the type is told."""
        try:
            path = await self.path()
            output, data = await self.apart(lambda: asking.data(path, id))
        except ProvenanceError as error:
            self.refuse(error)
            return
        told = output.mime if output.mime in _HARMLESS else "application/octet-stream"
        self.set_header("Content-Disposition", f'attachment; filename="output-{output.position}"')
        self.set_header("X-Content-Type-Options", "nosniff")
        # Data are what they are by their digest, but to whom they may be shown can change.
        self.set_header("Cache-Control", "private, no-cache")
        self.finish(
            data, set_content_type=f"{told}; charset=utf-8" if told == "text/plain" else told
        )


class DescriptionHandler(_Handler):
    """The OpenAPI description."""

    @web.authenticated
    @authorized
    def get(self) -> None:
        """Send the description."""
        self.finish_json(json.dumps(describe()))


class PageHandler(JupyterHandler):
    """The page and its files, which load nothing from elsewhere."""

    auth_resource = "provenance"

    @property
    def content_security_policy(self) -> str:
        """Add to the server's policy that only its own files are loaded."""
        return f"{super().content_security_policy}; default-src 'self'"

    @web.authenticated
    @authorized
    def get(self, name: str) -> None:
        """Send a file."""
        kind = _PAGE.get(name or "page.html")
        if kind is None:
            raise web.HTTPError(404)
        # To make it sets the cookie that the page's deeds are to be sent with.
        _ = self.xsrf_token
        self.set_header("Content-Type", f"text/{kind}; charset=utf-8")
        self.set_header("Cache-Control", "no-cache")
        self.finish((_FOLDER / (name or "page.html")).read_bytes())


def handlers(base: str) -> list[tuple[Any, ...]]:
    """Return the handlers below a server's base URL, with their patterns."""
    jobs = Jobs()
    paths: dict[str, dict[str, Route]] = {}
    for route in (*ROUTES, *WRITES):
        paths.setdefault(route.path, {})[route.method] = route
    start = paths.pop("verifications")["POST"]
    one = r"verifications/(?P<id>[^/]+)(?P<events>/events)?"
    return [
        (url_path_join(base, PREFIX, r"openapi\.json"), DescriptionHandler),
        (url_path_join(base, r"/provenance/(|\w+\.(?:html|css|js))"), PageHandler),
        (url_path_join(base, PREFIX, "verifications"), JobsHandler, {"jobs": jobs, "start": start}),
        (url_path_join(base, PREFIX, "cells"), CellsHandler),
        (url_path_join(base, PREFIX, one), JobHandler, {"jobs": jobs}),
        (url_path_join(base, PREFIX, r"outputs/(?P<id>[^/]+)"), OutputHandler),
        *(
            (
                url_path_join(base, PREFIX, re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)),
                RouteHandler,
                {"routes": routes},
            )
            for path, routes in paths.items()
        ),
    ]
