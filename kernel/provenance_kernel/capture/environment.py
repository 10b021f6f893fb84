"""What a trial ran on: interpreter, machine, settings, and the distributions that it imported.

The first census looks at all that is installed, a third of a millisecond each: `prepare` does it
in pieces, off the hot path. `grew` says at the cost of a length whether another is due. A module
that was imported keeps the version that it had when it was first seen, whatever is installed over
it later.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import locale
import os
import re
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import Distribution
from typing import Final

import xxhash

from provenance_kernel.capture.secrets.text import redact_value
from provenance_kernel.records import Environment, Package
from provenance_kernel.types import Json

# Variables that are known to change results or speed; no other one is looked at.
VARIABLES: Final = (
    *("OMP_NUM_THREADS", "OMP_DYNAMIC", "OMP_PROC_BIND", "OMP_PLACES", "OPENBLAS_NUM_THREADS"),
    *("GOTO_NUM_THREADS", "MKL_NUM_THREADS", "MKL_DYNAMIC", "MKL_CBWR", "BLIS_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMEXPR_MAX_THREADS", "NUMBA_NUM_THREADS"),
    *("POLARS_MAX_THREADS", "RAYON_NUM_THREADS", "LOKY_MAX_CPU_COUNT", "TBB_NUM_THREADS"),
    *("OPENBLAS_CORETYPE", "MKL_ENABLE_INSTRUCTIONS", "NPY_DISABLE_CPU_FEATURES"),
    *("PYTHONHASHSEED", "PYTHONOPTIMIZE", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHON_GIL"),
    *("PYTHON_JIT", "PYTHONDEVMODE", "PYTHONMALLOC", "PYTHONNOUSERSITE"),
    *("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE", "TZ"),
    *("CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG", "CUDA_LAUNCH_BLOCKING"),
    *("TF_DETERMINISTIC_OPS", "TF_CUDNN_DETERMINISTIC", "TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS"),
    *("PYTORCH_CUDA_ALLOC_CONF", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "NVIDIA_TF32_OVERRIDE"),
    *("JAX_ENABLE_X64", "JAX_PLATFORMS", "TOKENIZERS_PARALLELISM"),
    *("MPLBACKEND", "CONDA_DEFAULT_ENV"),
)
VALUE_LENGTH: Final = 200
# The module or package that a line of RECORD is a file of; `importlib.metadata` reads the lines as
# paths with digests and sizes, which takes eight times as long.
_FIRST_PART = re.compile(r'^"?([^/.,\n"]+)[/.]', re.MULTILINE)


class Census:
    """Counts the distributions of a trial; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._modules = 0
        self._left_out: frozenset[str] = frozenset()
        self._names: frozenset[str] = frozenset()
        self._versions: dict[str, str] = {}
        self._owners: dict[str, list[Distribution]] = {}
        self._owners_of: tuple[object, ...] | None = None

    def grew(self) -> bool:
        """Tell whether modules were imported since the last census."""
        return len(sys.modules) != self._modules

    def leave_out(self, modules: frozenset[str]) -> None:
        """Count no distribution for the sake of these modules, which the trial did not use."""
        with self._lock:
            self._left_out |= modules
            self._modules = max(self._modules, len(sys.modules))

    def take(self) -> tuple[Environment, list[Package]]:
        """Return the environment as it is now, and its packages sorted by name."""
        with self._lock:
            modules = list(sys.modules)
            self._modules = len(modules)
            used = (name for name in modules if name not in self._left_out)
            names = frozenset(name.partition(".")[0] for name in used)
            if new := names - self._names:
                self._find(new)
                self._names = names | self._names
            packages = sorted(self._versions.items())
        return _environment(packages)

    def prepare(self) -> Iterator[None]:
        """Read which distribution has which modules, in pieces that each take little time.

        They are read again only when a folder of them changed.
        """
        now = tuple(_changed_at(folder) for folder in sys.path)
        if now == self._owners_of:
            return
        owners: dict[str, list[Distribution]] = {}
        for distribution in importlib.metadata.distributions():
            for module in _modules(distribution):
                owners.setdefault(module, []).append(distribution)
            yield
        self._owners, self._owners_of = owners, now

    def _find(self, names: frozenset[str]) -> None:
        wanted = {name for name in names if name not in sys.stdlib_module_names and name[:1] != "_"}
        if not wanted:
            return
        for _ in self.prepare():
            pass
        for name in sorted(wanted):
            for distribution in self._owners.get(name) or _named(name):
                self._note(distribution)

    def _note(self, distribution: Distribution) -> None:
        try:
            metadata = distribution.metadata
            name, version = metadata["Name"], metadata["Version"]
        except Exception:  # metadata that is broken must not stop a trial
            return
        if name and version:
            self._versions.setdefault(_canonical(name), str(version))


def _modules(distribution: Distribution) -> set[str]:
    """Return the names of the modules and packages that a distribution installed."""
    try:
        told = distribution.read_text("top_level.txt")
        found = (
            told.split() if told else _FIRST_PART.findall(distribution.read_text("RECORD") or "")
        )
    except Exception:  # metadata that is broken must not stop a trial
        return set()
    return {name for name in found if name.isidentifier()}


def _named(name: str) -> list[Distribution]:
    """Return the distribution of that name, as one that is installed to be edited lists no file."""
    try:
        return [importlib.metadata.distribution(name)]
    except Exception:  # a module of no distribution
        return []


def _environment(packages: list[tuple[str, str]]) -> tuple[Environment, list[Package]]:
    environment = Environment(
        id="",
        python=sys.version.split()[0],
        implementation=sys.implementation.name,
        platform=_platform(),
        details=_details(),
    )
    facts = {
        "python": environment.python,
        "implementation": environment.implementation,
        "platform": environment.platform,
        "details": environment.details,
        "packages": packages,
    }
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    key = xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))
    return replace(environment, id=key), [Package(key, *package) for package in packages]


def _details() -> dict[str, Json]:
    variables: dict[str, Json] = {
        name: redact_value(name, os.environ[name][:VALUE_LENGTH])
        for name in VARIABLES
        if name in os.environ
    }
    return {
        "version": sys.version,
        "byte_order": sys.byteorder,
        "bits": sys.maxsize.bit_length() + 1,
        "gil": bool(getattr(sys, "_is_gil_enabled", lambda: True)()),
        "cpu_count": os.cpu_count(),
        "cpus_usable": _usable(),
        "locale": _locale(),
        "encoding": locale.getpreferredencoding(False),
        "time_zone": _time_zone(),
        "variables": variables,
    }


def _platform() -> str:
    # Not platform.platform(): it starts programs to learn more than is needed.
    if hasattr(os, "uname"):
        names = os.uname()
        return f"{names.sysname}-{names.release}-{names.machine}"
    return sysconfig.get_platform()


def _usable() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _locale() -> str | None:
    try:
        return locale.setlocale(locale.LC_ALL, None)
    except locale.Error:
        return None


def _time_zone() -> str:
    """Return the zone's name where there is one (`Europe/Paris`), and its two abbreviations."""
    name = os.environ.get("TZ", "")
    with contextlib.suppress(OSError):
        name = name or os.readlink("/etc/localtime").partition("zoneinfo/")[2]
    return " ".join(part for part in (name, "/".join(dict.fromkeys(time.tzname))) if part)


def _canonical(name: str) -> str:
    """Return a distribution's name as packaging standards compare it."""
    return name.lower().replace("_", "-").replace(".", "-")


def _changed_at(folder: str) -> tuple[str, int]:
    try:
        return folder, os.stat(folder or ".").st_mtime_ns
    except (OSError, ValueError):
        return folder, 0
