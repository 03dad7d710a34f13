"""The remote signer against a service in a process of its own, honest and lying."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import coincurve
import pytest

from chain.errors import ChainError, FatalChainError, FormatError, TransientChainError
from chain.evm.errors import MalformedAnswer, NodeUnreachable, SignerRefused
from chain.evm.signers.base import LocalKey, Signer
from chain.evm.signers.remote import RemoteSigner, find_remote_key
from chain.evm.transactions import TransactionFields, recover_address
from chain.hashing import keccak256
from chain.typed_data import Place, anchor_payload
from chain.types import Address, Digest, NodeHash, TreeSize
from tests.integration.signer_kit import running_signer

SECRET = keccak256(b"kept by the service")
KEY = LocalKey(SECRET)
PUBLIC = coincurve.PrivateKey(SECRET).public_key.format(compressed=False)[1:]
LEGACY = TransactionFields(20261, 3, 90_000, Address(b"\x11" * 20), b"call", gas_price=4)
FEE_MARKET = dataclasses.replace(LEGACY, gas_price=0, max_fee_per_gas=9, max_priority_fee_per_gas=1)
PAYLOAD = anchor_payload(
    Place(20261, Digest(b"\x11" * 32), Address(b"\x22" * 20)), bytes(32), TreeSize(5), NodeHash(bytes(32))
)


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """Run the service; give its address, below which each path is a way to behave."""
    with running_signer(SECRET) as url:
        yield url


@contextmanager
def service(base: str, fault: str = "honest", public: bytes = PUBLIC) -> Iterator[RemoteSigner]:
    """Give a signer that uses the service as it behaves with ``fault``."""
    signer = RemoteSigner(f"{base}/{fault}", public)
    try:
        yield signer
    finally:
        signer.close()


def test_honest_service_signs_what_a_local_key_signs(base: str) -> None:
    creation = dataclasses.replace(LEGACY, to=None)
    with service(base) as remote:
        signer: Signer = remote
        remote.check()
        assert signer.address == KEY.address
        for tx in (LEGACY, FEE_MARKET, creation):
            assert signer.sign_transaction(tx) == KEY.sign_transaction(tx)
        assert signer.sign_payload(PAYLOAD) == KEY.sign_payload(PAYLOAD)
        assert recover_address(keccak256(PAYLOAD), signer.sign_payload(PAYLOAD)) == KEY.address
        with pytest.raises(SignerRefused) as refused:
            signer.sign_digest(keccak256(PAYLOAD))
        assert refused.value.field == "digest"


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ("nonce", "nonce"),
        ("gas", "gas"),
        ("to", "to"),
        ("data", "data"),
        ("value", "value"),
        ("gasPrice", "gas_price"),
        ("chainId", "chain_id"),
        ("key", "sender"),
        ("garbage", "raw"),
        ("error", "eth_signTransaction"),
    ],
)
def test_service_that_signs_something_else_is_refused_by_the_field(base: str, fault: str, field: str) -> None:
    with service(base, fault) as remote, pytest.raises(SignerRefused) as refused:
        remote.sign_transaction(LEGACY)
    assert refused.value.field == field
    assert SECRET.hex() not in str(refused.value)


@pytest.mark.parametrize(
    ("fault", "field"), [("high-s", "signature"), ("key", "sender"), ("error", "eth1/sign")]
)
def test_data_signature_that_is_not_this_keys_is_refused(base: str, fault: str, field: str) -> None:
    with service(base, fault) as remote, pytest.raises(SignerRefused) as refused:
        remote.sign_payload(PAYLOAD)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("fault", "transaction_error", "payload_error"),
    [
        ("status", NodeUnreachable, NodeUnreachable),
        ("redirect", FatalChainError, SignerRefused),
        ("huge", MalformedAnswer, MalformedAnswer),
    ],
)
def test_service_that_misbehaves_gives_typed_errors(
    base: str, fault: str, transaction_error: type[ChainError], payload_error: type[ChainError]
) -> None:
    with service(base, fault) as remote:
        with pytest.raises(transaction_error):
            remote.sign_transaction(LEGACY)
        with pytest.raises(payload_error):
            remote.sign_payload(PAYLOAD)


def test_service_without_this_key_is_refused(base: str) -> None:
    other = coincurve.PrivateKey(keccak256(b"nobody's")).public_key.format(compressed=False)[1:]
    with service(base, public=other) as remote:
        with pytest.raises(FatalChainError, match="does not hold"):
            remote.check()
        with pytest.raises(SignerRefused) as refused:
            remote.sign_transaction(LEGACY)
        assert refused.value.field == "eth_signTransaction"
        with pytest.raises(SignerRefused) as refused:
            remote.sign_payload(PAYLOAD)
        assert refused.value.field == "eth1/sign"


def test_public_key_is_found_by_its_address(base: str) -> None:
    assert find_remote_key(f"{base}/honest", KEY.address) == PUBLIC
    with pytest.raises(SignerRefused, match="does not hold 0x" + "33" * 20):
        find_remote_key(f"{base}/honest", Address(b"\x33" * 20))


@pytest.mark.parametrize(
    ("fault", "error"), [("error", SignerRefused), ("garbage", MalformedAnswer), ("status", NodeUnreachable)]
)
def test_service_that_lists_no_keys_is_refused(base: str, fault: str, error: type[ChainError]) -> None:
    with pytest.raises(error):
        find_remote_key(f"{base}/{fault}", KEY.address)


def test_service_that_is_away_may_be_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = RemoteSigner(f"http://127.0.0.1:{taken.getsockname()[1]}", PUBLIC)
        for attempt in (lambda: away.sign_transaction(LEGACY), lambda: away.sign_payload(PAYLOAD)):
            with pytest.raises(TransientChainError):
                attempt()
        away.close()


def test_public_key_of_another_size_is_refused() -> None:
    with pytest.raises(FormatError) as error:
        RemoteSigner("http://127.0.0.1:9", PUBLIC[:-1])
    assert error.value.where == "public key"
