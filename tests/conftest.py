"""Fixtures for every test: an isolated Jupyter, and kernels that are always ended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from support.kernels import Kernel, Starter, environment

# A test that hangs ends after so long, or by `timeout` in the project's settings if it is slow.
_FAST_SECONDS = 120
_KEPT_AS_IT_IS = ("PYDEVD_DISABLE_FILE_VALIDATION",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slow") is None:
            item.add_marker(pytest.mark.timeout(_FAST_SECONDS))


@pytest.fixture(scope="session", autouse=True)
def _isolated_jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the person's own Jupyter and IPython out of the tests, and the tests out of theirs."""
    with pytest.MonkeyPatch.context() as patch:
        theirs = dict(os.environ)
        isolated = environment(tmp_path_factory.mktemp("jupyter"))
        for name in theirs.keys() - isolated.keys():
            patch.delenv(name)
        for name in isolated.keys() - set(_KEPT_AS_IT_IS):
            # Temporary files of pytest's own stay where its options put them.
            if name != "TMPDIR" and isolated[name] != theirs.get(name):
                patch.setenv(name, isolated[name])
        yield


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Start kernels, each in a folder of its own below `tmp_path` where none is given."""
    with ExitStack() as kernels:
        numbers = count()

        def starter(folder: Path | None = None, name: str = "provenance", **options: Any) -> Kernel:
            kernel = Kernel(folder or tmp_path / f"kernel{next(numbers)}", name, **options)
            kernels.callback(kernel.stop)
            return kernel

        yield starter
