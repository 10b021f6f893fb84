"""Taking apart the small values of the standard library: dates, numbers, paths, enums, patterns."""

from __future__ import annotations

import datetime
import decimal
import enum
import functools
import pathlib
import re
import types
import uuid
import weakref
from typing import Any

from provenance_kernel.fingerprint import encoding
from provenance_kernel.fingerprint.registry import Parts, handles, mro_of, opaque

_DATE = ("year", "month", "day")
_TIME = ("hour", "minute", "second", "microsecond", "fold")


def _fields(owner: type, names: tuple[str, ...], value: object) -> bytes:
    return b"".join(encoding.encode_int(owner.__dict__[name].__get__(value)) for name in names)


@handles(datetime.date, mutable=False, extended=True)
def _date(walk: object, value: datetime.date) -> Parts:
    return _fields(datetime.date, _DATE, value)
    yield


@handles(datetime.datetime, mutable=False, extended=True)
def _datetime(walk: object, value: datetime.datetime) -> Parts:
    fields = _fields(datetime.date, _DATE, value) + _fields(datetime.datetime, _TIME, value)
    return fields + (yield datetime.datetime.__dict__["tzinfo"].__get__(value))


@handles(datetime.time, mutable=False, extended=True)
def _time(walk: object, value: datetime.time) -> Parts:
    fields = _fields(datetime.time, _TIME, value)
    return fields + (yield datetime.time.__dict__["tzinfo"].__get__(value))


@handles(datetime.timedelta, mutable=False, extended=True)
def _timedelta(walk: object, value: datetime.timedelta) -> Parts:
    return _fields(datetime.timedelta, ("days", "seconds", "microseconds"), value)
    yield


@handles(datetime.timezone, mutable=False)
def _timezone(walk: object, value: datetime.timezone) -> Parts:
    return (yield value.utcoffset(None)) + (yield value.tzname(None))


@handles("zoneinfo.ZoneInfo", mutable=False)
def _zoneinfo(walk: object, value: Any) -> Parts:
    return (yield object.__getattribute__(value, "key"))


@handles("pytz.tzinfo.BaseTzInfo", "pytz.UTC", mutable=False)
def _pytz(walk: object, value: Any) -> Parts:
    return (yield str(object.__getattribute__(value, "zone")))


@handles(decimal.Decimal, mutable=False, extended=True)
def _decimal(walk: object, value: decimal.Decimal) -> Parts:
    # 1.0 and 1.00 are equal numbers, but print, round and quantize apart; every quiet NaN is one.
    if decimal.Decimal.is_qnan(value):
        return b"nan"
    return (yield tuple(decimal.Decimal.as_tuple(value)))


@handles(uuid.UUID, mutable=False, extended=True)
def _uuid(walk: object, value: uuid.UUID) -> Parts:
    # Whether it was made safely among processes depends on the platform.
    return (yield object.__getattribute__(value, "int"))


@handles(pathlib.PurePath, mutable=False, extended=True)
def _path(walk: object, value: pathlib.PurePath) -> Parts:
    windows = any(base is pathlib.PureWindowsPath for base in mro_of(type(value)))
    flavour = pathlib.PureWindowsPath if windows else pathlib.PurePosixPath
    # A new path, since asking this one for its text would leave a cache on it.
    return (b"w" if windows else b"p") + (yield str(flavour(value)))


for _kind in (
    pathlib.PosixPath,
    pathlib.PurePosixPath,
    pathlib.WindowsPath,
    pathlib.PureWindowsPath,
):
    # These live in another module from one Python version to the next.
    handles(_kind, name=f"pathlib.{_kind.__name__}", mutable=False, extended=True)(_path)


@handles(enum.Enum, mutable=False, first=True)
def _enum(walk: object, value: enum.Enum) -> Parts:
    member = object.__getattribute__(value, "__dict__")
    return (yield dict.get(member, "_name_")) + (yield dict.get(member, "_value_"))


@handles(re.Pattern, mutable=False)
def _pattern(walk: object, value: re.Pattern[Any]) -> Parts:
    return (yield value.pattern) + encoding.encode_int(value.flags)


@handles(re.Match, mutable=False)
def _match(walk: object, value: re.Match[Any]) -> Parts:
    return (yield value.re) + (yield value.string) + (yield value.regs)


@handles(functools.partial, extended=True)
def _partial(walk: object, value: functools.partial[Any]) -> Parts:
    get = functools.partial.__dict__
    function = yield get["func"].__get__(value)
    arguments = yield get["args"].__get__(value)
    keywords = yield get["keywords"].__get__(value)
    return function + arguments + keywords


@handles(functools.cached_property)
def _cached_property(walk: object, value: Any) -> Parts:
    return (yield object.__getattribute__(value, "func"))


@handles(types.SimpleNamespace, extended=True)
def _namespace(walk: object, value: types.SimpleNamespace) -> Parts:
    return (yield types.SimpleNamespace.__dict__["__dict__"].__get__(value))


@handles(types.GenericAlias, mutable=False)
def _alias(walk: object, value: types.GenericAlias) -> Parts:
    return (yield types.GenericAlias.__dict__["__origin__"].__get__(value)) + (
        yield types.GenericAlias.__dict__["__args__"].__get__(value)
    )


@handles(types.UnionType, "typing._UnionGenericAlias", name="types.UnionType", mutable=False)
def _union(walk: object, value: Any) -> Parts:
    return (yield value.__args__)


@handles("typing._GenericAlias", mutable=False)
def _typing_alias(walk: object, value: Any) -> Parts:
    state = object.__getattribute__(value, "__dict__")
    return (yield dict.get(state, "__origin__")) + (yield dict.get(state, "__args__"))


@handles("typing._SpecialForm", mutable=False)
def _special_form(walk: object, value: Any) -> Parts:
    return (yield object.__getattribute__(value, "_name"))


@handles(BaseException)
def _exception(walk: object, value: BaseException) -> Parts:
    arguments = yield BaseException.__dict__["args"].__get__(value)
    return arguments + (yield BaseException.__dict__["__dict__"].__get__(value))


# What stands for something outside the process, moves when looked at, or belongs to the machinery
# rather than to the experiment. C types nobody has declared are opaque as well.
opaque(
    weakref.ReferenceType,
    weakref.ProxyType,
    weakref.CallableProxyType,
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
    types.FrameType,
    types.TracebackType,
    "threading.Thread",
    "threading.local",
    "_thread._local",
    "threading.Condition",
    "threading.Event",
    "threading.Semaphore",
    "threading.Barrier",
    "queue.Queue",
    "queue.SimpleQueue",
    "socket.socket",
    "ssl.SSLSocket",
    "selectors.BaseSelector",
    "subprocess.Popen",
    "contextlib._GeneratorContextManager",
    "concurrent.futures._base.Executor",
    "concurrent.futures._base.Future",
    "multiprocessing.process.BaseProcess",
    "multiprocessing.pool.Pool",
    "multiprocessing.queues.Queue",
    "multiprocessing.queues.SimpleQueue",
    "multiprocessing.synchronize.SemLock",
    "multiprocessing.connection._ConnectionBase",
    "multiprocessing.managers.BaseManager",
    "multiprocessing.managers.BaseProxy",
    "multiprocessing.shared_memory.SharedMemory",
    "asyncio.events.AbstractEventLoop",
    "asyncio.futures.Future",
    "_asyncio.Future",
    "asyncio.locks.Lock",
    "asyncio.queues.Queue",
    "io.IOBase",
    "_io._IOBase",
    "tempfile._TemporaryFileWrapper",
    "tempfile.TemporaryDirectory",
    "zipfile.ZipFile",
    "tarfile.TarFile",
    "logging.Logger",
    "logging.Handler",
    "http.client.HTTPConnection",
    "requests.sessions.Session",
    "httpx.Client",
    "httpx.AsyncClient",
    "sqlalchemy.engine.base.Engine",
    "sqlalchemy.engine.base.Connection",
    "sqlalchemy.orm.session.Session",
    "peewee.Database",
    "h5py._hl.base.HLObject",
    "traitlets.traitlets.HasTraits",
    "matplotlib.artist.Artist",
    "matplotlib.figure.FigureBase",
    "IPython.core.interactiveshell.InteractiveShell",
    "dask.distributed.Client",
    "distributed.client.Client",
    "torch._C.Stream",
    "torch.cuda.streams.Stream",
    "torch.cuda.Event",
)
