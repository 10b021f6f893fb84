"""What is done inside the kernel of a re-run, by questions that are not recorded.

Each function takes and returns JSON text. Entropy is fixed so that a difference between two runs is
not a matter of luck: the generators of `random` and numpy begin with states that follow from a
number, and so does all that Python code takes from the system. Threads of the kernel's own keep
the system's entropy, for when they ask for it is chance.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import random
import shutil
import sys
import sysconfig
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from IPython.core.getipython import get_ipython

from provenance_kernel.capture import randomness
from provenance_kernel.verify.reruns import denial

_KEEPING_TIME = frozenset(
    {
        "asyncio", "concurrent", "ipykernel", "jupyter_client", "provenance_kernel", "queue",
        "selectors", "threading", "tornado", "zmq",
    }
)  # fmt: skip


def prepare(text: str) -> str:
    """Prepare the process for a re-run; return how writing and the network are denied."""
    asked = json.loads(text)
    # Made before, as neither the record's ids nor its times are the cells' business.
    shell: Any = get_ipython()
    _ = shell.kernel.recorder
    if asked["entropy"] is not None:
        _fix_entropy(asked["entropy"])
    if asked["clock"]:
        _stop_clock()
    _copy_memory(shell, Path(asked["writable"][0], "ipython"))
    return json.dumps(denial.deny(asked["writable"], network=asked["network"]))


def _copy_memory(shell: Any, folder: Path) -> None:
    """Let what `%cd`, `%store` and the like remember go to a copy of the user's memory."""
    root = getattr(getattr(shell, "db", None), "root", None)
    if root is None:
        return
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.isdir(root):
        shutil.copytree(root, folder)
    shell.db = type(shell.db)(str(folder))


# What the generators that the next cell makes without a seed begin with, by their library.
_made: dict[str, deque[str]] = {"python": deque(), "numpy": deque()}


def restore(text: str) -> str:
    """Put generators into recorded states; return those that could not be.

    Those that the next cell makes will begin with what they began with when it was recorded.
    """
    failed = []
    for generator, state in json.loads(text):
        if generator == "made":
            _expect(json.loads(state))
            continue
        if generator == "numpy" and "numpy.random" not in sys.modules:
            __import__("numpy.random")
        if not randomness.restore(generator, state):
            failed.append(generator)
    return json.dumps(failed)


def _expect(made: Sequence[tuple[str, str]]) -> None:
    for library, began in _made.items():
        began.clear()
        began.extend(text for each, text in made if each == library)
    if not _made["numpy"]:
        return
    # Without a seed numpy's take their entropy by this name of the module's.
    module: Any = importlib.import_module("numpy.random.bit_generator")
    system = getattr(module.randbits, "system", module.randbits)

    def randbits(bits: int) -> int:
        began = _began_with("numpy")
        return int(system(bits) if began is None else began)

    randbits.system = system  # type: ignore[attr-defined]
    module.randbits = randbits


# Where code lies that is not the user's.
_LIBRARIES = (sysconfig.get_path("stdlib"), str(Path(__file__).parents[2]), "<frozen")


def _began_with(library: str) -> str | None:
    """Return what the generator that is being made is to begin with, if it is in the record.

    That has those alone which the user's code made, and not the one, say, that names temporary
    files.
    """
    if not _made[library]:
        return None
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__") == "random":
        frame = frame.f_back
    file = frame.f_code.co_filename if frame is not None else _LIBRARIES[0]
    if file.startswith(_LIBRARIES) or {"site-packages", "dist-packages"} & {*Path(file).parts}:
        return None
    return _made[library].popleft()


def denied(_: str) -> str:
    """Return what was denied so far."""
    return json.dumps(denial.denied())


def _fix_entropy(seed: int) -> None:
    stream = random.Random(seed)
    ours = {each.ident for each in threading.enumerate()} - {threading.get_ident()}
    system = os.urandom

    def urandom(size: int, /) -> bytes:
        """Return `size` bytes that follow from a number."""
        return system(size) if threading.get_ident() in ours else stream.randbytes(size)

    seeded = random.Random.seed

    @functools.wraps(seeded)
    def seed_(self: Any, a: Any = None, version: int = 2) -> None:
        seeded(self, stream.getrandbits(256) if a is None else a, version)
        began = _began_with("python") if a is None else None
        if began is not None:
            randomness.begin_again(self, began)

    os.urandom = urandom
    random._urandom = urandom  # type: ignore[attr-defined]
    random.Random.seed = seed_  # type: ignore[method-assign]
    random.seed = random._inst.seed
    random.seed(seed)


def _stop_clock() -> None:
    """Let time go by the millisecond with each look at it, from a fixed moment on."""
    import datetime

    began = 1_700_000_000.0
    looks = 0

    def now() -> float:
        nonlocal looks
        looks += 1
        return began + looks / 1000

    def stopped(real: Callable[[], Any], unit: float) -> Callable[[], Any]:
        @functools.wraps(real)
        def look() -> Any:
            asker = str(sys._getframe(1).f_globals.get("__name__")).partition(".")[0]
            # What runs the kernel would wait for ever.
            return real() if asker in _KEEPING_TIME else type(real())(now() * unit)

        return look

    for name in ("time", "monotonic", "perf_counter", "process_time"):
        setattr(time, name, stopped(getattr(time, name), 1))
        setattr(time, f"{name}_ns", stopped(getattr(time, f"{name}_ns"), 1e9))
    for name in ("gmtime", "localtime", "ctime"):
        setattr(time, name, _at(getattr(time, name), now))
    formatted = time.strftime
    formatted_at: Any = lambda form, at=None: formatted(form, at or time.localtime())  # noqa: E731
    time.strftime = formatted_at

    class _Moment(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, cls.__mro__[1])

    real_datetime: Any = datetime.datetime
    real_date: Any = datetime.date

    class Datetime(real_datetime, metaclass=_Moment):  # type: ignore[misc]
        def __new__(cls, *given: Any, **named: Any) -> Any:
            return real_datetime.__new__(real_datetime, *given, **named)

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return real_datetime.fromtimestamp(now(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return real_datetime.fromtimestamp(now(), datetime.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return cls.now()

    class Date(real_date, metaclass=_Moment):  # type: ignore[misc]
        def __new__(cls, *given: Any, **named: Any) -> Any:
            return real_date.__new__(real_date, *given, **named)

        @classmethod
        def today(cls) -> Any:
            return real_date.fromtimestamp(now())

    for made, real in ((Datetime, real_datetime), (Date, real_date)):
        made.__name__ = made.__qualname__ = real.__name__
        made.__module__ = "datetime"
        setattr(datetime, real.__name__, made)


def _at(function: Callable[..., Any], now: Callable[[], float]) -> Callable[..., Any]:
    @functools.wraps(function)
    def at(seconds: float | None = None, /) -> Any:
        return function(now() if seconds is None else seconds)

    return at
