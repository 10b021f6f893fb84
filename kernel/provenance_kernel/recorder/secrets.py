"""The filter that every record passes before it is stored: it shows no secret.

What is known to be secret is hidden in each column of text. It is known from the names that a value
is given to, in a cell's code, as an argument, in the session's names and in the environment; from
what was asked for unseen; and from the forms of providers' keys.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, cast

from provenance_kernel.capture.secrets.known import Known
from provenance_kernel.capture.secrets.names import asks_for_secret, looks_secret
from provenance_kernel.capture.secrets.source import redact_source
from provenance_kernel.capture.secrets.text import REDACTED, holds_secret, redact_text
from provenance_kernel.capture.secrets.values import secret_texts
from provenance_kernel.records import Activation, Code, StageTag, TrackedValue, Variable
from provenance_kernel.stages import BadLabel, stage
from provenance_kernel.trace.arguments import parameters
from provenance_kernel.types import Json

# Columns that we make ourselves, of no text of the user's.
_OURS = frozenset({"hash", "ast_hash", "digest", "state_before", "python", "implementation"})
# A text of more characters is cut, for it is there to be read by people.
_LONGEST = 100_000
_MISSING = object()


class Secrets:
    """Takes secrets out of records. Any thread may use it."""

    def __init__(self, shell: Any) -> None:
        self._known = Known()
        self._shell = shell
        # Names whose value holds a secret.
        self._holding: set[str] = set()
        # The last source, for it is asked for again when its cell has run.
        self._cleaned_source = ("", -1, "")

    @property
    def _namespace(self) -> Mapping[str, Any]:
        namespace: Mapping[str, Any] = self._shell.user_ns
        return namespace

    def told(self, text: str) -> None:
        """Take a text for secret that somebody typed unseen."""
        self._known.learn(text)

    def asked(self, prompt: object, text: str) -> None:
        """Take the answer to a prompt for secret, if the prompt asks for one."""
        if asks_for_secret(str(prompt)):
            self.told(text)

    def given(self, arguments: Mapping[str, object]) -> None:
        """Look at the arguments of a call; it waits meanwhile."""
        for name, value in arguments.items():
            if looks_secret(name):
                self._take(name, value)

    def answered(self, activations: Iterable[Activation]) -> None:
        """Look at what calls that ask people returned, in kernels that are not ours."""
        for each in activations:
            name = each.name.rpartition(".")[2]
            if name == "getpass" or (
                name in ("input", "raw_input")
                and any(map(asks_for_secret, (each.arguments or {}).values()))
            ):
                self.told((each.result or "")[1:-1])

    def look(self, names: Iterable[str]) -> None:
        """Look at the values of names of the session, and at the environment."""
        for name in os.environ:
            # POSIX has the working folder in PWD.
            if name != "PWD" and looks_secret(name):
                self._known.learn(os.environ.get(name, ""), name)
        for name in names:
            value = self._namespace.get(name, _MISSING)
            if value is not _MISSING and self._take(name, value):
                self._holding.add(name)
            else:
                self._holding.discard(name)

    def _take(self, name: str, value: object) -> bool:
        found = False
        for inner, text in secret_texts(name, value):
            found = True
            self._known.learn(text, inner)
        return found

    def source(self, text: str) -> str:
        """Return a cell's source as it may be stored; what it gives to secret names is known then.

        What is stored of a cell, its digests too, is of this text.
        """
        known = self._known.count
        last, count, clean = self._cleaned_source
        if (last, count) != (text, known):
            clean = redact_source(text, self._known, self._signature)
            self._cleaned_source = (text, self._known.count, clean)
        return clean

    def _signature(self, callee: str) -> tuple[str, ...]:
        first, *rest = callee.split(".")
        value = self._namespace.get(first, _MISSING)
        for name in rest:
            if value is _MISSING:
                return ()
            # Without running anything: of a module's names and a class's, not of an instance's.
            value = vars(value).get(name, _MISSING) if type(value) in (type, type(os)) else _MISSING
        return () if value is _MISSING else parameters(value).positional

    def clean(self, records: Iterable[object]) -> list[object]:
        """Return records as they may be stored; cleaning them again changes nothing."""
        return [self._cleaned(record) for record in records]

    def _cleaned(self, record: Any) -> object:
        if type(record) is Code:
            return record  # made of a source that was cleaned
        changed: dict[str, object] = {}
        for name in _texts(cast("Hashable", type(record))):
            value = getattr(record, name)
            if value:
                clean = self._json("", value)
                if clean is not value and clean != value:
                    changed[name] = clean
        match record:
            case Variable():
                self._variable(record, changed)
            case TrackedValue() if looks_secret(record.name):
                changed |= {"value": REDACTED, "number": None}
            case TrackedValue() if "value" in changed:
                changed["number"] = None
            case StageTag() if "label" in changed:
                changed["stage"] = _stage(changed["label"])
        return replace(record, **changed) if changed else record

    def _variable(self, found: Variable, changed: dict[str, object]) -> None:
        if found.repr is not None and holds_secret(found.name, found.repr):
            changed["repr"] = REDACTED
        hidden = "repr" in changed or found.name in self._holding
        if hidden and found.exactness is not None:
            # The digest of a short secret is the secret, for who tries them all.
            changed |= {"digest": None, "nbytes": None, "shape": None, "exactness": "opaque"}
            changed["profile"] = None

    def _json(self, name: str, value: Json) -> Json:
        if isinstance(value, str):
            if name and holds_secret(name, value):
                return REDACTED
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self._json(key, part) for key, part in value.items()}
        if isinstance(value, list):
            return [self._json(name, part) for part in value]
        if name and looks_secret(name) and isinstance(value, int | float) and value >= 1000:
            return REDACTED
        return value

    def text(self, text: str) -> str:
        """Return a text as it may be stored."""
        if len(text) > _LONGEST:
            # More than is kept is looked at, so that no secret is cut in two.
            clean = redact_text(text[: 2 * _LONGEST], self._known)
            return f"{clean[:_LONGEST]}… ({len(text)} characters)"
        if text.isidentifier() and not self._known:
            return text
        return redact_text(text, self._known)


@lru_cache
def _texts(kind: Any) -> tuple[str, ...]:
    """Return the fields of a record that may hold text of the user's, which cells' code is not."""
    return tuple(
        field.name
        for field in fields(kind)
        if any(name in str(field.type) for name in ("str", "Json"))
        and field.name not in _OURS
        and not field.name.endswith(("id", "digest", "_hash"))
        and not field.name.startswith("digest_")
    )


def _stage(label: object) -> str:
    try:
        return stage(str(label), "call").name
    except BadLabel:
        return REDACTED
