"""The values that a run read, wrote and changed in place: fingerprints of each name's."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any

from provenance_kernel.dataflow.runs import RunUse
from provenance_kernel.fingerprint import Budget, Profiles, short_repr
from provenance_kernel.identity import identity
from provenance_kernel.inspection import code_of
from provenance_kernel.recorder.probes.probe import Probe, Session
from provenance_kernel.recorder.run import OpenRun
from provenance_kernel.records import Fingerprint, Variable
from provenance_kernel.types import Access

# Before a cell begins, so long is looked for what changed outside of any, and at so much of it.
_LOOK_SECONDS = 0.001
_BYTES, _ELEMENTS = 1 << 20, 2000
_WORD = re.compile(r"[^\W\d]\w*")
_DIGITS = re.compile(r"\d+")


class NamedValues(Probe):
    """Knows the values of one namespace. Runs of several threads take turns."""

    name = "values"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        # How a value looked when it was examined: a run that changes it read it so.
        self._texts: dict[str, str] = {}
        # Values that took long to look at, by name and address.
        self._slow: dict[str, int] = {}

    def begin(self, run: OpenRun) -> None:
        """Find what has changed since the last run, of what the cell names and is soon looked at.

        What widgets, timers, threads, tasks and debuggers do while no cell runs is nobody's.
        """
        watch = self.session.watch
        if run.before is None or self.session.settings.fingerprints == "none" or not len(watch):
            return
        namespace, budget = self.session.namespace, Budget(self.session.settings.fingerprints)
        with watch.lock:
            known = {name for name in run.rebound if name in watch}
            watch.forget(name for name in known if name not in namespace)
            self._examine(known, namespace, budget)
            found = {*run.rebound, *self._changed(run.source, namespace, budget, known)}
            for name in found:
                run.outside[name] = watch.fingerprint(name), self._texts.get(name)

    def _changed(
        self, source: str, namespace: Mapping[str, Any], budget: Budget, seen: set[str]
    ) -> Iterator[str]:
        watch = self.session.watch
        end = time.perf_counter() + _LOOK_SECONDS
        for name in watch.suspects(_named(source, namespace)):
            before = watch.fingerprint(name)
            if name in seen or name not in namespace or before is None or not _is_small(before):
                continue
            value = namespace[name]
            began = time.perf_counter()
            if began > end:
                return
            if self._slow.get(name) == identity(value):
                continue
            after = watch.written({name: value}, budget)[name]
            if time.perf_counter() - began > _LOOK_SECONDS / 2:
                self._slow[name] = identity(value)
            if after.exactness == "exact" and (before.digest, before.shape) != (
                after.digest,
                after.shape,
            ):
                self._texts[name] = short_repr(value)
                yield name

    def end(self, run: OpenRun) -> Iterable[object]:
        """Return the run's variables, and leave the names it changed in place in `run.changed`."""
        if run.use is None:
            return ()
        with self.session.watch.lock:
            return self._rows(
                run, run.use, self.session.namespace, Budget(self.session.settings.fingerprints)
            )

    def _rows(
        self, run: OpenRun, use: RunUse, namespace: Mapping[str, Any], budget: Budget
    ) -> list[Variable]:
        watch = self.session.watch
        unknown = [name for name in use.reads if name not in watch]
        self._examine(unknown, namespace, budget)
        read = {name: (watch.fingerprint(name), self._texts.get(name)) for name in use.reads}
        watch.forget(use.deletes)
        suspects = use.reads | use.maybe | (run.did.changes if run.did is not None else frozenset())
        changed = watch.mutated(suspects, namespace, budget)
        written = use.writes | self._bound_anew(use.maybe, namespace, budget)
        run.changed = frozenset(name for name in changed if name not in written)
        self._texts |= {name: short_repr(namespace[name]) for name in run.changed}
        self._examine(written, namespace, budget)
        rows = [run.variable(name, "outside", *run.outside[name]) for name in sorted(run.outside)]
        rows += [run.variable(name, "read", *read[name]) for name in sorted(read)]
        profiles = Profiles(budget)
        left: tuple[tuple[Access, Iterable[str]], ...]
        left = ("write", written), ("mutate", run.changed)
        for access, names in left:
            rows += [
                run.variable(
                    name,
                    access,
                    watch.fingerprint(name),
                    self._texts.get(name),
                    profiles.of(namespace.get(name)),
                )
                for name in sorted(names)
            ]
        rows += [run.variable(name, "delete") for name in sorted(use.deletes)]
        return rows

    def _examine(self, names: Iterable[str], namespace: Mapping[str, Any], budget: Budget) -> None:
        values = {name: namespace[name] for name in names if name in namespace}
        self.session.watch.written(values, budget)
        for name, value in values.items():
            self._texts[name] = short_repr(value)

    def _bound_anew(
        self, names: Iterable[str], namespace: Mapping[str, Any], budget: Budget
    ) -> frozenset[str]:
        """Return those of the names that have another value than was known."""
        found = set()
        # In an order of their own, for which of them meets a budget that is used up.
        for name in sorted(names):
            before: Fingerprint | None = self.session.watch.fingerprint(name)
            if before is None or name not in namespace:
                continue
            after = self.session.watch.written({name: namespace[name]}, budget)[name]
            if (before.digest, before.shape) != (after.digest, after.shape):
                found.add(name)
        return frozenset(found)


def _named(source: str, namespace: Mapping[str, Any]) -> set[str]:
    """Return the names that a source has, and those of the functions that they stand for."""
    pending = [name for name in set(_WORD.findall(source)) if name in namespace]
    found = set(pending)
    while pending:
        value = namespace.get(pending.pop())
        if type(value) is FunctionType and value.__globals__ is namespace:
            new = {name for name in code_of(value).co_names if name in namespace} - found
            found |= new
            pending += new
    return found


def _is_small(known: Fingerprint) -> bool:
    """Tell whether it is cheap, as far as can be told, to look at all of a value once more."""
    if known.exactness != "exact" or (known.nbytes or 0) > _BYTES:
        return False
    return known.nbytes is not None or math.prod(map(int, _shape(known))) <= _ELEMENTS


def _shape(known: Fingerprint) -> list[str]:
    return _DIGITS.findall(known.shape or "")
