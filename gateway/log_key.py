"""The log's name and Ed25519 key in a file: the seed sealed with AES-256-GCM under a key by scrypt.

The name is in clear and bound to the seed, so that neither is exchanged alone. The form before (a field
``seed`` in clear) is read, too.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from chain.errors import FormatError
from gateway.durable_files import write_durably

SCRYPT_COST: Final = 1 << 15
"""Scrypt's N, with r = 8 and p = 1, as for the EVM keystores: about 0.1 s and 32 MB."""
SEED_SIZE: Final = 32
_FIELDS: Final = ("salt", "nonce", "sealed")


def save_log_key(path: Path, origin: str, seed: bytes, password: bytes) -> None:
    """Write the file, readable by its owner alone; what stood there is replaced in one step."""
    # Not of the gateway's own entropy: a rehearsal's follows from its seed, and a nonce must never repeat.
    salt, nonce = os.urandom(16), os.urandom(12)
    sealed = AESGCM(_stretch(password, salt)).encrypt(nonce, seed, origin.encode())
    record = {"origin": origin, "salt": salt.hex(), "nonce": nonce.hex(), "sealed": sealed.hex()}
    write_durably(path, json.dumps(record).encode(), mode=0o600)


def load_log_key(path: Path, password: bytes) -> tuple[str, bytes, bool]:
    """Return name, 32-byte seed, and whether the file is sealed; the inverse of `save_log_key`.

    Raises FormatError, which carries nothing of it, for another form, or where the password does not open it.
    """
    try:
        record = json.loads(path.read_bytes())
        origin = record["origin"]
        if not isinstance(origin, str):
            raise ValueError
        if "seed" in record:
            seed, is_sealed = bytes.fromhex(record["seed"]), False
        else:
            salt, nonce, sealed = (bytes.fromhex(record[name]) for name in _FIELDS)
            seed, is_sealed = AESGCM(_stretch(password, salt)).decrypt(nonce, sealed, origin.encode()), True
    except (ValueError, KeyError, TypeError, InvalidTag):
        # The cause might show the seed in a traceback.
        raise FormatError(path.name, "is no log key that this password opens") from None
    if len(seed) != SEED_SIZE:
        raise FormatError(path.name, f"holds a seed of {len(seed)} bytes, wants {SEED_SIZE}")
    return origin, seed, is_sealed


def _stretch(password: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=SCRYPT_COST, r=8, p=1).derive(password)
