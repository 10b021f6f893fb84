"""The values that a session's names have: fingerprints, and which runs changed them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from provenance_kernel.fingerprint import Budget, Watch, short_repr
from provenance_kernel.lineage import RunUse
from provenance_kernel.recorder.run import OpenRun
from provenance_kernel.records import Fingerprint, Variable


class Values:
    """What is known of the values of one namespace. Any thread may ask; they take turns."""

    def __init__(self) -> None:
        self._watch = Watch()
        # How a value looked when it was examined: a run that changes it read it so.
        self._texts: dict[str, str] = {}
        self._lock = threading.Lock()

    def rows(
        self, opened: OpenRun, use: RunUse, namespace: Mapping[str, Any], budget: Budget
    ) -> tuple[list[Variable], frozenset[str]]:
        """Return the rows of a run's variables, and the names whose values it changed in place."""
        with self._lock:
            watch = self._watch
            unknown = [name for name in use.reads if name not in watch]
            self._examine(unknown, namespace, budget)
            read = {name: (watch.fingerprint(name), self._texts.get(name)) for name in use.reads}
            watch.forget(use.deletes)
            changed = watch.mutated(use.reads | use.maybe, namespace, budget)
            written = use.writes | self._bound_anew(use.maybe, namespace, budget)
            mutated = frozenset(name for name in changed if name not in written)
            self._texts |= {name: short_repr(namespace[name]) for name in mutated}
            self._examine(written, namespace, budget)
            rows = [opened.variable(name, "read", *read[name]) for name in sorted(read)]
            for access, names in (("write", written), ("mutate", mutated)):
                rows += [
                    opened.variable(name, access, watch.fingerprint(name), self._texts.get(name))  # type: ignore[arg-type]
                    for name in sorted(names)
                ]
            rows += [opened.variable(name, "delete") for name in sorted(use.deletes)]
            return rows, mutated

    def _examine(self, names: Iterable[str], namespace: Mapping[str, Any], budget: Budget) -> None:
        values = {name: namespace[name] for name in names if name in namespace}
        self._watch.written(values, budget)
        for name, value in values.items():
            self._texts[name] = short_repr(value)

    def _bound_anew(
        self, names: Iterable[str], namespace: Mapping[str, Any], budget: Budget
    ) -> frozenset[str]:
        """Return those of the names that have another value than was known."""
        found = set()
        # In an order of their own, for which of them meets a budget that is used up.
        for name in sorted(names):
            before: Fingerprint | None = self._watch.fingerprint(name)
            if before is None or name not in namespace:
                continue
            after = self._watch.written({name: namespace[name]}, budget)[name]
            if (before.digest, before.shape) != (after.digest, after.shape):
                found.add(name)
        return frozenset(found)
