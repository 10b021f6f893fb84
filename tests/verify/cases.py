"""What a small experiment of the tables is, and how several are recorded in one notebook."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell, new_notebook

from provenance_kernel.verify.report import Found
from support.databases import DEFAULT
from support.kernels import Kernel, Starter

READ = "# stage: data reading\n"
FIT = "# stage: feature engineering\n"
MODEL = "# stage: model scoring\n"
SCORE = "# stage: metrics evaluation\n# metric: score_\n"
# A name that ends with an underscore is the experiment's own.
_OWN = re.compile(r"(?<![\w.])([a-z]\w*?)_\b")


@dataclass(frozen=True)
class Case:
    """Cells that are recorded; what is done to the folder; what verifying finds.

    `files` are there when it is recorded, and `changes` is what becomes of them before it is
    verified (None: removed). `env` holds when it is recorded. `file` are the cells of the notebook
    as it stands, by the numbers of recorded cells or as sources (None: there is no notebook file).
    `between` is done to the kernel after the cell of that number. What is `alone` has a notebook of
    its own; others share one with those of their cause.
    """

    name: str
    cells: tuple[str, ...]
    verdict: str = "not_reproduced"
    cause: str | None = None
    stage: str | None = "data_reading"
    evidence: str | None = "shown"
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    changes: Mapping[str, str | bytes | None] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    file: tuple[int | str, ...] | None = None
    between: Mapping[int, Callable[[Kernel], object]] = field(default_factory=dict)
    alone: bool = False

    def __str__(self) -> str:
        return self.name

    def numbered(self, number: int) -> Case:
        """Return the experiment with names of its own in place of those that end with `_`."""

        def own(text: str) -> str:
            return _OWN.sub(rf"\g<1>_{number}", text)

        return replace(
            self,
            cells=tuple(map(own, self.cells)),
            files={own(name): each for name, each in self.files.items()},
            changes={own(name): each for name, each in self.changes.items()},
            file=self.file
            and tuple(own(each) if isinstance(each, str) else each for each in self.file),
        )


@dataclass(frozen=True)
class Notebook:
    """Experiments of one cause that are recorded together, with the positions of their runs."""

    cases: tuple[Case, ...]

    def __str__(self) -> str:
        first = self.cases[0]
        more = f" and {len(self.cases) - 1} more" if self.cases[1:] else ""
        return f"{first.cause or first.verdict}: {first.name}{more}"

    def findings(self, found: Iterable[Found]) -> list[tuple[Case, list[Found]]]:
        """Return what was found of each experiment."""
        found, at, told = list(found), 0, []
        for case in self.cases:
            cells = range(at + 1, at + 1 + len(case.cells))
            told.append((case, [each for each in found if each.cell in cells]))
            at += len(case.cells)
        return told

    def record(self, start: Starter, folder: Path) -> None:
        """Run the cells in a kernel and write the notebook as it stands."""
        (folder / DEFAULT.parent).mkdir(parents=True)
        env = dict(self.cases[0].env)
        if self.cases[0].file is not None:
            env["JPY_SESSION_NAME"] = str(folder / "n.ipynb")
        for case in self.cases:
            _write(folder, case.files)
        kernel = start(work=folder, env=env)
        cells, at = [], 0
        for case in self.cases:
            ids = [f"c{at + each}" for each in range(len(case.cells))]
            file = case.file or ()
            for number, cell in enumerate(case.cells):
                kernel.execute(cell, metadata={"cellId": ids[number]})
                if number in case.between:
                    case.between[number](kernel)
            cells += [
                new_code_cell(case.cells[each], id=ids[each])
                if isinstance(each, int)
                else new_code_cell(each, id=f"new{at}" if number in file else ids[number])
                for number, each in enumerate(file)
            ]
            at += len(ids)
        kernel.stop()
        if self.cases[0].file is not None:
            nbformat.write(new_notebook(cells=cells), folder / "n.ipynb")

    def change(self, folder: Path) -> None:
        """Do to the folder what is injected."""
        for case in self.cases:
            _write(folder, case.changes)


def _write(folder: Path, files: Mapping[str, str | bytes | None]) -> None:
    for name, content in files.items():
        path = folder / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def notebooks(cases: Sequence[Case], most: int = 12) -> list[Notebook]:
    """Return the experiments in as few notebooks as may be."""
    found = []

    def kind(case: Case) -> tuple[str, ...]:
        return case.verdict, str(case.cause), str(case.file is None), str(case.env)

    for _, group in groupby(sorted((each for each in cases if not each.alone), key=kind), kind):
        whole = [each.numbered(number) for number, each in enumerate(group, 1)]
        found += [Notebook(tuple(whole[at : at + most])) for at in range(0, len(whole), most)]
    return found + [Notebook((each.numbered(1),)) for each in cases if each.alone]


def array(*values: float) -> bytes:
    """Return what `numpy.save` writes of numbers."""
    file = io.BytesIO()
    np.save(file, np.array(values))
    return file.getvalue()


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and content of all in a folder but the record."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if ".provenance" in path.parts:
            continue
        content = b"" if path.is_dir() else path.read_bytes() if path.is_file() else b"?"
        if path.is_symlink():
            content = os.fsencode(os.readlink(path))
        found[str(path)] = (os.lstat(path).st_mode, content)
    return found
