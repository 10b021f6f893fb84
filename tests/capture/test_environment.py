"""The census of an environment: what was imported, what is set, and nothing that is secret."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from provenance_kernel.capture.environment import Census


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, to install distributions into."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        del sys.modules[name]


def install(folder: Path, name: str, version: str, module: str) -> None:
    (folder / f"{module}.py").write_text("x = 1\n")
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text(f"{module}.py,,\n{info.name}/METADATA,,\n{info.name}/RECORD,,\n")


def versions(census: Census) -> dict[str, str]:
    return {package.name: package.version for package in census.take()[1]}


def test_imported_distributions_are_there_and_others_are_not() -> None:
    found = versions(Census())
    assert found["pytest"] == importlib.metadata.version("pytest")
    assert found["xxhash"] == importlib.metadata.version("xxhash")
    assert "pip" not in found or "pip" in sys.modules


@pytest.mark.slow
def test_from_import_of_a_submodule_counts() -> None:
    code = (
        "from sklearn.metrics import f1_score\n"
        "from provenance_kernel.capture.environment import Census\n"
        "print([p.name for p in Census().take()[1]])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert {"scikit-learn", "numpy", "scipy"} <= set(json.loads(result.stdout.replace("'", '"')))


def test_a_package_installed_in_mid_trial_shows(installed: Path) -> None:
    census = Census()
    first, _ = census.take()
    install(installed, "Late-Package", "1.2", "late_module")
    assert "late-package" not in versions(census)
    __import__("late_module")
    assert census.grew()
    assert versions(census)["late-package"] == "1.2"
    assert not census.grew()
    assert census.take()[0].id != first.id


def test_an_imported_module_keeps_its_version(installed: Path) -> None:
    install(installed, "kept", "1.0", "kept_module")
    __import__("kept_module")
    census = Census()
    assert versions(census)["kept"] == "1.0"
    (installed / "kept-1.0.dist-info" / "METADATA").write_text("Name: kept\nVersion: 2.0\n")
    install(installed, "another", "3.0", "another_module")
    __import__("another_module")
    assert (versions(census)["kept"], versions(census)["another"]) == ("1.0", "3.0")


@pytest.mark.parametrize(
    ("record", "modules"),
    [
        ("pack/__init__.py,sha256=x,1\npack/b.py,,\n", {"pack"}),
        ("alone.py,,\nalone-1.dist-info/METADATA,,\n../../bin/tool,,\n", {"alone"}),
        ("fast.cpython-311-x86_64-linux-gnu.so,,\n__pycache__/alone.pyc,,\n", {"fast"}),
        ('"odd, name.py",,\n', set()),
        ("", set()),
    ],
)
def test_which_modules_are_of_a_distribution(
    record: str, modules: set[str], installed: Path
) -> None:
    info = installed / "some_name-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-name\nVersion: 1.0\n")
    (info / "RECORD").write_text(record)
    census = Census()
    for module in ("pack", "alone", "fast", "odd"):
        sys.modules[module] = ModuleType(module)
        assert ("some-name" in versions(census)) == (module in modules)
        census = Census()
        del sys.modules[module]


def test_what_is_installed_is_read_in_pieces_and_once() -> None:
    census = Census()
    pieces = sum(1 for _ in census.prepare())
    assert pieces == len(list(importlib.metadata.distributions()))
    assert list(census.prepare()) == []


def test_the_same_packages_as_the_standard_library_finds() -> None:
    found = versions(Census())
    owners = importlib.metadata.packages_distributions()
    used = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
    public = (name for name in used if not name.startswith("_"))
    expected = {each.lower().replace("_", "-") for name in public for each in owners.get(name, ())}
    assert {name.replace(".", "-") for name in expected} <= set(found)


def test_broken_metadata_is_left_out(installed: Path) -> None:
    install(installed, "broken", "1.0", "broken_module")
    (installed / "broken-1.0.dist-info" / "METADATA").write_bytes(b"\xff\xfe")
    __import__("broken_module")
    assert "broken" not in versions(Census())


def test_the_same_environment_has_the_same_id() -> None:
    census = Census()
    assert census.take() == census.take()
    environment, packages = census.take()
    assert {package.environment_id for package in packages} == {environment.id}
    assert len(environment.id) == 32
    assert json.loads(json.dumps(environment.details)) == environment.details


def test_what_is_recorded_of_it() -> None:
    environment, _ = Census().take()
    details = environment.details
    assert isinstance(details, dict)
    assert environment.python == sys.version.split()[0]
    assert environment.implementation == "cpython"
    assert isinstance(details["cpu_count"], int)
    assert details["time_zone"]
    assert details["locale"]


def test_variables_are_by_allow_list_and_change_the_id(monkeypatch: pytest.MonkeyPatch) -> None:
    census = Census()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("MY_API_KEY", "hunter2")
    monkeypatch.setenv("XLA_FLAGS", "http://ann:hunter2@proxy/")
    environment, _ = census.take()
    details = environment.details
    assert isinstance(details, dict)
    variables = details["variables"]
    assert isinstance(variables, dict)
    assert variables["OMP_NUM_THREADS"] == "3"
    assert "hunter2" not in json.dumps(details)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert census.take()[0].id != environment.id


def test_no_program_is_started_and_no_library_imported() -> None:
    code = (
        "import sys\nseen = []\n"
        "sys.addaudithook(lambda e, a: seen.append(e) if e in"
        " ('subprocess.Popen', 'os.fork', 'os.system', 'os.posix_spawn') else None)\n"
        "from provenance_kernel.capture.environment import Census\n"
        "Census().take()\nprint(seen, {'numpy', 'pandas'} & sys.modules.keys())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[] set()"


def test_a_platform_that_tells_less(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Census().take()[0]
    for name in ("uname", "sched_getaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    found = Census().take()[0]
    assert found.platform == sysconfig.get_platform()
    assert found.id != full.id
