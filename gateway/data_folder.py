"""The folder a gateway keeps everything in: names of its files, its lock.

Two gateways on one folder would sign two histories, so the lock is taken before anything else is opened.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from chain.errors import NotaryError


class FolderInUse(NotaryError):
    """Another process holds the data folder's lock."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: another process uses this data folder")
        self.path = path


class DataFolder:
    """Paths below one folder; `lock` makes this process (or kind of process) its only user until `unlock`."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._lock: IO[bytes] | None = None

    @property
    def database(self) -> Path:
        """SQLite file of everything but the subjects' keys."""
        return self.root / "gateway.sqlite3"

    @property
    def vault(self) -> Path:
        """SQLite file of the subjects' keys, apart so that it is backed up by its own rule."""
        return self.root / "vault.sqlite3"

    @property
    def log(self) -> Path:
        """Folder of tiles, entry bundles and the checkpoint."""
        return self.root / "log"

    @property
    def keys(self) -> Path:
        """Folder of the log's key and the encrypted EVM keys."""
        return self.root / "keys"

    @property
    def chain(self) -> Path:
        """State of the embedded chain."""
        return self.root / "chain"

    @property
    def deployment(self) -> Path:
        """Which contracts stand where, on which chain."""
        return self.root / "deployment.json"

    @property
    def trust_root(self) -> Path:
        """What a verifier of this gateway's proofs must already have."""
        return self.root / "trust_root.json"

    @property
    def platform_key(self) -> Path:
        """The first API key."""
        return self.root / "platform_key"

    def lock(self, *, shared: bool = False, create: bool = True) -> None:
        """Create the folder and those in it when they are missing, unless told not to, and take its lock.

        ``shared`` admits others that take it shared, too: the process roles of one gateway, which exclude
        each other by locks of their database.

        Raises:
            FolderInUse: another process has it.
        """
        if create:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = open(self.root / "lock", "ab")  # held as long as the folder is used
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            handle.close()
            raise FolderInUse(self.root) from None
        self._lock = handle
        for folder in (self.log, self.keys, self.chain) if create else ():
            folder.mkdir(exist_ok=True, mode=0o700)

    def unlock(self) -> None:
        """Give the lock back; closing the file does it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
