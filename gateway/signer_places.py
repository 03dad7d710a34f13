"""Where keys are that are not in the key folder: in the environment, or with a remote signing service.

Written ``role=place``, several by commas or spaces: ``env:NAME`` is a variable with the key in hex,
``remote:URL#0xaddress`` a service with Web3Signer's Ethereum interface. An address behind ``#`` is compared
with the key's own; a remote place must name one, since it is what the service is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Literal

from chain.errors import FatalChainError, FormatError, NotaryError
from chain.evm.signers.base import Signer
from chain.evm.signers.environment import load_environment_key
from chain.evm.signers.remote import RemoteSigner, find_remote_key
from chain.types import Address

KEYSTORE = "keystore"
"""Kind of a key in the folder, as ``tongyi keys signers`` says it."""
_SETTING = "TONGYI_SIGNERS"
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_RAW_KEY = re.compile(r"[0-9a-fA-F]{32,}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class SignerPlace:
    """One place: ``name`` is the variable or the service's URL, ``address`` what the key's must be."""

    kind: Literal["environment", "remote"]
    name: str
    address: Address | None


def parse_places(text: str, roles: Sequence[str]) -> dict[str, SignerPlace]:
    """Return the places in a setting by role.

    Raises FormatError, which never quotes the setting beyond a known role, for an unknown role, one named
    twice, and a place of another form: where ``role=`` is left out, what stands there is the place.
    """
    places: dict[str, SignerPlace] = {}
    for part in re.split(r"[\s,]+", text.strip()) if text.strip() else []:
        role, _, place = part.partition("=")
        if role not in roles:
            raise FormatError(_SETTING, f"names a role that is none of {', '.join(roles)}")
        if role in places:
            raise FormatError(_SETTING, f"names {role} twice")
        places[role] = _parse_place(role, place)
    return places


def _parse_place(role: str, text: str) -> SignerPlace:
    body, marked, tail = text.partition("#")
    scheme, _, name = body.partition(":")
    if marked and not _ADDRESS.fullmatch(tail):
        raise FormatError(_SETTING, f"{role}: what follows # is no address")
    address = Address(bytes.fromhex(tail[2:])) if marked else None
    if scheme == "env" and _RAW_KEY.fullmatch(name):
        # It would be shown as a name that is not set, and in every list of places.
        raise FormatError(_SETTING, f"{role}: env: names a variable, and this could be a key itself")
    if scheme == "env" and _VARIABLE.fullmatch(name):
        return SignerPlace("environment", name, address)
    if scheme == "remote" and name.startswith(("http://", "https://")):
        if address is None:
            raise FormatError(_SETTING, f"{role}: a remote place ends with #0x and the key's address")
        return SignerPlace("remote", name.rstrip("/"), address)
    raise FormatError(_SETTING, f"{role}: is neither env:NAME nor remote:URL#0xaddress")


class OutsideSigners:
    """The signers of the roles that have a place outside of the folder, each opened on first use."""

    def __init__(
        self, places: Mapping[str, SignerPlace], environment: MutableMapping[str, str], *, keep: bool = False
    ) -> None:
        """Take the named variables out of ``environment``, so that no child of this process has them.

        ``keep`` leaves them there, for a look at the addresses.
        """
        self.places = places
        names = {place.name for place in places.values() if place.kind == "environment"}
        take: Callable[[str], str | None] = (
            environment.get if keep else lambda name: environment.pop(name, None)
        )
        self._secrets = {name: text for name in names if (text := take(name)) is not None}
        self._opened: dict[str, Signer] = {}

    def __contains__(self, role: object) -> bool:
        return role in self.places

    def is_set(self, variable: str) -> bool:
        """Say whether the environment had this variable."""
        return variable in self._secrets

    def open(self, role: str) -> Signer:
        """Return the signer of a role.

        Raises:
            FatalChainError: it cannot be reached, holds another key or is not set; names the role.
        """
        if role not in self._opened:
            try:
                self._opened[role] = self._open(self.places[role])
            except NotaryError as error:
                raise FatalChainError(f"signer of {role}: {error}") from error
        return self._opened[role]

    def _open(self, place: SignerPlace) -> Signer:
        if place.kind == "environment":
            # A copy: two roles may be given one variable, though the contracts refuse most such pairs.
            key = load_environment_key(place.name, dict(self._secrets))
            if place.address not in (None, key.address):
                raise FormatError(
                    place.name, f"holds the key of 0x{key.address.hex()}, not of the address named"
                )
            return key
        assert place.address is not None  # noqa: S101  parse_places demands it
        signer = RemoteSigner(place.name, find_remote_key(place.name, place.address))
        try:
            signer.check()
        except NotaryError:
            signer.close()
            raise
        return signer

    def open_all(self) -> None:
        """Open every one of them. Raises as `open` does."""
        for role in self.places:
            self.open(role)

    def close(self) -> None:
        """Close the connections to the services."""
        for signer in self._opened.values():
            if isinstance(signer, RemoteSigner):
                signer.close()
