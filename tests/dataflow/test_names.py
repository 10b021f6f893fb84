"""A program read from a syntax tree names what the compiler's code for it names."""

from __future__ import annotations

import ast
import dis
import importlib.util
import inspect
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

from provenance_kernel.dataflow.names import read_program
from provenance_kernel.dataflow.program import Body, Bound

# Modules of the standard library with much code at module level, and of every kind.
MODULES = """
    abc argparse ast asyncio.events bdb bisect calendar collections concurrent.futures contextlib
    copy csv ctypes dataclasses datetime decimal difflib dis email.message enum functools gettext
    glob heapq html.entities http.client inspect io json.decoder keyword locale logging mimetypes
    numbers opcode operator os pathlib pickle platform pprint pydoc random re selectors shutil
    signal socket sqlite3.dbapi2 ssl stat statistics string subprocess symtable sysconfig tarfile
    tempfile threading token tokenize traceback types typing unittest.mock urllib.parse uuid
    warnings weakref zipfile
"""
# Names that the compiler binds of itself.
_MADE = {
    "__annotate__",
    "__annotations__",
    "__conditional_annotations__",
    "__static_attributes__",
}


def source_of(module: str) -> str | None:
    spec = importlib.util.find_spec(module.partition(".")[0])
    spec = spec and importlib.util.find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin).read_text(encoding="utf-8")


def codes(code: CodeType, functions: bool) -> Iterator[CodeType]:
    """Code that runs with the module's, and code of functions and lambdas where asked for."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and (
            functions
            or constant.co_name in ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
            or not constant.co_flags & inspect.CO_OPTIMIZED
        ):
            yield from codes(constant, functions)


def named(code: CodeType, *opnames: str) -> set[str]:
    found = (i.argval for i in dis.get_instructions(code) if i.opname in opnames)
    return {str(name) for name in found} - _MADE


def stored(body: Body) -> set[str]:
    return set().union(*(_stored(statement) for statement in body))


def _stored(part: object) -> set[str]:
    if isinstance(part, Bound):
        return {part.name}
    if isinstance(part, tuple):
        return set().union(*(_stored(item) for item in part))
    return set()


@pytest.mark.parametrize("module", MODULES.split())
def test_names_are_those_of_the_compiler(module: str) -> None:
    source = source_of(module)
    if source is None:
        pytest.skip("this Python has no source of it")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
        code = compile(source, module, "exec", dont_inherit=True)
    program = read_program(tree)

    assert named(code, "LOAD_NAME") <= program.loads
    looked_up = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")
    assert program.loads <= set().union(
        *(named(part, *looked_up) for part in codes(code, functions=True))
    )
    module_binds = named(code, "STORE_NAME")
    for part in codes(code, functions=False):
        module_binds |= named(part, "STORE_GLOBAL")
    except_targets = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name
    }
    assert module_binds - except_targets - {"__doc__"} <= stored(program.body)
    assert stored(program.body) <= module_binds
