"""The identity of an object, as a number, and what is remembered of classes by it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TypeVar

# An object's address with its bits rotated. `id` would do, but it raises an audit event, which
# costs five times as much as the answer in a process with an audit hook, and ours has one.
identity = object.__hash__

Found = TypeVar("Found")
Remembered = dict[int, tuple["weakref.ref[type]", int, Found]]

_mro_of = type.__dict__["__mro__"].__get__
_CLASSES = 10_000


def remembered(
    find: Callable[[type], Found], known: Remembered[Found] | None = None
) -> Callable[[type], Found]:
    """Return `find` with a memory: a class is looked at again only when its bases have changed.

    Classes are told apart by identity, as a metaclass may define `==`, and are not kept alive.
    `known` holds the answers, for a caller that has to forget them.
    """
    answers: Remembered[Found] = {} if known is None else known

    def recall(kind: type) -> Found:
        answer = answers.get(identity(kind))
        if answer is not None and answer[0]() is kind and answer[1] == identity(_mro_of(kind)):
            return answer[2]
        found = find(kind)
        if len(answers) >= _CLASSES:
            answers.clear()
        answers[identity(kind)] = weakref.ref(kind), identity(_mro_of(kind)), found
        return found

    return recall
