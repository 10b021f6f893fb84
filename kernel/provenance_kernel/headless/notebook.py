"""Notebook files: reading, writing all or nothing, and injecting parameters as papermill does."""

from __future__ import annotations

import ast
import json
import keyword
import math
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from provenance_kernel.errors import NotebookError
from provenance_kernel.parsing import bound_names, parse_cell

PARAMETERS = "parameters"
INJECTED = "injected-parameters"


def read(path: Path) -> NotebookNode:
    """Return the Python notebook in a file, in format 4.

    Raises `NotebookError` where there is none, or one of another language.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotebookError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        notebook: NotebookNode = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:
        # nbformat raises a dozen unrelated types for what is no notebook.
        raise NotebookError(f"{path}: not a Jupyter notebook: {error}") from error
    metadata = notebook.metadata
    for told in (metadata.get("language_info", {}), metadata.get("kernelspec", {})):
        language = told.get("name") if "version" in told else told.get("language")
        if isinstance(language, str) and "python" not in language.lower():
            raise NotebookError(f"{path}: its language is {language}, and only Python is run")
    return notebook


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook so that the file is, at any moment, whole: the old one or the new."""
    # A link stays one: what it leads to is replaced.
    real = Path(os.path.realpath(path))
    folder = real.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{real.name[:100]}.", suffix=".part")
    except OSError as error:
        raise NotebookError(f"{path}: cannot be written: {error.strerror}") from error
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            nbformat.write(notebook, file)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(real.stat().st_mode & 0o777 if real.exists() else 0o666 & ~_umask())
        part.replace(real)
    except OSError as error:
        raise NotebookError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def inject(notebook: NotebookNode, parameters: Mapping[str, object]) -> None:
    """Put a cell that assigns the parameters after the one tagged `parameters`, else first.

    A cell injected before is replaced. Raises `NotebookError` for what Python cannot name or
    write.
    """
    if not parameters:
        return
    source = "\n".join(["# Parameters", *(_assignment(*each) for each in parameters.items())])
    cells = notebook.cells
    at = _tagged(cells, INJECTED)
    if at is None:
        after = _tagged(cells, PARAMETERS)
        at = 0 if after is None else after + 1
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": [INJECTED]})
        if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):
            cell.pop("id", None)
        cells.insert(at, cell)
    else:
        cells[at].source = source
        cells[at].outputs = []


def check_parameters(notebook: NotebookNode, names: Iterable[str]) -> None:
    """Raise `NotebookError` for parameters that would set nothing.

    Those are names that a cell after the one tagged `parameters` assigns, or that no cell uses.
    """
    cells = notebook.cells
    code = [(at, cell.source) for at, cell in enumerate(cells) if cell.cell_type == "code"]
    tagged = _tagged(cells, PARAMETERS)
    injected = _tagged(cells, INJECTED)
    first = next((at for at in (injected, tagged) if at is not None), -1)
    known = sorted(_bound(cells[tagged].source)) if tagged is not None else []
    bound = {at: _bound(source) for at, source in code if at > first}
    for name in names:
        if name in known:
            continue
        there = f"; the cell tagged `parameters` has {', '.join(known)}" if known else ""
        at = next((at for at, assigned in bound.items() if name in assigned), None)
        if at is not None:
            hint = there or "; tag that cell `parameters`"
            raise NotebookError(f"parameter {name!r}: cell {at + 1} would set it anew{hint}")
        if not any(re.search(rf"\b{re.escape(name)}\b", text) for _, text in code):
            raise NotebookError(f"parameter {name!r}: no cell uses such a name{there}")


def _bound(source: str) -> frozenset[str]:
    try:
        return frozenset(bound_names(parse_cell(source)))
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()


def _tagged(cells: list[NotebookNode], tag: str) -> int | None:
    for index, cell in enumerate(cells):
        if cell.cell_type == "code" and tag in cell.metadata.get("tags", []):
            return index
    return None


def _assignment(name: str, value: object) -> str:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise NotebookError(f"parameter {name!r} is no Python name")
    return f"{name} = {_literal(name, value)}"


def _literal(name: str, value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, dict):
        pairs = (f"{_literal(name, key)}: {_literal(name, each)}" for key, each in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, tuple):
        return "(" + "".join(_literal(name, each) + ", " for each in value) + ")"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(name, each) for each in value) + "]"
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    raise NotebookError(
        f"parameter {name!r}: a {type(value).__name__} cannot be written as a literal; "
        "give null, a boolean, number, string, list or table"
    )


def parse_value(text: str) -> object:
    """Return what `-p NAME VALUE` means: a Python or JSON literal, else the text itself."""
    words: dict[str, object] = {"true": True, "false": False, "null": None}
    words |= {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
    if text.lower() in words:
        return words[text.lower()]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    if isinstance(value, tuple):
        return list(value)
    return (
        value
        if value is None or isinstance(value, bool | int | float | str | list | dict)
        else text
    )


def read_parameters(path: Path) -> dict[str, object]:
    """Return the parameters in a JSON, TOML or, where PyYAML is installed, YAML file."""
    try:
        text = path.read_text(encoding="utf-8")
        values = _parsed(path, text)
    except OSError as error:
        raise NotebookError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise NotebookError(f"{path}: {error}") from error
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise NotebookError(f"{path}: it should hold names and their values")
    return values


def _parsed(path: Path, text: str) -> Any:
    suffix = path.suffix.lower()
    if suffix == ".toml":
        import tomllib

        return tomllib.loads(text)
    if suffix in (".yaml", ".yml"):
        try:
            import yaml
        except ImportError as error:
            raise NotebookError(
                f"{path}: reading YAML needs PyYAML (pip install pyyaml); JSON and TOML do not"
            ) from error
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise NotebookError(f"{path}: {error}") from error
    return json.loads(text)
