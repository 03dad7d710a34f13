"""A key elsewhere: a service that speaks Web3Signer's Ethereum interface.

- Transactions: JSON-RPC ``eth_signTransaction`` with the transaction object, answered by the signed bytes.
- Which keys: ``GET /api/v1/eth1/publicKeys``, a list of public keys in hex.
- EIP-712 payloads: ``POST /api/v1/eth1/sign/<public key>`` with ``{"data": hex}``; the service signs the
  keccak-256 of the data. ``eth_sign`` is of no use here, since it prefixes what it signs.

The service is not trusted with what is signed, only with keeping the key: every answer is read back and
refused unless it is exactly what was asked for, signed by exactly this key.
"""

from __future__ import annotations

from typing import Final

import httpx2

from chain.errors import FatalChainError, FormatError
from chain.evm.blocks import parse_bytes
from chain.evm.errors import MalformedAnswer, NodeRefused, NodeUnreachable, SignerRefused
from chain.evm.transactions import TransactionFields, check_signed, public_address, recover_address
from chain.evm.transport import Json, Transport, parse_answer
from chain.hashing import keccak256
from chain.types import Address

_MAX_ANSWER: Final = 8 * 1024 * 1024
_TRY_AGAIN: Final = (429, 500, 502, 503, 504)


def find_remote_key(url: str, address: Address, *, timeout: float = 10.0) -> bytes:
    """Return the 64-byte public key of ``address`` among those that the service at ``url`` holds.

    The service need not be believed: the key is checked against the address. Raises SignerRefused where it
    lists no such key, NodeUnreachable where it does not answer, MalformedAnswer for any other answer.
    """
    name = "eth1/publicKeys"
    with httpx2.Client(base_url=url, timeout=timeout, trust_env=False, follow_redirects=False) as http:
        text = _read_bounded(http, "GET", "/api/v1/eth1/publicKeys", name, _MAX_ANSWER)
    listed = parse_answer(text, name)
    if not isinstance(listed, list):
        raise MalformedAnswer(name, "is no list of public keys")
    keys = (parse_bytes(key, name) for key in listed)
    # Some services show the byte 04 that marks an uncompressed point, some leave it out.
    for key in (key[1:] if len(key) == 65 and key[0] == 4 else key for key in keys):
        if len(key) == 64 and public_address(key) == address:
            return key
    raise SignerRefused(name, f"the service does not hold 0x{address.hex()}")


def _read_bounded(
    http: httpx2.Client, method: str, path: str, name: str, limit: int, content: object = None
) -> bytes:
    """Return the body of an answer. Raises NodeUnreachable, SignerRefused by status, MalformedAnswer."""
    try:
        with http.stream(method, path, json=content) as response:
            if response.status_code in _TRY_AGAIN:
                raise NodeUnreachable(name, f"HTTP status {response.status_code}")
            if response.status_code != 200:
                raise SignerRefused(name, f"HTTP status {response.status_code}")
            text = b""
            for part in response.iter_bytes():
                text += part
                if len(text) > limit:
                    raise MalformedAnswer(name, f"answer is above {limit} bytes")
    except httpx2.HTTPError as error:
        raise NodeUnreachable(name, type(error).__name__) from error
    return text


class RemoteSigner:
    """Signs through the service at ``url`` with the key whose 64-byte public key is given."""

    def __init__(self, url: str, public_key: bytes, *, timeout: float = 10.0) -> None:
        """Raises FormatError for a public key of another size. Does not connect."""
        if len(public_key) != 64:
            raise FormatError("public key", f"is {len(public_key)} bytes, wants 64")
        self.address: Address = public_address(public_key)
        self._transport = Transport(url, timeout=timeout, max_bytes=_MAX_ANSWER, attempts=1)
        self._http = httpx2.Client(base_url=url, timeout=timeout, trust_env=False, follow_redirects=False)
        self._path = f"/api/v1/eth1/sign/0x{public_key.hex()}"

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
        self._http.close()

    def sign_transaction(self, tx: TransactionFields) -> bytes:
        """Return the signed bytes, read back field by field.

        Raises SignerRefused, naming the field, where the service refuses or signed anything else, and
        TransientChainError where it does not answer.
        """
        try:
            answer = self._transport.call("eth_signTransaction", self._request(tx))
            raw = parse_bytes(answer, "eth_signTransaction")
        except NodeRefused as refused:
            raise SignerRefused(
                "eth_signTransaction", f"refused by the service ({refused.code})"
            ) from refused
        check_signed(raw, tx, self.address)
        return raw

    def _request(self, tx: TransactionFields) -> dict[str, Json]:
        request: dict[str, Json] = {
            "from": "0x" + self.address.hex(),
            "gas": hex(tx.gas),
            "nonce": hex(tx.nonce),
            "value": hex(tx.value),
            "data": "0x" + tx.data.hex(),
            "chainId": hex(tx.chain_id),
        }
        if tx.to is not None:
            request["to"] = "0x" + tx.to.hex()
        if tx.max_fee_per_gas is None:
            request["gasPrice"] = hex(tx.gas_price)
        else:
            request["maxFeePerGas"] = hex(tx.max_fee_per_gas)
            request["maxPriorityFeePerGas"] = hex(tx.max_priority_fee_per_gas)
        return request

    def sign_payload(self, payload: bytes) -> bytes:
        """Return r, s, v over the keccak-256 of ``payload``, checked against this key. Raises as above."""
        signature = self._ask(payload)
        try:
            signer = recover_address(keccak256(payload), signature)
        except FormatError as error:
            raise SignerRefused("signature", error.reason) from error
        if signer != self.address:
            raise SignerRefused("sender", "is another account")
        return signature

    def _ask(self, payload: bytes) -> bytes:
        name, content = "eth1/sign", {"data": "0x" + payload.hex()}
        text = _read_bounded(self._http, "POST", self._path, name, 1024, content)
        return parse_bytes(text.decode("ascii", "replace").strip(), name)

    def sign_digest(self, digest: bytes) -> bytes:
        """Raise SignerRefused always: the service hashes by itself, so it must see the payload."""
        raise SignerRefused("digest", "a remote signer hashes by itself: use sign_payload")

    def check(self) -> None:
        """Raise FatalChainError unless the service says that it holds this key (``eth_accounts``)."""
        accounts = self._transport.call("eth_accounts")
        named = [a.lower() for a in accounts if isinstance(a, str)] if isinstance(accounts, list) else []
        if "0x" + self.address.hex() not in named:
            raise FatalChainError(f"signer: the service does not hold 0x{self.address.hex()}")
