"""Recognises secrets by name or by form, and takes them out of text before it is stored.

A name counts as secret by its last words (`db_password`, `githubToken`), so that `token_count` and
`password_field_id` do not. Forms are those of providers' keys, private-key blocks, tokens signed as
JWT, URLs that carry a password and authorization headers. Ordinary hashes, UUIDs and base64 text
have no such form and stay.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from provenance_kernel.parsing import parse

REDACTED = "redacted"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

# A name is secret when, qualifiers at its end aside, it ends in one of these.
_LAST_WORD = _words(
    "password passwords passwd passwort passphrase passcode pwd secret secrets token credential "
    "credentials creds bearer jwt apikey apikeys authorization authtoken accesskey secretkey "
    "privatekey accountkey sessionkey dsn"
)
# Or in one of these before one of those, where the last alone says little.
_KINDS_OF_KEY = _words(
    "api access private secret account signing encryption master ssh deploy license session openai "
    "anthropic aws azure gcp stripe storage subscription shared service server client consumer "
    "host auth pgp gpg"
)
_LAST_PAIR = frozenset(
    {(kind, word) for kind in _KINDS_OF_KEY for word in ("key", "keys")}
    | {("connection", word) for word in ("string", "url", "uri")}
    | {(kind, "cookie") for kind in ("session", "auth")}
    | {(kind, "auth") for kind in ("basic", "http")}
    | {(kind, "pass") for kind in ("db", "database", "user", "smtp", "mail")}
    | {("pass", "word"), ("auth", "header"), ("connect", "string"), ("conn", "str")}
    | {("conn", "string"), ("webhook", "url"), ("sas", "url")}
)
_WHOLE = frozenset({"auth", "cookie", "cookies", "pass", "pw", "bearer", "set-cookie"})
_QUALIFIERS = _words(
    "value str string text raw bytes prod production dev development test staging old new default "
    "plain plaintext env b64 base64 encoded here literal"
)
# Ends that say the word before them is about secrets, not one: `secret_name`, `is_token`.
_INNOCENT_FIRST = _words("is has num n max min use no len count total per next prev bos eos")
_INNOCENT_TOKEN = _words(
    "pad eos bos unk mask cls sep special stop start end first last current next prev word sub "
    "oov begin vocab"
)

# What need not be hidden even under a secret name: there is nothing in it.
_EMPTY = frozenset({"", "None", "True", "False", "''", '""', "b''", 'b""', "()", "[]", "{}", "..."})
_NOT_A_VALUE = ("<function ", "<class ", "<module ", "<built-in ", "<bound method ", "<method ")

_FORMS = re.compile(
    r"""
      -----BEGIN\ [A-Z0-9 ]*PRIVATE\ KEY(?:\ BLOCK)?-----.*?
        (?:-----END\ [A-Z0-9 ]*PRIVATE\ KEY(?:\ BLOCK)?-----|\Z)
    | \b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b                          # AWS
    | \bAIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])                         # GCP
    | \bya29\.[0-9A-Za-z_-]{20,} | \bGOCSPX-[0-9A-Za-z_-]{20,}
    | (?<=AccountKey=)[A-Za-z0-9+/]{40,}={0,2}                         # Azure
    | (?<=SharedAccessKey=)[A-Za-z0-9+/]{40,}={0,2}
    | (?<=[?&]sig=)[A-Za-z0-9%+/=]{30,}
    | \b[a-zA-Z0-9_~.]{3}[0-9]Q~[a-zA-Z0-9_~.-]{31,34}
    | \bgh[pousr]_[A-Za-z0-9]{30,} | \bgithub_pat_[A-Za-z0-9_]{22,}    # GitHub
    | \bgl(?:pat|dt|rt|ptt)-[A-Za-z0-9_-]{20,}   # GitLab
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,} | \bxapp-[0-9]-[A-Za-z0-9-]{10,}  # Slack
    | (?<=hooks\.slack\.com/services/)[A-Za-z0-9/]{20,}
    | \bsk-ant-[A-Za-z0-9_-]{20,}                                      # Anthropic
    | \bsk-(?:proj-|svcacct-|admin-)[A-Za-z0-9_-]{20,}                 # OpenAI
    | \bsk-(?=[A-Za-z0-9]*[0-9])[A-Za-z0-9]{32,}\b
    | \bhf_[A-Za-z0-9]{30,}\b                                          # Hugging Face
    | \b[rs]k_(?:live|test)_[A-Za-z0-9]{16,} | \bwhsec_[A-Za-z0-9+/]{24,}  # Stripe
    | \bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{30,}                     # SendGrid
    | \bSK[0-9a-f]{32}\b                                               # Twilio
    | \bnpm_[A-Za-z0-9]{36}\b | \bpypi-AgE[A-Za-z0-9_-]{30,}           # npm, PyPI
    | \bdapi[0-9a-f]{32}\b | \bdop_v1_[0-9a-f]{60,} | \bshpat_[0-9a-fA-F]{32}\b
    | \bkey-[0-9a-f]{32}\b | \br8_[A-Za-z0-9]{37}\b
    | \beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*   # JWT
    | (?<=://)[^\s/:@'"<>{}\[\]$]*:[^\s/@'"<>{}$]+(?=@[^\s/@'"])       # a URL's user and password
    | (?i:\bauthorization["']?\s*[:=]\s*["']?(?:bearer|basic|token|digest)\s+)[A-Za-z0-9._~+/=-]{6,}
    | (?i:\b(?:bearer|basic)\s+)(?=[A-Za-z._~+/=-]*[0-9])[A-Za-z0-9._~+/=-]{16,}
    | (?i:\b(?:password|pwd)=)(?!\s|["'{}$%])[^\s;"'&,)]+(?=;)  # connection string
    """,
    re.VERBOSE | re.DOTALL,
)
# Where a form has a readable head, only what follows it is taken out.
_HEAD = re.compile(
    r"(?i)authorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token|digest)\s+|(?:bearer|basic)\s+"
    r"|(?:password|pwd)="
)

# Substrings of which at least one is in every lower-cased text that holds a secret we know of: by
# name, by form. Most text has none, and is then not looked at again.
_NAME_HINTS = tuple(
    _words("pass pw secret token cred auth bearer jwt cookie key connect conn_s dsn webhook sas_u")
)
_FORM_HINTS = tuple(
    _words(
        ":// private sig= akia asia abia acca aiza ya29 gocspx accountkey accesskey q~ ghp_ gho_ "
        "ghu_ ghs_ ghr_ github_pat glpat- gldt- glrt- glptt- xox xapp- hooks.sl sk- sk_ rk_ hf_ "
        "whsec_ sg. npm_ pypi- dapi dop_v1 shpat_ key- r8_ eyj bearer basic auth password= pwd="
    )
)

# `name = 'text'`, `"name": 'text'`, `name='text'` in source or in a repr, and `["name"] = 'text'`.
_QUOTED_PAIR = re.compile(
    r"""(?P<name>[A-Za-z_][\w.-]*)(?P<link>["']?\s*\]?\s*
          (?::(?:\s*[A-Za-z_][\w.\[\]| ]*\s*=)?|=(?!=))\s*)
        (?P<value>[rRbBuUfF]{0,2}(?:'''.*?(?:'''|\Z)|\"\"\".*?(?:\"\"\"|\Z)
        |'(?:[^'\\\n]|\\.)*(?:'|(?=\n)|\Z)|"(?:[^"\\\n]|\\.)*(?:"|(?=\n)|\Z)))""",
    re.VERBOSE | re.DOTALL,
)
# `NAME=text`, `--name text`, `%env NAME text` on a command's line.
_BARE_PAIR = re.compile(
    r"""(?P<head>(?:^|[\s;&|])(?:--?|%env\s+|%set_env\s+)?)(?P<name>[A-Za-z_][\w-]*)
        (?P<link>\s*=|[ \t]+)(?P<value>[^\s'"=;&|][^\s'";&|]*|"[^"\n]*"|'[^'\n]*')""",
    re.VERBOSE | re.MULTILINE,
)
_MAGIC_LINE = re.compile(
    r"^(?P<indent>[ \t]*)(?:[%!?]|[\w.,\[\]\"' ]+=[ \t]*[!%](?!=)).*$", re.MULTILINE
)
_PYTHON_CELL_MAGIC = re.compile(r"\s*%%(?:time|timeit|capture|prun|memit|provenance|prov)\b")
_COMMENT = re.compile(r"#[^\n]*")
# `password: hunter2` in a comment; prose ("token: the first word") has no digit there.
_BARE_NOTE = re.compile(
    r"(?P<head>\b(?P<name>[A-Za-z_][\w-]*)\s*[:=]\s*)(?=[^\s'\"]*[0-9])[^\s'\",;)]+"
)


@lru_cache(maxsize=4096)
def looks_secret(name: str) -> bool:
    """Tell whether a variable, argument or key of this name holds a secret."""
    if len(name) > 200:
        return False
    name = name.rpartition(".")[2]
    if name.lower().strip("_") in _WHOLE:
        return True
    words = [word.lower() for word in _WORDS.findall(name)]
    while tuple(words[-2:]) not in _LAST_PAIR and (
        len(words) > 1 and (words[-1] in _QUALIFIERS or words[-1].isdigit())
    ):
        words.pop()
    if not words:
        return False
    if len(words) > 1 and tuple(words[-2:]) in _LAST_PAIR:
        return True
    last = words[-1]
    if last not in _LAST_WORD or (len(words) > 1 and words[0] in _INNOCENT_FIRST):
        return False
    return not (last == "token" and len(words) > 1 and words[-2] in _INNOCENT_TOKEN)


def redact_value(name: str, text: str | None) -> str | None:
    """Return the text to store for a value of this name: as it is, or with secrets redacted."""
    if text is None:
        return None
    if looks_secret(name) and text.strip() not in _EMPTY and not text.startswith(_NOT_A_VALUE):
        return REDACTED
    return redact_text(text)


def redact_text(text: str) -> str:
    """Return text (a repr, a message) without what has a secret's form or stands by its name."""
    if not _suspicious(text):
        return text
    return _BARE_NOTE.sub(_redact_note, _QUOTED_PAIR.sub(_redact_pair, _redact_forms(text)))


def redact_arguments(arguments: Mapping[str, str]) -> dict[str, str]:
    """Return arguments, by parameter name, with secrets redacted."""
    return {name: redact_value(name, text) or "" for name, text in arguments.items()}


def redact_source(source: str) -> str:
    """Return a cell's source with secrets in it replaced, on the same lines, parseable if it was.

    String literals are found by parsing; where a cell does not parse, and on the lines of magics
    and shell commands, by pattern.
    """
    if not _suspicious(source):
        return source
    masked = _masked(source)
    tree = _parsed(masked) if masked is not None else None
    if tree is None:
        return _redact_shell(_QUOTED_PAIR.sub(_redact_pair, _redact_forms(source)))
    spans = list(_spans(tree, source))
    result = _replaced(source, spans)
    result = _MAGIC_LINE.sub(lambda line: _redact_command(line.group()), result)
    result = _COMMENT.sub(_redact_comment, result) if "#" in result else result
    safe = _redact_forms(result)
    if safe != result and _parsed(_masked(safe) or "") is None:
        # A form that runs over the border of a literal: take the literals out whole.
        whole = [span for node in _texts(tree) if (span := _whole_if_form(node, source))]
        safe = _redact_forms(_replaced(source, spans + whole))
    return safe


def _suspicious(text: str) -> bool:
    lowered = text.lower()
    return _holds(lowered, _NAME_HINTS) or _holds(lowered, _FORM_HINTS) or "SK" in text


def _holds(lowered: str, hints: tuple[str, ...]) -> bool:
    for hint in hints:  # noqa: SIM110 - a generator costs as much again
        if hint in lowered:
            return True
    return False


def _redact_forms(text: str) -> str:
    if not _holds(text.lower(), _FORM_HINTS) and "SK" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        found = match.group()
        head = _HEAD.match(found)
        return (head.group() if head else "") + REDACTED + "\n" * found.count("\n")

    return _FORMS.sub(replace, text)


def _redact_pair(match: re.Match[str]) -> str:
    name, value = match["name"], match["value"]
    if not looks_secret(name) or value in _EMPTY:
        return match.group()
    return f"{name}{match['link']}{_literal(value)}"


def _redact_command(line: str) -> str:
    return _redact_shell(_QUOTED_PAIR.sub(_redact_pair, _redact_forms(line)))


def _redact_shell(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        head, name, link = match["head"], match["name"], match["link"]
        option = head.rstrip(" \t\n;&|") if "env" in head else head.strip()
        plain = link.strip() == "=" and link == "="
        if not looks_secret(name.replace("-", "_")) or not (plain or option):
            return match.group()
        if match["value"].startswith(("$", "{")):
            return match.group()
        return f"{head}{name}{link}{REDACTED}"

    return _BARE_PAIR.sub(replace, text)


def _redact_comment(match: re.Match[str]) -> str:
    # What opens with # may as well stand inside a literal: nothing is done that would end it.
    return _BARE_NOTE.sub(_redact_note, _QUOTED_PAIR.sub(_redact_pair, match.group()))


def _redact_note(match: re.Match[str]) -> str:
    return f"{match['head']}{REDACTED}" if looks_secret(match["name"]) else match.group()


def _literal(text: str) -> str:
    """Return a literal that says redacted, with the prefix, quotes and newlines of another."""
    prefix = "b" if "b" in re.match(r"[A-Za-z]*", text).group().lower() else ""  # type: ignore[union-attr]
    body = text.lstrip("rRbBuUfF")
    breaks = text.count("\n")
    quote = body[:3] if body[:3] in ('"""', "'''") else body[:1]
    if quote not in ('"', "'", '"""', "'''"):
        quote = '"'
    if breaks and len(quote) == 1:
        quote *= 3
    return f"{prefix}{quote}{REDACTED}{chr(10) * breaks}{quote}"


def _masked(source: str) -> str | None:
    """Return the source with the lines that only IPython understands blanked, or None."""
    if source.lstrip().startswith("%%") and not _PYTHON_CELL_MAGIC.match(source):
        return None
    return _MAGIC_LINE.sub(lambda line: line["indent"] + "pass", source)


def _parsed(source: str) -> ast.Module | None:
    try:
        tree: ast.Module = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree


Span = tuple[int, int, str]


def _spans(tree: ast.Module, source: str) -> Iterator[Span]:
    """Yield the byte spans of literals that are secret names' values, and their new text."""
    offset = _offsets(source)
    data = source.encode("utf-8", "surrogatepass")
    for value in _secret_values(tree):
        for node in _direct_literals(value):
            yield _span(node, offset, data)
    for node in _texts(tree):
        # `token=…` in a text, as in a query or a message.
        start, end, _ = _span(node, offset, data)
        text = data[start:end].decode("utf-8", "replace")
        safe = _BARE_NOTE.sub(_redact_note, text)
        if safe != text:
            yield start, end, safe


def _whole_if_form(node: ast.expr, source: str) -> Span | None:
    span = _span(node, _offsets(source), source.encode("utf-8", "surrogatepass"))
    text = node.value if isinstance(node, ast.Constant) else ast.unparse(node)
    return span if isinstance(text, str) and _FORMS.search(text) else None


def _span(node: ast.expr, offset: Callable[[int, int], int], data: bytes) -> Span:
    end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
    start, end = offset(node.lineno, node.col_offset), offset(end_line, end_column)
    return start, end, _literal(data[start:end].decode("utf-8", "replace"))


def _offsets(source: str) -> Callable[[int, int], int]:
    starts = [0]
    for line in re.split(r"(?<=\n)|(?<=\r)(?!\n)", source):
        starts.append(starts[-1] + len(line.encode("utf-8", "surrogatepass")))
    return lambda line, column: starts[line - 1] + column


def _replaced(source: str, spans: list[Span]) -> str:
    data = source.encode("utf-8", "surrogatepass")
    edge = len(data)
    for start, end, text in sorted(set(spans), reverse=True):
        if end <= edge:  # of two spans that overlap, the later and inner one stands
            data = data[:start] + text.encode() + data[end:]
            edge = start
    return data.decode("utf-8", "surrogatepass")


def _secret_values(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield the expressions whose value goes to a secret name, argument, key or default."""
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
                yield from (pair.value for pair in keywords if pair.arg and looks_secret(pair.arg))
                # environ.get("TOKEN", "text"), setattr(x, "token", "text"), putenv("TOKEN", "text")
                name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
                if name in {
                    "get",
                    "getenv",
                    "setdefault",
                    "putenv",
                    "setattr",
                    "pop",
                    "set",
                    "setenv",
                }:
                    for key, value in itertools.pairwise(args):
                        if _is_secret_key(key):
                            yield value
            case ast.Dict(keys=keys, values=values):
                for item, value in zip(keys, values, strict=True):
                    if item is not None and _is_secret_key(item):
                        yield value
            case ast.Compare(left=left, comparators=[right]) if _is_secret_target(left):
                yield right
            case ast.arguments(args=args, posonlyargs=first, defaults=defaults):
                named = [*first, *args]
                for arg, default in zip(named[len(named) - len(defaults) :], defaults, strict=True):
                    if looks_secret(arg.arg):
                        yield default
                for arg, given in zip(node.kwonlyargs, node.kw_defaults, strict=True):
                    if given is not None and looks_secret(arg.arg):
                        yield given


def _assigned(target: ast.expr, value: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
            for part, given in zip(target.elts, value.elts, strict=True):
                yield from _assigned(part, given)
    elif _is_secret_target(target):
        yield value


def _is_secret_target(target: ast.expr) -> bool:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return looks_secret(name)
        case ast.Subscript(slice=key):
            return _is_secret_key(key)
    return False


def _is_secret_key(key: ast.expr) -> bool:
    return isinstance(key, ast.Constant) and isinstance(key.value, str) and looks_secret(key.value)


def _direct_literals(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the literals that make up a value, but not those that say where to look it up."""
    match node:
        case ast.Constant(value=str() | bytes() as text) if text:
            yield node
        case ast.Constant(value=int() as number) if abs(number) >= 1000:  # a PIN, not a count
            yield node
        case ast.JoinedStr():
            yield node
        case ast.BinOp(left=left, right=right):
            yield from _direct_literals(left)
            yield from _direct_literals(right)
        case ast.IfExp(body=body, orelse=other):
            yield from _direct_literals(body)
            yield from _direct_literals(other)
        case (
            ast.BoolOp(values=parts)
            | ast.List(elts=parts)
            | ast.Tuple(elts=parts)
            | ast.Set(elts=parts)
        ):
            for part in parts:
                yield from _direct_literals(part)
        case ast.Dict(values=parts):
            for part in parts:
                yield from _direct_literals(part)
        case ast.Call(func=ast.Attribute(value=ast.Constant() | ast.JoinedStr() as inner)):
            yield from _direct_literals(inner)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *_]) if (
            name
            in {
                *(
                    "str",
                    "bytes",
                    "bytearray",
                    "SecretStr",
                    "SecretBytes",
                    "Secret",
                    "quote",
                    "quote_plus",
                ),
                *("b64decode", "unhexlify", "fromhex", "literal"),
            }
        ):
            yield from _direct_literals(first)


def _texts(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield text literals; an f-string as a whole, for in 3.11 its parts have no places."""
    inside: set[int] = set()
    for node in ast.walk(tree):  # an f-string comes before its parts
        if isinstance(node, ast.JoinedStr):
            inside.update(id(part) for part in ast.walk(node) if part is not node)
        elif not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            continue
        if id(node) not in inside:
            yield node
