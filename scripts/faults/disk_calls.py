"""One call of a gateway on its disk that fails, or every write while there is no room; inside of its process.

What SQLite does to its files passes the methods of its own file layer, which are exchanged here; what Python
does to tiles and other files passes the functions of ``os``. Nothing needs root, a tracer or a compiler.
Calls are counted by what they do and whose file it is, and the n-th of one kind fails as ordered.

Lines of the notes file: ``call OP PLACE`` where calls are counted, ``fired ORDER FILE`` before an ordered one
fails. The gateway under test knows nothing of this module.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

ORDER = "TORTURE_DISK"
"""The variable that says what fails: ``SORT:OP:PLACE:NTH``, `COUNT`, or ``full:FILE``."""
NOTES = "TORTURE_DISK_NOTES"
"""The variable that names the file of what was counted or fired."""


COUNT = "count"
"""The order by which nothing fails and each call is a note."""


class Sort(StrEnum):
    """How a call fails."""

    EIO = "EIO"
    """The disk says so; nothing is done."""
    ENOSPC = "ENOSPC"
    """There is no room; nothing is done."""
    SHORT = "short"
    """Half of it is written, as the call says truly."""
    TORN = "torn"
    """Half of it is written, and the process dies."""


class Op(StrEnum):
    """What a call does."""

    OPEN = "open"
    WRITE = "write"
    SYNC = "sync"
    RENAME = "rename"
    CLOSE = "close"
    MKDIR = "mkdir"


DATABASE, VAULT, LOG, OTHER = "database", "vault", "log", "other"
"""Whose file it is: the database's, the key store's, the published log's, another of the data folder."""


@dataclass(frozen=True, slots=True)
class Order:
    """Which call fails, and how; ``nth`` counts from 1."""

    sort: Sort
    op: Op
    place: str
    nth: int

    def __str__(self) -> str:
        return f"{self.sort}:{self.op}:{self.place}:{self.nth}"


def parse_order(text: str) -> Order:
    """Return the order of a text. Inverse of ``str``."""
    sort, op, place, nth = text.split(":")
    return Order(Sort(sort), Op(op), place, int(nth))


# What is exchanged below must be reached as it was.
_OPEN, _WRITE, _CLOSE = os.open, os.write, os.close


class Calls:
    """Counts the calls on one data folder and says which one is to fail."""

    def __init__(self, folder: str, text: str, notes: str) -> None:
        self._folder = folder
        self._notes = _OPEN(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._counts: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()
        kind, _, rest = text.partition(":")
        self._counting = kind == COUNT
        self._flag = rest if kind == "full" else None
        self._order = None if self._counting or self._flag else parse_order(text)
        self._full = False

    def place_of(self, path: object) -> str | None:
        """Return whose file a path is, None outside of the data folder."""
        if not isinstance(path, str | os.PathLike):
            return None
        text = os.fspath(path)
        if not isinstance(text, str) or not text.startswith(self._folder + "/"):
            return None
        name = text[len(self._folder) + 1 :]
        if name.startswith("gateway.sqlite3"):
            return DATABASE
        if name.startswith("vault.sqlite3"):
            return VAULT
        return LOG if name == "log" or name.startswith("log/") else OTHER

    def fault(self, op: Op, place: str, path: str) -> Sort | None:
        """Count one call; return how it is to fail, None where it is not."""
        if self._flag is not None:
            return self._without_room(op, path)
        with self._lock:
            count = self._counts[op, place] = self._counts.get((op, place), 0) + 1
        order = self._order
        if self._counting:
            self._note(f"call {op} {place}")
        if order is None or (order.op, order.place, order.nth) != (op, place, count):
            return None
        self._note(f"fired {order} {os.path.basename(path)}")
        return order.sort

    def _without_room(self, op: Op, path: str) -> Sort | None:
        full = os.path.exists(str(self._flag))
        if not full or op not in (Op.WRITE, Op.MKDIR):
            return None
        if not self._full:
            self._full = True
            self._note(f"fired full {os.path.basename(path)}")
        return Sort.ENOSPC

    def _note(self, line: str) -> None:
        _WRITE(self._notes, f"{line}\n".encode())


def die() -> None:
    """End this process as a crash does."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail(sort: Sort) -> OSError:
    """Return the error of a call of Python's that fails."""
    number = errno.ENOSPC if sort is Sort.ENOSPC else errno.EIO
    return OSError(number, os.strerror(number))


def install(data: Path, environment: Mapping[str, str]) -> None:
    """Exchange the calls of this process, when it is ordered; call before anything is opened."""
    if ORDER in environment:
        calls = Calls(str(data.resolve()), environment[ORDER], environment[NOTES])
        _exchange_os(calls)
        _exchange_sqlite(calls)


# --- Python's calls ------------------------------------------------------------------------------------


def _exchange_os(calls: Calls) -> None:
    paths: dict[int, tuple[str, str]] = {}
    real: dict[str, Callable[..., Any]] = {
        name: getattr(os, name) for name in ("open", "write", "fsync", "close", "rename", "replace", "mkdir")
    }

    def opened(path: Any, *arguments: Any, **named: Any) -> int:
        place = None if named.get("dir_fd") is not None else calls.place_of(path)
        if place is not None and (sort := calls.fault(Op.OPEN, place, os.fspath(path))):
            raise fail(sort)
        descriptor = int(real["open"](path, *arguments, **named))
        if place is not None:
            paths[descriptor] = place, os.fspath(path)
        return descriptor

    def written(descriptor: int, data: Any) -> int:
        sort = calls.fault(Op.WRITE, *paths[descriptor]) if descriptor in paths else None
        if sort in (Sort.SHORT, Sort.TORN):
            count = int(real["write"](descriptor, data[: (len(data) + 1) // 2]))
            if sort is Sort.TORN:
                die()
            return count
        if sort is not None:
            raise fail(sort)
        return int(real["write"](descriptor, data))

    def flushed(descriptor: int) -> None:
        if descriptor in paths and (sort := calls.fault(Op.SYNC, *paths[descriptor])):
            raise fail(sort)
        real["fsync"](descriptor)

    def closed(descriptor: int) -> None:
        known = paths.pop(descriptor, None)
        real["close"](descriptor)
        # The descriptor is gone all the same, as POSIX has it on Linux.
        if known is not None and (sort := calls.fault(Op.CLOSE, *known)):
            raise fail(sort)

    def put(name: str, op: Op) -> Callable[..., None]:
        def moved(*arguments: Any, **named: Any) -> None:
            path = arguments[1] if op is Op.RENAME else arguments[0]
            place = calls.place_of(path)
            if place is not None and (sort := calls.fault(op, place, os.fspath(path))):
                raise fail(sort)
            real[name](*arguments, **named)

        return moved

    for name, function in {
        "open": opened, "write": written, "fsync": flushed, "close": closed,
        "rename": put("rename", Op.RENAME), "replace": put("replace", Op.RENAME),
        "mkdir": put("mkdir", Op.MKDIR),
    }.items():  # fmt: skip
        setattr(os, name, function)


# --- SQLite's calls ------------------------------------------------------------------------------------

_IOERR_WRITE, _IOERR_FSYNC, _CANTOPEN, _FULL = 778, 1034, 14, 13


class _Methods(ctypes.Structure):
    """``sqlite3_io_methods``, version 3."""

    _fields_ = [
        ("version", ctypes.c_int), ("close", ctypes.c_void_p), ("read", ctypes.c_void_p),
        ("write", ctypes.c_void_p), ("truncate", ctypes.c_void_p), ("sync", ctypes.c_void_p),
        ("rest", ctypes.c_void_p * 13),
    ]  # fmt: skip


class _File(ctypes.Structure):
    """``sqlite3_file``, of which only the beginning is everybody's."""

    _fields_ = [("methods", ctypes.POINTER(_Methods))]


class _Vfs(ctypes.Structure):
    """``sqlite3_vfs`` up to the method that opens files."""

    _fields_ = [
        ("version", ctypes.c_int), ("file_size", ctypes.c_int), ("longest", ctypes.c_int),
        ("next", ctypes.c_void_p), ("name", ctypes.c_char_p), ("data", ctypes.c_void_p),
        ("open", ctypes.c_void_p),
    ]  # fmt: skip


_OpenCall = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p
)
_CloseCall = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
_WriteCall = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
_SyncCall = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_kept: list[object] = []
"""What C code points at for the rest of this process's life."""


def _exchange_sqlite(calls: Calls) -> None:
    import pysqlite3._sqlite3 as driver  # type: ignore[import-untyped]

    library = ctypes.CDLL(driver.__file__)
    library.sqlite3_initialize()
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    vfs = library.sqlite3_vfs_find(None).contents
    open_file = _OpenCall(vfs.open)
    files: dict[int, tuple[str, str]] = {}
    exchanged: dict[int, _Methods] = {}

    def opened(of: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        path = "" if name is None else ctypes.string_at(name).decode()
        place = calls.place_of(path)
        if place is not None and (sort := calls.fault(Op.OPEN, place, path)):
            # As the real one does where it fails: the file has no methods then.
            ctypes.memset(file, 0, ctypes.sizeof(_File))
            return _FULL if sort is Sort.ENOSPC else _CANTOPEN
        code = int(open_file(of, name, file, flags, out))
        if code == 0 and place is not None:
            files[file] = place, path
            start = _File.from_address(file)
            address = ctypes.addressof(start.methods.contents)
            if address not in exchanged:
                exchanged[address] = _wrap(start.methods.contents, files, calls)
            start.methods = ctypes.pointer(exchanged[address])
        return code

    call = _OpenCall(opened)
    _kept.extend([open_file, call, exchanged, files])
    vfs.open = ctypes.cast(call, ctypes.c_void_p).value


def _wrap(methods: _Methods, files: dict[int, tuple[str, str]], calls: Calls) -> _Methods:
    """Return a copy of a file's methods whose writes, flushes and closing pass ``calls``."""
    write, sync, close = _WriteCall(methods.write), _SyncCall(methods.sync), _CloseCall(methods.close)

    def written(file: int, data: int, amount: int, offset: int) -> int:
        sort = calls.fault(Op.WRITE, *files[file])
        if sort is Sort.TORN:
            write(file, data, (amount + 1) // 2, offset)
            die()
        if sort is not None:
            return _FULL if sort is Sort.ENOSPC else _IOERR_WRITE
        return int(write(file, data, amount, offset))

    def flushed(file: int, flags: int) -> int:
        if calls.fault(Op.SYNC, *files[file]) is not None:
            return _IOERR_FSYNC
        return int(sync(file, flags))

    def closed(file: int) -> int:
        files.pop(file, None)
        return int(close(file))

    fresh = _Methods()
    # A file layer of an older version has fewer methods; what lies behind them is not asked for.
    ctypes.memmove(ctypes.byref(fresh), ctypes.byref(methods), ctypes.sizeof(_Methods))
    callbacks = _WriteCall(written), _SyncCall(flushed), _CloseCall(closed)
    for name, callback in zip(("write", "sync", "close"), callbacks, strict=True):
        setattr(fresh, name, ctypes.cast(callback, ctypes.c_void_p).value)
    _kept.extend([write, sync, close, *callbacks])
    return fresh
