"""A kernel that the tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.databases import DEFAULT, Archive
from support.kernels import Answer, Kernel


class Session:
    """A shared kernel, and what it has recorded since the test began."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.archive = Archive(kernel.work / DEFAULT)
        self.since = self.archive.last_position()

    def execute(self, code: str, **options: Any) -> Answer:
        return self.kernel.execute(code, **options)

    def runs(self) -> list[dict[str, Any]]:
        """The cell runs of this test, in order."""
        return self.archive.runs(after=self.since)

    def run(self) -> dict[str, Any]:
        """The only cell run of this test."""
        (found,) = self.runs()
        return found

    def stages(self, run: dict[str, Any] | None = None) -> list[tuple[str, str, str]]:
        """The stage, label and origin of each tag of a cell run."""
        tags = self.archive.tags((run or self.run())["id"])
        return [(tag["stage"], tag["label"], tag["origin"]) for tag in tags]

    def events(self) -> list[tuple[str, str]]:
        """The kind and message of what was noted about the cell runs of this test."""
        ids = {run["id"] for run in self.runs()}
        return [
            (event["kind"], event["message"])
            for event in self.archive.events()
            if event["cell_run_id"] in ids
        ]


@pytest.fixture(scope="module")
def _module_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path_factory.mktemp("shared"))
    yield kernel
    kernel.stop()


@pytest.fixture
def session(_module_kernel: Kernel) -> Session:
    """A kernel with an emptied namespace; what it does is in the database at once."""
    _module_kernel.execute("get_ipython().reset(new_session=False)", silent=True)
    return Session(_module_kernel)
