"""The keys of a single-machine gateway: made on first start, kept encrypted, loaded by role.

One key a role, so that no key holds two powers. In production most roles live elsewhere (a remote signer,
other people); here all are made so that the whole product runs, and the trust root says so.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.errors import FormatError
from chain.evm.signers.base import LocalKey
from chain.evm.signers.keystore import load_keystore, read_password, save_keystore
from gateway.data_folder import write_durably
from gateway.ledger.identity import LogIdentity
from gateway.ledger.vault import Entropy

ROLES = (
    "deployer",
    "hq",
    "operator",
    "issuer",
    "freezer",
    "recoverer",
    "president",
    "secretary",
    "regulator",
    "witness",
)
"""Role names of the EVM keys; ``deployer`` is the access manager's admin, ``witness`` only signs anchors."""

_PASSWORD = "password"  # noqa: S105  a file's name
_LOG_KEY = "log.json"


class KeyFolder:
    """Keys below one folder, readable by their owner alone."""

    def __init__(self, folder: Path, entropy: Entropy = os.urandom) -> None:
        self._folder = folder
        self._entropy = entropy
        self._loaded: dict[str, LocalKey] = {}

    def log_identity(self, origin: str | None) -> LogIdentity:
        """Return the log's name and key, making both on first start.

        Raises:
            FormatError: ``origin`` is not the name the log was made with.
        """
        path = self._folder / _LOG_KEY
        if not path.exists():
            name = origin or f"tongyi.local/{self._entropy(4).hex()}"
            stored = {"origin": name, "seed": self._entropy(32).hex()}
            # If we crash here, nothing was signed with this key; a later start uses it or makes the file.
            write_durably(path, json.dumps(stored).encode(), mode=0o600)
        record = json.loads(path.read_bytes())
        if origin is not None and record["origin"] != origin:
            raise FormatError("origin", "is not the one this log was made with")
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(record["seed"]))
        return LogIdentity(record["origin"], key)

    def signer(self, role: str) -> LocalKey:
        """Return the key of a role, making it on first use.

        Raises:
            FormatError: the keystore or its password cannot be read.
        """
        if role not in self._loaded:
            path = self._folder / f"{role}.json"
            password = self._password()
            # Opening a keystore costs a tenth of a second by design, so each is opened once.
            self._loaded[role] = (
                load_keystore(path, password)
                if path.exists()
                else save_keystore(path, self._entropy(32), password)
            )
        return self._loaded[role]

    def signers(self, *roles: str) -> dict[str, LocalKey]:
        """Return the keys of several roles by name."""
        return {role: self.signer(role) for role in roles}

    def names(self) -> list[str]:
        """Return the roles whose keys are here."""
        return [role for role in ROLES if (self._folder / f"{role}.json").exists()]

    def _password(self) -> bytes:
        path = self._folder / _PASSWORD
        if not path.exists():
            write_durably(path, secrets.token_hex(32).encode() + b"\n", mode=0o600)
        return read_password(path)
