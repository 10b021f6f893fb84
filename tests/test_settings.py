"""The settings: traits with help, and the frozen record of their values."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest
from traitlets import TraitError
from traitlets.config import Config, Configurable

from provenance_kernel import types
from provenance_kernel.settings import Settings, SettingsTraits


class Traits(SettingsTraits, Configurable):
    pass


TRAITS = Traits.class_traits(config=True)


@pytest.fixture(autouse=True)
def _no_database_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROVENANCE_DATABASE", raising=False)


def test_without_configuration_the_traits_say_what_the_record_does() -> None:
    assert Traits().settings() == Settings()


def test_every_trait_is_a_setting_and_has_help() -> None:
    assert TRAITS.keys() <= {each.name for each in dataclasses.fields(Settings)}
    assert all(trait.help and trait.help.endswith(".") for trait in TRAITS.values())


def test_configuration_reaches_the_record() -> None:
    values = {
        "database": "/tmp/x.db",
        "record_silent": True,
        "trial_kind": "verify",
        "trial_id": "a",
        "parent_trial": "b",
        "tracer": "none",
        "calls_per_site": 1,
        "activations_per_run": 2,
        "depth": 3,
        "include_modules": ["p"],
        "exclude_modules": ["q"],
        "fingerprints": "full",
        "keep_inputs": 7,
        "keep_outputs": 9,
        "keep_total": 8,
        "noworkflow_collection": "fine",
        "noworkflow_values": "none",
    }
    assert values.keys() == TRAITS.keys()
    expected = values | {"include_modules": ("p",), "exclude_modules": ("q",)}
    assert Traits(config=Config({"Traits": values})).settings() == Settings(**expected)


def test_the_environment_names_the_database_unless_configuration_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROVENANCE_DATABASE", "here.db")
    assert Traits().settings().database == "here.db"
    assert Traits(database="there.db").settings().database == "there.db"


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_name_names_no_database(
    empty: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVENANCE_DATABASE", "")
    assert Traits().settings().database is None
    assert Traits(database=empty).settings().database is None


def test_the_kinds_of_trial_are_those_of_the_record() -> None:
    assert TRAITS["trial_kind"].values == get_args(types.TrialKind)


@pytest.mark.parametrize(
    ("name", "value"), [("trial_kind", "rerun"), ("record_silent", "perhaps"), ("database", 7)]
)
def test_a_value_that_cannot_be_is_refused(name: str, value: object) -> None:
    with pytest.raises(TraitError, match=name):
        Traits(**{name: value})


def test_the_record_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().record_silent = True  # type: ignore[misc]


@pytest.mark.parametrize("name", ["activation", "noworkflow", "none"])
def test_the_environment_names_the_tracer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVENANCE_TRACER", name)
    assert Traits().settings().tracer == name
    assert Traits(tracer="none").settings().tracer == "none"
    assert Traits().settings().problems == ()


@pytest.mark.parametrize("name", ["", "Activation", "x" * 10_000])
def test_a_tracer_that_there_is_none_of(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVENANCE_TRACER", name)
    found = Traits().settings()
    assert found.tracer == "activation"
    assert all("activation, noworkflow, none" in each for each in found.problems)
    assert len("".join(found.problems)) < 200
    assert bool(found.problems) == bool(name)
