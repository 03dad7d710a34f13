"""Which validators' seals a gateway's first trust root asks for: ``TONGYI_VALIDATORS``.

``clique:0x...,0x...`` or ``qbft:0x...,0x...``: the kind of seals, then every validator's address. Who may
seal later is for whoever keeps the trust root to write into it, by range of blocks.
"""

from __future__ import annotations

from chain.errors import FormatError
from chain.evidence.seals import clique_quorum
from chain.trust_root import SignerSet
from chain.types import Address, BlockNumber

NAME = "consortium root: its operator names the validators; nobody independent has witnessed this log"
"""Name of a trust root that asks for seals; every verdict shows it."""
_SETTING = "TONGYI_VALIDATORS"
_KINDS = ("clique", "qbft")


def parse_validators(text: str) -> SignerSet:
    """Return the signer set from block 0 on; kind ``none`` where the text is empty.

    Raises FormatError where the text is anything but a kind and distinct addresses.
    """
    if not text.strip():
        return SignerSet("none", (), BlockNumber(0), None)
    kind, colon, rest = text.strip().partition(":")
    if not colon or kind not in _KINDS:
        raise FormatError(_SETTING, f"does not begin with one of {', '.join(_KINDS)} and a colon")
    addresses = tuple(_address(word.strip()) for word in rest.split(","))
    if len(set(addresses)) != len(addresses):
        raise FormatError(_SETTING, "names a validator twice")
    return SignerSet(kind, tuple(sorted(addresses)), BlockNumber(0), None)


def least_depth(signers: SignerSet) -> int:
    """Return how many blocks must follow another one for its seals to suffice."""
    return clique_quorum(len(signers.addresses)) - 1 if signers.kind == "clique" else 0


def _address(word: str) -> Address:
    try:
        if len(word) == 42 and word.startswith("0x"):
            return Address(bytes.fromhex(word[2:]))
    except ValueError:
        pass
    raise FormatError(_SETTING, "an address is not 0x and 40 hex digits")
