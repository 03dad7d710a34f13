"""Keys in encrypted keystore files (Web3 Secret Storage version 3), as go-ethereum writes them.

The password is in a file of its own, both files readable by their owner alone. eth_keyfile does the format.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from chain.errors import FormatError
from chain.evm.recursion import reset_recursion_limit
from chain.evm.signers.base import LocalKey

MAX_KEYSTORE_BYTES: Final = 65_536
"""Largest file read; a keystore has about 500 bytes."""

SCRYPT_COST: Final = 1 << 15
"""Scrypt's N for new files: about 0.1 s and 32 MB a key."""


def read_password(path: Path) -> bytes:
    """Return the password in a file: its first line, without the line end.

    Raises FormatError where others than its owner may read the file, or where it is empty.
    """
    _check_private(path)
    lines = path.read_bytes().splitlines()
    if not lines or not lines[0]:
        raise FormatError(path.name, "holds no password")
    return lines[0]


def load_keystore(path: Path, password: bytes) -> LocalKey:
    """Return the key in a keystore file.

    Raises FormatError for a file that is no version 3 keystore, whose address is not that of its key, or that
    this password does not open.
    """
    from eth_keyfile.keyfile import decode_keyfile_json  # not above: it raises the recursion limit

    reset_recursion_limit()
    if path.stat().st_size > MAX_KEYSTORE_BYTES:
        raise FormatError(path.name, f"is larger than {MAX_KEYSTORE_BYTES} bytes")
    try:
        content = json.loads(path.read_bytes())
        key = LocalKey(decode_keyfile_json(content, password))
        named = content.get("address", key.address.hex())
    except FormatError:
        raise
    except Exception:
        # The libraries raise a dozen kinds; none may carry the key or the password out of here.
        raise FormatError(path.name, "is no keystore that this password opens") from None
    if not isinstance(named, str) or named.lower().removeprefix("0x") != key.address.hex():
        raise FormatError(path.name, "names another address than that of its key")
    return key


def save_keystore(path: Path, secret: bytes, password: bytes) -> LocalKey:
    """Write a new keystore file for ``secret``, readable by its owner alone, and return its key.

    The inverse of ``load_keystore``. Raises FormatError where the file exists: a key is never overwritten.
    """
    from eth_keyfile.keyfile import create_keyfile_json  # not above: it raises the recursion limit

    reset_recursion_limit()
    key = LocalKey(secret)
    content = json.dumps(create_keyfile_json(secret, password, iterations=SCRYPT_COST, kdf="scrypt")).encode()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise FormatError(path.name, "exists already") from None
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return key


def _check_private(path: Path) -> None:
    if path.stat().st_mode & 0o077:
        raise FormatError(path.name, "may be read by others than its owner")
