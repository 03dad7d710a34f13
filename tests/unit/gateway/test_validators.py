"""TONGYI_VALIDATORS: which seals a gateway's first trust root asks for."""

from __future__ import annotations

import pytest

from chain.errors import FormatError
from chain.evm.deployment import DeployedContract, Deployment
from chain.hashing import keccak256
from chain.trust_root import CONTRACTS, Requirements, SignerSet, format_trust_root, parse_trust_root
from chain.types import Address, BlockNumber, Digest
from gateway.bootstrap import DEVELOPMENT, development_root
from gateway.validators import NAME, least_depth, parse_validators
from tests.reference.bundle_maker import LOG_VKEY, ORIGIN

LOW, HIGH = "0x" + "0a" * 20, "0x" + "Bc" * 20


class Identity:
    """What a trust root takes of a log's identity."""

    origin = ORIGIN
    vkey = LOG_VKEY


def deployment() -> Deployment:
    contracts = {
        name: DeployedContract(
            Address(keccak256(name.encode())[:20]), keccak256(name.encode()), BlockNumber(3)
        )
        for name in CONTRACTS
    }
    return Deployment(20262, Digest(keccak256(b"block 0")), contracts)


@pytest.mark.parametrize("text", ["", "  "])
def test_nobody_is_named(text: str) -> None:
    assert parse_validators(text) == SignerSet("none", (), BlockNumber(0), None)


@pytest.mark.parametrize("kind", ["clique", "qbft"])
def test_a_kind_and_addresses_give_a_set_in_ascending_order(kind: str) -> None:
    found = parse_validators(f" {kind}:{HIGH}, {LOW} ")
    assert found == SignerSet(kind, (Address(b"\x0a" * 20), Address(b"\xbc" * 20)), BlockNumber(0), None)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (LOW, "does not begin with one of clique, qbft and a colon"),
        (f"none:{LOW}", "does not begin with one of clique, qbft and a colon"),
        (f"ibft:{LOW}", "does not begin with one of clique, qbft and a colon"),
        ("clique:", "an address is not 0x and 40 hex digits"),
        (f"clique:{LOW},", "an address is not 0x and 40 hex digits"),
        (f"clique:{LOW[:-1]}", "an address is not 0x and 40 hex digits"),
        (f"clique:{LOW[:-1]}g", "an address is not 0x and 40 hex digits"),
        (f"clique:{'00' * 21}", "an address is not 0x and 40 hex digits"),
        (f"clique:{LOW},{LOW.upper().replace('X', 'x')}", "names a validator twice"),
    ],
)
def test_anything_else_is_refused(text: str, detail: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_validators(text)
    assert str(caught.value) == f"TONGYI_VALIDATORS: {detail}"


@pytest.mark.parametrize(("count", "depth"), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (7, 3), (21, 10)])
def test_a_quorum_of_clique_signers_needs_blocks_after_the_first(count: int, depth: int) -> None:
    addresses = tuple(Address(bytes([n]) * 20) for n in range(1, count + 1))
    assert least_depth(SignerSet("clique", addresses, BlockNumber(0), None)) == depth
    assert least_depth(SignerSet("qbft", addresses, BlockNumber(0), None)) == 0


def test_the_first_trust_root_asks_for_their_seals() -> None:
    signers = parse_validators("clique:" + ",".join(f"0x{n:040x}" for n in range(1, 10)))
    root = development_root(Identity, deployment(), 2, signers=signers)  # type: ignore[arg-type]
    assert root.name == NAME
    assert root.chains[0].signers == (signers,)
    # Nine validators: five distinct signers, so four blocks on top even where two were asked for.
    assert root.required == Requirements(True, True, "clique", 4, 0)
    assert parse_trust_root(format_trust_root(root)) == root
    deeper = development_root(Identity, deployment(), 9, signers=signers)  # type: ignore[arg-type]
    assert deeper.required.depth == 9


def test_without_them_it_stays_the_development_root() -> None:
    root = development_root(Identity, deployment(), 2)  # type: ignore[arg-type]
    assert (root.name, root.required) == (DEVELOPMENT, Requirements(True, True, "none", 2, 0))
    assert [item.kind for item in root.chains[0].signers] == ["none"]
