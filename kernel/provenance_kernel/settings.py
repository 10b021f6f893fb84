"""The settings of a recorder: traits for configuration, and the frozen record that is read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, cast, get_args

from traitlets import Bool, Enum, HasTraits, Integer, List, Unicode, default

from provenance_kernel.types import FingerprintMode, TrialKind

TracerName = Literal["activation", "noworkflow", "none"]
Collection = Literal["coarse", "fine"]
Collected = Literal["all", "relevant", "none"]
TRACERS: tuple[TracerName, ...] = get_args(TracerName)
TRACER_VARIABLE = "PROVENANCE_TRACER"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a recorder does, and how much it collects."""

    database: str | None = None
    record_silent: bool = False
    trial_kind: TrialKind = "interactive"
    trial_id: str | None = None
    parent_trial: str | None = None
    tracer: TracerName = "activation"
    calls_per_site: int = 5
    activations_per_run: int = 1000
    depth: int = 20
    include_modules: tuple[str, ...] = ()
    exclude_modules: tuple[str, ...] = ()
    fingerprints: FingerprintMode = "budget"
    keep_inputs: int = 10_000_000
    keep_outputs: int = 2_000_000
    keep_total: int = 2_000_000_000
    noworkflow_collection: Collection = "coarse"
    noworkflow_values: Collected = "all"
    # What was wrong with settings that had to be left out.
    problems: tuple[str, ...] = ()


class SettingsTraits(HasTraits):
    """The settings as traits, for the kernel and for the extension in another kernel."""

    database = Unicode(
        None,
        allow_none=True,
        help="Where to record: a path or a Peewee URL. Without it, the environment variable "
        "PROVENANCE_DATABASE, else .provenance/provenance.db in the nearest folder above the "
        "notebook that has a .provenance folder, else beside the notebook. "
        "Read once, when the first cell runs.",
    ).tag(config=True)

    record_silent = Bool(
        False,
        help="Record silent requests too, of which variable inspectors send many.",
    ).tag(config=True)

    trial_kind = Enum(
        ("interactive", "run", "verify", "intervention"),
        default_value="interactive",
        help="What the session is: opened by a person, or run headless for one of these ends.",
    ).tag(config=True)

    trial_id = Unicode(
        None,
        allow_none=True,
        help="The id that the session's trial shall have, where the one who starts it must know. "
        "Read once, when the kernel starts.",
    ).tag(config=True)

    parent_trial = Unicode(
        None,
        allow_none=True,
        help="The id of the trial that this session verifies or varies.",
    ).tag(config=True)

    tracer = Enum(
        TRACERS,
        default_value="activation",
        help="How cells are traced: `activation` records calls, names and dependencies, "
        "`noworkflow` records that in noWorkflow's own store too, `none` only that cells ran. "
        f"Without it, the environment variable {TRACER_VARIABLE}.",
    ).tag(config=True)

    calls_per_site = Integer(
        5,
        min=0,
        help="How many calls made from one place in a run are recorded in full; of the others, "
        "how many there were, where the loop tells it.",
    ).tag(config=True)

    activations_per_run = Integer(
        1000, min=0, help="How many activations of a cell run are recorded."
    ).tag(config=True)

    depth = Integer(
        20, min=0, help="How deep calls of the user's functions in each other are recorded."
    ).tag(config=True)

    include_modules = List(
        Unicode(),
        help="Modules whose functions are traced like the user's own, beside those below the "
        "project's folder; with their submodules.",
    ).tag(config=True)

    exclude_modules = List(
        Unicode(), help="Modules whose functions are not traced though they are the user's own."
    ).tag(config=True)

    fingerprints = Enum(
        ("full", "budget", "none"),
        default_value="budget",
        help="How much of values is digested: all of them, what a cell's budget of time allows "
        "(large values are sampled, and marked so), or nothing.",
    ).tag(config=True)

    keep_inputs = Integer(
        10_000_000,
        min=0,
        help="Files that a cell reads are kept beside the record up to so many bytes each; 0 keeps "
        "none. Files of credentials and texts with secrets are never kept.",
    ).tag(config=True)

    keep_outputs = Integer(
        2_000_000,
        min=0,
        help="What a cell shows is kept beside the record up to so many bytes each; 0 keeps none. "
        "Texts with secrets are never kept.",
    ).tag(config=True)

    keep_total = Integer(
        2_000_000_000,
        min=0,
        help="How many bytes of files and outputs are kept in all: beyond it the oldest go that no "
        "starred trial read or showed.",
    ).tag(config=True)

    noworkflow_collection = Enum(
        ("coarse", "fine"),
        default_value="coarse",
        help="What the tracer `noworkflow` collects: `coarse` the activations, names and files "
        "that we record, `fine` each expression, by noWorkflow's own rewriting of cells and of "
        "the functions in them, which costs much.",
    ).tag(config=True)

    noworkflow_values = Enum(
        ("all", "relevant", "none"),
        default_value="all",
        help="Whose values noWorkflow's store gets, as short texts: those of all evaluations, of "
        "activations and their arguments, or none.",
    ).tag(config=True)

    @default("tracer")
    def _tracer_default(self) -> str:
        asked = os.environ.get(TRACER_VARIABLE)
        return asked if asked in TRACERS else "activation"

    @default("database")
    def _database_default(self) -> str | None:
        return os.environ.get("PROVENANCE_DATABASE") or None

    def settings(self) -> Settings:
        """Return the traits' values of this moment."""
        return Settings(
            database=self.database or None,
            record_silent=self.record_silent,
            trial_kind=cast(TrialKind, self.trial_kind),
            trial_id=self.trial_id,
            parent_trial=self.parent_trial,
            tracer=self.tracer,
            calls_per_site=self.calls_per_site,
            activations_per_run=self.activations_per_run,
            depth=self.depth,
            include_modules=tuple(self.include_modules),
            exclude_modules=tuple(self.exclude_modules),
            fingerprints=cast(FingerprintMode, self.fingerprints),
            keep_inputs=self.keep_inputs,
            keep_outputs=self.keep_outputs,
            keep_total=self.keep_total,
            noworkflow_collection=cast(Collection, self.noworkflow_collection),
            noworkflow_values=cast(Collected, self.noworkflow_values),
            problems=_problems(),
        )


def _problems() -> tuple[str, ...]:
    asked = os.environ.get(TRACER_VARIABLE)
    if not asked or asked in TRACERS:
        return ()
    return (f"{TRACER_VARIABLE} is {asked[:60]!r}, which is none of {', '.join(TRACERS)}",)
