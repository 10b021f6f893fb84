"""What a cell's code gives to secret names: by assignment, keyword, position, key or default."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator, Sequence

from provenance_kernel.capture.secrets.names import looks_secret

# A secret name, and the expression that it is given.
Given = tuple[str, ast.expr]
# Tells the names of a callable's positional parameters, by what it is called in the session.
Signatures = Callable[[str], Sequence[str]]

# Calls that take a name and then its value, and calls that return their argument in another form.
_KEYED_CALLS = frozenset(
    {"get", "getenv", "setdefault", "putenv", "setattr", "pop", "set", "setenv"}
)
_WRAPPING_CALLS = frozenset(
    {"str", "bytes", "bytearray", "SecretStr", "SecretBytes", "Secret", "quote", "quote_plus"}
    | {"b64decode", "unhexlify", "fromhex", "literal"}
)
# What is called so takes these, whoever it is of.
_SIGNATURES = {
    "login": ("user", "password"),
    "authenticate": ("user", "password"),
    "HTTPBasicAuth": ("user", "password"),
    "HTTPDigestAuth": ("user", "password"),
    "set_password": ("password",),
}


def positional(callee: str, signatures: Signatures | None) -> Sequence[str]:
    """Return the names of the positional parameters of what a call names."""
    usual = _SIGNATURES.get(callee.rpartition(".")[2], ())
    if usual or signatures is None:
        return usual
    return signatures(callee)


def given_to_secrets(tree: ast.Module, signatures: Signatures | None) -> Iterator[Given]:
    """Yield the expressions whose value goes to a secret name, argument, key or default."""
    own = dict(_defined(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _assigned(target, value)
            case ast.AnnAssign(target=target, value=value) if value is not None:
                yield from _assigned(target, value)
            case (
                ast.AugAssign(target=target, value=value)
                | ast.NamedExpr(target=target, value=value)
            ):
                yield from _assigned(target, value)
            case ast.Call(func=func, args=args, keywords=keywords):
                yield from ((p.arg, p.value) for p in keywords if p.arg and looks_secret(p.arg))
                # environ.get("TOKEN", "text"), setattr(x, "token", "text"), putenv("TOKEN", "text")
                name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
                if name in _KEYED_CALLS:
                    for key, value in itertools.pairwise(args):
                        if (found := _secret_key(key)) is not None:
                            yield found, value
                names = own.get(name) or positional(_dotted(func), signatures)
                yield from (
                    pair for pair in zip(names, args, strict=False) if looks_secret(pair[0])
                )
            case ast.Dict(keys=keys, values=values):
                for item, value in zip(keys, values, strict=True):
                    if item is not None and (found := _secret_key(item)) is not None:
                        yield found, value
            case ast.Compare(left=left, comparators=[right]):
                if (found := _secret_target(left)) is not None:
                    yield found, right
            case ast.arguments(args=args, posonlyargs=first, defaults=defaults):
                named = [*first, *args]
                for arg, default in zip(named[len(named) - len(defaults) :], defaults, strict=True):
                    if looks_secret(arg.arg):
                        yield arg.arg, default
                for arg, given in zip(node.kwonlyargs, node.kw_defaults, strict=True):
                    if given is not None and looks_secret(arg.arg):
                        yield arg.arg, given


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "?")
    return ".".join(reversed(parts))


def _assigned(target: ast.expr, value: ast.expr) -> Iterator[Given]:
    if isinstance(target, ast.Tuple | ast.List):
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
            for part, given in zip(target.elts, value.elts, strict=True):
                yield from _assigned(part, given)
    elif (name := _secret_target(target)) is not None:
        yield name, value


def _secret_target(target: ast.expr) -> str | None:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name if looks_secret(name) else None
        case ast.Subscript(slice=key):
            return _secret_key(key)
    return None


def _secret_key(key: ast.expr) -> str | None:
    match key:
        case ast.Constant(value=str() as name) if looks_secret(name):
            return name
    return None


def _defined(tree: ast.Module) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the functions and classes that a cell defines, and their positional parameters."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
        elif isinstance(node, ast.ClassDef):
            fields = []
            for part in node.body:
                if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                    fields.append(part.target.id)
                elif isinstance(part, ast.FunctionDef) and part.name == "__init__":
                    fields = [arg.arg for arg in (*part.args.posonlyargs, *part.args.args)][1:]
                    break
            yield node.name, fields


def literals(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the literals that make up a value, but not those that say where to look it up."""
    match node:
        case ast.Constant(value=str() | bytes() as text) if text:
            yield node
        case ast.Constant(value=int() as number) if abs(number) >= 1000:  # a PIN, not a count
            yield node
        case ast.JoinedStr():
            yield node
        case ast.BinOp(left=one, right=other) | ast.IfExp(body=one, orelse=other):
            yield from literals(one)
            yield from literals(other)
        case (
            ast.BoolOp(values=parts)
            | ast.List(elts=parts)
            | ast.Tuple(elts=parts)
            | ast.Set(elts=parts)
            | ast.Dict(values=parts)
        ):
            for part in parts:
                yield from literals(part)
        case ast.Call(func=ast.Attribute(value=ast.Constant() | ast.JoinedStr() as inner)):
            yield from literals(inner)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *_]) if (
            name in _WRAPPING_CALLS
        ):
            yield from literals(first)


def flowing(tree: ast.Module, given: list[Given]) -> Iterator[Given]:
    """Yield what the cell binds to names whose value it gives to a secret name, as `x` here.

    >>> x = "…"
    >>> connect(password=x)
    """
    wanted = {node.id: name for name, node in given if isinstance(node, ast.Name)}
    wanted = {bound: name for bound, name in wanted.items() if not looks_secret(bound)}
    if not wanted:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id in wanted:
                    yield wanted[target.id], node.value
