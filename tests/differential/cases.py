"""The table of the differential test: `cells/*.txt`, and what needs Python to say it.

A text table holds cases one after another: a line `==== name`, with options in brackets, opens a
case, a line `----` the case's next cell, and a line `---- file NAME` a file that is written to the
working directory before the case starts. Options: `needs=MODULE,…`, `adds=ADDITION,…`,
`python=3.12`, `timeout=60`, `fresh` (the kernels are not used again), `concurrent`, and
`skipped=REASON`.

What raises in a case stands on a line of its own: stack_data, which makes IPython's tracebacks,
shows the surroundings of any of the statements that begin in a line, by chance.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from differential.debugger import CASES as DEBUGGER
from differential.requests import CASES as REQUESTS
from differential.steps import Case

HEADER = re.compile(r"==== (?P<name>\w+)(?: \[(?P<options>[^\]]*)\])?")
DIVIDER = re.compile(r"----(?: file (?P<file>\S+))?")


def read_table(text: str) -> Iterator[Case]:
    """The cases of one text table."""
    blocks = re.split(r"^(?=={4} )", text, flags=re.MULTILINE)
    for block in blocks[1:]:
        head, _, body = block.partition("\n")
        header = HEADER.fullmatch(head)
        if header is None:
            raise ValueError(f"not a case's header: {head!r}")
        cells, files = _split(body)
        yield Case(
            header["name"], cells=tuple(cells), files=files, **_options(header["options"] or "")
        )


def _split(body: str) -> tuple[list[str], dict[str, str]]:
    parts: list[tuple[str | None, list[str]]] = [(None, [])]
    for line in body.splitlines():
        divider = DIVIDER.fullmatch(line)
        if divider is None:
            parts[-1][1].append(line)
        else:
            parts.append((divider["file"], []))
    cells = ["\n".join(lines).strip("\n") for file, lines in parts if file is None]
    files = {file: "\n".join(lines).strip("\n") + "\n" for file, lines in parts if file}
    return cells, files


def _options(text: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for option in filter(None, map(str.strip, text.split(";"))):
        key, _, value = option.partition("=")
        match key:
            case "needs" | "adds":
                options[key] = tuple(value.split(","))
            case "python":
                major, minor = value.split(".")
                options[key] = int(major), int(minor)
            case "timeout":
                options[key] = float(value)
            case "fresh" | "concurrent":
                options[key] = True
            case "skipped":
                options["reason_skipped"] = value
            case _:
                raise ValueError(f"not an option of a case: {option!r}")
    return options


def _all() -> Iterator[Case]:
    for path in sorted(Path(__file__).with_name("cells").glob("*.txt")):
        yield from read_table(path.read_text(encoding="utf-8"))
    yield from REQUESTS
    yield from DEBUGGER


def by_name(cases: Iterator[Case]) -> Mapping[str, Case]:
    """The cases by name, which is what a failing test shows, so it has to be unique."""
    table: dict[str, Case] = {}
    for case in cases:
        if case.name in table:
            raise ValueError(f"two cases are named {case.name!r}")
        table[case.name] = case
    return table


CASES = by_name(_all())
