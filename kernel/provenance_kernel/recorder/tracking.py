"""What a trial tracks, and which parameters the value of each name came from.

A parameter's row is followed through the statements of cells, forward as they run: what a statement
binds came from what it read, what it changes in place came from that too. So a metric's parameters
are known when it is tracked, at a cost that does not grow with the session.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from provenance_kernel.fingerprint import json_value
from provenance_kernel.recorder.run import OpenRun, Settings, root_of
from provenance_kernel.records import ResultParameter, TrackedValue, new_id
from provenance_kernel.types import Role

# The ids of the rows of each parameter that a value came from: several where it came by several
# ways, between which the parameter was given another value. Never changed, so that names share it.
Origins: TypeAlias = Mapping[str, frozenset[str]]

# A run links so many metrics to parameters.
MOST_LINKS = 20_000
# What is put into one of these stands beside what was there before; of other values that are
# changed in place, such as models that are fitted again, the last change counts.
_GATHERING = (list, dict, set)


class Tracking:
    """The names that are tracked wherever the trial writes them, and where values came from.

    Used by one thread at a time: `lock` is held by those who call.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.places: dict[tuple[str, Role], None] = {}
        self._origins: dict[str, Origins] = {}
        # What code told that no name leads to: it holds until it is told anew.
        self._ambient: dict[str, frozenset[str]] = {}

    def told(
        self,
        run: OpenRun,
        role: Role,
        values: Mapping[str, object],
        step: float | None,
        look_up: Callable[[str], object],
    ) -> list[TrackedValue]:
        """Return the rows of what a run's code hands over, with those of its settings now."""
        rows = list(self._settings_now(run, look_up)) if role == "metric" else []
        for name, value in values.items():
            row = run.tracked(name, role, value)
            if role == "parameter":
                run.settings[name] = row
            elif role == "metric":
                settings = tuple((name, each.id) for name, each in run.settings.items())
                if step is not None:
                    series = _series(run.results.get(name), step, settings) or new_id()
                    row = replace(row, step=step, series=series)
                run.results.setdefault(name, []).append((row, settings))
            run.told[name] = row
            rows.append(row)
        return rows

    def _settings_now(
        self, run: OpenRun, look_up: Callable[[str], object]
    ) -> Iterator[TrackedValue]:
        """Give new rows of the parameters that the cell binds, as they are at this moment."""
        here = [each.expression for each in run.directives.tracked if each.role == "parameter"]
        known = (name for name, role in self.places if role == "parameter")
        for name in dict.fromkeys((*here, *known)):
            if root_of(name) not in run.binds:
                continue
            try:
                value = look_up(name)
            except LookupError:
                continue
            last = run.settings.get(name)
            if last is None or json_value(value) != (last.value, last.number):
                run.settings[name] = row = run.tracked(name, "parameter", value)
                yield row

    def keep(self, run: OpenRun, look_up: Callable[[str], object]) -> None:
        """Track from now on what the code of a run told under the name that has the value."""
        for name, row in run.told.items():
            try:
                same = json_value(look_up(name)) == (row.value, row.number)
            except LookupError:
                same = False
            if same and row.role != "value":
                self.places[name, row.role] = None
            if row.role == "parameter":
                self._ambient[name] = frozenset((row.id,))

    def links(
        self, run: OpenRun, metrics: Iterable[TrackedValue], namespace: Mapping[str, Any]
    ) -> list[ResultParameter]:
        """Follow a run that has ended, and return the parameters of its metrics.

        `metrics` are those that it left under names; those that its code told are in `run.results`.
        """
        use = run.use
        reads = use.reads if use is not None else frozenset()
        upstream = _merged(self._origins.get(name, {}) for name in reads)
        upstream = {**self._ambient, **upstream}
        self._follow(run, namespace)
        own = {name: frozenset((row.id,)) for name, row in run.settings.items()}
        found: list[tuple[str, Origins]] = []
        for row in metrics:
            came = self._origins.get(root_of(row.name), {})
            found.append((row.id, {**self._ambient, **own, **came}))
        for rows in run.results.values():
            last = {row.series or row.id: (row.id, settings) for row, settings in rows}
            for metric, settings in last.values():
                now = {name: frozenset((each,)) for name, each in settings}
                found.append((metric, {**upstream, **now}))
        links = [
            ResultParameter(metric, parameter)
            for metric, origins in found
            for ids in origins.values()
            for parameter in sorted(ids)
        ]
        if len(links) > MOST_LINKS:
            run.problems.append(
                f"of {len(found)} results of one cell only the first have their parameters"
            )
        return links[:MOST_LINKS]

    def _follow(self, run: OpenRun, namespace: Mapping[str, Any]) -> None:
        """Take over what the statements of a run did with names."""
        origins = self._origins
        own: dict[str, dict[str, frozenset[str]]] = {}
        for name, row in run.settings.items():
            own.setdefault(root_of(name), {})[name] = frozenset((row.id,))
        written: set[str] = set()
        for reads, writes, changes in _deeds(run):
            came = _merged(origins.get(name, {}) for name in reads)
            for name in writes:
                origins[name] = {**came, **own.get(name, {})}
            for name in changes:
                before = origins.get(name, {})
                others = _merged(origins.get(each, {}) for each in reads if each != name)
                after = {**others, **own.get(name, {})}
                # `isinstance` would ask for its `__class__`, which may be the user's code.
                gathers = issubclass(type(namespace.get(name)), _GATHERING)
                origins[name] = _merged((before, after)) if gathers else {**before, **after}
            written.update(writes, changes)
        for root, rows in own.items():
            origins[root] = {**origins.get(root, {}), **rows}
        for name in [each for each in self._ambient if root_of(each) in written]:
            del self._ambient[name]
        for name in run.use.deletes if run.use is not None else ():
            origins.pop(name, None)


def _deeds(run: OpenRun) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """Give what each statement that ran read, bound and changed: names, and files."""
    if run.statements:
        for each in run.statements:
            if each.status != "not_reached":
                yield _followed(each.reads), _followed(each.writes), _followed(each.changes)
    elif run.use is not None:
        yield list(run.use.reads), list(run.use.writes), list(run.changed)


def _followed(names: list[str]) -> list[str]:
    # The process, pictures and generators are everybody's: everything would come from all.
    return [each for each in names if each[:1] != "%" or each.startswith("%file:")]


def _merged(found: Iterable[Origins]) -> Origins:
    merged: dict[str, frozenset[str]] = {}
    for each in found:
        for name, ids in each.items():
            merged[name] = merged[name] | ids if name in merged else ids
    return merged


def _series(
    before: list[tuple[TrackedValue, Settings]] | None, step: float, settings: Settings
) -> str | None:
    """Return the series that goes on with a step: of the same settings, and the step is later."""
    if not before:
        return None
    row, earlier = before[-1]
    goes_on = row.step is not None and row.step < step and earlier == settings
    return row.series if goes_on else None
