"""EIP-712 digests against eth_account, and the type strings against FORMATS.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from chain import typed_data
from chain.errors import FormatError
from chain.types import Address, Digest, NodeHash, TreeSize

FORMATS = (Path(typed_data.__file__).parent / "FORMATS.md").read_text()
ADDRESS = st.binary(min_size=20, max_size=20).map(Address)
HASH = st.binary(min_size=32, max_size=32)
PLACE = typed_data.Place(1, Digest(bytes(32)), Address(bytes(20)))
CHAIN_ID = st.integers(1, 2**64)


def test_type_strings_and_names_stand_in_the_formats() -> None:
    section = FORMATS.partition("## 4. EIP-712")[2].partition("## 5.")[0]
    assert f"`{typed_data.DOMAIN_TYPE}`, version `{typed_data.DOMAIN_VERSION}`" in section
    assert f"| TimeCredit | `{typed_data.CREDIT_DOMAIN}` | `{typed_data.AUTHORIZATION_TYPE}` |" in section
    assert f"| LogAnchor | `{typed_data.ANCHOR_DOMAIN}` | `{typed_data.ANCHOR_TYPE}` |" in section


@settings(max_examples=50, deadline=None)
@given(CHAIN_ID, HASH, ADDRESS, HASH, st.integers(0, 2**64 - 1), HASH)
def test_anchor_digest_agrees_with_eth_account(
    chain_id: int, genesis: bytes, contract: Address, log_id: bytes, size: int, root: bytes
) -> None:
    types = {"Anchor": fields(typed_data.ANCHOR_TYPE)}
    message = {"logId": log_id, "size": size, "root": root}
    want = encode_typed_data(domain(typed_data.ANCHOR_DOMAIN, chain_id, genesis, contract), types, message)
    got = typed_data.anchor_digest(
        typed_data.Place(chain_id, Digest(genesis), contract), log_id, TreeSize(size), NodeHash(root)
    )
    assert got == _hash_eip191_message(want)


@settings(max_examples=50, deadline=None)
@given(
    CHAIN_ID,
    HASH,
    ADDRESS,
    st.integers(0, 255),
    ADDRESS,
    ADDRESS,
    st.integers(0, 2**128 - 1),
    HASH,
    st.integers(0, 2**64 - 1),
)
def test_authorization_digest_agrees_with_eth_account(
    chain_id: int,
    genesis: bytes,
    contract: Address,
    kind: int,
    sender: Address,
    receiver: Address,
    amount: int,
    nonce: bytes,
    before: int,
) -> None:
    types = {"TransferAuthorization": fields(typed_data.AUTHORIZATION_TYPE)}
    message = {
        "kind": kind,
        "from": "0x" + sender.hex(),
        "to": "0x" + receiver.hex(),
        "amount": amount,
        "nonce": nonce,
        "validBefore": before,
    }
    want = encode_typed_data(domain(typed_data.CREDIT_DOMAIN, chain_id, genesis, contract), types, message)
    got = typed_data.authorization_digest(
        typed_data.Place(chain_id, Digest(genesis), contract),
        kind=kind,
        sender=sender,
        receiver=receiver,
        amount=amount,
        nonce=nonce,
        valid_before=before,
    )
    assert got == _hash_eip191_message(want)


def fields(type_string: str) -> list[dict[str, str]]:
    """Return the members of a type string as eth_account wants them."""
    members = type_string.partition("(")[2].rstrip(")").split(",")
    return [{"type": member.split(" ")[0], "name": member.split(" ")[1]} for member in members]


def domain(name: str, chain_id: int, genesis: bytes, contract: Address) -> dict[str, object]:
    return {
        "name": name,
        "version": "1",
        "chainId": chain_id,
        "verifyingContract": "0x" + contract.hex(),
        "salt": genesis,
    }


@pytest.mark.parametrize(
    ("size", "root", "where"), [(2**64, bytes(32), "size"), (-1, bytes(32), "size"), (1, bytes(31), "root")]
)
def test_values_that_do_not_fit_are_refused(size: int, root: bytes, where: str) -> None:
    with pytest.raises(FormatError) as error:
        typed_data.anchor_payload(PLACE, bytes(32), TreeSize(size), NodeHash(root))
    assert error.value.where == where


def test_payload_is_66_bytes_with_the_prefix() -> None:
    payload = typed_data.anchor_payload(PLACE, bytes(32), TreeSize(1), NodeHash(bytes(32)))
    assert len(payload) == 66 and payload[:2] == b"\x19\x01"
