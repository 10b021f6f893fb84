"""The wheel: what is in it, and that installing it is all there is to do."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kernel" / "provenance_kernel"
SPEC = "share/jupyter/kernels/provenance/"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    pytest.importorskip("hatchling", reason="building a wheel needs hatchling")
    folder = tmp_path_factory.mktemp("dist")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.iterdir()
    with zipfile.ZipFile(path) as wheel:
        yield wheel


def shared(wheel: zipfile.ZipFile) -> dict[str, bytes]:
    """The kernelspec's files, by name."""
    return {
        each.partition(SPEC)[2]: wheel.read(each)
        for each in wheel.namelist()
        if ".data/data/" + SPEC in each
    }


def metadata(wheel: zipfile.ZipFile) -> dict[str, list[str]]:
    (name,) = [each for each in wheel.namelist() if each.endswith(".dist-info/METADATA")]
    message = Parser().parsestr(wheel.read(name).decode())
    return {key: message.get_all(key, []) for key in message}


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    sources = {
        str(path.relative_to(PACKAGE.parent))
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
        if not any(part.startswith(".") for part in path.relative_to(PACKAGE).parts)
    }
    packed = {each for each in wheel.namelist() if each.startswith("provenance_kernel/")}
    assert packed == sources
    others = {each.split("/")[0].rpartition(".")[2] for each in wheel.namelist()}
    assert others == {"provenance_kernel", "data", "dist-info"}


def test_the_wheel_has_migrations_and_says_it_is_typed(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert "provenance_kernel/py.typed" in names
    assert "provenance_kernel/store/migrations/0001_initial.py" in names


def test_the_wheel_has_the_kernelspec_with_its_logos(wheel: zipfile.ZipFile) -> None:
    files = shared(wheel)
    assert files.keys() == {"kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"}
    for size in (32, 64):
        logo = files[f"logo-{size}x{size}.png"]
        assert logo.startswith(b"\x89PNG\r\n\x1a\n")
        assert (logo[16:20], logo[20:24]) == (size.to_bytes(4, "big"), size.to_bytes(4, "big"))
    assert b"<svg" in files["logo-svg.svg"]
    assert b"<script" not in files["logo-svg.svg"]


def test_the_kernelspec_starts_our_module(wheel: zipfile.ZipFile) -> None:
    spec = json.loads(shared(wheel)["kernel.json"])
    assert spec["argv"][:3] == ["python", "-m", "provenance_kernel"]
    assert "{connection_file}" in spec["argv"]
    assert spec["display_name"] == "Python 3 (provenance)"
    assert spec["language"] == "python"


def test_the_installed_kernelspec_is_the_one_that_is_built() -> None:
    found = KernelSpecManager().get_kernel_spec("provenance")
    built = json.loads((ROOT / "kernelspec" / "kernel.json").read_text())
    assert found.display_name == built["display_name"]
    assert found.argv[1:3] == ["-m", "provenance_kernel"]


def test_installing_it_enables_the_server_extension(wheel: zipfile.ZipFile) -> None:
    place = ".data/data/etc/jupyter/jupyter_server_config.d/provenance_kernel.json"
    (name,) = [each for each in wheel.namelist() if each.endswith(place)]
    enabled = json.loads(wheel.read(name))["ServerApp"]["jpserver_extensions"]
    assert enabled == {"provenance_kernel.server": True}


def test_installing_it_gives_jupyterlab_the_extension_as_it_is_built(
    wheel: zipfile.ZipFile,
) -> None:
    place = ".data/data/share/jupyter/labextensions/provenance-lab/"
    packed = {
        each.partition(place)[2]: wheel.read(each) for each in wheel.namelist() if place in each
    }
    built = ROOT / "kernel" / "lab" / "labextension"
    files = [each for each in built.rglob("*") if each.is_file()]
    assert packed == {each.relative_to(built).as_posix(): each.read_bytes() for each in files}
    entry = json.loads(packed["package.json"])["jupyterlab"]["_build"]["load"]
    assert entry in packed
    assert sum(map(len, packed.values())) < 200_000


def test_the_command_is_registered_and_the_license_is_there(wheel: zipfile.ZipFile) -> None:
    (entry,) = [each for each in wheel.namelist() if each.endswith("/entry_points.txt")]
    assert "jupyter-provenance = provenance_kernel.cli:main" in wheel.read(entry).decode()
    assert any(each.endswith("/licenses/LICENSE") for each in wheel.namelist())
    assert metadata(wheel)["License-Expression"] == ["BSD-3-Clause"]


def test_heavy_libraries_come_only_with_an_extra(wheel: zipfile.ZipFile) -> None:
    required = metadata(wheel)["Requires-Dist"]
    core = {each.split(">")[0].lower() for each in required if "extra ==" not in each}
    extra = {each.split(">")[0].lower() for each in required if "extra ==" in each}
    assert {"ipykernel", "peewee", "xxhash", "click", "rich", "nbclient"} <= core
    assert {"numpy", "pandas", "scikit-learn", "matplotlib"} <= extra
    assert not core & {"numpy", "pandas", "scikit-learn", "matplotlib", "torch", "psycopg"}


def test_a_question_imports_no_kernel_and_no_heavy_library(tmp_path: Path) -> None:
    asking = (
        "import sys\n"
        "from provenance_kernel.cli import main\n"
        "main(['list'], standalone_mode=False)\n"
        "print(sorted({'IPython', 'ipykernel', 'nbclient', 'numpy', 'pandas', 'zmq'}"
        " & sys.modules.keys()))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", asking], cwd=tmp_path, capture_output=True, text=True
    )
    assert answer.stderr.startswith("jupyter provenance: no provenance database")
    assert answer.stdout == "[]\n"
