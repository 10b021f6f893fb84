"""Faults of the operating system under one process: a library, loaded before the C library, that
lets calls on the files of a folder fail as a page that it shares with the test says."""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CALLS = ("lock", "read", "write", "sync", "open", "truncate", "map", "stat", "unlink")
_PAGE = 4096

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile struct { int calls, error; char part[256]; } *page;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("FAULTS_PAGE");
    int file = name ? open(name, O_RDWR) : -1;
    void *found = file < 0 ? MAP_FAILED : mmap(0, 4096, PROT_READ, MAP_SHARED, file, 0);
    if (found != MAP_FAILED) page = found;
}
static int fails(int call, const char *path) {
    if (!page || !(page->calls & 1 << call) || !path) return 0;
    if (!strstr(path, (const char *)page->part)) return 0;
    errno = page->error;
    return 1;
}
static int fails_of(int call, int file) {
    char link[64], path[4096];
    if (!page || !(page->calls & 1 << call)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return fails(call, path);
}
#define OTHERS(result, name, parameters, failed, arguments) \
    result name parameters { \
        static result (*real) parameters; \
        if (!real) real = (result (*) parameters)dlsym(RTLD_NEXT, #name); \
        return (failed) ? (result)-1 : real arguments; \
    }
OTHERS(ssize_t, read, (int f, void *b, size_t n), fails_of(1, f), (f, b, n))
OTHERS(ssize_t, pread, (int f, void *b, size_t n, off_t o), fails_of(1, f), (f, b, n, o))
OTHERS(ssize_t, pread64, (int f, void *b, size_t n, off64_t o), fails_of(1, f), (f, b, n, o))
OTHERS(ssize_t, write, (int f, const void *b, size_t n), fails_of(2, f), (f, b, n))
OTHERS(ssize_t, pwrite, (int f, const void *b, size_t n, off_t o), fails_of(2, f), (f, b, n, o))
OTHERS(ssize_t, pwrite64, (int f, const void *b, size_t n, off64_t o), fails_of(2, f),
       (f, b, n, o))
OTHERS(int, fsync, (int f), fails_of(3, f), (f))
OTHERS(int, fdatasync, (int f), fails_of(3, f), (f))
OTHERS(int, ftruncate, (int f, off_t n), fails_of(5, f), (f, n))
OTHERS(int, ftruncate64, (int f, off64_t n), fails_of(5, f), (f, n))
OTHERS(void *, mmap, (void *a, size_t n, int p, int k, int f, off_t o), f >= 0 && fails_of(6, f),
       (a, n, p, k, f, o))
OTHERS(void *, mmap64, (void *a, size_t n, int p, int k, int f, off64_t o),
       f >= 0 && fails_of(6, f), (a, n, p, k, f, o))
OTHERS(int, stat, (const char *p, struct stat *s), fails(7, p), (p, s))
OTHERS(int, stat64, (const char *p, struct stat64 *s), fails(7, p), (p, s))
OTHERS(int, lstat64, (const char *p, struct stat64 *s), fails(7, p), (p, s))
OTHERS(int, fstat64, (int f, struct stat64 *s), fails_of(7, f), (f, s))
OTHERS(int, unlink, (const char *p), fails(8, p), (p))
#define OPENS(name) \
    int name(const char *p, int flags, ...) { \
        static int (*real)(const char *, int, ...); \
        va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
        if (!real) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name); \
        return fails(4, p) ? -1 : real(p, flags, mode); \
    }
OPENS(open)
OPENS(open64)
static int locks(int command) {
    return command == F_SETLK || command == F_SETLKW || command == F_GETLK
        || (command >= F_OFD_GETLK && command <= F_OFD_SETLKW);
}
#define CONTROLS(name) \
    int name(int f, int command, ...) { \
        static int (*real)(int, int, ...); \
        va_list rest; va_start(rest, command); void *what = va_arg(rest, void *); va_end(rest); \
        if (!real) real = (int (*)(int, int, ...))dlsym(RTLD_NEXT, #name); \
        return locks(command) && fails_of(0, f) ? -1 : real(f, command, what); \
    }
CONTROLS(fcntl)
CONTROLS(fcntl64)
"""

_PROOF = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA user_version = 1')"


class Unavailable(Exception):
    """Faults cannot be made here: no compiler, or one whose library takes no hold."""


class Faults:
    """The library, built in a folder, and the page by which it is told what fails."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None or not sys.platform.startswith("linux"):
            raise Unavailable("no C compiler")
        source, library = folder / "faults.c", folder / "faults.so"
        source.write_text(_SOURCE)
        command = [compiler, "-shared", "-fPIC", "-O1", "-w", "-o", library, source, "-ldl"]
        if subprocess.run(command, capture_output=True).returncode:
            raise Unavailable("the library does not compile")
        path = folder / "page"
        path.write_bytes(bytes(_PAGE))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), _PAGE)
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": str(library),
            "FAULTS_PAGE": str(path),
        }
        with self.of(("write",), errno.EIO, "proof.db"):
            proof = subprocess.run(
                [sys.executable, "-c", _PROOF, folder / "proof.db"],
                env={**os.environ, **self.environment},
                capture_output=True,
                text=True,
            )
        if "disk I/O error" not in proof.stderr:
            raise Unavailable("the library takes no hold")

    @contextmanager
    def of(self, calls: tuple[str, ...], error: int, part: str) -> Iterator[None]:
        """Let calls on files in whose path there is a part fail for the length of a block."""
        self._page[8:264] = part.encode().ljust(256, b"\0")
        self._page[:8] = struct.pack("ii", sum(1 << CALLS.index(call) for call in calls), error)
        try:
            yield
        finally:
            self._page[:4] = bytes(4)
