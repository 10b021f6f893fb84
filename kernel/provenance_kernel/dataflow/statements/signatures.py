"""What functions and classes of libraries may do, by what they themselves say.

Which calls may write into what they are given: that is told by the function's parameters.

What cannot be found, or says nothing of its parameters, may.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from abc import ABCMeta
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType
from typing import Any

from provenance_kernel.dataflow.statements.parts import dotted_name
from provenance_kernel.inspection import class_attribute, code_of, is_class, static_dict

# Parameters by which a function is told to write into what it is given.
_INTO = re.compile(r"out\d?$|output$|copy|inplace$|overwrite")
# A function that is made in C has what it reads first, and what it writes into behind.
_MOST = 2
_READS_MORE = {"where": 3}
_WRAPS = 8
_PLAIN_INIT = object.__dict__["__init_subclass__"]


def resolved(dotted: str) -> object:
    """Return what a dotted path leads to, without running code; None where that is unknown."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        found: Any = sys.modules.get(".".join(parts[:end]))
        if found is None:
            continue
        for part in parts[end:]:
            members = static_dict(found)
            found = class_attribute(found, part) if is_class(found) else (members or {}).get(part)
            if found is None:
                return None
        return found
    return None


def makes_plainly(node: ast.expr, namespace: Mapping[str, Any], imports: Mapping[str, str]) -> bool:
    """Tell whether to derive from a class calls nothing but what makes any class."""
    dotted = dotted_name(node, imports) or ""
    base: Any = namespace.get(dotted, getattr(builtins, dotted, None))
    if base is None:
        base = resolved(dotted)
    return (
        is_class(base)
        and (type(base) is type or type(base) is ABCMeta)
        and class_attribute(base, "__init_subclass__") is _PLAIN_INIT
    )


def may_write(function: object, call: ast.Call, bound: bool = False) -> bool:
    """Tell whether a call may write into its arguments; `bound` if it is one of a method."""
    if any(each.arg is None for each in call.keywords):
        return True
    if any(_tells(each.arg, each.value) for each in call.keywords):
        return True
    for _ in range(_WRAPS):
        inner = (static_dict(function) or {}).get("__wrapped__")
        if inner is None:
            break
        function = inner
    if any(isinstance(each, ast.Starred) for each in call.args):
        return not is_class(function)
    if is_class(function) or not call.args:
        return False
    count = len(call.args)
    if type(function) is FunctionType:
        code = code_of(function)
        names = code.co_varnames[: code.co_argcount][bound:]
        return any(_tells(name, arg) for name, arg in zip(names, call.args, strict=False))
    inputs = getattr(function, "nin", None) if type(function).__name__ == "ufunc" else None
    if type(inputs) is int:
        return count > inputs
    if type(function) is BuiltinFunctionType or type(function) is MethodDescriptorType:
        return count > _READS_MORE.get(function.__name__, _MOST - bound)
    return True


def _tells(name: str | None, given: ast.expr) -> bool:
    """Tell whether an argument may have a function write into something."""
    if name is None or not _INTO.match(name):
        return False
    innocent = (True, None) if name == "copy" else (False, None)
    return not (isinstance(given, ast.Constant) and any(given.value is each for each in innocent))
