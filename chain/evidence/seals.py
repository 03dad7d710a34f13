"""Who sealed a block: Clique signatures (EIP-225) and Besu's QBFT committed seals. Pure.

Public keys are recovered with coincurve (libsecp256k1), the one native dependency of this room. The signer
sets come from the trust root, never from the header; a header that lists other signers is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coincurve import PublicKey

from chain.errors import VerificationError
from chain.evidence.headers import Header, encode_with_extra, qbft_extra, qbft_items
from chain.hashing import keccak256
from chain.types import Address

_VANITY = 32
_SEAL = 65
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_NO_OMMERS = keccak256(b"\xc0")
_NONCES = (bytes(8), b"\xff" * 8)
_QBFT_MIX = b"ctical byzantine fault tolerance"
"""Mix hash of every QBFT block, as Besu defines it."""
_STEP = "seals"


@dataclass(frozen=True, slots=True)
class SealCount:
    """``sealed`` of ``validators`` sealed what was asked; ``needed`` make it final."""

    sealed: int
    validators: int
    needed: int


def recover_signer(digest: bytes, signature: bytes) -> Address:
    """Return the address whose key signed ``digest``; ``signature`` is r, s and v (0 or 1), 65 bytes.

    High-s signatures are refused: each has a low-s twin by the same signer, so two headers could pass for
    one. Raises VerificationError.
    """
    if len(signature) != _SEAL or signature[64] > 1:
        raise VerificationError(_STEP, "not a 65-byte signature with v 0 or 1")
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        raise VerificationError(_STEP, "signature with a high s")
    try:
        key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except Exception as error:  # coincurve raises bare Exception and ValueError alike
        raise VerificationError(_STEP, "no key fits the signature") from error
    return Address(keccak256(key.format(compressed=False)[1:])[12:])


def clique_signer(header: Header) -> Address:
    """Return who sealed a Clique header (EIP-225). Raises VerificationError."""
    if len(header.extra) < _VANITY + _SEAL:
        raise VerificationError(_STEP, "extra data too short for a seal", got=header.number)
    digest = keccak256(encode_with_extra(header, header.extra[:-_SEAL]))
    return recover_signer(digest, header.extra[-_SEAL:])


def verify_clique_seals(
    headers: Sequence[Header], signers: Sequence[Sequence[Address]]
) -> tuple[Address, ...]:
    """Return the signer of each of these consecutive headers; ``signers`` are the sets pinned for each block.

    Checks EIP-225: pinned signer, in-turn difficulty, signer list of a checkpoint block, and that nobody
    signed twice within floor(N/2) + 1 blocks. Does not count towards finality. Raises VerificationError.
    """
    found: list[Address] = []
    for header, allowed in zip(headers, signers, strict=True):
        signer = clique_signer(header)
        order = sorted(allowed)
        if signer not in order:
            raise VerificationError(_STEP, "signer is not in the trust root", got=signer.hex())
        _check_clique_fields(header, order, signer)
        recent = clique_quorum(len(order)) - 1
        if recent and signer in found[-recent:]:
            raise VerificationError(_STEP, "signed again too soon", got=header.number)
        found.append(signer)
    return tuple(found)


def clique_quorum(validators: int) -> int:
    """Return floor(N/2) + 1: distinct signers after which honest ones cannot drop a Clique block."""
    return validators // 2 + 1


def qbft_quorum(validators: int) -> int:
    """Return ceil(2N/3), the committed seals a QBFT block must carry."""
    return -(-2 * validators // 3)


def verify_qbft_seals(header: Header, validators: Sequence[Address]) -> SealCount:
    """Return how many pinned validators committed to a QBFT block.

    Every seal must be of a distinct pinned validator, and the block must list the pinned validators in
    ascending order, or nobody: Besu lists nobody where a contract names the validators. Does not decide
    whether they are enough. Raises VerificationError or FormatError.
    """
    _, listed, _, _, seals = qbft_items(header)
    if listed and listed != sorted(validators):
        raise VerificationError(_STEP, "validators listed are not those pinned", got=header.number)
    _check_qbft_fields(header, validators)
    digest = keccak256(encode_with_extra(header, qbft_extra(header, keep_round=True)))
    committers = [recover_signer(digest, seal) for seal in seals]
    if len(set(committers)) != len(committers):
        raise VerificationError(_STEP, "a validator's seal appears twice", got=header.number)
    for committer in committers:
        if committer not in validators:
            raise VerificationError(_STEP, "signer is not in the trust root", got=committer.hex())
    return SealCount(len(committers), len(validators), qbft_quorum(len(validators)))


def _check_qbft_fields(header: Header, validators: Sequence[Address]) -> None:
    """Check what Besu's QBFT fixes about a header besides its seals: a validator proposed it."""
    checks = (
        ("difficulty", header.difficulty == 1),
        ("mix hash", header.fields[13] == _QBFT_MIX),
        ("proposer", header.fields[2] in validators),
    )
    for name, holds in checks:
        if not holds:
            raise VerificationError(_STEP, f"{name} breaks QBFT", got=header.number)


def _check_clique_fields(header: Header, order: list[Address], signer: Address) -> None:
    """Check what EIP-225 fixes about a sealed header; ``order`` are its signers, ascending."""
    listed = header.extra[_VANITY:-_SEAL]
    checks: tuple[tuple[str, Callable[[], bool]], ...] = (
        (
            "difficulty",
            lambda: header.difficulty == (2 if order[header.number % len(order)] == signer else 1),
        ),
        ("ommers hash", lambda: header.fields[1] == _NO_OMMERS),
        ("mix hash", lambda: header.fields[13] == bytes(32)),
        ("nonce", lambda: header.fields[14] in _NONCES),
        ("field count", lambda: len(header.fields) <= 16),
        ("signer list", lambda: not listed or listed == b"".join(order)),
    )
    for name, holds in checks:
        if not holds():
            raise VerificationError(_STEP, f"{name} breaks EIP-225", got=header.number)
