"""The OpenAPI description of the routes, made of the table and of the commands' options."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any

import click

from provenance_kernel.server.routes import NOTEBOOK, ROUTES, WRITES, Route

PREFIX = "/provenance/api/"
_NOTEBOOK = {
    "name": NOTEBOOK,
    "in": "query",
    "required": False,
    "description": "A notebook or folder, as a path below the server's folder.",
    "schema": {"type": "string"},
}
_OF_JOBS = (
    ("verifications", "get", "verifications", "List the verifications that the server ran."),
    ("verifications/{id}", "get", "verification", "Tell what is known of a verification."),
    ("verifications/{id}", "delete", "cancel", "Cancel a verification."),
    (
        "verifications/{id}/events",
        "get",
        "events",
        "Tell what is known of a verification, each time that changes, until it has ended.",
    ),
)
# What is not answered in JSON.
_TYPES = {"events": "text/event-stream", "output": "application/octet-stream"}
_OF_OUTPUTS = ("outputs/{id}", "get", "output", "Send the kept data of an output, as a file.")
_SOURCES = {"type": "object", "additionalProperties": {"type": "string"}}
_BODY = {"type": "object", "required": ["sources"], "properties": {"sources": _SOURCES}}
_CELLS = {
    "operationId": "cells",
    "summary": "Tell the project's stages, and which cells of an open notebook are stale.",
    "parameters": [_NOTEBOOK],
    "requestBody": {"content": {"application/json": {"schema": _BODY}}},
}
ERRORS = {
    "400": "Something that was given cannot be used",
    "403": "Not signed in, or a deed without the server's XSRF token",
    "404": "There is no such trial, name, output, verification or database",
    "409": "The database's schema is older than this version reads",
    "500": "The record cannot be understood",
    "503": "The database is locked, damaged, or the answer takes too long",
}


def describe() -> dict[str, Any]:
    """Return the description as OpenAPI 3.1 has it."""
    paths: dict[str, dict[str, Any]] = {}
    for each in (*ROUTES, *WRITES):
        paths.setdefault(f"{PREFIX}{each.path}", {})[each.method.lower()] = _operation(each)
    for path, method, name, summary in (*_OF_JOBS, _OF_OUTPUTS):
        of = [_in_path("id")] if "{id}" in path else []
        kind = _TYPES.get(name, "application/json")
        paths.setdefault(f"{PREFIX}{path}", {})[method] = {
            "operationId": name,
            "summary": summary,
            "parameters": [_NOTEBOOK, *of],
            "responses": _responses("200", kind),
        }
    paths[f"{PREFIX}cells"] = {"post": _CELLS | {"responses": _responses("200")}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Provenance", "version": version("provenance-kernel")},
        "paths": paths,
        "components": {
            "schemas": {
                "Error": {
                    "type": "object",
                    "properties": {"message": {"type": "string"}},
                    "required": ["message"],
                }
            },
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "Authorization"}
            },
        },
        "security": [{"token": []}],
    }


def _operation(route: Route) -> dict[str, Any]:
    in_path = re.findall(r"\{(\w+)\}", route.path)
    others = {name: each for name, each in route.parameters().items() if name not in in_path}
    described: dict[str, Any] = {
        "operationId": route.word,
        "summary": (route.command.help or "").split("\n\n")[0].replace("\n", " "),
        "parameters": [_NOTEBOOK, *map(_in_path, in_path)],
        "responses": _responses("202" if route.method == "POST" else "200"),
    }
    if route.method == "GET":
        described["parameters"] += [_parameter(*each) for each in others.items()]
    else:
        schema = {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: _described(each) for name, each in others.items()},
        }
        described["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return described


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _responses(good: str, kind: str = "application/json") -> dict[str, Any]:
    return {
        good: {"description": "The answer", "content": {kind: {"schema": {}}}},
        **{code: _error(text) for code, text in ERRORS.items()},
    }


def _parameter(name: str, parameter: click.Parameter) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": parameter.required and isinstance(parameter, click.Argument),
        "schema": _described(parameter),
    }


def _described(parameter: click.Parameter) -> dict[str, Any]:
    text = parameter.help if isinstance(parameter, click.Option) else None
    return {**_schema(parameter), **({"description": text} if text else {})}


def _schema(parameter: click.Parameter) -> dict[str, Any]:
    if parameter.nargs == -1 or parameter.multiple:
        least = {"minItems": 1} if parameter.required else {}
        return {"type": "array", "items": {"type": "string"}, **least}
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return {"type": "boolean"}
    if isinstance(parameter.type, click.IntRange):
        return {"type": "integer", "minimum": parameter.type.min}
    if isinstance(parameter.type, click.FloatRange):
        bound = "exclusiveMinimum" if parameter.type.min_open else "minimum"
        return {"type": "number", bound: parameter.type.min}
    return {"type": "string"}


def _error(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": text, "content": {"application/json": {"schema": schema}}}
