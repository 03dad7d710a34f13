"""Transactions: their fields, signed bytes, and strict reading back. EIP-155 legacy and EIP-1559.

Signing goes straight to libsecp256k1 (coincurve); eth_account is the oracle in tests. The consortium's gas
is free, so the default is a legacy transaction with gas price 0, which every engine we know takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import coincurve

from chain.errors import FatalChainError, FormatError
from chain.evidence.rlp import RlpItem, format_number, format_rlp, parse_number, parse_rlp_list
from chain.evm.errors import SignerRefused
from chain.hashing import keccak256
from chain.types import Address, Digest

SIGNATURE_SIZE: Final = 65
"""r, s and v; v is 27 or 28."""

_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_HALF_ORDER: Final = _ORDER // 2
_FEE_MARKET: Final = 2


@dataclass(frozen=True, slots=True)
class TransactionFields:
    """What is asked of a signer; ``to`` is None for a deployment, prices are in wei a gas.

    A transaction is EIP-1559 where ``max_fee_per_gas`` is given (then ``gas_price`` stays 0), else EIP-155
    legacy.
    """

    chain_id: int
    nonce: int
    gas: int
    to: Address | None
    data: bytes
    gas_price: int = 0
    max_fee_per_gas: int | None = None
    max_priority_fee_per_gas: int = 0
    value: int = 0


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """Signed bytes read back: the fields, who signed, and the hash the chain knows them by."""

    fields: TransactionFields
    sender: Address
    hash: Digest


def _body(tx: TransactionFields) -> list[bytes | Sequence[object]]:
    head: list[bytes | Sequence[object]] = [format_number(tx.nonce)]
    tail: list[bytes | Sequence[object]] = [
        format_number(tx.gas),
        tx.to or b"",
        format_number(tx.value),
        tx.data,
    ]
    if tx.max_fee_per_gas is None:
        return [*head, format_number(tx.gas_price), *tail]
    prices = [format_number(tx.max_priority_fee_per_gas), format_number(tx.max_fee_per_gas)]
    return [format_number(tx.chain_id), *head, *prices, *tail, []]


def signing_payload(tx: TransactionFields) -> bytes:
    """Return the bytes whose keccak-256 is signed (EIP-155 or EIP-1559)."""
    if tx.max_fee_per_gas is None:
        return format_rlp([*_body(tx), format_number(tx.chain_id), b"", b""])
    return bytes((_FEE_MARKET,)) + format_rlp(_body(tx))


def join_signature(tx: TransactionFields, signature: bytes) -> bytes:
    """Return the signed bytes of ``tx``. Requires a 65-byte signature with v 27 or 28."""
    parity = signature[64] - 27
    v = parity if tx.max_fee_per_gas is not None else tx.chain_id * 2 + 35 + parity
    numbers = [v, int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")]
    raw = format_rlp([*_body(tx), *[format_number(number) for number in numbers]])
    return raw if tx.max_fee_per_gas is None else bytes((_FEE_MARKET,)) + raw


def transaction_hash(raw: bytes) -> Digest:
    """Return the hash by which the chain knows these signed bytes."""
    return keccak256(raw)


def contract_address(sender: Address, nonce: int) -> Address:
    """Return where a deployment by ``sender`` with ``nonce`` puts its code."""
    return Address(keccak256(format_rlp([sender, format_number(nonce)]))[12:])


def check_signature(signature: bytes) -> None:
    """Raise FormatError unless these are 65 bytes with s in the lower half and v 27 or 28.

    A high s is a second signature by the same key over the same digest; OpenZeppelin refuses it on chain.
    """
    if len(signature) != SIGNATURE_SIZE:
        raise FormatError("signature", f"is {len(signature)} bytes, wants {SIGNATURE_SIZE}")
    if signature[64] not in (27, 28):
        raise FormatError("signature", "v is neither 27 nor 28")
    if not 0 < int.from_bytes(signature[32:64], "big") <= _HALF_ORDER:
        raise FormatError("signature", "s is not in the lower half of the order")


def recover_address(digest: bytes, signature: bytes) -> Address:
    """Return the address whose key made ``signature`` over ``digest``.

    Raises FormatError for what ``check_signature`` refuses and for values that belong to no key.
    """
    check_signature(signature)
    compact = signature[:64] + bytes((signature[64] - 27,))
    try:
        key = coincurve.PublicKey.from_signature_and_message(compact, digest, hasher=None)
    except Exception as error:  # coincurve raises bare Exception for values outside the curve
        raise FormatError("signature", "belongs to no key") from error
    return public_address(key.format(compressed=False)[1:])


def public_address(public_key: bytes) -> Address:
    """Return the address of a 64-byte uncompressed public key."""
    return Address(keccak256(public_key)[12:])


def read_transaction(raw: bytes) -> SignedTransaction:
    """Return fields, sender and hash of signed bytes; the inverse of signing.

    Raises FormatError for any other encoding than the one such fields have, for access lists, and for
    signatures ``check_signature`` refuses.
    """
    if raw[:1] == bytes((_FEE_MARKET,)):
        tx, v, r, s = _read_fee_market(parse_rlp_list(raw[1:]))
    else:
        tx, v, r, s = _read_legacy(parse_rlp_list(raw))
    if v not in (0, 1) or r >> 256 or s >> 256:
        raise FormatError("transaction", "v, r or s is out of range")
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((27 + v,))
    sender = recover_address(keccak256(signing_payload(tx)), signature)
    return SignedTransaction(tx, sender, transaction_hash(raw))


def _read_legacy(items: list[RlpItem]) -> tuple[TransactionFields, int, int, int]:
    if len(items) != 9:
        raise FormatError("transaction", f"has {len(items)} fields, wants 9")
    nonce, price, gas, value, v, r, s = (_scalar(items[i]) for i in (0, 1, 2, 4, 6, 7, 8))
    if v < 37:
        raise FormatError("transaction", "is not bound to a chain (EIP-155)")
    chain_id, parity = divmod(v - 35, 2)
    to, data = _target(items[3]), _data(items[5])
    tx = TransactionFields(chain_id, nonce, gas, to, data, gas_price=price, value=value)
    return tx, parity, r, s


def _read_fee_market(items: list[RlpItem]) -> tuple[TransactionFields, int, int, int]:
    if len(items) != 12:
        raise FormatError("transaction", f"has {len(items)} fields, wants 12")
    if items[8] != []:
        raise FormatError("transaction", "has an access list")
    chain_id, nonce, tip, fee, gas, value, v, r, s = (
        _scalar(items[i]) for i in (0, 1, 2, 3, 4, 6, 9, 10, 11)
    )
    to, data = _target(items[5]), _data(items[7])
    tx = TransactionFields(
        chain_id, nonce, gas, to, data, max_fee_per_gas=fee, max_priority_fee_per_gas=tip, value=value
    )
    return tx, v, r, s


def _scalar(item: RlpItem) -> int:
    return parse_number(item, "transaction", bits=256)


def _data(item: RlpItem) -> bytes:
    if not isinstance(item, bytes):
        raise FormatError("transaction", "a field is a list")
    return item


def _target(item: RlpItem) -> Address | None:
    data = _data(item)
    if len(data) not in (0, 20):
        raise FormatError("transaction", "to is neither empty nor 20 bytes")
    return Address(data) if data else None


def check_signed(raw: bytes, asked: TransactionFields, sender: Address) -> None:
    """Raise SignerRefused, naming the field, unless ``raw`` is ``asked`` signed by ``sender``'s key."""
    try:
        signed = read_transaction(raw)
    except FormatError as error:
        raise SignerRefused("raw", f"is no transaction: {error.reason}") from error
    for field in fields(TransactionFields):
        if getattr(signed.fields, field.name) != getattr(asked, field.name):
            raise SignerRefused(field.name, "is not what was asked for")
    if signed.sender != sender:
        raise SignerRefused("sender", "is another account")


def assert_coincurve() -> None:
    """Raise FatalChainError unless signatures, eth_account's too, are made by libsecp256k1.

    The pure-Python fallback makes 140 recoveries a second: enough for one client to stop a gateway.
    """
    from eth_keys.backends import get_backend_class  # not above: raises the recursion limit

    backend = get_backend_class().__name__
    if backend != "CoinCurveECCBackend":
        raise FatalChainError(f"eth_keys uses {backend}, wants CoinCurveECCBackend")
