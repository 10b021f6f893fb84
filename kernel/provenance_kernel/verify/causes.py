"""Why something came out otherwise: found by running again with one factor changed.

A cause is `shown` where the factor was changed alone and the difference came or went, and
`suspected` where the record, or the code, only points to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, NamedTuple

from provenance_kernel.content import ContentStore
from provenance_kernel.trials.history import History, Run
from provenance_kernel.types import Cause, Proof
from provenance_kernel.verify.differences import END, Item, Kind, Tolerance, compare, os_absolute
from provenance_kernel.verify.inputs import OtherInput, other_inputs
from provenance_kernel.verify.reruns.plan import Step
from provenance_kernel.verify.reruns.rerun import Rerun, Setup

# A thing that was compared: the number of its step, from 0, its name and kind.
Key = tuple[int, str, Kind]

_HINTS: Mapping[str, re.Pattern[str]] = {
    "time": re.compile(
        r"\b(?:time|datetime|date|now|today|perf_counter|strftime|monotonic)\b|Timestamp"
    ),
    "randomness": re.compile(
        r"uuid|urandom|secrets|token_|default_rng|[Rr]andom|shuffle|sample|\brand|permutation|rng"
        r"|train_test_split|Forest|KFold|Boost|MLP|KMeans|SGD"
    ),
    "hash_order": re.compile(r"\bset\(|\bhash\(|frozenset|\{[^:{}\n]+\}|\.union|\.intersection"),
    "folder": re.compile(r"cwd|abspath|realpath|resolve|__file__|absolute|mkdtemp|gettempdir"),
    "threads": re.compile(r"[Tt]hread|n_jobs|Pool|[Ee]xecutor|concurrent|num_workers|cpu_count"),
    "variables_of_environment": re.compile(r"environ|getenv|locale|strftime|expandvars"),
    "outside_change": re.compile(r"widgets|\.observe\(|interact"),
}
_VARIED: Mapping[Cause, Mapping[str, Any]] = {
    "hash_order": {"hash_seed": "1"},
    "randomness": {"entropy": 2},
    "folder": {"folder": "elsewhere"},
    "time": {"clock": True},
}
_TOLD: Mapping[Cause, str] = {
    "hash_order": "it is another with another hash seed",
    "randomness": "it is another with other entropy, drawn without a seed",
    "folder": "it is another in another folder",
    "time": "it is another at another time",
}


class Why(NamedTuple):
    """A cause, how far it is certain, and what there is to say of it."""

    cause: Cause
    evidence: Proof
    detail: str


class Runs:
    """Re-runs of the same steps, each setup run once; `more` further ones may be made."""

    def __init__(self, run: Callable[[Setup], Rerun], more: int, tolerance: Tolerance) -> None:
        self._run = run
        self._more = more
        self._tolerance = tolerance
        self._done: dict[str, Rerun] = {}

    @property
    def done(self) -> list[Rerun]:
        """All runs that were made."""
        return list(self._done.values())

    def get(self, setup: Setup, *, needed: bool = False) -> Rerun | None:
        """Return the run of a setup; None where no more may be made."""
        key = repr(setup)
        if key not in self._done:
            if not needed:
                if self._more <= 0:
                    return None
                self._more -= 1
            self._done[key] = self._run(setup)
        return self._done[key]

    def moved(self, a: Setup, b: Setup) -> set[Key] | None:
        """Return what differs between the runs of two setups; None where there are not both."""
        one, other = self.get(a), self.get(b)
        return None if one is None or other is None else moved(one, other, self._tolerance)


def moved(a: Rerun, b: Rerun, tolerance: Tolerance) -> set[Key]:
    """Return what differs between two re-runs."""
    runs = b.history.runs
    pairs = [(run, runs[at] if at < len(runs) else None) for at, run in enumerate(a.history.runs)]
    place = {run.id: at for at, run in enumerate(a.history.runs)}
    return {
        (place[item.run.id], item.name, item.kind)
        for item in compare(pairs, tolerance)
        if item.differs
    }


@dataclass
class Case:
    """What is to be explained: differences of the first re-run from what was recorded.

    `baseline` is the record, or None where the differences are between two re-runs; `content` is
    what was kept of inputs.
    """

    steps: Sequence[Step]
    setup: Setup
    runs: Runs
    tolerance: Tolerance
    baseline: History | None
    content: ContentStore | None = None

    def explain(self, items: Mapping[Key, Item]) -> dict[Key, Why]:
        """Return the cause of each; those that come first on their paths are to be given."""
        first = self.runs.get(self.setup, needed=True)
        if first is None:
            return {}
        found: dict[Key, Why] = {}
        for key, item in items.items():
            why = self.evident(key, item, first)
            if why is not None:
                found[key] = why
        self._intervene(first, {key: at for key, at in items.items() if key not in found}, found)
        for key, item in items.items():
            if key not in found:
                found[key] = self._pointed_to(key, item, first)
        return found

    def evident(self, key: Key, item: Item, first: Rerun) -> Why | None:
        """Return what an error or the files say by themselves."""
        at = key[0]
        why = self._of_inputs(at, first)
        if why is None and item.name == END and at < len(first.executed):
            why = _of_error(first, at, self.baseline)
        outside = self._recorded(at)
        if why is None and outside is not None and outside.names("outside"):
            names = ", ".join(sorted(outside.names("outside")))
            why = Why("outside_change", "suspected", f"{names} changed while no cell ran")
        return why

    def _of_inputs(self, at: int, first: Rerun) -> Why | None:
        others = other_inputs(self._recorded(at), _run_at(first, at), self._written(at))
        if not others:
            return None
        shown = self._as_it_was(at, first, others)
        # That a file is read which was not may itself follow from something else.
        known = next((each for each in others if each.was is not None), None)
        if known is None and not shown:
            return None
        return Why("input", "shown" if shown else "suspected", (known or others[0]).told)

    def _as_it_was(self, at: int, first: Rerun, others: Sequence[OtherInput]) -> bool:
        """Tell whether a step gives what was recorded on the inputs as they were."""
        if not all(self._kept(each) for each in others):
            return False
        # All that can be put back is, in one run: it is the inputs of each step that are changed.
        wanted = {
            (each.path, each.was or "")
            for step in range(len(self.steps))
            for each in other_inputs(
                self._recorded(step), _run_at(first, step), self._written(step)
            )
            if self._kept(each)
        }
        again = self.runs.get(replace(self.setup, inputs=tuple(sorted(wanted))))
        run = None if again is None else _run_at(again, at)
        base = self._recorded(at)
        if base is None or run is None:
            return False
        return not any(item.differs for item in compare([(base, run)], self.tolerance))

    def _kept(self, other: OtherInput) -> bool:
        if os_absolute(other.path):
            return False
        if other.was is None:
            return True
        return self.content is not None and self.content.find(other.was) is not None

    def _written(self, at: int) -> set[str]:
        """Return the files that earlier steps wrote: they are none of the inputs."""
        runs = [step.base for step in self.steps[:at] if step.base is not None]
        return {file.path for run in runs for file in run.files if file.written}

    def _intervene(self, first: Rerun, items: Mapping[Key, Item], found: dict[Key, Why]) -> None:
        left = set(items)
        if not left:
            return
        again = self.runs.moved(self.setup, replace(self.setup, turn=1))
        unstable = left & again if again is not None else set()
        left -= unstable
        self._unstable(unstable, found)
        # What the record says was another comes before what the code points to.
        self._variables(first, left, items, found)
        left -= found.keys()
        hinted = {cause: [key for key in left if self._hints(key, cause)] for cause in _VARIED}
        # What the code points to is tried first.
        for cause in sorted(_VARIED, key=lambda each: -len(hinted[each])):
            if not left or (cause == "time" and not hinted[cause]):
                continue
            changed = self.runs.moved(self.setup, replace(self.setup, **_VARIED[cause]))
            if changed is None:
                break
            for key in left & changed:
                found[key] = Why(cause, "shown", _TOLD[cause])
            left -= changed

    def _unstable(self, keys: set[Key], found: dict[Key, Why]) -> None:
        """Explain what differs though nothing was changed."""
        for cause, change in (("time", {"clock": True}), ("threads", {"one_thread": True})):
            wanted = {key for key in keys if key not in found and self._hints(key, cause)}
            if not wanted:
                continue
            setup = replace(self.setup, **change)  # type: ignore[arg-type]
            still = self.runs.moved(setup, replace(setup, turn=1))
            told = "with a clock that stands" if cause == "time" else "with one thread"
            for key in wanted:
                if still is None:
                    found[key] = Why(cause, "suspected", "it is another each time")  # type: ignore[arg-type]
                elif key not in still:
                    found[key] = Why(cause, "shown", f"another each time, the same {told}")  # type: ignore[arg-type]
        for key in keys:
            if key not in found:
                found[key] = Why("nondeterminism", "shown", "two runs with nothing changed differ")

    def _variables(
        self, first: Rerun, left: set[Key], items: Mapping[Key, Item], found: dict[Key, Why]
    ) -> None:
        """Run with the variables of the environment that were recorded, if they were others."""
        other = other_variables(self.baseline, first.history)
        if not left or not other:
            return
        again = self.runs.get(replace(self.setup, variables=other))
        if again is None:
            return
        pairs = [
            (step.base, _run_at(again, at))
            for at, step in enumerate(self.steps)
            if step.base is not None
        ]
        still = {item.key for item in compare(pairs, self.tolerance) if item.differs}
        names = ", ".join(sorted(other))
        threads = all(name.endswith(("_THREADS", "CPU_COUNT")) for name in other)
        for key in left:
            if items[key].key not in still:
                cause: Cause = "threads" if threads else "variables_of_environment"
                found[key] = Why(cause, "shown", f"as it was with {names} as recorded")

    def _pointed_to(self, key: Key, item: Item, first: Rerun) -> Why:
        """Return what the record or the code points to, where nothing was shown."""
        packages = other_packages(self.baseline, first.history)
        if packages:
            return Why("environment", "suspected", "; ".join(packages[:5]))
        for cause in ("variables_of_environment", "outside_change", "time", "randomness"):
            if self._hints(key, cause):
                return Why(cause, "suspected", "the cell's code points to it")
        return Why("unknown", "suspected", "none of the factors that were changed makes it differ")

    def _hints(self, key: Key, cause: str) -> bool:
        pattern = _HINTS.get(cause)
        return pattern is not None and pattern.search(self._code(key[0])) is not None

    def _code(self, at: int) -> str:
        """Return the source of a step and of the cells it had something from."""
        run = self.steps[at].base
        sources = [self.steps[at].source]
        if run is not None:
            above = {each.source_cell_run_id for each in run.dependencies}
            sources += [
                step.source
                for step in self.steps
                if step.base is not None and step.base.id in above
            ]
        else:
            sources += [step.source for step in self.steps[:at]]
        return "\n".join(sources)

    def _recorded(self, at: int) -> Run | None:
        return self.steps[at].base if self.baseline is not None else None


def _run_at(rerun: Rerun, at: int) -> Run | None:
    return rerun.history.runs[at] if at < len(rerun.history.runs) else None


def _of_error(first: Rerun, at: int, baseline: History | None) -> Why | None:
    """Return the cause that a cell's error tells."""
    executed = first.executed[at]
    error, text = executed.error_name or "", executed.error_value or ""
    told = f"{error}: {text}"[:200]
    refused = [each for each in first.denied if each.startswith("connect ")]
    if refused and error not in ("NameError", "ModuleNotFoundError"):
        return Why("network", "shown", f"the network is denied ({refused[0]}); {told}")
    # Libraries try to write their caches outside, and go on: the error names what it is of.
    blamed = [
        each
        for each in first.denied
        if (name := PurePath(each.partition(" ")[2]).name) and name in text
    ]
    if blamed and error in ("PermissionError", "OSError"):
        return Why("folder", "shown", f"writing outside of the project: {blamed[0]}; {told}")
    if error in ("ModuleNotFoundError", "ImportError"):
        return Why("environment", "suspected", told)
    if error in ("FileNotFoundError", "IsADirectoryError", "NotADirectoryError"):
        return Why("input", "suspected", told)
    if error in ("died", "DeadKernel", "Timeout"):
        return Why("unknown", "suspected", told)
    if baseline is not None:
        packages = other_packages(baseline, first.history)
        if packages and error in ("AttributeError", "TypeError", "ValueError", "KeyError"):
            return Why("environment", "suspected", f"{told} ({packages[0]})")
    if error == "NameError":
        return Why("hidden_state", "suspected", told)
    if error == "KeyError" and re.search(r"environ", first.steps[at].source):
        return Why("variables_of_environment", "suspected", told)
    return None


def other_packages(a: History | None, b: History) -> list[str]:
    """Return what else the two ran on: versions of packages and of Python."""
    if a is None or a.environment is None or b.environment is None:
        return []
    found = [
        f"{name} {version} → {b.packages[name]}"
        for name, version in a.packages.items()
        if name in b.packages and b.packages[name] != version
    ]
    if a.environment.python != b.environment.python:
        found.append(f"Python {a.environment.python} → {b.environment.python}")
    return found


def other_variables(a: History | None, b: History) -> dict[str, str | None]:
    """Return the recorded variables of the environment that are others now, as they were."""
    if a is None or a.environment is None or b.environment is None:
        return {}
    then, now = _variables_of(a), _variables_of(b)
    return {
        name: then.get(name)
        for name in sorted({*then, *now} - {"PYTHONHASHSEED", "MPLBACKEND"})
        if then.get(name) != now.get(name)
    }


def _variables_of(history: History) -> dict[str, str]:
    details: Any = history.environment.details if history.environment is not None else {}
    return dict(details.get("variables", {}))
