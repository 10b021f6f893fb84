"""The values that a cell's directives mark, as its run left them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from provenance_kernel.parsing import parse_cell
from provenance_kernel.recorder.probes.probe import Probe
from provenance_kernel.recorder.run import OpenRun, root_of
from provenance_kernel.records import TrackedValue
from provenance_kernel.types import Role


class TrackedPlaces(Probe):
    """Looks up names, attributes and items that are to be had side by side over trials.

    A name once tracked in the trial is tracked by each run that writes it.
    """

    name = "tracked values"

    def end(self, run: OpenRun) -> Iterable[object]:
        """Return what the run left in tracked places, and the parameters of its metrics."""
        tracking, namespace = self.session.tracking, self.session.namespace
        with tracking.lock:
            found = self._found(run)
            metrics = [each for each in found if each.role == "metric"]
            links = tracking.links(run, metrics, namespace)
            tracking.keep(run, lambda name: look_up(name, namespace))
            return [*found, *links]

    def _found(self, run: OpenRun) -> list[TrackedValue]:
        namespace, places = self.session.namespace, self.session.tracking.places
        own: dict[tuple[str, Role], None] = {}
        written = run.use.writes | run.changed if run.use is not None else frozenset()
        if run.directives.parameters and run.use is not None:
            own |= dict.fromkeys(
                (name, "parameter") for name in sorted(_parameters(run, namespace))
            )
        own |= {(each.expression, each.role): None for each in run.directives.tracked}
        places |= own
        asked = own | {each: None for each in places if root_of(each[0]) in written}
        found = []
        for name, role in asked:
            if role == "metric" and name in run.told:
                # The code has told it, at the moment that counts.
                continue
            if run.run.status != "ok" and run.use is not None and root_of(name) not in written:
                # A cell that failed before it came to the value did not make the one of before.
                continue
            try:
                row = run.tracked(name, role, look_up(name, namespace))
            except NotThere as error:
                if run.run.status == "ok" and (name, role) in own:
                    run.problems.append(
                        f"the {role} {name!r} has no value after the cell ({error})"
                    )
                continue
            if role == "parameter":
                last = run.settings.get(name)
                if last is not None and (last.value, last.number) == (row.value, row.number):
                    continue
                run.settings[name] = row
            found.append(row)
        return found


class NotThere(LookupError):
    """A tracked place has no value."""


def look_up(expression: str, namespace: Mapping[str, Any]) -> object:
    """Return the value of `lr`, `model.max_depth` or `cfg["lr"]`; raise `NotThere` without one."""
    try:
        return _value(ast.parse(expression, mode="eval").body, namespace)
    except Exception as error:
        # An attribute may be the user's property, and raise anything.
        raise NotThere(f"{type(error).__name__}: {error}") from error


def _value(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    match node:
        case ast.Name(id=name):
            return namespace[name]
        case ast.Attribute(value=inner, attr=name):
            return getattr(_value(inner, namespace), name)
        case ast.Subscript(value=inner, slice=key):
            return _value(inner, namespace)[ast.literal_eval(key)]
        case _:
            raise ValueError(ast.unparse(node))


def _parameters(run: OpenRun, namespace: Mapping[str, Any]) -> set[str]:
    """Return the names that a parameters cell binds: no module, no function, no import."""
    imported: set[str] = set()
    with suppress(SyntaxError, ValueError, RecursionError):
        for node in ast.walk(parse_cell(run.source)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                imported.update((each.asname or each.name).partition(".")[0] for each in node.names)
    kinds = (ModuleType, FunctionType, BuiltinFunctionType, type)
    writes = run.use.writes if run.use is not None else frozenset()
    return {name for name in writes - imported if not issubclass(type(namespace.get(name)), kinds)}
