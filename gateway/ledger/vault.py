"""The key store of private fields: one random key per account, in an SQLite file of its own, apart from the
ledger.

Its backups are kept for a shorter time than the ledger's, so that destroying a key ends what it sealed.
Nothing here knows entries; the ledger hands in plain bytes and stores what comes back.
"""

from __future__ import annotations

import errno
import hmac
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import cast

import pysqlite3.dbapi2 as sqlite_driver  # type: ignore[import-untyped]
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chain.errors import VerificationError
from gateway.failpoints import step
from gateway.lost_writes import is_lost_write

KEY_SIZE = 32
NONCE_SIZE = 12
_LABEL = b"tongyi disclosure v1\x00"
_CACHE_LIMIT = 200_000

Entropy = Callable[[int], bytes]
"""Source of random bytes, `os.urandom` outside tests."""


class Vault:
    """Subject keys by account address. Safe to use from several threads and processes of one machine.

    Without ``cached`` every use reads the file, so that a key another process destroyed is gone here, too.
    """

    def __init__(self, path: Path, entropy: Entropy, *, cached: bool = True) -> None:
        self._entropy = entropy
        self._cached = cached
        self._lock = Lock()
        self._keys: dict[bytes, bytes] = {}
        self.has_failed = False
        """Whether the disk lost a write: nothing is written here any more."""
        self._connection = sqlite_driver.connect(
            str(path), isolation_level=None, check_same_thread=False, timeout=30.0
        )
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
            self._connection.execute(f"PRAGMA {pragma}").fetchone()
        # What a crash left is written anew, see `gateway.db.Database.settle`; other processes may be at it.
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS subject_keys"
            " (account BLOB PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID"
        )
        path.chmod(0o600)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def ensure_keys(self, accounts: Iterable[bytes]) -> None:
        """Make a durable key for every account that has none.

        Must be done before the entry that uses a key commits: a key nobody uses is harmless, an entry sealed
        with a key that was lost is not.

        Raises OSError when the file does not take them; some may be there all the same.
        """
        with self._lock:
            missing = sorted({account for account in accounts if account not in self._keys})
            if not missing:
                return
            if self.has_failed:
                raise OSError(errno.EIO, "the disk lost an earlier write of the key store")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(
                    "INSERT OR IGNORE INTO subject_keys (account, key) VALUES (?, ?)",
                    [(account, self._entropy(KEY_SIZE)) for account in missing],
                )
                with step("ledger.keys"):
                    self._connection.execute("COMMIT")
            except sqlite_driver.Error as error:
                self.has_failed = self.has_failed or is_lost_write(error)
                self._roll_back()
                raise OSError(self._number(error), "the key store does not commit") from error
            except BaseException:
                self._roll_back()
                raise
            if len(self._keys) > _CACHE_LIMIT:
                self._keys.clear()
            for account in missing:
                self._read(account)

    def _number(self, error: Exception) -> int:
        if self.has_failed:
            return errno.EIO
        return errno.ENOSPC if "full" in str(error) else errno.EAGAIN

    def _roll_back(self) -> None:
        """Take back what is open; a commit whose outcome is unknown may have left nothing open."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _read(self, account: bytes) -> bytes | None:
        key = self._keys.get(account)
        if key is None:
            row = self._connection.execute(
                "SELECT key FROM subject_keys WHERE account = ?", (account,)
            ).fetchone()
            key = None if row is None else cast("bytes", row[0])
            if key is not None and self._cached:
                self._keys[account] = key
        return key

    def _key(self, account: bytes) -> bytes | None:
        # Without the lock when it is cached: reading a dict is atomic.
        key = self._keys.get(account)
        if key is None:
            with self._lock:
                key = self._read(account)
        return key

    def seal(self, account: bytes, entry_id: str, plain: bytes, nonce: bytes) -> bytes:
        """Return nonce and AES-256-GCM ciphertext of ``plain`` for one (entry, account).

        The record key is HKDF-Expand (RFC 5869 section 2.3) of the subject key with the entry id; extraction
        is skipped as the subject key is uniform. Requires `ensure_keys` for the account and a fresh 12-byte
        nonce.
        """
        key = self._key(account)
        if key is None:
            raise VerificationError("vault", "no key for the account")
        name = entry_id.encode()
        return nonce + AESGCM(_record_key(key, name)).encrypt(nonce, plain, name)

    def open(self, account: bytes, entry_id: str, sealed: bytes) -> bytes | None:
        """Return what `seal` was given, None when the account's key was destroyed.

        Raises VerificationError when the sealed bytes were changed or belong to another entry.
        """
        key = self._key(account)
        if key is None:
            return None
        name = entry_id.encode()
        try:
            return AESGCM(_record_key(key, name)).decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], name)
        except InvalidTag:
            raise VerificationError("disclosures", "sealed bytes were changed") from None

    def destroy(self, account: bytes) -> None:
        """Delete the account's key, durably. What it sealed is gone once backups of this file have lapsed."""
        with self._lock:
            self._connection.execute("DELETE FROM subject_keys WHERE account = ?", (account,))
            self._keys.pop(account, None)


def _record_key(subject_key: bytes, entry_id: bytes) -> bytes:
    return hmac.digest(subject_key, _LABEL + entry_id + b"\x01", "sha256")
