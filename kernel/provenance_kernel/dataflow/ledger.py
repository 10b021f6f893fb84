"""Which run bound or mutated each name last: dependencies between the runs of a session."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterable

_OUTPUT = re.compile(r"_(\d+)|(?:Out|_oh)\[(\d+)\]")
_INPUT = re.compile(r"_i(\d+)|(?:In|_ih)\[(\d+)\]")
_LATEST = ("_", "__", "___")
_ENTERED = ("_i", "_ii", "_iii")
_OUTPUTS = frozenset({"Out", "_oh"})
_INPUTS = frozenset({"In", "_ih"})
_NEGATIVE = re.compile(r"(?:In|_ih|Out|_oh)\[-\d+\]")


class Ledger:
    """The runs of one session, in the order in which they ended; may be used from any thread.

    A run depends on the last run that bound or mutated a name which it read. To mutate a value is
    to read it, be it through another name, so a run also depends on the one before it that bound
    or mutated the same name: no link of the chain gets lost.

    IPython's history counts as names that the runs wrote: `_3` and `Out[3]` are from the run with
    that execution count, if it made an output; `_`, `__` and `___` from the last three with an
    output, unless the user bound the name; `_i`, `_i3` and `In[3]` likewise from the run that had
    that source. `Out` or `In` as a whole, or with an index that is not a number, are from all.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writers: dict[str, str] = {}
        self._changers: dict[str, str] = {}
        self._inputs: dict[int, str] = {}
        self._outputs: dict[int, str] = {}
        self._latest: deque[str] = deque(maxlen=len(_LATEST))
        self._entered: deque[str] = deque(maxlen=len(_ENTERED))

    def observe(
        self,
        run_id: str,
        *,
        reads: Iterable[str],
        writes: Iterable[str],
        deletes: Iterable[str] = (),
        mutates: Iterable[str] = (),
        rebound: Iterable[str] = (),
        execution_count: int | None = None,
        has_output: bool = False,
    ) -> tuple[tuple[str, str], ...]:
        """Enter a run that has ended; return (source run, variable) pairs, sorted by variable.

        `execution_count` None: the run is not part of the history. `has_output`: the shell
        put its result into `Out`. `rebound` are names that somebody else bound before the run:
        who did is unknown.
        """
        mutated = frozenset(mutates)
        with self._lock:
            for name in rebound:
                self._writers.pop(name, None)
            found = [
                (source, name)
                for name in sorted(mutated.union(reads))
                for source in self._sources(name)
                if source != run_id
            ]
            for name in deletes:
                self._writers.pop(name, None)
            for name in mutated:
                self._writers[name] = run_id
            for name in writes:
                self._writers[name] = run_id
            if execution_count is not None:
                self._inputs[execution_count] = run_id
                self._entered.appendleft(run_id)
                if has_output:
                    self._outputs[execution_count] = run_id
                    self._latest.appendleft(run_id)
        return tuple(found)

    def suppose(
        self, run_id: str, *, reads: Iterable[str], ends: Iterable[str], changes: Iterable[str]
    ) -> tuple[tuple[str, str], ...]:
        """Return (run, variable) for runs that may have changed what a run reads, unseen.

        `ends` are names whose values are known to be others now, `changes` those that it may have
        changed itself.
        """
        with self._lock:
            found = [
                (self._changers[name], name) for name in sorted(reads) if name in self._changers
            ]
            for name in ends:
                self._changers.pop(name, None)
            self._changers |= dict.fromkeys(changes, run_id)
        return tuple(found)

    def writer(self, name: str) -> str | None:
        """Return the run that bound or mutated a name last, if its value is still there."""
        with self._lock:
            return self._writers.get(name)

    def _sources(self, name: str) -> tuple[str, ...]:
        source = self._writers.get(name)
        if source is not None:
            return (source,)
        if name[:1] not in "_IO":
            return ()
        if name in _OUTPUTS or name in _INPUTS or _NEGATIVE.fullmatch(name):
            runs = self._inputs if name.partition("[")[0] in _INPUTS else self._outputs
            return tuple(dict.fromkeys(runs.values()))
        for latest, names in ((self._latest, _LATEST), (self._entered, _ENTERED)):
            if name in names:
                place = names.index(name)
                return (latest[place],) if place < len(latest) else ()
        for pattern, runs in ((_OUTPUT, self._outputs), (_INPUT, self._inputs)):
            numbered = pattern.fullmatch(name)
            if numbered:
                source = runs.get(int(numbered[1] or numbered[2]))
                return () if source is None else (source,)
        return ()
