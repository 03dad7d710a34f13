"""The keys of a single-machine gateway: made on first start, kept encrypted, loaded by role.

The key folder holds the log's key and one keystore a role, all sealed with the password in the file beside
them: that guards a key file that got out alone, not a copy of the whole folder. Roles named in
``TONGYI_SIGNERS`` have their key in the environment or with a remote signer instead, and no file here.

One key a role, so that no key holds two powers. In production most roles live elsewhere (a remote signer,
other people); here all are made so that the whole product runs, and the trust root says so.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.checkpoint import KeyKind, format_vkey
from chain.errors import FormatError
from chain.evm.signers.base import Signer
from chain.evm.signers.keystore import load_keystore, read_password, save_keystore
from chain.types import Address
from gateway.durable_files import replace_durably, write_durably
from gateway.ledger.identity import LogIdentity
from gateway.ledger.vault import Entropy
from gateway.log_key import SEED_SIZE, load_log_key, save_log_key
from gateway.signer_places import KEYSTORE, OutsideSigners

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
_NEXT_LOG_KEY = "log.next.json"
_COSIGNER_KEY = "cosigner.json"
_NEXT_SIGNER = ".next.json"
_ADDRESS_SIZE = 20
_PLACES = {"log": "tongyi.local", "witness": "witness.local"}


@dataclass(frozen=True, slots=True)
class RoleKey:
    """Where a role's key is; ``address`` is ``0x`` and hex, None where nothing here tells it."""

    role: str
    kind: str
    address: str | None


class KeyFolder:
    """Keys below one folder, readable by their owner alone, and those that are elsewhere."""

    def __init__(
        self, folder: Path, entropy: Entropy = os.urandom, outside: OutsideSigners | None = None
    ) -> None:
        self._folder = folder
        self._entropy = entropy
        self.outside = OutsideSigners({}, {}) if outside is None else outside
        self._loaded: dict[str, Signer] = {}

    def log_identity(self, origin: str | None) -> LogIdentity:
        """Return the log's name and key, making both on first start and sealing a file of the old form.

        Raises:
            FormatError: ``origin`` is not the name the log was made with, or the file cannot be opened.
        """
        return LogIdentity(*self._named_key(_LOG_KEY, origin, "origin", "log"))

    def make_next_log_key(self, origin: str) -> LogIdentity:
        """Make and keep the key that is to follow the log's; one made before and never used is replaced."""
        seed = self._entropy(SEED_SIZE)
        save_log_key(self._folder / _NEXT_LOG_KEY, origin, seed, self._password())
        return LogIdentity(origin, Ed25519PrivateKey.from_private_bytes(seed))

    def next_log_key(self) -> LogIdentity | None:
        """Return the key that is to follow the log's, None where there is none.

        Raises FormatError where the file cannot be opened.
        """
        path = self._folder / _NEXT_LOG_KEY
        if not path.exists():
            return None
        origin, seed, _ = load_log_key(path, self._password())
        return LogIdentity(origin, Ed25519PrivateKey.from_private_bytes(seed))

    def take_next_log_key(self) -> None:
        """Put the next key in the place of the log's, whose seed is gone then; the next one's file stays."""
        origin, seed, _ = load_log_key(self._folder / _NEXT_LOG_KEY, self._password())
        save_log_key(self._folder / _LOG_KEY, origin, seed, self._password())

    def drop_next_log_key(self) -> None:
        """Remove the next key's file, if there is one."""
        (self._folder / _NEXT_LOG_KEY).unlink(missing_ok=True)

    def cosigner(self, name: str | None) -> tuple[str, Ed25519PrivateKey]:
        """Return a witness's name and key, made and sealed as the log's; never the same key as a log's.

        Raises:
            FormatError: ``name`` is not the one the witness was made with, or the file cannot be opened.
        """
        return self._named_key(_COSIGNER_KEY, name, "name", "witness")

    def replace_cosigner(self) -> tuple[str, str]:
        """Put a new key in the place of a witness's, under its name; return both vkeys, the old one first.

        The old seed is gone with that. Raises FormatError where the file cannot be opened.
        """
        name, old = self.cosigner(None)
        # If we crash here, the old key stands; behind the next line, the new one.
        save_log_key(self._folder / _COSIGNER_KEY, name, self._entropy(SEED_SIZE), self._password())
        _, new = self.cosigner(name)
        kind = KeyKind.COSIGNER
        return format_vkey(name, old.public_key(), kind), format_vkey(name, new.public_key(), kind)

    def _named_key(
        self, file: str, given: str | None, what: str, whose: str
    ) -> tuple[str, Ed25519PrivateKey]:
        path, password = self._folder / file, self._password()
        if not path.exists():
            name = given or f"{_PLACES[whose]}/{self._entropy(4).hex()}"
            # If we crash here, nothing was signed with this key; a later start uses it or makes the file.
            save_log_key(path, name, self._entropy(SEED_SIZE), password)
        name, seed, is_sealed = load_log_key(path, password)
        if given is not None and name != given:
            raise FormatError(what, f"is not the one this {whose} was made with")
        if not is_sealed:
            # If we crash here, the old or the new form stands, whole.
            save_log_key(path, name, seed, password)
        return name, Ed25519PrivateKey.from_private_bytes(seed)

    def signer(self, role: str) -> Signer:
        """Return the signer of a role; a key that belongs in the folder is made on first use.

        Raises:
            FormatError: the keystore or its password cannot be read.
            FatalChainError: the key is elsewhere and cannot be used.
        """
        if role in self.outside:
            return self.outside.open(role)
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

    def signers(self, *roles: str) -> dict[str, Signer]:
        """Return the signers of several roles by name."""
        return {role: self.signer(role) for role in roles}

    def following_signer(self, role: str) -> Signer:
        """Return the key that is to follow a role's, made and kept beside it where there is none yet.

        It stays until it takes its place: the chain may know it already. Raises FormatError where the file
        cannot be opened.
        """
        path, password = self._folder / f"{role}{_NEXT_SIGNER}", self._password()
        if not path.exists():
            part = path.with_suffix(".part")
            part.unlink(missing_ok=True)
            save_keystore(part, self._entropy(32), password)
            # If we crash here, nobody knows this key; the next run makes another.
            replace_durably(part, path)
        return load_keystore(path, password)

    def following_address(self, role: str) -> Address | None:
        """Return the address of the key that is to follow a role's, None where there is none."""
        return _stored_address(self._folder / f"{role}{_NEXT_SIGNER}")

    def stored_address(self, role: str) -> Address | None:
        """Return the address of a role's key in the folder, None where none is there; opens nothing.

        Raises FormatError where the file is no keystore.
        """
        return _stored_address(self._folder / f"{role}.json")

    def take_following_signer(self, role: str) -> None:
        """Put the following key in the place of a role's, whose secret is gone with that."""
        replace_durably(self._folder / f"{role}{_NEXT_SIGNER}", self._folder / f"{role}.json")
        self._loaded.pop(role, None)

    def drop_signer(self, role: str) -> None:
        """Remove a role's key from the folder: its place is elsewhere now."""
        (self._folder / f"{role}.json").unlink(missing_ok=True)
        self._loaded.pop(role, None)

    def list_roles(self) -> list[RoleKey]:
        """Return every role with the place of its key, opening no keystore and asking no service.

        Raises:
            FormatError: a keystore is no JSON.
            FatalChainError: a variable that is set holds no key.
        """
        return [RoleKey(role, *self._describe(role)) for role in ROLES]

    def _describe(self, role: str) -> tuple[str, str | None]:
        place = self.outside.places.get(role)
        if place is not None:
            address = place.address
            if place.kind == "environment" and self.outside.is_set(place.name):
                address = self.outside.open(role).address
            return place.kind, None if address is None else "0x" + address.hex()
        found = self.stored_address(role)
        return KEYSTORE, None if found is None else "0x" + found.hex()

    def _password(self) -> bytes:
        path = self._folder / _PASSWORD
        if not path.exists():
            if any(self._folder.glob("*.json")):
                raise FormatError(_PASSWORD, "is missing, and the keys beside it are sealed with it")
            write_durably(path, secrets.token_hex(32).encode() + b"\n", mode=0o600)
        return read_password(path)


def _stored_address(path: Path) -> Address | None:
    """Return the address that a keystore says; whoever opens it compares it with the key's own."""
    if not path.exists():
        return None
    try:
        address = bytes.fromhex(str(json.loads(path.read_bytes())["address"]).lower().removeprefix("0x"))
    except (ValueError, KeyError, TypeError):
        address = b""
    if len(address) != _ADDRESS_SIZE:
        raise FormatError(path.name, "is no keystore")
    return Address(address)
