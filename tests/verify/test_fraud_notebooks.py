"""The notebooks of `notebooks/` are verified, all but the last recorded before: all reproduce."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from verify.cases import tree

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
COMMAND = Path(sys.executable).with_name("jupyter-provenance")
SMALL = ("-p", "rows", "400", "-p", "n_estimators", "10")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_fraud_notebooks_reproduce(tmp_path: Path) -> None:
    for path in NOTEBOOKS.glob("*.*"):
        if path.is_file():
            shutil.copy(path, tmp_path)
    numbered = {path.name[0]: path.name for path in tmp_path.glob("*.ipynb")}
    # 3 and 5 ask what was recorded of those before them, and 4 was recorded after 3.
    for number in "12345":
        given = SMALL if number in "124" else ()
        words = [COMMAND, "run", numbered[number], *given]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    before = tree(tmp_path)
    done = subprocess.run(
        [COMMAND, "verify", *sorted(numbered.values()), "--json"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = {Path(each["notebook"]).name[0]: each for each in json.loads(done.stdout)}
    assert {number: each["verdict"] for number, each in told.items()} == dict.fromkeys(
        "123456", "reproduced"
    )
    assert [each["findings"] + each["notes"] for each in told.values()] == [[]] * 6
    assert [each["denied"] for each in told.values()] == [[]] * 6
    assert tree(tmp_path) == before
