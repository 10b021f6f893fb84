"""Describes a program that a cell started, by name and number of arguments: never their text."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh", "cmd.exe"})


def describe_process(program: object, arguments: object = None) -> str:
    """Return `name, N arguments`; a shell's command line is read for its first program."""
    if isinstance(arguments, str | bytes):
        return _command(os.fsdecode(arguments))
    if isinstance(arguments, Sequence) and arguments:
        words = [_text(word) for word in arguments]
        name = os.path.basename(_text(program) if program else words[0])
        if name in _SHELLS and len(words) == 3 and words[1] == "-c":
            return _command(words[2])
        return _counted(name, len(words) - 1)
    return _command(_text(program))


def _text(word: object) -> str:
    return os.fsdecode(word) if isinstance(word, str | bytes | os.PathLike) else str(word)


def _command(line: str) -> str:
    try:
        words = shlex.split(line, comments=False)
    except ValueError:
        words = line.split()
    # `TOKEN=… program` sets a variable for it: neither name nor value is the program's.
    while words and "=" in words[0]:
        words.pop(0)
    return _counted(os.path.basename(words[0]) if words else "a shell", max(len(words) - 1, 0))


def _counted(name: str, count: int) -> str:
    return f"{name[:100]}, {count} argument{'' if count == 1 else 's'}"
