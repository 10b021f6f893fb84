"""Trials that ran on other versions of packages, verified on those here and on recorded ones."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from provenance_kernel.errors import NotebookError
from provenance_kernel.records import Environment
from provenance_kernel.verify.report import Report
from provenance_kernel.verify.reruns import environment
from provenance_kernel.verify.whole import verify
from provenance_kernel.verify.work import Options
from support.kernels import Starter
from verify.cases import READ, SCORE, Case, Notebook
from verify.test_verify import scratch  # noqa: F401

OLD = "RATE = 2\n\ndef scaled(x):\n    return x * RATE\n\ndef old(x):\n    return x\n"
NEW = "RATE = 3\n\ndef scaled(x):\n    return x * RATE\n"


def wheel(folder: Path, name: str, version: str, source: str) -> Path:
    """Make a distribution of one module, as `pip wheel` does."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{name}.py", source)
        file.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        tag = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        file.writestr(f"{about}/WHEEL", tag)
        file.writestr(f"{about}/top_level.txt", f"{name}\n")
        rows = [f"{name}.py,,", *(f"{about}/{each},," for each in ("METADATA", "WHEEL", "RECORD"))]
        file.writestr(f"{about}/RECORD", "\n".join([*rows, f"{about}/top_level.txt,,", ""]))
    return path


def installed(wheels: Mapping[str, Path], folder: Path) -> str:
    for each in wheels.values():
        with zipfile.ZipFile(each) as file:
            file.extractall(folder)
    return str(folder)


CASES = {
    "a function of another version": ("scaled(5)", "not_reproduced"),
    "a constant of another version": ("RATE + 1", "not_reproduced"),
    "a function that is gone": ("old(5)", "could_not_run"),
    "a package that is gone": ("scaled(5)", "could_not_run"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_versions_are_a_cause_and_the_recorded_ones_show_it(
    start: Starter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    used, verdict = CASES[name]
    (tmp_path / "wheels").mkdir()
    old = {"ratios": wheel(tmp_path / "wheels", "ratios", "1.0", OLD)}
    new = {"ratios": wheel(tmp_path / "wheels", "ratios", "2.0", NEW)}
    cells = (f"{READ}import ratios\nrows = ratios.{used}", f"{SCORE}score_ = rows * 2")
    case = Case(name, cells, env={"PYTHONPATH": installed(old, tmp_path / "old/site-packages")})
    folder = tmp_path / "work"
    Notebook((case.numbered(1),)).record(start, folder)
    if "package" not in name:
        monkeypatch.setenv("PYTHONPATH", installed(new, tmp_path / "new/site-packages"))
    for tool in ("PIP", "UV"):
        monkeypatch.setenv(f"{tool}_NO_INDEX", "1")
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(tmp_path / "wheels"))

    def verified(**options: object) -> Report:
        return verify("latest", None, folder, Options(**options))  # type: ignore[arg-type]

    report = verified(runs=0)
    assert report.verdict == verdict, report
    (first,) = (each for each in report.findings if each.cause is not None)
    assert (first.cause, first.evidence, first.stage) == (
        "environment",
        "suspected",
        "data_reading",
    )
    assert any("--environment recorded" in note for note in report.notes)
    report = verified(environment="recorded")
    assert report.verdict == "reproduced", report
    (first,) = (each for each in report.findings if each.cause is not None)
    assert (first.cause, first.evidence) == ("environment", "shown")
    assert "ratios 1.0" in first.detail
    assert sorted(os.listdir(folder)) == [".provenance"]


def test_what_cannot_be_built_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Environment("", "3.1.5", "cpython", "", {})
    with pytest.raises(
        NotebookError, match=r"ran on Python 3\.1\.5, and this is .*with Python 3\.1"
    ):
        environment.build(here, {}, tmp_path / "a")
    here = replace(here, python=".".join(map(str, sys.version_info[:3])))
    for tool in ("PIP", "UV"):
        monkeypatch.setenv(f"{tool}_NO_INDEX", "1")
    with pytest.raises(NotebookError, match=r"cannot be built: .*no-such-package"):
        environment.build(here, {"no-such-package": "1.0"}, tmp_path / "b")
