"""Taking apart the small values of the standard library, and what is not taken apart at all."""

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

from provenance_kernel.fingerprint import budget as cost
from provenance_kernel.fingerprint.registry import Entry, consists_of, declare, handles
from provenance_kernel.fingerprint.walk import Parts, Unreadable, Walk, joined
from provenance_kernel.inspection import derives, static_dict, top_level

consists_of(datetime.date, names="year month day", mutable=False, extended=True)
consists_of(
    datetime.time, names="hour minute second microsecond fold tzinfo", mutable=False, extended=True
)
consists_of(
    datetime.datetime,
    names="year month day hour minute second microsecond fold tzinfo",
    mutable=False,
    extended=True,
)
consists_of(datetime.timedelta, names="days seconds microseconds", mutable=False, extended=True)
consists_of("zoneinfo.ZoneInfo", names="key", mutable=False)
# Whether it was made safely among processes depends on the platform.
consists_of(uuid.UUID, names="int", mutable=False, extended=True)
consists_of(re.Pattern, names="pattern flags", mutable=False)
consists_of(re.Match, names="re string regs", mutable=False)
consists_of(slice, names="start stop step", mutable=False)
consists_of(functools.partial, names="func args keywords", extended=True)
consists_of(functools.cached_property, names="func")
consists_of(types.SimpleNamespace, names="__dict__", extended=True)
consists_of(types.GenericAlias, names="__origin__ __args__", mutable=False)
consists_of("typing._GenericAlias", names="__origin__ __args__", mutable=False)
consists_of(
    types.UnionType,
    "typing._UnionGenericAlias",
    names="__args__",
    name="types.UnionType",
    mutable=False,
)
consists_of("typing._SpecialForm", names="_name", mutable=False)
consists_of(BaseException, names="args __dict__")


@handles(enum.Enum, mutable=False, first=True)
def _enum(walk: object, value: enum.Enum) -> Parts:
    member = static_dict(value) or {}
    return joined(member.get("_name_"), member.get("_value_"))


@handles(datetime.timezone, mutable=False)
def _timezone(walk: object, value: datetime.timezone) -> Parts:
    return joined(value.utcoffset(None), value.tzname(None))


@handles("pytz.tzinfo.BaseTzInfo", mutable=False)
def _pytz(walk: object, value: Any) -> Parts:
    return (yield str(object.__getattribute__(value, "zone")))


@handles(decimal.Decimal, mutable=False, extended=True)
def _decimal(walk: object, value: decimal.Decimal) -> Parts:
    # 1.0 and 1.00 are equal numbers, but print, round and quantize apart; every quiet NaN is one.
    if decimal.Decimal.is_qnan(value):
        return b"nan"
    return (yield tuple(decimal.Decimal.as_tuple(value)))


@handles(pathlib.PurePath, mutable=False, extended=True)
def _path(walk: object, value: pathlib.PurePath) -> Parts:
    windows = derives(type(value), pathlib.PureWindowsPath)
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


# What stands for something outside the process, moves when looked at, or belongs to the machinery
# rather than to the experiment. C types nobody has declared are opaque as well.
_OPAQUE = """
    threading.Thread threading.local _thread._local threading.Condition threading.Event
    threading.Semaphore threading.Barrier queue.Queue queue.SimpleQueue socket.socket
    ssl.SSLSocket selectors.BaseSelector subprocess.Popen contextlib._GeneratorContextManager
    concurrent.futures._base.Executor concurrent.futures._base.Future
    multiprocessing.process.BaseProcess multiprocessing.pool.Pool multiprocessing.queues.Queue
    multiprocessing.queues.SimpleQueue multiprocessing.synchronize.SemLock
    multiprocessing.connection._ConnectionBase multiprocessing.managers.BaseManager
    multiprocessing.managers.BaseProxy multiprocessing.shared_memory.SharedMemory
    asyncio.events.AbstractEventLoop asyncio.futures.Future _asyncio.Future asyncio.locks.Lock
    asyncio.queues.Queue io.IOBase _io._IOBase tempfile._TemporaryFileWrapper
    tempfile.TemporaryDirectory zipfile.ZipFile tarfile.TarFile logging.Logger logging.Handler
    http.client.HTTPConnection requests.sessions.Session httpx.Client httpx.AsyncClient
    sqlalchemy.engine.base.Engine sqlalchemy.engine.base.Connection
    sqlalchemy.orm.session.Session peewee.Database h5py._hl.base.HLObject
    traitlets.traitlets.HasTraits matplotlib.artist.Artist matplotlib.figure.FigureBase
    IPython.core.interactiveshell.InteractiveShell dask.distributed.Client
    distributed.client.Client torch._C.Stream torch.cuda.streams.Stream torch.cuda.Event
    dask.delayed.Delayed cvxpy.problems.problem.Problem
"""
declare(
    weakref.ReferenceType,
    weakref.ProxyType,
    weakref.CallableProxyType,
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
    types.FrameType,
    types.TracebackType,
    *_OPAQUE.split(),
    entry=Entry(opaque=True),
)


@handles("PIL.Image.Image", adapted=True)
def _picture(walk: Walk, value: Any) -> Parts:
    state = static_dict(value) or {}
    if top_level(type(value)) != "PIL" or state.get("tile"):
        raise Unreadable  # its file would be read
    width, height = value.size
    if not walk.spend_bytes(width * height * 4, cost.COPIED_BYTE):
        return b"?"
    palette = value.getpalette() if value.mode == "P" else None
    return (yield from joined(value.mode, value.size, palette, value.info, value.tobytes()))


# Their parts are made as they are asked for, from these.
consists_of(
    "plotly.basedatatypes.BaseFigure", names="_data _layout _frame_objs _grid_ref", adapted=True
)


@handles("plotly.basedatatypes.BasePlotlyType", adapted=True)
def _part_of_a_figure(walk: object, value: Any) -> Parts:
    return (yield value._props)


# What is asked of a symbol is kept beside the facts that it was made with.
consists_of("sympy.core.assumptions.StdFactKB", names="_generator", adapted=True)
