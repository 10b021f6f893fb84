"""The tables of routes: which question a path asks, or what it does, with its command's options.

A question is added by a line in `ROUTES`, a deed by one in `WRITES`; the parameters and the part of
the OpenAPI description are those of the command.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from provenance_kernel.cli import questions
from provenance_kernel.cli.exits import EXITS
from provenance_kernel.cli.group import COMMANDS
from provenance_kernel.errors import SettingError
from provenance_kernel.server import writes

if TYPE_CHECKING:
    from peewee import Database

    from provenance_kernel.trials.lineage.lineage import Lineage

# Of the door itself, in each route: the notebook, as a path below the server's root, whose folder's
# database is asked. The command's option of that name, a filter, has another here.
NOTEBOOK = "notebook"
# More nodes of a lineage than these nobody walks, and they are folded.
WALKED = 1000
_RENAMED = {NOTEBOOK: "of-notebook"}


@dataclass(frozen=True, slots=True)
class Route:
    """A path below `/provenance/api/`, the command whose words it takes, and who answers.

    A part of the path in braces is the command's parameter of that name. `GET` takes the others
    from the query, other methods take them from a JSON object; those in `without` it does not take.
    """

    path: str
    word: str
    answer: Callable[..., Any]
    method: str = "GET"
    without: Collection[str] = ()

    @property
    def command(self) -> click.Command:
        """Return the command that takes the same words."""
        return COMMANDS[self.word]

    def parameters(self) -> dict[str, click.Parameter]:
        """Return what may be given, by the name it has in a query."""
        return {
            _name(each): each
            for each in self.command.params
            if each.name not in (*EXITS, *self.without, "database")
        }

    def given(self, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Return what a query gives to the question, as the command would understand it.

        Raises `SettingError` for what the command would not take.
        """
        known = self.parameters()
        for name in query:
            if name not in known:
                raise SettingError(f"no such parameter {name!r}; there are {', '.join(known)}")
        options: list[str] = []
        arguments: list[str] = []
        for name, parameter in known.items():
            texts = query.get(name, ())
            if isinstance(parameter, click.Argument):
                if parameter.nargs == 1 and len(texts) > 1:
                    raise SettingError(f"{name}: give it once")
                arguments += texts
            elif _is_flag(parameter):
                on = _flag(name, texts)
                no = parameter.secondary_opts if texts else []
                options += parameter.opts[-1:] if on else no[-1:]
            else:
                options += [f"{parameter.opts[-1]}={text}" for text in texts]
        try:
            with self.command.make_context(self.word, [*options, "--", *arguments]) as context:
                given = dict(context.params)
        except click.ClickException as error:
            raise SettingError(error.format_message()) from error
        for each in (*EXITS, *self.without, "database"):
            given.pop(each, None)
        if "limit" in given:
            given["limit"] = given["limit"] or None
        return given

    def told(self, body: object) -> dict[str, list[str]]:
        """Return what a JSON object gives, as a query would.

        Raises `SettingError` for what is none, or whose values no query could give.
        """
        if not isinstance(body, dict):
            raise SettingError("the body is to be a JSON object")
        found = {}
        for name, value in body.items():
            values = value if isinstance(value, list) else [value]
            if not all(isinstance(each, str | int | float) for each in values):
                raise SettingError(f"{name}: give texts, numbers, true or false")
            if isinstance(value, bool) != _is_flag(self.parameters().get(name)):
                raise SettingError(f"{name}: no such parameter, or of another type")
            found[name] = [
                json.dumps(each) if isinstance(each, bool) else str(each) for each in values
            ]
        return found


def _is_flag(parameter: click.Parameter | None) -> bool:
    return isinstance(parameter, click.Option) and parameter.is_flag


def _name(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        name = parameter.opts[-1].lstrip("-")
        return _RENAMED.get(name, name)
    return str(parameter.name)


def _flag(name: str, texts: Sequence[str]) -> bool:
    last = texts[-1].lower() if texts else "false"
    if last not in ("true", "false"):
        raise SettingError(f"{name}: {last!r} is neither true nor false")
    return last == "true"


def _lineage(database: Database, /, name: str, trial: str) -> Lineage:
    from provenance_kernel.trials.lineage.lineage import lineage_of

    return lineage_of(database, name, trial, WALKED)


ROUTES = (
    Route("trials", "list", questions.list_),
    Route("trials/{trial}", "show", questions.show),
    Route("results", "results", questions.results),
    Route("values", "values", questions.values),
    Route("compare", "compare", questions.compare),
    Route("lineage", "lineage", _lineage),
    # These would run code, which no GET does.
    Route("slice", "slice", questions.slice_, without=("check", "minimal")),
    Route("stale", "stale", questions.stale),
    Route("refresh", "refresh", questions.refresh),
    Route("plots", "plot", questions.plot),
)
WRITES = (
    Route("trials/{trial}/note", "note", writes.note, "PATCH"),
    Route("trials", "delete", writes.delete, "DELETE"),
    Route(
        "verifications",
        "verify",
        writes.verification,
        "POST",
        without=("write", "junit", "lock", "jobs", "whole"),
    ),
)
