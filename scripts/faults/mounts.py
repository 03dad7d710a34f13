"""File systems for the campaign: an ext4 in a file that loses its power, and a small one that gets full.

Both need root and a kernel that mounts; `why_no_mounts` says what is missing. The power cut is ext4's own
shutdown: from then on every call fails, what was not flushed is never written, and the next mount replays the
journal as after a cut.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from enum import IntEnum
from pathlib import Path
from typing import Self

from tests.databases import choose_temporary_folder

_SHUTDOWN = 0x8004587D
"""``EXT4_IOC_SHUTDOWN``, with a 32-bit word of `Cut`."""
_CAP_SYS_ADMIN = 21
_PROGRAMS = ("mkfs.ext4", "losetup", "mount", "umount")
_UNMOUNTED_WITHIN = 20.0


class Cut(IntEnum):
    """How much of its journal a file system still writes when its power goes."""

    FLUSHED = 0
    """The default: everything that is dirty."""
    JOURNAL = 1
    """The journal."""
    NOTHING = 2
    """Nothing at all."""


def why_no_mounts() -> str | None:
    """Return what this machine lacks for mounting a file system in a file, None where it can."""
    if not sys.platform.startswith("linux"):
        return "no Linux"
    if os.geteuid() != 0:
        return "not root"
    status = Path("/proc/self/status").read_text()
    capabilities = int(status.partition("CapEff:")[2].split()[0], 16)
    if not capabilities >> _CAP_SYS_ADMIN & 1:
        return "root without CAP_SYS_ADMIN"
    if not Path("/dev/loop-control").exists():
        return "no loop devices"
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    return f"no {', '.join(missing)}" if missing else None


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()[-300:]}")


class Mount:
    """A mounted file system in a folder of its own that any user may enter; removed at the end."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="torture-mount-", dir=choose_temporary_folder()))
        self._folder.chmod(0o755)
        self.at = self._folder / "at"
        self.at.mkdir()

    def __enter__(self) -> Self:
        self.mount()
        return self

    def __exit__(self, *_: object) -> None:
        if self.at.is_mount():
            self.unmount()
        shutil.rmtree(self._folder)

    def mount(self) -> None:
        """Mount it. Raises OSError."""
        raise NotImplementedError

    def settle(self) -> None:
        """Write what is dirty. Raises OSError."""
        _run("sync", "--file-system", str(self.at))

    def mark(self) -> None:
        """Leave what shows later whether its power was cut. Nothing, where it has none to lose."""

    def unmount(self) -> None:
        """Unmount it, as soon as nobody has a file of it open. Raises OSError."""
        deadline = time.monotonic() + _UNMOUNTED_WITHIN
        while True:
            try:
                _run("umount", str(self.at))
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


class PowerMount(Mount):
    """An ext4 in a file, on a loop device."""

    def __init__(self, megabytes: int) -> None:
        super().__init__()
        self._image = self._folder / "image"
        with self._image.open("wb") as file:
            file.truncate(megabytes << 20)
        _run("mkfs.ext4", "-q", "-F", str(self._image))

    def mount(self) -> None:
        """Mount it; the journal of a file system that was cut is replayed. Raises OSError."""
        _run("mount", "-t", "ext4", "-o", "loop,noatime", str(self._image), str(self.at))

    def mark(self) -> None:
        """Leave a flushed file for `look_back` after the next cut. Flushes what others changed, too."""
        (self.at / "unflushed").unlink(missing_ok=True)
        (self.at / "flushed").unlink(missing_ok=True)
        with (self.at / "flushed").open("wb") as file:
            file.write(b"flushed")
            file.flush()
            os.fsync(file.fileno())

    def cut(self, how: Cut) -> None:
        """Take the power away: no call on it succeeds from here on. Raises AssertionError where one does.

        Leaves a file that is not flushed, for `look_back`.
        """
        (self.at / "unflushed").write_bytes(b"unflushed")
        folder = os.open(self.at, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, _SHUTDOWN, struct.pack("I", how))
        finally:
            os.close(folder)
        try:
            (self.at / "after").write_bytes(b"after")
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        else:
            raise AssertionError("the file system takes writes after its power was cut")

    def look_back(self, how: Cut) -> str | None:
        """Return what shows, after the next mount, that it was no such cut; None where it was."""
        kept = self.at / "flushed"
        if not kept.exists() or kept.read_bytes() != b"flushed":
            return "what was flushed is gone"
        lost = self.at / "unflushed"
        if how is Cut.NOTHING and lost.exists() and lost.read_bytes():
            return "what was not flushed is there"
        return None


class SmallMount(Mount):
    """A file system in memory with room for so many bytes."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room

    def mount(self) -> None:
        """Mount it. Raises OSError."""
        _run("mount", "-t", "tmpfs", "-o", f"size={self._room}", "tmpfs", str(self.at))

    def fill(self) -> None:
        """Leave no room."""
        with (self.at / "filler").open("wb", buffering=0) as file:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def empty(self) -> None:
        """Give the room back."""
        (self.at / "filler").unlink()
